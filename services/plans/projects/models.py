"""Tables of training projects: the project, uploaded rosters, one result per person, and the audits of results."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.plans.models import Base
from shared.database import Hundredths, IdType, JsonType, PathType, UtcDateTime, new_id


class ResultState(StrEnum):
    """Where one person's result stands (policy 2.3)."""

    ENTERED = "entered"
    AUDITED = "audited"
    AUDIT_REVOKED = "audit_revoked"


RESULT_TITLES = {
    ResultState.ENTERED: "待审核",
    ResultState.AUDITED: "已审核",
    ResultState.AUDIT_REVOKED: "已取消审核",
}
UNAUDITED = (ResultState.ENTERED.value, ResultState.AUDIT_REVOKED.value)
"""States from which a result is audited, and in which an import may change it."""


class CreditsState(StrEnum):
    """Whether credits has taken the result in (N8)."""

    NONE = "none"
    SENT = "sent"
    RECORDED = "recorded"


CREDITS_TITLES = {CreditsState.NONE: "—", CreditsState.SENT: "已送出", CreditsState.RECORDED: "已计入"}


def _one_of(values: type[StrEnum]) -> str:
    return ", ".join(f"'{value.value}'" for value in values)


class Project(Base):
    """One training, as published. Category and conversion were chosen at publication, with a preview (F1)."""

    __tablename__ = "projects"
    __table_args__ = (
        CheckConstraint("status IN ('published')", name="status"),
        Index("ix_projects_authority", "authority_path", "id"),
        Index("ix_projects_organizer", "organizer_path", "id"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    title: Mapped[str] = mapped_column(String(100))
    category: Mapped[str] = mapped_column(String(40))
    level: Mapped[str] = mapped_column(String(20))
    """Training level: `national`, `provincial`, `district`, `county`, `school`."""
    mode: Mapped[str] = mapped_column(String(20))
    convert: Mapped[bool] = mapped_column(Boolean)
    """折算: without it an audit gives no credits (FAQ-Q1)."""
    hours: Mapped[Decimal] = mapped_column(Hundredths)
    hours_per_credit: Mapped[Decimal | None] = mapped_column(Hundredths)
    """The approved plan's own rate (FAQ-Q10); None: the edition's."""
    school_year: Mapped[str] = mapped_column(String(9))
    held_from: Mapped[date] = mapped_column(Date)
    held_to: Mapped[date] = mapped_column(Date)
    organizer_path: Mapped[str] = mapped_column(PathType)
    organizer_name: Mapped[str] = mapped_column(String(120))
    authority_path: Mapped[str] = mapped_column(PathType)
    """The authority that audits: nearest above a school, the authority itself, or the one a provider works for."""
    authority_name: Mapped[str] = mapped_column(String(120))
    area_path: Mapped[str] = mapped_column(PathType)
    """Whose teachers may take part: the school's, or the authority's."""
    plan_id: Mapped[str | None] = mapped_column(ForeignKey("plans.id"), index=True)
    plan_number: Mapped[str | None] = mapped_column(String(40))
    plan_item_id: Mapped[str | None] = mapped_column(IdType)
    plan_item_title: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="published")
    published_by: Mapped[str] = mapped_column(IdType)
    published_by_person: Mapped[str | None] = mapped_column(IdType)
    published_by_name: Mapped[str] = mapped_column(String(60))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RosterUpload(Base):
    """A roster file as it was uploaded, what its check found, and what its import did."""

    __tablename__ = "roster_uploads"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    report: Mapped[dict[str, Any]] = mapped_column(JsonType)
    """`{rows, good, errors: [{row, cell, column, heading, message}]}`; errors are cut off after the first thousand."""
    uploaded_by: Mapped[str] = mapped_column(IdType)
    uploaded_by_person: Mapped[str | None] = mapped_column(IdType)
    uploaded_by_name: Mapped[str] = mapped_column(String(60))
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    job_id: Mapped[str | None] = mapped_column(IdType)
    imported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Result(Base):
    """One person's result in one project. The identity number itself is not kept, only its keyed hash."""

    __tablename__ = "results"
    __table_args__ = (
        UniqueConstraint("project_id", "person_id"),
        CheckConstraint(f"state IN ({_one_of(ResultState)})", name="state"),
        CheckConstraint(f"credits_state IN ({_one_of(CreditsState)})", name="credits_state"),
        Index("ix_results_list", "project_id", "position", "id"),
        Index("ix_results_state", "project_id", "state"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    position: Mapped[int] = mapped_column(Integer)
    """Row in the file that brought it last."""
    person_id: Mapped[str] = mapped_column(IdType)
    identity_hash: Mapped[str] = mapped_column(String(64))
    masked_identity: Mapped[str] = mapped_column(String(18))
    name: Mapped[str] = mapped_column(String(60))
    hours: Mapped[Decimal] = mapped_column(Hundredths)
    passed: Mapped[bool] = mapped_column(Boolean)
    note: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20), default=ResultState.ENTERED.value)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    """How many times it has been audited."""
    audit_id: Mapped[str | None] = mapped_column(ForeignKey("audits.id"), index=True)
    """The last audit."""
    entered_by: Mapped[str] = mapped_column(IdType)
    entered_by_person: Mapped[str | None] = mapped_column(IdType)
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    upload_id: Mapped[str] = mapped_column(ForeignKey("roster_uploads.id"), index=True)
    credits: Mapped[Decimal | None] = mapped_column(Hundredths)
    """What credits says it came to; None until it says so."""
    credits_state: Mapped[str] = mapped_column(String(10), default=CreditsState.NONE.value)
    explanation: Mapped[str | None] = mapped_column(Text)


class Audit(Base):
    """One audit of all results that waited for it, and whether it was taken back."""

    __tablename__ = "audits"
    __table_args__ = (UniqueConstraint("project_id", "number"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int] = mapped_column(Integer)
    """第几次审核 of the project."""
    count: Mapped[int] = mapped_column(Integer)
    chunks: Mapped[int] = mapped_column(Integer)
    audited_by: Mapped[str] = mapped_column(IdType)
    audited_by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    audited_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_by_name: Mapped[str | None] = mapped_column(String(60))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(500))
