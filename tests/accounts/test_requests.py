"""Requests without a scan, several people in one letter, withdrawal and the limit of a correction, by feature row."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pikepdf
import pypdfium2
import pytest
import time_machine
from flask import Flask

from services.accounts.access.models import ActivationLink
from services.accounts.intake import edge
from services.accounts.intake.models import Letter
from services.accounts.letters import TABLE, common_owners, lateness, working_days
from services.accounts.roles import ROLES
from shared.database import utc_now
from shared.service import Runtime
from tests.accounts.conftest import DATA, Browser, Caller, letter_form, run_jobs
from tests.accounts.steps import acts, checked, count, identity

PHONE = "0791-00001003"
OWN = {"phone": PHONE, "identity_tail": "0004"}
SECOND = {"further.3.role": "teacher", "further.3.person_name": "新来人", "further.3.identity_number": identity()}


def ask(caller: Caller, **changes: Any) -> dict[str, Any]:
    """Opens a request for the letter of tests/data."""
    made: dict[str, Any] = caller.post("/letters/requests", letter_form(**changes), status=201)
    return made


def bring(caller: Caller, number: str, *names: str, status: int = 200, **fields: str) -> Any:
    """Uploads files of tests/data as the scan of a letter."""
    files = [(io.BytesIO((DATA / name).read_bytes()), name) for name in names]
    data = {"phone": PHONE, "file": files, **fields}
    return caller.call("POST", f"/letters/{number}/resubmission", data=data, status=status)


def test_t14_a_request_gets_a_letter_to_print_and_waits_aside_for_its_scan(
    stranger: Caller, manager: Caller, run: Runtime
) -> None:
    asked = ask(stranger)
    number = asked["number"]
    assert (asked["status"], asked["status_title"]) == ("awaiting_scan", "待上传盖章扫描件")
    assert manager.get("/letters")["items"] == [], "it does not clog the queue"
    assert [item["number"] for item in manager.get("/letters?status=awaiting_scan")["items"]] == [number]
    assert "扫描件" in manager.put(f"/letters/{number}/checks", {"answers": {}}, version=1, status=409)["detail"]
    later = stranger.send_letter(DATA / "letter.png")
    assert manager.get(f"/letters/{later['number']}")["duplicates"] == [], "a request is no letter yet"

    paper = stranger.client.post("/accounts/api/v1/letters/paper", json={"number": number, **OWN})
    assert paper.mimetype == "application/pdf"
    with pikepdf.open(io.BytesIO(paper.data)) as opened:
        assert len(opened.pages) == 1
    text = pypdfium2.PdfDocument(paper.data)[0].get_textpage().get_text_range()
    for said in (
        number,
        "程若川",
        "360121********0004",
        "南昌市东湖区听涛高级中学",
        "南昌市东湖区教育体育局",
        "学校管理员",
    ):
        assert said in text
    stranger.post("/letters/paper", {"number": number, "phone": PHONE, "identity_tail": "0005"}, status=404)

    bring(stranger, number, "letter.pdf")
    seen = manager.get(f"/letters/{number}")
    assert (seen["status"], seen["round"], seen["duplicates"]) == ("received", 1, [later["number"]])
    assert acts(run, number) == ["申请", "收到"]
    bring(stranger, number, "letter.jpg", status=409)


def test_t14_what_proves_a_letter_ones_own_cannot_be_guessed(
    sqlite_stranger: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "STATUS_LIMIT", 2)
    number = ask(sqlite_stranger)["number"]
    for tail in ("1111", "2222"):
        wrong = {"number": number, "phone": PHONE, "identity_tail": tail}
        sqlite_stranger.post("/letters/paper", wrong, status=404)
        # Asking how it stands clears its own counter, never the one of these tries.
        sqlite_stranger.post("/letters/status", {"number": number, "phone": PHONE})
    sqlite_stranger.post("/letters/paper", {"number": number, **OWN}, status=429)


def test_several_photographs_are_one_scan_in_order(manager: Caller, run: Runtime) -> None:
    asked = ask(manager)["number"]
    mixed = bring(manager, asked, "letter.jpg", "letter.pdf", status=422)
    assert "一个 PDF" in mixed["detail"]
    assert "10 页" in bring(manager, asked, *["letter.jpg"] * 11, status=422)["detail"]
    bring(manager, asked, "letter.jpg", "letter.png")
    run_jobs(run)
    seen = manager.get(f"/letters/{asked}")
    assert (seen["preview"], seen["scan"]["pages"]) == ("ready", 2)
    for page in (1, 2):
        answer = manager.client.get(f"/accounts/api/v1/letters/{asked}/pages/{page}", headers=manager.headers)
        assert answer.mimetype == "image/jpeg"
    manager.get(f"/letters/{asked}/pages/3", status=404)


def test_c15_one_letter_for_several_people_has_one_outcome_each(manager: Caller, run: Runtime) -> None:
    letter = checked(manager, **SECOND, **{"further.7.role": "teacher"}, **_row(7))
    assert [line["role"] for line in letter["asks"]] == ["school_admin", "teacher", "teacher"]
    path, leave = f"/letters/{letter['number']}/issue", letter["asks"][1]["id"]
    unknown = manager.post(path, {"left_out": {"x": "y"}}, version=letter["version"], status=422)
    assert unknown["errors"][0]["field"] == "left_out.x"
    everything = {line["id"]: "不在编" for line in letter["asks"]}
    manager.post(path, {"left_out": everything}, version=letter["version"], status=409)
    issued = manager.post(path, {"left_out": {leave: "名册中查无此人"}}, version=letter["version"])
    # The first and the third line are the same person's: one account, and one link for it.
    assert len({line["username"] for line in issued["accounts"]}) == 1
    assert [line["activation_url"] is not None for line in issued["accounts"]] == [True, False]
    assert count(run, ActivationLink) == 1
    again = manager.post(path, version=letter["version"])
    assert again["merged"]
    assert [line["role"] for line in again["accounts"]] == ["school_admin", "teacher"]
    status = manager.post("/letters/status", {"number": letter["number"], "phone": PHONE})
    assert [(line["person"], line["outcome"]) for line in status["asks"]] == [
        ("程**", "已开通"),
        ("新**", "未开通：名册中查无此人"),
        ("程**", "已开通"),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({**SECOND, "further.3.identity_number": "1"}, "further.0.identity_number"),
        ({**SECOND, "further.3.role": ""}, "further.0.role"),
        ({**SECOND, "further.3.role": "county_admin"}, "further.0.role"),
        ({"further.0.role": "school_admin", **{f"further.0.{k}": v for k, v in [("person_name", "程若川")]}}, None),
        ({"follows": "12"}, "follows"),
    ],
)
def test_c15_what_is_wrong_with_a_line_is_said_at_that_line(
    sqlite_stranger: Caller, changes: dict[str, str], field: str | None
) -> None:
    if field is None:
        changes = {**changes, "further.0.identity_number": letter_form()["identity_number"]}
        field = "further.0.role"
    refused = sqlite_stranger.post("/letters/requests", letter_form(**changes), status=422)
    assert [error["field"] for error in refused["errors"]] == [field]
    sqlite_stranger.post("/letters/requests", [changes], status=422)
    sqlite_stranger.post("/letters/requests", {**letter_form(), "further": [{"role": 1}]}, status=422)
    sqlite_stranger.post("/letters/requests", {**letter_form(), "further.0.role": 1}, status=422)


def test_c1_after_its_days_a_correction_is_refused_and_says_what_to_do(manager: Caller, app: Flask) -> None:
    number = manager.send_letter()["number"]
    version = manager.approve_checks(number, seal_clear="no")["version"]
    manager.post(f"/letters/{number}/return", version=version)
    status = {"number": number, "phone": PHONE}
    with time_machine.travel(utc_now() + timedelta(days=TABLE.correction_days, minutes=-1), tick=True):
        assert not manager.post("/letters/status", status)["overdue"]
    with time_machine.travel(utc_now() + timedelta(days=TABLE.correction_days + 1), tick=True):
        manager.sign_in("manager.donghu")
        assert manager.post("/letters/status", status)["overdue"]
        refused = bring(manager, number, "letter.jpg", status=409)
        assert f"“原函号”一栏填写 {number}" in refused["detail"]
        assert [item["number"] for item in manager.get("/letters?status=overdue")["items"]] == [number]
        assert manager.get("/letters?status=returned")["items"] == []
        browser = Browser(app).sign_in("manager.donghu")
        assert "逾期未补正" in browser.get(f"/accounts/letters/{number}")
        again = manager.send_letter(DATA / "letter.jpg", follows=number)["number"]
        assert manager.get(f"/letters/{again}")["follows"] == number


def test_c4_the_applicant_sees_place_limit_and_office(stranger: Caller) -> None:
    first = stranger.send_letter()
    second = stranger.send_letter(DATA / "letter.png")
    elsewhere = stranger.send_letter(unit_code="3601240002", stamped_by="进贤县荷塘乡桥背村小学")
    assert [letter["position"] for letter in (first, second, elsewhere)] == [1, 2, 1]
    assert (second["working_days"], second["handler_phone"]) == (TABLE.working_days, "0791-00000102")
    stranger.post("/letters/withdrawal", {"number": first["number"], **OWN})
    seen = stranger.post("/letters/status", {"number": second["number"], "phone": PHONE})
    assert seen["position"] == 1


def test_c4_a_letter_turns_yellow_and_red_by_working_days() -> None:
    friday = date(2026, 11, 20)
    assert working_days(friday, date(2026, 11, 23)) == 1, "a weekend does not count"
    five = replace(TABLE, working_days=5)
    tones = [lateness(friday, friday + timedelta(days=days), five) for days in (6, 7, 9, 10)]
    assert tones == [None, "warn", "warn", "bad"], "Thursday, Friday, Sunday, Monday"


def test_c5_withdrawing_works_exactly_until_it_is_decided(stranger: Caller, manager: Caller, run: Runtime) -> None:
    number = stranger.send_letter()["number"]
    path, own = "/letters/withdrawal", {"number": number, **OWN, "reason": "另有安排"}
    stranger.post(path, {**own, "identity_tail": "1111"}, status=404)
    assert stranger.post(path, own)["status_title"] == "已撤回"
    assert not stranger.post(path, own)["may_withdraw"]
    assert acts(run, number) == ["收到", "撤回"]
    refused = manager.put(f"/letters/{number}/checks", {"answers": {"date": "yes"}}, version=2, status=409)
    assert "由申请人撤回" in refused["detail"]
    bring(stranger, number, "letter.jpg", status=409)

    letter = checked(manager)
    assert letter["duplicates"] == [number], "the same file is still shown, with what became of it"
    body = {"answers": {c["id"]: "yes" for c in letter["checks"]}, "remarks": {"not_duplicate": "前函已撤回"}}
    version = manager.put(f"/letters/{letter['number']}/checks", body, version=letter["version"])["version"]
    manager.post(f"/letters/{letter['number']}/issue", version=version)
    assert "不能撤回" in stranger.post(path, {"number": letter["number"], **OWN}, status=409)["detail"]


def test_t15_another_person_for_the_same_role_is_suspected_and_needs_a_reason(manager: Caller) -> None:
    first = checked(manager)
    manager.post(f"/letters/{first['number']}/issue", version=first["version"])
    other: dict[str, Any] = {"person_name": "新来人", "identity_number": identity()}
    letter = manager.send_letter(DATA / "letter.png", **other)["number"]
    assert [item["number"] for item in manager.get("/letters?status=suspected")["items"]] == [letter]
    seen = manager.approve_checks(letter)
    refused = manager.post(f"/letters/{letter}/issue", version=seen["version"], status=409)
    assert first["number"] in refused["detail"]
    teacher = manager.send_letter(DATA / "letter.jpg", **{**other, "role": "teacher"})["number"]
    assert manager.get(f"/letters/{teacher}")["duplicates"] == [], "everybody at a school is a teacher"


def test_one_seal_must_be_enough_for_all_the_roles_of_a_letter() -> None:
    school, teacher, trainer = (ROLES[key] for key in ("school_admin", "teacher", "county_training_school_admin"))
    assert common_owners([school, teacher], "本单位", "上级") == ("本单位", "上级")
    assert common_owners([teacher, trainer], "本单位", "上级") == ("上级",)
    assert common_owners([ROLES["county_admin"], trainer], "本单位", "上级") == ()


def test_t14_the_pages_lead_from_request_to_upload_to_withdrawal(sqlite_run: Runtime, sqlite_stranger: Caller) -> None:
    browser = Browser(sqlite_stranger.client.application)
    browser.get("/accounts/letters/new")
    form = {**letter_form(**SECOND), "act": "request"}
    chosen = (io.BytesIO((DATA / "letter.pdf").read_bytes()), "授权函.pdf")
    wrong = browser.submit("/accounts/letters/new", **form, file=chosen)
    assert wrong.status_code == 422
    assert "先不选文件" in wrong.text
    assert 'value="新来人"' in wrong.text, "rows are kept"
    sent = browser.submit("/accounts/letters/new", **form)
    number = sent.headers["Location"].rsplit("/", 1)[-1]
    browser.get(sent.headers["Location"])
    assert browser.submit("/accounts/letters/paper", number=number, **OWN).mimetype == "application/pdf"
    assert browser.submit("/accounts/letters/paper", number=number, phone=PHONE, identity_tail="1").status_code == 404
    browser.get(f"/accounts/letters/status?number={number}")
    waiting = browser.submit("/accounts/letters/status", number=number, phone=PHONE).text
    assert "上传盖章扫描件" in waiting
    photographs = [(io.BytesIO((DATA / name).read_bytes()), name) for name in ("letter.jpg", "letter.png")]
    assert (
        browser.submit("/accounts/letters/correction", number=number, phone=PHONE, file=photographs).status_code == 303
    )
    manager = Browser(sqlite_stranger.client.application).sign_in("manager.donghu")
    page = manager.get(f"/accounts/letters/{number}")
    assert page.count("此项不开通") == 2
    browser.page = waiting
    gone = browser.submit("/accounts/letters/withdrawal", number=number, **OWN, idempotency_key="gone")
    assert gone.status_code == 303
    assert "已撤回" in manager.get(f"/accounts/letters/{number}")
    with sqlite_run.database.reading() as session:
        assert session.query(Letter).one().status == "withdrawn"


def _row(number: int) -> dict[str, str]:
    form = letter_form()
    return {
        f"further.{number}.person_name": form["person_name"],
        f"further.{number}.identity_number": form["identity_number"],
    }
