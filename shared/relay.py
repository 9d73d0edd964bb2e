"""Takes messages out of a service's outbox and hands them to a transport until they are safe.

One relay is active per database and kind: an advisory lock on PostgreSQL, the one process on SQLite.
`LocalTransport` is the embedded default: it calls the handlers and jobs themselves, with the same inbox rows as
the broker's consumers. Nothing here may import kombu or Celery.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared import inbox, outbox
from shared.database import Database
from shared.jobs import run_job, tick
from shared.logs import get_logger
from shared.outbox import OutboxRow, Results
from shared.service import Runtime

log = get_logger(__name__)

BATCH = 200
RELAY_LOCK = 0x58554546454E  # "XUEFEN": the advisory lock that makes one relay of several


class Transport(Protocol):
    """Where messages go."""

    def send(self, rows: list[OutboxRow]) -> Results:
        """Sends the rows in order and says which are safe; rows without a result are sent again.

        Raises if nothing is known of any.
        """

    def idle(self) -> None:
        """Called often while there is nothing to send. Raises if messages could not be sent now."""


class Relay:
    """The loop that empties the outbox."""

    def __init__(self, database: Database, transport: Transport, *, kind: str | None = None) -> None:
        self.database, self.transport, self.kind = database, transport, kind
        self.wake = threading.Event()
        self.beat = time.monotonic()

    def step(self) -> int:
        """Sends one batch; returns how many messages became safe."""
        if self.database.is_sqlite:
            # Never hold SQLite's write lock while handlers or a broker are at work.
            with self.database.reading() as session:
                claimed = outbox.due(session, BATCH, self.kind)
            if not claimed:
                return 0
            results = self.transport.send([row for row, _ in claimed])
            with self.database.transaction() as session:
                return outbox.settle(session, [todo for _, todo in claimed], results)
        with self.database.transaction() as session:
            if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": RELAY_LOCK}):
                return 0
            claimed = outbox.due(session, BATCH, self.kind)
            if not claimed:
                return 0
            results = self.transport.send([row for row, _ in claimed])
            return outbox.settle(session, [todo for _, todo in claimed], results)

    def run(self, stop: threading.Event, idle: float = 0.1) -> None:
        """Steps until `stop` is set; waits for a wake-up or `idle` seconds when there is nothing to do."""
        failures = 0
        while not stop.is_set():
            self.wake.clear()
            try:
                sent = self.step()
                if not sent:
                    self.transport.idle()
                failures = 0
            except Exception as error:  # broker or database away: the rows stay, and we try again
                failures += 1
                sent = 0
                log.warning("relay_waits", error=f"{type(error).__name__}: {error}", failures=failures)
                stop.wait(min(0.1 * 2**failures, 3.0) * random.uniform(0.5, 1.0))  # noqa: S311
            self.beat = time.monotonic()
            if not sent and not stop.is_set():
                self.wake.wait(idle)


class LocalTransport:
    """Hands messages to the services of this very process."""

    def __init__(self, runtimes: Mapping[str, Runtime]) -> None:
        self.runtimes = runtimes

    def send(self, rows: list[OutboxRow]) -> Results:
        """Applies each message in every other service, or runs the job; a message that is parked is safe too."""
        results: dict[int, str | None] = {}
        for row in rows:
            owner = row.name.split(".", 1)[0]
            if row.kind == "job":
                runtime = self.runtimes[owner]
                run_job(
                    runtime.database,
                    runtime.service.jobs,
                    row.event_id,
                    row.name,
                    row.payload,
                    row.headers,
                    runtime,
                )
                # It may have taken long: what it did is noted before the next one is begun.
                return results | {row.id: None}
            for name, runtime in self.runtimes.items():
                if name != owner:
                    inbox.receive(runtime.database, name, runtime.service.handlers, row.envelope())
            results[row.id] = None
        return results

    def idle(self) -> None:
        """Nothing to keep alive: the receivers are in this process."""


def sweep(runtime: Runtime) -> int:
    """Tries the parked messages of a service whose time has come; returns how many it tried."""
    with runtime.database.reading() as session:
        rows = inbox.due_parked(session)
    for consumer, envelope in rows:
        inbox.receive(runtime.database, consumer, runtime.service.handlers, envelope)
    return len(rows)


def run_sweeper(runtime: Runtime, stop: threading.Event, interval: float = 0.5) -> None:
    """Sweeps until `stop` is set."""
    while not stop.wait(interval):
        try:
            sweep(runtime)
        except Exception as error:  # the database is away: nothing is lost, the rows are in it
            log.warning("sweeper_waits", error=f"{type(error).__name__}: {error}")


def run_schedule(runtime: Runtime, stop: threading.Event, interval: float = 1.0) -> None:
    """Ticks for each scheduled job until `stop` is set: the embedded default's clock, in place of Celery beat."""
    while not stop.wait(interval):
        try:
            for name, every in runtime.service.schedule.items():
                tick(runtime.database, name, every)
        except DBAPIError as error:  # the database is away: the next tick starts what is due
            log.warning("schedule_waits", error=f"{type(error).__name__}: {error}")
