"""What people look at: whose credits an actor may see, a standing, a ledger with how each line counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased, contains_eager

from services.credits import rules, standing
from services.credits.edition_files import shipped
from services.credits.editions import Cycle, Edition
from services.credits.entries import Entry
from services.credits.judgement import BucketSum, Judgement, Person, judge
from services.credits.models import ApprovedPlan, Audit, LedgerLine, ProjectCorrection, UnknownPerson
from shared.actors import Actor, Office, Unit, ancestors
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


def visible_unknown(actor: Actor) -> Select[LedgerLine]:
    """Lines of people whom the register does not know, of trainings organised in the actor's areas (待核对)."""
    areas = [
        under(Audit.organizer_path, post.unit.path) for post in actor.posts_of(Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
    ]
    return (
        select(LedgerLine)
        .join(UnknownPerson, UnknownPerson.person_id == LedgerLine.person_id)
        .join(LedgerLine.audit)
        .outerjoin(PersonCopy, PersonCopy.person_id == LedgerLine.person_id)
        .where(PersonCopy.person_id.is_(None), or_(false(), *areas))
        .options(contains_eager(LedgerLine.audit))
    )


# One teacher ---------------------------------------------------------------------------------------------------------


def today() -> date:
    """The date in China."""
    return utc_now().astimezone(ZoneInfo("Asia/Shanghai")).date()


def choose_cycle(number: int | None) -> tuple[Edition, Cycle]:
    """The cycle that starts in the year `number`, or the one that runs now. Raises `NotFound`."""
    found = shipped().cycle(number) if number is not None else shipped().cycle_at(today())
    if found is None or found[1].start > today():
        raise NotFound("没有这个培训周期。")
    return found


def standing_of(session: Session, actor: Actor, person_id: str | None, number: int | None = None) -> Standing:
    """One teacher's standing with every line behind it. Raises `NotFound` outside what the actor may see."""
    edition, cycle = choose_cycle(number)
    query = visible_people(actor).where(PersonCopy.person_id == person_id)
    row = session.execute(
        query.add_columns(UnitCopy).outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path)
    ).first()
    if row is None:
        raise NotFound()
    person, unit = row
    found = entries(session, edition, cycle, person.person_id)
    sums = sums_of(session, edition, cycle, [person.person_id])
    judgement = judge(
        person_facts(person, unit),
        sums.get(person.person_id, {}),
        edition,
        cycle,
        today(),
        [entry.as_part() for entry in found if entry.stands],
    )
    return Standing(person=person, unit=unit, edition=edition, cycle=cycle, judgement=judgement, entries=found)


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
    edition, cycle = choose_cycle(number)
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
    counted = standing.counted_lines(edition, cycle.number, LedgerLine.person_id == person_id)
    counter = aliased(LedgerLine)
    correction = and_(
        ProjectCorrection.project_id == Audit.project_id, ProjectCorrection.correction == LedgerLine.correction
    )
    query = (
        select(LedgerLine, Audit, ApprovedPlan, ProjectCorrection, counted.c.within_year, counted.c.counted, counter)
        .outerjoin(Audit, Audit.audit_id == LedgerLine.audit_id)
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
            edition=edition,
        )
        for line, audit, plan, corrected, within_year, counts, countered in session.execute(query)
    ]


def cycles_with_lines(session: Session, person_id: str) -> set[int | None]:
    """The cycles in which the teacher has lines at all, by the year of their start."""
    return set(session.scalars(select(LedgerLine.cycle).where(LedgerLine.person_id == person_id).distinct()))


def _of_cycle(person_id: str, cycle: Cycle) -> ColumnElement[bool]:
    """The teacher's lines of a cycle; lines that lie in no cycle (待核对) are shown with the one that runs."""
    undated = [] if cycle.ended(today()) else [LedgerLine.cycle.is_(None)]
    return (LedgerLine.person_id == person_id) & or_(LedgerLine.cycle == cycle.number, *undated)


