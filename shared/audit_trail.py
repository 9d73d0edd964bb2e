"""The audit trail: what was done, by whom and when, in rows that nobody can change without its being seen.

Each act leaves a row in `audit_pending`, in its own transaction (`record`). A sealer moves them, some seconds later and
one after the other, into `audit_trail`, where each carries the hash of the row before it (`seal`). So no request
waits for another, and numbers have no gaps: what is missing is missed. Reasons: docs/decisions/0036-audit-trail.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import BigInteger, String, delete, func, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared.actors import SYSTEM, Actor
from shared.database import Database, IdType, JsonType, PlatformBase, UtcDateTime, utc_now
from shared.logs import get_logger
from shared.outbox import BigId
from shared.settings import SERVICES

log = get_logger(__name__)

ANONYMOUS = "anonymous"
"""The account of what was done without signing in."""
START = "0" * 64
"""What stands for the hash before the first row."""
SEAL_LOCK = 0x58554546_5345414C  # "XUEFSEAL": the advisory lock that makes one sealer of several
BATCH = 500
PAGE = 5000
SHOWN = 20
"""So many faults are told of; where there are more, the rest is counted."""


class _Act:
    """What both tables say of an act. None of it is personal data, and none of it changes when a unit moves."""

    at: Mapped[datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str] = mapped_column(IdType)
    """Whose act it was or came of; `system` for schedules, `anonymous` for somebody who has not signed in."""
    person_id: Mapped[str | None] = mapped_column(IdType)
    unit_path: Mapped[str | None] = mapped_column(String(120))
    """The unit of the account's first post, by the path that it had then: plain text, which moving a unit leaves."""
    act: Mapped[str] = mapped_column(String(200))
    """Method and route, or the name of an event or a job."""
    record: Mapped[str] = mapped_column(String(200))
    """Kind and id of what it was done to, as the route, the event or the job names it."""
    request_id: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, str]] = mapped_column(JsonType)


class AuditPending(_Act, PlatformBase):
    """An act that is not sealed yet."""

    __tablename__ = "audit_pending"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)


class AuditRow(_Act, PlatformBase):
    """A sealed act: triggers refuse every change."""

    __tablename__ = "audit_trail"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """1, 2, 3 … without a gap, in the order of sealing."""
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act, to be recorded."""

    act: str
    account_id: str = SYSTEM.account_id
    person_id: str | None = None
    unit_path: str | None = None
    record: str = ""
    request_id: str | None = None
    """Without one, that of the work at hand."""
    details: Mapping[str, str] = field(default_factory=dict)
    """Ids and words of the program only: no names, no numbers of people, nothing that somebody typed."""


def entry_of(actor: Actor | None, act: str, *, record: str = "", details: Mapping[str, str] | None = None) -> Entry:
    """An act of somebody signed in, or of a stranger (None)."""
    if actor is None:
        return Entry(act=act, account_id=ANONYMOUS, record=record, details=details or {})
    unit_path = actor.posts[0].unit.path if actor.posts else None
    return Entry(
        act=act,
        account_id=actor.account_id,
        person_id=actor.person_id,
        unit_path=unit_path,
        record=record,
        details=details or {},
    )


_PENDING: Any = AuditPending.__table__
_ONE = insert(_PENDING).inline()
_MANY = insert(_PENDING).returning(AuditPending.id)
"""With RETURNING several rows are one statement. Made once, for every act of everybody passes here."""
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
_FACTS = ("at", "account_id", "person_id", "unit_path", "act", "record", "request_id", "details")


def record(session: Session, *entries: Entry) -> None:
    """Writes down acts in the transaction that does them: they are there if, and only if, it commits."""
    if not entries:
        return
    now, context = utc_now(), structlog.contextvars.get_contextvars()
    rows = [
        {
            "at": now,
            "account_id": entry.account_id,
            "person_id": entry.person_id,
            "unit_path": entry.unit_path,
            "act": entry.act[:200],
            "record": entry.record[:200],
            "request_id": entry.request_id or context.get("request_id"),
            "details": dict(entry.details),
        }
        for entry in entries
    ]
    connection = session.connection()
    if len(rows) == 1:
        connection.execute(_ONE, rows[0])
    else:
        connection.execute(_MANY, rows)


def seal(database: Database) -> int:
    """Chains up to `BATCH` waiting acts; returns how many. 0 too while another process is at it.

    A row becomes visible when its transaction commits, so one that commits late is simply chained later: the chain is
    the order, and no number is given before.
    """
    with database.reading() as session:
        if session.scalar(select(AuditPending.id).limit(1)) is None:
            return 0
    with database.transaction() as session:
        if not database.is_sqlite and not session.scalar(_TRY_LOCK, {"key": SEAL_LOCK}):
            return 0
        waiting = session.scalars(select(AuditPending).order_by(AuditPending.id).limit(BATCH)).all()
        number, previous = head(session)
        rows = []
        for act in waiting:
            facts: dict[str, Any] = {name: getattr(act, name) for name in _FACTS}
            number += 1
            row = facts | {"number": number, "previous": previous, "hash": digest(number, previous, facts)}
            rows.append(row)
            previous = row["hash"]
        if rows:
            session.execute(insert(AuditRow), rows)
            session.execute(delete(AuditPending).where(AuditPending.id.in_([act.id for act in waiting])))
    return len(rows)


def run_sealer(database: Database, stop: threading.Event, interval: float = 2.0) -> None:
    """Seals until `stop` is set; what waits is at most some seconds old while it runs."""
    while not stop.wait(interval):
        try:
            while seal(database) == BATCH and not stop.is_set():
                pass
        except Exception as error:  # the database is away: the acts wait in it
            log.warning("sealer_waits", error=f"{type(error).__name__}: {error}")


def digest(number: int, previous: str, facts: Mapping[str, Any]) -> str:
    """The hash of a row: SHA-256 over the hash before it, its number and all its facts, as JSON of one fixed form."""
    at = facts["at"].astimezone(UTC).isoformat(timespec="microseconds")
    row = [previous, number, at, *(facts[name] for name in _FACTS[1:])]
    text_of_row = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text_of_row.encode()).hexdigest()


def head(session: Session) -> tuple[int, str]:
    """Number and hash of the last sealed row: what is written down elsewhere."""
    query = select(AuditRow.number, AuditRow.hash).order_by(AuditRow.number.desc()).limit(1)
    found = session.execute(query).first()
    return (int(found.number), str(found.hash)) if found else (0, START)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found."""

    count: int
    number: int
    """Of the last row."""
    hash: str
    waiting: int
    """Acts that are not sealed yet."""
    oldest: datetime | None
    faults: list[str]
    """Each with its number: at most `SHOWN`, and a line that counts the rest."""


