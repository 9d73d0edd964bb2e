"""Workbooks before anything is read from them: those that would hurt the reader are refused, long ones are known."""

from __future__ import annotations

import io
import zipfile

import pytest

from shared.errors import Invalid
from shared.sheets import reading
from shared.sheets.reading import open_sheet
from tests.plans import builders as make
from tests.plans.test_roster import row


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
        list(open_sheet(make.upload(rebuilt({SHEET: part}))).rows)


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
        list(open_sheet(make.upload(hidden)).rows)


def test_formatted_but_empty_cells_far_away_do_no_harm() -> None:
    good = make.workbook([row()])
    with zipfile.ZipFile(io.BytesIO(good)) as source:
        part = source.read(SHEET)
    far = b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'
    rows = list(open_sheet(make.upload(rebuilt({SHEET: part.replace(b"</sheetData>", far)}, good))).rows)
    assert len(rows) == 2


def test_bombs_and_broken_archives_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = make.workbook([row()])
    with pytest.raises(Invalid, match="损坏"):
        list(open_sheet(make.upload(good[:-200])).rows)
    with pytest.raises(Invalid, match="宏"):
        list(open_sheet(make.upload(rebuilt({"xl/vbaProject.bin": b"x"}))).rows)
    monkeypatch.setattr("shared.files.MAX_UNPACKED", 10_000)
    with pytest.raises(Invalid, match="解压后过大"):
        list(open_sheet(make.upload(rebuilt({"xl/media/x.png": bytes(20_000)}))).rows)


def test_sizes_that_lie_are_found_out() -> None:
    content = bytearray(rebuilt({"xl/media/x.bin": bytes(50_000)}))
    at = content.rindex(b"xl/media/x.bin") - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")
    with pytest.raises(Invalid, match="损坏"):
        list(open_sheet(make.upload(bytes(content))).rows)


def test_a_long_sheet_is_known_without_reading_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [["x"]] * (reading.SHORT_ROWS + reading.HEADER_WITHIN)
    assert not reading.is_long(make.upload(make.workbook(lines[:-1])))
    long = make.upload(make.workbook(lines))
    assert reading.is_long(long)
    prefixed = rebuilt({SHEET: sheet(*(f'<x:row r="{n}"><x:c/></x:row>' for n in range(1, len(lines) + 2)))})
    assert reading.is_long(make.upload(prefixed))
    with pytest.raises(Invalid, match="损坏"):
        reading.is_long(make.upload(long.content[:-200]))
    # Few rows in much XML are no reason to make somebody wait either.
    monkeypatch.setattr(reading, "SHORT_PART", 100)
    assert reading.is_long(make.upload(make.workbook([row()])))


@pytest.mark.parametrize(("index", "letter"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_column_letters(index: int, letter: str) -> None:
    assert reading.column_letter(index) == letter
