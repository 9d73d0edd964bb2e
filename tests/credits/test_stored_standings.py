"""Stored standings: always what is computed, for whole histories, for two writers at once, and after a repair."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select, update

from services.credits import listing, standing
from services.credits.clauses import Figure, Group, Partition
from services.credits.models import LedgerLine
from services.credits.standings import operations, upkeep
from services.credits.standings.models import CHECK_JOB, RECOMPUTE_JOB, StoredStanding
from services.credits.tasks import JOBS
from shared.database import Database
from shared.events.plans import Bucket
from shared.jobs import JobRow, run_job, tick
from shared.outbox import OutboxRow
from tests.credits.histories import TRIAL, Entered, cycle_of, enter
from tests.credits.make import (
    SCHOOL,
    admin,
    audited,
    corrected,
    deliver,
    register_people,
    result,
    revoked,
)
from tests.credits.test_standing import entered

RUNNING = cycle_of(2023)


def everybody(column: Any) -> Any:
    """No condition on the person."""
    return column.is_not(None)


def stored(database: Database, person_id: str, cycle: int = 2023) -> dict[str, Any] | None:
    """One stored row."""
    with database.reading() as session:
        row = session.get(StoredStanding, (cycle, person_id))
        names = ("coordinated", "coordinated_pending", "self_organized", "self_organized_pending", "shortfall")
        return None if row is None else {name: getattr(row, name) for name in names}


def computed(database: Database, cycle: Any = RUNNING) -> dict[str, dict[str, Any]]:
    """Everybody's headline."""
    with database.reading() as session:
        rows = session.execute(standing.headline(TRIAL, cycle)).mappings()
        return {row["person_id"]: {name: row[name] for name in row if name != "person_id"} for row in rows}


def different(database: Database, cycle: Any = RUNNING) -> int:
    """What the nightly look would count."""
    with database.reading() as session:
        return session.scalar(operations.differences(TRIAL, cycle, everybody)) or 0


def run_jobs(database: Database, name: str, arguments: dict[str, Any] | None = None) -> JobRow:
    """Runs a job as a worker would; returns its row."""
    with database.transaction() as session:
        job_id = operations.run_later(session, name, arguments or {})
    run_job(database, JOBS, job_id, name, arguments or {}, {})
    with database.reading() as session:
        return session.get_one(JobRow, job_id)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lines=st.lists(entered(), max_size=25))
def test_what_is_stored_is_what_is_computed(common_database: Database, lines: list[Entered]) -> None:
    person_id = enter(common_database, lines)
    cycle = cycle_of(2018)
    with common_database.transaction() as session:
        operations.refresh(session, [(2018, person_id), (None, person_id)] if lines else [])
    row, mine = stored(common_database, person_id, 2018), computed(common_database, cycle).get(person_id)
    assert (row is None) == (mine is None)
    if row is not None and mine is not None:
        shortfall = row.pop("shortfall")
        assert row == mine
        assert Decimal(shortfall) / 100 == max(26 - row["coordinated"], 0) + max(10 - row["self_organized"], 0)
    assert different(common_database, cycle) == 0


@pytest.mark.usefixtures("now")
def test_audit_revocation_and_correction_keep_it(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(1), result(2), result(3)))
    assert stored(database, "person-1") == {
        "coordinated": Decimal(6),
        "coordinated_pending": 0,
        "self_organized": 0,
        "self_organized_pending": 0,
        "shortfall": 3000,
    }
    assert stored(database, "person-3") is not None  # whom the register does not know
    deliver(database, corrected())
    assert different(database) == 0
    deliver(database, revoked(), 2)
    assert stored(database, "person-2") == stored(database, "person-3")
    assert (stored(database, "person-2") or {})["coordinated"] == 0
    assert different(database) == 0


def test_two_writers_of_one_person_lose_nothing(postgres: Database) -> None:
    """The second waits for the first, and counts its lines."""
    register_people(postgres, 1)
    person_id = enter(postgres, [])
    ready = threading.Event()

    def write(amount: str) -> None:
        with postgres.transaction() as session:
            session.add(_line(person_id, amount))
            session.flush()
            operations.refresh(session, [(2023, person_id)])

    second = threading.Thread(target=lambda: (ready.set(), write("2")))
    with postgres.transaction() as session:
        session.add(_line(person_id, "1"))
        session.flush()
        operations.refresh(session, [(2023, person_id)])
        second.start()
        assert ready.wait(10)
        second.join(0.3)
        assert second.is_alive()
    second.join(10)
    assert (stored(postgres, person_id) or {})["coordinated"] == Decimal(3)
    assert different(postgres) == 0


def _line(person_id: str, amount: str) -> LedgerLine:
    from tests.credits.histories import _line as line

    return line(person_id, 2023, Entered("county_training", 2026, Decimal(amount)))


