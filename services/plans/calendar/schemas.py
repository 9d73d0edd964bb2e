"""Bodies of the calendar's API, and the dates that a person types into its form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from marshmallow import fields, validate

from shared.schemas import Schema

_SEPARATORS = re.compile(r"[、，,；;\s]+")
_TO = re.compile(r"\s*(?:至|到|~|～)\s*")
_DATE = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?", re.ASCII)
MAX_TYPED = 10_000
"""Characters in one field of the form; a whole year of dates, one a line, has fewer."""


class YearIn(Schema):
    """A year to enter."""

    off = fields.List(fields.Date(), required=True, validate=validate.Length(max=366))
    work = fields.List(fields.Date(), required=True, validate=validate.Length(max=366))
    source = fields.String(required=True, validate=validate.Length(4, 200))


class YearOut(Schema):
    """A year with data; `version` 0 is the shipped table, which nobody entered."""

    year = fields.Integer()
    off = fields.List(fields.Date())
    work = fields.List(fields.Date())
    source = fields.String()
    workdays = fields.Integer()
    version = fields.Integer()
    changed_by = fields.String(allow_none=True)
    unit = fields.String(allow_none=True)
    changed_at = fields.AwareDateTime(allow_none=True)


class CalendarOut(Schema):
    """Every year with data; a year that is not here has no calendar."""

    years = fields.List(fields.Nested(YearOut))


@dataclass(slots=True)
class Typed:
    """Dates as typed, each with the line it stands in, and what could not be read."""

    days: list[date] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    """Of each day, from 1."""
    errors: list[str] = field(default_factory=list)

    def sentence(self, place: int, sentence: str) -> str:
        """A sentence about the day at `place`, with its line."""
        return f"第 {self.lines[place]} 行：{sentence}"


def read_days(text: str, year: int, *, drop_weekends: bool = False) -> Typed:
    """Dates out of a text: one a line or separated by 、, alone or as a range `2027-02-05 至 2027-02-11`.

    Also 2027/2/5 and 2027年2月5日, as notices write them. `drop_weekends`: a range of holidays runs over weekends,
    which are free anyway; a weekend day that was typed by itself stays, so that it is answered.
    """
    typed = Typed()
    if len(text) > MAX_TYPED:
        typed.errors.append(f"内容过长（最多 {MAX_TYPED} 个字），请只填日期。")
        return typed
    for number, line in enumerate(text.splitlines(), start=1):
        for word in filter(None, _SEPARATORS.split(_TO.sub("至", line))):
            found = [_read(part) for part in word.split("至")]
            known = [day for day in found if day is not None]
            if len(known) != len(found) or len(found) > 2:
                sentence = f"“{word[:40]}”不是日期，应如 {year}-02-05 或 {year}-02-05 至 {year}-02-11。"
            elif any(day.year != year for day in known):
                sentence = f"“{word}”不在 {year} 年，请核对。"
            elif known[0] > known[-1]:
                sentence = f"“{word}”的结束日期早于开始日期，请核对。"
            else:
                dropping = drop_weekends and len(known) == 2
                days = [day for day in _between(known[0], known[-1]) if not (dropping and day.weekday() >= 5)]
                typed.days += days
                typed.lines += [number] * len(days)
                continue
            typed.errors.append(f"第 {number} 行：{sentence}")
    return typed


def _read(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def _between(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)
