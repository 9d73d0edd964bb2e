"""Excel workbooks of any length. Text is written as text, never as a formula, and figures as figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import IO

import xlsxwriter

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Cell = str | int | Decimal | float | None


def workbook(file: IO[bytes], sheets: Iterable[tuple[str, dict[str, int], Iterable[Sequence[Cell]]]]) -> None:
    """Writes sheets of (title, heading -> width, rows) one row at a time, so that length needs no memory."""
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        bold = book.add_format({"bold": True, "num_format": "@"})
        text, share, figure = (book.add_format({"num_format": code}) for code in ("@", "0.0%", "0.0#"))
        for title, columns, rows in sheets:
            sheet = book.add_worksheet(title)
            sheet.freeze_panes(1, 0)
            for place, (heading, width) in enumerate(columns.items()):
                sheet.set_column(place, place, width)
                sheet.write_string(0, place, heading, bold)
            for number, row in enumerate(rows, start=1):
                for place, value in enumerate(row):
                    if isinstance(value, str):
                        sheet.write_string(number, place, value, text)
                    elif isinstance(value, Decimal):
                        sheet.write_number(number, place, float(value), figure)
                    elif isinstance(value, float):
                        sheet.write_number(number, place, value, share)
                    elif value is not None:
                        sheet.write_number(number, place, value)
