"""What stands on the broker: exchanges, queues and their arguments, and how one connects to it.

Every party declares all of it on every connection: a broker may have been wiped, and a message to a service whose
queue is not there would be dropped. Arguments cannot be changed once a queue exists: a new argument is a new
version in the queue's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import amqp
from amqp.exceptions import AMQPError
from kombu import Connection, Exchange, Queue, binding

from shared.settings import SERVICES

EVENTS = Exchange("xuefen.events", type="topic", durable=True)
JOBS = Exchange("xuefen.jobs", type="topic", durable=True)
DEAD = Exchange("xuefen.dead", type="direct", durable=True)
DELIVERY_LIMIT = 20
"""After so many lost deliveries a message goes to the dead letters: the net for what kills its consumer."""
HEARTBEAT = 10
"""Seconds."""
CONNECTION_ERRORS = (AMQPError, OSError)
"""What a broker that is away, silent or closing raises."""


def events_queue(service: str, services: Sequence[str] = SERVICES) -> Queue:
    """Events for a service: everything that the others publish, so that numbers of an aggregate have no holes."""
    return Queue(
        f"{service}.events.v1",
        bindings=[binding(EVENTS, routing_key=f"{owner}.#") for owner in services if owner != service],
        durable=True,
        # One consumer at a time keeps the order; another one of the service stands by.
        queue_arguments=_quorum(service) | {"x-single-active-consumer": True},
    )


def jobs_queue(service: str) -> Queue:
    """Background jobs of a service, taken by its Celery workers."""
    return Queue(f"{service}.jobs.v1", JOBS, routing_key=f"{service}.#", durable=True, queue_arguments=_quorum(service))


def dead_queue(service: str) -> Queue:
    """What the broker gave up delivering to a service; read back into its database by the bus process."""
    # The limit is given because without one RabbitMQ 4 drops after 20 deliveries, and -1 means 0 on 3.10.
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
    return Queue(f"{service}.dead.v1", DEAD, routing_key=service, durable=True, queue_arguments=arguments)


def declare(connection: amqp.Connection, services: Sequence[str] = SERVICES) -> None:
    """Declares the whole topology of all services; harmless where it exists."""
    channel: Any = connection.channel()
    for exchange in (EVENTS, JOBS, DEAD):
        exchange(channel).declare()
    for service in services:
        for queue in (dead_queue(service), events_queue(service, services), jobs_queue(service)):
            queue(channel).declare()
    channel.close()


def declare_all(amqp_url: str) -> None:
    """The same over a connection of its own: what `xuefen release` does before anything else starts."""
    connection = connect(amqp_url)
    declare(connection)
    connection.close()


def connect(amqp_url: str, *, timeout: float = 3.0, silence: float = 15.0) -> amqp.Connection:
    """An open connection with heartbeats. Raises one of `CONNECTION_ERRORS`.

    `timeout` is for connecting, `silence` for each read and write after that, both in seconds: a broker that is
    alive but silent would otherwise hold the thread for ever.
    """
    address = Connection(
        amqp_url,
        heartbeat=HEARTBEAT,
        connect_timeout=timeout,
        transport_options={"read_timeout": silence, "write_timeout": silence},
    )
    # Not `address.connect()`, which tries again by itself: whoever calls has a better idea of when to.
    connection: amqp.Connection = address.transport.establish_connection()
    return connection


def probe(amqp_url: str) -> str | None:
    """Whether the broker takes connections: None, or in short why not. Takes at most about two seconds."""
    try:
        connect(amqp_url, timeout=2, silence=2).close()
    except CONNECTION_ERRORS as error:
        return type(error).__name__
    return None


def _quorum(service: str) -> dict[str, object]:
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD.name,
        "x-dead-letter-routing-key": service,
        # The default loses dead letters when their queue is away; this one needs reject-publish.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
