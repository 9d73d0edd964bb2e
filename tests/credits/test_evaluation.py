"""Worked examples through `xuefen credits evaluate`, and histories through the simulation of the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import func, select

from services.credits.models import LedgerLine
from shared.case_check import CaseFileError, evaluate_file
from shared.cli import cli
from shared.service import Runtime
from tests.credits.make import bearer, teacher

DATA = Path(__file__).parent.parent / "data"
PATH = "/credits/api/v1/simulations"
EVENT = {"id": "e1", "date": "2020-07-10", "type": "training", "level": "county", "mode": "online", "hours": "60"}


@pytest.mark.parametrize("name", ["policy_cases.yaml", "more_cases.yaml"])
def test_every_worked_example_comes_out_as_expected(name: str) -> None:
    found, differences = evaluate_file(DATA / name)
    assert differences == []
    assert len(found) == len(yaml.safe_load((DATA / name).read_text("utf-8"))["cases"])
    assert not [case for case in found if "error" in case or "ignored" in case]


def test_the_command_prints_json_and_exits_by_what_differs(tmp_path: Path) -> None:
    case = {"id": "c", "events": [EVENT], "expected": {"credits": {"coordinated": 3}, "flags": []}}
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"cases": [case]}), "utf-8")
    good = CliRunner().invoke(cli, ["credits", "evaluate", str(file), "--check"])
    assert (good.exit_code, json.loads(good.stdout)["cases"][0]["per_event"]) == (1, {"e1": 3.0})
    assert "flags：应为 []" in good.stderr  # short of national and provincial places: the mark of P-12
    case["expected"] = {"credits": {"coordinated": 4}, "status": "not_met", "flags": ["PENDING_POLICY_P-12"]}
    file.write_text(yaml.safe_dump({"cases": [case]}), "utf-8")
    bad = CliRunner().invoke(cli, ["credits", "evaluate", str(file), "--check"])
    assert bad.exit_code == 1
    assert "c：credits.coordinated：应为 4，实为 3.0" in bad.stderr
    assert CliRunner().invoke(cli, ["credits", "evaluate", str(file)]).exit_code == 0


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"hours": -5}, "events.0.hours：学时须在 0 到 10000 之间。"),
        ({"type": "dancing"}, "没有类别“dancing”"),
        ({"date": None, "school_year": "2019"}, "学年应写作 2019-2020"),
        ({"date": "2020-13-40"}, "日期格式有误"),
        ({"level": "galactic"}, "应为 national"),
        ({"school_year": "2020-2021"}, "events.e1.school_year：日期 2020-07-10 属于 2019-2020 学年"),
    ],
)
def test_a_case_that_says_nonsense_is_told_by_its_field(tmp_path: Path, event: dict[str, Any], sentence: str) -> None:
    changed = {key: value for key, value in {**EVENT, **event}.items() if value is not None}
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"cases": [{"id": "c", "events": [changed]}]}), "utf-8")
    found, differences = evaluate_file(file)
    assert sentence in found[0]["error"]
    assert differences == [f"c：{found[0]['error']}"]


def test_a_misspelt_word_of_a_case_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"cases": [{"id": "c", "events": [{**EVENT, "hourz": 3}]}]}), "utf-8")
    assert evaluate_file(file)[0][0]["ignored"] == ["events.e1.hourz"]


@pytest.mark.parametrize("content", ["cases: 3", "- 1", "a: [", "cases: [1]"])
def test_what_is_no_list_of_cases_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "cases.yaml").write_text(content, "utf-8")
    with pytest.raises(CaseFileError, match=r"cases\.yaml"):
        evaluate_file(tmp_path / "cases.yaml")


def test_a_simulation_explains_and_stores_nothing(client: FlaskClient, run: Runtime) -> None:
    body = {"teacher": {"kind": "in_service"}, "events": [EVENT]}
    answer = client.post(PATH, json=body, headers=bearer(run, teacher(1)))
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert answer.json["credits"] == {"coordinated": "3.0", "self_organized": "0.0"}
    assert answer.json["shortfall"] == {"coordinated": "23.0", "self_organized": "10.0"}
    assert answer.json["cycle"]["start"] == "2018-09-01"
    (line,) = answer.json["explanation"]
    assert line["sentence"].startswith("网络 60 学时 ÷ 20 = 3.0，计入统筹；规则：2018 试行")
    with run.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(LedgerLine)) == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": [{**EVENT, "hours": "1e9"}]}, "events.0.hours"),
        ({"events": [{**EVENT, "hourz": 3}]}, "events.0.hourz"),
        ({"events": [{**EVENT, "hours": "0.001"}]}, "events.0.hours"),
        ({"events": [{**EVENT, "given_credits": "0.005"}]}, "events.0.given_credits"),
        ({"events": [EVENT, EVENT]}, "events.1.id"),
        (
            {
                "events": [{**EVENT, "id": "audit-1"}],
                "project": {"category": "county_training"},
                "steps": [{"do": "audit_results"}],
            },
            "events.0.id",
        ),
        ({"events": [{**EVENT, "school_year": "2020-2021"}]}, "events.e1.school_year"),
        ({"events": [{key: EVENT[key] for key in ("id", "type", "hours")}]}, "events.0.date"),
        ({"edition": "jx-2099"}, "edition"),
        ({"edition": "jx-revised"}, "cycle"),
        ({"cycle": {"start": "2020-01-01", "end": "2019-01-01"}}, "cycle.end"),
        ({"cycle": {"start": "1950-01-01", "end": "2100-12-31"}}, "cycle.end"),
        ({"cycle": {"start": "0001-01-01", "end": "0005-12-31"}}, "cycle.start"),
        ({"cycle": {"start": "2020-02-29", "end": "2025-02-28"}}, "cycle.start"),
        ({"events": [{**EVENT, "school_year": "9999-10000"}]}, "events.0.school_year"),
        ({"events": [{**EVENT, "plan_hours_per_credit": "1e400"}]}, "events.0.plan_hours_per_credit"),
        ({"project": {"category": "zzz"}, "steps": []}, "project.category"),
        (
            {"project": {"category": "county_training"}, "steps": [{"do": "enter_result", "hours": "1e30"}]},
            "steps.0.hours",
        ),
    ],
)
def test_a_simulation_of_nonsense_names_the_field(
    client: FlaskClient, run: Runtime, body: dict[str, Any], field: str
) -> None:
    answer = client.post(PATH, json=body, headers=bearer(run, teacher(1)))
    assert answer.status_code == 422
    assert field in answer.text.replace('"', ""), answer.text


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("1999-01-01", "早于首个周期（自 2018-09-01 起），不在任何周期之内"),
        ("2023-09-01", "不在本周期（2018-09-01 至 2023-08-31）之内"),
    ],
)
def test_a_simulation_says_why_what_lies_outside_the_cycle_gives_nothing(
    client: FlaskClient, run: Runtime, day: str, words: str
) -> None:
    body = {"events": [{**EVENT, "id": "e0", "date": day}, EVENT]}
    answer = client.post(PATH, json=body, headers=bearer(run, teacher(1)))
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert answer.json["per_event"] == {"e0": "0.0", "e1": "3.0"}
    outside = answer.json["explanation"][0]
    assert outside["event"] == "e0"
    for part in ("日期（date）", day, words, "R-01"):
        assert part in outside["not_counted_because"]


def test_a_simulation_is_for_who_is_signed_in(client: FlaskClient) -> None:
    assert client.post(PATH, json={"events": []}).status_code == 401
