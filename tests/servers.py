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
from typing import Any
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


def keep_rows(url: str) -> None:
    """Remembers what every table holds now: `reset_database` brings it back."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE SCHEMA kept")
        for name in _tables(connection, "public"):
            copy = sql.SQL("CREATE TABLE kept.{0} AS TABLE public.{0}")
            connection.execute(copy.format(sql.Identifier(name)))
        numbers = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
        connection.execute(f"CREATE TABLE kept.sequences AS {numbers}")


def reset_database(url: str) -> None:
    """Every table empty, or as `keep_rows` found it, after ending whatever else is connected.

    Rows are deleted where there are any: dropping and truncating wait for the disk, once for each table.
    """
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        # No trigger speaks up: the ledger is append-only, and rows go in any order.
        connection.execute("SET LOCAL session_replication_role = replica")
        kept = _tables(connection, "kept")
        for name in _tables(connection, "public"):
            table = sql.Identifier(name)
            connection.execute(sql.SQL("DELETE FROM public.{}").format(table))
            if name in kept:
                connection.execute(sql.SQL("INSERT INTO public.{0} SELECT * FROM kept.{0}").format(table))
        sequence = "setval(format('public.%I', sequencename)::regclass"
        connection.execute(
            f"SELECT {sequence}, start_value, false) FROM pg_sequences"
            " WHERE schemaname = 'public' AND last_value IS NOT NULL"
        )
        if kept:
            connection.execute(f"SELECT {sequence}, last_value) FROM kept.sequences WHERE last_value IS NOT NULL")


def _tables(connection: psycopg.Connection[Any], schema: str) -> set[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename NOT LIKE 'alembic%%'"
    return {row[0] for row in connection.execute(query, [schema])}


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
