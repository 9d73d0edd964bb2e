"""The letter as it is printed before it is stamped (T14).

Its number ties the scan to the request, so identity numbers stand on it masked: a paper goes through many hands.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from services.accounts.intake.models import Letter
from services.accounts.kinds import LetterKind
from services.accounts.models import Unit
from shared.printing import pdf as printing
from shared.printing import qr

_SOURCE = Path(__file__).with_name("paper.typ")


def words(letter: Letter, handler: Unit, public_url: str) -> dict[str, Any]:
    """All that stands on the paper. The QR code opens the page of the upload, with the number filled in."""
    address = f"{public_url}/accounts/letters/status"
    facts = [
        ["申请单位", letter.unit_name],
        ["单位代码", letter.unit_code],
        ["事由", LetterKind(letter.kind).label],
        ["联系电话", letter.contact_phone],
    ]
    if letter.kind == LetterKind.NEW_DISTRICT:
        facts.append(["设立批文文号", ""])
    if letter.follows:
        facts.append(["原函号", letter.follows])
    return {
        "number": letter.number,
        "to": handler.body,
        "facts": facts,
        "asks": [
            [str(place), ask.person_name, ask.identity_masked, ask.rule.title]
            for place, ask in enumerate(letter.asks, start=1)
        ],
        "stamped_by": letter.stamped_by,
        "dated": f"{letter.dated.year} 年 {letter.dated.month} 月 {letter.dated.day} 日",
        "address": address,
        "qr": qr.svg(f"{address}?number={letter.number}"),
    }


def pdf(told: dict[str, Any], printed_at: datetime) -> bytes:
    """The paper on A4. The same words and time give the same bytes."""
    return printing.pdf(_SOURCE, told, printed_at)
