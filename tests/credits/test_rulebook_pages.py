"""The pages and the API of rule changes and of pending policy, as the provincial office uses them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.credits.rulebook import operations
from shared.actors import Actor
from shared.database import Database, new_id
from shared.service import Runtime
from tests.credits.changing import DOCUMENT, LOWER, TRIAL, province, run_jobs
from tests.credits.make import admin, audited, bearer, cookie, deliver, register_people, result, teacher
from tests.credits.test_api import get
from tests.credits.test_pages import show

API = "/credits/api/v1"
HEAD = {
    "title": "2018 试行（2026 年调整）",
    "document": DOCUMENT,
    "effective_from": "2026-11-24",
    "reach": "current_cycle",
    "reason": "试行一年后调整",
}


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    """Pages look the same on either database."""
    from tests.credits.conftest import fresh_database

    with fresh_database(request.param, tmp_path) as made:
        yield made


def post(client: FlaskClient, run: Runtime, actor: Actor, path: str, form: dict[str, str]) -> Any:
    """Sends a form of the page at `path`'s draft, with its guards."""
    client.set_cookie(*cookie(run, actor))
    page = client.get("/credits/rulebook").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(f"/credits/rulebook/editions/{TRIAL}").text)
    assert token, page
    return client.post(path, data={"csrf_token": token[1], "idempotency_key": new_id(), **form})


def as_shown(page: str) -> dict[str, str]:
    """What a form holds."""
    from html import unescape

    fields = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="radio"' not in tag and 'type="checkbox"' not in tag:
            fields[unescape(name[1])] = unescape(value[1]) if value else ""
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, flags=re.S):
        chosen = re.search(r'value="([^"]*)" selected', body)
        fields[unescape(name)] = unescape(chosen[1]) if chosen else ""
    return {name: value for name, value in fields.items() if name not in ("csrf_token", "idempotency_key")}


def test_n5_the_office_copies_changes_previews_and_publishes_on_its_pages(
    client: FlaskClient, run: Runtime, database: Database
) -> None:
    register_people(database, 1)
    deliver(database, audited(result(), audit_id="a1"))
    assert "2018 试行" in show(client, run, province(), "/credits/rulebook")
    assert "听课一学年满" in show(client, run, province(), f"/credits/rulebook/editions/{TRIAL}")
    made = post(client, run, province(), f"/credits/rulebook/editions/{TRIAL}/copy", {})
    address = made.headers["Location"]
    form = as_shown(client.get(address).text) | HEAD
    assert form["minimums.coordinated.value"] == "26"
    form |= {"minimums.coordinated.value": "5", "minimums.self_organized.value": "nix", "reason": "为什么要改"}
    wrong = post(client, run, province(), address, form)
    assert wrong.status_code == 422
    assert "仍是原数值的依据" in wrong.text
    assert "应为数字" in wrong.text
    assert 'value="nix"' in wrong.text, "nothing typed is lost"
    assert "为什么要改" in wrong.text
    form |= {f"{key}.{part}": figure[part] for key, figure in LOWER.items() for part in figure}
    form |= {"minimums.self_organized.value": "0", "minimums.total.value": "5"}
    assert post(client, run, province(), address, form).status_code == 303
    overtaken = post(client, run, province("省厅乙"), address, form)
    assert overtaken.status_code == 409
    assert "省厅甲" in overtaken.text

    version = {"version": "2"}
    assert "还没有预览" in post(client, run, province(), f"{address}/publication", version).text
    assert post(client, run, province(), f"{address}/preview", version).status_code == 303
    run_jobs(database, operations.PREVIEW_JOB)
    text = show(client, run, province(), address)
    assert re.search(r"合计 1 1 0 0 0", text), text
    people = show(client, run, province(), f"{address}/people?change=met")
    assert "教师1 360102********001X 城南小学 进行中 统筹 6.0，自主 0.0 已达标" in people
    assert "统筹 6.0，自主 0.0" in show(client, run, province(), f"{address}/people")
    before = show(client, run, teacher(1), "/credits/mine")
    assert "统筹培训 6.0 / 26.0" in before

    published = post(client, run, province("省厅乙"), f"{address}/publication", version)
    assert published.status_code == 303
    text = show(client, run, province(), published.headers["Location"])
    for words in (DOCUMENT, "起草 省厅甲", "江西省教育厅 · 省厅乙", "最低要求 · 统筹培训每周期 26 学分 5 学分"):
        assert words in text
    again = post(client, run, province(), f"{address}/publication", version)
    assert again.headers["Location"] == published.headers["Location"]
    after = show(client, run, teacher(1), "/credits/mine")
    assert "统筹培训 6.0 / 5.0" in after
    assert f"规则：2018 试行（2026 年调整）（{DOCUMENT}）" in after
    assert not re.search(r"current_cycle|in_progress|minimums|None|FAQ-Q|YUJIANG|I-\d", text + people)


