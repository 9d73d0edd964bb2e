"""Wires plans; what gunicorn loads."""

from __future__ import annotations

from flask import Flask

from services.plans import categories, claims, routes
from services.plans.approval import api as approval_api
from services.plans.approval import form_pages, upkeep
from services.plans.approval import pages as approval_pages
from services.plans.calendar import api as calendar_api
from services.plans.calendar import operations as calendar_operations
from services.plans.calendar import pages as calendar_pages
from services.plans.calendar import rules as calendar_rules
from services.plans.desk import api as desk_api
from services.plans.desk import office_pages
from services.plans.desk import pages as desk_pages
from services.plans.models import Base
from services.plans.printing import models as printing_models  # noqa: F401  (registers its table)
from services.plans.printing import pages as printing_pages
from services.plans.projects import api as projects_api
from services.plans.projects import pages as projects_pages
from services.plans.projects import publishing_pages, results_pages
from services.plans.reports import api as reports_api
from services.plans.reports import pages as reports_pages
from services.plans.rosters import api as roster_api
from services.plans.rosters import pages as roster_pages
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
    claims.categories()
    calendar_rules.shipped()
    api = app.extensions["smorest_api"]
    for feature in (approval_api, desk_api, projects_api, roster_api, calendar_api, reports_api):
        api.register_blueprint(feature.blp)
    for pages in (
        approval_pages,
        form_pages,
        desk_pages,
        office_pages,
        projects_pages,
        publishing_pages,
        results_pages,
        roster_pages,
        calendar_pages,
        printing_pages,
        reports_pages,
    ):
        app.register_blueprint(pages.bp)


calendar_operations.ON_CHANGE.append(upkeep.count_anew)

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
