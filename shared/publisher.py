"""The outbox's way to RabbitMQ: publishing with confirms, many messages at a time.

Waiting for each confirm is twelve times slower, and not waiting loses messages whenever the broker stops.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import amqp
from amqp.exceptions import NotFound

from shared import outbox
from shared.database import utc_now
from shared.logs import get_logger
from shared.outbox import OutboxRow, Results
from shared.retention import OUTBOX
from shared.service import Runtime
from shared.topology import EVENTS, JOBS, connect, declare

log = get_logger(__name__)

CONFIRM_TIMEOUT = 10.0
"""Seconds for a whole batch; the relay's transaction may be idle for 60."""


class AmqpTransport:
    """A relay's transport to RabbitMQ. After any doubt it throws the connection away, and the rows stay queued."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._celery: Any = None
        self._connection: amqp.Connection | None = None
        self._channel: Any = None
        self._last_tag = 0
        self._unconfirmed: dict[int, OutboxRow] = {}
        self._returned: dict[str, str] = {}
        self._results: dict[int, str | None] = {}
        self._next_heartbeat = 0.0

    def send(self, rows: list[OutboxRow]) -> Results:
        """Publishes in order and waits for the confirms. Raises when they do not come, or the broker is away."""
        try:
            if self._connection is None and self._open():
                return {}  # older messages were queued just now, and go first
            return self._publish(rows)
        except BaseException:
            self.close()
            raise

    def idle(self) -> None:
        """Keeps the connection, so that a broker that was wiped while nothing was sent is noticed as well."""
        if self._connection is not None and time.monotonic() < self._next_heartbeat:
            return
        self._next_heartbeat = time.monotonic() + 1.0
        try:
            if self._connection is None:
                self._open()
            assert self._connection is not None
            self._connection.heartbeat_tick()
            with suppress(TimeoutError):
                self._connection.drain_events(timeout=0)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Throws the connection away."""
        if self._connection is not None:
            self._connection.collect()
        self._connection = self._channel = None

    def _open(self) -> bool:
        """Connects; True if the broker was new or wiped and the messages of the window are queued again."""
        self._connection = connect(self._runtime.settings.amqp_url)
        declare(self._connection)
        new = self._owe_window_if_new(self._connection)
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._on_ack)
        self._channel.events["basic_nack"].add(self._on_nack)
        self._channel.events["basic_return"].add(self._on_return)
        self._last_tag, self._unconfirmed = 0, {}
        return new

    def _owe_window_if_new(self, connection: amqp.Connection) -> bool:
        """A durable exchange marks a broker that has had everything. It is declared last: a crash repeats the rest."""
        marker = f"xuefen.epoch.{self._runtime.service.name}"
        with suppress(NotFound):
            connection.channel().exchange_declare(marker, "fanout", passive=True)
            return False
        with self._runtime.database.transaction() as session:
            outbox.replay(session, utc_now() - OUTBOX)
        connection.channel().exchange_declare(marker, "fanout", durable=True, auto_delete=False)
        log.warning("broker_is_new", days=OUTBOX.days)
        return True

    def _publish(self, rows: list[OutboxRow]) -> Results:
        assert self._connection is not None
        self._results, self._returned = {}, {}
        for row in rows:
            self._last_tag += 1
            self._unconfirmed[self._last_tag] = row
            exchange = EVENTS if row.kind == "event" else JOBS
            self._channel.basic_publish(self._message(row), exchange.name, row.routing_key, mandatory=True)
        deadline = time.monotonic() + CONFIRM_TIMEOUT
        while self._unconfirmed:
            self._connection.drain_events(timeout=max(deadline - time.monotonic(), 0.001))
        return self._results

    def _message(self, row: OutboxRow) -> amqp.Message:
        properties: dict[str, Any] = {
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "delivery_mode": 2,
            "message_id": row.event_id,
            "type": row.name,
        }
        if row.kind == "event":
            return amqp.Message(json.dumps(row.envelope(), ensure_ascii=False), **properties)
        from shared.background import job_message, make_celery

        self._celery = self._celery or make_celery(self._runtime)
        task = job_message(self._celery, row.name, row.event_id, row.payload, row.headers)
        body = json.dumps(task.body, ensure_ascii=False)
        return amqp.Message(body, application_headers=task.headers, **properties, **task.properties)

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, None)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, "refused by the broker")

    def _on_return(self, error: Exception, exchange: str, routing_key: str, message: amqp.Message) -> None:
        # It comes before the acknowledgement of the same message.
        self._returned[message.properties["message_id"]] = f"no queue for {routing_key}: {error}"

    def _settle(self, tag: int, multiple: bool, error: str | None) -> None:
        # Tags grow, and a dict keeps the order in which they came.
        tags = [t for t in self._unconfirmed if t <= tag] if multiple else [tag]
        for settled in tags:
            row = self._unconfirmed.pop(settled)
            self._results[row.id] = error or self._returned.get(row.event_id)
