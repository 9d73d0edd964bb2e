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
    """Credits that now stand for this result: the conversion, or 0 after a revocation. Caps are not applied here.
    Of what came when its cycle was closed: what stands without it, and `explanation` says so."""
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


@dataclass(frozen=True, kw_only=True)
class ForecastMade(Event):
    """A county foretells who cannot reach the credits, and wants a fallback scheme (FAQ-Q11): plans drafts it.

    The list travels with it, for the two services share no files: some 60 bytes for each teacher.
    """

    name = "credits.forecast_made.v1"
    aggregate = ("forecast", "forecast_id")
    forecast_id: str
    unit_path: str
    school_year: str
    teachers: int
    shortfall: Decimal
    """Credits that they lack together."""
    basis: str
    """In Chinese: as of when, and what was assumed."""
    made_by: str
    made_by_person: str | None
    made_by_name: str
    made_at: datetime
    file_name: str
    workbook: str
    """The list of names as an Excel workbook, in base64."""


@dataclass(frozen=True, kw_only=True)
class RedeliveryWanted(Event):
    """Somebody who looks after credits asks plans to send everything about an audit again (重新送达).

    Safe to ask twice: plans leaves a minute between two times, and credits drops what it has.
    """

    name = "credits.redelivery_wanted.v1"
    aggregate = ("redelivery", "audit_id")
    audit_id: str
    asked_by: str
    asked_by_name: str
    body: str
    unit_path: str
    asked_at: datetime
