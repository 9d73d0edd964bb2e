"""What people look at: exemptions of the people whom they may see, and what their unit ran for those who have left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Select, and_, exists, not_, or_, select
from sqlalchemy.orm import Session, aliased, contains_eager

from services.credits import queries
from services.credits.models import Audit, Exemption, FormerUnit, LedgerLine
from shared.actors import Actor, Office
from shared.database import under_any
from shared.directory import PersonCopy, UnitCopy
from shared.errors import NotFound
from shared.paging import PAGE_SIZE, Page, page

ADMINS = (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
KEYS = (Exemption.starts_on, Exemption.id)


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody who was at a unit of the reader's and is elsewhere now."""

    person: PersonCopy
    unit: UnitCopy | None
    """The unit that she left."""
    left_on: date


# Exemptions ----------------------------------------------------------------------------------------------------------


def visible_exemptions(actor: Actor) -> Select[Exemption]:
    """Those of the people whose credits the actor may see."""
    people = queries.visible_people(actor).with_only_columns(PersonCopy.person_id)
    return select(Exemption).where(Exemption.person_id.in_(people))


def find_exemption(session: Session, actor: Actor, exemption_id: str, *, lock: bool = False) -> Exemption:
    """One of them. Raises `NotFound`."""
    query = visible_exemptions(actor).where(Exemption.id == exemption_id)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound()
    return found


def exemptions(
    session: Session,
    actor: Actor,
    *,
    person_id: str | None = None,
    holding: date | None = None,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[Exemption]:
    """Those that the actor may see, in order of entry; of one person, or those that hold on a day."""
    query = visible_exemptions(actor)
    if person_id is not None:
        query = query.where(Exemption.person_id == person_id)
    if holding is not None:
        open_end = or_(Exemption.ends_on.is_(None), Exemption.ends_on >= holding)
        query = query.where(Exemption.starts_on <= holding, open_end, Exemption.withdrawn_at.is_(None))
    return page(session, query, [Exemption.entered_at, Exemption.id], cursor=cursor, limit=limit, descending=True)


def people_of(session: Session, ids: Sequence[str]) -> Mapping[str, tuple[PersonCopy, UnitCopy | None]]:
    """Person -> the register's copy, and her unit."""
    query = select(PersonCopy, UnitCopy).outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path)
    rows = session.execute(query.where(PersonCopy.person_id.in_(ids)))
    return {person.person_id: (person, unit) for person, unit in rows}


# Who has left --------------------------------------------------------------------------------------------------------


def has_moved() -> ColumnElement[bool]:
    """Whether the teacher of a query has `former_units`."""
    return exists().where(FormerUnit.person_id == PersonCopy.person_id)


def former_units(session: Session, person_id: str) -> list[tuple[FormerUnit, UnitCopy | None]]:
    """Where somebody was before, the last one first."""
    query = select(FormerUnit, UnitCopy).outerjoin(UnitCopy, UnitCopy.path == FormerUnit.unit_path)
    mine = query.where(FormerUnit.person_id == person_id).order_by(FormerUnit.version.desc())
    return [(former, unit) for former, unit in session.execute(mine)]


def left(session: Session, actor: Actor, *, cursor: str | None = None, limit: int = PAGE_SIZE) -> Page[Left]:
    """曾在本校: who was at a unit of the actor's and is elsewhere now, by person; each once."""
    people = page(
        session,
        select(PersonCopy).where(_has_left(actor)),
        [PersonCopy.person_id],
        cursor=cursor,
        limit=limit,
    )
    ids = [person.person_id for person in people.items]
    query = select(FormerUnit, UnitCopy).outerjoin(UnitCopy, UnitCopy.path == FormerUnit.unit_path)
    mine = query.where(FormerUnit.person_id.in_(ids), under_any(FormerUnit.unit_path, _areas(actor)))
    last = {former.person_id: (former, unit) for former, unit in session.execute(mine.order_by(FormerUnit.version))}
    return Page(
        [Left(person, last[i][1], last[i][0].left_on) for i, person in zip(ids, people.items, strict=True)], people.next
    )


def lines_of_former(
    session: Session, actor: Actor, person_id: str, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> tuple[PersonCopy, Page[LedgerLine]]:
    """What units of the actor's ran for somebody who has left, and no other line of hers. Raises `NotFound`."""
    person = session.scalar(select(PersonCopy).where(PersonCopy.person_id == person_id, _has_left(actor)))
    if person is None:
        raise NotFound()
    query = (
        select(LedgerLine)
        .join(LedgerLine.audit)
        .where(LedgerLine.person_id == person_id, under_any(Audit.organizer_path, _areas(actor)))
        .options(contains_eager(LedgerLine.audit))
    )
    return person, page(session, query, [LedgerLine.id], cursor=cursor, limit=limit)


def _areas(actor: Actor) -> list[str]:
    return [post.unit.path for post in actor.posts_of(*ADMINS)]


def _has_left(actor: Actor) -> ColumnElement[bool]:
    """Was in the actor's areas, and is in none of them now."""
    former, areas = aliased(FormerUnit), _areas(actor)
    was_here = exists().where(former.person_id == PersonCopy.person_id, under_any(former.unit_path, areas))
    return and_(was_here, not_(under_any(PersonCopy.unit_path, areas)))