def test_n5_nobody_else_reaches_the_pages(client: FlaskClient, run: Runtime, database: Database) -> None:
    register_people(database, 1)
    show(client, run, admin(), "/credits/rulebook", 403)
    show(client, run, admin(), f"/credits/rulebook/editions/{TRIAL}", 403)
    show(client, run, teacher(1), "/credits/rulebook", 403)
    assert client.get(f"{API}/rulebook/editions", headers=bearer(run, admin())).status_code == 403
    assert "学分规则" not in show(client, run, admin(), "/credits/teachers")
    assert "学分规则" in show(client, run, province(), "/credits/teachers")


def test_n5_a_program_does_the_same(client: FlaskClient, run: Runtime, database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(result(), audit_id="a1"))
    who = bearer(run, province())

    def call(method: str, path: str, body: Any = None, version: int | None = None, status: int = 200) -> Any:
        headers = who | {"Idempotency-Key": new_id()} | ({"If-Match": f'"{version}"'} if version else {})
        answer = client.open(f"{API}/rulebook{path}", method=method, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json

    figures = {one["key"]: one for one in call("GET", f"/editions/{TRIAL}")["figures"]}
    assert figures["minimums.coordinated"]["value"] == "26"
    assert figures["awards.degree_upgrade.any.master"]["value"] is None
    draft = call("POST", "/drafts", {"edition": TRIAL}, status=201)
    award = {"awards.degree_upgrade.any.master": {"value": "5", "grade": "A", "source": DOCUMENT}}
    path = f"/drafts/{draft['id']}"
    draft = call("PUT", path, HEAD | {"figures": award}, 1)
    assert call("GET", "/drafts")["items"][0]["version"] == 2
    call("POST", f"{path}/publication", {}, 2, 409)
    call("POST", f"{path}/preview", {}, 2, 202)
    run_jobs(database, operations.PREVIEW_JOB)
    assert call("GET", path)["preview"]["total"]["people"] == 1
    assert call("GET", f"{path}/preview/people")["items"] == []
    published = call("POST", f"{path}/publication", {}, 2)
    assert published["changes"][0]["title"] == "冲抵与认定 · 学历提升 硕士"
    assert call("POST", f"{path}/publication", {}, 2)["id"] == published["id"]
    call("DELETE", path, None, 2, 409)
    event = {"id": "d", "type": "degree", "date": "2026-10-01", "rank": "master"}
    history = {
        "edition": published["id"],
        "teacher": {"kind": "in_service"},
        "events": [event],
        "cycle": {"start": "2023-09-01", "end": "2028-08-31"},
    }
    told = client.post(f"{API}/simulations", json=history, headers=who)
    assert told.status_code == 200, told.text
    assert (told.json or {})["credits"]["coordinated"] == "5.0", "a published edition may be named by its id"


def test_n19_the_register_and_a_decision_on_its_page(client: FlaskClient, run: Runtime, database: Database) -> None:
    register_people(database, 1, kind="education_authority_staff")
    text = show(client, run, admin(), "/credits/pending")
    assert "教育行政部门持证人员" in text
    assert "P-20" not in text
    page = show(client, run, admin(), "/credits/pending/P-20")
    assert "教师1" in page
    assert "登记省厅的意见" not in page
    show(client, run, admin(), "/credits/pending/P-99", 404)
    form = {"document": "", "text": "照一般规定执行", "effective_on": "2026-11-24", "ends_interim": "yes"}
    wrong = post(client, run, province(), "/credits/pending/P-20", form)
    assert wrong.status_code == 422
    assert "照一般规定执行" in wrong.text
    done = post(client, run, province(), "/credits/pending/P-20", form | {"document": DOCUMENT})
    assert done.status_code == 303, done.text
    assert DOCUMENT in show(client, run, admin(), "/credits/pending/P-20")
    assert f"省厅已明确：照一般规定执行（{DOCUMENT}）" in show(client, run, teacher(1), "/credits/mine")
    found = get(client, run, admin(), "/pending-policies")["items"]
    assert {one["id"]: one["decision"] is not None for one in found}["P-20"]
    listed = get(client, run, admin(), "/pending-policies/P-20/teachers")["items"]
    assert [one["person_id"] for one in listed] == ["person-1"]
    again = {"document": DOCUMENT, "text": "再次", "effective_on": "2026-11-24", "ends_interim": True}
    headers = bearer(run, province()) | {"Idempotency-Key": new_id()}
    assert client.post(f"{API}/pending-policies/P-20/decision", json=again, headers=headers).status_code == 409
