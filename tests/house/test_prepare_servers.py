"""What `make run-servers` prepares on the real servers: each login reaches its own database and no other."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kombu import Connection

from shared.settings import SERVICES, load_settings
from tests import servers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def prepare_servers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module under test, which is no part of the package; leaves the test out where there are no servers."""
    servers.need_servers()
    monkeypatch.syspath_prepend(str(ROOT / "deploy"))
    import prepare_servers

    return prepare_servers


@pytest.fixture
def place(prepare_servers: Any, tmp_path: Path) -> Iterator[Any]:
    """A place with a name of its own; everything in it is removed afterwards."""
    name = f"xuefen_prepare_{secrets.token_hex(4)}"
    made = prepare_servers.Place(
        name=name, data=tmp_path / "run", port=8000, postgres=servers.POSTGRES, amqp=servers.AMQP
    )
    yield made
    prepare_servers.drop(made)


def _libpq(url: str) -> str:
    return url.replace("+psycopg", "", 1)


def test_each_login_reaches_only_its_own_database(prepare_servers: Any, place: Any) -> None:
    made = prepare_servers.prepare(place)
    for service in SERVICES:
        own = prepare_servers.environment_of(service, place, made)
        settings = load_settings({name: value for name, value in own.items() if name.startswith("XUEFEN_")})
        settings.require(service)
        assert list(settings.database_urls) == [service]
        with psycopg.connect(_libpq(settings.database_urls[service]), autocommit=True) as connection:
            connection.execute("CREATE TABLE mine (id int)")
            user = connection.execute("SELECT current_user").fetchone()
            assert user == (f"{place.name}_{service}",)
        for other in set(SERVICES) - {service}:
            foreign = _libpq(settings.database_urls[service]).rsplit("/", 1)[0] + f"/{place.name}_{other}"
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(foreign)


def test_the_broker_login_reaches_its_own_virtual_host(prepare_servers: Any, place: Any) -> None:
    made = prepare_servers.prepare(place)
    url = made["XUEFEN_AMQP_URL"]
    assert url.endswith(f"/{place.name}")
    with Connection(url, connect_timeout=5) as connection:
        connection.connect()
        connection.default_channel.queue_declare("mine", exclusive=True)


def test_a_second_start_keeps_every_secret(prepare_servers: Any, place: Any) -> None:
    first = prepare_servers.prepare(place)
    assert stat.S_IMODE(place.kept.stat().st_mode) == 0o600
    assert prepare_servers.prepare(place) == first
    assert prepare_servers.read_kept(place) == first


def test_databases_without_their_keys_are_not_taken_over(prepare_servers: Any, place: Any) -> None:
    """Whoever lost the data folder would lose every identity number by getting new keys."""
    prepare_servers.prepare(place)
    place.kept.unlink()
    with pytest.raises(prepare_servers.CannotPrepare, match="make drop-servers"):
        prepare_servers.prepare(place)


def test_a_server_that_is_away_is_said_in_words(prepare_servers: Any, tmp_path: Path) -> None:
    away = prepare_servers.Place(data=tmp_path, postgres="postgresql://postgres@127.0.0.1:1/postgres")
    with pytest.raises(prepare_servers.CannotPrepare, match="XUEFEN_POSTGRES_ADMIN_URL"):
        prepare_servers.prepare(away)


def test_two_on_one_data_folder_are_refused(tmp_path: Path) -> None:
    """The second says why and what to do, in one line, before it touches anything."""
    (tmp_path / "servers.lock").write_text(str(os.getpid()))
    with (tmp_path / "servers.lock").open() as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = subprocess.run(
            [sys.executable, ROOT / "deploy" / "run_servers.py"],
            env=os.environ | {"DATA": str(tmp_path), "XUEFEN_POSTGRES_ADMIN_URL": "postgresql://127.0.0.1:1/none"},
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert second.returncode == 1
    assert second.stderr.strip() == f"another run-servers works on {tmp_path}; choose another with DATA="


def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, ROOT / "deploy" / "run_servers.py"],
            env=os.environ | {"DATA": str(tmp_path), "PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "PORT=" in done.stderr
