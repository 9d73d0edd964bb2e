"""How much of the broker's and the database's speed our delivery keeps: ratios to ceilings measured in the same run.

    python bench/messaging.py [--messages 4000] [--rounds 3]

Needs PostgreSQL and RabbitMQ (`XUEFEN_TEST_POSTGRES`, `XUEFEN_TEST_AMQP`); works on databases and a virtual host of
its own and removes them. Rounds are interleaved and the median is shown, since machines are noisy: read the ratios.

- relay: outbox → RabbitMQ, against publishing the same bytes with pipelined confirms and no database;
- consumer: RabbitMQ → inbox and effect in groups, against acknowledging without a database, and against one
  transaction per message.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import amqp
import structlog
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from shared import bus, inbox, outbox, relay
from shared.bus import AmqpTransport, Consumer, declare_all
from shared.database import utc_now
from shared.envelopes import open_envelope
from shared.topology import CONNECTION_ERRORS, EVENTS, connect, events_queue
from tests import servers
from tests.shared import fake

PLANS = 200


def main() -> None:
    """Runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    urls = [servers.create_database("xuefen_bench") for _ in range(2)]
    url = servers.create_vhost("xuefen_bench")
    credits = fake.make("credits", urls[1], url)
    credits.service = replace(credits.service, handlers={fake.PlanDecided: note})
    world = fake.World(fake.make("plans", urls[0], url), credits)
    try:
        declare_all(url)
        world.transport.idle()
        seconds = defaultdict(list)
        for _ in range(options.rounds):
            for name, taken in one_round(world, url, options.messages):
                seconds[name].append(taken)
        report(options.messages, seconds)
    finally:
        world.close()
        servers.drop_vhost(url)
        for database in urls:
            servers.drop_database(database)


def note(session: Session, event: fake.PlanDecided) -> None:
    """One effect: one row."""
    session.add(fake.Effect(key=event.plan_id, number=event.version))


def one_round(world: fake.World, url: str, messages: int) -> list[tuple[str, float]]:
    """Each measurement once; returns (name, seconds)."""
    queue = events_queue("credits").name
    envelopes = write(world, messages)
    bodies = [outbox_body(row) for row in envelopes]
    found = [("raw publish", timed(lambda: publish_raw(url, bodies)))]
    purge(url)
    found.append(("relay", timed(lambda: drain(world.relay, messages))))
    found.append(("raw consume", timed(lambda: consume_raw(url, queue, messages))))
    with world.plans.database.transaction() as session:
        outbox.replay(session, utc_now().replace(year=2000))
    drain(world.relay, None)
    found.append(("consumer, groups", timed(lambda: consume(world, messages))))
    servers.reset_database(world.credits.database.url)
    world.credits.database.dispose()
    singly = [open_envelope(body.encode()) for body in bodies]
    run = world.credits
    found.append(
        (
            "inbox, one by one",
            timed(lambda: [inbox.receive(run.database, "credits", run.service.handlers, e) for e in singly]),
        )
    )
    for runtime in (world.plans, world.credits):
        servers.reset_database(runtime.database.url)
        runtime.database.dispose()
    purge(url)
    return found


def report(messages: int, seconds: dict[str, list[float]]) -> None:
    """Prints rates and ratios; a ratio is taken within each round."""
    ceilings = {
        "relay": "raw publish",
        "consumer, groups": "raw consume",
        "inbox, one by one": "consumer, groups",
    }
    print(f"{messages} messages, {len(seconds['relay'])} rounds, median (lowest to highest)")
    for name, taken in seconds.items():
        rate = messages / statistics.median(taken)
        line = f"{name:<20}{rate:>9,.0f}/s  ({messages / max(taken):,.0f} to {messages / min(taken):,.0f})"
        if name in ceilings:
            ratios = [c / t for c, t in zip(seconds[ceilings[name]], taken, strict=True)]
            line += f"   {statistics.median(ratios):.2f} of {ceilings[name]}"
        print(line)


def write(world: fake.World, messages: int) -> list[outbox.OutboxRow]:
    """Fills the outbox; returns its rows."""
    for start in range(0, messages, 500):
        with world.plans.database.transaction() as session:
            for index in range(start, min(start + 500, messages)):
                fake.publish(session, f"p{index % PLANS}", index // PLANS + 1)
    with world.plans.database.reading() as session:
        return [row for row, _ in outbox.due(session, messages)]


def outbox_body(row: outbox.OutboxRow) -> str:
    """The bytes that the relay sends for a row."""
    return json.dumps(row.envelope(), ensure_ascii=False)


def publish_raw(url: str, bodies: list[str], key: str = "plans.plan_decided.v1") -> None:
    """Pipelined confirms in batches of the relay's size, and nothing else."""
    connection = connect(url)
    channel: Any = connection.channel()
    channel.confirm_select()
    confirmed = 0

    def ack(tag: int, multiple: bool) -> None:
        nonlocal confirmed
        confirmed = max(confirmed, tag) if multiple else confirmed + 1

    channel.events["basic_ack"].add(ack)
    sent = 0
    for start in range(0, len(bodies), relay.BATCH):
        for body in bodies[start : start + relay.BATCH]:
            message = amqp.Message(body, delivery_mode=2, content_encoding="utf-8")
            channel.basic_publish(message, EVENTS.name, key, mandatory=True)
            sent += 1
        while confirmed < sent:
            connection.drain_events(timeout=10)
    connection.close()


def consume_raw(url: str, queue: str, messages: int) -> None:
    """Takes and acknowledges in groups of the consumer's size, and nothing else."""
    connection = connect(url)
    channel: Any = connection.channel()
    channel.basic_qos(0, bus.PREFETCH, False)
    taken: list[Any] = []
    channel.basic_consume(queue, callback=taken.append)
    done = 0
    while done < messages:
        connection.drain_events(timeout=10)
        if len(taken) >= bus.PREFETCH or done + len(taken) == messages:
            done += len(taken)
            channel.basic_ack(taken[-1].delivery_info["delivery_tag"], multiple=True)
            taken.clear()
    connection.close()


def consume(world: fake.World, messages: int) -> None:
    """The consumer of `credits`, until it has everything."""
    consumer = Consumer(world.credits)
    done = 0
    while done < messages:
        done += consumer.step(10)
    consumer.close()
    assert world.effects().total() == messages


def drain(emptied: relay.Relay, messages: int | None) -> None:
    """Steps the relay until the outbox is empty."""
    assert isinstance(emptied.transport, AmqpTransport)
    with suppress(*CONNECTION_ERRORS):
        # The broker may have closed it while other parts were measured; the first step then connects anew.
        emptied.transport.idle()
    total = 0
    while sent := emptied.step():
        total += sent
    assert messages in (None, total), (messages, total)


def purge(url: str) -> None:
    """Empties the queues."""
    connection = connect(url)
    channel: Any = connection.channel()
    for service in ("credits", "accounts"):
        channel.queue_purge(events_queue(service).name)
    connection.close()


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
