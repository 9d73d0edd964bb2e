"""What a check of a list finds, cell by cell: pure. Also the headings, and what a spreadsheet does to long numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.sheets.reading import HEADER_WITHIN, column_letter, refused


@dataclass(frozen=True, slots=True)
class CellError:
    """What is wrong in one cell, or worth knowing, for the person who can mend it."""

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


@dataclass(slots=True)
class Findings:
    """What is wrong with the rows of a file, and what is worth knowing."""

    headings: Mapping[str, str]
    """Our name of a column -> its heading."""
    rows: int = 0
    errors: list[CellError] = field(default_factory=list)
    warnings: list[CellError] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    """Our name -> column letter."""
    header_row: int = 0

    def report(self, limit: int = 1000) -> dict[str, Any]:
        """`{rows, good, error_count, errors, warning_count, warnings}` as JSON, by row, at most `limit` of each."""
        return {
            "rows": self.rows,
            "good": self.rows - len(self.bad_rows()),
            "error_count": len(self.errors),
            "errors": [error.dump() for error in by_row(self.errors)[:limit]],
            "warning_count": len(self.warnings),
            "warnings": [warning.dump() for warning in by_row(self.warnings)[:limit]],
        }

    def bad_rows(self) -> set[int]:
        """Numbers of the rows with an error."""
        return {error.row for error in self.errors}

    def note(self, found: list[CellError], row: int, name: str, message: str) -> None:
        """Adds to `errors` or `warnings`; `name` is ours, a key of `headings`."""
        found.append(CellError(row, self.columns[name], self.headings[name], message))


def by_row(found: Iterable[CellError]) -> list[CellError]:
    """In the order of the spreadsheet."""
    return sorted(found, key=lambda error: (error.row, len(error.column), error.column))


def find_headings(
    rows: Iterator[tuple[int, list[Any]]], headings: Mapping[str, str], required: Sequence[str]
) -> tuple[int, dict[str, int]]:
    """The row of the headings, and our name -> index of its column; the row that has `identity` is it.

    A heading may go on in brackets, as in 考核结果（合格/不合格）. Raises `Invalid` when they are missing.
    """
    for number, cells in rows:
        if number > HEADER_WITHIN:
            break
        texts = [re.sub(r"\s", "", str(cell)) for cell in cells]
        places = {
            name: index
            for name, heading in headings.items()
            for index, text in enumerate(texts)
            if text == heading or text.startswith((heading + "（", heading + "("))
        }
        if "identity" in places:
            missing = [headings[name] for name in required if name not in places]
            if missing:
                raise refused(f"第 {number} 行的表头缺少：{'、'.join(missing)}；请使用模板填写。")
            return number, places
    raise refused(f"前 {HEADER_WITHIN} 行中没有找到表头（{'、'.join(headings.values())}），请使用模板填写。")


def columns_of(places: Mapping[str, int]) -> dict[str, str]:
    """Our name -> the letter of its column."""
    return {name: column_letter(index) for name, index in places.items()}


def identity_text(value: Any) -> str:
    """A number in this column has lost its last digits already: it is passed on in the form that says so."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.5E}" if abs(value) >= 1e15 else repr(float(value))
    return str(value)
