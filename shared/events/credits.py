"""What credits tells: what an audit came to, so that the roster can show 已计入."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from shared.events.base import Event


@dataclass(frozen=True, kw_only=True)
class RecordedResult:
    """What one result came to."""

    result_id: str
    person_id: str
    credits: Decimal
    """Credits that now stand for this result: the conversion, or 0 after a revocation. Caps are not applied here."""
    explanation: str
    """The sentence of the ledger line, in Chinese."""


@dataclass(frozen=True, kw_only=True)
class CreditsRecorded(Event):
    """The ledger has taken in one chunk of an audit, or its revocation."""

    name = "credits.credits_recorded.v1"
    aggregate = ("audit_credits", "audit_id")
    audit_id: str
    chunk: int
    revoked: bool
    received_at: datetime
    recorded_at: datetime
    results: list[RecordedResult]
