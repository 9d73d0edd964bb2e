"""What a request may carry and what a list may tell: nothing unknown goes in, no private draft comes out."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.plans import builders as make
from tests.plans.conftest import Caller
from tests.plans.test_api import BODY, PROJECT, As, sheet, submitted
from tests.plans.test_pages import Browser, browser  # noqa: F401  a fixture

DATA = Path(__file__).parent.parent / "data"
SECRET = {**BODY, "title": "尚未报送的秘密草稿", "school_year": "2025-2026", "items": []}


def returned_and_changed(call_as: As) -> tuple[dict[str, Any], Caller, Caller]:
    """A plan that the county has returned and the school has changed since."""
    school, county = call_as("school.qingfeng"), call_as("county.donghu")
    plan = submitted(call_as)
    decision = {"verdict": "return", "points": [{"section": "items", "field": "items.0.hours", "text": "请核对"}]}
    plan = county("POST", f"/plans/{plan['id']}/decisions", version=plan["version"], json=decision).json
    changed = school("PUT", f"/plans/{plan['id']}", version=plan["version"], json=SECRET)
    assert changed.status_code == 200, changed.json
    return dict(plan), school, county


def test_a_list_shows_what_the_plan_shows(call_as: As) -> None:
    """A returned plan is the school's own draft again; everybody else goes on seeing what was submitted."""
    plan, school, county = returned_and_changed(call_as)
    for who, title, year, other in (
        (county, BODY["title"], make.YEAR, "2025-2026"),
        (school, SECRET["title"], "2025-2026", make.YEAR),
    ):
        detail = who("GET", f"/plans/{plan['id']}").json
        (row,) = who("GET", "/plans").json["items"]
        assert {name: row[name] for name in ("title", "school_year", "totals", "digest", "round", "status")} == {
            name: detail[name] for name in ("title", "school_year", "totals", "digest", "round", "status")
        }
        assert (row["title"], row["school_year"]) == (title, year)
        assert [p["id"] for p in who("GET", f"/plans?school_year={year}").json["items"]] == [plan["id"]]
        assert who("GET", f"/plans?school_year={other}").json["items"] == []


def test_the_area_tab_shows_what_was_submitted(call_as: As, browser: Browser) -> None:  # noqa: F811
    returned_and_changed(call_as)
    page = browser.sign_in("county.donghu").see("/queue?tab=area")
    assert BODY["title"] in page
    assert SECRET["title"] not in page
    # Apart from the filter, which offers every year.
    assert "2025-2026" not in re.sub(r"<option.*?</option>", "", page)
    assert SECRET["title"] in browser.sign_in("school.qingfeng").see("/mine")


@pytest.mark.parametrize("act", ["submit", "withdraw", "abandon"])
def test_an_act_without_a_body_refuses_one_with_fields(call_as: As, act: str) -> None:
    school = call_as("school.qingfeng")
    plan = school("POST", "/plans", json=BODY).json
    answer = school("POST", f"/plans/{plan['id']}/{act}", version=plan["version"], json={"opinion": "x"})
    assert (answer.status_code, [e["field"] for e in answer.json["errors"]]) == (422, ["opinion"])
    assert school("GET", f"/plans/{plan['id']}").json["status"] == "draft"


def test_beside_a_file_nothing_is_taken(call_as: As) -> None:
    school, county = call_as("school.qingfeng"), call_as("county.donghu")
    plan = school("POST", "/plans", json=BODY).json
    project = county("POST", "/projects", json=PROJECT).json
    pdf = (DATA / "plan.pdf").read_bytes()
    for who, path, file in (
        (school, f"/plans/{plan['id']}/attachments", lambda: {"file": (io.BytesIO(pdf), "a.pdf")}),
        (county, f"/projects/{project['id']}/roster", lambda: sheet(make.roster_rows(1))),
    ):
        for extra in ({"colour": "red"}, {"second": (io.BytesIO(pdf), "b.pdf")}):
            answer = who("POST", path, data={**file(), **extra})
            assert (answer.status_code, [e["field"] for e in answer.json["errors"]]) == (422, list(extra))


@pytest.mark.parametrize("title", ["    ", "\u3000\u3000", "方案\u202e案方", "方案\u200b\u200b", "第一行\n第二行"])
def test_titles_are_words_that_one_can_see(call_as: As, title: str) -> None:
    school, county = call_as("school.qingfeng"), call_as("county.donghu")
    for who, path, body, field in (
        (school, "/plans", {**BODY, "title": title}, "title"),
        (school, "/plans", {**BODY, "items": [{**BODY["items"][0], "title": title}]}, "items.0.title"),
        (county, "/projects", {**PROJECT, "title": title}, "title"),
    ):
        answer = who("POST", path, json=body)
        assert (answer.status_code, [e["field"] for e in answer.json["errors"]]) == (422, [field])
    assert school("POST", "/plans", json={**BODY, "title": "  校本研修方案 "}).json["title"] == "校本研修方案"
