"""Migrations of one service's database: each service has one linear chain under `services/<name>/migrations`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from alembic import command, context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from shared.database import Database
from shared.service import Service, load_service
from shared.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent


def config(service: str, engine: Engine | None = None) -> Config:
    """Alembic's configuration for a service, working on `engine`."""
    made = Config()
    made.set_main_option("script_location", str(ROOT / "services" / service / "migrations"))
    made.set_main_option("path_separator", "os")
    made.attributes["engine"] = engine
    made.attributes["service"] = service
    return made


def upgrade(service: str, engine: Engine) -> None:
    """Brings the database to the newest version; safe to call from several processes at once on PostgreSQL."""
    if not at_head(service, engine):
        command.upgrade(config(service, engine), "head")


def at_head(service: str, engine: Engine) -> bool:
    """Whether the database has every migration that this program knows."""
    script = ScriptDirectory.from_config(config(service))
    # Only to look: on SQLite anything else would wait for whoever is writing.
    with engine.execution_options(read_only=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == script.get_current_head()


def make(service: str, name: str, engine: Engine) -> None:
    """Writes the next migration from the difference between tables and database."""
    script = ScriptDirectory.from_config(config(service))
    number = len(list(script.walk_revisions())) + 1
    command.revision(config(service, engine), message=name, autogenerate=True, rev_id=f"{number:04d}")


def run_env() -> None:
    """What each service's `migrations/env.py` calls.

    Under the plain `alembic` command the section of `alembic.ini` names the service, the settings its database.
    """
    attributes = context.config.attributes
    service: Service = load_service(attributes.get("service") or context.config.config_ini_section)
    engine: Engine = attributes.get("engine") or Database(load_settings().database_urls[service.name]).engine
    with engine.connect() as connection, _without_foreign_keys(connection):
        if connection.dialect.name == "postgresql":
            # Two processes that start together must not migrate together.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20180901)")
        context.configure(
            connection=connection,
            target_metadata=service.metadata,
            render_as_batch=True,
            compare_type=True,
            user_module_prefix="shared.database.",
            render_item=_render_item,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by dropping it for a new one, which foreign keys to it would forbid, or follow."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys=OFF")  # has no effect once a transaction has begun
    try:
        yield
    finally:
        connection.invalidate()  # the next one has them on again


def _render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """JSON and big identifiers are written by the names they have in `shared`, not as the types of one database."""
    from shared.database import JsonType
    from shared.outbox import BigId

    if kind == "type" and item is JsonType:
        autogen_context.imports.add("import shared.database")
        return "shared.database.JsonType"
    if kind == "type" and item is BigId:
        autogen_context.imports.add("import shared.outbox")
        return "shared.outbox.BigId"
    if kind == "type" and type(item).__module__.startswith("shared."):
        autogen_context.imports.add("import shared.database")
        return f"shared.database.{type(item).__name__}()"
    return False
