"""Tables of submissions: the working copy and where it stands, its items and files, and its frozen versions."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, event, inspect, text
from sqlalchemy.orm import Mapped, Mapper, mapped_column, relationship

from services.plans import claims
from services.plans.approval import content
from services.plans.models import Base
from services.plans.workflow import Pending, Status
from shared.database import PATHS, Hundredths, IdType, JsonType, PathType, UtcDateTime, new_id

_STATUSES = ", ".join(f"'{status.value}'" for status in Status)
_PENDING = ", ".join(f"'{pending.value}'" for pending in Pending)
_ITEM_KINDS = ", ".join(f"'{kind}'" for kind in content.ITEM_KINDS)


class Plan(Base):
    """One submission: its working copy, and where it stands."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        CheckConstraint(f"pending IN ({_PENDING})", name="pending"),
        # Where somebody decides, and only then: a submission is in one queue or in none.
        CheckConstraint(
            "(status = 'under_review' OR (status = 'approved' AND pending IS NOT NULL))"
            " = (reviewing_path IS NOT NULL AND stage IS NOT NULL AND entered_at IS NOT NULL)",
            name="one_queue",
        ),
        # The order of a queue, all that says whose turn it is, and what it is filtered by: what waits is counted
        # without reading the table.
        Index(
            "ix_plans_waiting",
            "reviewing_path",
            "reviewing_office",
            "entered_at",
            "id",
            postgresql_include=[
                "pending",
                "due_at",
                "warn_at",
                "claimed_at",
                "assignee_id",
                "unit_path",
                "kind",
                "status",
                "unit_kind",
                "submitted_year",
                "round",
                "claimed_by",
                "flags",
            ],
            postgresql_where=text("reviewing_path IS NOT NULL"),
            sqlite_where=text("reviewing_path IS NOT NULL"),
        ),
        Index("ix_plans_pending", "pending", "reviewing_path"),
        Index("ix_plans_returned", "returned_by_path", "status", "id"),
        Index("ix_plans_due", "due_at", "id"),
        Index("ix_plans_unit", "unit_path", "id"),
        Index("ix_plans_year", "unit_path", "kind", "submitted_year"),
        Index("ix_plans_submitted", "submitted_year", "unit_path"),
        Index(
            "ix_plans_person",
            "person_id",
            "id",
            postgresql_where=text("person_id IS NOT NULL"),
            sqlite_where=text("person_id IS NOT NULL"),
        ),
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
    covers: Mapped[list[dict[str, str]]] = mapped_column(JsonType, default=list, info=PATHS)
    """Joint plan: `[{unit_path, name, kind}]` of the further units."""
    forecast: Mapped[dict[str, Any] | None] = mapped_column(JsonType)
    """Fallback scheme: `{teachers, shortfall, basis}`."""
    claim: Mapped[dict[str, Any] | None] = mapped_column(JsonType)
    """Claim: `claims.Claim` as JSON."""
    person_id: Mapped[str | None] = mapped_column(IdType)
    """Claim: the teacher for whom it is; she sees it, and never decides it."""
    amends_id: Mapped[str | None] = mapped_column(ForeignKey("plans.id"), index=True)
    """The approved submission that this one is to replace."""
    superseded_by_id: Mapped[str | None] = mapped_column(IdType)
    """The approved amendment that has replaced it."""
    total_hours: Mapped[Decimal] = mapped_column(Hundredths)
    total_credits: Mapped[Decimal] = mapped_column(Hundredths)

    status: Mapped[str] = mapped_column(String(20))
    stage: Mapped[str | None] = mapped_column(String(40))
    reviewing_path: Mapped[str | None] = mapped_column(PathType)
    reviewing_office: Mapped[str | None] = mapped_column(String(40))
    entered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it came to the present stage."""
    pending: Mapped[str | None] = mapped_column(String(20))
    """For whose word it waits besides (`workflow.Pending`)."""
    policy_category: Mapped[str | None] = mapped_column(String(40), index=True)
    """The question that is pending with the province, while it is parked."""
    returned_by_path: Mapped[str | None] = mapped_column(PathType)
    """Unit that returned it, while the school mends it."""
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When whoever has it now first opened it."""
    assignee_id: Mapped[str | None] = mapped_column(IdType)
    """Account to which it was handed (转办); None: whoever is in post."""
    assignee_name: Mapped[str | None] = mapped_column(String(60))
    claimed_by: Mapped[str | None] = mapped_column(IdType)
    """Who is working on it (处理中): a hint for colleagues, never a lock."""
    claimed_by_name: Mapped[str | None] = mapped_column(String(60))
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """End of the limit; None while the clock stands or the year has no calendar. Derived: the history says the same."""
    warn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """From then on two working days are left (黄灯)."""
    overdue_told: Mapped[bool] = mapped_column(Boolean, default=False)
    """The level above has been told of this visit."""
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
    """Codes of what the checks found, each as often as it was found."""
    """Codes of what the checks found in the last frozen version: the reviewer is told."""

    items: Mapped[list[PlanItem]] = relationship(order_by="PlanItem.position", cascade="all, delete-orphan")
    attachments: Mapped[list[PlanAttachment]] = relationship(order_by="PlanAttachment.uploaded_at, PlanAttachment.id")
    present: Mapped[PlanVersion | None] = relationship(
        primaryjoin="and_(Plan.id == foreign(PlanVersion.plan_id), Plan.round == foreign(PlanVersion.number))",
        viewonly=True,
        lazy="raise",
    )
    """The last frozen version, where it was read with the row: the session then has it at hand."""

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
            covers=tuple(content.Cover(**cover) for cover in self.covers or ()),
            forecast=content.forecast_of(self.forecast),
            claim=claims.load(self.claim),
        )


