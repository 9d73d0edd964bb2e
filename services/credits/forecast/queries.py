"""Who cannot reach the minimums by the end of the cycle: one statement over a school or county.

What is open to everybody is taken at its ceilings: fallback in every school year that is left, each item once a year,
and what the school's approved plans of this year still give. All else needs an offer, and is not foretold. The figures
of one person are those of `outlook.rooms`, written in SQL; the tests hold the two together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, String, and_, case, cast, func, literal, or_, select, type_coerce
from sqlalchemy.orm import Session

from services.credits import listing, people, queries
from services.credits.editions import Cycle, Edition, school_year_title
from services.credits.forecast.outlook import is_open, pots_at, years_left
from services.credits.models import ApprovedPlan, LedgerLine, LineKind
from services.credits.standing import lacking, total
from services.credits.standings.models import StoredStanding
from shared.actors import Actor, Level, Office, ancestors
from shared.database import Hundredths, under
from shared.directory import PersonCopy, UnitCopy
from shared.errors import NotFound
from shared.events.plans import Bucket
from shared.paging import PAGE_SIZE, Page, page

ADMINS = (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
NOTHING = literal(Decimal(0), Hundredths())
SHORT, BEYOND = "short", "beyond"
"""Who still lacks something, and who does at the ceilings of what is open to everybody."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which list: of those who are `SHORT`, or `BEYOND`; of one bucket, or of either."""

    status: str = BEYOND
    bucket: Bucket | None = None

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """Those that are looked at."""
        return (self.bucket,) if self.bucket else tuple(Bucket)


@dataclass(frozen=True, slots=True)
class Outlook:
    """One bucket of one person."""

    short: Decimal
    room: Decimal
    """What is open to everybody still gives at most until the end of the cycle."""
    beyond: Decimal
    """What is missing even so."""


@dataclass(frozen=True, slots=True)
class Row:
    """One teacher of the list."""

    person: PersonCopy
    unit: UnitCopy | None
    buckets: dict[Bucket, Outlook]


@dataclass(frozen=True, slots=True)
class Totals:
    """A list in sum: how many people, and what they lack together."""

    people: int
    credits: Decimal


