"""Workbooks that people get: an empty list to fill in, and the rows of one that need mending (T7, B8, B9).

Every cell is written as text. So an identity number keeps its digits (B9), and what begins with = + - @ is read, never
worked out, by whatever program opens it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import xlsxwriter

from shared.file_store import FileStore
from shared.files import Upload
from shared.sheets import reading
from shared.sheets.cells import CellError, Findings, by_row
from shared.workbooks import XLSX

REASON = "错误原因"
TEXT = 49
"""The built-in format "@": what is typed into such a cell stays as it was typed."""
NOT_SHOWN = 1e15
"""A larger number has lost digits in the spreadsheet; it is shown as the spreadsheet shows it."""


def error_rows(upload: Upload, found: Findings) -> Upload:
    """The rows of `upload` with errors, their columns as they were, and what is wrong with each in a last column.

    Corrected, it can be uploaded again as it is. Reads the workbook a second time instead of keeping all of it.
    """
    reasons: dict[int, list[CellError]] = {}
    for error in found.errors:
        reasons.setdefault(error.row, []).append(error)
    rows = reading.read_again(upload)
    header = next(cells for number, cells in rows if number == found.header_row)
    # A corrected file may come back with the reasons of last time.
    kept = [index for index, heading in enumerate(header) if as_text(heading).strip() != REASON]
    headings = [*(as_text(header[index]) for index in kept), REASON]
    content = written(headings, [18.0] * len(kept) + [80.0], _bad_rows(rows, kept, reasons))
    return Upload(error_rows_name(upload.name), XLSX, content, hashlib.sha256(content).hexdigest())


def error_rows_name(name: str) -> str:
    """What the workbook is called, by the name of the list."""
    return f"{name.rpartition('.')[0][:100]}-错误行.xlsx"


def keep_error_rows(store: FileStore, upload: Upload, found: Findings) -> str | None:
    """Puts the workbook of the rows with errors into the store; its digest, or None when there are none."""
    if not found.errors:
        return None
    made = error_rows(upload, found)
    store.put(made)
    return made.sha256


def as_text(value: Any) -> str:
    """A cell as the spreadsheet shows it: 60 for 60.0, 3.60102E+17 for a number that has lost its digits."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.5E}" if abs(value) >= NOT_SHOWN else f"{value:.15g}"
    return str(value)


def _bad_rows(
    rows: Iterable[tuple[int, list[Any]]], kept: Sequence[int], reasons: dict[int, list[CellError]]
) -> Iterator[list[str]]:
    for number, cells in rows:
        if number in reasons:
            row = [as_text(cells[index]) if index < len(cells) else "" for index in kept]
            why = (f"{error.heading}（{error.cell}）：{error.message}" for error in by_row(reasons[number]))
            yield [*row, "\n".join(why)]


def written(
    headings: Iterable[str],
    widths: Iterable[float],
    rows: Iterable[Sequence[str]],
    choices: dict[int, list[str]] | None = None,
) -> bytes:
    """A workbook of text only; `choices`: index of a column -> what may be chosen there."""
    buffer = io.BytesIO()
    # One row at a time, so that a hundred thousand of them need no memory.
    with xlsxwriter.Workbook(buffer, {"constant_memory": True}) as book:
        text, bold = book.add_format({"num_format": TEXT}), book.add_format({"num_format": TEXT, "bold": True})
        sheet = book.add_worksheet("名单")
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width, text)
        for column, allowed in (choices or {}).items():
            sheet.data_validation(1, column, reading.MAX_ROWS, column, {"validate": "list", "source": allowed})
        sheet.freeze_panes(1, 0)
        for column, heading in enumerate(headings):
            sheet.write_string(0, column, heading, bold)
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                sheet.write_string(number, column, value, text)
    return buffer.getvalue()
