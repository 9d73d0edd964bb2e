"""Receiving: each message applied once, in order, or parked where a person can see it.

The inbox row and the effect share one transaction. A message that a handler cannot take, one that comes
before its predecessor, and one of an unknown version are parked, with the time of the next try; nothing is
ever thrown away. Once the predecessor is applied, what waited behind it is due at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from marshmallow import ValidationError
from sqlalchemy import BigInteger, Index, Integer, String, Text, delete, exists, select, tuple_, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import audit_trail
from shared.actors import SYSTEM
from shared.database import Database, IdType, JsonType, PlatformBase, UtcDateTime, utc_now
from shared.events.base import REGISTRY, Event
from shared.logs import get_logger
from shared.outages import database_is_away
from shared.outbox import insert

log = get_logger(__name__)

Handlers = Mapping[type[Event], Callable[[Session, Any], None]]
"""Event class -> what to do with it, inside the transaction of its inbox row."""

MAX_ATTEMPTS = 16
"""After so many tries (about two hours) a message that fails waits for a person: `xuefen messages retry`."""


class Outcome(StrEnum):
    """What became of one delivery."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    PARKED = "parked"


class InboxRow(PlatformBase):
    """A message that has been applied (or knowingly ignored). Kept longer than any message can come again."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(String(60), primary_key=True)
    event_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    processed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class InboxVersion(PlatformBase):
    """The number of the last message applied of each aggregate: the next one must follow it."""

    __tablename__ = "inbox_versions"

    aggregate_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    aggregate_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)


class ParkedRow(PlatformBase):
    """A message that could not be applied yet: safe here, and off the broker."""

    __tablename__ = "inbox_parked"
    __table_args__ = (
        Index("ix_inbox_parked_next_attempt_at", "next_attempt_at"),
        Index("ix_inbox_parked_aggregate", "aggregate_type", "aggregate_id"),
    )

    consumer: Mapped[str] = mapped_column(String(60), primary_key=True)
    event_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    reason: Mapped[str] = mapped_column(String(20))
    """`gap`, `failed`, `malformed`, `unknown` or `dead_letter`."""
    aggregate_type: Mapped[str | None] = mapped_column(String(40))
    aggregate_id: Mapped[str | None] = mapped_column(String(80))
    attempts: Mapped[int] = mapped_column(Integer)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: waits for a person."""
    envelope: Mapped[dict[str, Any]] = mapped_column(JsonType)
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)


class _Park(Exception):
    """Leaves the transaction of a message and parks it."""

    def __init__(self, reason: str, error: str) -> None:
        super().__init__(error)
        self.reason = reason


def receive(database: Database, consumer: str, handlers: Handlers, envelope: dict[str, Any]) -> Outcome:
    """Applies one message in a transaction of its own. Never raises for what it says: it parks instead.

    Raises only when the database is not available; then the message must not be acknowledged.
    """
    event_id = str(envelope["event_id"])
    try:
        with database.transaction() as session:
            outcome = _apply(session, consumer, handlers, [envelope])[0]
    except _Park as reason:
        outcome = park(database, consumer, envelope, reason.reason, str(reason))
    except Exception as error:  # whatever a handler raises must not stop the messages behind it
        if database_is_away(database, error):
            raise
        log.exception("message_failed", message=envelope.get("name"), event_id=event_id)
        outcome = park(database, consumer, envelope, "failed", f"{type(error).__name__}: {error}")
    log.debug("message", message=envelope.get("name"), event_id=event_id, outcome=outcome)
    return outcome


def receive_group(
    database: Database, consumer: str, handlers: Handlers, envelopes: Sequence[dict[str, Any]]
) -> list[Outcome]:
    """Applies several messages in one transaction, which is several times faster; raises like `receive`.

    Where one of them cannot be applied, all are taken back and each is received by itself.
    """
    if len(envelopes) > 1:
        try:
            with database.transaction() as session:
                return _apply(session, consumer, handlers, envelopes)
        except Exception as error:  # which one it was shows when each is received by itself
            if database_is_away(database, error):
                raise
            log.info("group_taken_apart", messages=len(envelopes), error=f"{type(error).__name__}: {error}")
    return [receive(database, consumer, handlers, envelope) for envelope in envelopes]


