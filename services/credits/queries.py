"""What people look at: whose credits an actor may see, a standing, a ledger with how each line counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from services.credits import in_force, people, policies, rules, standing
from services.credits.editions import Cycle, Edition
from services.credits.entries import Entry
from services.credits.judgement import BucketSum, Judgement, judge
from services.credits.models import (
    ApprovedPlan,
    Audit,
    LedgerLine,
    ProjectCorrection,
    RecognisedClaim,
)
from shared.actors import Actor, Office, ancestors
from shared.database import under, utc_now
from shared.directory import OfficeCopy, PersonCopy, UnitCopy
from shared.errors import NotFound
from shared.events.plans import Bucket
from shared.inbox import ParkedRow
from shared.paging import PAGE_SIZE, Page, page

CONSUMER = "credits"
"""The name under which this service receives messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one teacher's cycle stands."""

    person: PersonCopy
    unit: UnitCopy | None
    edition: Edition
    cycle: Cycle
    judgement: Judgement
    entries: Sequence[Entry] = field(default_factory=list)
    """The lines behind it; empty in lists of many teachers."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """Until when the messages of other services have been taken in, and how many wait to be."""

    as_of: datetime
    waiting: int


# Who may be seen ---------------------------------------------------------------------------------------------------


def visible_people(actor: Actor) -> Select[PersonCopy]:
    """The people whose credits the actor may see: herself, her school's, those of her area."""
    mine: list[ColumnElement[bool]] = [
        under(PersonCopy.unit_path, post.unit.path) for post in actor.posts_of(Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
    ]
    if actor.person_id is not None and actor.holds(Office.TEACHER):
        mine.append(PersonCopy.person_id == actor.person_id)
    return select(PersonCopy).where(or_(false(), *mine))


# One teacher ---------------------------------------------------------------------------------------------------------


def today() -> date:
    """The date in China."""
    return in_force.today()


def choose_cycle(session: Session, number: int | None) -> tuple[Edition, Cycle]:
    """The cycle that starts in the year `number`, or the one that runs now, as judged today. Raises `NotFound`."""
    found = in_force.cycle(session, number)
    if found is None or found[1].start > today():
        raise NotFound("没有这个培训周期。")
    return found


def standing_of(session: Session, actor: Actor, person_id: str | None, number: int | None = None) -> Standing:
    """One teacher's standing with every line behind it. Raises `NotFound` outside what the actor may see."""
    edition, cycle = choose_cycle(session, number)
    return standing_in(session, find_teacher(session, actor, person_id), edition, cycle)


def find_teacher(session: Session, actor: Actor, person_id: str | None, *beside: Any) -> people.Teacher:
    """One teacher. Raises `NotFound` outside what the actor may see."""
    mine = visible_people(actor).where(PersonCopy.person_id == person_id)
    for teacher in people.teachers(session, mine, *beside).values():
        return teacher
    raise NotFound()


def standing_in(session: Session, teacher: people.Teacher, edition: Edition, cycle: Cycle) -> Standing:
    """The standing of a teacher who was found already, with every line behind it."""
    person, facts = teacher.person, teacher.facts
    found = entries(session, edition, cycle, person.person_id)
    judgement = judge(
        facts,
        _headline(found, cycle),
        edition,
        cycle,
        today(),
        [entry.as_part() for entry in found if entry.stands],
        groups_of(session, edition, cycle, [person.person_id]).get(person.person_id),
    )
    categories = {entry.line.category for entry in found if entry.stands}
    decided = policies.remarks(in_force.rules(session).decisions, facts, categories, cycle, min(today(), cycle.end))
    judgement = replace(judgement, flags={**judgement.flags, **decided})
    return Standing(person=person, unit=teacher.unit, edition=edition, cycle=cycle, judgement=judgement, entries=found)


def _headline(entries: Sequence[Entry], cycle: Cycle) -> dict[Bucket, BucketSum]:
    """The sums of `standing.headline`, from the lines behind them: they are the same (decision 0012)."""
    mine = [entry for entry in entries if entry.line.cycle == cycle.number and entry.stands]
    return {
        bucket: BucketSum(
            sum((entry.counted for entry in mine if entry.line.bucket == bucket), rules.ZERO),
            sum(entry.line.amount is None for entry in mine if entry.line.bucket == bucket),
        )
        for bucket in Bucket
    }


def ledger(
    session: Session,
    actor: Actor,
    person_id: str | None,
    number: int | None = None,
    *,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[Entry]:
    """One page of a teacher's ledger in the order of recording. Raises `NotFound` outside what the actor may see."""
    edition, cycle = choose_cycle(session, number)
    person = session.scalar(visible_people(actor).where(PersonCopy.person_id == person_id))
    if person is None:
        raise NotFound()
    query = select(LedgerLine).where(_of_cycle(person.person_id, cycle))
    found = page(session, query, [LedgerLine.id], cursor=cursor, limit=limit)
    ids = [line.id for line in found.items]
    return Page(entries(session, edition, cycle, person.person_id, LedgerLine.id.in_(ids)), found.next)


def entries(
    session: Session, edition: Edition, cycle: Cycle, person_id: str, *where: ColumnElement[bool]
) -> list[Entry]:
    """A teacher's lines of one cycle in the order of recording, each with what of it counts.

    `where` picks lines to show; how they count is always worked out over all of them.
    """
    counted = standing.counted_lines(edition, cycle, LedgerLine.person_id == person_id)
    counter = aliased(LedgerLine)
    correction = and_(
        ProjectCorrection.project_id == Audit.project_id, ProjectCorrection.correction == LedgerLine.correction
    )
    query = (
        select(
            LedgerLine,
            Audit,
            ApprovedPlan,
            ProjectCorrection,
            RecognisedClaim,
            counted.c.within_year,
            counted.c.counted,
            counter,
        )
        .outerjoin(Audit, Audit.audit_id == LedgerLine.audit_id)
        .outerjoin(RecognisedClaim, RecognisedClaim.claim_id == LedgerLine.result_id)
        .outerjoin(ProjectCorrection, correction)
        .outerjoin(ApprovedPlan, ApprovedPlan.plan_id == Audit.plan_id)
        .outerjoin(counted, counted.c.id == LedgerLine.id)
        .outerjoin(counter, counter.reverses == LedgerLine.id)
        .where(_of_cycle(person_id, cycle), *where)
        .order_by(LedgerLine.id)
    )
    return [
        Entry(
            line=line,
            audit=audit,
            plan=plan,
            correction=corrected,
            counted=counts or rules.ZERO,
            within_year=within_year or rules.ZERO,
            countered_by=countered.id if countered else None,
            corrected=bool(countered and countered.correction),
            adjusted=bool(countered and countered.adjustment),
            edition=edition,
            claim=claim,
        )
        for line, audit, plan, corrected, claim, within_year, counts, countered in session.execute(query)
    ]


def has_lines(cycle: Cycle) -> ColumnElement[bool]:
    """Whether the teacher of a query has lines in a cycle at all."""
    return exists().where(LedgerLine.person_id == PersonCopy.person_id, LedgerLine.cycle == cycle.number)


def _of_cycle(person_id: str, cycle: Cycle) -> ColumnElement[bool]:
    """The teacher's lines of a cycle; lines that lie in no cycle (待核对) are shown with the one that runs."""
    undated = [] if cycle.ended(today()) else [LedgerLine.cycle.is_(None)]
    return (LedgerLine.person_id == person_id) & or_(LedgerLine.cycle == cycle.number, *undated)


def sums_of(
    session: Session, edition: Edition, cycle: Cycle, person_ids: Sequence[str]
) -> dict[str, dict[Bucket, BucketSum]]:
    """Person -> headline per bucket; who has no line is absent."""
    query = standing.headline(edition, cycle, LedgerLine.person_id.in_(person_ids))
    return {
        row["person_id"]: {
            bucket: BucketSum(row[bucket.value], int(row[f"{bucket.value}_pending"])) for bucket in Bucket
        }
        for row in session.execute(query).mappings()
    }


def groups_of(
    session: Session, edition: Edition, cycle: Cycle, person_ids: Sequence[str]
) -> dict[str, dict[str, Decimal]]:
    """Person -> sums of the edition's partitions; empty for an edition without any."""
    query = standing.groups(edition, cycle, LedgerLine.person_id.in_(person_ids))
    if query is None:
        return {}
    rows = session.execute(query).mappings()
    return {row["person_id"]: {name: row[name] for name in row if name != "person_id"} for row in rows}


# Around it -----------------------------------------------------------------------------------------------------------


def names_of(session: Session, shown: Iterable[Entry]) -> Mapping[str, str]:
    """Account -> name, of those who hold an office over the organisers and schools of these entries."""
    places = {e.audit.organizer_path if e.audit else e.claim.unit_path if e.claim else "" for e in shown}
    paths = {path for place in places - {""} for path in ancestors(place)}
    query = select(OfficeCopy.holders).where(OfficeCopy.unit_path.in_(paths))
    return {holder["account_id"]: holder["name"] for holders in session.scalars(query) for holder in holders}


def freshness(session: Session) -> Freshness:
    """How current the ledger is: now, unless messages of others wait to be applied."""
    return fresh(session.execute(select(*parked())).one()._mapping)


def parked() -> list[ColumnElement[Any]]:
    """What `fresh` reads, as columns of any statement: how many messages wait, and since when."""
    waiting = select(func.count(ParkedRow.event_id)).where(ParkedRow.consumer == CONSUMER)
    since = select(func.min(ParkedRow.first_seen_at)).where(ParkedRow.consumer == CONSUMER)
    return [waiting.scalar_subquery().label("waiting"), since.scalar_subquery().label("since")]


def fresh(row: Mapping[Any, Any]) -> Freshness:
    """How current the ledger is by the columns of `parked`."""
    return Freshness(row["since"] or utc_now(), int(row["waiting"]))
