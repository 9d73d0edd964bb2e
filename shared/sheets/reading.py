"""Reads the rows of an uploaded `.xlsx`, after making sure that reading it cannot hurt.

A spreadsheet is a zip of XML. Before calamine sees it: sizes are checked before anything is unpacked, every XML part is
parsed as a stream, and the furthest filled cell is found. The last is not a nicety: a file of five kilobytes with one
word in cell XFD1048576 makes calamine ask for half a terabyte, which ends the process.
"""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook

from shared.errors import Invalid
from shared.files import MAX_UNPACKED, Upload, check_archive
from shared.workbooks import XLSX

KINDS: dict[str, tuple[str, ...]] = {XLSX: ("xlsx",)}
MAX_ROWS = 100_000
MAX_COLUMNS = 52
SHORT_ROWS = 2_000
"""A roster up to here is checked while one waits for the page; a longer one in the background."""
SHORT_PART = 2 * 1024 * 1024
"""Bytes of XML that so many rows never need: more counts as long, whatever is in it."""
HEADER_WITHIN = 10
"""The headings must stand in one of the first rows; titles may stand above."""
CHUNK = 256 * 1024
REFERENCE = re.compile(r"([A-Za-z]{1,3})([1-9][0-9]{0,6})", re.ASCII)
ROW = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)
"""Where a cell stands and which row it is: `XFD1048576` is the furthest that a spreadsheet knows."""
ROW_TAG = re.compile(rb"<(?:\w+:)?row[\s/>]", re.ASCII)
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, expat.ExpatError, NotImplementedError, RuntimeError, EOFError,
    OSError, ValueError, LookupError,
)  # fmt: skip
"""What the standard library raises while it unpacks and parses a file that is not what it says."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The first sheet of a workbook."""

    height: int
    """Rows down to the last one that is used, without the first, which has the headings."""
    rows: Iterator[tuple[int, list[Any]]]
    """(row number as in the spreadsheet, its cells from column A on), empty rows left out."""


def open_sheet(upload: Upload) -> Sheet:
    """The first sheet, after making sure that reading it cannot hurt.

    Raises `Invalid` for a file that is too large inside, damaged, or not a spreadsheet that we can read.
    """
    with _naming_damage(upload.name), zipfile.ZipFile(io.BytesIO(upload.content)) as archive:
        check_archive(upload.name, archive)
        for member in archive.infolist():
            with archive.open(member) as part:
                _scan(upload.name, member.filename, part)
    return _first_sheet(upload)


def read_again(upload: Upload) -> Iterator[tuple[int, list[Any]]]:
    """The rows once more, of a file that `open_sheet` has looked at."""
    return _first_sheet(upload).rows


def is_long(upload: Upload) -> bool:
    """Whether a sheet has more than `SHORT_ROWS` rows; unpacks no more than it takes to know.

    Raises `Invalid` for a file that is damaged up to there.
    """
    with _naming_damage(upload.name), zipfile.ZipFile(io.BytesIO(upload.content)) as archive:
        check_archive(upload.name, archive)
        for member in archive.infolist():
            if not member.filename.lower().endswith(".xml"):
                continue
            rows = size = 0
            with archive.open(member) as part:
                while piece := part.read(CHUNK):
                    rows += len(ROW_TAG.findall(piece))
                    size += len(piece)
                    if rows > SHORT_ROWS + HEADER_WITHIN or size > SHORT_PART:
                        return True
    return False


def _first_sheet(upload: Upload) -> Sheet:
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(upload.content)).get_sheet_by_index(0)
        return Sheet(sheet.total_height, _rows(sheet.start, sheet.iter_rows()))
    except (CalamineError, ValueError, IndexError) as error:
        raise refused(f"文件“{upload.name}”无法读取，请用 Excel 或 WPS 另存为 .xlsx 后重新上传。") from error


def _rows(start: tuple[int, int] | None, rows: Iterator[list[Any]]) -> Iterator[tuple[int, list[Any]]]:
    if start is None:
        return
    first_row, first_column = start
    # iter_rows begins with row 1 but leaves out the empty columns on the left.
    margin = [""] * first_column
    for number, cells in enumerate(rows, start=1):
        if number > first_row and any(cell != "" for cell in cells):
            yield number, margin + list(cells)


def column_letter(index: int) -> str:
    """A for 0, AA for 26."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def refused(sentence: str) -> Invalid:
    """The error for a file that cannot be taken as it is."""
    return Invalid(sentence, fields={"file": [sentence]})


@contextmanager
def _naming_damage(name: str) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise refused(f"文件“{name}”已损坏，请用 Excel 或 WPS 另存为 .xlsx 后重新上传。") from error


def _scan(name: str, member: str, part: Any) -> None:
    """One part of the archive: unpacked to its end (a wrong checksum raises), and parsed if it is XML."""
    scanner = _Scanner(name, member) if member.lower().endswith((".xml", ".rels")) else None
    unpacked = 0
    while piece := part.read(CHUNK):
        unpacked += len(piece)
        if unpacked > MAX_UNPACKED:
            raise refused(f"文件“{name}”解压后过大，请删去多余内容后重新上传。")
        if scanner:
            scanner.parser.Parse(piece, False)
    if scanner:
        scanner.parser.Parse(b"", True)


class _Scanner:
    """Watches where filled cells stand, and that sheets are parts that were watched too."""

    def __init__(self, name: str, member: str) -> None:
        self.name = name
        self.relations = member == "xl/_rels/workbook.xml.rels"
        self.row = self.column = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self.start
        self.parser.StartDoctypeDeclHandler = self.doctype

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Called for each element; kept short, since a large sheet has a million of them."""
        kind = tag.rpartition(" ")[2]
        if kind == "c":
            reference = attributes.get("r")
            if reference is None:
                self.column += 1
            else:
                place = REFERENCE.fullmatch(reference)
                if place is None:
                    raise self.improper()
                self.row, self.column = int(place[2]), _column_number(place[1])
        elif kind == "v" or kind == "is" or kind == "f":
            if self.row > MAX_ROWS + HEADER_WITHIN or self.column > MAX_COLUMNS:
                raise refused(
                    f"文件“{self.name}”内容超出范围：最多 {MAX_ROWS} 行、{MAX_COLUMNS} 列；"
                    f"请删去第 {self.row} 行、第 {self.column} 列一带的多余内容后重新上传。"
                )
        elif kind == "row":
            number = attributes.get("r")
            if number is not None and not ROW.fullmatch(number):
                raise self.improper()
            self.row = int(number) if number else self.row + 1
            self.column = 0
        elif kind == "Relationship" and self.relations:
            target = attributes.get("Target", "").lower()
            if attributes.get("Type", "").endswith("/worksheet") and not target.endswith(".xml"):
                raise self.improper()

    def doctype(self, *_: Any) -> None:
        """Spreadsheets have none; where there is one, entities would follow."""
        raise self.improper()

    def improper(self) -> Invalid:
        """The error for a part that no spreadsheet program writes."""
        return refused(f"文件“{self.name}”的结构不合规范，请用 Excel 或 WPS 另存为 .xlsx 后重新上传。")


@lru_cache(1000)
def _column_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number
