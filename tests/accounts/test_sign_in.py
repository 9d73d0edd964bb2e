"""Signing in and out: one answer for whatever is wrong, a lock that outlasts a restart, tokens that end at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from statistics import median

import pytest
import time_machine
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select, update

from services.accounts.access import attempts, edge, passwords
from services.accounts.access.models import Account, SignInSession
from services.accounts.access.operations import give_role
from services.accounts.access.passwords import DECOY, Passwords
from services.accounts.models import Unit
from shared.auth import COOKIE
from shared.database import utc_now
from shared.errors import Invalid, NotSignedIn
from shared.service import Runtime
from tests.accounts.conftest import PASSWORD, Browser, Caller, events

SESSIONS = "/sessions"
API = "/accounts/api/v1"


def test_a_sign_in_gives_a_token_with_the_posts(app: Flask) -> None:
    caller = Caller(app.test_client()).sign_in("county.donghu")
    assert caller.account["name"] == "万青禾"
    assert caller.account["role"] == "county_admin"
    offices = {(post["office"], post["unit_path"], post["body"]) for post in caller.account["posts"]}
    assert ("plan_review", "360000/360100/360102/", "南昌市东湖区教育体育局") in offices
    assert caller.get("/sessions/current") == caller.account


def test_a_training_school_reviews_for_its_county(app: Flask) -> None:
    """FAQ-Q15: 进贤县's plans are reviewed by its training school, in the name of the county."""
    posts = Caller(app.test_client()).sign_in("county.jinxian").account["posts"]
    review = next(post for post in posts if post["office"] == "plan_review")
    assert review["unit_path"] == "360000/360100/360124/"
    assert review["body"] == "进贤县教师进修学校"


def test_the_name_may_be_typed_in_capitals_and_with_spaces(stranger: Caller) -> None:
    assert stranger.sign_in(" Manager.Donghu ").account["name"] == "熊知秋"


def test_wrong_name_and_wrong_password_get_the_same_answer(stranger: Caller) -> None:
    answers = [
        stranger.post(SESSIONS, {"username": name, "password": "not it"}, status=401)
        for name in ("manager.donghu", "nobody.at.all", "3601020003-01")
    ]
    kept = [{key: value for key, value in answer.items() if key != "request_id"} for answer in answers]
    assert kept[0] == kept[1] == kept[2]


def test_unknown_names_take_as_long(sqlite_run: Runtime) -> None:
    """With the real parameters: an unknown name is verified against a decoy."""
    hasher = PasswordHasher()
    assert not hasher.check_needs_rehash(DECOY)
    sqlite_run.extras["passwords"] = Passwords()
    with sqlite_run.database.transaction() as session:
        real = hasher.hash(PASSWORD)
        session.execute(update(Account).where(Account.username == "teacher.li").values(password_hash=real))

    def seconds(username: str) -> float:
        # Of the processor, not of the clock: what else the machine does says nothing of names.
        begun = time.process_time()
        with pytest.raises(NotSignedIn):
            edge.sign_in(sqlite_run, username, "wrong password", "test", "192.0.2.1")
        return time.process_time() - begun

    known = median(seconds("teacher.li") for _ in range(3))
    unknown = median(seconds(f"nobody{n}") for n in range(3))
    assert 0.5 < unknown / known < 2


def test_failures_lock_the_name_even_against_the_right_password(app: Flask, run: Runtime) -> None:
    caller = Caller(app.test_client())
    for _ in range(attempts.SIGN_IN_LIMIT):
        caller.post(SESSIONS, {"username": "teacher.li", "password": "guess"}, status=401)
    locked = caller.post(SESSIONS, {"username": "teacher.li", "password": PASSWORD}, status=429)
    assert "已暂时锁定" in locked["detail"]
    # The counter is in the database: a process that has just started knows it too.
    run.database.dispose()
    caller.post(SESSIONS, {"username": "TEACHER.LI", "password": PASSWORD}, status=429)
    caller.sign_in("teacher.xu")
    with time_machine.travel(utc_now() + attempts.WINDOW + timedelta(seconds=1), tick=True):
        caller.sign_in("teacher.li")


