"""A certificate or a statement as PDF. Pure: bytes from values."""

from __future__ import annotations

from pathlib import Path

from services.credits.certificates import wording
from services.credits.certificates.models import CreditPaper
from shared.printing import pdf as paper
from shared.printing.codes import grouped

_SOURCE = Path(__file__).with_name("paper.typ")


def pdf(row: CreditPaper) -> bytes:
    """The paper on A4: the words that were kept, so that the same code gives the same bytes."""
    return paper.pdf(_SOURCE, wording.with_code(row.words, row.code), row.made_at)


def file_name(row: CreditPaper) -> str:
    """What the file is called where it is saved."""
    return f"{row.words['heading']}-{row.words['name']}-{grouped(row.code)}.pdf"
