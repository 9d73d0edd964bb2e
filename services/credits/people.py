"""Facts of people as conditions of SQL, as `judgement.fits` reads them: the tests hold the two together."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, and_, func, not_, or_, select

from services.credits.clauses import PersonRule
from services.credits.editions import Cycle, Edition
from services.credits.exempting import NOT_ASSESSED
from services.credits.models import Exemption
from shared.directory import PersonCopy, UnitCopy


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
        Exemption.person_id == PersonCopy.person_id, Exemption.starts_on <= day, until
    )
    return and_(~exempted.exists(), *[not_(fits(rule, cycle, day)) for rule in rules])
