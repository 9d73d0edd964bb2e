"""What is committed goes out, once and in order; what is not committed does not."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import func, select, update

from shared import jobs, outbox
from shared.database import utc_now
from shared.outbox import OutboxRow, OutboxTodo, Results
from shared.relay import Relay
from tests.shared import fake
from tests.shared.fake import World


class Scripted:
    """A transport that does to each row as it is told; by default everything is safe."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.results: dict[str, str | None] = {}
        self.then = lambda row: None

    def send(self, rows: list[OutboxRow]) -> Results:
        """Notes the rows and answers from the script."""
        for row in rows:
            self.sent.append(row.event_id)
            self.then(row)
        return {row.id: self.results.get(row.event_id) for row in rows}

    def idle(self) -> None:
        """Nothing."""


def make_due(world: World) -> None:
    """As if every delay were over."""
    with world.plans.database.transaction() as session:
        session.execute(update(OutboxTodo).values(not_before=utc_now() - timedelta(seconds=1)))


def test_rollback_publishes_nothing(world: World) -> None:
    def change() -> None:
        with world.plans.database.transaction() as session:
            fake.publish(session, "p1", 1)
            raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        change()
    world.decide("p2", 1)
    world.deliver()
    assert world.effects() == {("p2", 1): 1}


def test_messages_of_an_aggregate_are_numbered_without_holes_by_many_writers(world: World) -> None:
    def write(worker: int) -> None:
        for number in range(10):
            fail = number % 5 == 4
            try:
                with world.plans.database.transaction() as session:
                    fake.publish(session, "p1", worker * 100 + number)
                    if fail:
                        raise RuntimeError("rolled back: its number must go to another")
            except RuntimeError:
                assert fail

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with world.plans.database.reading() as session:
        versions = list(session.scalars(select(OutboxRow.aggregate_version).order_by(OutboxRow.aggregate_version)))
    assert versions == list(range(1, 33))
    world.deliver()
    for _ in range(3):
        world.sweep()
    assert sum(world.effects().values()) == 32
    assert world.parked() == {}


def test_request_id_travels_with_the_message(world: World) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1", account_id="a-1", other="x"):
        world.decide("p1", 1)
    with world.plans.database.reading() as session:
        assert session.scalars(select(OutboxRow)).one().headers == {"request_id": "r-1", "account_id": "a-1"}


def test_commit_wakes_the_relay(world: World) -> None:
    world.plans.database.after_commit = world.relay.wake.set
    with world.plans.database.transaction() as session:
        session.add(fake.Effect(key="nothing to send", number=0))
    assert not world.relay.wake.is_set()
    world.decide("p1", 1)
    assert world.relay.wake.is_set()


def test_message_that_could_not_be_sent_stays_with_the_reason_and_is_tried_later(world: World) -> None:
    first, second = world.decide("p1", 1), world.decide("p2", 1)
    transport = Scripted()
    transport.results[first] = "no queue"
    relay = Relay(world.plans.database, transport)
    assert relay.step() == 1
    assert relay.step() == 0  # not at once
    assert transport.sent == [first, second]
    with world.plans.database.reading() as session:
        todo = session.scalars(select(OutboxTodo)).one()
        assert (todo.attempts, todo.last_error) == (1, "no queue")
        assert todo.not_before > utc_now()
    transport.results.clear()
    make_due(world)
    assert relay.step() == 1
    assert transport.sent == [first, second, first]


def test_nothing_is_forgotten_when_sending_ends_in_doubt(world: World) -> None:
    event_id = world.decide("p1", 1)
    transport = Scripted()
    relay = Relay(world.plans.database, transport)

    def fail(row: OutboxRow) -> None:
        raise ConnectionError("the broker is away")

    transport.then = fail
    with pytest.raises(ConnectionError):
        relay.step()
    transport.then = lambda row: None
    assert relay.step() == 1
    assert transport.sent == [event_id, event_id]


def test_row_without_a_result_is_sent_again(world: World) -> None:
    world.decide("p1", 1)
    transport = Scripted()
    answers: list[Results] = [{}]
    send = transport.send
    transport.send = lambda rows: (send(rows), answers.pop() if answers else {row.id: None for row in rows})[1]
    relay = Relay(world.plans.database, transport)
    assert [relay.step(), relay.step(), relay.step()] == [0, 1, 0]


def test_message_queued_anew_while_it_is_on_its_way_is_sent_again(world: World) -> None:
    """A job that fails before the relay has settled its sending would otherwise never be tried again."""
    event_id = world.decide("p1", 1)
    transport = Scripted()

    def requeue(row: OutboxRow) -> None:
        with world.plans.database.transaction() as session:
            assert outbox.requeue(session, row.event_id, not_before=utc_now() + timedelta(seconds=30))

    transport.then = requeue
    relay = Relay(world.plans.database, transport)
    relay.step()
    transport.then = lambda row: None
    assert relay.step() == 0
    make_due(world)
    assert relay.step() == 1
    assert transport.sent == [event_id, event_id]


def test_delay_holds_a_message_back(world: World) -> None:
    with world.plans.database.transaction() as session:
        jobs.run_later(session, "credits.count", {}, not_before=utc_now() + timedelta(hours=1))
    transport = Scripted()
    relay = Relay(world.plans.database, transport)
    assert relay.step() == 0
    make_due(world)
    assert relay.step() == 1


def test_relay_of_one_kind_leaves_the_other(world: World) -> None:
    world.decide("p1", 1)
    with world.plans.database.transaction() as session:
        jobs.run_later(session, "credits.count", {})
    for kind in ("event", "job"):
        assert Relay(world.plans.database, Scripted(), kind=kind).step() == 1
    assert fake.count_rows(world.plans.database, OutboxTodo) == 0


def test_replay_queues_the_window_and_leaves_what_is_queued(world: World) -> None:
    old, recent = world.decide("p1", 1), world.decide("p1", 2)
    transport = Scripted()
    relay = Relay(world.plans.database, transport)
    assert relay.step() == 2
    with world.plans.database.transaction() as session:
        ago = utc_now() - timedelta(days=20)
        session.execute(update(OutboxRow).where(OutboxRow.event_id == old).values(created_at=ago))
        delayed = jobs.run_later(session, "credits.count", {}, not_before=utc_now() + timedelta(hours=1))
        outbox.replay(session, utc_now() - timedelta(days=14))
        outbox.replay(session, utc_now() - timedelta(days=14))
    transport.sent.clear()
    assert relay.step() == 1
    assert transport.sent == [recent]
    with world.plans.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OutboxTodo)) == 1
    make_due(world)
    relay.step()
    assert transport.sent == [recent, delayed]


def test_pending_says_how_many_wait_and_since_when(world: World) -> None:
    with world.plans.database.reading() as session:
        assert outbox.pending(session) == (0, None)
    before = utc_now()
    world.decide("p1", 1)
    world.decide("p2", 1)
    with world.plans.database.reading() as session:
        count, oldest = outbox.pending(session)
    assert count == 2
    assert oldest is not None
    assert oldest >= before


@pytest.mark.servers
def test_one_relay_of_several_is_active(on_servers: World) -> None:
    on_servers.decide("p1", 1)
    second = Relay(on_servers.plans.database, Scripted())
    transport = Scripted()
    stepped: list[int] = []
    transport.then = lambda row: stepped.append(second.step())
    assert Relay(on_servers.plans.database, transport).step() == 1
    assert stepped == [0]
