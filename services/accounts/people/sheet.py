"""What a workbook of the yearly collection says, checked cell by cell (采集, FAQ-Q17): pure but for the sealing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from services.accounts.identities import Identity
from services.accounts.kinds import PersonKind
from services.accounts.people.facts import DATES, KINDS, LABELS, STAGES
from shared.errors import Invalid
from shared.sheets.cells import Findings, columns_of, find_headings, identity_text
from shared.sheets.reading import MAX_ROWS, refused
from shared.sheets.writing import written

HEADINGS = {
    "identity": "身份证号",
    "name": "姓名",
    "unit": "单位代码",
    **{k: v for k, v in LABELS.items() if k != "name"},
}
"""Our names and the headings of the template; only the first two must be there."""
REQUIRED = ("identity", "name")
WIDTHS = {"identity": 22, "unit": 14}
LONGEST = {"name": 60, "subject": 40, "certificate_subject": 40}
CHOICES = {"kind": {label: key for key, label in KINDS.items()}, "stage": {label: key for key, label in STAGES.items()}}
TEMPLATE_NAME = "教师信息采集模板.xlsx"
DEFERRED = "定向生尚未毕业的暂缓采集（问答第 17 问），本行不登记；毕业入职后再填报。去年九月入职的教师照常采集。"
DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?", re.ASCII)


class Entry(NamedTuple):
    """One row whose cells are good."""

    row: int
    identity: Identity
    name: str
    unit: str
    """Code of the unit; empty: the school that sends the workbook."""
    values: tuple[Any, ...]
    """In the order of `LABELS`; None: an empty cell, which says nothing."""

    @property
    def facts(self) -> dict[str, Any]:
        """Those that the row has, by the keys of `LABELS`."""
        return {name: value for name, value in zip(LABELS, self.values, strict=True) if value is not None}


@dataclass(slots=True)
class Rows(Findings):
    """All rows of a workbook: the good ones, and what is wrong with the others."""

    headings: Mapping[str, str] = field(default_factory=lambda: HEADINGS)
    entries: list[Entry] = field(default_factory=list)
    deferred: int = 0
    """Rows of those who have not graduated."""

    def good_entries(self) -> list[Entry]:
        """What can be imported."""
        bad = self.bad_rows()
        return [entry for entry in self.entries if entry.row not in bad] if bad else self.entries

    def wrong(self, row: int, name: str, sentence: str) -> None:
        """Notes an error at a column; at the identity number, where the workbook has no such column."""
        self.note(self.errors, row, name if name in self.columns else "identity", sentence)


def template() -> bytes:
    """An empty workbook whose columns are text, with choices for what is chosen."""
    places = {name: index for index, name in enumerate(HEADINGS)}
    choices = {places[name]: list(words) for name, words in CHOICES.items()}
    return written(HEADINGS.values(), [WIDTHS.get(name, 16) for name in HEADINGS], [], choices)


def read(rows: Iterable[tuple[int, list[Any]]], take: Callable[[str], Identity]) -> Rows:
    """Checks every cell by itself, and that nobody stands there twice. `take`: what is kept of an identity number.

    Raises `Invalid` when the headings are missing or there is nothing below them.
    """
    rows = iter(rows)
    header_row, places = find_headings(rows, HEADINGS, REQUIRED)
    found = Rows(columns=columns_of(places), header_row=header_row)
    seen: dict[str, int] = {}
    for number, cells in rows:
        found.rows += 1
        if found.rows > MAX_ROWS:
            raise refused(f"表格超过 {MAX_ROWS} 行，请分成几个文件上传。")
        values = {name: cells[index] if index < len(cells) else "" for name, index in places.items()}
        _read_row(number, values, take, seen, found)
    if not found.rows:
        raise refused("表格是空的：表头下面没有内容，请填写后重新上传。")
    return found


def _read_row(
    number: int, values: dict[str, Any], take: Callable[[str], Identity], seen: dict[str, int], found: Rows
) -> None:
    before = len(found.errors)
    identity: Identity | None = None
    try:
        identity = take(identity_text(values["identity"]))
        first = seen.setdefault(identity.hash, number)
        if first != number:
            found.wrong(number, "identity", f"与第 {first} 行身份证号重复，同一人只能出现一次。")
    except Invalid as error:
        found.wrong(number, "identity", error.detail)
    facts: dict[str, Any] = {}
    for name in LABELS:
        value = values.get(name, "")
        text = value if isinstance(value, (date, datetime)) else str(value).strip()
        if text == "":
            continue
        if name in DATES:
            facts[name] = _day(text)
            sentence = f"{HEADINGS[name]}“{str(text)[:20]}”不是日期，请填写如 2025-09-01。"
        elif name in CHOICES:
            facts[name] = CHOICES[name].get(str(text))
            sentence = f"{HEADINGS[name]}“{str(text)[:20]}”无法识别，请填：{'、'.join(CHOICES[name])}。"
        else:
            facts[name] = text if len(str(text)) <= LONGEST[name] else None
            sentence = f"{LABELS[name]}超过 {LONGEST[name]} 个字，请核对。"
        if facts[name] is None:
            found.wrong(number, name, sentence)
    if "name" not in facts:
        found.wrong(number, "name", "姓名为空，请填写。")
    if len(found.errors) > before or identity is None:
        return
    if facts.get("kind") == PersonKind.CONTRACTED_PRE_GRADUATION:
        found.deferred += 1
        found.note(found.warnings, number, "kind", DEFERRED)
        return
    found.entries.append(
        Entry(number, identity, facts["name"], str(values.get("unit", "")).strip(), tuple(map(facts.get, LABELS)))
    )


@lru_cache(4000)
def _day(value: date | str) -> date | None:
    """The day that a cell means; None: none. Remembered, since a workbook has few different ones."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    match = DAY.fullmatch(value)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None
