"""PostgreSQL and RabbitMQ for tests: databases and virtual hosts of their own, made and removed by name.

`XUEFEN_TEST_POSTGRES` and `XUEFEN_TEST_AMQP` say where the servers are. Tests that need them are left out, by name,
where they are missing; with `XUEFEN_REQUIRE_SERVERS=1` (as in `.ci/run`) they fail instead.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from functools import cache
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from kombu import Connection
from psycopg import sql

POSTGRES = os.environ.get("XUEFEN_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
AMQP = os.environ.get("XUEFEN_TEST_AMQP", "amqp://guest:guest@127.0.0.1:5672/")


@cache
def postgres_available() -> bool:
    """Whether the PostgreSQL of `XUEFEN_TEST_POSTGRES` answers."""
    try:
        psycopg.connect(POSTGRES, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


@cache
def rabbitmq_available() -> bool:
    """Whether the RabbitMQ of `XUEFEN_TEST_AMQP` answers and `rabbitmqctl` can make virtual hosts on it."""
    try:
        with Connection(AMQP, connect_timeout=3) as connection:
            connection.connect()
        return _rabbitmqctl("list_vhosts", "-q").returncode == 0
    except OSError:
        return False


def need_servers(*, postgres: bool = True, rabbitmq: bool = True) -> None:
    """Skips the test where a server is missing, or fails it when servers are required."""
    missing = [
        name
        for name, needed, available in (
            ("PostgreSQL", postgres, postgres_available),
            ("RabbitMQ", rabbitmq, rabbitmq_available),
        )
        if needed and not available()
    ]
    if missing:
        leave_out(f"no {' and no '.join(missing)} (XUEFEN_TEST_POSTGRES, XUEFEN_TEST_AMQP)")


def leave_out(reason: str) -> None:
    """Skips the test, or fails it where the environment promises that everything is there."""
    if os.environ.get("XUEFEN_REQUIRE_SERVERS") == "1":
        pytest.fail(f"required, but {reason}")
    pytest.skip(f"LEFT OUT: {reason}")


def create_database(prefix: str, template: str = "template1") -> str:
    """Makes a database called `<prefix>_<random>`, empty or as a template to which nobody is connected.

    Returns its SQLAlchemy URL.
    """
    name = f"{prefix}_{secrets.token_hex(4)}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    parts = urlsplit(POSTGRES)
    return urlunsplit(("postgresql+psycopg", parts.netloc, f"/{name}", parts.query, ""))


def drop_database(url: str) -> None:
    """Removes a database of `create_database`, whoever is still connected."""
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def empty_database(url: str) -> None:
    """Takes every row out of every table, after ending whatever else is connected: faster than a new database."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        names = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        if names:
            tables = sql.SQL(", ").join(sql.Identifier(name) for name in names)
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))


def create_vhost(prefix: str) -> str:
    """Makes a virtual host called `<prefix>_<random>`; returns its AMQP URL."""
    name = f"{prefix}_{secrets.token_hex(4)}"
    parts = urlsplit(AMQP)
    _rabbitmqctl("add_vhost", name, check=True)
    _rabbitmqctl("set_permissions", "-p", name, parts.username or "guest", ".*", ".*", ".*", check=True)
    return urlunsplit((parts.scheme, parts.netloc, f"/{name}", "", ""))


def drop_vhost(url: str) -> None:
    """Removes a virtual host of `create_vhost` with everything in it."""
    _rabbitmqctl("delete_vhost", urlsplit(url).path.lstrip("/"), check=True)


def _rabbitmqctl(*arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    program = shutil.which("rabbitmqctl")
    if program is None:
        raise FileNotFoundError("rabbitmqctl is not installed")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=60, check=check, stdin=subprocess.DEVNULL
    )
