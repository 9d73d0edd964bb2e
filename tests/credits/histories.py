"""Whole histories written straight into the ledger, and read back as a standing: for policy cases and the oracle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from services.credits import queries
from services.credits.edition_files import shipped
from services.credits.editions import Cycle
from services.credits.judgement import Judgement, Person, judge
from services.credits.models import LedgerLine
from shared.database import Database, new_id, utc_now
from shared.events.plans import Bucket

TRIAL = shipped().named("jx-2018-trial")


@dataclass(frozen=True, slots=True)
class Entered:
    """One line to enter; `countered` adds its counter-line behind all the others."""

    category: str
    school_year: int
    amount: Decimal | None
    bucket: Bucket = Bucket.COORDINATED
    effective_on: date | None = None
    flag: str | None = None
    countered: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """What the service makes of a history."""

    judgement: Judgement
    counted: list[Decimal]
    """Per line, in the order entered; 0 for what is countered or not known."""


def enter(database: Database, lines: list[Entered], cycle: int = 2018) -> str:
    """Writes the history of a person of its own; returns the person's id."""
    person_id = new_id()
    with database.transaction() as session:
        rows = [_line(person_id, cycle, line) for line in lines]
        session.add_all(rows)
        session.flush()
        for line, row in zip(lines, rows, strict=True):
            if line.countered:
                counter = _line(person_id, cycle, line)
                counter.kind, counter.reverses = "reversal", row.id
                counter.amount = None if row.amount is None else -row.amount
                session.add(counter)
    return person_id


def read(
    database: Database, person_id: str, person: Person, *, cycle: int = 2018, today: date = date(2026, 11, 24)
) -> Read:
    """The standing of one cycle as of `today`."""
    found = shipped().cycle(cycle)
    assert found is not None
    with database.reading() as session:
        entries = queries.entries(session, *found, person_id)
        sums = queries.sums_of(session, *found, [person_id]).get(person_id, {})
        parts = [entry.as_part() for entry in entries if entry.stands]
        return Read(
            judge(person, sums, *found, today, parts),
            [entry.counted for entry in entries if entry.line.kind == "earned"],
        )


def cycle_of(number: int) -> Cycle:
    """The cycle that starts in that year."""
    found = TRIAL.cycle_of(number)
    assert found is not None
    assert found.number == number
    return found


def everybody(database: Database, cycle: int = 2018) -> dict[str, dict[Bucket, Decimal]]:
    """The headline of all people of a cycle by the one statement that has no condition on the person."""
    from services.credits import standing

    with database.reading() as session:
        rows = session.execute(standing.headline(TRIAL, cycle_of(cycle))).mappings()
        return {row["person_id"]: {bucket: row[bucket.value] for bucket in Bucket} for row in rows}


def everybodys_lines(database: Database, cycle: int = 2018) -> dict[str, dict[Bucket, Decimal]]:
    """The sums of what counts of each line, over all people of a cycle."""
    from services.credits import standing

    counted = standing.counted_lines(TRIAL, cycle_of(cycle))
    sums: dict[str, dict[Bucket, Decimal]] = {}
    query = select(LedgerLine.person_id, LedgerLine.bucket, counted.c.counted).join(
        counted, counted.c.id == LedgerLine.id
    )
    with database.reading() as session:
        for person_id, bucket, amount in session.execute(query):
            mine = sums.setdefault(person_id, dict.fromkeys(Bucket, Decimal(0)))
            mine[Bucket(bucket)] += amount
    return sums


def _line(person_id: str, cycle: int, line: Entered) -> LedgerLine:
    values: dict[str, Any] = {
        "kind": "earned",
        "person_id": person_id,
        "cycle": cycle,
        "school_year": line.school_year,
        "bucket": line.bucket.value,
        "category": line.category,
        "level": "county",
        "amount": line.amount,
        "rule": "R-20",
        "edition": TRIAL.id,
        "flag": line.flag,
        "sentence": "测试",
        "entered_by": "account-enters",
        "audited_by": "account-audits",
        "effective_on": line.effective_on or date(line.school_year, 11, 1),
        "received_at": utc_now(),
        "recorded_at": utc_now(),
    }
    return LedgerLine(**values)
