"""N46, B12: what is 公示中 is shown with its sentence, enters no standing, and leaves the view by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
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
    revoked,
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
def test_n46_b6_of_a_closed_cycle_it_says_so_and_leaves_the_view_when_it_waits(database: Database) -> None:
    register_people(database, 1)
    last_summer = replace(PROJECT, school_year="2022-2023", held_from=date(2023, 8, 1), held_to=date(2023, 8, 10))
    deliver(database, replace(in_publicity(), project=last_summer), 1)
    (one,) = shown(database)
    assert (one.cycle, one.amount, one.closed) == (2018, Decimal("6.0"), True)
    assert "但2018—2023 周期于 2023-11-30 关闭，确认后不计入，须由省级学分管理员凭文件准予补记" in one.sentence
    deliver(database, audited(project=last_summer), 2)
    assert shown(database) == []
    deliver(database, revoked(), 3)
    assert shown(database) == []
    deliver(database, replace(in_publicity(audit_id="audit-2", attempt=2), project=last_summer), 1)
    assert [one.audit.audit_id for one in shown(database)] == ["audit-2"]


def test_n46_b6_a_cycle_that_closes_before_the_period_is_over_is_closed_by_then(database: Database) -> None:
    register_people(database, 1)
    last_summer = replace(PROJECT, school_year="2022-2023", held_from=date(2023, 8, 1), held_to=date(2023, 8, 10))
    closes = datetime(2023, 11, 30, 15, 59, tzinfo=UTC)
    for number, until in enumerate((closes, closes + timedelta(minutes=1)), start=1):
        told = in_publicity(1, audit_id=f"audit-{number}")
        same = [replace(told.results[0], result_id=f"result-{number}")]
        deliver(database, replace(told, project=last_summer, public_until=until, results=same), 1)
    with time_machine.travel(datetime(2023, 11, 20, tzinfo=UTC)):
        assert [one.closed for one in shown(database)] == [False, True]


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
