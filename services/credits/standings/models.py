"""The table of stored standings."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Index, Integer, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.credits.models import Base
from shared.database import Hundredths, IdType, UtcDateTime

RECOMPUTE_JOB = "credits.recompute_standings"
CHECK_JOB = "credits.check_standings"


class StoredStanding(Base):
    """One person's headline in one cycle, as `standing.headline` says it: never anything of its own.

    Who has no line in the cycle has a row too, of nothing: in a list by shortfall they come first.
    """

    __tablename__ = "standings"
    __table_args__ = (Index("ix_standings_shortfall", "cycle", "shortfall", "person_id"),)

    cycle: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    person_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    coordinated: Mapped[Decimal] = mapped_column(Hundredths)
    coordinated_pending: Mapped[int] = mapped_column(Integer)
    """Lines whose amount is not known yet."""
    self_organized: Mapped[Decimal] = mapped_column(Hundredths)
    self_organized_pending: Mapped[int] = mapped_column(Integer)
    shortfall: Mapped[int] = mapped_column(Integer)
    """Hundredths that both buckets lack of the minimums that are known, whether or not anything is asked."""
    groups: Mapped[str | None] = mapped_column(Text)
    """`{"<partition>/<group>": hundredths of a credit}`; None: the edition has no partitions, or nothing is in them."""
    edition: Mapped[str] = mapped_column(String(40))
    computed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Since when it stands like this."""
