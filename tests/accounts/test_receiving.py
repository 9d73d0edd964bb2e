"""An applicant sends a letter in: number, queue, preview; what is wrong is said by field and leaves nothing behind."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from services.accounts.access import attempts
from services.accounts.intake.models import Letter
from services.accounts.tasks import TIDY_JOB
from shared import jobs
from shared.database import utc_now
from shared.service import Runtime
from tests.accounts.conftest import DATA, Browser, Caller, letter_form, run_jobs


def files_of(run: Runtime) -> list[Path]:
    """Every file in the store."""
    return [path for path in (run.settings.data_dir / "letters").rglob("*") if path.is_file()]


def letters_of(run: Runtime) -> int:
    """How many letters there are."""
    with run.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Letter)) or 0


def test_a_letter_gets_a_number_and_waits_with_the_county(stranger: Caller, manager: Caller, run: Runtime) -> None:
    sent = stranger.send_letter()
    assert re.fullmatch(r"L2026-\d{6}", sent["number"])
    assert sent["status"] == "received"
    assert (sent["handler"], sent["handler_phone"]) == ("南昌市东湖区教育体育局", "0791-00000102")
    assert {"seal_clear", "date"} <= {check["id"] for check in sent["checks"]}
    assert [letter["number"] for letter in manager.get("/letters")["items"]] == [sent["number"]]
    seen = manager.get(f"/letters/{sent['number']}")
    assert seen["unit_name"] == "南昌市东湖区听涛高级中学"
    assert seen["preview"] == "queued"
    assert seen["masked_identity"] == "360121********0004"
    assert seen["scan"]["media_type"] == "application/pdf"


def test_the_preview_is_made_in_the_background(stranger: Caller, manager: Caller, run: Runtime, app: Flask) -> None:
    number = stranger.send_letter()["number"]
    manager.get(f"/letters/{number}/pages/1", status=404)
    browser = Browser(app).sign_in("manager.donghu")
    assert "预览生成中" in browser.get(f"/accounts/letters/{number}")
    assert browser.client.get(f"/accounts/fragments/letters/{number}/scan").status_code == 200
    run_jobs(run)
    assert manager.get(f"/letters/{number}")["preview"] == "ready"
    fragment = browser.client.get(f"/accounts/fragments/letters/{number}/scan")
    assert fragment.status_code == 286
    assert f"/accounts/letters/{number}/pages/1" in fragment.text
    image = browser.client.get(f"/accounts/letters/{number}/pages/1")
    assert image.mimetype == "image/jpeg"
    manager.get(f"/letters/{number}/pages/2", status=404)
    manager.get(f"/letters/{number}/pages/0", status=404)


def test_a_preview_that_cannot_be_made_is_said_so(stranger: Caller, manager: Caller, run: Runtime) -> None:
    number = stranger.send_letter()["number"]
    for path in files_of(run):
        path.write_bytes(b"%PDF-1.7 spoiled")
    run_jobs(run)
    assert manager.get(f"/letters/{number}")["preview"] == "failed"


@pytest.mark.parametrize("name", sorted(path.name for path in (DATA / "hostile").iterdir()))
def test_a_refused_file_leaves_nothing_behind(name: str, sqlite_stranger: Caller, sqlite_run: Runtime) -> None:
    refused = sqlite_stranger.send_letter(DATA / "hostile" / name, status=422)
    assert [error["field"] for error in refused["errors"]] == ["file"]
    assert refused["detail"] == refused["errors"][0]["detail"]
    assert files_of(sqlite_run) == []
    assert letters_of(sqlite_run) == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "birthday"}, "kind"),
        ({"kind": None}, "kind"),
        ({"unit_code": "9999999999"}, "unit_code"),
        ({"unit_code": "360102"}, "role"),
        ({"role": "emperor"}, "role"),
        ({"role": "county_admin"}, "role"),
        ({"identity_number": "360121198405090005"}, "identity_number"),
        ({"identity_number": "3.60121E+17"}, "identity_number"),
        ({"phone": "12345"}, "phone"),
        ({"phone": "not a number"}, "phone"),
        ({"dated": "2099-01-01"}, "dated"),
        ({"dated": "yesterday"}, "dated"),
        ({"stamped_by": ""}, "stamped_by"),
        ({"person_name": ""}, "person_name"),
        ({"favourite_colour": "red"}, "favourite_colour"),
    ],
)
def test_a_wrong_field_is_named_and_no_file_is_kept(
    changes: dict[str, Any], field: str, sqlite_stranger: Caller, sqlite_run: Runtime
) -> None:
    refused = sqlite_stranger.send_letter(status=422, **changes)
    assert field in {error["field"] for error in refused["errors"]}
    for error in refused["errors"]:
        assert re.search(r"[\u4e00-\u9fff]", error["detail"])
        assert not re.search(r"[a-z]{2,}", error["detail"])
    assert files_of(sqlite_run) == []
    assert letters_of(sqlite_run) == 0


def test_a_file_is_needed(stranger: Caller, run: Runtime) -> None:
    stranger.call("POST", "/letters", status=422, data=letter_form())


def test_the_unit_may_be_named_instead_of_coded(stranger: Caller) -> None:
    for words in ("3601020003", "南昌市东湖区听涛高级中学", "3601020003 南昌市东湖区听涛高级中学"):
        assert stranger.send_letter(unit_code=words)["unit_name"] == "南昌市东湖区听涛高级中学"


def test_sending_twice_under_one_key_is_one_letter(stranger: Caller, run: Runtime) -> None:
    key = {"Idempotency-Key": "one-letter"}
    first = stranger.send_letter_with(key)
    assert stranger.send_letter_with(key) == first
    assert letters_of(run) == 1


def test_numbers_are_given_once_however_many_come_at_once(app: Flask) -> None:
    callers = [Caller(app.test_client()) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda caller: caller.send_letter(DATA / "letter.png")["number"], callers))
    assert len(set(numbers)) == 8


def test_a_letter_goes_to_the_lowest_manager_in_post(stranger: Caller, app: Flask) -> None:
    """安义县 has no account manager: its school's letter waits with the district."""
    village = stranger.send_letter(unit_code="3601240002", stamped_by="进贤县荷塘乡桥背村小学")
    assert village["handler"] == "南昌市教育局"
    number = village["number"]
    above = Caller(app.test_client()).sign_in("manager.nanchang")
    assert [letter["number"] for letter in above.get("/letters")["items"]] == [number]
    province = Caller(app.test_client()).sign_in("manager.province")
    assert province.get("/letters")["items"] == []
    assert [letter["number"] for letter in province.get("/letters?below=true")["items"]] == [number]


