"""The `bus` process of a service: events of others in, outbox out, each over its own connection to RabbitMQ.

A broker that blocks publishers must not stop acknowledgements, hence two connections; kombu's objects are not
thread-safe, hence one thread for each. Nothing here ends for want of a broker or a database: it waits and tries
again, and what is not safe stays where it is.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import amqp
from sqlalchemy import text

from shared import audit_trail, inbox, jobs
from shared.envelopes import open_envelope
from shared.logs import get_logger
from shared.publisher import AmqpTransport
from shared.relay import Relay, run_sweeper
from shared.service import Runtime
from shared.topology import connect, dead_queue, declare, declare_all, events_queue, probe

__all__ = ["AmqpTransport", "BusFailedError", "Consumer", "declare_all", "probe", "run_bus"]

log = get_logger(__name__)

PREFETCH = 50
GROUP_BYTES = 256 * 1024
"""Messages applied in one transaction: up to `PREFETCH`, and no more than this, so that no heartbeat is missed."""
STALLED_AFTER = 300.0
"""Seconds without a sign of life after which the process ends, for its supervisor to start it anew."""


class BusFailedError(Exception):
    """A part of the process has ended or does not move; the process must be started anew."""


class Consumer:
    """Takes the service's events, applies them in groups and acknowledges after the commit; reads dead letters."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._connection: amqp.Connection | None = None
        self._events: Any = None
        self._dead: Any = None
        self._tag = ""
        self._alone = True
        self._was_consuming = False
        self._deliveries: list[Any] = []
        self._dead_letters: list[Any] = []
        self.beat = time.monotonic()

    def step(self, timeout: float = 1.0) -> int:
        """Waits up to `timeout` seconds for messages and applies what is there; returns how many.

        Raises when broker or database are away; then nothing was acknowledged that is not committed.
        """
        try:
            if self._connection is None:
                self._open()
            assert self._connection is not None
            self._collect(self._connection, timeout)
            done = self._apply_all() + self._read_dead_letters()
            self._connection.heartbeat_tick()
        except BaseException:
            self.close()
            raise
        return done

    def run(self, stop: threading.Event) -> None:
        """Steps until `stop` is set; whatever is away, it waits and connects anew."""
        failures = 0
        while not stop.is_set():
            try:
                self.step()
                failures = 0
            except Exception as error:  # broker or database away: nothing is lost, it comes again
                failures += 1
                log.warning("consumer_waits", error=f"{type(error).__name__}: {error}", failures=failures)
                # Whatever was at hand counts as delivered once more, so these pauses grow longer than those
                # before a connection that cannot be made.
                longest = 30.0 if self._was_consuming else 3.0
                stop.wait(min(0.1 * 2**failures, longest) * random.uniform(0.5, 1.0))  # noqa: S311
            self.beat = time.monotonic()
        self.close()

    def close(self) -> None:
        """Throws the connection away; what is not acknowledged is delivered again."""
        self._was_consuming = bool(self._tag)
        if self._connection is not None:
            self._connection.collect()
        self._connection = self._events = self._dead = None
        self._tag = ""
        self._deliveries, self._dead_letters = [], []

    def _open(self) -> None:
        with self._runtime.database.reading() as session:
            session.execute(text("SELECT 1"))  # without a database, each delivery would only be counted as failed
        self._connection = connect(self._runtime.settings.amqp_url)
        declare(self._connection)
        self._events, self._dead = self._connection.channel(), self._connection.channel()
        # The first message is taken alone: if it is the one that killed us, only its own deliveries count up.
        self._alone = True
        self._consume(1)
        self._dead.basic_qos(0, 10, False)
        self._dead.basic_consume(dead_queue(self._name).name, callback=lambda m: self._dead_letters.append(m))

    def _consume(self, prefetch: int) -> None:
        self._events.basic_qos(0, prefetch, False)
        self._tag = self._events.basic_consume(
            events_queue(self._name).name, callback=lambda m: self._deliveries.append(m)
        )

    def _collect(self, connection: amqp.Connection, timeout: float) -> None:
        with suppress(TimeoutError):
            deadline = time.monotonic() + timeout
            while not self._deliveries and not self._dead_letters:
                connection.drain_events(timeout=max(deadline - time.monotonic(), 0.001))
            while not self._alone and len(self._deliveries) < PREFETCH:
                connection.drain_events(timeout=0.005)

    def _apply_all(self) -> int:
        deliveries, self._deliveries = self._deliveries, []
        group: list[Any] = []
        size = 0
        for message in deliveries:
            if group and size + len(message.body) > GROUP_BYTES:
                self._apply(group)
                group, size = [], 0
            group.append(message)
            size += len(message.body)
        if group:
            self._apply(group)
        return len(deliveries)

    def _apply(self, group: list[Any]) -> None:
        run = self._runtime
        envelopes = [open_envelope(_body(message)) for message in group]
        inbox.receive_group(run.database, self._name, run.service.handlers, envelopes)
        if self._alone:
            # Before the acknowledgement, so that nothing is on its way that another consumer would overtake.
            self._events.basic_cancel(self._tag)
        self._acknowledge(group)
        if self._alone:
            self._alone = False
            self._consume(PREFETCH)

    def _acknowledge(self, group: list[Any]) -> None:
        self._events.basic_ack(group[-1].delivery_info["delivery_tag"], multiple=True)
        assert self._connection is not None
        self._connection.heartbeat_tick()

    def _read_dead_letters(self) -> int:
        """Into the database, where people see them: jobs are queued anew, events are parked for a person."""
        letters, self._dead_letters = self._dead_letters, []
        for message in letters:
            headers = message.properties.get("application_headers") or {}
            reason = f"the broker gave it up: {headers.get('x-first-death-reason')}"
            if "task" in headers:
                revived = jobs.revive(self._runtime.database, str(headers.get("id")))
                log.warning("job_dead_letter", job=headers["task"], job_id=headers.get("id"), revived=revived)
            else:
                inbox.park(self._runtime.database, self._name, open_envelope(_body(message)), "dead_letter", reason)
            self._dead.basic_ack(message.delivery_info["delivery_tag"])
        return len(letters)

    @property
    def _name(self) -> str:
        return self._runtime.service.name


