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
BEFORE_IT_CLOSES = datetime(2023, 11, 30, 15, 59, tzinfo=UTC)
"""The last minute in which something enters the cycle 2018—2023 (B6)."""


ON_SQLITE_ALONE = re.compile(r"tests/credits/test_(\w*pages?|api|evaluation|policy_cases)\.py::.*\[.*postgres")
"""Tests of pages, bodies and examples: the statements behind them run on both in the others."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runs these once. Whole stories through pages and API on PostgreSQL are in tests/flows."""
    only_once = [item for item in items if ON_SQLITE_ALONE.search(item.nodeid)]
    config.hook.pytest_deselected(items=only_once)
    items[:] = [item for item in items if item not in set(only_once)]


@cache
def _template() -> Path:
    """A migrated file to copy, made once in a run: migrating takes longer than most tests."""
    path = Path(mkdtemp(prefix="credits-template-")) / "credits.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    _migrated(f"sqlite:///{path}").dispose()
    return path


def _migrated(url: str) -> Database:
    made = Database(url)
    migrations.upgrade("credits", made.engine)
    return made


_FREE: list[Database] = []
"""On PostgreSQL: migrated databases that no test is using."""


def _on_postgres() -> Database:
    """One that is empty; a new one only where a test needs a second at the same time."""
    servers.need_servers(rabbitmq=False)
    if _FREE:
        url = _FREE.pop().engine.url.render_as_string(hide_password=False)
        servers.reset_database(url)
        return Database(url)  # an engine of its own: with the old one are kept the rules that the last test published
    url = servers.create_database("credits_test")
    atexit.register(servers.drop_database, url)
    return _migrated(url)


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[Database]:
    """An empty database of that kind at the newest migration."""
    if kind == "postgres":
        made = _on_postgres()
    else:
        shutil.copy(_template(), folder / "credits.db")
        made = Database(f"sqlite:///{folder / 'credits.db'}")
    try:
        yield made
    finally:
        made.dispose()
        if kind == "postgres":
            _FREE.append(made)


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
