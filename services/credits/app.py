"""Wires the files of this service; `create_app()` is what gunicorn loads."""

from __future__ import annotations

from flask import Flask

from services.credits import api, pages, policies
from services.credits.certificates import api as certificates_api
from services.credits.certificates import pages as certificates_pages
from services.credits.claims import pages as claims_pages
from services.credits.closing import api as closing_api
from services.credits.closing import pages as closing_pages
from services.credits.deliveries import api as deliveries_api
from services.credits.deliveries import pages as deliveries_pages
from services.credits.disputes import api as disputes_api
from services.credits.disputes import pages as disputes_pages
from services.credits.disputes import recording as disputes
from services.credits.edition_files import shipped
from services.credits.employment import api as employment_api
from services.credits.employment import pages as employment_pages
from services.credits.forecast import api as forecast_api
from services.credits.forecast import pages as forecast_pages
from services.credits.models import Base
from services.credits.pending import api as pending_api
from services.credits.pending import pages as pending_pages
from services.credits.publicity import api as publicity_api
from services.credits.rulebook import api as rulebook_api
from services.credits.rulebook import pages as rulebook_pages
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

# A table that does not fit its schema stops the service here, before it answers anything.
shipped()
policies.register()
disputes.answer_days()


def register(app: Flask, run: Runtime) -> None:
    """Adds the API and the pages."""
    for blueprint in (
        api.blp,
        closing_api.blp,
        deliveries_api.blp,
        disputes_api.blp,
        publicity_api.blp,
        certificates_api.blp,
        employment_api.blp,
        forecast_api.blp,
        rulebook_api.blp,
        pending_api.blp,
    ):
        app.extensions["smorest_api"].register_blueprint(blueprint)
    for pages_of in (
        pages.bp,
        closing_pages.bp,
        deliveries_pages.bp,
        disputes_pages.bp,
        certificates_pages.bp,
        claims_pages.bp,
        employment_pages.bp,
        forecast_pages.bp,
        rulebook_pages.bp,
        pending_pages.bp,
    ):
        app.register_blueprint(pages_of)


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
