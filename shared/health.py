"""`/<service>/healthz`: the process lives. `/<service>/readyz`: it can work (database at head, broker, dispatcher)."""

from __future__ import annotations

import time

from flask import Flask, Response, jsonify

from shared import migrations, outbox
from shared.service import Runtime


def register(app: Flask, run: Runtime) -> None:
    """Adds both addresses; everybody may ask, neither says anything of use to a stranger."""
    from shared.web import ANYONE, allow

    name = run.service.name

    @app.get(f"/{name}/healthz", endpoint="healthz")
    @allow(ANYONE)
    def healthz() -> Response:
        """The process answers."""
        return jsonify(status="ok", service=name)

    @app.get(f"/{name}/readyz", endpoint="readyz")
    @allow(ANYONE)
    def readyz() -> tuple[Response, int]:
        """Each thing that the service needs, and whether it is there."""
        checks = {"database": _database(run), "messages": _messages(run)}
        ready = all(state == "ok" for state in checks.values())
        return jsonify(status="ok" if ready else "not ready", service=name, checks=checks), 200 if ready else 503


def _database(run: Runtime) -> str:
    try:
        if not migrations.at_head(run.service.name, run.database.engine):
            return "not migrated"
        with run.database.reading() as session:
            outbox.pending(session)
    except Exception as error:  # the answer is the report of whatever is wrong
        return type(error).__name__
    return "ok"


def _messages(run: Runtime) -> str:
    if run.settings.embedded:
        # A dead dispatcher does not kill the process, so its age is what tells.
        # Events only: a job may rightly take longer.
        relays = [relay for relay in run.extras.get("relays", []) if relay.kind == "event"]
        if relays and max(time.monotonic() - relay.beat for relay in relays) > 60:
            return "dispatcher stopped"
        return "ok"
    from shared.bus import probe

    return probe(run.settings.amqp_url) or "ok"
