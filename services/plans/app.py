"""Wires plans; what gunicorn loads."""

from __future__ import annotations

from flask import Flask

from services.plans import categories, routes
from services.plans.approval import api as approval_api
from services.plans.approval import pages as approval_pages
from services.plans.models import Base
from services.plans.projects import api as projects_api
from services.plans.projects import pages as projects_pages
from services.plans.subscriptions import HANDLERS
from services.plans.tasks import JOBS, SCHEDULE

# These register the tables that every service has.
from shared import directory, idempotency, inbox, jobs, outbox  # noqa: F401
from shared.database import PlatformBase
from shared.directory import DirectoryBase
from shared.logs import configure_logs
from shared.service import Runtime, Service, make_runtime
from shared.settings import load_settings
from shared.web import build_app


def register(app: Flask, run: Runtime) -> None:
    """Adds API and pages; a table of officials that does not fit its schema stops the service here."""
    routes.routes()
    categories.categories()
    api = app.extensions["smorest_api"]
    for feature in (approval_api, projects_api):
        api.register_blueprint(feature.blp)
    for pages in (approval_pages, projects_pages):
        app.register_blueprint(pages.bp)


service = Service(
    name="plans",
    title="方案与培训",
    metadata=[PlatformBase.metadata, DirectoryBase.metadata, Base.metadata],
    handlers=HANDLERS,
    jobs=JOBS,
    schedule=SCHEDULE,
    access_is_good=directory.access_is_good,
    register=register,
)


def create_app() -> Flask:
    """The web process of the service."""
    settings = load_settings()
    configure_logs(settings.log_level, json=settings.log_json)
    return build_app(make_runtime("plans", settings))
