"""Every test of credits that touches a database runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import atexit
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
import time_machine
from flask.testing import FlaskClient

from services.credits.app import service
from shared import migrations
from shared.auth import TokenSigner, TokenVerifier
from shared.database import Database
from shared.service import Runtime
from shared.settings import load_settings
from tests import servers
from tests.apps import app_of

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
"""A Tuesday morning in school year 2026-2027, the fourth of the cycle 2023—2028."""


ON_SQLITE_ALONE = re.compile(r"tests/credits/test_(\w*pages?|api|evaluation|policy_cases)\.py::.*\[.*postgres")
"""Tests of pages, bodies and examples: the statements behind them run on both in the others."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runs these once. Whole stories through pages and API on PostgreSQL are in tests/flows."""
    only_once = [item for item in items if ON_SQLITE_ALONE.search(item.nodeid)]
    config.hook.pytest_deselected(items=only_once)
    items[:] = [item for item in items if item not in set(only_once)]


@cache
def _template(kind: str) -> str:
    """A migrated database to copy, made once in a run: migrating takes longer than most tests. A path, or a name."""
    if kind == "sqlite":
        path = Path(mkdtemp(prefix="credits-template-")) / "credits.db"
        url = f"sqlite:///{path}"
        atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    else:
        url = servers.create_database("credits_template")
        atexit.register(servers.drop_database, url)
    made = Database(url)
    migrations.upgrade("credits", made.engine)
    made.dispose()
    return url.rsplit("/", 1)[-1] if kind == "postgres" else url.removeprefix("sqlite:///")


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[Database]:
    """An empty database of that kind at the newest migration."""
    if kind == "postgres":
        servers.need_servers(rabbitmq=False)
        url = servers.create_database("credits_test", _template(kind))
    else:
        shutil.copy(_template(kind), folder / "credits.db")
        url = f"sqlite:///{folder / 'credits.db'}"
    made = Database(url)
    try:
        yield made
    finally:
        made.dispose()
        if kind == "postgres":
            servers.drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of its own for each test."""
    with fresh_database(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
def common_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One database for all tests of a module that give each history a person of its own."""
    with fresh_database(request.param, tmp_path_factory.mktemp("credits")) as made:
        yield made


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Database]:
    """PostgreSQL only: what needs two writers at once."""
    with fresh_database("postgres", tmp_path) as made:
        yield made


@pytest.fixture
def now() -> Iterator[datetime]:
    """Stops the calendar at `NOW`."""
    with time_machine.travel(NOW, tick=True):
        yield NOW


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Runtime:
    """The service with that database and keys of its own."""
    settings = load_settings({"XUEFEN_DATA": str(tmp_path / "data")})
    TokenSigner(settings.token_dir)
    return Runtime(
        service=service,
        settings=settings,
        database=database,
        verifier=TokenVerifier(settings.token_dir / "jwks.json"),
    )


@pytest.fixture
def client(run: Runtime, now: datetime) -> FlaskClient:
    """Calls the service as a browser or a program would."""
    return app_of(run).test_client()
