"""What a roster file may be, and what is said of each cell."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.plans.files import look_at
from services.plans.rosters import roster
from shared.errors import Invalid
from shared.identity import identity_hash
from shared.sheets import reading
from shared.sheets.cells import CellError
from shared.sheets.reading import KINDS, open_sheet
from tests.plans import builders as make

DATA = Path(__file__).parent.parent / "data"
KEY = b"key"


@dataclass
class Someone:
    """A person of the register."""

    name: str
    unit_path: str
    kind: str = "in_service"
    stage: str | None = "primary"
    subject: str | None = None
    seconded_from: date | None = None
    seconded_to: date | None = None


@dataclass
class Training:
    """A county's training, as far as a roster is matched with it."""

    organizer_path: str = make.DONGHU
    organizer_name: str = "东湖区"
    authority_name: str = "东湖区"
    area_path: str = make.DONGHU
    covers: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    held_from: date = date(2026, 10, 12)


def checked(rows: list[list[Any]], hours: int = 60, **options: Any) -> roster.Roster:
    """The roster of these rows."""
    return roster.read(open_sheet(make.upload(make.workbook(rows, **options))).rows, KEY, Decimal(hours))


def row(**changes: Any) -> list[Any]:
    """One good row with changes by our names."""
    person = make.teachers(1)[0]
    values = {"identity": person.identity, "name": person.name, "hours": 60, "result": "合格", "note": ""}
    return list({**values, **changes}.values())


def only_error(rows: list[list[Any]]) -> CellError:
    """The one thing that is wrong."""
    found = checked(rows).errors
    assert len(found) == 1, found
    return found[0]


def test_good_rows_become_entries_without_identity_numbers() -> None:
    people = make.teachers(2)
    found = checked([row(note="补训"), [f" {people[1].identity.lower()} ", people[1].name, "12.5", "不合格 "]])
    assert found.errors == []
    assert found.entries[0].identity_hash == identity_hash(people[0].identity, KEY)
    assert [(e.row, e.hours, e.passed, e.note) for e in found.entries] == [
        (2, 60, True, "补训"),
        (3, Decimal("12.5"), False, ""),
    ]
    assert people[0].identity not in repr(found)


CELLS = [
    ({"identity": 3.60102e17}, "A2", "科学计数法"),
    ({"identity": "3.60102E+17"}, "A2", "科学计数法"),
    ({"identity": 12345}, "A2", "数值"),
    ({"identity": ""}, "A2", "为空"),
    ({"identity": "36010219650701000"}, "A2", "18 位"),
    ({"name": "  "}, "B2", "姓名为空"),
    ({"hours": "六十"}, "C2", "不是数字"),
    ({"hours": ""}, "C2", "为空"),
    ({"hours": True}, "C2", "不是数字"),
    ({"hours": "1.005"}, "C2", "两位小数"),
    ({"hours": "nan"}, "C2", "不是数字"),
    ({"hours": -1}, "C2", "小于 0"),
    ({"hours": 1001}, "C2", "超过 1000"),
    ({"hours": 61}, "C2", "超过本项目的 60 学时"),
    ({"hours": 0}, "C2", "学时为 0"),
    ({"result": ""}, "D2", "为空"),
    ({"result": "优秀"}, "D2", "“优秀”无法识别"),
    ({"identity": "360102196507010000"}, "A2", "末尾为 000"),
]


@pytest.mark.parametrize(("changes", "cell", "words"), CELLS, ids=[f"{cell}-{words}" for _, cell, words in CELLS])
def test_each_mistake_is_named_by_its_cell(changes: dict[str, Any], cell: str, words: str) -> None:
    error = only_error([row(**changes)])
    assert error.cell == cell
    assert words in error.message


def test_a_wrong_check_digit_and_a_repetition() -> None:
    identity = make.teachers(1)[0].identity
    wrong = identity[:-1] + next(d for d in "0123456789" if d != identity[-1])
    assert "校验位" in only_error([row(identity=wrong)]).message
    error = only_error([row(), row()])
    assert (error.row, error.message) == (3, "与第 2 行身份证号重复，同一人只能出现一次。")


def test_one_row_may_have_several_mistakes_and_counts_once() -> None:
    found = checked([row(hours=-1, result="?"), row()])
    assert [error.cell for error in found.errors] == ["C2", "D2", "A3"]
    assert (found.report()["rows"], found.report()["good"]) == (2, 0)


def test_people_are_matched_with_the_register() -> None:
    person = make.teachers(1)[0]
    hashed = identity_hash(person.identity, KEY)
    cases: list[tuple[dict[str, Someone], str | None]] = [
        ({hashed: Someone(person.name, make.QINGFENG)}, None),
        ({hashed: Someone(person.name[0] + " " + person.name[1:], make.QINGFENG)}, None),
        ({}, "没有登记此身份证号"),
        ({hashed: Someone(person.name, "360000/360600/360603/3606030001/")}, "没有登记"),
        ({hashed: Someone("别人", make.QINGFENG)}, "姓名"),
    ]
    for people, words in cases:
        found = checked([row()])
        roster.match(found, people, Training())
        assert [words in error.message for error in found.errors] == ([True] if words else [])


