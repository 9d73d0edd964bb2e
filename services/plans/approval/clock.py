"""The working-day clock of a submission (N27): figures from its history, and the two moments that lists sort by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.plans.approval.models import Plan
from services.plans.approval.signatures import Interval, intervals
from services.plans.calendar.rules import NoCalendar, WorkCalendar
from services.plans.routes import Stage
from services.plans.terms import DAY
from shared.errors import Conflict

WARNING = 2 * DAY
"""Yellow from so much working time before the end."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How a visit to a stage stands."""

    used: timedelta
    """Working time that counts."""
    paused: timedelta
    """Working time that does not: parked, or a withdrawal asked for."""
    limit: timedelta
    running: bool
    due_at: datetime | None
    lamp: str
    """`red`, `yellow` or empty."""
    missing: str = ""
    """The sentence for a year without calendar: nothing is guessed."""


def time_of(found: Sequence[Interval], calendar: WorkCalendar, now: datetime) -> tuple[timedelta, timedelta]:
    """Working time that counted and that did not. Raises `NoCalendar`."""
    used = paused = timedelta()
    for interval in found:
        length = calendar.elapsed(interval.start, interval.end or now)
        if interval.running:
            used += length
        else:
            paused += length
    return used, paused


def present_visit(rows: Sequence[Any]) -> list[Interval]:
    """The intervals of the visit that is under way; empty when it is at no stage."""
    found = intervals(rows)
    return [i for i in found if i.visit == found[-1].visit] if found and found[-1].visit else []


def clock_of(rows: Sequence[Any], stage: Stage, calendar: WorkCalendar, now: datetime) -> Clock | None:
    """The clock of the present visit, from the history alone; None when it is at no stage."""
    visit = present_visit(rows)
    if not visit:
        return None
    limit = stage.limit * DAY
    running = visit[-1].running
    try:
        used, paused = time_of(visit, calendar, now)
    except NoCalendar as error:
        return Clock(timedelta(), timedelta(), limit, running, None, "", error.sentence)
    lamp = "red" if used >= limit else "yellow" if limit - used <= WARNING else ""
    due, missing = None, ""
    if running:
        try:
            due = calendar.add(now, limit - used) if used < limit else _passed(visit, calendar, limit)
        except NoCalendar as error:
            missing = error.sentence
    return Clock(used, paused, limit, running, due, lamp if running else "", missing)


def _passed(visit: Sequence[Interval], calendar: WorkCalendar, limit: timedelta) -> datetime | None:
    """When the limit ended, for a visit that has used it up."""
    left = limit
    for interval in visit:
        if not interval.running:
            continue
        length = calendar.elapsed(interval.start, interval.end) if interval.end else left
        if length >= left:
            return calendar.add(interval.start, left)
        left -= length
    return None


def set_due(plan: Plan, rows: Sequence[Any], stage: Stage | None, calendar: WorkCalendar, now: datetime) -> None:
    """Writes down what `clock_of` says, for lists to sort by."""
    clock = clock_of(rows, stage, calendar, now) if stage else None
    plan.due_at = clock.due_at if clock else None
    plan.warn_at = None
    if clock and clock.due_at and clock.used < clock.limit:
        plan.warn_at = calendar.add(now, max(clock.limit - clock.used - WARNING, timedelta()))
    elif clock:
        plan.warn_at = clock.due_at


def waiting(rows: Sequence[Any], calendar: WorkCalendar, now: datetime) -> tuple[timedelta, timedelta | None]:
    """Working time since it came to the present stage, and since the last reminder of this visit (T21).

    Raises `Conflict` in a year without calendar.
    """
    visit = present_visit(rows)
    start = visit[0].start if visit else now
    reminded = next((row.at for row in reversed(rows) if row.act == "remind" and row.at >= start), None)
    try:
        return calendar.elapsed(start, now), calendar.elapsed(reminded, now) if reminded else None
    except NoCalendar as error:
        raise Conflict(error.sentence) from error