def test_a_bureaus_letter_goes_to_the_level_above(stranger: Caller, manager: Caller, app: Flask) -> None:
    number = stranger.send_letter(unit_code="360102", role="county_admin", stamped_by="南昌市东湖区教育体育局")[
        "number"
    ]
    manager.get(f"/letters/{number}", status=404)
    assert Caller(app.test_client()).sign_in("manager.nanchang").get(f"/letters/{number}")["needs_second"]


def test_the_same_file_and_the_same_person_are_suspected(stranger: Caller, manager: Caller) -> None:
    """T15: shown with what became of the first one, and still a person's decision."""
    first = stranger.send_letter()["number"]
    same_file = stranger.send_letter(role="teacher")["number"]
    same_person = stranger.send_letter(DATA / "letter.png")["number"]
    assert [item["number"] for item in manager.get("/letters?status=open")["items"]] == [first]
    assert [i["number"] for i in manager.get("/letters?status=suspected")["items"]] == [same_file, same_person]
    assert manager.get(f"/letters/{same_file}")["duplicates"] == [first]
    assert manager.get(f"/letters/{same_person}")["duplicates"] == [first]
    checks = {check["id"]: check for check in manager.get(f"/letters/{same_person}")["checks"]}
    assert first in checks["not_duplicate"]["hint"]


def test_a_duplicate_elsewhere_is_not_shown_by_number(stranger: Caller, manager: Caller) -> None:
    elsewhere = stranger.send_letter(unit_code="3606030001", stamped_by="鹰潭市余江区洪桥小学")["number"]
    here = stranger.send_letter()["number"]
    seen = manager.get(f"/letters/{here}")
    assert seen["suspected"]
    assert seen["duplicates"] == []
    assert elsewhere not in str(seen)


