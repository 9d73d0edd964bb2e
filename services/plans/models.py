"""What both halves of the service share: the tables' base, running numbers, and "under my authority" in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from shared.database import NAMING
from shared.outbox import insert


class Base(DeclarativeBase):
    """Tables of plans."""

    metadata = MetaData(naming_convention=NAMING)


class Counter(Base):
    """The last number given out under a prefix."""

    __tablename__ = "counters"

    prefix: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[int] = mapped_column(Integer)


def next_number(session: Session, prefix: str, digits: int) -> str:
    """The next number under a prefix, for example `P2026-360102-0001`.

    Raising the counter locks its row until the commit, so no two transactions get the same number.
    """
    model: Any = Counter
    statement = (
        insert(session, model)
        .values(prefix=prefix, value=1)
        .on_conflict_do_update(index_elements=["prefix"], set_={"value": Counter.value + 1})
        .returning(Counter.value)
    )
    return f"{prefix}-{session.execute(statement).scalar_one():0{digits}d}"