@pytest.mark.usefixtures("now")
def test_the_nightly_look_counts_differences_and_recomputing_mends_them(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(1), result(3)))
    first = run_jobs(database, CHECK_JOB)
    assert first.result == {"people": 2, "differences": 0}
    assert stored(database, "person-2") == stored(database, "person-2", 2023)
    assert (stored(database, "person-2") or {})["shortfall"] == 3600
    with database.transaction() as session:
        wrong = update(StoredStanding).where(StoredStanding.person_id == "person-1")
        session.execute(wrong.values(coordinated=Decimal(7)))
        session.execute(delete(StoredStanding).where(StoredStanding.person_id == "person-3"))
    looked = run_jobs(database, CHECK_JOB)
    assert looked.result == {"people": 2, "differences": 2}
    done = run_jobs(database, RECOMPUTE_JOB, {"cycle": 2023, "area": None})
    assert (done.done, done.total, done.state) == (2, 2, "done")
    assert different(database) == 0
    again = run_jobs(database, RECOMPUTE_JOB, {"cycle": 2023, "area": None})
    assert "，0 名有变化" in (again.result or {})["text"]


@pytest.mark.usefixtures("now")
def test_recomputing_goes_by_stretches_and_by_areas(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "STRETCH", 2)
    register_people(database, 1, 2, 3, 4, 5)
    register_people(database, 6, unit_path="360000/360600/360603/3606030001/")
    deliver(database, audited(*[result(number) for number in range(1, 8)]))
    with database.transaction() as session:
        session.execute(update(StoredStanding).values(coordinated=Decimal(1)))
    run_jobs(database, RECOMPUTE_JOB, {"cycle": 2023, "area": SCHOOL})
    assert different(database) == 2  # the other county's, and one whom the register does not know
    run_jobs(database, RECOMPUTE_JOB, {"cycle": 2023, "area": None})
    assert different(database) == 0


@pytest.mark.usefixtures("now")
def test_another_edition_or_nothing_stored_is_computed_anew(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(1)))
    with database.transaction() as session:
        session.execute(delete(StoredStanding))
    run_jobs(database, CHECK_JOB)
    assert _queued(database) == [2018, 2023]
    run_jobs(database, RECOMPUTE_JOB, {"cycle": 2023, "area": None})
    assert different(database) == 0
    with database.transaction() as session:
        session.execute(update(StoredStanding).values(edition="older", shortfall=100))
    run_jobs(database, RECOMPUTE_JOB, {"cycle": 2023, "area": None})
    assert (stored(database, "person-2") or {})["shortfall"] == 3600
    assert different(database) == 0


def _queued(database: Database) -> list[int]:
    with database.reading() as session:
        query = select(OutboxRow.payload).where(OutboxRow.name == RECOMPUTE_JOB).order_by(OutboxRow.id)
        return sorted({payload["cycle"] for payload in session.scalars(query)})


def test_the_look_is_scheduled(database: Database) -> None:
    from services.credits.tasks import SCHEDULE

    assert CHECK_JOB in SCHEDULE
    assert tick(database, CHECK_JOB, SCHEDULE[CHECK_JOB]) is not None


@pytest.mark.usefixtures("now")
def test_groups_of_a_partition_are_stored(database: Database) -> None:
    figure = Figure(Decimal(2), "R", "B", "")
    groups = [Group("a", "甲", figure, ["county_training"]), Group("b", "乙", figure, ["school_training"])]
    edition = TRIAL.__class__(
        **{name: getattr(TRIAL, name) for name in TRIAL.__slots__} | {"partitions": [Partition("p", "分类", groups)]}
    )
    register_people(database, 1)
    person_id = enter(database, [Entered("county_training", 2026, Decimal("1.5"))], cycle=2023)
    with database.transaction() as session:
        operations.refresh_some(session, edition, RUNNING, everybody)
    with database.reading() as session:
        row = session.get_one(StoredStanding, (2023, person_id))
        assert row.groups == '{"p/a": 150, "p/b": 0}'
        assert session.scalar(operations.differences(edition, RUNNING, everybody)) == 0
    with database.transaction() as session:
        assert operations.refresh_some(session, edition, RUNNING, everybody) == 0


@pytest.mark.usefixtures("now")
def test_a_list_by_shortfall_reads_what_is_stored(database: Database) -> None:
    register_people(database, 1, 2, 3, 4, 5)
    for number in range(1, 5):
        deliver(database, audited(result(number, hours=str(number * 70)), audit_id=f"audit-{number}"))
    run_jobs(database, CHECK_JOB)
    names: list[str] = []
    cursor = None
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda c, cu, statement, *_: statements.append(statement))
    with database.reading() as session:
        while True:
            found = listing.standings(session, admin(), by_shortfall=True, cursor=cursor, limit=2)
            names += [row.person.name for row in found.items]
            cursor = found.next
            if cursor is None:
                break
        short = listing.standings(session, admin(), short=Bucket.COORDINATED)
        other = listing.standings(session, admin(path="360000/360600/360603/"), by_shortfall=True)
    assert names == ["教师5", "教师1", "教师2", "教师3", "教师4"]
    assert [row.person.name for row in short.items] == ["教师1", "教师2", "教师3", "教师5"]
    assert other.items == []
    assert not [statement for statement in statements if "ledger_lines" in statement]
