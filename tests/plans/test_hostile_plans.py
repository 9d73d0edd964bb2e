"""What bad input gets (issue: a sentence that says what to do next), and hostile input: never an error of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plans import builders as make
from tests.plans.test_api import BODY, As, submitted

LONG = "长" * 5000
STRANGE = [
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202e倒",
    "\u200b",
    "'; DROP TABLE plans; --",
    "{{7*7}}",
    "<script>alert(1)</script>",
]
POINT = {"section": "items", "field": "items.0.hours", "text": "学时有误。"}


def test_what_the_issue_lists(call_as: As) -> None:
    school, county = call_as("school.qingfeng"), call_as("county.donghu")
    plan = submitted(call_as)
    path = f"/plans/{plan['id']}"

    def refused(who: Any, method: str, address: str, status: int, words: str, **options: Any) -> None:
        answer = who(method, address, **options)
        assert (answer.status_code, words in answer.text) == (status, True), answer.json

    now = plan["version"]
    bare = {"verdict": "return", "opinion": "请修改"}
    refused(county, "POST", path + "/decisions", 422, "至少列出一条修改意见", version=now, json=bare)
    refused(county, "POST", path + "/decisions", 422, "须写明理由", version=now, json={"verdict": "refuse"})
    back = county("POST", path + "/decisions", version=now, json={"verdict": "return", "points": [POINT]}).json
    stale = {"verdict": "approve"}
    refused(county, "POST", path + "/decisions", 409, "办理：退回修改", version=now, json=stale)
    refused(school, "POST", path + "/submit", 422, "第 1 条修改意见还没有答复", version=back["version"])
    old = school("POST", "/plans", json={**BODY, "school_year": "2020-2021"}).json
    refused(school, "POST", f"/plans/{old['id']}/submit", 422, "学年已于 2021-08-31 结束", version=old["version"])


@pytest.mark.parametrize("value", STRANGE, ids=ascii)
def test_strange_characters_are_stored_as_they_are_or_refused(call_as: As, value: str) -> None:
    school, county = call_as("school.qingfeng"), call_as("county.donghu")
    plan = submitted(call_as)
    path = f"/plans/{plan['id']}"
    bodies: list[tuple[Any, str, dict[str, Any]]] = [
        (school, "/plans", {**BODY, "aims": value}),
        (school, "/plans", {**BODY, "items": [{**BODY["items"][0], "records": value}]}),
        (school, "/plans", {**BODY, "items": [{**BODY["items"][0], "id": value}]}),
        (school, "/plans", {**BODY, "covers": [value]}),
        (county, path + "/acts/consult", {"opinion": value * 2, "to": ["county.donghu2"]}),
        (county, path + "/acts/consult", {"opinion": "请看。", "to": [value]}),
        (county, path + "/acts/correct", {"opinion": "更正。", "line_id": value}),
        (county, path + "/decisions", {"verdict": "return", "points": [{**POINT, "field": value}]}),
        (
            county,
            path + "/decisions",
            {"verdict": "return", "points": [{**POINT, "text": value * 2}], "to_stage": value},
        ),
    ]
    for who, address, body in bodies:
        answer = who("POST", address, version=plan["version"], data=json.dumps(body), content_type="application/json")
        assert answer.status_code < 500, (address, ascii(body), answer.text[:300])
        if answer.status_code == 201:
            assert school("GET", f"/plans/{answer.json['id']}").status_code == 200
    for query in (f"/queue?town={value}", f"/queue?claimed_by={value}", f"/plans/{value}", f"/plans?cursor={value}"):
        sent = query.encode("utf-8", "ignore").decode()
        assert county("GET", sent).status_code < 500, ascii(sent)


@pytest.mark.parametrize(
    "body",
    [
        {"aims": LONG}, {"title": LONG}, {"items": [BODY["items"][0]] * 61}, {"covers": ["x" * 201]},
        {"items": [{**BODY["items"][0], "hours": "1e400"}]}, {"items": [{**BODY["items"][0], "hours": "NaN"}]},
        {"items": [{**BODY["items"][0], "hours_per_credit": "-10"}]}, {"items": [[]]}, {"items": "x"},
        {"items": [{**BODY["items"][0], "held_from": "2026-02-30"}]}, {"school_year": "2026-2030"},
        {"items": [{**BODY["items"][0], "kind": "驳回"}]}, {"forecast": {"teachers": -1}}, {"kind": "x"},
    ],
    ids=lambda body: str(body)[:40],
)  # fmt: skip
def test_what_does_not_fit_is_named(call_as: As, body: dict[str, Any]) -> None:
    answer = call_as("school.qingfeng")("POST", "/plans", json={**BODY, **body})
    assert answer.status_code == 422
    field = next(iter(body))
    assert all(error["field"].startswith(field) for error in answer.json["errors"]), answer.json


def test_ids_of_other_plans_lead_nowhere(call_as: As) -> None:
    """T1: an attachment, a line, an item, a person of another plan is not found in this one."""
    school, county = call_as("school.qingfeng"), call_as("county.donghu")
    plan, other = submitted(call_as), submitted(call_as)
    line = county("GET", f"/plans/{other['id']}/history").json["items"][0]["id"]
    answer = school("POST", f"/plans/{plan['id']}/acts/correct", version=plan["version"],
                    json={"opinion": "更正。", "line_id": line})  # fmt: skip
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "line_id")
    assert county("GET", f"/plans/{plan['id']}/comparison?old=7").status_code == 404
    assert county("GET", f"/plans/{plan['id']}/comparison?old=last_year").status_code == 404
    stolen = school("POST", "/plans", json={**BODY, "items": [{**BODY["items"][0], "id": plan["items"][0]["id"]}]})
    assert stolen.status_code == 201
    assert county("GET", f"/plans/{plan['id']}").json["items"] == plan["items"]
    assert make.YEAR in county("GET", f"/plans/{plan['id']}").text
