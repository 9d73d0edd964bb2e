"""The second step of signing in: who must have one, codes that count once, recovery codes, and resetting."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from services.accounts import parts
from services.accounts.access import attempts, edge, totp
from services.accounts.access.models import Account, RecoveryCode, SecondFactor, SignInSession
from services.accounts.access.operations import give_role
from services.accounts.models import HistoryLine, Unit
from shared.auth import COOKIE
from shared.database import utc_now
from shared.errors import NotSignedIn
from shared.service import Runtime
from shared.settings import SecondFactor as Policy
from shared.web import build_app
from tests.accounts.conftest import PASSWORD, Browser, Caller

SECOND = "/accounts/sign-in/second-step"
WHY = {"reason": "手机丢失，已电话核实本人"}


def served(run: Runtime, policy: Policy = Policy.REQUIRED) -> Flask:
    """The web side of an installation with that policy."""
    run.settings = replace(run.settings, second_factor=policy)
    app = build_app(run)
    app.config["TESTING"] = True
    return app


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands still, so that no code changes while a test goes on."""
    with time_machine.travel(datetime(2027, 3, 5, 9, 0, 3, tzinfo=UTC), tick=False) as stopped:
        yield stopped


def code_of(secret: bytes) -> str:
    """What an app shows now."""
    return totp.code_of(secret, totp.step_of(utc_now()))


def first_step(app: Flask, username: str) -> Browser:
    """Somebody whose password was right and who is asked for more."""
    browser = Browser(app)
    browser.get("/accounts/sign-in")
    answer = browser.submit("/accounts/sign-in", username=username, password=PASSWORD, next="/accounts/mine")
    assert (answer.status_code, answer.headers["Location"]) == (303, SECOND)
    assert not any(cookie.startswith(COOKIE) for cookie in answer.headers.getlist("Set-Cookie"))
    browser.get(SECOND)
    return browser