def test_the_applicant_sees_how_it_stands_by_number_and_phone(stranger: Caller) -> None:
    number = stranger.send_letter()["number"]
    seen = stranger.post("/letters/status", {"number": number.lower(), "phone": "079100001003"})
    assert (seen["number"], seen["status_title"]) == (number, "待核验")
    assert "程若川" not in str(seen), "nothing personal: the number can be guessed"
    wrong = stranger.post("/letters/status", {"number": number, "phone": "0791-00001004"}, status=404)
    none = stranger.post("/letters/status", {"number": "L2026-999999", "phone": "1234567"}, status=404)
    assert wrong["detail"] == none["detail"]


def test_guessing_the_phone_is_throttled(stranger: Caller) -> None:
    number = stranger.send_letter()["number"]
    for guess in range(attempts.STATUS_LIMIT):
        stranger.post("/letters/status", {"number": number, "phone": f"079100002{guess:03d}"}, status=404)
    right = {"number": number, "phone": "0791-00001003"}
    stranger.post("/letters/status", right, status=429)
    with time_machine.travel(utc_now() + attempts.WINDOW + timedelta(seconds=1), tick=True):
        stranger.post("/letters/status", right)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("person_name", "程" * 61, "最多 60 个字"),
        ("stamped_by", "校" * 121, "最多 120 个字"),
        ("dated", "0001-01-01", "落款日期"),
        ("dated", "2999-01-01", "落款日期"),
    ],
)
def test_what_is_too_long_or_impossible_is_named(stranger: Caller, field: str, value: str, said: str) -> None:
    refused = stranger.send_letter(status=422, **{field: value})  # type: ignore[arg-type]
    assert [error["field"] for error in refused["errors"]] == [field]
    assert said in refused["errors"][0]["detail"]


def test_the_telephone_stays_out_of_addresses(stranger: Caller) -> None:
    number = stranger.send_letter()["number"]
    stranger.get("/letters/status", query_string={"number": number, "phone": "0791-00001003"}, status=401)


def test_a_stranger_cannot_send_without_end(stranger: Caller, manager: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.accounts.intake.edge.UPLOAD_LIMIT", 2)
    stranger.send_letter()
    stranger.send_letter()
    stranger.send_letter(status=429)
    manager.send_letter()


def test_the_form_keeps_what_was_typed(app: Flask, run: Runtime) -> None:
    browser = Browser(app)
    page = browser.get("/accounts/letters/new")
    assert "学校管理员" in page
    file = (io.BytesIO((DATA / "letter.pdf").read_bytes()), "授权函.pdf")
    wrong = browser.submit("/accounts/letters/new", **letter_form(unit_code="没有的学校"), file=file)
    assert wrong.status_code == 422
    assert 'value="没有的学校"' in wrong.text
    assert 'value="程若川"' in wrong.text
    assert "名册中没有这个单位" in wrong.text
    browser.page = wrong.text
    file = (io.BytesIO((DATA / "letter.pdf").read_bytes()), "授权函.pdf")
    right = browser.submit("/accounts/letters/new", **letter_form(), file=file)
    assert right.status_code == 303, right.text
    number = right.headers["Location"].rsplit("/", 1)[-1]
    assert number in browser.get(right.headers["Location"])
    browser.get("/accounts/letters/status")
    status = browser.submit("/accounts/letters/status", number=number, phone="0791-00001003")
    assert "核验中" in status.text


def test_names_of_units_are_offered_while_typing(app: Flask) -> None:
    assert (
        "3601020003 南昌市东湖区听涛高级中学"
        in app.test_client().get("/accounts/fragments/unit-options?unit_code=听涛").text
    )
    assert "option" not in app.test_client().get("/accounts/fragments/unit-options?unit_code=听").text
    assert "option" not in app.test_client().get("/accounts/fragments/unit-options?unit_code=%25%25").text


def test_files_without_a_letter_are_tidied_away_when_they_are_old(stranger: Caller, run: Runtime) -> None:
    from services.accounts import parts, scanning

    number = stranger.send_letter()["number"]
    orphan = scanning.inspect((DATA / "letter.png").read_bytes(), "orphan.png")
    parts.letter_store(run).keep(orphan)
    run_jobs(run)

    def tidy() -> set[str]:
        with run.database.transaction() as session:
            jobs.run_later(session, TIDY_JOB, {})
        run_jobs(run)
        return {digest for digest, _ in parts.letter_store(run).originals()}

    assert orphan.digest in tidy(), "a young file may still be waiting for its letter"
    with time_machine.travel(utc_now() + timedelta(days=2), tick=True):
        left = tidy()
    assert orphan.digest not in left
    assert len(left) == 1, number
