"""The working calendar as it stands. It is the same for everybody who is signed in, so nothing is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.calendar.models import CalendarChange, CalendarYear
from services.plans.calendar.rules import WorkCalendar, Year, shipped

_ENTERED = select(CalendarYear.year, CalendarYear.off, CalendarYear.work, CalendarYear.source).order_by(
    CalendarYear.year
)


@dataclass(frozen=True, slots=True)
class YearView:
    """A year with data, and who entered it; version 0: as shipped."""

    year: int
    off: tuple[date, ...]
    work: tuple[date, ...]
    source: str
    workdays: int
    version: int = 0
    changed_by: str | None = None
    unit: str | None = None
    changed_at: datetime | None = None


def calendar(session: Session) -> WorkCalendar:
    """What limits are counted by: the shipped years, and over them those that administrators entered. One query."""
    rows = session.execute(_ENTERED)
    return _built(tuple((year, tuple(off), tuple(work), source) for year, off, work, source in rows))


def years(session: Session) -> list[YearView]:
    """Every year with data, in order."""
    entered = {row.year: row for row in session.scalars(select(CalendarYear).order_by(CalendarYear.year))}
    found = calendar(session).years
    return [_view(year, entered.get(number)) for number, year in sorted(found.items())]


def year(session: Session, number: int) -> YearView:
    """One year that has data. Raises `KeyError` for any other."""
    return _view(calendar(session).years[number], session.get(CalendarYear, number))


def changes(session: Session, year: int) -> Sequence[CalendarChange]:
    """What was entered for a year, the newest first."""
    query = select(CalendarChange).where(CalendarChange.year == year).order_by(CalendarChange.version.desc())
    return session.scalars(query).all()


def _view(year: Year, row: CalendarYear | None) -> YearView:
    workdays = sum(1 for _ in year.workdays())
    if row is None:
        return YearView(year.year, year.off, year.work, year.source, workdays)
    return YearView(
        year.year,
        year.off,
        year.work,
        year.source,
        workdays,
        row.version,
        row.changed_by_name,
        row.unit,
        row.changed_at,
    )


@lru_cache(maxsize=8)
def _built(entered: tuple[tuple[int, tuple[str, ...], tuple[str, ...], str], ...]) -> WorkCalendar:
    """Kept by what it is made of, so that no process has to be told of a change."""
    over = {year: Year(year, _dates(off), _dates(work), source) for year, off, work, source in entered}
    return WorkCalendar({**shipped(), **over})


def _dates(texts: tuple[str, ...]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(text) for text in texts)