@dataclass(frozen=True)
class Forecast:
    """The forecast of one school or county, by what holds today."""

    unit: UnitCopy
    edition: Edition
    cycle: Cycle
    day: date
    plans: dict[str, Decimal]
    """School -> credits that its approved plans of this school year give, its own and those that cover it."""

    @cached_property
    def _figures(self) -> Any:
        """Person -> per bucket `<bucket>_short`, `_room` and `_beyond`, of those of whom anything is asked."""
        stored = and_(StoredStanding.person_id == PersonCopy.person_id, StoredStanding.cycle == self.cycle.number)
        used = self._used().subquery("used")
        columns: list[Any] = []
        for bucket in Bucket:
            minimum = self.edition.minimum(bucket)
            counted = func.coalesce(getattr(StoredStanding, bucket.value), NOTHING)
            short = lacking(counted, minimum) if minimum else NOTHING
            unruled = [r for r in self.edition.persons if r.bucket is bucket and r.status == "undetermined"]
            if unruled:
                without = or_(*[people.fits(rule, self.cycle, self.day) for rule in unruled])
                short = type_coerce(case((without, NOTHING), else_=short), Hundredths())
            columns += [short.label(f"{bucket.value}_short"), self._room(bucket, used.c).label(f"{bucket.value}_room")]
        sums = (
            select(PersonCopy.person_id, *columns)
            .outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path)
            .outerjoin(StoredStanding, stored)
            .outerjoin(used, used.c.person_id == PersonCopy.person_id)
            .where(
                PersonCopy.active,
                under(PersonCopy.unit_path, self.unit.path),
                people.asked(self.edition, self.cycle, self.day),
            )
            .subquery("sums")
        )
        beyond = [
            type_coerce(case((short > room, short - room), else_=NOTHING), Hundredths()).label(f"{bucket.value}_beyond")
            for bucket in Bucket
            for short, room in [(sums.c[f"{bucket.value}_short"], sums.c[f"{bucket.value}_room"])]
        ]
        return select(*sums.c, *beyond).subquery("figures")

    def listed(self, actor: Actor, chosen: Chosen) -> Select[PersonCopy]:
        """The people of a list."""
        query: Select[PersonCopy] = queries.visible_people(actor)
        return query.join(self._figures, self._figures.c.person_id == PersonCopy.person_id).where(self._in(chosen))

    def rows(
        self, session: Session, actor: Actor, chosen: Chosen, *, cursor: str | None = None, limit: int = PAGE_SIZE
    ) -> Page[Row]:
        """One page of a list, by unit."""
        keys = [PersonCopy.unit_path, PersonCopy.person_id]
        found = page(session, self.listed(actor, chosen), keys, cursor=cursor, limit=limit)
        figures = self._figures
        query = (
            select(PersonCopy, UnitCopy, *[column for column in figures.c if column.key != "person_id"])
            .join(figures, figures.c.person_id == PersonCopy.person_id)
            .outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path)
            .where(PersonCopy.person_id.in_([person.person_id for person in found.items]))
            .order_by(*keys)
        )
        return Page([_row(row._mapping) for row in session.execute(query)], found.next)

    def totals(self, session: Session, actor: Actor, chosens: Sequence[Chosen]) -> list[Totals]:
        """Each list in sum, by one statement; the credits are those of its own status and buckets."""
        figures = self._figures
        columns: list[Any] = []
        for chosen in chosens:
            credits = total([figures.c[f"{bucket.value}_{chosen.status}"] for bucket in chosen.buckets])
            columns.append(func.count().filter(self._in(chosen)))
            columns.append(type_coerce(cast(func.coalesce(func.sum(credits), 0), Integer), Hundredths()))
        query = queries.visible_people(actor).join(figures, figures.c.person_id == PersonCopy.person_id)
        found = session.execute(query.with_only_columns(*columns)).one()
        return [Totals(found[place], found[place + 1]) for place in range(0, len(found), 2)]

    def _in(self, chosen: Chosen) -> ColumnElement[bool]:
        return or_(*[self._figures.c[f"{bucket.value}_{chosen.status}"] > NOTHING for bucket in chosen.buckets])

    def _used(self) -> Select[Any]:
        """Person -> the sums of what is open to everybody, by school year: `<pot>_<year>`, `<item>`, `planned`."""
        present, sign = self.cycle.school_year_of(self.day), case((LedgerLine.kind == LineKind.EARNED, 1), else_=-1)
        this_year = LedgerLine.school_year == present
        columns: list[Any] = [
            _sum(LedgerLine.amount, LedgerLine.category.in_(pot.categories), LedgerLine.school_year == year).label(
                f"{pot.id}_{year}"
            )
            for pot in self._pots
            for year in self.cycle.school_years
        ]
        known = LedgerLine.amount.is_not(None)
        columns += [
            func.sum(LedgerLine.units * sign)
            .filter(known, LedgerLine.category == item.category, this_year)
            .label(item.category)
            for item in self.edition.items
        ]
        items = [item.category for item in self.edition.items]
        planned = (this_year, LedgerLine.bucket == Bucket.SELF_ORGANIZED.value, LedgerLine.category.not_in(items))
        columns.append(_sum(LedgerLine.amount, *planned).label("planned"))
        here = select(PersonCopy.person_id).where(under(PersonCopy.unit_path, self.unit.path))
        return (
            select(LedgerLine.person_id, *columns)
            .where(LedgerLine.cycle == self.cycle.number, LedgerLine.person_id.in_(here))
            .group_by(LedgerLine.person_id)
        )

    @property
    def _pots(self) -> list[Any]:
        """Ceilings of what is open to everybody, each with both ceilings known."""
        return [pot for pot in pots_at(self.edition, self.day) if is_open(pot) and pot.cap_year]

    def _room(self, bucket: Bucket, used: Any) -> ColumnElement[Decimal]:
        """What is open to everybody still gives at most."""
        present, later = self.cycle.school_year_of(self.day), years_left(self.cycle, self.day)
        rooms: list[ColumnElement[Any]] = [NOTHING]
        if bucket is Bucket.COORDINATED:
            for pot in self._pots:
                cap = literal(pot.cap_year.value, Hundredths())
                years = {
                    year: _least(func.coalesce(used[f"{pot.id}_{year}"], NOTHING), cap)
                    for year in self.cycle.school_years
                }
                left = literal(pot.cap_year.value * (1 + later), Hundredths())
                room = type_coerce(left - years[present], Hundredths())
                if pot.cap_cycle:
                    of_cycle = literal(pot.cap_cycle.value, Hundredths()) - total(list(years.values()))
                    room = _least(room, _most(type_coerce(of_cycle, Hundredths()), NOTHING))
                rooms.append(room)
        else:
            for item in self.edition.items:
                credit = item.credit.value
                done = func.coalesce(used[item.category], 0) >= int(item.needed.value)
                both = (literal(credit * later, Hundredths()), literal(credit * (1 + later), Hundredths()))
                rooms.append(case((done, both[0]), else_=both[1]))
            if self.plans:
                given = case(
                    *[
                        (PersonCopy.unit_path == path, literal(credits, Hundredths()))
                        for path, credits in self.plans.items()
                    ],
                    else_=NOTHING,
                )
                rest = type_coerce(given - func.coalesce(used.planned, NOTHING), Hundredths())
                rooms.append(_most(rest, NOTHING))
        return total(rooms)


