"""Each message is applied once and in order, or parked where a person sees it; on both backends."""

from __future__ import annotations

import json

from sqlalchemy import select, text

from shared import inbox, outbox
from shared.database import new_id
from shared.envelopes import open_envelope
from shared.inbox import InboxRow, Outcome, ParkedRow
from shared.outbox import OutboxTodo
from tests.shared import fake
from tests.shared.fake import World


def envelope(plan: str = "p1", version: int = 1, name: str = "plans.plan_decided.v1", **payload: object) -> dict:
    """A message as it travels; `payload` changes or adds fields."""
    return {
        "event_id": new_id(),
        "name": name,
        "aggregate_type": "plan",
        "aggregate_id": plan,
        "aggregate_version": version,
        "occurred_at": "2024-03-05T00:00:00+00:00",
        "headers": {},
        "payload": {
            "plan_id": plan,
            "number": "2024-001",
            "unit_path": "360000/",
            "stage": "county_review",
            "verdict": "approve",
            "status": "approved",
            "version": version,
            "digest": "0",
            "decided_by": "u1",
            "decided_at": "2024-03-05T00:00:00+00:00",
            **payload,
        },
    }


def receive(world: World, *envelopes: dict) -> list[Outcome]:
    """What the consumer does with a group."""
    run = world.credits
    return inbox.receive_group(run.database, "credits", run.service.handlers, list(envelopes))


def test_published_event_is_applied_once(world: World) -> None:
    world.decide("p1", 1)
    world.decide("p1", 2)
    world.deliver()
    assert world.effects() == {("p1", 1): 1, ("p1", 2): 1}
    assert fake.count_rows(world.plans.database, OutboxTodo) == 0


def test_message_that_comes_again_is_dropped(world: World) -> None:
    with world.plans.database.transaction() as session:
        ids = [fake.publish(session, "p1", 1), fake.publish_alone(session, "alone")]
    world.deliver()
    with world.plans.database.transaction() as session:
        assert all(outbox.requeue(session, event_id) for event_id in ids)
    world.deliver()
    assert world.effects() == {("p1", 1): 1, ("alone", 0): 1}


def test_same_message_twice_in_one_group_is_applied_once(world: World) -> None:
    message = envelope()
    assert receive(world, message, message) == [Outcome.APPLIED, Outcome.DUPLICATE]
    assert world.effects() == {("p1", 1): 1}


def test_message_before_its_predecessor_waits_and_then_follows(world: World) -> None:
    first, second, third = (envelope(version=v) for v in (1, 2, 3))
    assert receive(world, third, second) == [Outcome.PARKED, Outcome.PARKED]
    assert set(world.parked().values()) == {"gap"}
    assert receive(world, first) == [Outcome.APPLIED]
    # The predecessor makes its followers due; two rounds, since the third was seen before the second.
    fake.sweep(world.credits)
    fake.sweep(world.credits)
    assert world.order("p1") == [1, 2, 3]
    assert world.parked() == {}


def test_other_aggregates_do_not_wait(world: World) -> None:
    assert receive(world, envelope("p1", 2), envelope("p2", 1)) == [Outcome.PARKED, Outcome.APPLIED]


def test_failing_handler_parks_the_message_and_what_follows_it_waits(world: World) -> None:
    fake.set_broken(world.credits, "p1", True)
    ids = [world.decide("p1", number) for number in (1, 2)]
    world.decide("p2", 1)
    world.deliver()
    assert world.effects() == {("p2", 1): 1}
    assert world.parked() == {ids[0]: "failed", ids[1]: "gap"}
    world.sweep()
    assert world.parked() == {ids[0]: "failed", ids[1]: "gap"}
    fake.set_broken(world.credits, "p1", False)
    world.sweep()
    assert world.order("p1") == [1, 2]
    assert world.parked() == {}


