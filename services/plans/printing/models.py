"""The table of printed sheets. A row is never changed: what the plan has become since is asked of the plan."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.plans.models import Base
from shared.database import IdType, UtcDateTime


class PlanSheet(Base):
    """What one verification code stands for: a plan, a version of it, and what the sheet said."""

    __tablename__ = "plan_sheets"
    __table_args__ = (UniqueConstraint("plan_id", "version", "digest"),)

    code: Mapped[str] = mapped_column(String(12), primary_key=True)
    """Without the dashes in which people read it."""
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"))
    version: Mapped[int] = mapped_column(Integer)
    """The plan's round: the number of the frozen version that was printed."""
    digest: Mapped[str] = mapped_column(String(64))
    """Of all that the sheet said, opinions included (`sheet.fingerprint`)."""
    made_by: Mapped[str] = mapped_column(IdType)
    made_by_name: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
