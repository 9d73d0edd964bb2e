"""Tables of what changes the register: collected workbooks, transfers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.accounts.models import Base, Person, Unit, one_of
from services.accounts.people.facts import TransferState
from shared.database import IdType, JsonType, UtcDateTime, new_id


class Collection(Base):
    """A workbook of the yearly collection (采集), for one unit and what lies under it; the store has it sealed."""

    __tablename__ = "people_collections"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    stored: Mapped[str] = mapped_column(String(64))
    """Digest of what the store has."""
    size: Mapped[int] = mapped_column(Integer)
    report: Mapped[dict[str, Any] | None] = mapped_column(JsonType)
    """None: not checked yet."""
    error_rows: Mapped[str | None] = mapped_column(String(64))
    check_job_id: Mapped[str | None] = mapped_column(IdType)
    job_id: Mapped[str | None] = mapped_column(IdType)
    sent_by: Mapped[str] = mapped_column(IdType)
    sent_by_person: Mapped[str | None] = mapped_column(IdType)
    sent_by_name: Mapped[str] = mapped_column(String(60))
    sent_for: Mapped[str] = mapped_column(String(120))
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    imported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    unit: Mapped[Unit] = relationship()


class Transfer(Base):
    """Somebody's move to another unit: started by one side, confirmed by the other, in force on a day (T18)."""

    __tablename__ = "people_transfers"
    __table_args__ = (
        one_of("state", TransferState),
        # One at a time for each person, whoever starts it.
        Index(
            "uq_people_transfers_open",
            "person_id",
            unique=True,
            sqlite_where=text("state IN ('asked', 'confirmed')"),
            postgresql_where=text("state IN ('asked', 'confirmed')"),
        ),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    from_unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    to_unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    asked_of_id: Mapped[str] = mapped_column(ForeignKey("units.id"))
    """The side that has to confirm it."""
    on: Mapped[date] = mapped_column("takes_effect_on", Date)
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(300))
    asked_by: Mapped[str] = mapped_column(IdType)
    asked_by_person: Mapped[str | None] = mapped_column(IdType)
    asked_by_name: Mapped[str] = mapped_column(String(60))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answer: Mapped[str | None] = mapped_column(String(300))
    """Why it was refused or withdrawn."""
    answered_by_name: Mapped[str | None] = mapped_column(String(60))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    person: Mapped[Person] = relationship()
    from_unit: Mapped[Unit] = relationship(foreign_keys=[from_unit_id])
    to_unit: Mapped[Unit] = relationship(foreign_keys=[to_unit_id])
