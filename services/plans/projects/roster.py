"""What a roster says, checked cell by cell (T7): pure. Identity numbers become keyed hashes here and go no further."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from services.plans.projects.spreadsheet import HEADER_WITHIN, MAX_ROWS, column_letter, refused
from shared.errors import Invalid
from shared.identity import identity_hash, normalize_identity

HEADINGS = {"identity": "身份证号", "name": "姓名", "hours": "学时", "result": "考核结果", "note": "备注"}
"""Our names and the headings of the template; a heading may go on, as in 考核结果（合格/不合格）."""
REQUIRED = ("identity", "name", "hours", "result")
RESULTS = {"合格": True, "不合格": False}
MAX_HOURS = Decimal(1000)
LONGEST_NUMBER = 24
"""Digits and characters; more than a spreadsheet's number ever has."""


@dataclass(frozen=True, slots=True)
class CellError:
    """What is wrong in one cell, for the person who can mend it."""

    row: int
    column: str
    heading: str
    message: str

    @property
    def cell(self) -> str:
        """As a spreadsheet names it, for example A5."""
        return f"{self.column}{self.row}"

    def dump(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "row": self.row,
            "cell": self.cell,
            "column": self.column,
            "heading": self.heading,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """One good row."""

    row: int
    identity_hash: str
    name: str
    hours: Decimal
    passed: bool
    note: str


@dataclass(slots=True)
class Roster:
    """All rows of a file: the good ones, and what is wrong with the others."""

    rows: int = 0
    entries: list[Entry] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    """Our name -> column letter."""

    def report(self, limit: int = 1000) -> dict[str, Any]:
        """`{rows, good, errors}` as JSON, the errors by row and at most `limit` of them."""
        bad = {error.row for error in self.errors}
        ordered = sorted(self.errors, key=lambda error: (error.row, len(error.column), error.column))
        return {
            "rows": self.rows,
            "good": self.rows - len(bad),
            "error_count": len(ordered),
            "errors": [error.dump() for error in ordered[:limit]],
        }


class Registered(Protocol):
    """What is needed of a person in the register."""

    @property
    def name(self) -> str: ...
    @property
    def unit_path(self) -> str: ...


def read(rows: Iterable[tuple[int, list[Any]]], key: bytes, project_hours: Decimal) -> Roster:
    """Checks every cell by itself, and that nobody stands there twice.

    Raises `Invalid` when the headings are missing or there is nothing below them.
    """
    rows = iter(rows)
    places = _headings(rows)
    roster = Roster(columns={name: column_letter(index) for name, index in places.items()})
    seen: dict[str, int] = {}
    for number, cells in rows:
        roster.rows += 1
        if roster.rows > MAX_ROWS:
            raise refused(f"名单超过 {MAX_ROWS} 行，请分成几个文件上传。")
        values = {name: cells[index] if index < len(cells) else "" for name, index in places.items()}
        entry = _read_row(number, values, key, project_hours, seen, roster)
        if entry:
            roster.entries.append(entry)
    if not roster.rows:
        raise refused("名单是空的：表头下面没有内容，请填写后重新上传。")
    return roster


def match(roster: Roster, people: Mapping[str, Registered], area_path: str, area_name: str) -> None:
    """Adds an error for each good row whose person is not in the register (or not of the area) or has another name."""
    for entry in roster.entries:
        person = people.get(entry.identity_hash)
        # One sentence for both cases: a list must not tell who is registered elsewhere.
        if person is None or not person.unit_path.startswith(area_path):
            _add(
                roster,
                entry.row,
                "identity",
                f"{area_name}范围内没有登记此身份证号的教师，请核对号码，或先登记此人。",
            )
        elif plain_name(person.name) != plain_name(entry.name):
            _add(roster, entry.row, "name", f"姓名“{entry.name}”与此身份证号登记的姓名不一致，请核对姓名和号码。")


def plain_name(name: str) -> str:
    """A name without blanks, and with one kind of middle dot."""
    return re.sub(r"[\s\u3000]", "", re.sub(r"[•・‧∙⋅．.]", "·", unicodedata.normalize("NFC", name)))


def _headings(rows: Iterable[tuple[int, list[Any]]]) -> dict[str, int]:
    for number, cells in rows:
        if number > HEADER_WITHIN:
            break
        texts = [re.sub(r"\s", "", str(cell)) for cell in cells]
        places = {
            name: index
            for name, heading in HEADINGS.items()
            for index, text in enumerate(texts)
            if text == heading or text.startswith((heading + "（", heading + "("))
        }
        if "identity" in places:
            missing = [HEADINGS[name] for name in REQUIRED if name not in places]
            if missing:
                raise refused(f"第 {number} 行的表头缺少：{'、'.join(missing)}；请使用模板填写。")
            return places
    raise refused(f"前 {HEADER_WITHIN} 行中没有找到表头（{'、'.join(HEADINGS.values())}），请使用模板填写。")


def _read_row(
    number: int, values: dict[str, Any], key: bytes, project_hours: Decimal, seen: dict[str, int], roster: Roster
) -> Entry | None:
    before = len(roster.errors)
    hashed = ""
    try:
        hashed = identity_hash(normalize_identity(_identity_text(values["identity"])), key)
        first = seen.setdefault(hashed, number)
        if first != number:
            _add(roster, number, "identity", f"与第 {first} 行身份证号重复，同一人只能出现一次。")
    except Invalid as error:
        _add(roster, number, "identity", error.detail)
    name = str(values["name"]).strip()
    if not name:
        _add(roster, number, "name", "姓名为空，请填写。")
    hours = _hours(values["hours"])
    if hours is None:
        shown = f"“{str(values['hours'])[:LONGEST_NUMBER]}”" if values["hours"] != "" else "为空，"
        _add(roster, number, "hours", f"学时{shown}不是数字（最多两位小数），请填写如 60。")
    elif hours < 0:
        _add(roster, number, "hours", f"学时 {hours.normalize():f} 小于 0，请核对。")
    elif hours > MAX_HOURS:
        _add(roster, number, "hours", f"学时 {hours.normalize():f} 超过 {MAX_HOURS}，请核对。")
    elif hours > project_hours:
        message = f"学时 {hours.normalize():f} 超过本项目的 {project_hours.normalize():f} 学时，请核对。"
        _add(roster, number, "hours", message)
    result = str(values["result"]).strip()
    if result not in RESULTS:
        shown = f"“{result}”无法识别" if result else "为空"
        _add(roster, number, "result", f"考核结果{shown}，请填“合格”或“不合格”。")
    elif RESULTS[result] and hours == 0:
        _add(roster, number, "hours", "考核合格而学时为 0，请核对。")
    if len(roster.errors) > before or hours is None:
        return None
    return Entry(number, hashed, name, hours, RESULTS[result], str(values.get("note", "")).strip()[:200])


def _identity_text(value: Any) -> str:
    """A number in this column has lost its last digits already: it is passed on in the form that says so."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.5E}" if abs(value) >= 1e15 else repr(float(value))
    return str(value)


def _hours(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    text = str(value).strip()
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # The size first: to multiply 1E+999999 is an error of its own, and of too many digits only the first ones count.
    if len(text) > LONGEST_NUMBER or not number.is_finite() or number.adjusted() > LONGEST_NUMBER:
        return None
    return number if number * 100 == (number * 100).to_integral_value() else None


def _add(roster: Roster, row: int, name: str, message: str) -> None:
    roster.errors.append(CellError(row, roster.columns[name], HEADINGS[name], message))