def first_time(session: Session, consumer: str, event_id: str) -> bool:
    """Writes the inbox row; False if it was there: the effect has been applied already."""
    return bool(_first_times(session, consumer, [event_id]))


def due_parked(session: Session, limit: int = 100) -> list[tuple[str, dict[str, Any]]]:
    """(consumer, envelope) of the parked messages whose next try is due, oldest first."""
    query = (
        select(ParkedRow.consumer, ParkedRow.envelope)
        .where(ParkedRow.next_attempt_at <= utc_now())
        .order_by(ParkedRow.first_seen_at)
        .limit(limit)
    )
    return [(consumer, envelope) for consumer, envelope in session.execute(query)]


def retry_parked(session: Session, *, event_id: str | None = None) -> int:
    """Makes one parked message, or all of them, due now with every try before it; returns how many."""
    query = update(ParkedRow).values(next_attempt_at=utc_now(), attempts=0)
    if event_id is not None:
        query = query.where(ParkedRow.event_id == event_id)
    return len(session.scalars(query.returning(ParkedRow.event_id)).all())


def park(database: Database, consumer: str, envelope: dict[str, Any], reason: str, error: str) -> Outcome:
    """Keeps a message that cannot be applied now, with the time of the next try.

    What fails is tried `MAX_ATTEMPTS` times. What waits for its predecessor or for a newer program is tried
    for ever, and what no trying can mend (`malformed`, `dead_letter`) waits for a person at once.
    """
    now, event_id = utc_now(), str(envelope["event_id"])
    with database.transaction() as session:
        if session.get(InboxRow, (consumer, event_id)):
            return Outcome.DUPLICATE  # applied meanwhile: by the sweeper, or before a dead letter came back
        row = session.get(ParkedRow, (consumer, event_id))
        if row is None:
            row = ParkedRow(
                consumer=consumer,
                event_id=event_id,
                aggregate_type=envelope.get("aggregate_type"),
                aggregate_id=envelope.get("aggregate_id"),
                envelope=envelope,
                attempts=0,
                first_seen_at=now,
            )
            session.add(row)
        row.reason, row.last_error, row.attempts = reason, error[:2000].replace("\0", ""), row.attempts + 1
        wait = timedelta(seconds=min(0.5 * 2 ** min(row.attempts, 12), 1200))
        waits_for_person = reason in ("malformed", "dead_letter") or (
            reason == "failed" and row.attempts >= MAX_ATTEMPTS
        )
        row.next_attempt_at = None if waits_for_person else now + wait
    log.warning("message_parked", message=envelope.get("name"), reason=reason, attempts=row.attempts)
    return Outcome.PARKED