def forecast(session: Session, actor: Actor, path: str | None) -> Forecast | None:
    """The forecast of a school or county of the actor's; None where one is still to be chosen (`choices`).

    Raises `NotFound` outside the actor's areas.
    """
    if path is None:
        own = [post.unit for post in actor.posts_of(*ADMINS)]
        if len(own) != 1 or own[0].level not in (Level.SCHOOL, Level.COUNTY):
            return None
        path = own[0].path
    unit = listing.area_at(session, actor, path)
    if unit is None:
        raise NotFound()
    if unit.level not in (Level.SCHOOL, Level.COUNTY):
        return None
    edition, cycle = queries.choose_cycle(session, None)
    day = queries.today()
    return Forecast(unit, edition, cycle, day, _planned(session, unit, cycle.school_year_of(day)))


def choices(session: Session, actor: Actor, path: str | None) -> list[tuple[str, str]]:
    """Units from which to choose: those directly below."""
    return [(unit.path, unit.name) for unit in listing.units_below(session, actor, path)]


def _planned(session: Session, unit: UnitCopy, year: int) -> dict[str, Decimal]:
    """School -> credits of the items of its plans that are in force this school year, joint ones included (FAQ-Q14).

    A central school speaks for schools of its own county: the plan of a school may be another's.
    """
    county = unit.path if unit.level == Level.COUNTY else list(ancestors(unit.path))[1]
    query = select(ApprovedPlan.unit_path, ApprovedPlan.covers, ApprovedPlan.items).where(
        under(ApprovedPlan.unit_path, county),
        or_(under(ApprovedPlan.unit_path, unit.path), cast(ApprovedPlan.covers, String) != "[]"),
        ApprovedPlan.kind == "school_plan",
        ApprovedPlan.school_year == school_year_title(year),
        ApprovedPlan.ended_at.is_(None),
    )
    found: dict[str, Decimal] = defaultdict(Decimal)
    for path, covers, items in session.execute(query):
        for school in {path, *covers}:
            found[school] += sum((Decimal(item["credits"]) for item in items), Decimal(0))
    return dict(found)


def _row(row: Any) -> Row:
    buckets = {
        bucket: Outlook(*[row[f"{bucket.value}_{name}"] for name in ("short", "room", "beyond")]) for bucket in Bucket
    }
    return Row(row["PersonCopy"], row["UnitCopy"], buckets)


def _sum(amount: Any, *where: ColumnElement[bool]) -> Any:
    return type_coerce(cast(func.sum(amount).filter(*where), Integer), Hundredths())


def _least(one: Any, other: Any) -> Any:
    return type_coerce(case((one < other, one), else_=other), Hundredths())


def _most(one: Any, other: Any) -> Any:
    return type_coerce(case((one > other, one), else_=other), Hundredths())
