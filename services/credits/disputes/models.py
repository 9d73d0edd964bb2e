"""Tables of disputes. What was done stays: acts and files are only ever added."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, event
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from services.credits.models import Base
from shared.database import Hundredths, IdType, PathType, UtcDateTime, new_id
from shared.outbox import BigId


class State(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    UPHELD = "upheld"
    """Answered: it is right, and the correction named in `remedy` is awaited."""
    SETTLED = "settled"
    """The correction has come."""
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Dispute(Base):
    """One dispute, from its opening to its end."""

    __tablename__ = "disputes"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'upheld', 'settled', 'rejected', 'withdrawn')", name="state"),
        CheckConstraint("kind IN ('line', 'provisional', 'missing')", name="kind"),
        Index("ix_disputes_person_id_id", "person_id", "id"),
        Index("ix_disputes_queue", "handling_path", "state", "id"),
        Index("ix_disputes_state_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    """By which people name it: 异议第 12 号."""
    kind: Mapped[str] = mapped_column(String(12))
    person_id: Mapped[str] = mapped_column(IdType)
    line_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("ledger_lines.id"))
    result_id: Mapped[str | None] = mapped_column(IdType)
    project_id: Mapped[str | None] = mapped_column(IdType)
    """None: a claim, or a training that is missing and of which no audit has ever come."""
    project_number: Mapped[str] = mapped_column(String(40))
    """Of a claim: the claim's own number, and below its title and its school."""
    project_title: Mapped[str] = mapped_column(String(200))
    organizer_path: Mapped[str | None] = mapped_column(PathType)
    organizer_name: Mapped[str] = mapped_column(String(120))
    held_on: Mapped[date] = mapped_column(Date)
    hours: Mapped[Decimal | None] = mapped_column(Hundredths)
    text: Mapped[str] = mapped_column(Text)
    late_reason: Mapped[str | None] = mapped_column(Text)
    """Why only after the 公示; None: during it."""
    state: Mapped[str] = mapped_column(String(10), default=State.OPEN.value)
    handling_path: Mapped[str] = mapped_column(PathType)
    """The area whose credit administrators and auditors answer."""
    due_on: Mapped[date] = mapped_column(Date)
    open_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    """What it is about, while it is open: there is never a second one open about the same."""
    opened_by: Mapped[str] = mapped_column(IdType)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Raised by every act."""
    remedy: Mapped[str | None] = mapped_column(String(12))
    """Of one that was upheld: a key of `wording.REMEDIES`."""
    answer: Mapped[str | None] = mapped_column(Text)
    answered_by_name: Mapped[str | None] = mapped_column(String(60))
    answered_body: Mapped[str | None] = mapped_column(String(120))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_line_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("ledger_lines.id"))
    """The line by which the credits were put right; None: not yet, or settled by hand without one."""

    @property
    def of_claim(self) -> bool:
        """Whether it is about the line of a recognised claim (T19), whose id is then `result_id`: it has no project."""
        return self.kind == "line" and self.project_id is None


class DisputeAct(Base):
    """One act: who, for which unit, when, why, and what came of it. Append-only."""

    __tablename__ = "dispute_acts"
    __table_args__ = (Index("ix_dispute_acts_dispute_id_id", "dispute_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    dispute_id: Mapped[int] = mapped_column(BigId, ForeignKey("disputes.id"))
    act: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(IdType)
    by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    text: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)


class DisputeFile(Base):
    """A piece of evidence; the content is in the file store under its digest. Append-only."""

    __tablename__ = "dispute_files"
    __table_args__ = (Index("ix_dispute_files_dispute_id", "dispute_id"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    dispute_id: Mapped[int] = mapped_column(BigId, ForeignKey("disputes.id"))
    name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(60))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    uploaded_by: Mapped[str] = mapped_column(IdType)
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime)


def _refuse(mapper: Mapper[Any], connection: Any, target: Any) -> None:
    raise RuntimeError(f"{type(target).__name__} is append-only: write a new one instead")


for _kind in (DisputeAct, DisputeFile):
    for _moment in ("before_update", "before_delete"):
        event.listen(_kind, _moment, _refuse)
event.listen(Dispute, "before_delete", _refuse)
