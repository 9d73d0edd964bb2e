"""A history in, the same judgement and explanation out, nothing stored: for programs, and for the worked examples.

The lines are converted by the rules of the ledger, and counted by the statement of every standing, in a database that
lives in memory and for this one question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.orm import Session

from services.credits import queries, rules
from services.credits.editions import Cycle, Edition, Overlay
from services.credits.entries import Entry
from services.credits.judgement import BucketSum, Judgement, Person, judge
from services.credits.models import Base, LedgerLine, LineKind
from services.credits.rules import Conversion, ResultFacts
from shared.database import utc_now
from shared.events.plans import Bucket

SOMEBODY = "somebody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something in a teacher's history that may give credits."""

    id: str
    """Its own in a history."""
    facts: ResultFacts
    held_on: date
    """Last day; of what is only known by its school year, that year's last day."""
    recognised: bool = True
    """Whether the results were audited, or the claim approved."""
    countered: bool = False
    """Audited, and taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One teacher and everything that happened, by which rules it is looked at, and for which cycle."""

    person: Person
    edition: Edition
    cycle: Cycle
    overlay: Overlay | None = None
    happened: Sequence[Happened] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one thing that happened."""

    id: str
    amount: Decimal | None
    """Credits before any ceiling; None: 待定."""
    counted: Decimal
    sentence: str
    reason: str
    """Why it, or a part of it, does not count; empty where all of it does."""
    flag: str | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How the cycle stands, and what became of everything in it."""

    judgement: Judgement
    told: Sequence[Told]
    offset_credits: Decimal
    """Of what counts, the part that comes from offsets (冲抵)."""
    per_school_year: dict[int, Decimal] = field(default_factory=dict)

    def counted(self, bucket: Bucket) -> Decimal:
        """The headline of one bucket."""
        return self.judgement.buckets[bucket].counted


def evaluate(history: History, today: date | None = None) -> Evaluation:
    """Judges a history as of `today`; None: at the end of its cycle.

    What lies in another cycle gives nothing here and is told as such; by a rule of its own what only counts in the
    cycle in which it was obtained (FAQ-Q5).
    """
    edition, cycle = history.edition, history.cycle
    mine = [one for one in history.happened if _concerns(one, edition, cycle)]
    made = [_made(one, history) for one in mine]
    with _engine().connect() as connection, Session(connection) as session:
        Base.metadata.create_all(connection, checkfirst=False)
        for one, conversion in zip(mine, made, strict=True):
            line = _line(one, conversion, history)
            session.add(line)
            session.flush()
            if one.countered:
                session.add(_counter(line))
        session.flush()
        entries = queries.entries(session, edition, cycle, SOMEBODY, LedgerLine.kind == LineKind.EARNED)
        sums = queries.sums_of(session, edition, cycle, [SOMEBODY]).get(SOMEBODY, dict[Bucket, BucketSum]())
        groups = queries.groups_of(session, edition, cycle, [SOMEBODY]).get(SOMEBODY)
        standing = [entry for entry in entries if entry.stands]
        judgement = judge(
            history.person,
            sums,
            edition,
            cycle,
            today or cycle.end + timedelta(days=1),
            [entry.as_part() for entry in standing],
            groups,
        )
        inside = {one.id: _told(one, entry) for one, entry in zip(mine, entries, strict=True)}
        told = [inside.get(one.id) or _outside(one, edition, cycle) for one in history.happened]
    years = {
        year: sum((entry.counted for entry in standing if entry.line.school_year == year), rules.ZERO)
        for year in cycle.school_years
    }
    offsets = sum((entry.counted for entry in standing if entry.line.category in edition.offsets), rules.ZERO)
    return Evaluation(judgement, told, offsets, years)


def following(history: History) -> History:
    """The same history, looked at for the next cycle."""
    cycle = history.cycle
    years = len(cycle.school_years)
    start = cycle.end + timedelta(days=1)
    end = start.replace(year=start.year + years) - timedelta(days=1)
    return replace(history, cycle=Cycle(cycle.number + years, start, end))


@cache
def _engine() -> Engine:
    """Every connection is an empty database of its own; what was compiled once is kept."""
    return create_engine("sqlite://", poolclass=NullPool)


def _concerns(one: Happened, edition: Edition, cycle: Cycle) -> bool:
    windowed = any(window.category == one.facts.category for window in edition.windows)
    return windowed or cycle.start <= one.held_on <= cycle.end


def _made(one: Happened, history: History) -> Conversion:
    if one.recognised:
        return rules.conversion(one.facts, history.edition, history.overlay, history.cycle)
    refused = rules.refusal(one.facts, history.edition, history.cycle)
    return refused or Conversion(rules.ZERO, "R-26", "尚未审核认定，暂不计学分", "NOT_RECOGNISED")


def _line(one: Happened, made: Conversion, history: History) -> LedgerLine:
    now = utc_now()
    return LedgerLine(
        kind=LineKind.EARNED.value,
        person_id=SOMEBODY,
        cycle=history.cycle.number,
        school_year=history.cycle.school_year_of(one.held_on),
        bucket=one.facts.bucket.value,
        category=one.facts.category,
        level=one.facts.level,
        passed=one.facts.passed,
        hours=one.facts.hours,
        amount=made.amount,
        units=made.units,
        rule=made.rule,
        edition=history.edition.id,
        overlay=made.overlay,
        flag=made.flag,
        sentence=made.sentence,
        entered_by="",
        audited_by="",
        effective_on=one.held_on,
        received_at=now,
        recorded_at=now,
    )


def _counter(line: LedgerLine) -> LedgerLine:
    copied = {column.key: getattr(line, column.key) for column in LedgerLine.__table__.columns if column.key != "id"}
    amount = None if line.amount is None else -line.amount
    return LedgerLine(**copied | {"kind": LineKind.REVERSAL.value, "amount": amount, "reverses": line.id})


def _outside(one: Happened, edition: Edition, cycle: Cycle) -> Told:
    """Of what lies in no cycle, or in another than the one that is looked at (R-01)."""
    sentence = f"日期（date）{one.held_on} 不在本周期（{cycle.start} 至 {cycle.end}）之内，不计入本周期（R-01）"
    first = edition.cycle.first_start if edition.cycle else None
    if first is not None and one.held_on < min(first, cycle.start):
        sentence = f"日期（date）{one.held_on} 早于首个周期（自 {first} 起），不在任何周期之内，不计学分（R-01）"
    return Told(one.id, rules.ZERO, rules.ZERO, sentence, sentence, None)


def _told(one: Happened, entry: Entry) -> Told:
    line = entry.line
    return Told(one.id, line.amount, entry.counted, line.sentence, entry.reason, line.flag)
