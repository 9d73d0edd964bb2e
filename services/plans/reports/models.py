"""Tables of 抽查 (N45): what was drawn from what, the cases, and what was found. Appended, never changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.plans.approval.models import append_only
from services.plans.models import Base
from shared.database import IdType, PathType, UtcDateTime, new_id


class SpotCheck(Base):
    """One draw. The same seed over the same population gives the same cases (`spotchecks.sample`)."""

    __tablename__ = "spot_checks"
    __table_args__ = (Index("ix_spot_checks_owner", "owner_path", "id"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    owner_path: Mapped[str] = mapped_column(PathType)
    """The area for which it was drawn: who reviews there or above sees it."""
    body: Mapped[str] = mapped_column(String(120))
    area_path: Mapped[str] = mapped_column(PathType)
    """Where the cases come from: the area itself, or a part of it."""
    area_name: Mapped[str] = mapped_column(String(120))
    school_year: Mapped[str] = mapped_column(String(9))
    kind: Mapped[str] = mapped_column(String(30))
    """Empty: every kind of submission."""
    seed: Mapped[str] = mapped_column(String(40))
    wanted: Mapped[int] = mapped_column(Integer)
    population: Mapped[int] = mapped_column(Integer)
    """How many there were to draw from."""
    population_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of their ids, sorted, one a line: whoever draws again sees whether it is from the same."""
    purpose: Mapped[str] = mapped_column(Text)
    drawn_by: Mapped[str] = mapped_column(IdType)
    drawn_by_name: Mapped[str] = mapped_column(String(60))
    drawn_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pack_job_id: Mapped[str | None] = mapped_column(IdType)
    """The job that makes the cases' files, or made them last."""

    cases: Mapped[list[SpotCase]] = relationship(order_by="SpotCase.position", back_populates="check")


class SpotCase(Base):
    """One submission that was drawn, and its file (案卷)."""

    __tablename__ = "spot_cases"
    __table_args__ = (UniqueConstraint("check_id", "position"), UniqueConstraint("check_id", "plan_id"))

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    check_id: Mapped[str] = mapped_column(ForeignKey("spot_checks.id"))
    position: Mapped[int] = mapped_column(Integer)
    """Its place in the draw, from 1."""
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), index=True)
    plan_number: Mapped[str] = mapped_column(String(40))
    plan_title: Mapped[str] = mapped_column(String(100))
    unit_name: Mapped[str] = mapped_column(String(120))
    round: Mapped[int] = mapped_column(Integer)
    """Number of the version that was approved when it was drawn."""
    digest: Mapped[str] = mapped_column(String(64))
    pack_sha256: Mapped[str | None] = mapped_column(String(64))
    """The zip in the file store; None: not made yet. An earlier one stays in the store."""
    pack_size: Mapped[int | None] = mapped_column(Integer)
    packed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=0)
    """How many findings were recorded: what whoever records the next one must have seen."""

    check: Mapped[SpotCheck] = relationship(back_populates="cases")
    findings: Mapped[list[SpotFinding]] = relationship(order_by="SpotFinding.number")


class SpotFinding(Base):
    """What somebody found in a case. A later one corrects the one before, which stays."""

    __tablename__ = "spot_findings"
    __table_args__ = (CheckConstraint("verdict IN ('good', 'problem')", name="verdict"),)

    case_id: Mapped[str] = mapped_column(ForeignKey("spot_cases.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    verdict: Mapped[str] = mapped_column(String(10))
    """`good` 合格, or `problem` 问题."""
    text: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(IdType)
    by_name: Mapped[str] = mapped_column(String(60))
    """As the history writes it: 李某（代王某）."""
    unit_path: Mapped[str] = mapped_column(PathType)
    body: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


append_only(SpotFinding)
