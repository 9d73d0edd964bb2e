"""Tables of submissions. What has been decided is appended and never changed: the last lines of this file see to it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, event
from sqlalchemy.orm import Mapped, Mapper, mapped_column, relationship

from services.plans.approval import content
from services.plans.models import Base
from services.plans.workflow import Status
from shared.database import Hundredths, IdType, JsonType, PathType, UtcDateTime, new_id

_STATUSES = ", ".join(f"'{status.value}'" for status in Status)
_ITEM_KINDS = ", ".join(f"'{kind}'" for kind in content.ITEM_KINDS)


class Plan(Base):
    """One submission: its working copy, and where it stands."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        # Where somebody decides, and only then: a submission is in one queue or in none.
        CheckConstraint(
            "(status = 'under_review') = (reviewing_path IS NOT NULL AND stage IS NOT NULL AND entered_at IS NOT NULL)",
            name="one_queue",
        ),
        Index("ix_plans_queue", "reviewing_path", "reviewing_office", "entered_at", "id"),
        Index("ix_plans_unit", "unit_path", "id"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(30))
    number: Mapped[str] = mapped_column(String(40), unique=True)
    unit_path: Mapped[str] = mapped_column(PathType)
    unit_name: Mapped[str] = mapped_column(String(120))
    unit_kind: Mapped[str] = mapped_column(String(40))
    affiliation: Mapped[str] = mapped_column(String(10))
    """Level of the unit that runs the school: it decides the stages."""
    school_year: Mapped[str] = mapped_column(String(9))
    title: Mapped[str] = mapped_column(String(100))
    aims: Mapped[str] = mapped_column(Text)
    total_hours: Mapped[Decimal] = mapped_column(Hundredths)
    total_credits: Mapped[Decimal] = mapped_column(Hundredths)

    status: Mapped[str] = mapped_column(String(20))
    stage: Mapped[str | None] = mapped_column(String(40))
    reviewing_path: Mapped[str | None] = mapped_column(PathType)
    reviewing_office: Mapped[str | None] = mapped_column(String(40))
    entered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it came to the present stage."""
    return_stage: Mapped[str | None] = mapped_column(String(40))
    route: Mapped[str] = mapped_column(String(60))
    """Key of the route version; fixed by the first submission."""
    round: Mapped[int] = mapped_column(Integer, default=0)
    """How many times it was submitted, which is also the number of the last frozen version."""
    digest: Mapped[str | None] = mapped_column(String(64))
    """Of the last frozen version, like the four that follow: what lists show to everybody but the school."""
    submitted_title: Mapped[str | None] = mapped_column(String(100))
    submitted_year: Mapped[str | None] = mapped_column(String(9))
    submitted_hours: Mapped[Decimal | None] = mapped_column(Hundredths)
    submitted_credits: Mapped[Decimal | None] = mapped_column(Hundredths)
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Counts every change of this row; what `If-Match` compares."""

    created_by: Mapped[str] = mapped_column(IdType)
    created_by_name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    changed_by_name: Mapped[str] = mapped_column(String(60))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_what: Mapped[str] = mapped_column(String(20))
    """The last change: the name of an act, or `edit`; for the sentence that whoever comes too late reads."""
    flags: Mapped[list[str]] = mapped_column(JsonType, default=list)
    """Codes of what the checks found in the last frozen version: the reviewer is told."""

    items: Mapped[list[PlanItem]] = relationship(order_by="PlanItem.position", cascade="all, delete-orphan")
    attachments: Mapped[list[PlanAttachment]] = relationship(order_by="PlanAttachment.uploaded_at, PlanAttachment.id")

    def content(self) -> content.Content:
        """The working copy as it would be submitted now."""
        return content.Content(
            kind=self.kind,
            unit_path=self.unit_path,
            school_year=self.school_year,
            title=self.title,
            aims=self.aims,
            items=tuple(item.content() for item in self.items),
            attachments=tuple(file.content() for file in self.attachments if file.removed_at is None),
        )


