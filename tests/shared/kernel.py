"""What the tests of the kernel share: databases of both kinds, a service of their own, people with tokens."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from sqlalchemy import MetaData

import shared.idempotency
import shared.inbox
import shared.jobs  # noqa: F401  registers its tables, as the two above do
from shared import auth, problems, web
from shared.actors import Actor, Level, Office, Post, Unit
from shared.auth import TokenSigner, TokenVerifier
from shared.database import Database
from shared.service import Runtime, Service
from shared.settings import load_settings
from shared.web import build_app

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.servers)]
"""Parameters of a fixture that gives each kind of database in turn."""

SCHOOL = Unit("360000/360100/360102/3601020001/", "东湖区青枫小学", Level.SCHOOL)
COUNTY = Unit("360000/360100/360102/", "东湖区", Level.COUNTY)
TEACHER = Actor("a-teacher", "p-teacher", "李晓岚", (Post(Office.TEACHER, SCHOOL, "东湖区青枫小学"),), "s-teacher")
REVIEWER = Actor("a-reviewer", None, "王某", (Post(Office.PLAN_REVIEW, COUNTY, "东湖区教育局"),), "s-reviewer")


def open_database(kind: str, request: pytest.FixtureRequest, *tables: MetaData) -> Database:
    """An empty database of that kind with those tables; the caller disposes of it."""
    if kind == "sqlite":
        database = Database(f"sqlite:///{request.getfixturevalue('tmp_path')}/kernel.db")
    else:
        database = Database(request.getfixturevalue("postgres")[0])
    for metadata in tables:
        metadata.create_all(database.engine)
    return database


@dataclass
class Site:
    """A service made for a test, with its web side."""

    run: Runtime
    app: Flask
    signer: TokenSigner

    def bearer(self, actor: Actor) -> dict[str, str]:
        """The header of a program that acts for `actor`."""
        return {"Authorization": f"Bearer {self.signer.sign(actor)}"}


def make_site(folder: Path, service: Service, database: Database, **settings: object) -> Site:
    """The service with its web side on a database that has its tables; `folder` holds its keys."""
    made = replace(load_settings({"XUEFEN_DATA": str(folder)}), **settings)  # type: ignore[arg-type]
    signer = TokenSigner(made.token_dir)
    run = Runtime(
        service=service, settings=made, database=database, verifier=TokenVerifier(made.token_dir / "jwks.json")
    )
    return Site(run, build_app(run), signer)


@contextmanager
def log_lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """The lines that the kernel logs meanwhile, whatever logging is set up to be."""
    capture = structlog.testing.LogCapture()
    logger = structlog.wrap_logger(None, [capture], structlog.make_filtering_bound_logger(0))
    with pytest.MonkeyPatch.context() as patch:
        for module in (auth, problems, web):
            patch.setattr(module, "log", logger)
        yield capture.entries
