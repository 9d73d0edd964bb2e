"""Nothing leaves a service but through here: events for others, jobs for itself, in the change's transaction.

`outbox` is an append-only log, `outbox_todo` the narrow queue beside it: published rows are deleted from the
queue and never rewritten in the log, and the log can be sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Integer,
    String,
    Text,
    UniqueConstraint,
    delete,
    func,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy import insert as sqlalchemy_insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared.database import IdType, JsonType, PlatformBase, UtcDateTime, new_id, utc_now
from shared.events.base import Event

BigId = BigInteger().with_variant(Integer, "sqlite")
Results = Mapping[int, str | None]
"""Outbox row id -> None where the message is safe, else why it is not."""


class OutboxRow(PlatformBase):
    """One message, as it was and will always be."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("aggregate_type", "aggregate_id", "aggregate_version"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(IdType, unique=True)
    kind: Mapped[str] = mapped_column(String(10))
    """`event` for other services, `job` for this one."""
    name: Mapped[str] = mapped_column(String(100))
    routing_key: Mapped[str] = mapped_column(String(200))
    aggregate_type: Mapped[str] = mapped_column(String(40))
    aggregate_id: Mapped[str] = mapped_column(String(80))
    aggregate_version: Mapped[int] = mapped_column(BigInteger)
    payload: Mapped[dict[str, Any]] = mapped_column(JsonType)
    headers: Mapped[dict[str, Any]] = mapped_column(JsonType)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    def envelope(self) -> dict[str, Any]:
        """What travels: the payload and all that the receiver needs to apply it once and in order."""
        return {
            "event_id": self.event_id,
            "name": self.name,
            "aggregate_type": self.aggregate_type,
            "aggregate_id": self.aggregate_id,
            "aggregate_version": self.aggregate_version,
            "occurred_at": self.created_at.isoformat(),
            "headers": self.headers,
            "payload": self.payload,
        }


class OutboxTodo(PlatformBase):
    """A message that still has to go, and when to try next: the only scheduler of delays and retries."""

    __tablename__ = "outbox_todo"

    outbox_id: Mapped[int] = mapped_column(BigId, ForeignKey("outbox.id"), primary_key=True)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    last_error: Mapped[str | None] = mapped_column(Text)


class OutboxAggregate(PlatformBase):
    """The number of an aggregate's last message. Raising it also locks the row, which orders the messages."""

    __tablename__ = "outbox_aggregates"

    aggregate_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    aggregate_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)


_ROWS: Any = OutboxRow.__table__
_TODO: Any = OutboxTodo.__table__
_LOG = sqlalchemy_insert(_ROWS).returning(OutboxRow.id, sort_by_parameter_order=True)
_QUEUE = sqlalchemy_insert(_TODO).returning(OutboxTodo.outbox_id)


def _numbering(dialect: Any) -> Any:
    statement = dialect.insert(OutboxAggregate.__table__)
    return statement.on_conflict_do_update(
        index_elements=["aggregate_type", "aggregate_id"],
        set_={"version": OutboxAggregate.version + statement.excluded.version},
    ).returning(OutboxAggregate.version)


_NUMBER = {"postgresql": _numbering(postgresql), "sqlite": _numbering(sqlite)}
"""Made once, like the two above: making a statement anew costs more than sending it."""


def publish(session: Session, event: Event) -> str:
    """Puts an event into the outbox; returns its id. It goes out if, and only if, the transaction commits."""
    return publish_all(session, [event])[0]


def publish_all(session: Session, events: Sequence[Event]) -> list[str]:
    """The same for several, in their order: those of one aggregate are numbered by one statement."""
    ids = [new_id() for _ in events]
    aggregates = [_aggregate(event, event_id) for event, event_id in zip(events, ids, strict=True)]
    following = {
        key: iter(range(_raise_version(session, *key, count) - count + 1, 2**63))
        for key, count in Counter(aggregates).items()
    }
    rows = [
        {
            "event_id": event_id,
            "kind": "event",
            "name": event.name,
            "routing_key": event.routing_key,
            "aggregate_type": aggregate_type,
            "aggregate_id": aggregate_id,
            "aggregate_version": next(following[aggregate_type, aggregate_id]),
            "payload": event.dump(),
        }
        for event, event_id, (aggregate_type, aggregate_id) in zip(events, ids, aggregates, strict=True)
    ]
    add(session, rows)
    return ids


