"""What a roster file may be, and what is said of each cell."""

from __future__ import annotations

import io
import json
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.plans.files import look_at
from services.plans.projects import roster, spreadsheet
from services.plans.projects.spreadsheet import KINDS, read_rows
from shared.errors import Invalid
from shared.identity import identity_hash
from tests.plans import builders as make

DATA = Path(__file__).parent.parent / "data"
KEY = b"key"


class Someone:
    """A person of the register."""

    def __init__(self, name: str, unit_path: str) -> None:
        self.name, self.unit_path = name, unit_path


def checked(rows: list[list[Any]], hours: int = 60, **options: Any) -> roster.Roster:
    """The roster of these rows."""
    return roster.read(read_rows(make.upload(make.workbook(rows, **options))), KEY, Decimal(hours))


def row(**changes: Any) -> list[Any]:
    """One good row with changes by our names."""
    person = make.teachers(1)[0]
    values = {"identity": person.identity, "name": person.name, "hours": 60, "result": "合格", "note": ""}
    return list({**values, **changes}.values())


def only_error(rows: list[list[Any]]) -> roster.CellError:
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
        roster.match(found, people, make.DONGHU, "东湖区")
        assert [words in error.message for error in found.errors] == ([True] if words else [])


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
    found = roster.read(read_rows(upload), KEY, Decimal(60))
    people = {identity_hash(p.identity, KEY): p for p in make.people().values()}
    roster.match(found, people, make.DONGHU, "东湖区")
    report = found.report()
    assert (report["rows"], report["good"]) == (200, 200 - len(expected))
    assert [(e["row"], e["column"]) for e in report["errors"]] == [(e["row"], e["column"]) for e in expected]
    for error, wanted in zip(report["errors"], expected, strict=True):
        assert wanted["keyword"] in error["message"]


# Hostile workbooks ---------------------------------------------------------------------------------------------------


def rebuilt(change: dict[str, bytes | None], base: bytes | None = None) -> bytes:
    """A workbook with parts replaced or added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(base or make.workbook([row()]))) as source:
        parts: dict[str, bytes | None] = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**parts, **change}.items():
            if content is not None:
                archive.writestr(name, content)
    return buffer.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def sheet(*rows: str, head: str = "") -> bytes:
    """A worksheet part."""
    return f"{head}<worksheet {NS}><sheetData>{''.join(rows)}</sheetData></worksheet>".encode()


FAR = '<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>'
HOSTILE = [
    ("far cell", sheet(FAR, '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "超出范围"),
    ("far column", sheet('<row r="1"><c r="XFD1"><v>1</v></c></row>'), "超出范围"),
    ("lower case", sheet(FAR, '<row r="9"><c r="xfd9"><v>1</v></c></row>'), "超出范围"),
    ("no reference", sheet('<row r="1048000"><c><v>1</v></c></row>'), "超出范围"),
    ("prefixed", f'<x:worksheet {NS.replace("xmlns", "xmlns:x")}><x:sheetData><x:row r="1048576">'
                 '<x:c r="XFD1048576"><x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>'.encode(), "超出范围"),
    ("entities", sheet(FAR, head='<!DOCTYPE x [<!ENTITY a "aaaa">]>'), "不合规范"),
    ("malformed", b"<worksheet><sheetData></worksheet>", "损坏"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "words"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_a_sheet_that_would_hurt_the_reader_is_refused(part: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        list(read_rows(make.upload(rebuilt({SHEET: part}))))


def test_a_sheet_may_not_hide_in_a_part_that_is_not_watched() -> None:
    with zipfile.ZipFile(io.BytesIO(make.workbook([row()]))) as source:
        relations = source.read("xl/_rels/workbook.xml.rels")
        part = source.read(SHEET)
    hidden = rebuilt({
        "xl/_rels/workbook.xml.rels": relations.replace(b"worksheets/sheet1.xml", b"media/image1.png"),
        "xl/media/image1.png": part,
        SHEET: None,
    })  # fmt: skip
    with pytest.raises(Invalid, match="不合规范"):
        list(read_rows(make.upload(hidden)))


def test_formatted_but_empty_cells_far_away_do_no_harm() -> None:
    good = make.workbook([row()])
    with zipfile.ZipFile(io.BytesIO(good)) as source:
        part = source.read(SHEET)
    far = b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'
    rows = list(read_rows(make.upload(rebuilt({SHEET: part.replace(b"</sheetData>", far)}, good))))
    assert len(rows) == 2


def test_bombs_and_broken_archives_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = make.workbook([row()])
    with pytest.raises(Invalid, match="损坏"):
        list(read_rows(make.upload(good[:-200])))
    with pytest.raises(Invalid, match="宏"):
        list(read_rows(make.upload(rebuilt({"xl/vbaProject.bin": b"x"}))))
    monkeypatch.setattr("services.plans.files.MAX_UNPACKED", 10_000)
    with pytest.raises(Invalid, match="解压后过大"):
        list(read_rows(make.upload(rebuilt({"xl/media/x.png": bytes(20_000)}))))


def test_sizes_that_lie_are_found_out() -> None:
    content = bytearray(rebuilt({"xl/media/x.bin": bytes(50_000)}))
    at = content.rindex(b"xl/media/x.bin") - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")
    with pytest.raises(Invalid, match="损坏"):
        list(read_rows(make.upload(bytes(content))))


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "MAX_ROWS", 2)
    with pytest.raises(Invalid, match="超过 2 行"):
        checked([row(), row(), row()])
    assert spreadsheet.MAX_ROWS == 100_000


@pytest.mark.parametrize(("index", "letter"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_column_letters(index: int, letter: str) -> None:
    assert spreadsheet.column_letter(index) == letter


def test_every_sentence_is_whole_and_chinese() -> None:
    for changes, _, _ in CELLS:
        message = only_error([row(**changes)]).message
        assert message.endswith("。")
        assert re.search(r"[\u4e00-\u9fff]", message)
