"""The register of people: kept by schools and account managers, whole identity numbers shown for a purpose (T24)."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from services.accounts.models import Person, Unit
from services.accounts.people import edge
from services.accounts.sample import sample_province
from shared.service import Runtime
from shared.web import build_app
from tests.accounts.conftest import Browser, Caller, events
from tests.accounts.test_personal_data import logged

__all__ = ["logged"]
FACTS = (
    "name", "kind", "stage", "subject", "certificate_subject", "hired_on", "formal_appointment_on", "retires_on",
    "seconded_from", "seconded_to",
)  # fmt: skip
SCHOOL = "3601020001"


def numbers(unit: str = SCHOOL) -> dict[str, str]:
    """Person id -> identity number, for the sample people of a unit."""
    return {p.person_id: p.identity for p in sample_province().people if p.unit_path.rstrip("/").endswith(unit)}


def teacher(run: Runtime, unit: str = SCHOOL) -> Person:
    """Somebody of that unit who teaches and does not administer it."""
    with run.database.reading() as session:
        query = select(Person).join(Unit).where(Unit.code == unit, Person.subject == "语文").order_by(Person.id)
        return session.scalars(query).all()[-1]


def test_t24_a_change_needs_a_reason_and_the_version_and_is_told(app: Flask, run: Runtime) -> None:
    school = Caller(app.test_client()).sign_in("school.qingfeng")
    one = teacher(run)
    before = school.get(f"/people/{one.id}")
    facts: dict[str, Any] = {name: before[name] for name in FACTS} | {"subject": "科学", "reason": "教务处调整"}
    changed = school.put(f"/people/{one.id}", facts, version=before["version"])
    assert (changed["subject"], changed["version"]) == ("科学", before["version"] + 1)
    told = events(run, "accounts.people_changed.v1")[-1]["people"]
    assert [(p["person_id"], p["subject"], p["version"]) for p in told] == [(one.id, "科学", changed["version"])]
    line = school.get(f"/people/{one.id}")["history"][-1]
    assert (line["act"], line["who"]) == ("修改信息", school.account["name"])
    assert "任教学科：语文 → 科学" in line["text"]
    assert "教务处调整" in line["text"]
    assert line["body"], "for whom"

    assert "已被他人修改" in school.put(f"/people/{one.id}", facts, version=before["version"], status=409)["detail"]
    wrong = facts | {"hired_on": "2020-09-01", "formal_appointment_on": "2019-09-01", "seconded_to": "2024-01-01"}
    refused = school.put(f"/people/{one.id}", wrong, version=changed["version"], status=422)
    assert {error["field"] for error in refused["errors"]} == {"formal_appointment_on", "seconded_from"}
    own = school.get(f"/people?q={school.account['name']}")["items"][0]
    sentence = school.put(f"/people/{own['id']}", facts, version=own["version"], status=403)["detail"]
    assert "不能自己修改" in sentence


def test_t24_each_keeps_its_own_area(app: Flask, run: Runtime) -> None:
    school = Caller(app.test_client()).sign_in("school.qingfeng")
    manager = Caller(app.test_client()).sign_in("manager.donghu")
    here, elsewhere = teacher(run), teacher(run, "3601240002")
    assert {p["unit_code"] for p in school.get("/people?limit=200")["items"]} == {SCHOOL}
    units = {p["unit_code"] for p in manager.get("/people?limit=200")["items"]}
    assert SCHOOL in units
    assert all(code.startswith("360102") for code in units)
    manager.get(f"/people/{here.id}")
    for outside in (school, manager):
        outside.get(f"/people/{elsewhere.id}", status=404)
        number = numbers("3601240002")[elsewhere.id]
        answer = outside.post("/people/search", {"identity_number": number}, status=404)
        assert (
            answer["detail"]
            == outside.post("/people/search", {"identity_number": "110101199003070396"}, status=404)["detail"]
        )
    assert school.post("/people/search", {"identity_number": numbers()[here.id]})["id"] == here.id
    for other in ("teacher.li", "county.donghu", "province"):
        Caller(app.test_client()).sign_in(other).get("/people", status=403)
    # Pages of two hold everybody once, in one order.
    seen: list[str] = []
    cursor = ""
    while True:
        found = school.get(f"/people?limit=7{cursor}")
        seen += [p["id"] for p in found["items"]]
        if found["next"] is None:
            break
        cursor = f"&cursor={found['next']}"
    assert sorted(seen) == sorted(numbers())


def test_t24_a_whole_number_is_shown_for_a_purpose_on_record(
    sqlite_run: Runtime, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = build_app(sqlite_run)
    one = teacher(sqlite_run)
    number = numbers()[one.id]
    page = Browser(app).sign_in("school.qingfeng")
    assert number not in page.get("/accounts/people?q=" + one.name)
    assert "按身份证号查找" in page.get("/accounts/people?q=" + number[:17])
    page.get(f"/accounts/people/{one.id}")
    assert page.submit(f"/accounts/people/{one.id}/identity", purpose="check_papers").status_code == 422
    assert number not in page.get(f"/accounts/people/{one.id}")
    answer = page.submit(f"/accounts/people/{one.id}/identity", purpose="check_papers", purpose_reason="核对毕业证")
    assert number in answer.text
    again = page.get(f"/accounts/people/{one.id}")
    assert number not in again
    assert "查看证件号码" in again
    assert "用途：核对证件或材料。事由：核对毕业证" in again
    monkeypatch.setattr(edge, "SHOWN_LIMIT", 1)
    full = page.submit(f"/accounts/people/{one.id}/identity", purpose="other", purpose_reason="再看一次")
    assert full.status_code == 429
    found = page.submit("/accounts/people/search", identity_number=number)
    assert found.headers["Location"].endswith(one.id)
    assert number not in logged.getvalue()


def test_t24_what_was_typed_comes_back(sqlite_run: Runtime) -> None:
    page = Browser(build_app(sqlite_run)).sign_in("manager.donghu")
    one = teacher(sqlite_run)
    page.get(f"/accounts/people/{one.id}")
    form = {"name": one.name, "kind": "in_service", "hired_on": "2031-09-01", "reason": "补录"}
    answer = page.submit(f"/accounts/people/{one.id}", **form)
    assert answer.status_code == 422
    assert "还没有到" in answer.text
    assert "补录" in answer.text
    kept = page.submit(f"/accounts/people/{one.id}", **(form | {"hired_on": "2016-09-01"}))
    assert kept.status_code == 303
    assert "任教学科：语文 → 空" in page.get(f"/accounts/people/{one.id}")