class PlanItem(Base):
    """One item of the working copy. Frozen versions keep their own."""

    __tablename__ = "plan_items"
    __table_args__ = (CheckConstraint(f"kind IN ({_ITEM_KINDS})", name="kind"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(String(100))
    hours: Mapped[Decimal] = mapped_column(Hundredths)
    hours_per_credit: Mapped[Decimal] = mapped_column(Hundredths)
    held_from: Mapped[date | None] = mapped_column(Date)
    held_to: Mapped[date | None] = mapped_column(Date)
    responsible: Mapped[str] = mapped_column(String(60))
    assessment: Mapped[str] = mapped_column(Text)
    records: Mapped[str] = mapped_column(Text)

    def content(self) -> content.Item:
        """The item as plain value."""
        return content.Item(
            id=self.id,
            kind=self.kind,
            title=self.title,
            hours=self.hours,
            hours_per_credit=self.hours_per_credit,
            held_from=self.held_from,
            held_to=self.held_to,
            responsible=self.responsible,
            assessment=self.assessment,
            records=self.records,
        )


class PlanAttachment(Base):
    """A file of a plan. Taken out of the working copy it stays, since frozen versions may show it."""

    __tablename__ = "plan_attachments"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    uploaded_by_name: Mapped[str] = mapped_column(String(60))
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def content(self) -> content.Attachment:
        """The file as plain value."""
        return content.Attachment(
            id=self.id, name=self.name, media_type=self.media_type, size=self.size, sha256=self.sha256
        )


class PlanVersion(Base):
    """The content as it was submitted, for ever."""

    __tablename__ = "plan_versions"

    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[dict[str, Any]] = mapped_column(JsonType)
    digest: Mapped[str] = mapped_column(String(64))
    submitted_by: Mapped[str] = mapped_column(IdType)
    submitted_by_name: Mapped[str] = mapped_column(String(60))
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PlanAuthor(Base):
    """Somebody who drafted, edited or submitted a plan, and therefore never approves it (T11)."""

    __tablename__ = "plan_authors"
    __table_args__ = (Index("ix_plan_authors_person_id", "plan_id", "person_id"),)

    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    person_id: Mapped[str | None] = mapped_column(IdType)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class PlanLine(Base):
    """One act in a plan's history (办理过程)."""

    __tablename__ = "plan_history"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), index=True)
    act: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_account: Mapped[str] = mapped_column(IdType)
    actor_name: Mapped[str] = mapped_column(String(60))
    unit_path: Mapped[str] = mapped_column(PathType)
    """The area for which the actor acted."""
    body: Mapped[str] = mapped_column(String(120))
    """The body that acted, in full: bureau, training school, school."""
    stage: Mapped[str | None] = mapped_column(String(40))
    """Stage at which the plan was; None: it was with the school."""
    from_status: Mapped[str] = mapped_column(String(20))
    to_status: Mapped[str] = mapped_column(String(20))
    to_stage: Mapped[str | None] = mapped_column(String(40))
    opinion: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(200))
    """Where it went, as people read it."""
    round: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str | None] = mapped_column(String(64))
    """Of the version to which the act refers: the one numbered `round`. None: nothing was submitted yet."""

    points: Mapped[list[PlanPoint]] = relationship(order_by="PlanPoint.number")


class PlanPoint(Base):
    """One numbered point of a return, tied to a place of the version that it speaks of (N1)."""

    __tablename__ = "plan_points"

    line_id: Mapped[str] = mapped_column(ForeignKey("plan_history.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    section: Mapped[str] = mapped_column(String(20))
    field: Mapped[str] = mapped_column(String(80))
    place: Mapped[str] = mapped_column(String(200))
    """The place as people read it, at that time."""
    text: Mapped[str] = mapped_column(Text)
    must: Mapped[bool] = mapped_column(Boolean)
    """必须修改, otherwise 建议."""


def _refuse(mapper: Mapper[Any], connection: Any, target: Any) -> None:
    raise RuntimeError(f"{type(target).__name__} is append-only: write a new line instead")


for _kept in (PlanVersion, PlanLine, PlanPoint):
    event.listen(_kept, "before_update", _refuse)
    event.listen(_kept, "before_delete", _refuse)