def sums_of(
    session: Session, edition: Edition, cycle: Cycle, person_ids: Sequence[str]
) -> dict[str, dict[Bucket, BucketSum]]:
    """Person -> headline per bucket; who has no line is absent."""
    query = standing.headline(edition, cycle.number, LedgerLine.person_id.in_(person_ids))
    return {
        row["person_id"]: {
            bucket: BucketSum(row[bucket.value], int(row[f"{bucket.value}_pending"])) for bucket in Bucket
        }
        for row in session.execute(query).mappings()
    }


def person_facts(person: PersonCopy, unit: UnitCopy | None) -> Person:
    """What the judgement looks at."""
    return Person(
        kind=person.kind,
        unit_kind=unit.kind if unit else None,
        hired_on=person.hired_on,
        retires_on=person.retires_on,
        seconded_from=person.seconded_from,
        seconded_to=person.seconded_to,
    )


# Many teachers -------------------------------------------------------------------------------------------------------


def standings(
    session: Session, actor: Actor, area: str | None = None, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Standing]:
    """The running cycle of the teachers whom the actor may see, by unit; `area` narrows it to a unit path."""
    edition, cycle = choose_cycle(None)
    query = visible_people(actor).where(PersonCopy.active)
    if area:
        query = query.where(under(PersonCopy.unit_path, area))
    people = page(session, query, [PersonCopy.unit_path, PersonCopy.person_id], cursor=cursor, limit=limit)
    paths = {person.unit_path for person in people.items}
    units = {unit.path: unit for unit in session.scalars(select(UnitCopy).where(UnitCopy.path.in_(paths)))}
    sums = sums_of(session, edition, cycle, [person.person_id for person in people.items])
    rows = [
        Standing(
            person=person,
            unit=units.get(person.unit_path),
            edition=edition,
            cycle=cycle,
            judgement=judge(
                person_facts(person, units.get(person.unit_path)),
                sums.get(person.person_id, {}),
                edition,
                cycle,
                today(),
            ),
        )
        for person in people.items
    ]
    return Page(rows, people.next)


def unknown_lines(
    session: Session, actor: Actor, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[LedgerLine]:
    """Lines that wait for their person to be registered, oldest first."""
    return page(session, visible_unknown(actor), [LedgerLine.id], cursor=cursor, limit=limit)


def count_unknown(session: Session, actor: Actor) -> int:
    """How many lines `unknown_lines` holds."""
    query = visible_unknown(actor).options().with_only_columns(func.count(LedgerLine.id))
    return int(session.scalar(query) or 0)


def units_below(session: Session, actor: Actor, area: str | None) -> list[Unit]:
    """The units directly below `area` (or the actor's own areas) that the actor administers, by name."""
    posts = actor.posts_of(Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
    tops = [post.unit.path for post in posts if not area or area.startswith(post.unit.path)]
    places = [area] if area and tops else tops
    depth = func.length(UnitCopy.path) - func.length(func.replace(UnitCopy.path, "/", ""))
    wanted = [under(UnitCopy.path, place) & (depth == place.count("/") + 1) for place in places]
    query = select(UnitCopy).where(UnitCopy.active, or_(false(), *wanted)).order_by(UnitCopy.path)
    return [unit.as_unit() for unit in session.scalars(query)]


def area_at(session: Session, actor: Actor, path: str | None) -> UnitCopy | None:
    """The unit at `path`, if it lies in an area that the actor administers."""
    mine = path and actor.post_over(path, Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
    return session.get(UnitCopy, path) if mine else None


# Around it -----------------------------------------------------------------------------------------------------------


def names_of(session: Session, audits: Iterable[Audit]) -> Mapping[str, str]:
    """Account -> name, of those who hold an office over the organisers of these audits."""
    paths = {path for audit in audits for path in ancestors(audit.organizer_path)}
    query = select(OfficeCopy.holders).where(OfficeCopy.unit_path.in_(paths))
    return {holder["account_id"]: holder["name"] for holders in session.scalars(query) for holder in holders}


def freshness(session: Session) -> Freshness:
    """How current the ledger is: now, unless messages of others wait to be applied."""
    query = select(func.count(), func.min(ParkedRow.first_seen_at)).where(ParkedRow.consumer == CONSUMER)
    waiting, since = session.execute(query).one()
    return Freshness(since or utc_now(), int(waiting))
