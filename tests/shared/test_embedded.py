"""All services in one process: what one says the others hear, and whose access has ended is shut out of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from shared import directory
from shared.auth import COOKIE
from shared.client import wait_for
from shared.demo import PASSWORD
from shared.embedded import AlreadyRunning, Embedded, by_first_segment
from shared.settings import SERVICES, load_settings
from shared.web import CSP

QINGFENG = "360000/360100/360102/3601020001/"
STANDING = "/credits/api/v1/me/standing"
PLANS = "/plans/api/v1/plans"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The whole system with the sample province, as `make run` starts it."""
    made = Embedded(load_settings({"XUEFEN_DATA": str(tmp_path_factory.mktemp("embedded"))}))
    made.start()
    made.load_sample()
    assert made.wait_until_idle(60)
    yield made
    made.stop()


class Person:
    """Somebody with a program and a browser."""

    def __init__(self, system: Embedded, username: str) -> None:
        self.program, self.browser = Client(system.wsgi()), Client(system.wsgi())
        self.credentials = {"username": username, "password": PASSWORD}
        answer = self.program.post("/accounts/api/v1/sessions", json=self.credentials)
        assert answer.status_code == 201, answer.text
        self.id: str = answer.get_json()["account"]["id"]
        self.headers = {"Authorization": f"Bearer {answer.get_json()['token']}"}
        self._keys = 0

    def enter(self) -> Person:
        """Signs the browser in as well."""
        page = self.browser.get("/accounts/sign-in").text
        form = {"csrf_token": token_in(page), "next": "/"}
        answer = self.browser.post("/accounts/sign-in", data={**form, **self.credentials})
        assert answer.status_code == 302
        return self

    def get(self, path: str) -> int:
        """The status of what a program gets."""
        return self.program.get(path, headers=self.headers).status_code

    def post(self, path: str, body: Any) -> TestResponse:
        """A change by a program."""
        self._keys += 1
        return self.program.post(path, json=body, headers={**self.headers, "Idempotency-Key": f"key-{self._keys}"})


