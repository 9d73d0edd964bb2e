"""What comes when its cycle is closed is kept beside the ledger (B6), and waits there for the provincial office.

`ledger.enter` asks for it with every line; nobody else decides what may enter a closed cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Date,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.credits import in_force
from services.credits.edition_files import freeze
from services.credits.editions import Cycle
from services.credits.models import Base, LedgerLine, LineKind
from shared import outbox
from shared.database import Hundredths, IdType, JsonType, UtcDateTime, utc_now
from shared.outbox import BigId

WAITING, ADMITTED, DISMISSED, OVERTAKEN = "waiting", "admitted", "dismissed", "overtaken"
KEY = ("result_id", "attempt", "kind", "correction", "adjustment")
"""What tells two lines apart that may come twice, in the ledger and here."""
Row = dict[str, Any]


class LateEntry(Base):
    """What came when its cycle was closed (B6): kept here, not in the ledger, until the province decides.

    Nothing of it is changed but how it ended, and that once.
    """

    __tablename__ = "late_entries"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'admitted', 'dismissed', 'overtaken')", name="state"),
        # As in the ledger: a message may come twice.
        UniqueConstraint("result_id", "attempt", "kind", "correction", "adjustment"),
        Index("ix_late_entries_state_id", "state", "id"),
        Index("ix_late_entries_audit_id", "audit_id"),
        Index("ix_late_entries_person_id_id", "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    cycle: Mapped[int] = mapped_column(SmallInteger)
    """The closed cycle, by the year in which it starts."""
    person_id: Mapped[str] = mapped_column(IdType)
    audit_id: Mapped[str | None] = mapped_column(IdType)
    """None: of a claim, whose id is then the result's."""
    result_id: Mapped[str] = mapped_column(IdType)
    attempt: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(10))
    """Of the last of its lines, as are attempt, correction and adjustment."""
    correction: Mapped[int] = mapped_column(Integer)
    adjustment: Mapped[int] = mapped_column(Integer)
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JsonType)
    """Columns of `LedgerLine` as JSON: what is entered, in this order, if it is admitted."""
    sentence: Mapped[str] = mapped_column(Text)
    """Why it waits, for everybody who sees it."""
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(10), default="waiting", server_default="waiting")
    """`overtaken`: the audit was taken back, or the project corrected, before anybody decided."""
    document: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[str | None] = mapped_column(IdType)
    decided_by_name: Mapped[str | None] = mapped_column(String(60))
    body: Mapped[str | None] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def told(self) -> str:
        """What has become of it, in a sentence."""
        if self.state == "waiting":
            return self.sentence
        if self.state == "overtaken":
            return f"{self.reason}，不再等待补记。"
        words = "准予补记" if self.state == "admitted" else "不予补记"
        return f"{self.body}已{words}（{self.document}）：{self.reason}"


def keep(session: Session, batches: Sequence[list[Row]]) -> list[list[Row]]:
    """Keeps aside what would go into a closed cycle; returns the rest, in the same batches.

    A counter-line in a closed cycle takes the line in its place with it, even into an open one: otherwise credits would
    count twice. Where the old line lies in an open cycle, it is countered, and only the new one waits.
    """
    closed = in_force.closed_cycles(session)
    rows = [row for batch in batches for row in batch]
    bound = {row["result_id"] for row in rows if row["cycle"] in closed and row.get("reverses") is not None}
    late = [row for row in rows if row["cycle"] in closed or row["result_id"] in bound]
    if not late:
        return list(batches)
    by_result: dict[str, list[Row]] = {}
    for row in late:
        by_result.setdefault(row["result_id"], []).append(row)
    there = select(*[getattr(LedgerLine, name) for name in KEY]).where(LedgerLine.result_id.in_(by_result))
    entered = {tuple(key) for key in session.execute(there)}
    fresh = [_entry(closed, lines) for lines in by_result.values() if _key(lines[-1]) not in entered]
    if fresh:
        statement = outbox.insert(session, cast(Any, LateEntry)).on_conflict_do_nothing()
        session.execute(statement, fresh)
    aside = {id(row) for row in late}
    return [[row for row in batch if id(row) not in aside] for batch in batches]


def overtake(session: Session, reason: str, *where: ColumnElement[bool]) -> Sequence[LateEntry]:
    """Ends what waits and is of no account any more, and returns it, in its order."""
    waiting = select(LateEntry).where(LateEntry.state == WAITING, *where).order_by(LateEntry.id).with_for_update()
    found = session.scalars(waiting).all()
    for entry in found:
        entry.state, entry.reason, entry.decided_at = OVERTAKEN, reason, utc_now()
    session.flush()
    return found


def newest(session: Session, audit_id: str, result_ids: Sequence[str]) -> dict[str, LateEntry]:
    """Result -> the last that was kept of it under this audit, where nobody has admitted it.

    One that was overtaken by a correction is of no account once the ledger has the line that follows from it.
    """
    later = select(LedgerLine.id).where(
        LedgerLine.result_id == LateEntry.result_id,
        LedgerLine.audit_id == audit_id,
        LedgerLine.correction > LateEntry.correction,
    )
    query = select(LateEntry).where(
        LateEntry.result_id.in_(result_ids),
        LateEntry.audit_id == audit_id,
        or_(LateEntry.state != OVERTAKEN, ~later.exists()),
    )
    last = {entry.result_id: entry for entry in session.scalars(query.order_by(LateEntry.id))}
    return {result_id: entry for result_id, entry in last.items() if entry.state != ADMITTED}


def lines_of(entry: LateEntry) -> list[Row]:
    """Its lines as the ledger takes them."""
    return [{name: _thawed(name, value) for name, value in line.items()} for line in entry.lines]


def _entry(closed: dict[int, Cycle], lines: list[Row]) -> Row:
    last = lines[-1]
    cycle = next(closed[row["cycle"]] for row in lines if row["cycle"] in closed)
    what = "此成绩不再计入；如须计入"
    if last["kind"] == LineKind.REVERSAL:
        what = "此次冲正不再办理；如须办理"
    elif len(lines) > 1:
        what = "此项更正不再办理；如须办理"
    elif last["audit_id"] is None:
        what = "此项认定不再计入；如须计入"
    return {
        **dict(zip(KEY, _key(last), strict=True)),
        "cycle": cycle.number,
        "person_id": last["person_id"],
        "audit_id": last["audit_id"],
        "lines": freeze(lines),
        "sentence": f"{cycle.title}已于 {cycle.closes_on} 关闭，{what}，由省级学分管理员凭文件准予补记。",
        "received_at": last["received_at"],
        "state": WAITING,
    }


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name, 0) for name in KEY)


def _thawed(name: str, value: Any) -> Any:
    kind = LedgerLine.__table__.c[name].type
    if not isinstance(value, str):
        return value
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return Decimal(value) if isinstance(kind, Hundredths) else value
