"""School years (学年): 1 September to 31 August, written `2026-2027` (I-01). Pure."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

_FORM = re.compile(r"^(20\d\d)-(20\d\d)$")


def first_year(school_year: str) -> int | None:
    """2026 for `2026-2027`; None for what is not a school year."""
    found = _FORM.match(school_year)
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