def test_unknown_names_are_locked_alike(stranger: Caller) -> None:
    for _ in range(attempts.SIGN_IN_LIMIT):
        stranger.post(SESSIONS, {"username": "nobody", "password": "guess"}, status=401)
    stranger.post(SESSIONS, {"username": "nobody", "password": "guess"}, status=429)


def test_nobody_is_locked_out_from_elsewhere(app: Flask, run: Runtime) -> None:
    """Whoever guesses locks the name for her own address only."""
    body = {"username": "teacher.li", "password": "guess"}
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    for _ in range(attempts.SIGN_IN_LIMIT):
        assert app.test_client().post(API + SESSIONS, json=body, environ_base=elsewhere).status_code == 401
    assert app.test_client().post(API + SESSIONS, json=body, environ_base=elsewhere).status_code == 429
    Caller(app.test_client()).sign_in("teacher.li")


def test_an_address_that_tries_many_names_must_wait(stranger: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "ADDRESS_LIMIT", 4)
    for number in range(3):
        stranger.post(SESSIONS, {"username": f"nobody{number}", "password": "guess"}, status=401)
    for _ in range(3):
        stranger.sign_in("teacher.xu")
    stranger.post(SESSIONS, {"username": "nobody3", "password": "guess"}, status=401)
    stranger.post(SESSIONS, {"username": "teacher.li", "password": PASSWORD}, status=429)


def test_a_name_tried_from_everywhere_must_wait(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "NAME_LIMIT", 4)
    for username in ("teacher.li", "nobody"):
        body = {"username": username, "password": "guess"}
        answers = [
            app.test_client()
            .post(API + SESSIONS, json=body, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"})
            .status_code
            for number in range(5)
        ]
        assert answers == [401] * 4 + [429]


def test_a_right_password_clears_the_counter(stranger: Caller) -> None:
    for _ in range(3):
        for _ in range(attempts.SIGN_IN_LIMIT - 1):
            stranger.post(SESSIONS, {"username": "teacher.li", "password": "guess"}, status=401)
        stranger.sign_in("teacher.li")


def test_guesses_made_at_once_are_counted_before_they_are_tried(run: Runtime) -> None:
    tried = []

    class Counting(Passwords):
        def verify(self, password_hash: str | None, password: str) -> bool:
            tried.append(password)
            return False

    run.extras["passwords"] = Counting()

    def guess(number: int) -> str:
        try:
            edge.sign_in(run, "teacher.li", f"guess {number}", "test", "192.0.2.1")
        except Exception as error:
            return type(error).__name__
        return "in"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(guess, range(30)))
    assert len(tried) == attempts.SIGN_IN_LIMIT
    assert outcomes.count("TooMany") == 30 - attempts.SIGN_IN_LIMIT


def test_a_weaker_hash_is_made_anew(run: Runtime) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with run.database.transaction() as session:
        session.execute(update(Account).where(Account.username == "teacher.li").values(password_hash=weak))
    strong = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    run.extras["passwords"] = Passwords(strong, decoy=strong.hash("x"))
    edge.sign_in(run, "teacher.li", PASSWORD, "test", "192.0.2.1")
    with run.database.reading() as session:
        kept = session.scalar(select(Account.password_hash).where(Account.username == "teacher.li"))
    assert kept is not None
    assert not strong.check_needs_rehash(kept)


def test_signing_out_ends_the_token_everywhere(stranger: Caller, run: Runtime) -> None:
    stranger.sign_in("teacher.li")
    stranger.get("/units")
    stranger.call("DELETE", "/sessions/current", status=204)
    stranger.get("/units", status=401)
    ended = events(run, "accounts.access_ended.v1")[-1]
    assert (ended["account_id"], ended["reason"]) == (stranger.account["id"], "signed_out")
    with run.database.reading() as session:
        assert ended["session_id"] == session.scalar(select(SignInSession.id))


def test_a_token_without_a_session_of_ours_is_nothing(stranger: Caller, run: Runtime) -> None:
    stranger.sign_in("teacher.li")
    with run.database.transaction() as session:
        session.execute(update(SignInSession).values(expires_at=utc_now()))
    stranger.get("/units", status=401)


