"""Tables of the working calendar: the years that administrators have entered, and every change of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.plans.models import Base
from shared.database import IdType, JsonType, UtcDateTime, new_id


class _Entered:
    """What was entered for a year, by whom, and on what document it rests."""

    version: Mapped[int] = mapped_column(Integer)
    """1 for the first time that the year was entered; 0 means that only the shipped table speaks."""
    off: Mapped[list[str]] = mapped_column(JsonType)
    """Weekdays that are holidays, as `2027-02-05`, in order."""
    work: Mapped[list[str]] = mapped_column(JsonType)
    """Days of weekends that are worked, likewise."""
    source: Mapped[str] = mapped_column(String(200))
    """Number of the document (文号)."""
    changed_by: Mapped[str] = mapped_column(IdType)
    changed_by_name: Mapped[str] = mapped_column(String(60))
    unit: Mapped[str] = mapped_column(String(120))
    """Name of the body for which it was entered, in full."""
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CalendarYear(_Entered, Base):
    """A year as it stands now; goes before the shipped table."""

    __tablename__ = "calendar_years"

    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)


class CalendarChange(_Entered, Base):
    """One change of a year; appended, never altered, so that every figure counted under it can be reproduced."""

    __tablename__ = "calendar_changes"
    __table_args__ = (UniqueConstraint("year", "version"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    year: Mapped[int] = mapped_column(Integer)
