"""Working days and working time by the calendar with 调休 (N27): the clock that every limit uses. Pure.

Working time is 09:00 to 17:00 in China on each working day, eight hours, without a break at noon: limits are counted
in whole working days, and one rule for everybody is what makes a figure reproducible. A year without data is said,
never guessed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, validate, validates_schema

from services.plans.terms import DAY
from shared.schemas import Schema
from shared.tables import load_table

TABLE = Path(__file__).parent / "calendar.toml"
CHINA = ZoneInfo("Asia/Shanghai")
OPENS = timedelta(hours=9)
"""After midnight in China."""
FIRST_YEAR, LAST_YEAR = 2018, 2100
"""Years that may have a calendar; the trial edition of the credit rules begins in 2018."""
WEEKDAYS = "一二三四五六日"
NONE = timedelta(0)


class NoCalendar(LookupError):
    """A moment lies in a year without data: nothing can be counted, and people are told so."""

    def __init__(self, year: int) -> None:
        super().__init__(year)
        self.year = year
        self.sentence = f"缺少 {year} 年的工作日历，暂不计时；请省级管理员在“工作日历”中补充。"


@dataclass(frozen=True, slots=True)
class Year:
    """One year's exceptions from "Monday to Friday are worked"."""

    year: int
    off: tuple[date, ...]
    """Weekdays that are holidays."""
    work: tuple[date, ...]
    """Days of weekends that are worked."""
    source: str

    def workdays(self) -> Iterator[date]:
        """Every working day, in order."""
        off, work = set(self.off), set(self.work)
        day, following = date(self.year, 1, 1), date(self.year + 1, 1, 1)
        while day < following:
            if day in work or (day.weekday() < 5 and day not in off):
                yield day
            day += timedelta(days=1)


class WorkCalendar:
    """Counts working time. Every method raises `NoCalendar` where a year that it needs is missing."""

    def __init__(self, years: Mapping[int, Year]) -> None:
        self.years = dict(years)
        # How many working days lie before one is its place in this list: one search replaces a walk over the days.
        self._days = [day.toordinal() for _, year in sorted(self.years.items()) for day in year.workdays()]

    def is_workday(self, day: date) -> bool:
        """Whether people work on that date in China."""
        self._require(day.year, day.year)
        return self._before(day)[1]

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Working time between two aware moments; zero when `end` is not after `start`."""
        first, last = _in_china(start), _in_china(end)
        if last <= first:
            return NONE
        self._require(first.year, last.year)
        return self._worked(last) - self._worked(first)

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """The first moment (UTC) by which `amount` of working time has passed since the aware moment `start`.

        A whole number of working days from a morning before work ends at 17:00 of the last day, not at 09:00 of the
        next. Raises `ValueError` for a negative amount.
        """
        local = _in_china(start)
        if _not_negative(amount) == NONE:
            return local.astimezone(UTC)
        self._require(local.year, local.year)
        days, rest = divmod(self._worked(local) + amount, DAY)
        if rest == NONE:
            days, rest = days - 1, DAY
        if days >= len(self._days):
            raise NoCalendar(next(year for year in count(local.year) if year not in self.years))
        day = date.fromordinal(self._days[days])
        self._require(local.year, day.year)
        midnight = datetime(day.year, day.month, day.day, tzinfo=CHINA)
        return (midnight + OPENS + rest).astimezone(UTC)

    def _require(self, first: int, last: int) -> None:
        for year in range(first, last + 1):
            if year not in self.years:
                raise NoCalendar(year)

    def _before(self, day: date) -> tuple[int, bool]:
        """Number of known working days before a date, and whether it is one itself."""
        place, ordinal = bisect_left(self._days, day.toordinal()), day.toordinal()
        return place, place < len(self._days) and self._days[place] == ordinal

    def _worked(self, local: datetime) -> timedelta:
        """Working time from the beginning of the calendar up to a moment in China."""
        days, today = self._before(local)
        if not today:
            return days * DAY
        clock = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return days * DAY + min(max(clock - OPENS, NONE), DAY)


def days(amount: timedelta) -> int:
    """Full working days in an amount of working time. Raises `ValueError` for a negative one."""
    return _not_negative(amount) // DAY


def in_words(amount: timedelta) -> str:
    """2 个工作日 4 小时; 3 小时 20 分钟 below one day, where minutes matter. Raises `ValueError` for a negative one."""
    whole, rest = divmod(_not_negative(amount), DAY)
    hours, rest = divmod(rest, timedelta(hours=1))
    minutes = rest // timedelta(minutes=1)
    parts = [(whole, "个工作日"), (hours, "小时"), (0 if whole else minutes, "分钟")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 分钟"


def faults(year: int, off: Sequence[date], work: Sequence[date]) -> dict[str, list[str]]:
    """What is wrong with a year's exceptions: field (`year`, `off`, `off.3` …) -> sentences. Empty: it may be used."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return {"year": [f"年份应为 {FIRST_YEAR} 至 {LAST_YEAR}，请核对。"]}
    found: dict[str, list[str]] = {}
    if not off:
        # No year is without them: an empty list is a form sent too early.
        found["off"] = ["请填写放假日期（周一至周五中放假的日子）。"]
    for name, listed in (("off", off), ("work", work)):
        seen: set[date] = set()
        for number, day in enumerate(listed):
            if sentence := _fault(year, name, day, day in seen):
                found[f"{name}.{number}"] = [sentence]
            seen.add(day)
    return found


@cache
def shipped() -> Mapping[int, Year]:
    """The years of `calendar.toml`. Raises `TableError` when the file does not fit: the service must not start."""
    table = load_table(TABLE, _TableSchema())
    return {
        int(key): Year(int(key), tuple(sorted(line["off"])), tuple(sorted(line["work"])), line["source"])
        for key, line in table["years"].items()
    }


def _fault(year: int, name: str, day: date, again: bool) -> str | None:
    if day.year != year:
        return f"{day} 不在 {year} 年，请核对。"
    if again:
        return f"{day} 重复，请删去一个。"
    weekend = day.weekday() >= 5
    if name == "off" and weekend:
        return f"{day} 是星期{WEEKDAYS[day.weekday()]}，本来休息，请从放假日期中删去。"
    if name == "work" and not weekend:
        return f"{day} 是星期{WEEKDAYS[day.weekday()]}，本来上班，请从调休上班日期中删去。"
    return None


def _in_china(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone reached the clock")
    return moment.astimezone(CHINA)


def _not_negative(amount: timedelta) -> timedelta:
    if amount < NONE:
        raise ValueError(f"working time cannot be negative: {amount}")
    return amount


class _YearSchema(Schema):
    source = fields.String(required=True, validate=validate.Length(4, 200))
    off = fields.List(fields.Date(), required=True)
    work = fields.List(fields.Date(), required=True)


class _TableSchema(Schema):
    years = fields.Dict(fields.String(validate=validate.Regexp(r"^\d{4}$")), fields.Nested(_YearSchema), required=True)

    @validates_schema
    def years_fit(self, data: dict[str, Any], **_: Any) -> None:
        found = {key: wrong for key, line in data["years"].items() if (wrong := faults(int(key), **_days_of(line)))}
        if found:
            raise ValidationError({"years": found})


def _days_of(line: dict[str, Any]) -> dict[str, list[date]]:
    return {"off": line["off"], "work": line["work"]}
