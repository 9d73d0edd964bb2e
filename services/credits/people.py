"""Teachers with the facts by which they are judged, and the same as conditions of SQL: tests hold the two together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select
from sqlalchemy.orm import Session

from services.credits.clauses import PersonRule
from services.credits.editions import Cycle, Edition
from services.credits.exempting import NOT_ASSESSED, Exempted
from services.credits.judgement import Person
from services.credits.models import Exemption
from shared.directory import PersonCopy, UnitCopy


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """A teacher as she was found."""

    person: PersonCopy
    unit: UnitCopy | None
    exemptions: tuple[Exempted, ...]
    """The last begun first."""
    beside: Mapping[Any, Any]
    """What the reader asked for beside, by the names of the columns."""

    @property
    def facts(self) -> Person:
        """What the judgement looks at."""
        return person_facts(self.person, self.unit, self.exemptions)


def teachers(session: Session, people: Select[Any], *beside: Any) -> dict[str, Teacher]:
    """Person -> teacher of a query of `PersonCopy`, with whatever columns the reader wants `beside`; one statement."""
    query = (
        people.add_columns(UnitCopy, Exemption, *beside)
        .outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path)
        .outerjoin(Exemption, and_(Exemption.person_id == PersonCopy.person_id, Exemption.withdrawn_at.is_(None)))
        .order_by(Exemption.starts_on.desc(), Exemption.id)
    )
    rows = session.execute(query).all()  # one for each exemption, or a single one
    exempted: dict[str, list[Exempted]] = defaultdict(list)
    for row in rows:
        if row.Exemption is not None:
            exempted[row.PersonCopy.person_id].append(_told(row.Exemption))
    return {
        person.person_id: Teacher(
            person=person, unit=row.UnitCopy, exemptions=tuple(exempted[person.person_id]), beside=row._mapping
        )
        for row in rows
        for person in [row.PersonCopy]
    }


def exemptions_of(session: Session, person_ids: Sequence[str]) -> dict[str, tuple[Exempted, ...]]:
    """Person -> exemptions, the last begun first; who has none is absent."""
    query = select(Exemption).where(Exemption.person_id.in_(person_ids), Exemption.withdrawn_at.is_(None))
    found: dict[str, tuple[Exempted, ...]] = {}
    for one in session.scalars(query.order_by(Exemption.starts_on.desc(), Exemption.id)):
        found[one.person_id] = (*found.get(one.person_id, ()), _told(one))
    return found


def _told(one: Exemption) -> Exempted:
    return Exempted(one.kind, one.starts_on, one.ends_on, one.document)


def person_facts(person: PersonCopy, unit: UnitCopy | None, exemptions: tuple[Exempted, ...] = ()) -> Person:
    """What the judgement looks at."""
    return Person(
        kind=person.kind,
        unit_kind=unit.kind if unit else None,
        hired_on=person.hired_on,
        retires_on=person.retires_on,
        seconded_from=person.seconded_from,
        seconded_to=person.seconded_to,
        exemptions=exemptions,
    )


# The same as conditions ----------------------------------------------------------------------------------------------


def fact(name: str, value: str | bool, cycle: Cycle, day: date) -> ColumnElement[bool]:
    """One fact of a person, as `judgement.fits` reads it; the query has joined `UnitCopy`."""
    if name == "kind":
        return PersonCopy.kind == value
    if name == "unit_kind":
        return func.coalesce(UnitCopy.kind, "") == value
    if name == "retires_in_cycle":
        return func.coalesce(PersonCopy.retires_on <= cycle.end, False).is_(bool(value))
    undated = and_(PersonCopy.seconded_from.is_(None), PersonCopy.kind == "seconded_to_authority")
    until = or_(PersonCopy.seconded_to.is_(None), PersonCopy.seconded_to >= day)
    seconded = or_(undated, and_(PersonCopy.seconded_from <= day, until))
    return func.coalesce(seconded, False).is_(bool(value))


def fits(rule: PersonRule, cycle: Cycle, day: date) -> ColumnElement[bool]:
    """`judgement.fits`: whether a rule is about somebody."""
    return and_(*[fact(name, value, cycle, day) for name, value in rule.when.items()])


def asked(edition: Edition, cycle: Cycle, day: date) -> ColumnElement[bool]:
    """Whether anything is asked of somebody on `day`: no rule of the edition and no exemption says otherwise."""
    rules = [rule for rule in edition.persons if rule.bucket is None and rule.status == NOT_ASSESSED]
    until = or_(Exemption.ends_on.is_(None), Exemption.ends_on >= day)
    exempted = select(Exemption.id).where(
        Exemption.person_id == PersonCopy.person_id,
        Exemption.starts_on <= day,
        until,
        Exemption.withdrawn_at.is_(None),
    )
    return and_(~exempted.exists(), *[not_(fits(rule, cycle, day)) for rule in rules])
