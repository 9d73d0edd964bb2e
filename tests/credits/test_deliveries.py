"""N8, B1, B2: both sides of every audit are compared; each difference names its cause, and asking twice is safe."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from services.credits.deliveries import comparing, operations, queries
from services.credits.deliveries.comparing import Here, There
from services.credits.deliveries.models import AuditDelivery, Cause
from shared.actors import Office
from shared.database import Database
from shared.errors import Conflict, NotAllowed, NotFound
from shared.events.credits import RedeliveryWanted
from shared.events.plans import AuditsSummary, AuditSummary, ResultsAudited
from shared.outbox import OutboxRow
from tests.credits.conftest import NOW
from tests.credits.make import (
    COUNTY,
    OTHER_COUNTY,
    SCHOOL,
    admin,
    audited,
    deliver,
    envelope,
    person,
    register_people,
    result,
    revoked,
)

pytestmark = pytest.mark.usefixtures("now")
DAY = date(2026, 11, 20)


def one(event: ResultsAudited, *, credits: str = "12.0", **changes: Any) -> AuditSummary:
    """An audit as plans sums it up, with every result answered."""
    rows = sorted(f"{r.result_id}:{r.attempt}\n" for r in event.results)
    found = AuditSummary(
        audit_id=event.audit_id,
        project_id=event.project.project_id,
        number=event.project.number,
        title=event.project.title,
        organizer_path=event.project.organizer_path,
        organizer_name=event.project.organizer_name,
        audited_at=event.audited_at,
        sent_at=event.audited_at,
        revoked=False,
        results=len(rows),
        digest=hashlib.sha256("".join(rows).encode()).hexdigest(),
        answered=len(rows),
        credits=Decimal(credits),
    )
    return replace(found, **changes)


def told(database: Database, *audits: AuditSummary, at: datetime | None = None, upto: str | None = None) -> None:
    """Plans sums up the day."""
    at = at or datetime.now(UTC)
    deliver(database, AuditsSummary(day=DAY, told_at=at, after="", upto=upto, audits=list(audits)))


def cause(database: Database, audit_id: str = "audit-1") -> str | None:
    """What the comparison found."""
    with database.reading() as session:
        return session.get_one(AuditDelivery, audit_id).cause


def compare_open(database: Database) -> int:
    """What the scheduled job does."""
    with database.transaction() as session:
        return operations.compare_open(session)


AUDIT = audited(result(1), result(2))


def test_n8_where_all_has_arrived_there_is_no_difference(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, AUDIT, 1)
    told(database, one(AUDIT))
    with database.reading() as session:
        row = session.get_one(AuditDelivery, "audit-1")
        assert (row.cause, row.sent, row.posted, row.credits) == (None, 2, 2, Decimal(12))
        assert row.received_at is not None
        assert row.recorded_at is not None
        assert queries.counts(session, admin()) == {"": 1, "any": 0}


def test_n8_what_has_not_arrived_is_named_and_gone_once_it_has(database: Database) -> None:
    register_people(database, 1, 2)
    told(database, one(AUDIT, answered=0, credits="0"))
    assert cause(database) == "not_arrived"
    first = replace(AUDIT, results=AUDIT.results[:1], chunks=2)
    deliver(database, first, 1)
    assert compare_open(database) == 1
    assert cause(database) == "fewer_lines"
    deliver(database, replace(AUDIT, results=AUDIT.results[1:], chunk=2, chunks=2), 2)
    # What was entered after plans spoke, it could not have been answered for: that is no difference.
    assert compare_open(database) == 0
    told(database, one(AUDIT, answered=1, credits="6.0"))
    assert cause(database) == "unanswered"
    told(database, one(AUDIT, credits="11.0"))
    assert cause(database) == "amount"
    told(database, one(AUDIT))
    assert cause(database) is None


def test_n8_parked_unknown_people_and_taken_back_have_causes_of_their_own(database: Database) -> None:
    register_people(database, 1)
    deliver(database, AUDIT, 1)
    told(database, one(AUDIT))
    assert cause(database) == "unknown_person"
    with database.transaction() as session:
        session.merge(person(2))
    assert compare_open(database) == 0
    told(database, one(AUDIT, revoked=True, digest="", answered=0, credits="0"))
    assert cause(database) == "not_countered"
    deliver(database, revoked(), 2)
    assert compare_open(database) == 0
    # A message that came before its predecessor waits in the inbox.
    late = audited(result(1, attempt=2), audit_id="audit-2")
    deliver(database, late, 3)
    told(database, one(late, answered=0, credits="0"))
    assert cause(database, "audit-2") == "parked"


def test_n8_a_line_without_a_grade_is_found_from_this_side(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, AUDIT, 1)
    told(database, upto="audit-0")
    with database.reading() as session:
        assert session.get(AuditDelivery, "audit-1") is None, "that chunk says nothing about it"
    told(database)
    assert cause(database) == "surplus"
    told(database, one(AUDIT))
    assert cause(database) is None
    told(database, one(AUDIT, credits="1.0"), at=NOW - timedelta(days=1))
    assert cause(database) is None, "an older word changes nothing"


def test_n8_as_many_lines_of_other_results_are_found_by_the_digest(database: Database) -> None:
    register_people(database, 1, 2, 3)
    deliver(database, AUDIT, 1)
    told(database, one(audited(result(1), result(3))))
    assert cause(database) == "other_results"


def test_n8_new_rules_are_no_difference() -> None:
    there = There(
        known=True,
        revoked=False,
        results=1,
        digest="d",
        answered=1,
        credits=Decimal(6),
        told_at=NOW + timedelta(days=1),
    )
    here = Here(posted=1, standing=1, digest="d", credits=Decimal(7), recorded_at=NOW)
    assert comparing.cause(there, here) is Cause.AMOUNT
    assert comparing.cause(there, replace(here, adjusted=True)) is None


def test_n8_sending_again_is_safe_to_press_twice(database: Database) -> None:
    register_people(database, 1, 2)
    told(database, one(AUDIT, answered=0, credits="0"))
    with database.transaction() as session:
        operations.ask_again(session, admin(), "audit-1")
    with pytest.raises(Conflict, match=r"已由龚立言于 2026-11-24 .*要求重新送达"), database.transaction() as session:
        operations.ask_again(session, admin(path="360000/"), "audit-1")
    with database.reading() as session:
        (asked,) = session.scalars(select(OutboxRow).where(OutboxRow.name == RedeliveryWanted.name)).all()
        event = RedeliveryWanted.load(asked.payload)
        assert (event.audit_id, event.asked_by_name, event.unit_path) == ("audit-1", "龚立言", COUNTY)
    # What plans then sends twice is entered once.
    message = envelope(AUDIT, 1)
    for _ in range(2):
        deliver(database, AUDIT, 1, event_id=message["event_id"])
    assert compare_open(database) == 0
    with database.reading() as session:
        assert session.get_one(AuditDelivery, "audit-1").posted == 2
    with (
        time_machine.travel(NOW + timedelta(hours=1), tick=True),
        database.transaction() as session,
        pytest.raises(Conflict, match="一致"),
    ):
        operations.ask_again(session, admin(), "audit-1")


def test_n8_only_ones_own_area_and_each_number_is_the_length_of_its_list(database: Database) -> None:
    told(database, one(AUDIT), one(audited(result(3), audit_id="audit-3"), organizer_path=SCHOOL))
    with database.reading() as session:
        counts = queries.counts(session, admin())
        assert counts == {"": 2, "any": 2, "not_arrived": 2}
        for name, length in counts.items():
            assert len(session.scalars(queries.visible_deliveries(admin(), name)).all()) == length
        assert queries.counts(session, admin(path=OTHER_COUNTY)) == {"": 0, "any": 0}
        with pytest.raises(NotFound):
            operations.ask_again(session, admin(path=OTHER_COUNTY), "audit-1")
        with pytest.raises((NotAllowed, NotFound)):
            operations.ask_again(session, admin(Office.SCHOOL_ADMIN, SCHOOL), "audit-3")
