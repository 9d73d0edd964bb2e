"""`make run-servers`: the separate processes of production on one machine, under honcho. For trial, not production.

SAMPLE=0 leaves the sample province out, GATEWAY=python leaves nginx out; see `prepare_servers.py` for the rest.
honcho ends everything when one process ends, so `keep.sh` starts each again; Ctrl-C or SIGTERM ends them all.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import httpx
import psycopg
from honcho.environ import parse_procfile
from honcho.manager import SIGNALS, Manager
from honcho.printer import Printer
from prepare_servers import ROOT, SERVICES, CannotPrepare, Place, environment_of, prepare, read_kept, tools_environment


def main() -> int:
    """Prepares, starts, waits for Ctrl-C. Returns the exit code."""
    place = Place()
    place.data.mkdir(parents=True, exist_ok=True)
    with (place.data / "servers.lock").open("a+") as lock:
        # What an earlier start left when it was killed is still ending (keep.sh sees to that): give it time.
        patience = 20.0 if _take(lock, place) else 0.0
        for port in (place.port, *(place.web_port(name) for name in SERVICES)):
            _must_be_free(port, patience)
        print("preparing databases, logins and the virtual host …", flush=True)
        made = prepare(place)
        environments = {name: environment_of(name, place, made) for name in SERVICES}
        _release(environments)
        sign_ins = "" if os.environ.get("SAMPLE") == "0" else _load_sample(environments["accounts"])
        code = _run(place, environments, sign_ins)
        lock.truncate(0)
        return code


def _take(lock: IO[str], place: Place) -> bool:
    """Makes the data folder ours. Returns whether an earlier start did not end by itself."""
    lock.seek(0)
    earlier = lock.read().strip()
    for _ in range(100):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not earlier or Path(f"/proc/{earlier}").exists():
                break
            time.sleep(0.2)
        else:
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            return bool(earlier)
    raise CannotPrepare(f"another run-servers works on {place.data}; choose another with DATA=")


def _run(place: Place, environments: dict[str, dict[str, str]], sign_ins: str) -> int:
    gateway = {
        **tools_environment(),
        "NGINX_DIR": str(place.data / "nginx"),
        "BIND": f"127.0.0.1:{place.port}",
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": "32",
        "XUEFEN_LOG_LEVEL": "WARNING",
        "XUEFEN_LOG_JSON": "false",
        **{f"{name.upper()}_UPSTREAM": f"127.0.0.1:{place.web_port(name)}" for name in SERVICES},
    }
    manager = Manager(Printer(sys.stdout, colour=sys.stdout.isatty()))
    for name, command in parse_procfile((ROOT / "deploy" / "Procfile").read_text()).processes.items():
        environment = environments.get(name.split("-")[0], gateway) | {"KEPT_BY": str(os.getpid())}
        manager.add_process(name, command, env=environment, cwd=str(ROOT))
    announcer = subprocess.Popen([sys.executable, __file__, "announce"], stdin=subprocess.PIPE, text=True)  # noqa: S603
    assert announcer.stdin
    announcer.stdin.write(sign_ins)
    announcer.stdin.close()
    try:
        manager.loop()
    finally:
        announcer.terminate()
        announcer.wait()
    asked_to_end = {signal["rc"] for signal in SIGNALS.values()}
    return 0 if manager.returncode in asked_to_end else manager.returncode or 0


def _release(environments: dict[str, dict[str, str]]) -> None:
    """Tables and queues of each service; all three at a time."""
    program = str(ROOT / "deploy" / "entrypoint.sh")
    running = {
        name: subprocess.Popen([program, "release", name], env=environment, cwd=ROOT)  # noqa: S603
        for name, environment in environments.items()
    }
    failed = [name for name, process in running.items() if process.wait() != 0]
    if failed:
        raise CannotPrepare(
            f"could not prepare {', '.join(failed)}; if RabbitMQ does not answer, start it or say where it is with "
            "XUEFEN_AMQP_ADMIN_URL=amqp://login:password@host:5672/"
        )


def _load_sample(environment: dict[str, str]) -> str:
    """Loads the sample province into an empty installation; returns the table of sign-ins."""
    done = subprocess.run(
        ["xuefen", "load-sample", "--yes"],  # noqa: S607 (the one beside this Python: see tools_environment)
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise CannotPrepare("the sample province could not be loaded (SAMPLE=0 leaves it out)")
    return done.stdout


def _must_be_free(port: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if time.monotonic() > deadline:
                    raise CannotPrepare(f"port {port}: {error.strerror}; choose others with PORT=") from error
            else:
                return
        time.sleep(0.2)


def announce() -> int:
    """Waits until everything answers and the sample has travelled to every service, then prints the sign-ins."""
    place, sign_ins = Place(), sys.stdin.read()
    while not (_answers(place) and _nothing_to_send(place)):
        time.sleep(0.3)
    print(f"\nxuefen 已就绪： {place.url}   （数据： {place.data} ；按 Ctrl-C 结束）\n\n{sign_ins}", flush=True)
    return 0


def _answers(place: Place) -> bool:
    try:
        return all(httpx.get(f"{place.url}/{name}/readyz").status_code == 200 for name in SERVICES)
    except httpx.HTTPError:
        return False


def _nothing_to_send(place: Place) -> bool:
    """Whether every outbox is empty."""
    kept = read_kept(place)
    for name in SERVICES:
        url = kept[f"XUEFEN_{name.upper()}_DATABASE_URL"].replace("+psycopg", "", 1)
        with psycopg.connect(url, connect_timeout=5) as connection:
            if connection.execute("SELECT 1 FROM outbox_todo LIMIT 1").fetchone():
                return False
    return True


if __name__ == "__main__":
    try:
        sys.exit(announce() if sys.argv[1:] == ["announce"] else main())
    except CannotPrepare as problem:
        raise SystemExit(str(problem)) from problem
    except KeyboardInterrupt:
        sys.exit(130)
