"""Over RabbitMQ: lost connections, killed processes, a wiped broker, poison; nothing is lost, nothing applied twice."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import amqp
import psycopg
import pytest
from sqlalchemy import select, text

from shared import inbox, publisher
from shared.bus import AmqpTransport, Consumer, declare_all
from shared.envelopes import open_envelope
from shared.inbox import InboxRow
from shared.outbox import OutboxTodo
from shared.topology import DELIVERY_LIMIT, connect, dead_queue, events_queue
from tests import servers
from tests.shared import fake
from tests.shared.fake import World
from tests.shared.load import decide_all, everything
from tests.shared.process import running

pytestmark = pytest.mark.servers


@pytest.fixture
def world(on_servers: World) -> World:
    """Only the servers' world is of interest here."""
    return on_servers


def on_broker(world: World, work: Any) -> Any:
    """Does something on a channel of its own."""
    connection = connect(world.plans.settings.amqp_url)
    try:
        return work(connection.channel())
    finally:
        connection.close()


def wipe(world: World) -> None:
    """Takes everything from the virtual host, as if the broker had lost its disk."""

    def delete(channel: Any) -> None:
        for service in ("plans", "credits", "accounts"):
            channel.queue_delete(events_queue(service).name)
            channel.exchange_delete(f"xuefen.epoch.{service}")

    on_broker(world, delete)


def test_many_messages_arrive_once_and_in_order(world: World) -> None:
    decide_all(world, 30, 1, 12)
    world.deliver()
    assert world.effects() == everything(30, 12)
    assert all(world.order(f"p{plan}") == list(range(1, 13)) for plan in range(30))
    assert world.parked() == {}


def test_message_that_no_queue_takes_is_not_taken_for_safe(world: World) -> None:
    world.transport.idle()
    for service in ("accounts", "credits"):
        on_broker(world, lambda channel, service=service: channel.queue_delete(events_queue(service).name))
    world.decide("p1", 1)
    assert world.relay.step() == 0
    with world.plans.database.transaction() as session:
        todo = session.scalars(select(OutboxTodo)).one()
        assert todo.last_error
        assert "no queue for plans.plan_decided.v1" in todo.last_error
        todo.not_before = todo.not_before.replace(year=2020)
    # Whoever connects declares what is missing.
    declare_all(world.plans.settings.amqp_url)
    world.deliver()
    assert world.effects() == {("p1", 1): 1}


def test_queues_of_services_that_have_never_run_are_there_before_the_first_message(world: World) -> None:
    world.decide("p1", 1)
    world.transport.idle()
    assert world.relay.step() == 1
    world.consumer.step(20)
    assert world.effects() == {("p1", 1): 1}


def test_wiped_broker_is_sent_the_window_again(world: World) -> None:
    decide_all(world, 10, 1, 2)
    world.deliver()
    decide_all(world, 10, 3, 4)
    world.transport.idle()
    while world.relay.step():
        pass  # confirmed by the broker, not yet received, and now lost with it
    world.consumer.close()
    wipe(world)
    assert isinstance(world.transport, AmqpTransport)
    world.transport.close()
    world.published = world.received = 0
    decide_all(world, 10, 5, 5)
    world.deliver()
    world.sweep()
    assert world.effects() == everything(10, 5)
    assert all(world.order(f"p{plan}") == [1, 2, 3, 4, 5] for plan in range(10))
    assert world.parked() == {}
    assert world.received == 55, "the whole window came again, and what was known was dropped"


@pytest.mark.parametrize("moment", ["in the replay", "before the marker"])
def test_replay_is_repeated_when_it_was_cut_short(world: World, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    decide_all(world, 3, 1, 1)
    world.deliver()
    wipe(world)
    declared = amqp.Channel.exchange_declare

    def die(channel: amqp.Channel, exchange: str, *args: Any, **options: Any) -> Any:
        if exchange.startswith("xuefen.epoch") and not options.get("passive"):
            raise ConnectionError("killed")
        return declared(channel, exchange, *args, **options)

    def die_replaying(*_: Any) -> None:
        raise ConnectionError("killed")

    if moment == "in the replay":
        monkeypatch.setattr(publisher.outbox, "replay", die_replaying)
    else:
        monkeypatch.setattr(amqp.Channel, "exchange_declare", die)
    transport = AmqpTransport(world.plans)
    with pytest.raises(ConnectionError):
        transport.idle()
    monkeypatch.undo()
    transport.idle()
    assert fake.count_rows(world.plans.database, OutboxTodo) == 4
    on_broker(world, lambda channel: channel.exchange_declare("xuefen.epoch.plans", "fanout", passive=True))
    transport.close()


def test_lost_connections_are_made_anew(world: World) -> None:
    decide_all(world, 2, 1, 1)
    world.deliver()
    vhost = world.plans.settings.amqp_url.rsplit("/", 1)[1]
    closed = servers._rabbitmqctl("close_all_connections", "--vhost", vhost, "a test")
    assert closed.returncode == 0, closed.stderr
    decide_all(world, 2, 2, 2)
    stop = threading.Event()
    threads = [threading.Thread(target=part.run, args=(stop,)) for part in (world.relay, world.consumer)]
    for thread in threads:
        thread.start()
    try:
        fake.wait_for(lambda: world.effects() == everything(2, 2))
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)


