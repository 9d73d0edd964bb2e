"""Prepares `make run-servers` on PostgreSQL and RabbitMQ that are there already.

Makes what is missing and leaves what is there: per service a database with a login that owns only that one, a
virtual host, the secrets (once, in DATA/servers.env), nginx's files, the tables and queues. Everything is called
after XUEFEN_NAME; `python deploy/prepare_servers.py drop` removes it again.

The environment says where: XUEFEN_POSTGRES_ADMIN_URL, XUEFEN_AMQP_ADMIN_URL, XUEFEN_NAME, DATA, PORT, and
PLANS_PORT, CREDITS_PORT, ACCOUNTS_PORT for the web processes behind the gateway.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from shared.settings import NEEDS, SERVICES

ROOT = Path(__file__).resolve().parent.parent
SECRETS = ("SECRET_KEY", "IDENTITY_KEY", "ENCRYPTION_KEY")


class CannotPrepare(Exception):
    """What is missing, as a sentence for the person who typed the command."""


def _from_environment(name: str, default: str) -> str:
    return os.environ.get(name) or default


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the local trial runs."""

    name: str = field(default_factory=lambda: _from_environment("XUEFEN_NAME", "xuefen"))
    data: Path = field(default_factory=lambda: Path(_from_environment("DATA", "run")).resolve())
    port: int = field(default_factory=lambda: int(_from_environment("PORT", "8000")))
    postgres: str = field(
        default_factory=lambda: _from_environment(
            "XUEFEN_POSTGRES_ADMIN_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
        )
    )
    amqp: str = field(
        default_factory=lambda: _from_environment("XUEFEN_AMQP_ADMIN_URL", "amqp://guest:guest@127.0.0.1:5672/")
    )

    @property
    def url(self) -> str:
        """The address that people type."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def kept(self) -> Path:
        """The file with every secret and address; `set -a; . run/servers.env` lets an operator use `xuefen`."""
        return self.data / "servers.env"

    def web_port(self, service: str) -> int:
        """Where a service's web process listens."""
        return int(_from_environment(f"{service.upper()}_PORT", str(self.port + 1 + SERVICES.index(service))))


def prepare(place: Place) -> dict[str, str]:
    """Makes what is missing; returns the whole environment (`environment_of` picks each process's part).

    Raises `CannotPrepare`.
    """
    place.data.mkdir(parents=True, exist_ok=True)
    kept = read_kept(place)
    made = {
        "XUEFEN_MODE": "servers",
        "XUEFEN_DATA": str(place.data),
        "XUEFEN_PUBLIC_URL": place.url,
        "XUEFEN_TRUSTED_PROXIES": "1",
        # Everybody knows the passwords of the sample province: a second step would guard nothing.
        "XUEFEN_SECOND_FACTOR": _from_environment("XUEFEN_SECOND_FACTOR", "offered"),
        **{f"XUEFEN_{name}": kept.get(f"XUEFEN_{name}") or secrets.token_hex(32) for name in SECRETS},
        **_databases(place, kept),
        "XUEFEN_AMQP_URL": _virtual_host(place, kept),
    }
    handle = os.open(place.kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in made.items())
    write_nginx(place)
    return made


def environment_of(service: str, place: Place, made: dict[str, str]) -> dict[str, str]:
    """The environment of one service's processes: no other service's database, no key that it does not need."""
    own = {f"XUEFEN_{name.upper()}" for name in NEEDS[service]}
    others = {f"XUEFEN_{name.upper()}" for needs in NEEDS.values() for name in needs} - own
    return {
        **tools_environment(),
        **{name: value for name, value in made.items() if name not in others},
        "BIND": f"127.0.0.1:{place.web_port(service)}",
        "WEB_CONCURRENCY": _from_environment("WEB_CONCURRENCY", "1"),
        "BEAT_DIR": str(place.data),
        "XUEFEN_LOG_LEVEL": _from_environment("XUEFEN_LOG_LEVEL", "WARNING"),
        "XUEFEN_LOG_JSON": _from_environment("XUEFEN_LOG_JSON", "false"),
    }