def test_faq_q20_q21_exempt_people_are_a_hint_and_no_error() -> None:
    """T7: their credits are recorded whatever the judgement, so nobody is kept off a roster."""
    person = make.teachers(1)[0]
    hashed = identity_hash(person.identity, KEY)
    seconded = {"seconded_from": date(2026, 9, 1), "seconded_to": date(2026, 12, 31)}
    cases: list[tuple[dict[str, Any], str | None]] = [
        ({}, None),
        ({"kind": "education_authority_staff"}, "第 20 问"),
        ({"kind": "seconded_to_authority"}, "第 21 问"),
        (seconded, "第 21 问"),
        ({**seconded, "seconded_to": date(2026, 9, 30)}, None),
        ({**seconded, "seconded_to": None}, "第 21 问"),
    ]
    for facts, words in cases:
        found = checked([row()])
        roster.match(found, {hashed: Someone(person.name, make.QINGFENG, **facts)}, Training())
        report = found.report()
        assert (report["errors"], report["good"]) == ([], 1)
        assert [(w["cell"], words in w["message"]) for w in report["warnings"]] == ([("A2", True)] if words else [])
        assert report["warning_count"] == len(report["warnings"])


def test_faq_q19_stage_and_subject_and_the_schools_of_a_joint_plan() -> None:
    person = make.teachers(1)[0]
    hashed = identity_hash(person.identity, KEY)
    village = "360000/360100/360103/3601030001/"
    cases: list[tuple[dict[str, Any], Someone, str | None]] = [
        ({"stages": ["primary"]}, Someone(person.name, make.QINGFENG), None),
        ({"stages": ["junior"]}, Someone(person.name, make.QINGFENG), "学段"),
        ({"subjects": ["数学"]}, Someone(person.name, make.QINGFENG, subject="语文"), "语文"),
        ({}, Someone(person.name, village), "没有登记"),
        ({"covers": [village]}, Someone(person.name, village), None),
    ]
    for facts, someone, words in cases:
        found = checked([row()])
        roster.match(found, {hashed: someone}, Training(**facts))
        assert [(e.cell, words in e.message) for e in found.errors] == ([("A2", True)] if words else [])


WITH_ATTENDANCE = ["身份证号", "姓名", "学时", "考核结果", "出勤"]


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("", None), ("全勤", "全勤"), ("95%", "95%"), (" 95 ％", "95%"), (95, "95%"), (0.95, "95%"), (0.955, "95.5%"),
        (1, "100%"), ("0%", "0%"), ("1%", "1%"),
    ],
)  # fmt: skip
def test_attendance_is_full_or_a_percentage(cell: Any, kept: str | None) -> None:
    person = make.teachers(1)[0]
    found = checked([[person.identity, person.name, 60, "合格", cell]], header=WITH_ATTENDANCE)
    assert found.errors == []
    assert found.entries[0].attendance == kept


@pytest.mark.parametrize("cell", ["101%", "-1%", "常到", True, "nan", "1E+9999"])
def test_attendance_that_cannot_be_read_is_named(cell: Any) -> None:
    person = make.teachers(1)[0]
    found = checked([[person.identity, person.name, 60, "合格", cell]], header=WITH_ATTENDANCE)
    assert [(e.cell, "全勤" in e.message) for e in found.errors] == [("E2", True)]


@pytest.mark.parametrize("first_row", [0, 3])
def test_a_title_may_stand_above_the_headings_and_columns_in_any_order(first_row: int) -> None:
    person = make.teachers(1)[0]
    header = ["序号", "姓 名", "身份证号", "考核结果(合格/不合格)", "学时"]
    found = checked([[1, person.name, person.identity, "合格", 60]], header=header, first_row=first_row)
    assert found.errors == []
    assert found.entries[0].row == first_row + 2
    assert found.columns["identity"] == "C"


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([], {}, "名单是空的"),
        ([["x"]], {"header": ["身份证号", "姓名"]}, "缺少：学时、考核结果"),
        ([["x"]], {"header": ["号码"]}, "没有找到表头"),
        ([["x"]], {"first_row": 12}, "没有找到表头"),
    ],
)
def test_a_table_that_is_not_the_template_is_refused(rows: list[Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        checked(rows, **options)


def test_the_sample_roster_with_errors() -> None:
    expected = json.loads((DATA / "roster_with_errors.json").read_text())
    upload = look_at("名单.xlsx", (DATA / "roster_with_errors.xlsx").read_bytes(), KINDS)
    found = roster.read(open_sheet(upload).rows, KEY, Decimal(60))
    people = {identity_hash(p.identity, KEY): p for p in make.people().values()}
    roster.match(found, people, Training())
    report = found.report()
    assert (report["rows"], report["good"]) == (200, 200 - len(expected))
    assert [(e["row"], e["column"]) for e in report["errors"]] == [(e["row"], e["column"]) for e in expected]
    for error, wanted in zip(report["errors"], expected, strict=True):
        assert wanted["keyword"] in error["message"]


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "MAX_ROWS", 2)
    with pytest.raises(Invalid, match="超过 2 行"):
        checked([row(), row(), row()])
    assert reading.MAX_ROWS == 100_000


def test_every_sentence_is_whole_and_chinese() -> None:
    for changes, _, _ in CELLS:
        message = only_error([row(**changes)]).message
        assert message.endswith("。")
        assert re.search(r"[\u4e00-\u9fff]", message)
