"""What is forgotten, and what never: nothing that is still to be sent, nothing that could still come again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from shared import outbox, retention
from shared.auth import LIFETIME
from shared.database import Database, utc_now
from shared.directory import AccessEnd, DirectoryBase
from shared.idempotency import IdempotencyRow
from shared.inbox import InboxRow, ParkedRow, receive
from shared.jobs import Job, JobRow, run_later
from shared.outbox import OutboxRow, OutboxTodo
from shared.service import Runtime, Service
from shared.settings import load_settings
from tests.shared import fake
from tests.shared.kernel import BOTH, open_database

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=BOTH)
def run(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """A service with copies of the directory, on each database in turn."""
    service = fake.SERVICES["credits"]
    metadata = [*service.metadata, DirectoryBase.metadata]
    database = open_database(request.param, request, *metadata)
    yield runtime(
        database,
        Service(
            name="credits",
            title="学分",
            metadata=metadata,
            handlers=service.handlers,
            access_is_good=lambda *_: True,
            register=lambda *_: None,
        ),
        request,
    )
    database.dispose()


def runtime(database: Database, service: Service, request: pytest.FixtureRequest) -> Runtime:
    """The service as a job sees it."""
    settings = load_settings({"XUEFEN_DATA": str(request.getfixturevalue("tmp_path"))})
    return Runtime(service=service, settings=settings, database=database, verifier=None)  # type: ignore[arg-type]


def prune(run: Runtime) -> None:
    """The daily job, as it is run."""
    with run.database.transaction() as session:
        job_id = run_later(session, "credits.prune", {})
    retention.prune(Job(run.database, job_id, "credits.prune", {}, run))


def age(run: Runtime, event_id: str, created_at: datetime) -> None:
    """Makes a message of the log as old as that."""
    with run.database.transaction() as session:
        session.execute(update(OutboxRow).where(OutboxRow.event_id == event_id).values(created_at=created_at))


def sent(run: Runtime, event_id: str) -> None:
    """As after its sending."""
    with run.database.transaction() as session:
        row = session.scalars(select(OutboxRow.id).where(OutboxRow.event_id == event_id)).one()
        session.delete(session.get_one(OutboxTodo, row))


def logged(run: Runtime) -> set[str]:
    """The messages that can still be sent again."""
    with run.database.reading() as session:
        return set(session.scalars(select(OutboxRow.event_id).where(OutboxRow.kind == "event")))


def test_only_what_is_sent_and_old_leaves_the_log(run: Runtime) -> None:
    now = utc_now()
    with run.database.transaction() as session:
        ids = [fake.publish(session, f"plan-{n}", 1) for n in range(4)]
    old_sent, old_waiting, young_sent, young_waiting = ids
    for event_id in (old_sent, young_sent):
        sent(run, event_id)
    for event_id in (old_sent, old_waiting):
        age(run, event_id, now - retention.OUTBOX - MINUTE)
    for event_id in (young_sent, young_waiting):
        age(run, event_id, now - retention.OUTBOX + MINUTE)
    prune(run)
    assert logged(run) == {old_waiting, young_sent, young_waiting}
    # What waited through it all is still sent, and afterwards leaves as well.
    with run.database.reading() as session:
        due = outbox.due(session, 10, "event")
    assert [row.event_id for row, _ in due] == [old_waiting, young_waiting]
    sent(run, old_waiting)
    prune(run)
    assert logged(run) == {young_sent, young_waiting}


def test_whatever_can_be_sent_again_is_still_known_to_have_come(run: Runtime) -> None:
    """The last moment at which the log can send a message again, plus as long again in queues, is before the inbox
    forgets it: the effect is never applied twice."""
    assert 2 * retention.OUTBOX < retention.INBOX
    now = utc_now()
    with run.database.transaction() as session:
        event_id = fake.publish_alone(session, "a-1")
    with run.database.reading() as session:
        envelope = session.scalars(select(OutboxRow).where(OutboxRow.event_id == event_id)).one().envelope()
    assert receive(run.database, "credits", run.service.handlers, envelope) == "applied"
    with run.database.transaction() as session:
        session.execute(update(InboxRow).values(processed_at=now - 2 * retention.OUTBOX - MINUTE))
    prune(run)
    assert receive(run.database, "credits", run.service.handlers, envelope) == "duplicate"
    assert fake.effects(run.database) == {("a-1", 0): 1}
    with run.database.transaction() as session:
        session.execute(update(InboxRow).values(processed_at=now - retention.INBOX - MINUTE))
    prune(run)
    with run.database.reading() as session:
        assert session.get(InboxRow, ("credits", event_id)) is None, "in the end it is forgotten"


def test_what_waits_for_a_person_waits_for_ever(run: Runtime) -> None:
    long_ago = utc_now() - timedelta(days=1000)
    with run.database.transaction() as session:
        session.add(
            ParkedRow(
                consumer="credits", event_id="e-1", reason="malformed", attempts=1, envelope={}, first_seen_at=long_ago
            )
        )
    prune(run)
    with run.database.reading() as session:
        assert session.get(ParkedRow, ("credits", "e-1")) is not None


def test_keys_jobs_and_ended_access_go_when_their_time_is_over(run: Runtime) -> None:
    now = utc_now()
    assert retention.ACCESS_ENDS > LIFETIME
    with run.database.transaction() as session:
        for name, old in (("old", MINUTE), ("young", -MINUTE)):
            session.add(
                IdempotencyRow(caller="a", key=name, digest="0" * 64, created_at=now - retention.IDEMPOTENCY_KEYS - old)
            )
            session.add(AccessEnd(key=f"account:{name}", ended_at=now - retention.ACCESS_ENDS - old))
            for state in ("done", "failed", "running"):
                session.add(
                    JobRow(
                        id=f"{name} {state}",
                        name="credits.x",
                        arguments={},
                        state=state,
                        created_at=now - timedelta(days=500),
                        finished_at=None if state == "running" else now - retention.JOBS - old,
                    )
                )
    prune(run)
    with run.database.reading() as session:
        assert list(session.scalars(select(IdempotencyRow.key))) == ["young"]
        assert list(session.scalars(select(AccessEnd.key))) == ["account:young"]
        kept = set(session.scalars(select(JobRow.id).where(JobRow.name == "credits.x")))
    assert kept == {"young done", "young failed", "young running", "old running"}


def test_a_service_without_a_directory_is_pruned_too(run: Runtime, request: pytest.FixtureRequest) -> None:
    """accounts has the originals."""
    service = Service(
        name="accounts",
        title="单位与账号",
        metadata=fake.SERVICES["plans"].metadata,
        access_is_good=lambda *_: True,
        register=lambda *_: None,
    )
    with run.database.transaction() as session:
        session.add(AccessEnd(key="account:not-mine", ended_at=utc_now() - timedelta(days=99)))
    prune(runtime(run.database, service, request))
    with run.database.reading() as session:
        assert session.get(AccessEnd, "account:not-mine") is not None
