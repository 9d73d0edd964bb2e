"""我的登录: one's own sessions seen and ended, the password changed, an app set up without being asked."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

import time_machine
from flask import Flask

from services.accounts.access import totp
from shared.auth import TokenVerifier
from shared.database import utc_now
from shared.directory import DirectoryBase, access_is_good, apply_access_end
from shared.events.accounts import AccessEnded
from shared.service import Runtime
from shared.web import build_app
from tests.accounts.conftest import PASSWORD, Browser, Caller, events

NEW = "Another-2026-word"


def callers(app: Flask, *usernames: str) -> list[Caller]:
    """Each signed in, in a session of its own."""
    return [Caller(app.test_client()).sign_in(username) for username in usernames]


def test_t13_the_owner_sees_her_sessions_and_ends_one_in_every_service(app: Flask, run: Runtime) -> None:
    here, there, another = callers(app, "teacher.li", "teacher.li", "teacher.xu")
    sessions = here.get("/sessions")["items"]
    assert len(sessions) == 2
    assert sorted(row["current"] for row in sessions) == [False, True]
    assert {row["address"] for row in sessions} == {"127.0.0.1"}
    assert all(row["client"].startswith("Werkzeug") for row in sessions)
    other = next(row["id"] for row in sessions if not row["current"])
    another.call("DELETE", f"/sessions/{other}", status=404)
    here.call("DELETE", f"/sessions/{other}", status=204)
    here.call("DELETE", f"/sessions/{other}", status=204)
    there.get("/units", status=401)
    here.get("/units")
    (told,) = events(run, "accounts.access_ended.v1")
    assert (told["session_id"], told["reason"]) == (other, "signed_out")


def test_t13_another_service_refuses_an_ended_session_and_no_other(sqlite_run: Runtime) -> None:
    run = sqlite_run
    app = build_app(run)
    here, there = callers(app, "teacher.li", "teacher.li")
    ended = next(row["id"] for row in here.get("/sessions")["items"] if not row["current"])
    here.call("DELETE", f"/sessions/{ended}", status=204)
    told = events(run, "accounts.access_ended.v1")[-1]
    verifier = TokenVerifier(run.settings.token_dir / "jwks.json")
    dead, alive = (verifier.verify(caller.headers["Authorization"].split()[1]) for caller in (there, here))
    DirectoryBase.metadata.create_all(run.database.engine)
    with run.database.transaction() as session:
        apply_access_end(session, AccessEnded.load(told))
        session.flush()
        assert not access_is_good(session, dead)
        assert access_is_good(session, alive)


def test_t13_a_new_password_asks_the_old_one_and_ends_all_other_sessions(app: Flask, run: Runtime) -> None:
    here, there = callers(app, "teacher.li", "teacher.li")
    refused = here.put("/password", {"old": "guess", "password": NEW}, status=422)
    assert [error["field"] for error in refused["errors"]] == ["old"]
    weak = here.put("/password", {"old": PASSWORD, "password": "short"}, status=422)
    assert {error["field"] for error in weak["errors"]} == {"password"}
    here.put("/password", {"old": PASSWORD, "password": NEW}, status=204)
    there.get("/units", status=401)
    here.get("/units")
    stranger = Caller(app.test_client())
    stranger.post("/sessions", {"username": "teacher.li", "password": PASSWORD}, status=401)
    stranger.sign_in("teacher.li", NEW)


def test_guessing_ones_own_password_is_throttled(sqlite_stranger: Caller) -> None:
    here = sqlite_stranger.sign_in("teacher.li")
    for _ in range(8):
        here.put("/password", {"old": "guess", "password": NEW}, status=422)
    here.put("/password", {"old": PASSWORD, "password": NEW}, status=429)


def test_the_page_ends_sessions_and_changes_the_password(sqlite_run: Runtime) -> None:
    app = build_app(sqlite_run)
    app.config["TESTING"] = True
    here, there, third = (Browser(app).sign_in("teacher.li") for _ in range(3))
    page = here.get("/accounts/mine")
    assert page.count("就是这里") == 1
    action = re.findall(r'action="(/accounts/mine/sessions/[^/"]+/end)"', page)[0]
    assert here.submit(action).status_code == 303
    assert sorted(browser.client.get("/accounts/mine").status_code for browser in (there, third)) == [200, 302]
    here.get("/accounts/mine")
    assert here.submit("/accounts/mine/sessions/end-others").status_code == 303
    assert {browser.client.get("/accounts/mine").status_code for browser in (there, third)} == {302}
    assert "已结束其他 1 次登录" in here.get("/accounts/mine")
    answer = here.submit("/accounts/mine/password", old=PASSWORD, password=NEW, again="different-2026")
    assert answer.status_code == 422
    assert "两次输入的密码不一致" in answer.text
    assert here.submit("/accounts/mine/password", old=PASSWORD, password=NEW, again=NEW).status_code == 303
    Browser(app).sign_in("teacher.li", NEW)


def test_t13_anybody_may_set_up_an_app_and_change_it_for_another(sqlite_run: Runtime) -> None:
    app = build_app(sqlite_run)
    app.config["TESTING"] = True
    with time_machine.travel(datetime(2027, 3, 5, 9, 0, 3, tzinfo=UTC), tick=False) as clock:
        here = Browser(app).sign_in("teacher.li")

        def begin(**fields: str) -> int:
            here.get("/accounts/mine")
            return here.submit("/accounts/mine/second-step", **fields).status_code

        def confirm() -> list[str]:
            shown = re.search(r'id="totp-secret">([A-Z2-7 ]+)<', here.get("/accounts/mine/second-step"))
            assert shown
            secrets.append(base64.b32decode(shown[1].replace(" ", "")))
            code = totp.code_of(secrets[-1], totp.step_of(utc_now()))
            wrong = here.submit("/accounts/mine/second-step/confirm", code="000000" if code != "000000" else "1")
            assert wrong.status_code == 422
            here.page = wrong.text
            done = here.submit("/accounts/mine/second-step/confirm", code=code)
            return re.findall(r"<li>((?:[A-Z2-7]{4} ?){4})</li>", done.text)

        secrets: list[bytes] = []
        assert begin(own_password="guess") == 422
        assert here.client.get("/accounts/mine/second-step").status_code == 303, "nothing is shown without the password"
        assert begin(own_password=PASSWORD) == 303
        codes = confirm()
        assert len(codes) == 10
        assert "密码＋动态码" in here.get("/accounts/mine")
        assert begin(own_password=PASSWORD, code="") == 422
        assert begin(own_password=PASSWORD, code=codes[3]) == 303
        assert not set(confirm()) & set(codes)
        clock.shift(30)
        caller, body = Caller(app.test_client()), {"username": "teacher.li", "password": PASSWORD}
        old, new = (totp.code_of(secret, totp.step_of(utc_now())) for secret in secrets)
        caller.post("/sessions", {**body, "code": old}, status=401)
        caller.post("/sessions", {**body, "code": codes[4]}, status=401)
        caller.post("/sessions", {**body, "code": new}, status=201)