def requeue(session: Session, event_id: str, *, not_before: datetime | None = None) -> bool:
    """Sends a message of the log again (the receiver drops what it has); False if the log has no such."""
    row_id = session.scalar(select(OutboxRow.id).where(OutboxRow.event_id == event_id))
    if row_id is None:
        return False
    not_before = not_before or utc_now()
    # The row may still be queued, and may just now be on its way out: the new time makes it another one, so
    # that `settle` leaves it.
    statement = insert(session, OutboxTodo).values(outbox_id=row_id, not_before=not_before, attempts=0)
    session.execute(statement.on_conflict_do_update(index_elements=["outbox_id"], set_={"not_before": not_before}))
    session.info["outbox"] = True
    return True


def replay(session: Session, since: datetime) -> None:
    """Queues every message created since then, unless it is queued already: what a wiped broker is owed."""
    log = select(OutboxRow.id, literal(utc_now(), UtcDateTime), literal(0)).where(OutboxRow.created_at >= since)
    columns = ["outbox_id", "not_before", "attempts"]
    session.execute(insert(session, OutboxTodo).from_select(columns, log).on_conflict_do_nothing())
    session.info["outbox"] = True


def due(session: Session, limit: int, kind: str | None = None) -> list[tuple[OutboxRow, OutboxTodo]]:
    """The messages to send now, oldest first; of one kind (`event`, `job`) or of both."""
    query = (
        select(OutboxRow, OutboxTodo)
        .join(OutboxTodo, OutboxTodo.outbox_id == OutboxRow.id)
        .where(OutboxTodo.not_before <= utc_now(), *([OutboxRow.kind == kind] if kind else []))
        .order_by(OutboxTodo.outbox_id)
        .limit(limit)
    )
    rows = [(row, todo) for row, todo in session.execute(query)]
    session.expunge_all()  # they outlive this session, and nobody changes them
    return rows


def pending(session: Session) -> tuple[int, datetime | None]:
    """How many messages still have to go, and when the oldest of them was written: what an alert watches."""
    query = select(func.count(), func.min(OutboxRow.created_at)).join(OutboxTodo, OutboxTodo.outbox_id == OutboxRow.id)
    count, oldest = session.execute(query).one()
    return int(count), oldest


def settle(session: Session, claimed: Sequence[OutboxTodo], results: Results) -> int:
    """After sending: forgets what is safe, notes why the rest is not and when to try again (1 s to 1 min).

    Returns how many became safe. A row that was queued anew meanwhile stays, as does one without a result.
    """
    safe = [todo for todo in claimed if results.get(todo.outbox_id, "no result") is None]
    if safe:
        key = tuple_(OutboxTodo.outbox_id, OutboxTodo.not_before)
        same = key.in_([(todo.outbox_id, todo.not_before) for todo in safe])
        session.execute(delete(OutboxTodo).where(same).execution_options(synchronize_session=False))
    for todo in claimed:
        error = results.get(todo.outbox_id)
        if error is not None:
            wait = timedelta(seconds=min(2 ** min(todo.attempts, 10), 60))
            session.execute(
                update(OutboxTodo)
                .where(OutboxTodo.outbox_id == todo.outbox_id)
                .values(attempts=todo.attempts + 1, last_error=error[:500], not_before=utc_now() + wait)
            )
    return len(safe)


def insert(session: Session, model: type[PlatformBase]) -> Any:
    """`INSERT` that understands `on_conflict_…` on this session's database."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(model)
    return postgresql.insert(model)


def add(session: Session, rows: Sequence[dict[str, Any]], *, not_before: datetime | None = None) -> None:
    """Writes messages (columns of `OutboxRow`) into log and queue, in order, with the context in which they came to be.

    A statement for each table and no objects: every decision of everybody passes here.
    """
    if not rows:
        return
    now = utc_now()
    context = structlog.contextvars.get_contextvars()
    headers = {key: context[key] for key in ("request_id", "causation_id", "account_id") if context.get(key)}
    session.flush()  # what the message tells of comes first
    sent = [{**row, "headers": headers, "created_at": now} for row in rows]
    connection = session.connection()
    ids = connection.scalars(_LOG, sent)
    queued = [{"outbox_id": row_id, "not_before": not_before or now, "attempts": 0} for row_id in ids]
    connection.execute(_QUEUE, queued)  # with RETURNING they are one statement, without it a round trip for each
    session.info["outbox"] = True


def _aggregate(event: Event, event_id: str) -> tuple[str, str]:
    if event.aggregate is None:
        return "message", event_id
    aggregate_type, field = event.aggregate
    return aggregate_type, str(getattr(event, field))


def _raise_version(session: Session, aggregate_type: str, aggregate_id: str, by: int) -> int:
    """The number of the aggregate's last message, when so many more are added; a lone message is its first."""
    if aggregate_type == "message":
        return by
    connection = session.connection()
    values = {"aggregate_type": aggregate_type, "aggregate_id": aggregate_id, "version": by}
    return int(connection.execute(_NUMBER[connection.dialect.name], values).scalar_one())
