"""N46, B12: what is 公示中 is shown with its sentence, enters no standing, and leaves the view by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from services.credits import queries
from services.credits.models import LedgerLine
from services.credits.publicity import queries as publicity
from services.credits.publicity.queries import Provisional
from shared import inbox
from shared.database import Database
from shared.errors import NotFound
from shared.events.plans import Bucket, PublicityEnded, ResultsInPublicity
from tests.credits.make import (
    OTHER_COUNTY,
    PROJECT,
    admin,
    audited,
    corrected,
    deliver,
    register_people,
    result,
    teacher,
)

UNTIL = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)


def in_publicity(*numbers: int, audit_id: str = "audit-1", attempt: int = 1) -> ResultsInPublicity:
    """An audit of these people whose results are 公示中."""
    final = audited(*[result(number, attempt=attempt) for number in numbers or (1,)], audit_id=audit_id)
    told = {name: getattr(final, name) for name in ("audit_id", "project", "chunk", "chunks", "entered_by")}
    return ResultsInPublicity(
        **told, audited_by=final.audited_by, audited_at=final.audited_at, public_until=UNTIL, results=final.results
    )


def ended(audit_id: str = "audit-1") -> PublicityEnded:
    """That audit taken back."""
    return PublicityEnded(
        audit_id=audit_id,
        project_id="project-1",
        ended_by="account-audits",
        ended_by_name="闵若愚",
        ended_at=datetime(2026, 11, 23, tzinfo=UTC),
        reason="学时登记有误",
    )


def shown(database: Database, number: int = 1) -> list[Provisional]:
    """What the teacher sees."""
    with database.reading() as session:
        return list(publicity.provisional(session, teacher(number), f"person-{number}").items)


def counted(database: Database) -> Decimal:
    """The coordinated credits of person 1."""
    with database.reading() as session:
        return queries.standing_of(session, teacher(), "person-1").judgement.buckets[Bucket.COORDINATED].counted


@pytest.mark.usefixtures("now")
def test_n46_provisional_credits_are_shown_and_never_enter_a_standing(database: Database) -> None:
    register_people(database, 1, 2)
    for _ in range(2):  # a message may come twice
        assert deliver(database, in_publicity(1, 2), 1, event_id="e1") in (
            inbox.Outcome.APPLIED,
            inbox.Outcome.DUPLICATE,
        )
    (one,) = shown(database)
    assert (one.amount, one.cycle, one.until) == (Decimal("6.0"), 2023, UNTIL)
    assert one.sentence.startswith("面授 60 学时 ÷ 10 = 6.0，计入统筹；规则：2018 试行")
    assert counted(database) == 0
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(LedgerLine)) == 0
    deliver(database, audited(result(1), result(2)), 2)
    assert shown(database) == []
    assert counted(database) == 6


@pytest.mark.usefixtures("now")
def test_n46_taken_back_it_leaves_the_view_and_audited_again_it_is_shown_anew(database: Database) -> None:
    register_people(database, 1)
    deliver(database, in_publicity(), 1)
    deliver(database, ended(), 2)
    assert shown(database) == []
    deliver(database, in_publicity(audit_id="audit-2", attempt=2), 1)
    (one,) = shown(database)
    assert (one.audit.audit_id, one.result.attempt) == ("audit-2", 2)
    # What ended without having begun waits for its beginning, and is not lost.
    assert deliver(database, ended("audit-9"), 2) is inbox.Outcome.PARKED


@pytest.mark.usefixtures("now")
def test_n46_a_correction_shows_what_it_will_come_to(database: Database) -> None:
    register_people(database, 1)
    deliver(database, replace(in_publicity(), project=replace(PROJECT, convert=False)), 1)
    assert shown(database)[0].amount == 0
    deliver(database, corrected(1, replace(PROJECT, convert=True)))
    assert shown(database)[0].amount == 6


@pytest.mark.usefixtures("now")
def test_n46_nobody_elses_is_shown(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, in_publicity(1, 2), 1)
    with database.reading() as session:
        assert len(publicity.provisional(session, admin(), "person-1").items) == 1
        for actor in (teacher(2), admin(path=OTHER_COUNTY)):
            with pytest.raises(NotFound):
                publicity.provisional(session, actor, "person-1")
        with pytest.raises(NotFound, match="不在公示中"):
            publicity.find_provisional(session, teacher(2), "result-1")