def _apply(session: Session, consumer: str, handlers: Handlers, envelopes: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Inbox rows and effects of messages, in order. Raises `_Park`, or what a handler raises."""
    for envelope in envelopes:
        if envelope["name"] == "undecodable":
            raise _Park("malformed", str(envelope.get("error")))
    # This waits for whoever is applying one of them just now, so it comes before any reading.
    new = _first_times(session, consumer, [envelope["event_id"] for envelope in envelopes])
    before = _versions(session, envelopes)
    versions = dict(before)
    outcomes, applied = [], []
    for envelope in envelopes:
        if envelope["event_id"] in new:
            new.remove(envelope["event_id"])
            _follow(versions, envelope)
            outcomes.append(_handle(session, handlers, envelope))
            if outcomes[-1] is Outcome.APPLIED:
                applied.append(_entry(envelope))
        else:
            outcomes.append(Outcome.DUPLICATE)
    _save_versions(session, dict(versions.items() - before.items()))
    _release(session, consumer, envelopes)
    audit_trail.record(session, *applied)
    return outcomes


def _entry(envelope: dict[str, Any]) -> audit_trail.Entry:
    """What the audit trail says of a message that was applied here; the account is the one from whose act it came."""
    headers = envelope["headers"]
    return audit_trail.Entry(
        act=envelope["name"],
        account_id=headers.get("account_id") or SYSTEM.account_id,
        record=f"{envelope['aggregate_type']}={envelope['aggregate_id']}",
        request_id=headers.get("request_id"),
        details={"event_id": str(envelope["event_id"])},
    )


def _handle(session: Session, handlers: Handlers, envelope: dict[str, Any]) -> Outcome:
    known = REGISTRY.get(envelope["name"])
    if known is None:
        # A newer version than this program knows: it waits for the next release, it is not skipped.
        raise _Park("unknown", f"no class for {envelope['name']}")
    handler = handlers.get(known)
    if handler is None:
        return Outcome.IGNORED
    try:
        event = known.load(envelope["payload"])
    except ValidationError as error:
        raise _Park("malformed", str(error)) from error
    with structlog.contextvars.bound_contextvars(
        request_id=envelope["headers"].get("request_id"), causation_id=envelope["event_id"]
    ):
        handler(session, event)
    return Outcome.APPLIED


def _first_times(session: Session, consumer: str, event_ids: Sequence[str]) -> set[str]:
    """Writes inbox rows; returns the ids of those that were not there."""
    now = utc_now()
    rows = [{"consumer": consumer, "event_id": i, "processed_at": now} for i in dict.fromkeys(event_ids)]
    statement = insert(session, InboxRow).values(rows).on_conflict_do_nothing().returning(InboxRow.event_id)
    return set(session.scalars(statement))


Versions = dict[tuple[str, str], int]
"""Aggregate (type, id) -> number of the last message applied."""


def _versions(session: Session, envelopes: Sequence[dict[str, Any]]) -> Versions:
    keys = {(e["aggregate_type"], e["aggregate_id"]) for e in envelopes if e["aggregate_type"] != "message"}
    if not keys:
        return {}
    query = select(InboxVersion.aggregate_type, InboxVersion.aggregate_id, InboxVersion.version).where(
        tuple_(InboxVersion.aggregate_type, InboxVersion.aggregate_id).in_(keys)
    )
    return dict.fromkeys(keys, 0) | {(kind, key): version for kind, key, version in session.execute(query)}


def _follow(versions: Versions, envelope: dict[str, Any]) -> None:
    """Counts the message as the next of its aggregate. Raises `_Park` if it is not the next."""
    key, version = (envelope["aggregate_type"], envelope["aggregate_id"]), envelope["aggregate_version"]
    if key not in versions:
        return
    if version != versions[key] + 1:
        # A lower number cannot be new: its inbox row would be there. It is shown, not skipped.
        raise _Park("gap", f"message {version} of {key[0]} {key[1]} came after {versions[key]}")
    versions[key] = version


def _save_versions(session: Session, versions: Versions) -> None:
    # Only those that have moved: of the others, another transaction may have written the next meanwhile.
    if not versions:
        return
    rows = [
        {"aggregate_type": kind, "aggregate_id": key, "version": version}
        for (kind, key), version in sorted(versions.items())
    ]
    statement = insert(session, InboxVersion).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["aggregate_type", "aggregate_id"], set_={"version": statement.excluded.version}
        )
    )


def _release(session: Session, consumer: str, envelopes: Sequence[dict[str, Any]]) -> None:
    """Forgets that the messages were parked, and makes due what waited behind them."""
    if not session.scalar(select(exists().where(ParkedRow.consumer == consumer))):
        return  # nearly always: one look-up for the whole group
    ids = [str(envelope["event_id"]) for envelope in envelopes]
    aggregates = [(envelope["aggregate_type"], envelope["aggregate_id"]) for envelope in envelopes]
    session.execute(delete(ParkedRow).where(ParkedRow.consumer == consumer, ParkedRow.event_id.in_(ids)))
    session.execute(
        update(ParkedRow)
        .where(
            ParkedRow.consumer == consumer,
            ParkedRow.reason == "gap",
            tuple_(ParkedRow.aggregate_type, ParkedRow.aggregate_id).in_(aggregates),
        )
        .values(next_attempt_at=utc_now())
        .execution_options(synchronize_session=False)
    )
