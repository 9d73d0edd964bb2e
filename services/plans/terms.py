"""Terms of time: school years (学年), 1 September to 31 August, written `2026-2027` (I-01); the working day. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_FORM = re.compile(r"(20[0-9]{2})-(20[0-9]{2})")
LAST_YEAR = 2097
"""First year of the last school year that may be entered: the one after it still has the form."""
DAY = timedelta(hours=8)
"""Working time of one working day."""


def first_year(school_year: str) -> int | None:
    """2026 for `2026-2027`; None for what is not a school year."""
    found = _FORM.fullmatch(school_year)
    if found is None or int(found[2]) != int(found[1]) + 1:
        return None
    return int(found[1])


def bounds(school_year: str) -> tuple[date, date]:
    """First and last day. Raises `ValueError` for what is not a school year."""
    year = first_year(school_year)
    if year is None:
        raise ValueError(f"{school_year} is not a school year")
    return date(year, 9, 1), date(year + 1, 8, 31)


def school_year_of(day: date) -> str:
    """The school year in which a day lies."""
    year = day.year if day.month >= 9 else day.year - 1
    return f"{year}-{year + 1}"


def china_date(moment: datetime) -> date:
    """The date in China of an aware moment."""
    return moment.astimezone(ZoneInfo("Asia/Shanghai")).date()


def year_before(school_year: str) -> str:
    """2025-2026 for `2026-2027`. Raises `ValueError` for what is not a school year."""
    year = first_year(school_year)
    if year is None:
        raise ValueError(f"{school_year} is not a school year")
    return f"{year - 1}-{year}"


def tonight(moment: datetime) -> datetime:
    """The end of that day in China, as UTC."""
    following = china_date(moment) + timedelta(days=1)
    return datetime.combine(following, time(), ZoneInfo("Asia/Shanghai")).astimezone(UTC)