def test_relay_killed_between_sending_and_settling_sends_again_and_nothing_doubles(world: World) -> None:
    decide_all(world, 5, 1, 4)
    with running("relay-dies-before-settling", world, "plans") as relay:
        assert relay.wait(60) == -9
    assert fake.count_rows(world.plans.database, OutboxTodo) == 24
    world.published = 24  # what the dead one sent
    world.deliver()
    assert world.published == 48
    assert world.effects() == everything(5, 4)


def test_consumer_killed_before_acknowledging_gets_it_again_and_nothing_doubles(world: World) -> None:
    decide_all(world, 5, 1, 4)
    world.transport.idle()
    assert world.relay.step() == 24
    with running("consumer-dies-before-acknowledging", world, "credits") as consumer:
        assert consumer.wait(60) == -9
    assert sum(world.effects().values()) > 0
    fake.wait_for(lambda: (world.consumer.step(0.2), world.effects() == everything(5, 4))[1])
    assert fake.count_rows(world.credits.database, InboxRow) == 24


def test_database_away_leaves_messages_on_the_broker(world: World) -> None:
    decide_all(world, 2, 1, 2)
    world.transport.idle()
    assert world.relay.step() == 6
    name = world.credits.database.url.rsplit("/", 1)[1]
    with psycopg.connect(servers.POSTGRES, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        for _ in range(DELIVERY_LIMIT + 5):
            with pytest.raises(Exception, match="not currently accepting connections"):
                world.consumer.step(0.1)
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    fake.wait_for(lambda: (world.consumer.step(0.2), world.effects() == everything(2, 2))[1])
    assert world.parked() == {}


def test_database_that_fails_in_the_middle_of_a_group_leaves_the_group_unacknowledged(world: World) -> None:
    def cut(session: fake.Session, event: fake.PlanDecided) -> None:
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar()
        with psycopg.connect(servers.POSTGRES, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
        session.execute(text("SELECT 1"))

    decide_all(world, 2, 1, 2)
    world.transport.idle()
    assert world.relay.step() == 6
    unlucky = Consumer(replace_handler(world, cut))
    with pytest.raises(Exception, match="terminating connection"):
        unlucky.step(20)
    fake.wait_for(lambda: (world.consumer.step(0.2), world.effects() == everything(2, 2))[1])


def replace_handler(world: World, handler: Any) -> fake.Runtime:
    """`credits` with another handler."""
    return replace(world.credits, service=replace(world.credits.service, handlers={fake.PlanDecided: handler}))


def test_message_that_kills_its_consumer_ends_as_dead_letter_and_takes_no_other_with_it(world: World) -> None:
    poison = world.decide("p0", 1, verdict="crash")
    decide_all(world, 5, 2, 3)
    world.transport.idle()
    assert world.relay.step() == 13
    deaths = 0

    def settled() -> bool:
        nonlocal deaths
        try:
            world.consumer.step(0.2)
        except fake.Crash:
            deaths += 1
        return poison in world.parked()

    fake.wait_for(settled, 60)
    assert deaths == DELIVERY_LIMIT + 1
    fake.wait_for(lambda: (world.consumer.step(0.1), world.effects().total() == 10)[1])
    reasons = world.parked()
    assert reasons.pop(poison) == "dead_letter"
    assert set(reasons.values()) == {"gap"}, "what follows the poison in its plan waits, and only that"
    assert len(reasons) == 2
    assert world.sweep() == 2, "a dead letter waits for a person"

    # A person has mended the handler and tries again.
    run = replace_handler(world, lambda session, event: fake.note_decision(session, replace(event, verdict="approve")))
    with world.credits.database.transaction() as session:
        inbox.retry_parked(session, event_id=poison)
    fake.sweep(run)
    fake.sweep(run)
    assert world.order("p0") == [1, 2, 3]
    assert world.parked() == {}


def test_dead_letter_that_is_no_envelope_is_kept(world: World) -> None:
    declare_all(world.plans.settings.amqp_url)
    body = b"\xffgarbage"
    for queue in (events_queue("credits"), dead_queue("credits")):
        on_broker(world, lambda channel, queue=queue: channel.basic_publish(amqp.Message(body), "", queue.name))
    fake.wait_for(lambda: (world.consumer.step(0.2), "dead_letter" in world.parked().values())[1])
    assert world.parked() == {open_envelope(body)["event_id"]: "dead_letter"}


def test_message_of_another_program_is_parked_not_applied(world: World) -> None:
    declare_all(world.plans.settings.amqp_url)
    body = json.dumps({"plan_id": "p1", "verdict": "approve"})
    message = amqp.Message(body, content_encoding="utf-8")
    on_broker(world, lambda channel: channel.basic_publish(message, "xuefen.events", "plans.plan_decided.v1"))
    fake.wait_for(lambda: (world.consumer.step(0.2), world.parked())[1])
    assert list(world.parked().values()) == ["malformed"]
    assert world.effects() == {}