@pytest.mark.parametrize(
    ("password", "reasons"),
    [
        ("short-1", 1),
        ("onlyletters", 1),
        ("1234567890", 1),
        ("abc", 2),
        ("teacher.li-2026", 1),
        ("x1" * 70, 1),
        ("Letter-2026-ok", 0),
        ("我的密码很长很安全2026", 0),
    ],
)
def test_which_passwords_are_good_enough(password: str, reasons: int) -> None:
    if not reasons:
        passwords.require_good(password, "teacher.li")
        return
    with pytest.raises(Invalid) as caught:
        passwords.require_good(password, "teacher.li")
    assert len(caught.value.fields["password"]) == reasons


class TestInTheBrowser:
    """The session cookie of pages."""

    def test_the_cookie_is_out_of_reach_of_scripts(self, app: Flask) -> None:
        browser = Browser(app)
        browser.get("/accounts/sign-in")
        answer = browser.submit("/accounts/sign-in", username="teacher.li", password=PASSWORD)
        cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith(COOKIE))
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie

    @pytest.mark.parametrize(
        ("asked", "sent"),
        [("/plans/mine", "/plans/mine"), ("https://evil.example/", "/"), ("//evil.example", "/"), ("", "/")],
    )
    def test_nobody_is_sent_off_the_site(self, app: Flask, asked: str, sent: str) -> None:
        assert Browser(app).sign_in("teacher.li", next_page=asked).sent_to == sent

    def test_what_was_typed_stays_and_the_status_says_it(self, app: Flask) -> None:
        browser = Browser(app)
        browser.get("/accounts/sign-in")
        answer = browser.submit("/accounts/sign-in", username="teacher.li", password="no")
        assert answer.status_code == 401
        assert 'value="teacher.li"' in answer.text
        assert "账号或密码不正确" in answer.text

    def test_a_form_without_its_csrf_token_is_refused(self, app: Flask) -> None:
        answer = app.test_client().post("/accounts/sign-in", data={"username": "teacher.li", "password": PASSWORD})
        assert answer.status_code == 400

    def test_changed_rights_renew_the_token_without_signing_in_again(self, app: Flask, run: Runtime) -> None:
        browser = Browser(app).sign_in("teacher.li")
        assert "账号管理" not in browser.get("/")
        with run.database.transaction() as session:
            account = session.scalars(select(Account).where(Account.username == "teacher.li")).one()
            county = session.scalars(select(Unit).where(Unit.code == "360102")).one()
            give_role(session, account, "account_manager", county)
        assert events(run, "accounts.access_ended.v1")[-1]["reason"] == "rights_changed"
        refused = browser.client.get("/")
        assert refused.status_code == 302
        assert refused.headers["Location"] == "/accounts/sign-in?next=/"
        renewed = browser.client.get(refused.headers["Location"])
        assert (renewed.status_code, renewed.headers["Location"]) == (302, "/")
        assert "账号管理" in browser.get("/")

    def test_signing_out_needs_a_form_and_ends_the_session(self, app: Flask, run: Runtime) -> None:
        browser = Browser(app).sign_in("teacher.li")
        browser.get("/accounts/sign-out", status=405)
        browser.get("/")
        assert browser.submit("/accounts/sign-out").status_code == 302
        assert browser.client.get("/").status_code == 302
        assert browser.submit("/accounts/sign-out").status_code == 302, "once more is no error"
        assert len(events(run, "accounts.access_ended.v1")) == 1

    def test_home_offers_what_the_offices_are_for(self, app: Flask) -> None:
        everything = {"/credits/fragments/mine", "/accounts/fragments/waiting", "/plans/fragments/waiting"}
        for username, parts in {
            "teacher.li": {"/credits/fragments/mine"},
            "manager.donghu": {"/accounts/fragments/waiting"},
            "county.donghu": {"/plans/fragments/waiting"},
            "school.qingfeng": {"/plans/fragments/waiting"},
        }.items():
            page = Browser(app).sign_in(username).get("/")
            assert {part for part in everything if part in page} == parts, username
