"""Why two sides of an audit do not agree, as a pure rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.credits.deliveries.models import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """What plans says of an audit."""

    known: bool
    revoked: bool
    results: int
    digest: str
    answered: int
    credits: Decimal
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What the ledger has of it."""

    posted: int = 0
    standing: int = 0
    """Lines that are not countered."""
    digest: str = ""
    credits: Decimal = Decimal("0.0")
    parked: int = 0
    unknown: int = 0
    adjusted: bool = False
    """Whether new rules have changed what stands (N5): plans was told of the sum before."""
    received_at: datetime | None = None
    recorded_at: datetime | None = None


def cause(there: There, here: Here) -> Cause | None:
    """The first cause of a difference, or None."""
    if not there.known:
        return Cause.SURPLUS if here.posted else None
    if here.parked:
        return Cause.PARKED
    if there.revoked:
        return Cause.NOT_COUNTERED if here.standing else None
    if here.posted == 0 and there.results:
        return Cause.NOT_ARRIVED
    if here.posted < there.results:
        return Cause.FEWER_LINES
    if here.posted > there.results or here.digest != there.digest:
        return Cause.OTHER_RESULTS
    # What has been entered since plans spoke, it could not have been answered for.
    if here.recorded_at is not None and here.recorded_at <= there.told_at:
        if there.answered < there.results:
            return Cause.UNANSWERED
        if not here.adjusted and there.credits != here.credits:
            return Cause.AMOUNT
    return Cause.UNKNOWN_PERSON if here.unknown else None
