"""Another area's letters, files, accounts and counts are not there (T1, C11): 404 by page and by API."""

from __future__ import annotations

import pytest
from flask import Flask

from services.accounts.intake.queries import TABS
from shared.service import Runtime
from tests.accounts.conftest import Browser, Caller, run_jobs


@pytest.fixture
def elsewhere(app: Flask, run: Runtime) -> dict[str, str]:
    """A letter of a county that 东湖区's manager has nothing to do with, and an account there."""
    province = Caller(app.test_client()).sign_in("manager.province")
    number = province.send_letter(unit_code="3606030001", stamped_by="鹰潭市余江区洪桥小学")["number"]
    run_jobs(run)
    accounts = province.get("/accounts?under=360603")["items"]
    assert [account["username"] for account in accounts] == ["county.yujiang"]
    return {"number": number, "account": accounts[0]["id"]}


def test_by_the_api(elsewhere: dict[str, str], manager: Caller) -> None:
    letter, account = f"/letters/{elsewhere['number']}", f"/accounts/{elsewhere['account']}"
    manager.get(letter, status=404)
    manager.get(f"{letter}/pages/1", status=404)
    manager.put(f"{letter}/checks", {"answers": {}}, version=1, status=404)
    for act in ("issue", "confirm", "return"):
        manager.post(f"{letter}/{act}", version=1, status=404)
    manager.post(f"{letter}/refuse", {"reason_code": "other", "text": "x"}, version=1, status=404)
    manager.get(account, status=404)
    manager.post(f"{account}/suspend", {"reason": "x"}, status=404)
    manager.post(f"{account}/restore", {"reason": "x"}, status=404)
    manager.post(f"{account}/activation-links", status=404)
    manager.get("/accounts?under=360603", status=404)
    manager.get("/units/360603", status=404)
    manager.get("/units?under=360603", status=404)
    assert manager.get("/letters?below=true")["items"] == []
    assert "county.yujiang" not in str(manager.get("/accounts"))


def test_by_the_pages(elsewhere: dict[str, str], app: Flask) -> None:
    browser = Browser(app).sign_in("manager.donghu")
    number = elsewhere["number"]
    for path in (f"/accounts/letters/{number}", f"/accounts/letters/{number}/pages/1", "/accounts/units?under=360603"):
        browser.get(path, status=404)
    browser.get(f"/accounts/fragments/letters/{number}/scan", status=404)
    page = browser.get("/accounts/letters?below=yes")
    assert number not in page
    assert browser.submit(f"/accounts/letters/{number}/original").status_code == 404
    for path, fields in (
        (f"/accounts/letters/{number}", {"act": "issue", "version": "1"}),
        (f"/accounts/accounts/{elsewhere['account']}/suspend", {"reason": "x"}),
    ):
        assert browser.submit(path, idempotency_key=path, **fields).status_code == 404


def test_counts_equal_lists(manager: Caller, app: Flask, elsewhere: dict[str, str]) -> None:
    import re

    first = manager.send_letter()["number"]
    manager.send_letter()
    manager.approve_checks(first, seal_clear="no")
    manager.post(f"/letters/{first}/return", version=2)
    browser = Browser(app).sign_in("manager.donghu")
    page = browser.get("/accounts/letters")
    shown = dict(re.findall(r'tab=(\w+)"[^>]*>[^<]*<span class="xf-count">(\d+)</span>', page))
    assert tuple(shown) == TABS
    for tab, number in shown.items():
        assert len(manager.get(f"/letters?status={tab}")["items"]) == int(number), tab
    assert shown["returned"] == "1"
    assert shown["suspected"] == "1"
    assert "疑似重复" in browser.get("/accounts/fragments/waiting")


@pytest.mark.parametrize("username", ["school.qingfeng", "county.donghu", "teacher.li", "province"])
def test_other_offices_have_no_business_here(username: str, app: Flask) -> None:
    caller = Caller(app.test_client()).sign_in(username)
    for path in ("/letters", "/letters/L2026-000001", "/accounts"):
        caller.get(path, status=403)
    caller.post("/letters/L2026-000001/issue", version=1, status=403)
    browser = Browser(app).sign_in(username)
    browser.get("/accounts/letters", status=403)
    browser.get("/accounts/units", status=403)


def test_strangers_are_asked_to_sign_in(stranger: Caller, app: Flask) -> None:
    for path in ("/letters", "/accounts", "/units", "/sessions/current"):
        stranger.get(path, status=401)
    answer = app.test_client().get("/accounts/letters")
    assert answer.headers["Location"] == "/accounts/sign-in?next=/accounts/letters"


def test_everybody_sees_the_units_of_her_posts(app: Flask) -> None:
    def codes(username: str, query: str = "") -> list[str]:
        caller = Caller(app.test_client()).sign_in(username)
        return [unit["code"] for unit in caller.get(f"/units?limit=200{query}")["items"]]

    assert codes("teacher.li") == ["3601020001"]
    assert set(codes("county.donghu")) == {"360102", *(f"360102000{n}" for n in range(1, 7)), "3601020901"}
    assert codes("manager.nanchang", "&under=360124")[0] == "360124"
    assert len(codes("manager.province")) > 120


def test_lists_of_units_come_page_by_page(app: Flask) -> None:
    caller = Caller(app.test_client()).sign_in("manager.province")
    seen, cursor = [], None
    while True:
        page = caller.get("/units", query_string={"limit": 50, **({"cursor": cursor} if cursor else {})})
        seen += [unit["path"] for unit in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) > 120
    caller.get("/units?cursor=nonsense", status=422)


def test_a_download_is_recorded_and_is_the_file_as_it_came(app: Flask, run: Runtime) -> None:
    from tests.accounts.conftest import DATA

    number = Caller(app.test_client()).send_letter()["number"]
    browser = Browser(app).sign_in("manager.donghu")
    browser.get(f"/accounts/letters/{number}")
    answer = browser.submit(f"/accounts/letters/{number}/original")
    assert answer.data == (DATA / "letter.pdf").read_bytes()
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "下载原件" in browser.get(f"/accounts/letters/{number}")
