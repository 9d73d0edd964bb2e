"""A sheet as PDF. Pure: bytes from values."""

from __future__ import annotations

from pathlib import Path

from services.plans.printing.sheet import Sheet
from shared.printing import pdf as paper
from shared.printing.qr import verification

_SOURCE = Path(__file__).with_name("sheet.typ")


def pdf(sheet: Sheet) -> bytes:
    """The sheet on A4. The same sheet gives the same bytes; `printed_at` is the file's date."""
    words = {**sheet.layout(), "qr": verification(sheet.verify_url, sheet.code)}
    return paper.pdf(_SOURCE, words, sheet.printed_at)
