"""The table of audits as both sides know them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Boolean, Date, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from services.credits.models import Base
from shared.database import Hundredths, IdType, PathType, UtcDateTime


class Cause(StrEnum):
    """Why the two sides do not agree; of several the first in this order."""

    SURPLUS = "surplus"
    """Lines of an audit that plans does not know."""
    PARKED = "parked"
    """A message has arrived and cannot be applied yet."""
    NOT_COUNTERED = "not_countered"
    """Taken back there, and still counting here."""
    NOT_ARRIVED = "not_arrived"
    FEWER_LINES = "fewer_lines"
    OTHER_RESULTS = "other_results"
    """As many lines or more, of other results or attempts."""
    UNANSWERED = "unanswered"
    """Entered here, and the answer has not reached plans."""
    AMOUNT = "amount"
    """Plans was told of another sum than the ledger has."""
    UNKNOWN_PERSON = "unknown_person"
    """Entered, and waits for somebody to be registered."""


class AuditDelivery(Base):
    """One audit: what plans last said of it, and what was found here when they were last compared."""

    __tablename__ = "audit_deliveries"
    __table_args__ = (
        Index("ix_audit_deliveries_organizer_path", "organizer_path", "audited_at", "audit_id"),
        Index("ix_audit_deliveries_cause", "cause", "organizer_path", "audit_id"),
        Index("ix_audit_deliveries_day", "day", "audit_id"),
    )

    audit_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    project_id: Mapped[str] = mapped_column(IdType)
    project_number: Mapped[str] = mapped_column(String(40))
    project_title: Mapped[str] = mapped_column(String(200))
    organizer_path: Mapped[str] = mapped_column(PathType)
    organizer_name: Mapped[str] = mapped_column(String(120))
    day: Mapped[date] = mapped_column(Date)
    audited_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: plans does not know the audit."""
    revoked: Mapped[bool] = mapped_column(Boolean)
    sent: Mapped[int] = mapped_column(Integer)
    """Results in the audit."""
    digest: Mapped[str] = mapped_column(String(64))
    answered: Mapped[int] = mapped_column(Integer)
    answered_credits: Mapped[Decimal] = mapped_column(Hundredths)
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When plans said so."""
    received_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the first message with results arrived here."""
    recorded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the last line was entered."""
    posted: Mapped[int] = mapped_column(Integer, default=0)
    """Results with a line."""
    parked: Mapped[int] = mapped_column(Integer, default=0)
    """Messages about it that wait here."""
    unregistered: Mapped[int] = mapped_column(Integer, default=0)
    """Lines of people who are not in the register."""
    credits: Mapped[Decimal] = mapped_column(Hundredths, default=Decimal("0.0"))
    """What stands in the ledger, before any ceiling."""
    cause: Mapped[str | None] = mapped_column(String(20))
    """A `Cause`; None: both sides agree."""
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When plans was last asked to send it again."""
    asked_by_name: Mapped[str | None] = mapped_column(String(60))
