"""What a roster says, checked cell by cell (T7): pure. Identity numbers become keyed hashes here and go no further."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from services.plans.projects import eligibility
from shared.errors import Invalid
from shared.identity import identity_hash, normalize_identity
from shared.sheets.cells import Findings, columns_of, find_headings, identity_text
from shared.sheets.reading import MAX_ROWS, refused

HEADINGS = {
    "identity": "身份证号",
    "name": "姓名",
    "hours": "学时",
    "result": "考核结果",
    "attendance": "出勤",
    "note": "备注",
}
"""Our names and the headings of the template; a heading may go on, as in 考核结果（合格/不合格）."""
REQUIRED = ("identity", "name", "hours", "result")
RESULTS = {"合格": True, "不合格": False}
MAX_HOURS = Decimal(1000)
LONGEST_NUMBER = 24
"""Digits and characters; more than a spreadsheet's number ever has."""
FULL_ATTENDANCE = "全勤"
EXEMPT = {
    "education_authority_staff": "教育行政部门在岗人员暂不作培训要求（问答第 20 问）；学分照常登记，请核对是否参加。",
    "seconded_to_authority": "借调到教育主管部门的人员暂不作培训要求（问答第 21 问）；学分照常登记，请核对是否参加。",
}
"""Kind of person -> a hint, no error: credits are recorded whatever the judgement (policy P-20, P-21)."""


class Entry(NamedTuple):
    """One row whose cells are good."""

    row: int
    identity_hash: str
    name: str
    hours: Decimal
    passed: bool
    attendance: str | None
    """`全勤` or a percentage such as `95%`; None: not said."""
    note: str


