"""A process of a fake service, for tests that kill it: `python -m tests.shared.process PART SERVICE DATABASE AMQP`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared import outbox
from shared.bus import AmqpTransport, Consumer, run_bus
from shared.logs import configure_logs
from shared.relay import Relay
from tests.shared.fake import World, make


@contextmanager
def running(part: str, world: World, service: str) -> Iterator[subprocess.Popen[bytes]]:
    """One process of a fake service, ended afterwards."""
    runtime = getattr(world, service)
    command = [sys.executable, "-m", "tests.shared.process", part, service, runtime.database.url]
    started = subprocess.Popen([*command, runtime.settings.amqp_url], stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def _kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(part: str, name: str, database_url: str, amqp_url: str) -> None:
    """Runs until SIGTERM; the parts that die do so at the worst moment."""
    configure_logs("INFO", json=True)
    runtime = make(name, database_url, amqp_url)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if part == "bus":
        run_bus(runtime, stop)
    elif part == "worker":
        from shared.background import run_worker

        run_worker(runtime, 2)
    elif part == "beat":
        from shared.background import run_beat

        with tempfile.TemporaryDirectory() as folder:
            run_beat(runtime, Path(folder) / "schedule")
    elif part == "relay-dies-before-settling":
        transport = AmqpTransport(runtime)

        class Dying:
            """Sends, and dies before the relay can note it."""

            def send(self, rows: list[outbox.OutboxRow]) -> outbox.Results:
                if transport.send(rows):
                    _kill_self()
                return {}

            def idle(self) -> None:
                """Nothing."""

        Relay(runtime.database, Dying()).run(stop)
    elif part == "consumer-dies-before-acknowledging":
        consumer = Consumer(runtime)
        consumer._acknowledge = lambda group: _kill_self()  # type: ignore[method-assign]
        consumer.run(stop)
    else:
        raise SystemExit(f"no part {part}")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
