"""What a service is made of, and what it is while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData
from sqlalchemy.orm import Session

from shared.auth import Claims, TokenVerifier
from shared.database import Database
from shared.inbox import Handlers
from shared.jobs import Jobs
from shared.settings import SERVICES, Settings

if TYPE_CHECKING:
    from flask import Flask


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts of a service, wired in its `app.py`."""

    name: str
    title: str
    """Chinese name, for example 方案与培训."""
    metadata: list[MetaData]
    """All tables of its database."""
    handlers: Handlers = field(default_factory=dict)
    jobs: Jobs = field(default_factory=dict)
    schedule: Mapping[str, float] = field(default_factory=dict)
    """Job name -> seconds between two runs; run by beat, or by the embedded scheduler."""
    access_is_good: Callable[[Session, Claims], bool]
    """Whether a token that verifies has not been ended since (suspension, signing out)."""
    register: Callable[[Flask, Runtime], None]
    """Adds the service's API and pages to its Flask app."""


@dataclass(kw_only=True)
class Runtime:
    """A service with its settings, database and keys, in one process."""

    service: Service
    settings: Settings
    database: Database
    verifier: TokenVerifier
    extras: dict[str, Any] = field(default_factory=dict)
    """What one service alone keeps (accounts: the signer, the letter store)."""


def load_service(name: str) -> Service:
    """The service by name, from `services.<name>.app`."""
    if name not in SERVICES:
        raise LookupError(f"no service is called {name}; there are {', '.join(SERVICES)}")
    service: Service = import_module(f"services.{name}.app").service
    return service


def make_runtime(name: str, settings: Settings) -> Runtime:
    """A service ready to run in this process. Raises `SettingsError` that names what the service lacks."""
    settings.require(name)
    return Runtime(
        service=load_service(name),
        settings=settings,
        database=Database(settings.database_urls[name]),
        verifier=TokenVerifier(settings.token_dir / "jwks.json"),
    )
