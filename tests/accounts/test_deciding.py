"""What else may become of a letter: returned, refused, confirmed by a second manager, a new county (T2, N9)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from services.accounts.access.models import Account
from services.accounts.access.operations import give_role
from services.accounts.models import Unit
from shared.service import Runtime
from tests.accounts.conftest import DATA, Caller, events
from tests.accounts.steps import acts, checked, identity


def test_wrong_answers_are_named(manager: Caller) -> None:
    number = manager.send_letter()["number"]
    path = f"/letters/{number}/checks"
    refused = manager.put(path, {"answers": {"call_back": "yes"}}, version=1, status=422)
    assert refused["errors"][0]["field"] == "answers.call_back"
    manager.put(path, {"answers": {"date": "perhaps"}}, version=1, status=422)
    manager.put(path, {"answers": {}, "verdict": "yes"}, version=1, status=422)
    manager.put(path, {"answers": {"date": "yes"}}, status=428)


def test_who_comes_second_is_told_who_was_first(manager: Caller, app: Flask) -> None:
    """T2, C13: with a version that is no longer so, and on a letter that is decided."""
    other = Caller(app.test_client()).sign_in("manager.nanchang")
    number = manager.send_letter()["number"]
    seen = other.get(f"/letters/{number}")["version"]
    manager.approve_checks(number, seal_clear="no")
    stale = other.put(f"/letters/{number}/checks", {"answers": {"date": "yes"}}, version=seen, status=409)
    assert "熊知秋" in stale["detail"]
    version = manager.get(f"/letters/{number}")["version"]
    manager.post(f"/letters/{number}/return", {}, version=version)
    refusal = {"reason_code": "other", "text": "x"}
    decided = other.post(f"/letters/{number}/refuse", refusal, version=version, status=409)
    assert "由熊知秋退回补正" in decided["detail"]
    assert (decided["decided_by"], decided["verdict"]) == ("熊知秋", "returned")


def test_a_returned_letter_lists_the_noes_and_comes_back_with_only_those_open(
    manager: Caller, stranger: Caller, run: Runtime
) -> None:
    number = manager.send_letter()["number"]
    manager.post(f"/letters/{number}/return", {}, version=1, status=409)
    version = manager.approve_checks(number, seal_clear="no", date="no")["version"]
    path = f"/letters/{number}/return"
    manager.post(path, {"points": {"contact": "多余"}}, version=version, status=422)
    returned = manager.post(path, {"points": {"seal_clear": "第 1 页印章太淡。"}}, version=version)
    assert [(p["check"], p["text"]) for p in returned["points"]] == [
        ("seal_clear", "第 1 页印章太淡。"),
        ("date", "落款日期 2026-11-16 不在 90 日内，请重新出具。"),
    ]
    phone = {"number": number, "phone": "0791-00001003"}
    status = stranger.post("/letters/status", phone)
    assert status["points"] == returned["points"]
    assert status["correct_by"]
    with (DATA / "letter.jpg").open("rb") as scan:
        data = {"phone": "0791-00001003", "dated": "2026-11-20", "file": (scan, "重扫.jpg")}
        stranger.call("POST", f"/letters/{number}/resubmission", data=data)
    again = manager.get(f"/letters/{number}")
    assert (again["status"], again["round"], again["dated"]) == ("received", 2, "2026-11-20")
    assert again["scan"]["filename"] == "重扫.jpg"
    assert {check["id"] for check in again["checks"] if check["answer"] is None} == {"readable", "seal_clear", "date"}
    assert acts(run, number) == ["收到", "核验", "退回补正", "补正"]
    with (DATA / "letter.jpg").open("rb") as scan:
        data = {"phone": "0791-00001003", "file": (scan, "又扫.jpg")}
        stranger.call("POST", f"/letters/{number}/resubmission", data=data, status=409)


@pytest.mark.parametrize(
    ("changed", "open_again"),
    [
        ({"person_name": "程若水"}, {"person_role", "not_duplicate"}),
        ({"stamped_by": "南昌市东湖区教育体育局"}, {"unit_name", "seal_matches", "seal_entitled"}),
        ({"dated": "2026-11-20"}, {"date"}),
        ({}, set()),
    ],
)
def test_a_correction_opens_what_rests_on_it(manager: Caller, changed: dict[str, str], open_again: set[str]) -> None:
    """Nobody has looked at what the applicant has just written, whatever was answered before."""
    number = manager.send_letter()["number"]
    version = manager.approve_checks(number, contact="no")["version"]
    manager.post(f"/letters/{number}/return", {}, version=version)
    with (DATA / "letter.jpg").open("rb") as scan:
        data = {"phone": "0791-00001003", "file": (scan, "重扫.jpg"), **changed}
        manager.call("POST", f"/letters/{number}/resubmission", data=data)
    checks = manager.get(f"/letters/{number}")["checks"]
    assert {c["id"] for c in checks if c["answer"] is None} == {"contact", "readable", "seal_clear", *open_again}


@pytest.mark.parametrize("dated", ["0001-01-01", "2999-01-01"])
def test_an_impossible_date_is_no_correction_either(manager: Caller, dated: str) -> None:
    number = manager.send_letter()["number"]
    manager.post(f"/letters/{number}/return", {}, version=manager.approve_checks(number, date="no")["version"])
    with (DATA / "letter.jpg").open("rb") as scan:
        data = {"phone": "0791-00001003", "file": (scan, "重扫.jpg"), "dated": dated}
        refused = manager.call("POST", f"/letters/{number}/resubmission", data=data, status=422)
    assert [error["field"] for error in refused["errors"]] == ["dated"]


def test_refusing_needs_a_reason_from_the_list_and_a_sentence(manager: Caller, stranger: Caller) -> None:
    number = manager.send_letter()["number"]
    path = f"/letters/{number}/refuse"
    manager.post(path, {"reason_code": "because", "text": "不行"}, version=1, status=422)
    manager.post(path, {"reason_code": "not_genuine", "text": " "}, version=1, status=422)
    manager.post(path, {"reason_code": "not_genuine", "text": "经回访，单位未出具此函。"}, version=1)
    status = stranger.post("/letters/status", {"number": number, "phone": "0791-00001003"})
    assert status["status_title"] == "不予受理"
    assert "经回访，单位未出具此函。" in status["reason"]
    manager.post(f"/letters/{number}/issue", version=2, status=409)


class TestTwoManagers:
    """High-privilege roles: the second may not be the first."""

    @pytest.fixture
    def letter(self, app: Flask, run: Runtime) -> dict[str, Any]:
        """A letter for a county's administrator with every check 是, answered by the district's manager."""
        first = Caller(app.test_client()).sign_in("manager.nanchang")
        found = checked(
            first,
            unit_code="360103",
            role="county_admin",
            person_name="新来人",
            identity_number=identity(),
            stamped_by="南昌市西湖区教育体育局",
        )
        return {**found, "first": first, "second": Caller(app.test_client()).sign_in("manager.province")}

    def test_without_the_second_nothing_is_issued(self, letter: dict[str, Any]) -> None:
        first, path, version = letter["first"], f"/letters/{letter['number']}", letter["version"]
        assert letter["needs_second"]
        assert "call_back" in {check["id"] for check in letter["checks"]}
        assert "复核" in first.post(f"{path}/issue", version=version, status=409)["detail"]
        assert first.get("/letters?status=second")["items"][0]["number"] == letter["number"]
        assert "自己复核" in first.post(f"{path}/confirm", version=version, status=403)["detail"]

    def test_the_second_confirms_and_either_issues(self, letter: dict[str, Any], run: Runtime) -> None:
        path = f"/letters/{letter['number']}"
        confirmed = letter["second"].post(f"{path}/confirm", version=letter["version"])
        assert confirmed["confirmed_by"] == "冷知节"
        issued = letter["first"].post(f"{path}/issue", version=confirmed["version"])
        assert issued["account"]["username"] == "360103-01"
        assert events(run, "accounts.people_changed.v1")[-1]["people"][0]["kind"] == "education_authority_staff"

    def test_a_change_of_answers_takes_the_confirmation_back(self, letter: dict[str, Any]) -> None:
        path = f"/letters/{letter['number']}"
        confirmed = letter["second"].post(f"{path}/confirm", version=letter["version"])
        answers = {check["id"]: "yes" for check in letter["checks"]}
        body = {"answers": answers, "remarks": {"call_back": "换号再拨"}}
        changed = letter["second"].put(f"{path}/checks", body, version=confirmed["version"])
        assert changed["confirmed_by"] is None
        letter["second"].post(f"{path}/issue", version=changed["version"], status=409)
        letter["second"].post(f"{path}/confirm", version=changed["version"], status=403)
        letter["first"].post(f"{path}/confirm", version=changed["version"])


def test_a_new_county_is_opened_by_its_letter(app: Flask, run: Runtime) -> None:
    """FAQ-Q4: to the province; the unit does not exist before the account does (C9)."""
    stranger, province = Caller(app.test_client()), Caller(app.test_client()).sign_in("manager.province")
    form: dict[str, Any] = {
        "kind": "new_district",
        "unit_code": "360199",
        "unit_name": "南昌市新湖区",
        "role": "account_manager",
        "person_name": "新来人",
        "identity_number": identity(),
        "stamped_by": "南昌市新湖区教育体育局",
    }
    assert "unit_code" in str(stranger.send_letter(status=422, **{**form, "unit_code": "12"}))
    assert "unit_code" in str(stranger.send_letter(status=422, **{**form, "unit_code": "369999"}))
    assert "unit_name" in str(stranger.send_letter(status=422, **{**form, "unit_name": ""}))
    assert "role" in str(stranger.send_letter(status=422, **{**form, "role": "school_admin"}))
    assert "kind" in str(stranger.send_letter(status=422, **{**form, "unit_code": "360102"}))
    sent = stranger.send_letter(**form)
    assert sent["handler"] == "江西省教育厅"
    Caller(app.test_client()).sign_in("manager.nanchang").get(f"/letters/{sent['number']}", status=404)
    version = province.approve_checks(sent["number"])["version"]
    with run.database.transaction() as session:
        helper = session.scalars(select(Account).where(Account.username == "audit.province")).one()
        give_role(session, helper, "account_manager", session.scalars(select(Unit).where(Unit.code == "360000")).one())
    second = Caller(app.test_client()).sign_in("audit.province")
    version = second.post(f"/letters/{sent['number']}/confirm", version=version)["version"]
    issued = province.post(f"/letters/{sent['number']}/issue", version=version)
    assert issued["account"]["username"] == "360199-01"
    unit = province.get("/units/360199")
    assert (unit["path"], unit["kind"], unit["body"]) == (
        "360000/360100/360199/",
        "county",
        "南昌市新湖区教育体育局",
    )
    assert events(run, "accounts.units_changed.v1")[-1]["units"][0]["path"] == "360000/360100/360199/"
