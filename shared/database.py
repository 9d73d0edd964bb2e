"""The database of one service: engine, the one place that commits, and column types.

SQLite and PostgreSQL serve alike. On SQLite every writing transaction is `BEGIN IMMEDIATE` behind a lock of this
process: a read that turns into a write in a deferred transaction fails at once, whatever the busy timeout, and the
busy handler is unfair. Nothing may talk to a network inside `transaction()`.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    ExceptionContext,
    Integer,
    MetaData,
    String,
    TypeDecorator,
    and_,
    create_engine,
    event,
    false,
    or_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class PlatformBase(DeclarativeBase):
    """Tables that every service has: outbox, inbox, jobs, idempotency keys."""

    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC. SQLite drops the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Hundredths(TypeDecorator[Decimal]):
    """An exact decimal with at most two places (credits, hours), kept as an integer number of hundredths.

    SQLite would keep Numeric as a float. Sums in SQL are therefore sums of integers, and come back exact.
    """

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        scaled = Decimal(value) * 100
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{value} has more than two decimal places")
        return int(scaled)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else (Decimal(int(value)) / 100).normalize() + Decimal("0.0")


class PathType(TypeDecorator[str]):
    """A unit path or another text that is compared by prefix: byte order, so that an index serves LIKE 'x%'."""

    impl = String(120)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(120, collation=collation))


JsonType = JSON().with_variant(JSONB(), "postgresql")
"""JSON, binary on PostgreSQL."""

PATHS = {"paths": True}
"""`info` of a JSON column whose texts are unit paths: they move with their units (`shared.moving`)."""

IdType = String(36)
"""Identifiers are text, so that a malformed one in an address simply finds nothing."""


_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


def is_text(value: str) -> bool:
    """Whether every database keeps the text: PostgreSQL has no NUL, and half a surrogate pair is no UTF-8."""
    return _NOT_TEXT.search(value) is None


def new_id() -> str:
    """A UUID (version 7): ordered by time, so that indexes stay compact."""
    stamp = int(time.time() * 1000).to_bytes(6, "big")
    raw = bytearray(stamp + secrets.token_bytes(10))
    raw[6] = (raw[6] & 0x0F) | 0x70
    raw[8] = (raw[8] & 0x3F) | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def utc_now() -> datetime:
    """The present time, aware, in UTC."""
    return datetime.now(UTC)


def under(column: InstrumentedAttribute[str], path: str) -> ColumnElement[bool]:
    """Whether the unit path in `column` is `path` or lies below it.

    A range instead of LIKE: a prepared statement with a parameter in LIKE cannot use the index. Paths end with a
    slash, and the character after the slash is "0".
    """
    return and_(column >= path, column < path[:-1] + "0")


def under_any(column: InstrumentedAttribute[str], paths: Iterable[str]) -> ColumnElement[bool]:
    """The same for several paths; false if there is none."""
    return or_(false(), *[under(column, path) for path in paths])


class Database:
    """One service's database.

    `transaction()` is for everything that may write, `reading()` for what only looks. `after_commit` is called
    after each commit that wrote to the outbox: a hint to the relay, never the guarantee.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.after_commit: Callable[[], None] = lambda: None
        self._write_lock: threading.Lock | None = None
        self._writer: int | None = None
        if url.startswith("sqlite"):
            self._write_lock = threading.Lock()
            self.engine = create_engine(
                url, pool_size=pool_size, hide_parameters=True, connect_args={"check_same_thread": False}
            )
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = create_engine(
                url,
                pool_size=pool_size,
                pool_pre_ping=True,
                # Values of a failed statement are somebody's data: they must not reach logs or parked messages.
                hide_parameters=True,
                connect_args={"options": "-c idle_in_transaction_session_timeout=60000"},
            )
            event.listen(self.engine, "handle_error", _drop_details)
        self._reader: Engine = self.engine.execution_options(read_only=True)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded kind."""
        return self._write_lock is not None

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed as a whole when the block ends, or not at all."""
        with self._one_writer(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session
        if session.info.get("outbox", False):
            self.after_commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads; nothing is kept of what it might write."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session  # closing detaches what was read; a rollback would empty it

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        """On SQLite, waits until no other thread of this process writes."""
        if self._write_lock is None:
            yield
            return
        if self._writer == threading.get_ident():
            raise RuntimeError("a transaction inside another would wait for itself")
        with self._write_lock:
            self._writer = threading.get_ident()
            try:
                yield
            finally:
                self._writer = None

    def dispose(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


def _drop_details(context: ExceptionContext) -> None:
    """PostgreSQL repeats whole rows in the DETAIL of an error, and `hide_parameters` knows nothing of it."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).split("\nDETAIL:", 1)[0], *error.args[1:])


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The driver must not begin transactions of its own: `_begin_sqlite` decides which kind.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
