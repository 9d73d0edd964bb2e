"""What the measurements of plans share: a database of their own, many copies of one submission, lines of a table."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import structlog
from sqlalchemy import event

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from services.plans.app import service
from services.plans.approval.models import Plan
from shared.database import Database
from tests import servers
from tests.plans import builders

KEY = "k" * 32
STAGES = ("county.donghu", "district.nanchang", "province")
"""Who approves a plan of a county-run school, in order."""
COPIED = {"plans": "id", "plan_items": "plan_id", "plan_versions": "plan_id", "plan_authors": "plan_id"}
"""Tables of a submission -> column with the plan's id; the history is copied apart, since its lines have ids."""


@contextmanager
def world() -> Iterator[Database]:
    """A database with the tables and the sample province; dropped afterwards."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    url = servers.create_database("xuefen_bench")
    database = Database(url, pool_size=60)
    try:
        for metadata in service.metadata:
            metadata.create_all(database.engine)
        with database.transaction() as session:
            builders.seed(session, KEY.encode())
        yield database
    finally:
        database.dispose()
        servers.drop_database(url)


@contextmanager
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """The driver alone, on the same database."""
    with psycopg.connect(database.url.replace("+psycopg", "")) as opened:
        yield opened


def submitted(database: Database) -> str:
    """Id of one plan of the demo school that waits at the county: the model of all copies."""
    with database.transaction() as session:
        return builders.submit(session, builders.make_plan(session)).id


def copy(
    raw: psycopg.Connection[Any], model: str, first: int, last: int, changed: Mapping[str, str] | None = None
) -> None:
    """Submissions number `first` to `last` as copies of `model`, with one history line each.

    `changed`: column of plans -> SQL over `g`, the number.
    """
    new = {"id": _id("g"), "number": "'B' || g", **(changed or {})}
    for table, key in COPIED.items():
        _copy(raw, table, key, model, first, last, new if table == "plans" else {key: _id("g")})
    _copy(raw, "plan_history", "plan_id", model, first, last, {"id": _id("g", 1), "plan_id": _id("g")})


def id_of(number: int) -> str:
    """The id of a copy: older than whatever is made now, as ids are ordered by time."""
    return f"00000000-0000-7000-8000-{number:012d}"


def line_id(place: int) -> str:
    """The id of that history line of submission `g`, as SQL."""
    return _id("g", place)


def _id(number: str, line: int = 0) -> str:
    return f"'00000000-0000-7000-800{line}-' || lpad(({number})::text, 12, '0')"


def _copy(
    raw: psycopg.Connection[Any],
    table: str,
    key: str,
    model: str,
    first: int,
    last: int,
    new: Mapping[str, str],
    where: str = "true",
) -> None:
    names = [
        row[0]
        for row in raw.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
    ]
    into, out = ", ".join(f'"{name}"' for name in names), ", ".join(new.get(name, f'm."{name}"') for name in names)
    raw.execute(
        f"INSERT INTO {table} ({into}) SELECT {out} FROM generate_series({first}, {last}) g, {table} m"
        f" WHERE m.{key} = '{model}' AND ({where})"
    )


def add_lines(
    raw: psycopg.Connection[Any],
    model: str,
    first: int,
    last: int,
    changed: Mapping[str, str],
    where: str,
    place: int = 2,
) -> None:
    """A further history line for those of the submissions, from the model's with other columns (SQL over `g`).

    `place`: its number, from 2 to 9.
    """
    new = {"id": line_id(place), "plan_id": _id("g"), **changed}
    _copy(raw, "plan_history", "plan_id", model, first, last, new, where)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Every statement that the service sends meanwhile."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def p95(seconds: Sequence[float]) -> float:
    """The time within which 95 of 100 were done."""
    return statistics.quantiles(seconds, n=20)[-1]


def line(name: str, figure: str, target: str = "", good: bool | None = None) -> None:
    """Prints one line of the table."""
    verdict = "" if good is None else "ok" if good else "MISS"
    print(f"{name:<44}{figure:<34}{target:<22}{verdict}".rstrip(), flush=True)


__all__ = [
    "KEY",
    "STAGES",
    "Plan",
    "add_lines",
    "connection",
    "copy",
    "id_of",
    "line",
    "line_id",
    "p95",
    "statements",
    "submitted",
    "timed",
    "world",
]
