"""Tables of forecasts that were made, each a list as it was on its day, and of who took one away."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Boolean, ForeignKey, Index, Integer, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.credits.models import Base
from shared.database import Hundredths, IdType, PathType, UtcDateTime, new_id


class MadeForecast(Base):
    """One list of one school or county, and whether a fallback scheme was started with it (FAQ-Q11)."""

    __tablename__ = "forecasts"
    __table_args__ = (Index("ix_forecasts_unit_path_id", "unit_path", "id"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True)
    unit_path: Mapped[str] = mapped_column(PathType)
    unit_name: Mapped[str] = mapped_column(String(120))
    cycle: Mapped[int] = mapped_column(SmallInteger)
    school_year: Mapped[str] = mapped_column(String(9))
    status: Mapped[str] = mapped_column(String(10))
    """`queries.SHORT` or `queries.BEYOND`."""
    bucket: Mapped[str | None] = mapped_column(String(20))
    """None: either."""
    scheme: Mapped[bool] = mapped_column(Boolean)
    made_by: Mapped[str] = mapped_column(IdType)
    made_by_person: Mapped[str | None] = mapped_column(IdType)
    made_by_name: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    job_id: Mapped[str | None] = mapped_column(IdType)
    rows: Mapped[int | None] = mapped_column(Integer)
    """Teachers on the list; None, like what follows: not made yet."""
    credits: Mapped[Decimal | None] = mapped_column(Hundredths)
    """What they lack together."""
    basis: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    """The workbook in the file store."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ForecastDownload(Base):
    """Somebody took a list away: names of teachers left the platform."""

    __tablename__ = "forecast_downloads"
    __table_args__ = (Index("ix_forecast_downloads_forecast_id_id", "forecast_id", "id"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    forecast_id: Mapped[str] = mapped_column(ForeignKey("forecasts.id"))
    by: Mapped[str] = mapped_column(IdType)
    by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    """On whose behalf."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
