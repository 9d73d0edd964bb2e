"""Logs: whole, one object a line, with the request id from HTTP over events to jobs, and never anybody's data."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from shared.database import Database
from shared.events.accounts import HolderPersonal, PersonPersonal
from shared.events.plans import PlanDecided
from shared.jobs import Job, run_later
from shared.logs import configure_logs, hide_personal
from shared.relay import LocalTransport, Relay
from shared.service import Runtime, Service
from shared.web import SIGNED_IN, allow, once
from tests.shared import fake
from tests.shared.kernel import TEACHER, make_site
from tests.shared.test_directory import person
from tests.shared.test_identity import GOOD, NUMBERS, WITH_X

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging is one for the whole process: it is put back as it was."""
    root, config = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """JSON logs from here on; returns what has been written, each line an object."""
    stream = io.StringIO()
    with monkeypatch.context() as patch:  # pytest has another stderr in each of its phases
        patch.setattr(sys, "stderr", stream)
        configure_logs("DEBUG")
        structlog.configure(cache_logger_on_first_use=False)  # or this would outlive the test
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def fresh(name: str = "test") -> Any:
    """A logger that was not used under another configuration."""
    return structlog.stdlib.get_logger(name)


@dataclass
class Holder:
    """Something with a person in it."""

    title: str
    personal: PersonPersonal
    others: list[HolderPersonal] = field(default_factory=list)


ZHANG = PersonPersonal(name="张三丰", masked_identity="360102********001X")


class Thing:
    """Something of a kind that no rule knows."""

    def __repr__(self) -> str:
        return f"<Thing of {GOOD}>"


@pytest.mark.parametrize(
    "value",
    [
        GOOD,
        f"身份证{GOOD}，",
        f"id={WITH_X}",
        WITH_X.lower(),
        int(GOOD),
        [GOOD],
        (GOOD, 1),
        {GOOD},
        {"a": {"b": [GOOD]}},
        {GOOD: 1},
        ValueError(f"bad number {GOOD}"),
        Thing(),
        [Thing()],
        GOOD.encode(),
        Path("/tmp") / GOOD,
        {"personal": {"name": GOOD}},
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_identity_number_is_masked_wherever_it_stands(lines: Lines, value: Any) -> None:
    fresh().info("looked at", value=value)
    logging.getLogger("library").warning("looked at %s", value)
    logging.getLogger("library").warning("looked", extra={"value": value})
    text = json.dumps(lines(), ensure_ascii=False)
    assert not re.search(r"\d{14}", text)
    assert not re.search(GOOD, text, re.IGNORECASE)
    assert not re.search(WITH_X, text, re.IGNORECASE)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NUMBERS, st.text("： ,'\"a中-_/\n", max_size=4), st.text("： ,'\"a中-_/\n", max_size=4))
def test_whatever_stands_around_it(number: str, before: str, after: str) -> None:
    found = hide_personal(None, "", {"event": before + number + after})["event"]
    assert found == f"{before}{number[:6]}********{number[14:]}{after}"


@pytest.mark.parametrize("value", [date(2024, 3, 5), 20240305091200, 1.5, True, None, "360102199003", "a" * 40])
def test_what_is_no_identity_number_is_left_as_it_is(lines: Lines, value: Any) -> None:
    fresh().info("looked at", value=value)
    (line,) = lines()
    assert line["value"] == (value if not isinstance(value, date) else repr(value))


@pytest.mark.parametrize(
    "value",
    [
        ZHANG,
        [ZHANG],
        {"who": ZHANG},
        Holder("t", ZHANG),
        Holder("t", ZHANG, [HolderPersonal(account_id="a", person_id=None, name="张三丰")]),
        person("p-1", 1, personal=ZHANG),
        [person("p-1", 1, personal=ZHANG)],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_identifies_a_person_is_dropped_however_deep_it_lies(lines: Lines, value: Any) -> None:
    fresh().info("looked at", value=value)
    (line,) = lines()
    assert "张三丰" not in json.dumps(line, ensure_ascii=False)
    assert "001X" not in json.dumps(line)
    assert "[personal]" in json.dumps(line)


@pytest.mark.parametrize("as_json", [True, False])
def test_errors_are_told_without_the_values_of_variables(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    configure_logs("INFO", json=as_json)

    def fail(who: str, secret: str) -> None:
        raise LookupError(f"nobody is called {who}")

    try:
        fail(GOOD, " ".join(["very", "secret"]))
    except LookupError:
        fresh("a").exception("failed")
        logging.getLogger("library").exception("failed")
    text = capsys.readouterr().err
    assert text.count("LookupError: nobody is called 360102********") == 2
    assert GOOD not in text
    assert "very secret" not in text


def test_each_line_says_when_and_who(lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1", service="plans"):
        fresh("mine").info("mine", count=2)
        logging.getLogger("library").warning("theirs %d", 3)
    for line, (name, event, level) in zip(
        lines(), [("mine", "mine", "info"), ("library", "theirs 3", "warning")], strict=True
    ):
        assert (line["logger"], line["event"], line["level"]) == (name, event, level)
        assert (line["request_id"], line["service"]) == ("r-1", "plans")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line["timestamp"])
        assert not [key for key in line if key.startswith("_")]


def test_the_request_id_goes_from_http_over_the_event_to_the_job(lines: Lines, tmp_path: Path) -> None:
    """And the job that the event starts in another service is told apart by what caused it."""
    log = fresh("trail")

    def register(app: Flask, run: Runtime) -> None:
        @app.post("/plans/api/v1/decide")
        @allow(SIGNED_IN)
        def decide() -> Any:
            with once() as tx:
                fake.publish(tx.session, "plan-1", 1)
                return tx.redirect("/")

    def handle(session: Session, event: PlanDecided) -> None:
        log.info("handled", plan=event.plan_id)
        run_later(session, "credits.follow", {})

    def follow(job: Job) -> None:
        log.info("worked")

    plans = replace(fake.SERVICES["plans"], register=register)
    credits = replace(fake.SERVICES["credits"], handlers={PlanDecided: handle}, jobs={"credits.follow": follow})
    runs: dict[str, Runtime] = {}
    for service in (plans, credits):
        database = Database(f"sqlite:///{tmp_path}/{service.name}.db")
        for metadata in service.metadata:
            metadata.create_all(database.engine)
        runs[service.name] = made(service, database, tmp_path)
    site = make_site(tmp_path, plans, runs["plans"].database)
    request_id = "0123456789abcdef"
    headers = {**site.bearer(TEACHER), "Idempotency-Key": "k", "X-Request-ID": request_id}
    assert site.app.test_client().post("/plans/api/v1/decide", headers=headers).status_code == 303
    transport = LocalTransport(runs)
    assert Relay(runs["plans"].database, transport).step() == 1
    assert Relay(runs["credits"].database, transport).step() == 1
    trail = {line["event"]: line for line in lines() if line["event"] in ("request", "handled", "worked")}
    assert {event: line.get("request_id") for event, line in trail.items()} == {
        "request": request_id,
        "handled": request_id,
        "worked": request_id,
    }
    assert trail["request"]["account_id"] == TEACHER.account_id
    assert trail["handled"]["causation_id"] != trail["worked"]["causation_id"]
    assert structlog.contextvars.get_contextvars() == {}, "nothing of it stays with the thread"
    for run in runs.values():
        run.database.dispose()


def made(service: Service, database: Database, folder: Path) -> Runtime:
    """A service without a web side."""
    return replace(fake.make(service.name, database.url), service=service, database=database)
