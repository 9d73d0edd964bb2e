"""Tables of what happened to a submission: history, points and answers, requests to people. Appended, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.plans.approval.models import append_only
from services.plans.models import Base
from shared.database import IdType, JsonType, PathType, UtcDateTime, new_id


class PlanLine(Base):
    """One act in a plan's history (办理过程)."""

    __tablename__ = "plan_history"
    __table_args__ = (
        Index("ix_plan_history_plan_id", "plan_id", "id"),
        Index("ix_plan_history_decided", "actor_account", "act", "unit_path", "at", "plan_id"),
        Index("ix_plan_history_unit", "unit_path", "id"),
        # The board (N28): a year's decisions lie together, and are summed up without reading the table.
        Index(
            "ix_plan_history_board",
            "school_year",
            "region_path",
            "plan_id",
            "id",
            postgresql_include=["plan_kind", "act", "stage", "to_status", "in_time", "took_minutes"],
            postgresql_where=text("region_path IS NOT NULL"),
            sqlite_where=text("region_path IS NOT NULL"),
        ),
        Index(
            "ix_plan_history_strikes",
            "strikes_id",
            postgresql_include=["act"],
            postgresql_where=text("strikes_id IS NOT NULL"),
            sqlite_where=text("strikes_id IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"))
    act: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_account: Mapped[str] = mapped_column(IdType)
    actor_person: Mapped[str | None] = mapped_column(IdType)
    actor_name: Mapped[str] = mapped_column(String(60))
    for_name: Mapped[str] = mapped_column(String(60), default="")
    """For whom a deputy acted: 李某（代王某）."""
    for_account: Mapped[str | None] = mapped_column(IdType)
    unit_path: Mapped[str] = mapped_column(PathType)
    """The area for which the actor acted."""
    body: Mapped[str] = mapped_column(String(120))
    """The body that acted, in full: bureau, training school, school."""
    stage: Mapped[str | None] = mapped_column(String(40))
    """Stage at which the plan was, for acts of a stage; None: an act of the school."""
    from_status: Mapped[str] = mapped_column(String(20))
    to_status: Mapped[str] = mapped_column(String(20))
    to_stage: Mapped[str | None] = mapped_column(String(40))
    to_pending: Mapped[str | None] = mapped_column(String(20))
    opinion: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(400))
    """Where it went, as people read it."""
    internal: Mapped[bool] = mapped_column(Boolean, default=False)
    """Among reviewers: never in what the school is shown (A16)."""
    strikes_id: Mapped[str | None] = mapped_column(IdType)
    """The line that this one cancels (取回) or corrects (更正)."""
    round: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str | None] = mapped_column(String(64))
    """Of the version to which the act refers: the one numbered `round`. None: nothing was submitted yet."""
    took_minutes: Mapped[int | None] = mapped_column(Integer)
    """Decisions: full working minutes of the visit that counted, for sums in SQL (N28). The history says the same."""
    in_time: Mapped[bool | None] = mapped_column(Boolean)
    """Decisions: before the limit had passed. None, like the minutes: no decision, or a year without calendar."""
    region_path: Mapped[str | None] = mapped_column(PathType)
    """Decisions: for which county, district or province it counts (`kinds.region_of`); None: no decision."""
    school_year: Mapped[str | None] = mapped_column(String(9))
    """Decisions: of the version that was decided on."""
    plan_kind: Mapped[str | None] = mapped_column(String(30))
    """Decisions: the kind of what was decided on."""
    details: Mapped[dict[str, Any]] = mapped_column(JsonType, default=dict)
    """`lapsed`: stage -> labels of fields that it had signed and that have changed; `days`: limit for the school;
    `document`, `category`: of the province's answer; `request`: id of what is answered."""

    points: Mapped[list[PlanPoint]] = relationship(order_by="PlanPoint.number")

    @property
    def actor_words(self) -> str:
        """李某（代王某）."""
        return f"{self.actor_name}（代{self.for_name}）" if self.for_name else self.actor_name


class PlanPoint(Base):
    """One numbered point of a return, tied to a place of the version that it speaks of (N1)."""

    __tablename__ = "plan_points"

    line_id: Mapped[str] = mapped_column(ForeignKey("plan_history.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    section: Mapped[str] = mapped_column(String(20))
    field: Mapped[str] = mapped_column(String(80))
    lasting: Mapped[str] = mapped_column(String(80))
    """The same place by the item's own id (`content.lasting`)."""
    place: Mapped[str] = mapped_column(String(200))
    """The place as people read it, at that time."""
    text: Mapped[str] = mapped_column(Text)
    must: Mapped[bool] = mapped_column(Boolean)
    """必须修改, otherwise 建议."""
    late: Mapped[bool] = mapped_column(Boolean, default=False)
    """未一次性告知: not raised at this stage's earlier return, in content that has not changed since (N1)."""

    answers: Mapped[list[PlanAnswer]] = relationship(order_by="PlanAnswer.round")

    @property
    def answer(self) -> PlanAnswer | None:
        """The last answer, sent or not."""
        return self.answers[-1] if self.answers else None

    def answer_for(self, version: int) -> PlanAnswer | None:
        """The answer that went, or is to go, with that version: one that went with a withdrawn one is given anew."""
        return next((answer for answer in self.answers if answer.round == version), None)


class PlanAnswer(Base):
    """What the school says to a point: written while it mends the plan, fixed by the resubmission.

    The version with which it goes is part of the key: whatever is said later leaves what was sent as it was.
    """

    __tablename__ = "plan_answers"
    __table_args__ = (
        ForeignKeyConstraint(["line_id", "number"], ["plan_points.line_id", "plan_points.number"]),
        CheckConstraint("verdict IN ('changed', 'explained')", name="verdict"),
    )

    line_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    round: Mapped[int] = mapped_column(Integer, primary_key=True)
    """The version with which it was, or while that has not been submitted, will be sent."""
    verdict: Mapped[str] = mapped_column(String(10))
    """`changed` 已修改, or `explained` 说明."""
    text: Mapped[str] = mapped_column(Text)
    by_name: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class PlanRequest(Base):
    """Somebody is asked something by name: a view (意见征询), a signature (加签), or to take note (抄送)."""

    __tablename__ = "plan_requests"
    __table_args__ = (
        CheckConstraint("kind IN ('consult', 'cosign', 'copy')", name="kind"),
        Index("ix_plan_requests_asked", "asked_account", "closed_at", "id"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), index=True)
    line_id: Mapped[str] = mapped_column(ForeignKey("plan_history.id"))
    kind: Mapped[str] = mapped_column(String(10))
    stage: Mapped[str] = mapped_column(String(40))
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Of the visit at which it was asked: it ends with the visit."""
    blocking: Mapped[bool] = mapped_column(Boolean, default=False)
    position: Mapped[str] = mapped_column(String(10), default="")
    asked_account: Mapped[str] = mapped_column(IdType)
    asked_name: Mapped[str] = mapped_column(String(60))
    asked_body: Mapped[str] = mapped_column(String(120))
    asked_path: Mapped[str] = mapped_column(PathType)
    question: Mapped[str] = mapped_column(Text)
    asked_by_name: Mapped[str] = mapped_column(String(60))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    agreed: Mapped[bool | None] = mapped_column(Boolean)
    answer: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_why: Mapped[str | None] = mapped_column(String(20))
    """`answered`, `ended` (the visit is over), `recalled` or `left` (no longer in post)."""


append_only(PlanLine, PlanPoint)