def tools_environment() -> dict[str, str]:
    """This process's environment without any xuefen setting, with the programs beside this Python first."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("XUEFEN_")}
    return {**plain, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{plain.get('PATH', '')}"}


def read_kept(place: Place) -> dict[str, str]:
    """What an earlier start wrote; nothing before the first."""
    if not place.kept.exists():
        return {}
    lines = place.kept.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def drop(place: Place) -> None:
    """Removes databases, logins and the virtual host of this name, with everything in them."""
    with _admin(place) as connection:
        for service in SERVICES:
            name = sql.Identifier(f"{place.name}_{service}")
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))
    _rabbitmqctl("delete_vhost", place.name)
    _rabbitmqctl("delete_user", place.name)


def _databases(place: Place, kept: dict[str, str]) -> dict[str, str]:
    """Per service a database and its login. Returns the URLs by setting name."""
    made: dict[str, str] = {}
    server = urlsplit(place.postgres)
    with _admin(place) as connection:
        databases = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        logins = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for service in SERVICES:
            name, setting = f"{place.name}_{service}", f"XUEFEN_{service.upper()}_DATABASE_URL"
            password = urlsplit(kept.get(setting, "")).password
            if name in databases and not password:
                raise CannotPrepare(
                    f"database {name} is there, but {place.kept}, which held its keys, is not: give the DATA= of "
                    f"the earlier start, another XUEFEN_NAME=, or remove it all with `make drop-servers`"
                )
            password = password or secrets.token_hex(24)
            identifier = sql.Identifier(name)
            verb = "ALTER" if name in logins else "CREATE"
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(sql.SQL(verb), identifier, sql.Literal(password))
            )
            if name not in databases:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                        identifier, identifier
                    )
                )
            # Otherwise every login could connect to every database.
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(identifier))
            netloc = _netloc(server, name, password)
            made[setting] = urlunsplit(("postgresql+psycopg", netloc, f"/{name}", server.query, ""))
    return made


def _admin(place: Place) -> psycopg.Connection[tuple[object, ...]]:
    try:
        return psycopg.connect(place.postgres, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise CannotPrepare(
            f"PostgreSQL does not let us in ({str(error).strip().splitlines()[-1]}): start it, or say where it is "
            "with XUEFEN_POSTGRES_ADMIN_URL=postgresql://login:password@host:5432/postgres"
        ) from error


def _virtual_host(place: Place, kept: dict[str, str]) -> str:
    """A virtual host and a user of our own where `rabbitmqctl` works here, else the given address as it is."""
    server = urlsplit(place.amqp)
    # rabbitmqctl speaks to the one broker that is installed here, not to another on a port of its own.
    local = server.hostname in ("127.0.0.1", "localhost", "::1") and server.port in (None, 5672)
    if not local or not _rabbitmqctl("list_vhosts"):
        print(f"no rabbitmqctl for {server.hostname}: using the given virtual host {server.path or '/'} as it is")
        return place.amqp
    before = urlsplit(kept.get("XUEFEN_AMQP_URL", ""))
    password = (before.password if before.username == place.name else None) or secrets.token_hex(24)
    _rabbitmqctl("add_vhost", place.name)
    if not _rabbitmqctl("add_user", place.name, password):
        _rabbitmqctl("change_password", place.name, password)
    _rabbitmqctl("set_permissions", "-p", place.name, place.name, ".*", ".*", ".*")
    return urlunsplit((server.scheme, _netloc(server, place.name, password), f"/{place.name}", server.query, ""))


def _rabbitmqctl(*arguments: str) -> bool:
    program = shutil.which("rabbitmqctl", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        return False
    done = subprocess.run(  # noqa: S603
        [program, "--quiet", *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=60
    )
    return done.returncode == 0


def _netloc(server: SplitResult, login: str, password: str) -> str:
    """`login:password@host:port` at the same server."""
    host = f"[{server.hostname}]" if ":" in (server.hostname or "") else server.hostname or "127.0.0.1"
    return f"{login}:{password}@{host}" + (f":{server.port}" if server.port else "")


def write_nginx(place: Place) -> None:
    """Fills nginx's two templates into DATA/nginx."""
    folder = place.data / "nginx"
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    values = {
        "LISTEN": f"127.0.0.1:{place.port}",
        "SCHEME": "$scheme",
        "USER_LINE": "user root;" if os.geteuid() == 0 else "",
        **{f"{name.upper()}_UPSTREAM": f"127.0.0.1:{place.web_port(name)}" for name in SERVICES},
    }
    for template, target in (("local.conf", "nginx.conf"), ("site.conf", "site.conf")):
        text = (ROOT / "deploy" / "nginx" / f"{template}.template").read_text()
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        (folder / target).write_text(text)


if __name__ == "__main__":
    if sys.argv[1:] != ["drop"]:
        raise SystemExit("usage: prepare_servers.py drop   (run_servers.py prepares by itself)")
    try:
        drop(Place())
    except CannotPrepare as problem:
        raise SystemExit(str(problem)) from problem
