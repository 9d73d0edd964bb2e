"""Everybody's standing, stretch by stretch: computed anew, or compared with what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import and_, func, select, true
from sqlalchemy.orm import Session

from services.credits import in_force
from services.credits.editions import Cycle, Edition
from services.credits.standings import operations
from services.credits.standings.models import StoredStanding
from services.credits.standings.operations import Some
from shared.database import Database, under
from shared.directory import PersonCopy
from shared.jobs import Job, JobRow
from shared.logs import get_logger

log = get_logger(__name__)

STRETCH = 25_000
"""People of one statement: those who write lines wait as long as it takes."""
HANDS = {"postgresql": 2}
"""Dialect -> stretches that are computed at once: one statement keeps one processor busy. SQLite has one writer."""


def recompute(job: Job) -> None:
    """Stores what is computed for everybody in a cycle, or in an area of it; what is right already is not written.

    Each stretch may come again: killed and started anew, the job goes on where it was.
    """
    number, area = int(job.arguments["cycle"]), job.arguments.get("area")
    with job.database.reading() as session:
        total, done = _count(session, area), session.get_one(JobRow, job.id).done
        stretches = list(_stretches(session, area, done))
    changed = 0
    hands = HANDS.get(job.database.engine.dialect.name, 1)
    for start in range(0, len(stretches), hands):
        first, *others = [some for some, _ in stretches[start : start + hands]]
        # The others end before the transaction does that keeps writers of lines away.
        with job.database.transaction() as session, ThreadPoolExecutor(hands) as pool:
            in_force.lock_rules(session)
            found = in_force.editions(session).cycle(number, in_force.today())
            if found is not None:
                beside = [pool.submit(_refresh, job.database, *found, some) for some in others]
                changed += operations.refresh_some(session, *found, first)
                changed += sum(one.result() for one in beside)
        done += sum(people for _, people in stretches[start : start + hands])
        job.progress(done, total)
    job.result = {"text": f"已重新计算 {done} 名教师，{changed} 名有变化。"}


def _refresh(database: Database, edition: Edition, cycle: Cycle, some: Some) -> int:
    with database.transaction() as session:
        return operations.refresh_some(session, edition, cycle, some)


def check(job: Job) -> None:
    """Compares what is stored with what is computed, for everybody and every cycle that has begun, and counts.

    A difference is a fault of ours: it is logged and shown, and mended by computing anew when somebody has looked.
    What is to be expected is done: whoever has no standing in the running cycle yet gets one, and where nothing is
    stored or another edition has come to hold, everybody is computed anew.
    """
    with job.database.reading() as session:
        editions = in_force.editions(session)
        begun, running = editions.cycles_until(in_force.today()), editions.cycle_at(in_force.today())
        stale = [pair for pair in begun if _is_stale(session, *pair)]
        people, stretches = _count(session, None), list(_stretches(session, None))
    found = 0
    for number, (some, _) in enumerate(stretches, start=1):
        if running is not None:
            with job.database.transaction() as session:
                operations.complete(session, *running, some)
        with job.database.reading() as session:
            found += sum(
                session.scalar(operations.differences(*pair, some)) or 0 for pair in begun if pair not in stale
            )
        job.progress(number, len(stretches))
    if found:
        log.error("standings_differ", people=found)
    job.result = {"people": people, "differences": found}
    with job.effect() as session:
        for _, cycle in stale:
            operations.recompute_later(session, cycle.number)


def _is_stale(session: Session, edition: Edition, cycle: Cycle) -> bool:
    held = select(StoredStanding.edition).where(StoredStanding.cycle == cycle.number)
    other = session.scalar(held.where(StoredStanding.edition != edition.id).limit(1))
    return other is not None or session.scalar(held.limit(1)) is None


def _people(area: str | None) -> Any:
    return true() if area is None else under(PersonCopy.unit_path, area)


def _count(session: Session, area: str | None) -> int:
    return int(session.scalar(select(func.count()).select_from(PersonCopy).where(_people(area))) or 0)


def _stretches(session: Session, area: str | None, done: int = 0) -> Iterator[tuple[Some, int]]:
    """Who is meant, and how many they are, from behind the first `done`: in the order of the index over the lines.

    Of everybody, also those whom the register does not know: each stretch reaches up to where the next begins.
    """
    query = select(PersonCopy.person_id).where(_people(area)).order_by(PersonCopy.person_id)
    last = session.scalar(query.offset(done - 1).limit(1)) if done else ""
    while last is not None:
        ahead = query.where(PersonCopy.person_id > last)
        end = session.scalar(ahead.offset(STRETCH - 1).limit(1))
        size = (
            STRETCH if end is not None else int(session.scalar(select(func.count()).select_from(ahead.subquery())) or 0)
        )
        yield _between(last, end, area), size
        last = end


def _between(after: str, end: str | None, area: str | None) -> Some:
    def some(column: Any) -> Any:
        bounds = [column > after] + ([column <= end] if end is not None else [])
        if area is not None:
            people = select(PersonCopy.person_id).where(_people(area))
            bounds.append(column.in_(people.where(PersonCopy.person_id > after)))
        return and_(*bounds)

    return some