def token_in(page: str) -> str:
    """The CSRF token of the first form."""
    found = re.search('name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def test_what_accounts_says_is_known_everywhere(system: Embedded) -> None:
    for name in ("plans", "credits"):
        with system.runtimes[name].database.reading() as session:
            assert directory.unit(session, QINGFENG).name.endswith("青枫小学")
    assert system.idle()


def test_the_first_part_of_the_path_chooses_the_service() -> None:
    def app(name: str) -> Any:
        return lambda environ, start: [name.encode()]

    choose = by_first_segment({name: app(name) for name in SERVICES})
    for path, name in {
        "/plans/mine": "plans",
        "/credits": "credits",
        "//plans/mine": "plans",
        "/": "accounts",
        "": "accounts",
        "/plansx/": "accounts",
        "/accounts/plans": "accounts",
        "/nothing": "accounts",
    }.items():
        assert list(choose({"PATH_INFO": path}, None)) == [name.encode()]


def test_one_sign_in_opens_all_services_and_signing_out_closes_them(system: Embedded) -> None:
    teacher = Person(system, "teacher.li").enter()
    assert teacher.get(STANDING) == 200
    assert teacher.browser.get("/credits/mine").status_code == 200
    assert teacher.program.delete("/accounts/api/v1/sessions/current", headers=teacher.headers).status_code == 204
    assert teacher.get("/accounts/api/v1/sessions/current") == 401, "where it was said, at once"
    wait_for(lambda: teacher.get(STANDING) == 401, "the end of access in credits", 5)
    assert teacher.browser.get("/credits/mine").status_code == 200, "the browser has a session of its own"


def test_signing_out_in_the_browser_works_from_the_page_of_another_service(system: Embedded) -> None:
    teacher = Person(system, "teacher.li").enter()
    page = teacher.browser.get("/credits/mine").text
    stolen = teacher.browser.get_cookie(COOKIE)
    assert stolen is not None
    answer = teacher.browser.post("/accounts/sign-out", data={"csrf_token": token_in(page)})
    assert answer.status_code == 302
    assert teacher.browser.get_cookie(COOKIE) is None
    # The token itself is dead, not only forgotten by this browser.
    thief = Client(system.wsgi())
    thief.set_cookie(COOKIE, stolen.value)
    wait_for(lambda: thief.get("/credits/mine").status_code == 302, "the end of the stolen cookie", 5)
    assert teacher.get(STANDING) == 200, "the program has a session of its own"


def test_suspension_shuts_out_of_every_service_within_five_seconds(system: Embedded) -> None:
    manager, school = Person(system, "manager.donghu"), Person(system, "school.qingfeng").enter()
    assert school.get(PLANS) == 200
    assert school.browser.get("/plans/mine").status_code == 200
    suspended = manager.post(f"/accounts/api/v1/accounts/{school.id}/suspend", {"reason": "人员调离"})
    assert suspended.status_code == 200
    wait_for(lambda: school.get(PLANS) == 401, "the end of access in plans", 5)
    assert school.browser.get("/plans/mine").status_code == 302
    restored = manager.post(f"/accounts/api/v1/accounts/{school.id}/restore", {"reason": "核实无误"})
    assert restored.status_code == 200
    assert school.get(PLANS) == 401, "old tokens stay dead"
    assert Person(system, "school.qingfeng").get(PLANS) == 200
    assert manager.get("/accounts/api/v1/sessions/current") == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/accounts/sign-in", "/accounts/nothing", "/plans/mine", "/credits/mine", "/nothing", "/plans/api/",
     "/credits/api/openapi.json", "/accounts/api/v1/units", "/plans/healthz", "/credits/static/xuefen.css",
     "/plans/static/nothing.css", "/accounts/activate/x", "/accounts/letters/new"],
)  # fmt: skip
def test_the_headers_are_on_every_answer_of_every_service(system: Embedded, path: str) -> None:
    answer = Client(system.wsgi()).get(path)
    assert answer.status_code < 500
    assert answer.headers["Content-Security-Policy"] == CSP
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    found = answer.headers["Cache-Control"]
    assert found == ("public, max-age=3600" if path == "/credits/static/xuefen.css" else "no-store")


@pytest.mark.parametrize("service", SERVICES)
def test_it_says_whether_it_is_ready(system: Embedded, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(system.wsgi())
    assert client.get(f"/{service}/healthz").get_json() == {"status": "ok", "service": service}
    ready = client.get(f"/{service}/readyz")
    assert ready.status_code == 200
    assert ready.get_json()["checks"] == {"database": "ok", "messages": "ok"}
    relays = system.runtimes[service].extras["relays"]
    for relay in relays:
        monkeypatch.setattr(relay, "beat", relay.beat - 3600)
    with monkeypatch.context() as patch:
        patch.setitem(system.runtimes[service].extras, "relays", [Stopped()])
        stopped = client.get(f"/{service}/readyz")
    assert stopped.status_code == 503
    assert stopped.get_json()["checks"]["messages"] == "dispatcher stopped"


class Stopped:
    """A dispatcher that has not been heard of."""

    kind, beat = "event", float("-inf")


def test_readiness_does_not_wait_for_a_writer(system: Embedded) -> None:
    with system.runtimes["plans"].database.transaction() as session:
        session.connection().exec_driver_sql("SELECT 1")  # now it holds SQLite's lock
        assert Client(system.wsgi()).get("/plans/readyz").status_code == 200


def test_a_second_process_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    settings = load_settings({"XUEFEN_DATA": str(tmp_path)})
    first = Embedded(settings)
    with pytest.raises(AlreadyRunning):
        Embedded(settings)
    first.stop()
    Embedded(settings).stop()
