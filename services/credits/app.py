"""Wires the files of this service; `create_app()` is what gunicorn loads."""

from __future__ import annotations

from flask import Flask

from services.credits import api, pages
from services.credits.edition_files import shipped
from services.credits.models import Base
from services.credits.subscriptions import HANDLERS
from services.credits.tasks import JOBS, SCHEDULE
from shared import directory, idempotency, inbox, jobs, outbox
from shared.database import PlatformBase
from shared.directory import DirectoryBase
from shared.logs import configure_logs
from shared.service import Runtime, Service, make_runtime
from shared.settings import load_settings
from shared.web import build_app

# Each of these brings tables that every service has.
PLATFORM = (idempotency, inbox, jobs, outbox)

# An edition that does not fit its schema stops the service here, before it answers anything.
shipped()


def register(app: Flask, run: Runtime) -> None:
    """Adds the API and the pages."""
    app.extensions["smorest_api"].register_blueprint(api.blp)
    app.register_blueprint(pages.bp)


service = Service(
    name="credits",
    title="学分",
    metadata=[PlatformBase.metadata, DirectoryBase.metadata, Base.metadata],
    handlers=HANDLERS,
    jobs=JOBS,
    schedule=SCHEDULE,
    access_is_good=directory.access_is_good,
    register=register,
)


def create_app() -> Flask:
    """The Flask app of a process that serves only credits."""
    settings = load_settings()
    configure_logs(settings.log_level, json=settings.log_json)
    return build_app(make_runtime("credits", settings))
