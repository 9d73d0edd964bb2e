"""All services in one process on SQLite: the default of `make run`.

No broker and no Celery in here. Threads take events and jobs from each service's outbox and call the very handlers
and job functions that the bus and the Celery worker call elsewhere, with the same inbox rows, so that `kill -9` at
any moment loses nothing and applies nothing twice.
"""

from __future__ import annotations

import fcntl
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import IO, Any

import waitress

from shared import audit_trail, migrations, outbox
from shared.logs import get_logger
from shared.relay import LocalTransport, Relay, run_schedule, run_sweeper
from shared.service import make_runtime
from shared.settings import SERVICES, Settings
from shared.web import build_app

log = get_logger(__name__)
WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class AlreadyRunning(Exception):
    """Another process works on the same data folder."""


class Embedded:
    """The three services, their dispatcher threads and one WSGI application."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(settings.data_dir / "xuefen.lock")
        self.runtimes = {name: make_runtime(name, settings) for name in SERVICES}
        for name, runtime in self.runtimes.items():
            migrations.upgrade(name, runtime.database.engine)
        self.apps = {name: build_app(runtime) for name, runtime in self.runtimes.items()}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.relays: list[Relay] = []

    def start(self) -> None:
        """Starts the dispatcher: per service one thread for events, one for jobs, one for parked messages."""
        transport = LocalTransport(self.runtimes)
        for name, runtime in self.runtimes.items():
            relays = [Relay(runtime.database, transport, kind=kind) for kind in ("event", "job")]
            runtime.extras["relays"] = relays
            runtime.database.after_commit = _waker(relays)
            self.relays += relays
            for relay in relays:
                self._run(f"{name}-{relay.kind}s", relay.run, self._stop)
            self._run(f"{name}-sweeper", run_sweeper, runtime, self._stop)
            self._run(f"{name}-schedule", run_schedule, runtime, self._stop)
            self._run(f"{name}-sealer", audit_trail.run_sealer, runtime.database, self._stop)

    def load_sample(self) -> bool:
        """Loads the sample province into an empty installation; False when there are units already."""
        return bool(import_module("services.accounts.cli").load_sample(self.runtimes["accounts"]))

    def idle(self) -> bool:
        """Whether every message has been delivered."""
        for runtime in self.runtimes.values():
            with runtime.database.reading() as session:
                if outbox.pending(session)[0]:
                    return False
        return True

    def wait_until_idle(self, seconds: float) -> bool:
        """Waits for `idle()`, at most so long; whether it came."""
        for _ in range(int(seconds / 0.02)):
            if self.idle():
                return True
            self._stop.wait(0.02)
        return self.idle()

    def wsgi(self) -> WsgiApp:
        """One application for all: the first part of the path chooses the service, accounts answers the rest."""
        return by_first_segment(self.apps)

    def stop(self) -> None:
        """Ends the threads after the message at hand, and closes the databases."""
        self._stop.set()
        for relay in self.relays:
            relay.wake.set()
        for thread in self._threads:
            thread.join(timeout=10)
        for runtime in self.runtimes.values():
            runtime.database.dispose()
        self._lock.close()

    def _run(self, name: str, target: Callable[..., Any], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)


def serve(settings: Settings, host: str, port: int, on_ready: Callable[[Embedded], None]) -> None:
    """Runs everything until Ctrl-C or SIGTERM. Raises `AlreadyRunning` or `OSError` when the port is taken."""
    embedded = Embedded(settings)
    server = waitress.create_server(
        embedded.wsgi(),
        host=host,
        port=port,
        threads=8,
        # Far above what Flask accepts, so that a file too large gets Flask's sentence and not waitress's.
        max_request_body_size=256 * 1024 * 1024,
        ident=None,
    )
    embedded.start()
    try:
        embedded.load_sample()
        embedded.wait_until_idle(30)
        on_ready(embedded)
        signal.signal(signal.SIGTERM, _exit)
        with suppress(KeyboardInterrupt, SystemExit):
            server.run()
    finally:
        server.close()
        embedded.stop()


def by_first_segment(apps: Mapping[str, WsgiApp]) -> WsgiApp:
    """`/plans/…` goes to plans, and so on; whatever names no service goes to accounts, which has `/`."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        segment = environ.get("PATH_INFO", "/").lstrip("/").split("/", 1)[0]
        return apps.get(segment, apps["accounts"])(environ, start_response)

    return application


def _waker(relays: list[Relay]) -> Callable[[], None]:
    def wake() -> None:
        for relay in relays:
            relay.wake.set()

    return wake


def _lock(path: Path) -> IO[str]:
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyRunning(f"another xuefen works on {path.parent}") from error
    return handle


def _exit(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)
