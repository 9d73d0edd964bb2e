"""Tables of training projects: project, seats, history, uploaded rosters, one result per person, audits of results."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.orm import Mapped, Mapper, mapped_column, relationship

from services.plans.categories import GENERAL
from services.plans.models import Base
from shared.database import PATHS, Hundredths, IdType, JsonType, PathType, UtcDateTime, new_id


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


class ProjectStatus(StrEnum):
    """Whether a project is open (T8): deleted while it had no results, or declared void with a reason."""

    PUBLISHED = "published"
    DELETED = "deleted"
    VOIDED = "voided"


STATUS_TITLES = {
    ProjectStatus.PUBLISHED: "已发布",
    ProjectStatus.DELETED: "已删除",
    ProjectStatus.VOIDED: "已作废",
}


def _one_of(values: type[StrEnum]) -> str:
    return ", ".join(f"'{value.value}'" for value in values)


class Project(Base):
    """One training, as published. Category and conversion were chosen at publication, with a preview (F1)."""

    __tablename__ = "projects"
    __table_args__ = (
        CheckConstraint(f"status IN ({_one_of(ProjectStatus)})", name="status"),
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
    covers: Mapped[list[str]] = mapped_column(JsonType, default=list, info=PATHS)
    """Paths of village schools that the joint plan covers: their teachers take part as well."""
    stages: Mapped[list[str]] = mapped_column(JsonType, default=list)
    """School stages that the training is for, as in the register (FAQ-Q19); none: all."""
    subjects: Mapped[list[str]] = mapped_column(JsonType, default=list)
    """Subjects that it is for; none: all."""
    programme: Mapped[str] = mapped_column(String(20), default=GENERAL, server_default=GENERAL)
    """A key of `categories.PROGRAMMES`: `general`, or what a county may convert otherwise (R-25)."""
    publicity_days: Mapped[int] = mapped_column(Integer, default=0)
    """Working days of 公示 between an audit and its credits (N46)."""
    status: Mapped[str] = mapped_column(String(20), default=ProjectStatus.PUBLISHED.value)
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Raised by every act that changes it, so that who comes second sees it (`history.require_version`)."""
    correction: Mapped[int] = mapped_column(Integer, default=0)
    """How many times category or conversion were corrected (N6)."""
    published_by: Mapped[str] = mapped_column(IdType)
    published_by_person: Mapped[str | None] = mapped_column(IdType)
    published_by_name: Mapped[str] = mapped_column(String(60))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)

    quotas: Mapped[list[Quota]] = relationship(order_by="Quota.unit_path")


class Quota(Base):
    """Seats of a project for one unit and everything under it (名额)."""

    __tablename__ = "project_quotas"
    __table_args__ = (CheckConstraint("seats > 0", name="seats"),)

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    unit_path: Mapped[str] = mapped_column(PathType, primary_key=True)
    unit_name: Mapped[str] = mapped_column(String(120))
    seats: Mapped[int] = mapped_column(Integer)


class ProjectLine(Base):
    """One act in a project's history: who, for which unit, when, why. Append-only."""

    __tablename__ = "project_history"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    act: Mapped[str] = mapped_column(String(20))
    """A key of `history.ACTS`."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_account: Mapped[str] = mapped_column(IdType)
    actor_name: Mapped[str] = mapped_column(String(60))
    unit_path: Mapped[str | None] = mapped_column(PathType)
    """The area for which the actor acted; None: the system did."""
    body: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(500))
    """What came of it, as people read it."""
    details: Mapped[dict[str, Any]] = mapped_column(JsonType)
    """What a program may want to know, for example `{"before": {…}, "after": {…}}` of a correction."""


class RosterUpload(Base):
    """A roster file as it was uploaded, what its check found, and what its import did."""

    __tablename__ = "roster_uploads"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    check_job_id: Mapped[str | None] = mapped_column(IdType)
    """The job that checks it; None: it was short, and checked at once."""
    report: Mapped[dict[str, Any] | None] = mapped_column(JsonType)
    """`roster.Roster.report()`: errors and warnings, each cut off after the first thousand; None: not checked yet."""
    error_rows_sha256: Mapped[str | None] = mapped_column(String(64))
    """The workbook of the rows with errors, as it is downloaded; None: there are none."""
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
        # What a teacher has no credits of yet (B13): few of her results, and few of all.
        Index(
            "ix_results_on_the_way",
            "person_id",
            "id",
            postgresql_where=text("credits_state <> 'recorded' OR state <> 'audited'"),
            sqlite_where=text("credits_state <> 'recorded' OR state <> 'audited'"),
        ),
        # What the delivery page looks for: few rows of a large table, and none on a good day (N8).
        Index(
            "ix_results_unanswered",
            "audit_id",
            postgresql_where=text("credits_state = 'sent'"),
            sqlite_where=text("credits_state = 'sent'"),
        ),
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
    attendance: Mapped[str | None] = mapped_column(String(20))
    """`全勤` or a percentage, as the roster said it; None: it did not."""
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
    received_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When credits had the message that it answered last (已送达, N8)."""
    recorded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When credits had entered it."""


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
    """Messages in which credits was told; 0 until then."""
    audited_by: Mapped[str] = mapped_column(IdType)
    audited_by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    audited_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_by_name: Mapped[str | None] = mapped_column(String(60))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(500))
    public_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """End of the 公示 (N46); None: there was none."""
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the results were final and told to credits; None: 公示中, or taken back during it."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the last message about it was written into the outbox; None: credits knows nothing of it."""
    event_ids: Mapped[list[str]] = mapped_column(JsonType, default=list)
    """Every message about it, in order, so that they can be sent again (N8)."""


def _refuse(mapper: Mapper[Any], connection: Any, target: Any) -> None:
    raise RuntimeError(f"{type(target).__name__} is append-only: write a new line instead")


for _moment in ("before_update", "before_delete"):
    event.listen(ProjectLine, _moment, _refuse)
