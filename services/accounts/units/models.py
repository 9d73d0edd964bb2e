"""The one table of changes of the tree: each with its document and day, waiting until that day, kept for ever."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.accounts.access.models import Account
from services.accounts.models import Base, Unit, one_of
from shared.database import IdType, JsonType, UtcDateTime, new_id


class ChangeAct(StrEnum):
    """What is done to a unit."""

    OPEN = "open"
    RENAME = "rename"
    MOVE = "move"
    MERGE = "merge"
    CLOSE = "close"
    HANDOVER = "handover"

    @property
    def label(self) -> str:
        """The Chinese words."""
        return _ACTS[self]


_ACTS = {
    ChangeAct.OPEN: "开设单位",
    ChangeAct.RENAME: "更名",
    ChangeAct.MOVE: "区划调整",
    ChangeAct.MERGE: "并入",
    ChangeAct.CLOSE: "撤销",
    ChangeAct.HANDOVER: "岗位交接",
}


class ChangeState(StrEnum):
    """Whether the day has come."""

    PLANNED = "planned"
    DONE = "done"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    """Could not be done on its day; `error` says why."""

    @property
    def label(self) -> str:
        """The Chinese words."""
        return _STATES[self]


_STATES = {
    ChangeState.PLANNED: "待生效",
    ChangeState.DONE: "已生效",
    ChangeState.WITHDRAWN: "已取消",
    ChangeState.FAILED: "未能生效",
}


class UnitChange(Base):
    """One change of a unit, from when, by which document, on whose word."""

    __tablename__ = "unit_changes"
    __table_args__ = (
        one_of("act", ChangeAct),
        one_of("state", ChangeState),
        Index("ix_unit_changes_due", "state", "in_force_on"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    act: Mapped[str] = mapped_column(String(20))
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    """The unit that changes; of an opening the one above the new unit."""
    other_id: Mapped[str | None] = mapped_column(ForeignKey("units.id"), index=True)
    """Move: the new unit above. Merge: the unit that takes it in. Opening: the new unit, once it is there."""
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    """Handover: who leaves the unit's offices."""
    successor_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    facts: Mapped[dict[str, Any]] = mapped_column(JsonType)
    """New values, then also the old ones: `{"name": …, "old_name": …, "code": …, "old_path": …}`."""
    in_force_on: Mapped[date] = mapped_column(Date)
    document: Mapped[str] = mapped_column(String(80))
    """文号, or 函号 of the letter."""
    reason: Mapped[str] = mapped_column(Text)
    planned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    planned_by: Mapped[str] = mapped_column(IdType)
    planned_by_name: Mapped[str] = mapped_column(String(60))
    planned_for: Mapped[str] = mapped_column(String(120))
    """The body for which the actor acted, in full."""
    state: Mapped[str] = mapped_column(String(20), default=ChangeState.PLANNED)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)

    unit: Mapped[Unit] = relationship(foreign_keys=[unit_id])
    other: Mapped[Unit | None] = relationship(foreign_keys=[other_id])
    account: Mapped[Account | None] = relationship(foreign_keys=[account_id])
    successor: Mapped[Account | None] = relationship(foreign_keys=[successor_id])
