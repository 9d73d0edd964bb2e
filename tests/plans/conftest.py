"""Every test of plans that touches a database runs on SQLite and on PostgreSQL, with the sample province known."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.plans.app import service
from services.plans.models import Base
from shared import migrations
from shared.actors import Actor
from shared.auth import TokenSigner, TokenVerifier
from shared.database import Database, PlatformBase, new_id
from shared.directory import DirectoryBase
from shared.service import Runtime
from shared.settings import load_settings
from tests import servers
from tests.apps import app_of
from tests.plans import builders


@pytest.fixture(scope="package", autouse=True)
def present() -> Iterator[None]:
    """A school year that is not over and has a working calendar: the tests pass in any year. The clock goes on."""
    with time_machine.travel(builders.PRESENT):
        yield


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated and seeded file, copied for each test."""
    path = tmp_path_factory.mktemp("plans") / "template.db"
    database = Database(f"sqlite:///{path}")
    _prepare(database)
    # Closing the last connection moves everything out of the write-ahead log into the file.
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[Database]:
    """One migrated database for the whole run, emptied for each test."""
    servers.need_servers(rabbitmq=False)
    url = servers.create_database("plans_test")
    database = Database(url)
    migrations.upgrade("plans", database.engine)
    yield database
    database.dispose()
    servers.drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database that knows the sample province and nothing else."""
    if request.param == "postgres":
        yield _emptied(request.getfixturevalue("postgres_database"))
        return
    copy = tmp_path / "plans.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), copy)
    made = Database(f"sqlite:///{copy}")
    yield made
    made.dispose()


@pytest.fixture
def postgres(postgres_database: Database) -> Database:
    """PostgreSQL only: what needs two writers at once."""
    return _emptied(postgres_database)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """One transaction for a whole test of operations."""
    with database.transaction() as opened:
        yield opened


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Runtime:
    """The service with that database and keys of its own."""
    settings = load_settings({"XUEFEN_DATA": str(tmp_path / "data"), "XUEFEN_IDENTITY_KEY": builders.IDENTITY_KEY})
    TokenSigner(settings.token_dir)
    return Runtime(
        service=service,
        settings=settings,
        database=database,
        verifier=TokenVerifier(settings.token_dir / "jwks.json"),
    )


ON_SQLITE_ALONE = re.compile(
    r"tests/plans/test_(\w*pages?|bodies|api|requests|calendar_edges|hostile_\w+|deputies|points|withdrawals|sheets"
    r"|verifying|copies|signatures)\.py::.*\[.*postgres"
)
"""Tests of pages, bodies and rules: what they ask of a database, tests of operations and queries ask of both."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runs these once. Whole stories through pages and API on PostgreSQL are in tests/flows and tests/browser."""
    only_once = [item for item in items if ON_SQLITE_ALONE.search(item.nodeid)]
    config.hook.pytest_deselected(items=only_once)
    items[:] = [item for item in items if item not in set(only_once)]


@pytest.fixture
def client(run: Runtime) -> FlaskClient:
    """Calls the service as a browser or a program would."""
    return app_of(run).test_client()


class Caller:
    """Somebody who calls the API; every POST has a key of its own."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client, self.token = client, token

    def __call__(self, method: str, path: str, *, version: int | None = None, key: str = "", **options: Any) -> Any:
        """The response to one request under `/plans/api/v1`."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if method == "POST":
            headers["Idempotency-Key"] = key or new_id()
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        return self.client.open("/plans/api/v1" + path, method=method, headers=headers, **options)


@pytest.fixture
def call_as(client: FlaskClient, run: Runtime) -> Callable[[str | Actor], Caller]:
    """A caller for a sample username or an actor."""
    signer = TokenSigner(run.settings.token_dir)

    def make(who: str | Actor) -> Caller:
        return Caller(client, signer.sign(builders.actor(who) if isinstance(who, str) else who))

    return make


def _prepare(database: Database) -> None:
    migrations.upgrade("plans", database.engine)
    with database.transaction() as session:
        builders.seed(session, builders.IDENTITY_KEY.encode())


def _emptied(database: Database) -> Database:
    tables = [
        table.name
        for metadata in (PlatformBase.metadata, DirectoryBase.metadata, Base.metadata)
        for table in metadata.tables.values()
    ]
    with database.transaction() as session:
        # Not TRUNCATE: it makes every file of every table and index anew, which takes longer than most tests.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("; ".join(f"DELETE FROM {table}" for table in tables)))
        session.execute(text("SET LOCAL session_replication_role = DEFAULT"))
        builders.seed(session, builders.IDENTITY_KEY.encode())
    return database