def verify(session: Session, heads: Mapping[int, str]) -> Verdict:
    """Walks the whole chain, a page at a time. `heads`: number -> hash, as they were written down once.

    Without heads a chain that was cut off at its end, or computed anew from some row on, looks whole.
    """
    count, number, previous = 0, 0, START
    shown: list[str] = []
    more = 0
    noted = dict(heads)
    for row in _rows(session):
        for fault in _faults(row, number, previous, noted.pop(row.number, None)):
            if len(shown) < SHOWN:
                shown.append(f"{row.number}: {fault}")
            else:
                more += 1
        count, number, previous = count + 1, row.number, row.hash
    for wanted in sorted(noted):
        if not 0 < wanted <= number:  # one in between was told of as missing
            shown.append(f"{wanted}: was written down as the last row, but the trail ends with {number}")
    waiting, oldest = session.execute(select(func.count(), func.min(AuditPending.at)).select_from(AuditPending)).one()
    return Verdict(count, number, previous, waiting, oldest, shown + ([f"and {more} more"] if more else []))


def read_heads(lines: Iterable[str], service: str | None) -> dict[str, dict[int, str]]:
    """`SERVICE:NUMBER:HASH` (or `NUMBER:HASH` of `service`) as service -> number -> hash. Raises `ValueError`."""
    found: dict[str, dict[int, str]] = {}
    for line in lines:
        match = re.fullmatch(r"(?:([a-z]+):)?([0-9]{1,18}):([0-9a-f]{64})", line.strip())
        name = (match[1] or service) if match else None
        if match is None or name not in SERVICES or (service and name != service):
            raise ValueError(f"not SERVICE:NUMBER:HASH as `audit head` prints it: {line}")
        if int(match[2]):  # an empty trail has no row to look for
            found.setdefault(name, {})[int(match[2])] = match[3]
    return found


def _rows(session: Session) -> Iterator[Any]:
    last: int | None = None
    while True:
        query = select(*AuditRow.__table__.columns).order_by(AuditRow.number).limit(PAGE)
        page = session.execute(query if last is None else query.where(AuditRow.number > last)).all()
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].number


def _faults(row: Any, before: int, previous: str, noted: str | None) -> Iterator[str]:
    if row.number <= 0:
        yield "was inserted: numbers begin with 1"
    elif row.number != before + 1:
        gone = f"row {before + 1} is" if row.number == before + 2 else f"rows {before + 1} to {row.number - 1} are"
        yield f"{gone} missing before it"
    elif row.previous != previous:
        yield f"names {row.previous} as the hash before it, row {before} has {previous}"
    if digest(row.number, row.previous, row._mapping) != row.hash:
        yield "was changed or inserted: what it says does not give its hash"
    if noted is not None and noted != row.hash:
        yield f"has the hash {row.hash}, written down was {noted}"
