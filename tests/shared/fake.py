"""Two services for the tests of delivery: `plans` tells of decisions, `credits` notes what it hears and has jobs.

They wear the names of real services, so that the real topology and real events serve; their tables are their own.
Every effect is a row without any uniqueness, so that what is applied twice is seen twice. `tests/shared/process.py`
runs them as processes.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import MetaData, String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from shared import jobs, outbox
from shared.auth import TokenVerifier
from shared.bus import AmqpTransport, Consumer
from shared.database import NAMING, Database, PlatformBase
from shared.errors import Invalid
from shared.events.accounts import AccessEnded, AccessEndReason
from shared.events.plans import PlanDecided
from shared.inbox import ParkedRow
from shared.jobs import Job
from shared.relay import LocalTransport, Relay, sweep
from shared.service import Runtime, Service
from shared.settings import load_settings

Event = PlanDecided


class FakeBase(DeclarativeBase):
    """The tables of both fake services."""

    metadata = MetaData(naming_convention=NAMING)


class Effect(FakeBase):
    """Something was done for `key`."""

    __tablename__ = "effects"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80))
    number: Mapped[int]


class Broken(FakeBase):
    """While there is a row, handlers and jobs that meet `key` fail, or wait where they say so."""

    __tablename__ = "broken"
    key: Mapped[str] = mapped_column(String(80), primary_key=True)


class Crash(BaseException):
    """As if the process had died: nothing catches it."""


def note_decision(session: Session, event: PlanDecided) -> None:
    """The handler of `credits`."""
    if event.verdict == "crash":
        raise Crash
    session.add(Effect(key=event.plan_id, number=event.version))
    if session.get(Broken, event.plan_id):
        raise RuntimeError("the handler is broken")


def note_end(session: Session, event: AccessEnded) -> None:
    """The handler for messages that belong to no aggregate: nothing but the inbox keeps them from coming twice."""
    session.add(Effect(key=event.account_id, number=0))


def count(job: Job) -> None:
    """A job with progress and one effect."""
    job.progress(1, 2)
    with job.effect() as session:
        session.add(Effect(key=job.arguments["key"], number=1))
        job.result = {"counted": 1}


def flaky(job: Job) -> None:
    """A job that fails as long as it is broken."""
    with job.effect() as session:
        session.add(Effect(key=job.arguments["key"], number=1))
        if session.get(Broken, job.arguments["key"]):
            raise RuntimeError("the job is broken")


def refuse(job: Job) -> None:
    """A job that the user must mend."""
    with job.effect() as session:
        session.add(Effect(key=job.arguments["key"], number=1))
        raise Invalid("第 3 行的身份证号不正确。", fields={"3": ["身份证号"]})


def late(job: Job) -> None:
    """A job that fails after it has had its effect."""
    count(job)
    raise RuntimeError("after the effect")


def slow(job: Job) -> None:
    """A job that says which process it is in and waits, with its progress at 1 of 2, until it is mended."""
    with job.database.transaction() as session:
        session.add(Effect(key=f"process of {job.arguments['key']}", number=os.getpid()))
    job.progress(1, 2)
    wait_for(lambda: not is_broken(job.database, job.arguments["key"]), 60)
    with job.effect() as session:
        session.add(Effect(key=job.arguments["key"], number=1))


def tell(job: Job) -> None:
    """A job that publishes an event."""
    with job.effect() as session:
        publish(session, job.arguments["key"], 1)


def daily(job: Job) -> None:
    """A scheduled job."""
    with job.effect() as session:
        session.add(Effect(key="daily", number=1))


SERVICES = {
    "plans": Service(
        name="plans",
        title="方案",
        metadata=[PlatformBase.metadata, FakeBase.metadata],
        access_is_good=lambda *_: True,
        register=lambda *_: None,
    ),
    "credits": Service(
        name="credits",
        title="学分",
        metadata=[PlatformBase.metadata, FakeBase.metadata],
        handlers={PlanDecided: note_decision, AccessEnded: note_end},
        jobs={f"credits.{job.__name__}": job for job in (count, flaky, refuse, late, slow, tell, daily)},
        schedule={"credits.daily": 1.0},
        access_is_good=lambda *_: True,
        register=lambda *_: None,
    ),
}


def make(name: str, database_url: str, amqp_url: str = "") -> Runtime:
    """A fake service in this process, on a database that may be empty."""
    folder = Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory() as secrets:
        settings = load_settings({"XUEFEN_DATA": secrets})
    return Runtime(
        service=SERVICES[name],
        settings=replace(settings, amqp_url=amqp_url, database_urls={name: database_url}, data_dir=folder),
        database=Database(database_url),
        verifier=TokenVerifier(folder / "jwks.json"),
    )


def create_tables(runtime: Runtime) -> None:
    """All tables of a fake service."""
    for metadata in runtime.service.metadata:
        metadata.create_all(runtime.database.engine)


class World:
    """Both services and what carries messages between them."""

    def __init__(self, plans: Runtime, credits: Runtime) -> None:
        self.plans, self.credits = plans, credits
        self.on_servers = bool(plans.settings.amqp_url)
        for runtime in (plans, credits):
            create_tables(runtime)
        local = LocalTransport({"plans": plans, "credits": credits})
        self.transport = AmqpTransport(plans) if self.on_servers else local
        self.relay = Relay(plans.database, self.transport)
        self.consumer = Consumer(credits)
        self.published = self.received = 0

    def decide(self, plan: str, number: int, verdict: str = "approve") -> str:
        """Publishes one event about a plan; returns its id."""
        with self.plans.database.transaction() as session:
            return publish(session, plan, number, verdict)

    def deliver(self) -> None:
        """Sends what is due and lets it be received, until nothing is on its way."""
        self.transport.idle()  # a broker that is new gets the window first
        while sent := self.relay.step():
            self.published += sent
        if self.on_servers:
            wait_for(self._everything_received)

    def _everything_received(self) -> bool:
        self.received += self.consumer.step(0.2)
        return self.received >= self.published

    def sweep(self) -> int:
        """Tries everything parked that is not waiting for a person, as if its time had come."""
        with self.credits.database.transaction() as session:
            for row in session.scalars(select(ParkedRow).where(ParkedRow.next_attempt_at.is_not(None))):
                row.next_attempt_at = row.first_seen_at
        return sweep(self.credits)

    def effects(self) -> Counter[tuple[str, int]]:
        """How often each (plan, number) was applied."""
        return effects(self.credits.database)

    def order(self, plan: str) -> list[int]:
        """The numbers of a plan in the order in which they were applied."""
        with self.credits.database.reading() as session:
            return list(session.scalars(select(Effect.number).where(Effect.key == plan).order_by(Effect.id)))

    def parked(self) -> dict[str, str]:
        """Event id -> reason, of all that is parked."""
        with self.credits.database.reading() as session:
            return {row.event_id: row.reason for row in session.scalars(select(ParkedRow))}

    def close(self) -> None:
        """Ends connections to broker and databases."""
        self.consumer.close()
        if isinstance(self.transport, AmqpTransport):
            self.transport.close()
        for runtime in (self.plans, self.credits):
            runtime.database.dispose()


def publish(session: Session, plan: str, number: int, verdict: str = "approve") -> str:
    """Puts one event about a plan into the outbox."""
    return outbox.publish(
        session,
        PlanDecided(
            plan_id=plan,
            number="2024-001",
            unit_path="360000/",
            stage="county_review",
            verdict=verdict,
            status="approved",
            version=number,
            digest="0" * 64,
            decided_by="u1",
            decided_at=datetime(2024, 3, 5, tzinfo=UTC),
        ),
    )


def publish_alone(session: Session, key: str) -> str:
    """Puts one event into the outbox that belongs to no aggregate."""
    ended = datetime(2024, 3, 5, tzinfo=UTC)
    return outbox.publish(session, AccessEnded(account_id=key, reason=AccessEndReason.SUSPENDED, ended_at=ended))


def run_job(runtime: Runtime, job: str, key: str) -> str:
    """Queues a job; returns its id."""
    with runtime.database.transaction() as session:
        return jobs.run_later(session, f"credits.{job}", {"key": key})


def effects(database: Database) -> Counter[tuple[str, int]]:
    """How often each (key, number) was applied."""
    with database.reading() as session:
        query = select(Effect.key, Effect.number, func.count()).group_by(Effect.key, Effect.number)
        return Counter({(key, number): times for key, number, times in session.execute(query)})


def set_broken(runtime: Runtime, key: str, broken: bool) -> None:
    """Breaks or mends whatever meets `key`."""
    with runtime.database.transaction() as session:
        row = session.get(Broken, key)
        if broken and row is None:
            session.add(Broken(key=key))
        if not broken and row is not None:
            session.delete(row)


def is_broken(database: Database, key: str) -> bool:
    """Whether `key` is broken."""
    with database.reading() as session:
        return session.get(Broken, key) is not None


def count_rows(database: Database, model: type[PlatformBase]) -> int:
    """How many rows a table has."""
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Returns as soon as the condition holds. Raises `TimeoutError` when it does not come to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not happen")
        threading.Event().wait(0.02)