def set_up(app: Flask, username: str) -> tuple[Browser, bytes, list[str]]:
    """Signed in by a new app: the browser, the app's secret, the recovery codes."""
    browser = first_step(app, username)
    shown = re.search(r'id="totp-secret">([A-Z2-7 ]+)<', browser.page)
    assert shown
    secret = base64.b32decode(shown[1].replace(" ", ""))
    answer = browser.submit(SECOND, code=code_of(secret))
    assert answer.status_code == 200, answer.text
    codes = re.findall(r"<li>((?:[A-Z2-7]{4} ?){4})</li>", answer.text)
    assert len(codes) == len(set(codes)) == totp.RECOVERY_CODES
    return browser, secret, codes


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B, SHA-1."""
    secret = b"12345678901234567890"
    at = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_of(secret, totp.step_of(at), digits=8) == code
    assert totp.matching_step(secret, code[2:], at + timedelta(seconds=30)) == totp.step_of(at)
    assert totp.matching_step(secret, code[2:], at + timedelta(seconds=90)) is None


def test_t13_a_manager_sets_up_her_app_at_the_first_sign_in_and_is_asked_for_codes_ever_after(
    run: Runtime, clock: time_machine.Traveller
) -> None:
    app = served(run)
    assert Browser(app).sign_in("teacher.li").sent_to == "/", "who need not have one is not asked"
    browser, secret, _ = set_up(app, "manager.donghu")
    assert "密码＋动态码" in browser.get("/accounts/mine")
    with run.database.reading() as session:
        factor = session.scalars(select(SecondFactor)).one()
        assert secret not in factor.secret_sealed
        assert parts.factor_secrets(run).open(factor.secret_sealed) == secret
    again = first_step(app, "manager.donghu")
    assert "totp-secret" not in again.page
    assert again.submit(SECOND, code=code_of(secret)).status_code == 401, "the code of the set-up was used"
    clock.shift(30)
    code = code_of(secret)
    answer = again.submit(SECOND, code=f"{code[:3]} {code[3:]}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/accounts/mine")
    late = first_step(app, "manager.donghu")
    clock.shift(601)
    answer = late.submit(SECOND, code=code_of(secret))
    assert answer.headers["Location"] == "/accounts/sign-in?next=/accounts/mine", "ten minutes for both steps"


def test_t13_who_must_have_a_second_step(sqlite_run: Runtime) -> None:
    asked = {}
    for policy in Policy:
        run = served(sqlite_run, policy).extensions["xuefen"]
        for username in ("manager.donghu", "manager.province", "province", "county.donghu", "teacher.li"):
            done = edge.sign_in(run, username, PASSWORD, "test", "192.0.2.1")
            asked[policy, username] = isinstance(done, edge.StepDue)
    assert {username for (policy, username), due in asked.items() if due} == {
        "manager.donghu",
        "manager.province",
        "province",
    }
    assert not any(due for (policy, _), due in asked.items() if policy is Policy.OFFERED)


def test_t13_a_code_and_a_recovery_code_each_let_one_in_once(run: Runtime, clock: time_machine.Traveller) -> None:
    _, secret, codes = set_up(served(run), "manager.donghu")
    clock.shift(30)
    due = edge.sign_in(run, "manager.donghu", PASSWORD, "test", "192.0.2.1")
    assert isinstance(due, edge.StepDue)

    def come_in(code: str) -> bool:
        try:
            edge.pass_second_step(run, due.ticket, code, "test", "192.0.2.1")
        except NotSignedIn:
            return False
        return True

    for code in (code_of(secret), codes[0].lower()):
        with ThreadPoolExecutor(3) as pool:
            assert sorted(pool.map(come_in, [code] * 3)) == [False, False, True]
    with run.database.reading() as session:
        used = session.scalars(select(RecoveryCode).where(RecoveryCode.used_at.is_not(None))).all()
        assert len(used) == 1
        assert codes[0].replace(" ", "") not in {used[0].digest}
        assert {row.second_step for row in session.scalars(select(SignInSession))} == {"app", "recovery"}
        lines = session.scalars(select(HistoryLine).order_by(HistoryLine.id)).all()
        assert [(line.act, line.text) for line in lines] == [("设置动态口令", None), ("用恢复码", "还剩 9 个")]


def test_t13_wrong_codes_are_throttled_whatever_the_address(sqlite_run: Runtime, clock: time_machine.Traveller) -> None:
    app = served(sqlite_run)
    _, secret, _ = set_up(app, "manager.donghu")
    clock.shift(30)
    right = code_of(secret)
    wrong = f"{(int(right) + 1) % 1000000:06d}"
    browser = first_step(app, "manager.donghu")
    for _ in range(attempts.SIGN_IN_LIMIT):
        assert browser.submit(SECOND, code=wrong).status_code == 401
    assert browser.submit(SECOND, code=right).status_code == 429
    body = {"username": "manager.donghu", "password": PASSWORD, "code": right}
    elsewhere = app.test_client().post(
        "/accounts/api/v1/sessions", json=body, environ_base={"REMOTE_ADDR": "192.0.2.9"}
    )
    assert elsewhere.status_code == 429


def test_programs_send_the_code_along(sqlite_run: Runtime, clock: time_machine.Traveller) -> None:
    app = served(sqlite_run)
    caller, body = Caller(app.test_client()), {"username": "manager.donghu", "password": PASSWORD}
    assert caller.post("/sessions", body, status=403)["second_step"] == "setup"
    _, secret, _ = set_up(app, "manager.donghu")
    clock.shift(30)
    assert caller.post("/sessions", body, status=401)["second_step"] == "code"
    answer = caller.post("/sessions", {**body, "code": code_of(secret)}, status=201)
    assert answer["account"]["role"] == "account_manager"


def test_t13_a_manager_above_or_the_units_second_manager_resets(run: Runtime, clock: time_machine.Traveller) -> None:
    with run.database.transaction() as session:
        for username, code in (("teacher.xu", "360102"), ("county.jinxian", "360124")):
            account = session.scalars(select(Account).where(Account.username == username)).one()
            give_role(session, account, "account_manager", session.scalars(select(Unit).where(Unit.code == code)).one())
        county_admin = session.scalars(select(Account.id).where(Account.username == "county.donghu")).one()
        own_id = session.scalars(select(Account.id).where(Account.username == "manager.donghu")).one()
    app = served(run)
    clock.shift(1)
    browser, _, codes = set_up(app, "manager.donghu")
    run.settings = replace(run.settings, second_factor=Policy.OFFERED)
    second, above, province = (
        Caller(app.test_client()).sign_in(name) for name in ("teacher.xu", "manager.nanchang", "manager.province")
    )
    address = f"/accounts/{own_id}/second-step/reset"
    second.post(f"/accounts/{county_admin}/second-step/reset", WHY, status=409)
    second.post(f"/accounts/{second.account['id']}/second-step/reset", WHY, status=403)
    Caller(app.test_client()).sign_in("county.jinxian").post(address, WHY, status=404)
    above.post(address, {"reason": " "}, status=422)
    browser.get("/accounts/mine")
    second.post(address, WHY)
    assert browser.client.get("/accounts/mine").status_code == 302, "signed out everywhere"
    for manager in (above, province):
        manager.post(address, WHY, status=409)
    with run.database.reading() as session:
        line = session.scalars(select(HistoryLine).order_by(HistoryLine.id.desc())).first()
        assert line is not None
        assert (line.act, line.text, line.actor_id) == ("重置动态口令", WHY["reason"], second.account["id"])
    run.settings = replace(run.settings, second_factor=Policy.REQUIRED)
    _, _, fresh = set_up(app, "manager.donghu")
    assert not set(fresh) & set(codes)


def test_t13_a_session_without_a_second_step_does_not_grow_into_a_managers(sqlite_run: Runtime) -> None:
    """Somebody signed in by the password alone is given such a post: she must sign in anew."""
    app = served(sqlite_run)
    browser = Browser(app).sign_in("teacher.li")
    with sqlite_run.database.transaction() as session:
        account = session.scalars(select(Account).where(Account.username == "teacher.li")).one()
        give_role(session, account, "account_manager", session.scalars(select(Unit).where(Unit.code == "360102")).one())
    assert "登录" in browser.get("/accounts/sign-in?next=/"), "not renewed"
    browser.client.delete_cookie(COOKIE)
    set_up(app, "teacher.li")
