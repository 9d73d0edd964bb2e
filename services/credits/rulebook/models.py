"""The tables of changes of the rules: drafts, what was done to them, and whom a preview found changed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.credits.models import Base
from shared.database import Hundredths, IdType, JsonType, PathType, UtcDateTime, new_id

DRAFT, PUBLISHED, DISCARDED = "draft", "published", "discarded"


class EditionDraft(Base):
    """A copy of an edition on which the provincial office works."""

    __tablename__ = "edition_drafts"
    __table_args__ = (CheckConstraint("state IN ('draft', 'published', 'discarded')", name="state"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    state: Mapped[str] = mapped_column(String(10), default=DRAFT)
    copied_from: Mapped[str] = mapped_column(String(40))
    after: Mapped[int] = mapped_column(Integer)
    """Number of the newest published edition when it was copied; 0: there was none."""
    title: Mapped[str] = mapped_column(String(60), default="")
    document: Mapped[str] = mapped_column(String(80), default="")
    effective_from: Mapped[date | None] = mapped_column(Date)
    reach: Mapped[str] = mapped_column(String(20), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    figures: Mapped[dict[str, dict[str, str]]] = mapped_column(JsonType, default=dict)
    """Key -> value, grade, source, of what is changed (see `figures.py`)."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    changed_by: Mapped[str] = mapped_column(IdType)
    changed_by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    preview_job_id: Mapped[str | None] = mapped_column(IdType)
    previewed_version: Mapped[int] = mapped_column(Integer, default=0)
    """The version that `preview` is of; 0: there is none."""
    preview: Mapped[dict[str, Any] | None] = mapped_column(JsonType)
    """Totals and areas, see `preview.py`."""
    previewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class EditionAct(Base):
    """One thing that was done to a draft."""

    __tablename__ = "edition_acts"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    draft_id: Mapped[str] = mapped_column(IdType, ForeignKey("edition_drafts.id"), index=True)
    version: Mapped[int] = mapped_column(Integer)
    act: Mapped[str] = mapped_column(String(10))
    """`copy`, `save`, `preview`, `publish` or `discard`."""
    by: Mapped[str] = mapped_column(IdType)
    by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    text: Mapped[str] = mapped_column(Text, default="")


class PreviewedPerson(Base):
    """Somebody whose standing a draft changes: all whose status becomes another, and samples of the others."""

    __tablename__ = "previewed_people"
    __table_args__ = (Index("ix_previewed_people_list", "draft_id", "change", "person_id"),)

    draft_id: Mapped[str] = mapped_column(IdType, ForeignKey("edition_drafts.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    area_path: Mapped[str] = mapped_column(PathType)
    change: Mapped[str] = mapped_column(String(10))
    """`met`, `unmet`, `other` (another status) or `credits` (only the sums)."""
    sample: Mapped[bool] = mapped_column(Boolean)
    status_before: Mapped[str] = mapped_column(String(20))
    status_after: Mapped[str] = mapped_column(String(20))
    coordinated_before: Mapped[Decimal] = mapped_column(Hundredths)
    coordinated_after: Mapped[Decimal] = mapped_column(Hundredths)
    self_organized_before: Mapped[Decimal] = mapped_column(Hundredths)
    self_organized_after: Mapped[Decimal] = mapped_column(Hundredths)