class PlanItem(Base):
    """One item of the working copy. Frozen versions keep their own."""

    __tablename__ = "plan_items"
    __table_args__ = (CheckConstraint(f"kind IN ({_ITEM_KINDS})", name="kind"),)

    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    """Unique in its plan: a copy (amendment, next year's) keeps the ids, so that the two can be compared."""
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(String(100))
    level: Mapped[str] = mapped_column(String(20), default="")
    hours: Mapped[Decimal] = mapped_column(Hundredths)
    hours_per_credit: Mapped[Decimal] = mapped_column(Hundredths)
    held_from: Mapped[date | None] = mapped_column(Date)
    held_to: Mapped[date | None] = mapped_column(Date)
    audience: Mapped[str] = mapped_column(String(100), default="")
    responsible: Mapped[str] = mapped_column(String(60))
    assessment: Mapped[str] = mapped_column(Text)
    records: Mapped[str] = mapped_column(Text)

    def content(self) -> content.Item:
        """The item as plain value."""
        return content.Item(id=self.id, **{name: getattr(self, name) for name in content.ITEM_FIELDS})


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
    __table_args__ = (
        Index("ix_plan_authors_account", "account_id", "plan_id"),
        Index("ix_plan_authors_person", "person_id", "plan_id"),
    )

    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    person_id: Mapped[str | None] = mapped_column(IdType)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class TypedDraft(Base):
    """What somebody typed into the form and has not saved: kept every few seconds, given back later (T9)."""

    __tablename__ = "typed_drafts"

    account_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    """The plan's id, or `new:<kind>`."""
    form: Mapped[dict[str, Any]] = mapped_column(JsonType)
    version: Mapped[int | None] = mapped_column(Integer)
    """The plan's version on which it was typed."""
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)


def append_only(*models: type[Base]) -> None:
    """Rows of these tables are neither changed nor deleted."""
    for model in models:
        event.listen(model, "before_update", _refuse_change)
        event.listen(model, "before_delete", _refuse)


def _refuse_change(mapper: Mapper[Any], connection: Any, target: Any) -> None:
    # A row that only gained something that hangs on it, as a point its answer, has not changed.
    state = inspect(target)
    if any(state.attrs[column.key].history.has_changes() for column in mapper.column_attrs):
        _refuse(mapper, connection, target)


def _refuse(mapper: Mapper[Any], connection: Any, target: Any) -> None:
    raise RuntimeError(f"{type(target).__name__} is append-only: write a new line instead")


append_only(PlanVersion)
