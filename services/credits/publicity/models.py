"""Tables of what is 公示中: beside the ledger, so that no sum over the ledger can ever contain it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.credits.models import Base
from shared.database import Hundredths, IdType, JsonType, UtcDateTime


class PublicAudit(Base):
    """An audit whose results are, or were, 公示中."""

    __tablename__ = "public_audits"

    audit_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    project_id: Mapped[str] = mapped_column(IdType)
    facts: Mapped[dict[str, Any]] = mapped_column(JsonType)
    """`shared.events.plans.ProjectFacts` as JSON, as it was when the period began."""
    audited_by: Mapped[str] = mapped_column(IdType)
    audited_at: Mapped[datetime] = mapped_column(UtcDateTime)
    public_until: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the audit was taken back; None: it stands, and its results may meanwhile be final."""
    ended_by_name: Mapped[str | None] = mapped_column(String(60))
    ended_reason: Mapped[str | None] = mapped_column(Text)


class PublicResult(Base):
    """One person's result in such an audit."""

    __tablename__ = "public_results"
    __table_args__ = (Index("ix_public_results_person_id", "person_id", "result_id", "attempt"),)

    result_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    audit_id: Mapped[str] = mapped_column(ForeignKey("public_audits.audit_id"))
    person_id: Mapped[str] = mapped_column(IdType)
    hours: Mapped[Decimal] = mapped_column(Hundredths)
    passed: Mapped[bool] = mapped_column(Boolean)
    entered_by: Mapped[str] = mapped_column(IdType)

    audit: Mapped[PublicAudit] = relationship(lazy="raise")
