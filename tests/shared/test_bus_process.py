"""The bus process as a whole, and how it meets a broker that is away or silent."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace

import pytest

from shared import bus
from shared.bus import AmqpTransport, BusFailedError, Consumer, probe, run_bus
from tests.shared import fake
from tests.shared.fake import World
from tests.shared.load import decide_all, everything
from tests.shared.process import running

pytestmark = pytest.mark.servers


@pytest.fixture
def world(on_servers: World) -> World:
    """Only the servers' world is of interest here."""
    return on_servers


def test_bus_process_carries_events_and_ends_on_sigterm(world: World) -> None:
    with running("bus", world, "plans") as plans, running("bus", world, "credits") as credits:
        decide_all(world, 3, 1, 3)
        fake.wait_for(lambda: world.effects() == everything(3, 3), 60)
        fake.set_broken(world.credits, "p9", True)
        world.decide("p9", 1)
        fake.wait_for(lambda: list(world.parked().values()) == ["failed"])
        fake.set_broken(world.credits, "p9", False)
        fake.wait_for(lambda: world.effects()["p9", 1] == 1)
        for started in (plans, credits):
            started.terminate()
        assert [plans.wait(30), credits.wait(30)] == [0, 0]


def test_bus_process_fails_when_a_part_of_it_dies(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "run_sweeper", lambda runtime, stop: None)
    with pytest.raises(BusFailedError, match="sweeper"):
        run_bus(world.credits, threading.Event())


def test_bus_process_fails_when_a_part_of_it_stalls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "STALLED_AFTER", 0.2)
    monkeypatch.setattr(Consumer, "run", lambda consumer, stop: stop.wait())
    with pytest.raises(BusFailedError, match="stalled: consumer"):
        run_bus(world.credits, threading.Event())


def test_probe_says_whether_the_broker_takes_connections(amqp_url: str) -> None:
    assert probe(amqp_url) is None
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert probe(f"amqp://guest:secret@127.0.0.1:{silent.getsockname()[1]}//") == "ConnectionRefusedError"
        silent.listen()
        assert probe(f"amqp://guest:secret@127.0.0.1:{silent.getsockname()[1]}//") == "TimeoutError"


def test_silent_broker_does_not_hold_the_relay(world: World) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}//"
        transport = AmqpTransport(replace(world.plans, settings=replace(world.plans.settings, amqp_url=url)))
        with pytest.raises(TimeoutError):
            transport.idle()
