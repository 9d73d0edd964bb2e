"""Reads of the register. Every read for a person starts from what that person may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from services.accounts.models import HistoryLine, OfficeSeat, Person, Unit
from shared.actors import Actor, Office
from shared.database import under, under_any
from shared.errors import NotFound


def visible_units(actor: Actor, *offices: Office) -> Select[Unit]:
    """The units at or under the actor's posts (only of `offices`, if given)."""
    posts = actor.posts_of(*offices) if offices else actor.posts
    return select(Unit).where(Unit.active, under_any(Unit.path, {post.unit.path for post in posts}))


def get_unit(session: Session, actor: Actor, code: str, *offices: Office) -> Unit:
    """The unit of that code, if the actor sees it. Raises `NotFound`."""
    unit = session.scalar(visible_units(actor, *offices).where(Unit.code == code))
    if unit is None:
        raise NotFound()
    return unit


def find_unit(session: Session, words: str) -> Unit | None:
    """The active unit meant by a code, a full name, or a code followed by the name (as the form suggests it).

    Open to everybody: names and codes of schools are public.
    """
    words = words.strip()
    code = words.split(maxsplit=1)[0] if words else ""
    found = session.scalar(select(Unit).where(Unit.code == code, Unit.active))
    if found is None and words:
        named = session.scalars(
            select(Unit).where(or_(Unit.name == words, Unit.body == words), Unit.active).limit(2)
        ).all()
        # Two units of one name (东湖区 …) are no answer: the code must say which.
        found = named[0] if len(named) == 1 else None
    return found


def suggest_units(session: Session, words: str, limit: int = 8) -> list[Unit]:
    """Units whose name holds, or whose code begins with, what has been typed so far. Open to everybody."""
    words = words.strip()
    if len(words) < 2:
        return []
    query = (
        select(Unit)
        .where(
            Unit.active,
            or_(
                Unit.name.contains(words, autoescape=True),
                Unit.body.contains(words, autoescape=True),
                Unit.code.startswith(words, autoescape=True),
            ),
        )
        .order_by(Unit.path)
        .limit(limit)
    )
    return list(session.scalars(query))


def children(session: Session, unit: Unit) -> list[Unit]:
    """The active units directly under a unit, by code."""
    query = select(Unit).where(Unit.parent_id == unit.id, Unit.active).order_by(Unit.path)
    return list(session.scalars(query))


def count_under(session: Session, paths: Iterable[str]) -> Mapping[str, int]:
    """How many active units lie under each path, the path's own unit not counted."""
    paths = list(paths)
    if not paths:
        return {}
    columns = [func.count().filter(under(Unit.path, path)) for path in paths]
    row = session.execute(select(*columns).select_from(Unit).where(Unit.active)).one()
    return {path: int(count) - 1 for path, count in zip(paths, row, strict=True)}


def bodies_of(session: Session, area_ids: Iterable[str]) -> dict[str, dict[Office, str]]:
    """For each area: office -> id of the unit that acts for it, where that is said (FAQ-Q15)."""
    ids = list(set(area_ids))
    found: dict[str, dict[Office, str]] = {}
    for start in range(0, len(ids), 500):
        query = select(OfficeSeat).where(
            OfficeSeat.area_id.in_(ids[start : start + 500]), OfficeSeat.body_id.is_not(None)
        )
        for seat in session.scalars(query):
            found.setdefault(seat.area_id, {})[seat.as_office] = str(seat.body_id)
    return found


def person_by_hash(session: Session, identity_hash: str) -> Person | None:
    """The person with that identity number, wherever registered."""
    return session.scalar(select(Person).where(Person.identity_hash == identity_hash))


def history(session: Session, subject_type: str, subject_id: str) -> list[HistoryLine]:
    """What was done to a letter or an account, oldest first."""
    query = (
        select(HistoryLine)
        .where(HistoryLine.subject_type == subject_type, HistoryLine.subject_id == subject_id)
        .order_by(HistoryLine.id)
    )
    return list(session.scalars(query))
