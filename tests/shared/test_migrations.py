"""Migrations on a database that is in use: rows stay, foreign keys stay, processes that start together do it once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from sqlalchemy import Engine, inspect, select, text

from shared import migrations
from shared.database import Database
from shared.jobs import run_later
from shared.outbox import OutboxRow, OutboxTodo
from tests import servers
from tests.shared.kernel import BOTH

NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9999", {head!r}


def upgrade():
    with op.batch_alter_table("outbox") as table:
        table.alter_column("routing_key", existing_type=sa.String(200), type_=sa.String(250), nullable=False)
        table.add_column(sa.Column("note", sa.String(20)))
    {then}
"""


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path}/plans.db")
        yield made
        made.dispose()
        return
    servers.need_servers(rabbitmq=False)
    url = servers.create_database("xuefen_kernel")
    made = Database(url)
    yield made
    made.dispose()
    servers.drop_database(url)


def release(folder: Path, monkeypatch: pytest.MonkeyPatch, then: str = "") -> None:
    """The next version of plans, with one migration more."""
    script = folder / "migrations"
    shutil.copytree(migrations.ROOT / "services" / "plans" / "migrations", script)
    head = sorted(path.name[:4] for path in (script / "versions").glob("0*.py"))[-1]
    (script / "versions" / "9999_next.py").write_text(NEXT.format(head=head, then=then))
    original = migrations.config

    def config(service: str, engine: Engine | None = None) -> Config:
        made = original(service, engine)
        made.set_main_option("script_location", str(script))
        return made

    monkeypatch.setattr(migrations, "config", config)


def test_a_table_that_others_refer_to_can_be_changed_and_nothing_is_lost(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite makes such a table anew and drops the old one; with foreign keys on, that fails, or takes rows along."""
    migrations.upgrade("plans", database.engine)
    with database.transaction() as session:
        job_id = run_later(session, "plans.x", {})
    release(tmp_path, monkeypatch)
    assert not migrations.at_head("plans", database.engine)
    migrations.upgrade("plans", database.engine)
    assert migrations.at_head("plans", database.engine)
    assert "note" in {column["name"] for column in inspect(database.engine).get_columns("outbox")}
    with database.reading() as session:
        row = session.scalars(select(OutboxRow).where(OutboxRow.event_id == job_id)).one()
        assert session.get(OutboxTodo, row.id) is not None
    # And they are checked again, on every connection.
    for _ in range(3):
        with database.reading() as session, pytest.raises(Exception, match=r"(?i)foreign key"):
            session.execute(
                text("INSERT INTO outbox_todo (outbox_id, not_before, attempts) VALUES (999, '2024-01-01', 0)")
            )


def test_a_migration_that_fails_changes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.upgrade("plans", database.engine)
    release(tmp_path, monkeypatch, then="raise RuntimeError('the power went')")
    with pytest.raises(RuntimeError):
        migrations.upgrade("plans", database.engine)
    assert "note" not in {column["name"] for column in inspect(database.engine).get_columns("outbox")}
    assert not migrations.at_head("plans", database.engine)
    with database.transaction() as session:
        run_later(session, "plans.x", {})


@pytest.mark.servers
def test_processes_that_start_together_migrate_once() -> None:
    servers.need_servers(rabbitmq=False)
    url = servers.create_database("xuefen_kernel")
    program = (
        "from shared import migrations; from shared.database import Database;"
        f"migrations.upgrade('credits', Database({url!r}).engine)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program], cwd=migrations.ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    try:
        for process in started:
            _, error = process.communicate(timeout=60)
            assert process.returncode == 0, error
        database = Database(url)
        assert migrations.at_head("credits", database.engine)
        database.dispose()
    finally:
        servers.drop_database(url)
