"""Models and migrations agree, on both databases; each service has one numbered line of migrations."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared import migrations
from shared.database import Database
from shared.service import load_service
from shared.settings import SERVICES
from tests import servers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/new.db")
        yield database
        database.dispose()
        return
    servers.need_servers(rabbitmq=False)
    url = servers.create_database("xuefen_migrations")
    database = Database(url)
    yield database
    database.dispose()
    servers.drop_database(url)


@pytest.mark.parametrize("service", SERVICES)
def test_models_and_migrations_agree(service: str, empty: Database) -> None:
    migrations.upgrade(service, empty.engine)
    assert migrations.at_head(service, empty.engine)
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, load_service(service).metadata)
    assert not differences, f"run `make migration SERVICE={service} NAME=…`: {differences}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_migration_can_be_taken_back(service: str, empty: Database) -> None:
    from alembic import command
    from sqlalchemy import inspect

    migrations.upgrade(service, empty.engine)
    command.downgrade(migrations.config(service, empty.engine), "base")
    assert set(inspect(empty.engine).get_table_names()) <= {"alembic_version"}


@pytest.mark.parametrize("service", SERVICES)
def test_one_numbered_line(service: str) -> None:
    script = ScriptDirectory.from_config(migrations.config(service))
    revisions = [r.revision for r in script.walk_revisions()][::-1]
    assert len(script.get_heads()) == 1
    assert revisions == [f"{n:04d}" for n in range(1, len(revisions) + 1)]
    folder = ROOT / "services" / service / "migrations" / "versions"
    names = sorted(path.name for path in folder.glob("*.py"))
    assert [name[:5] for name in names] == [f"{r}_" for r in revisions], f"name each file by its number: {names}"


@pytest.mark.parametrize("service", SERVICES)
def test_plain_alembic_finds_the_service(service: str) -> None:
    program = Path(sys.executable).parent / "alembic"
    done = subprocess.run([program, "-n", service, "heads"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "(head)" in done.stdout