def run_bus(runtime: Runtime, stop: threading.Event) -> None:
    """Runs relay, consumer and sweepers until `stop` is set.

    Raises `BusFailedError` if one of them ends or stalls: then the process must end too, and be started anew.
    """
    relay, consumer = Relay(runtime.database, AmqpTransport(runtime)), Consumer(runtime)
    runtime.database.after_commit = relay.wake.set
    parts: dict[str, Callable[[], None]] = {
        "relay": lambda: relay.run(stop),
        "consumer": lambda: consumer.run(stop),
        "sweeper": lambda: run_sweeper(runtime, stop),
        "sealer": lambda: audit_trail.run_sealer(runtime.database, stop),
        "lost jobs": lambda: _revive_lost(runtime, stop),
    }
    threads = [threading.Thread(target=run, name=name, daemon=True) for name, run in parts.items()]
    for thread in threads:
        thread.start()
    log.info("bus_started", service=runtime.service.name)
    try:
        while not stop.wait(0.5):
            ended = [thread.name for thread in threads if not thread.is_alive()]
            if ended and not stop.is_set():
                raise BusFailedError(f"ended: {', '.join(ended)}")
            for name, beat in (("relay", relay.beat), ("consumer", consumer.beat)):
                if time.monotonic() - beat > STALLED_AFTER:
                    raise BusFailedError(f"stalled: {name}")
    finally:
        stop.set()
        relay.wake.set()
        for thread in threads:
            thread.join(timeout=15)
    log.info("bus_stopped", service=runtime.service.name)


def _revive_lost(runtime: Runtime, stop: threading.Event) -> None:
    while not stop.wait(60):
        try:
            jobs.revive_lost(runtime.database)
        except Exception as error:  # the database is away: the next minute will do
            log.warning("lost_jobs_wait", error=f"{type(error).__name__}: {error}")


def _body(message: Any) -> bytes:
    """The bytes of a message: py-amqp has decoded them where the sender named an encoding that it knows."""
    return message.body.encode("utf-8", "surrogatepass") if isinstance(message.body, str) else bytes(message.body)