class Registered(eligibility.Person, Protocol):
    """What is needed of a person in the register."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def seconded_from(self) -> date | None: ...
    @property
    def seconded_to(self) -> date | None: ...


class Training(eligibility.Facts, Protocol):
    """What is needed of a project."""

    @property
    def held_from(self) -> date: ...


@dataclass(slots=True)
class Roster(Findings):
    """All rows of a file: the good ones, and what is wrong with the others."""

    headings: Mapping[str, str] = field(default_factory=lambda: HEADINGS)
    entries: list[Entry] = field(default_factory=list)
    """Rows whose cells are good; `good_entries` are those against which the register says nothing either."""

    def good_entries(self) -> list[Entry]:
        """What can be imported."""
        bad = self.bad_rows()
        return [entry for entry in self.entries if entry.row not in bad] if bad else self.entries


def read(rows: Iterable[tuple[int, list[Any]]], key: bytes, project_hours: Decimal) -> Roster:
    """Checks every cell by itself, and that nobody stands there twice.

    Raises `Invalid` when the headings are missing or there is nothing below them.
    """
    rows = iter(rows)
    header_row, places = find_headings(rows, HEADINGS, REQUIRED)
    roster = Roster(columns=columns_of(places), header_row=header_row)
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


def match(
    roster: Roster,
    people: Mapping[str, Registered],
    project: Training,
    quotas: Sequence[eligibility.Seats] = (),
    already: Mapping[str, int] | None = None,
) -> None:
    """Adds what the register says of each good row: not registered or elsewhere, another name, not the project's kind.

    `people` by keyed hash; `quotas` and `already` as `eligibility.check` wants them.
    """
    known: list[tuple[int, Registered]] = []
    area = (project.area_path, *project.covers)
    for entry in roster.entries:
        person = people.get(entry.identity_hash)
        if person is None or not person.unit_path.startswith(area):
            roster.note(roster.errors, entry.row, "identity", eligibility.not_registered(project))
        elif person.name != entry.name and plain_name(person.name) != plain_name(entry.name):
            message = f"姓名“{entry.name}”与此身份证号登记的姓名不一致，请核对姓名和号码。"
            roster.note(roster.errors, entry.row, "name", message)
        else:
            known.append((entry.row, person))
            exempt = EXEMPT.get(person.kind)
            if exempt is None and _seconded(person, project.held_from):
                exempt = EXEMPT["seconded_to_authority"]
            if exempt:
                roster.note(roster.warnings, entry.row, "identity", exempt)
    for row, column, message in eligibility.check(known, project, quotas, already or {}):
        roster.note(roster.errors, row, column, message)


def _seconded(person: Registered, day: date) -> bool:
    since = person.seconded_from
    return since is not None and since <= day and (person.seconded_to is None or day <= person.seconded_to)


def plain_name(name: str) -> str:
    """A name without blanks, and with one kind of middle dot."""
    return re.sub(r"[\s\u3000]", "", re.sub(r"[•・‧∙⋅．.]", "·", unicodedata.normalize("NFC", name)))


def _read_row(
    number: int, values: dict[str, Any], key: bytes, project_hours: Decimal, seen: dict[str, int], roster: Roster
) -> Entry | None:
    before = len(roster.errors)
    hashed = ""
    try:
        hashed = identity_hash(normalize_identity(identity_text(values["identity"])), key)
        first = seen.setdefault(hashed, number)
        if first != number:
            roster.note(roster.errors, number, "identity", f"与第 {first} 行身份证号重复，同一人只能出现一次。")
    except Invalid as error:
        roster.note(roster.errors, number, "identity", error.detail)
    name = str(values["name"]).strip()
    if not name:
        roster.note(roster.errors, number, "name", "姓名为空，请填写。")
    hours = None if isinstance(values["hours"], bool) else _number(str(values["hours"]).strip())
    if hours is None:
        shown = f"“{str(values['hours'])[:LONGEST_NUMBER]}”" if values["hours"] != "" else "为空，"
        roster.note(roster.errors, number, "hours", f"学时{shown}不是数字（最多两位小数），请填写如 60。")
    elif hours < 0:
        roster.note(roster.errors, number, "hours", f"学时 {hours.normalize():f} 小于 0，请核对。")
    elif hours > MAX_HOURS:
        roster.note(roster.errors, number, "hours", f"学时 {hours.normalize():f} 超过 {MAX_HOURS}，请核对。")
    elif hours > project_hours:
        message = f"学时 {hours.normalize():f} 超过本项目的 {project_hours.normalize():f} 学时，请核对。"
        roster.note(roster.errors, number, "hours", message)
    result = str(values["result"]).strip()
    if result not in RESULTS:
        shown = f"“{result}”无法识别" if result else "为空"
        roster.note(roster.errors, number, "result", f"考核结果{shown}，请填“合格”或“不合格”。")
    elif RESULTS[result] and hours == 0:
        roster.note(roster.errors, number, "hours", "考核合格而学时为 0，请核对。")
    attendance = _attendance(values.get("attendance", ""))
    if attendance is None:
        shown = str(values["attendance"])[:LONGEST_NUMBER]
        roster.note(roster.errors, number, "attendance", f"出勤“{shown}”无法识别，请填“全勤”或百分比，如 95%。")
    if len(roster.errors) > before or hours is None:
        return None
    note = str(values.get("note", "")).strip()[:200]
    return Entry(number, hashed, name, hours, RESULTS[result], attendance or None, note)


@lru_cache(1000)
def _number(text: str) -> Decimal | None:
    """Remembered, since a roster has few different ones."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # The size first: to multiply 1E+999999 is an error of its own, and of too many digits only the first ones count.
    if len(text) > LONGEST_NUMBER or not number.is_finite() or number.adjusted() > LONGEST_NUMBER:
        return None
    return number if number * 100 == (number * 100).to_integral_value() else None


def _attendance(value: Any) -> str | None:
    """`全勤`, a percentage, or "" for an empty cell; None: cannot be read. A cell that shows 95% is the number 0.95."""
    shown = f"{round(value * 100, 2)}%" if isinstance(value, float) and 0 <= value <= 1 else str(value)
    text = shown.strip().replace("％", "%")
    if text in ("", FULL_ATTENDANCE):
        return text
    percent = _number(text.removesuffix("%").strip())
    if isinstance(value, bool) or percent is None or not 0 <= percent <= 100:
        return None
    return f"{percent.normalize():f}%"
