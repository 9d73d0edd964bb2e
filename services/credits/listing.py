"""Many teachers at once: the lists of schools and authorities, and lines still to be checked."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, and_, false, func, literal, or_, select
from sqlalchemy.orm import Session, aliased, contains_eager

from services.credits import people, queries
from services.credits.judgement import BucketSum, judge
from services.credits.models import (
    Audit,
    LedgerLine,
    LineKind,
    RecognisedClaim,
    UnknownPerson,
)
from services.credits.standings.models import StoredStanding
from shared.actors import Actor, Office, Unit
from shared.database import Hundredths, under, under_any
from shared.directory import PersonCopy, UnitCopy
from shared.events.plans import Bucket
from shared.paging import PAGE_SIZE, Page, page


def standings(
    session: Session,
    actor: Actor,
    area: str | None = None,
    *,
    short: Bucket | None = None,
    by_shortfall: bool = False,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[queries.Standing]:
    """The running cycle of the teachers whom the actor may see, as stored: by unit, or who lacks most first.

    `area` narrows it to a unit path, `short` to those who are below a bucket's minimum.
    """
    edition, cycle = queries.choose_cycle(session, None)
    mine = and_(StoredStanding.person_id == PersonCopy.person_id, StoredStanding.cycle == cycle.number)
    query = queries.visible_people(actor).where(PersonCopy.active)
    if area:
        query = query.where(under(PersonCopy.unit_path, area))
    minimum = edition.minimum(short) if short else None
    if short and minimum:
        counted = func.coalesce(getattr(StoredStanding, short.value), 0)
        query = query.outerjoin(StoredStanding, mine).where(counted < literal(minimum.value, Hundredths()))
    if by_shortfall:
        listed = select(StoredStanding).where(StoredStanding.cycle == cycle.number)
        listed = listed.where(StoredStanding.person_id.in_(query.with_only_columns(PersonCopy.person_id)))
        keys = [StoredStanding.shortfall, StoredStanding.person_id]
        found: Page[Any] = page(session, listed, keys, cursor=cursor, limit=limit, descending=True)
    else:
        found = page(session, query, [PersonCopy.unit_path, PersonCopy.person_id], cursor=cursor, limit=limit)
    ids = [row.person_id for row in found.items]
    listed_people = select(PersonCopy).outerjoin(StoredStanding, mine).where(PersonCopy.person_id.in_(ids))
    rows = {
        person_id: queries.Standing(
            person=teacher.person,
            unit=teacher.unit,
            edition=edition,
            cycle=cycle,
            judgement=judge(teacher.facts, sums, edition, cycle, queries.today(), groups=groups),
        )
        for person_id, teacher in people.teachers(session, listed_people, StoredStanding).items()
        for sums, groups in [_as_stored(teacher.beside[StoredStanding])]
    }
    return Page([rows[person_id] for person_id in ids], found.next)


def _as_stored(stored: StoredStanding | None) -> tuple[dict[Bucket, BucketSum], dict[str, Decimal]]:
    """The sums of a standing, and those of its groups."""
    if stored is None:
        return {}, {}
    sums = {
        bucket: BucketSum(getattr(stored, bucket.value), getattr(stored, f"{bucket.value}_pending"))
        for bucket in Bucket
    }
    return sums, {name: Decimal(hundredths) / 100 for name, hundredths in json.loads(stored.groups or "{}").items()}


def unknown_lines(
    session: Session, actor: Actor, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[LedgerLine]:
    """Lines that are 待核对, oldest first; `words.to_check` says why."""
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


def visible_unknown(actor: Actor) -> Select[LedgerLine]:
    """Lines of people whom the register does not know, and those that stand and lie in no cycle (待核对).

    Of trainings and claims of the actor's areas, and of the people whose credits the actor looks after.
    """
    areas = [post.unit.path for post in actor.posts_of(Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)]
    columns = (Audit.organizer_path, RecognisedClaim.unit_path, PersonCopy.unit_path)
    # Two lists of numbers, each by an index of its own; asked for in one condition, the whole ledger would be read.
    line, counter = aliased(LedgerLine), aliased(LedgerLine)
    nobodys = select(line.id).join(UnknownPerson, UnknownPerson.person_id == line.person_id)
    known = select(PersonCopy.person_id).where(PersonCopy.person_id == line.person_id)
    countered = select(counter.id).where(counter.reverses == line.id)
    undated = select(line.id).where(line.cycle.is_(None), line.kind == LineKind.EARNED, ~countered.exists())
    return (
        select(LedgerLine)
        .outerjoin(LedgerLine.audit)
        .outerjoin(LedgerLine.claim)
        .outerjoin(LedgerLine.person)
        .where(LedgerLine.id.in_(nobodys.where(~known.exists()).union(undated)))
        .where(or_(*[under_any(column, areas) for column in columns]))
        .options(*[contains_eager(joined) for joined in (LedgerLine.audit, LedgerLine.claim, LedgerLine.person)])
    )