def test_failing_message_waits_for_a_person_in_the_end_and_can_be_retried(world: World) -> None:
    fake.set_broken(world.credits, "p1", True)
    event_id = world.decide("p1", 1)
    world.deliver()
    for _ in range(inbox.MAX_ATTEMPTS - 1):
        assert world.sweep() == 1
    assert world.sweep() == 0
    with world.credits.database.reading() as session:
        row = session.scalars(select(ParkedRow)).one()
        assert (row.attempts, row.next_attempt_at, row.last_error) == (
            inbox.MAX_ATTEMPTS,
            None,
            "RuntimeError: the handler is broken",
        )
    fake.set_broken(world.credits, "p1", False)
    with world.credits.database.transaction() as session:
        assert inbox.retry_parked(session, event_id=event_id) == 1
    fake.sweep(world.credits)
    assert world.effects() == {("p1", 1): 1}


def test_malformed_payload_waits_for_a_person(world: World) -> None:
    assert receive(world, envelope(decided_at="yesterday")) == [Outcome.PARKED]
    assert list(world.parked().values()) == ["malformed"]
    assert world.sweep() == 0


def test_unknown_event_waits_for_the_next_release(world: World) -> None:
    message = envelope(name="plans.plan_decided.v9")
    assert receive(world, message) == [Outcome.PARKED]
    for _ in range(inbox.MAX_ATTEMPTS + 2):
        assert world.sweep() == 1
    assert list(world.parked().values()) == ["unknown"]


def test_event_without_a_handler_counts_as_seen(world: World) -> None:
    run = world.credits
    first = inbox.receive(run.database, "credits", {}, envelope(version=1))
    assert (first, receive(world, envelope(version=2))) == (Outcome.IGNORED, [Outcome.APPLIED])


def test_field_that_this_program_does_not_know_is_skipped(world: World) -> None:
    assert receive(world, envelope(invented_tomorrow=1)) == [Outcome.APPLIED]


def test_one_bad_message_takes_nothing_from_its_group(world: World) -> None:
    fake.set_broken(world.credits, "bad", True)
    outcomes = receive(world, envelope("p1", 1), envelope("bad", 1), envelope("p1", 2))
    assert outcomes == [Outcome.APPLIED, Outcome.PARKED, Outcome.APPLIED]
    assert world.effects() == {("p1", 1): 1, ("p1", 2): 1}


def test_what_is_no_envelope_is_kept_byte_for_byte(world: World) -> None:
    good = envelope()
    bodies = [
        b"\xff\xfe not json",
        b"[]",
        b"{}",
        json.dumps(good | {"event_id": "x" * 200}).encode(),
        json.dumps(good | {"aggregate_version": True}).encode(),
        json.dumps(good | {"aggregate_version": 2**70}).encode(),
        json.dumps(good | {"payload": {"plan_id": "a\0b"}}).encode(),
        json.dumps(good | {"payload": {"plan_id": "\ud800"}}).encode(),
        json.dumps(good | {"payload": {"plan_id": float("nan")}}).encode(),
        b"[" * 100_000,
    ]
    for body in bodies:
        stand_in = open_envelope(body)
        assert stand_in == open_envelope(body)
        assert receive(world, stand_in) == [Outcome.PARKED], body[:60]
    assert len(world.parked()) == len(bodies)
    assert set(world.parked().values()) == {"malformed"}
    assert fake.count_rows(world.credits.database, InboxRow) == 0


def test_backslash_u0000_typed_by_a_person_is_no_nul(world: World) -> None:
    message = envelope(digest="\\u0000 😀")
    assert receive(world, open_envelope(json.dumps(message).encode())) == [Outcome.APPLIED]


def test_slow_statement_or_missing_table_is_the_message_s_fault_not_an_outage(world: World) -> None:
    def broken(session: fake.Session, event: fake.PlanDecided) -> None:
        session.execute(text("SELECT * FROM nowhere"))

    outcome = inbox.receive(world.credits.database, "credits", {fake.PlanDecided: broken}, envelope())
    assert outcome == Outcome.PARKED
