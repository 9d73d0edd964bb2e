"""The web side of a service for tests: made once, since making it costs more than most of what is asked of it."""

from __future__ import annotations

from functools import cache

from flask import Flask

from shared.service import Runtime
from shared.web import build_app

_FIRST: dict[str, Runtime] = {}


def app_of(run: Runtime) -> Flask:
    """The service's app, which from now on answers out of this runtime's database."""
    _FIRST.setdefault(run.service.name, run)
    app = _app(run.service.name)
    app.extensions["xuefen"] = run
    return app


@cache
def _app(name: str) -> Flask:
    app = build_app(_FIRST[name])
    app.config["TESTING"] = True
    return app
