"""Wires the service: what gunicorn loads (`services.accounts.app:create_app()`)."""

from __future__ import annotations

from flask import Flask

from services.accounts import api, pages, parts
from services.accounts.access import api as access_api
from services.accounts.access import own_pages
from services.accounts.access import pages as access_pages
from services.accounts.access.queries import session_is_good
from services.accounts.intake import api as intake_api
from services.accounts.intake import pages as intake_pages
from services.accounts.intake import public_pages
from services.accounts.models import Base
from services.accounts.notices import api as notices_api
from services.accounts.notices import pages as notices_pages
from services.accounts.people import api as people_api
from services.accounts.people import collecting_pages, transferring_pages
from services.accounts.people import pages as people_pages
from services.accounts.subscriptions import HANDLERS
from services.accounts.tasks import JOBS, SCHEDULE
from services.accounts.units import api as units_api
from services.accounts.units import pages as units_pages
from shared.database import PlatformBase
from shared.logs import configure_logs
from shared.service import Runtime, Service, make_runtime
from shared.settings import load_settings
from shared.web import build_app


def register(app: Flask, run: Runtime) -> None:
    """Adds API and pages, and makes the parts that they use."""
    parts.prepare(run)
    for blueprint in (
        api.blp,
        access_api.blp,
        intake_api.blp,
        people_api.blp,
        notices_api.blp,
        units_api.blp,
    ):
        app.extensions["smorest_api"].register_blueprint(blueprint)
    for blueprint in (
        pages.bp,
        access_pages.bp,
        own_pages.bp,
        intake_pages.bp,
        public_pages.bp,
        people_pages.bp,
        collecting_pages.bp,
        transferring_pages.bp,
        notices_pages.bp,
        units_pages.bp,
    ):
        app.register_blueprint(blueprint)


service = Service(
    name="accounts",
    title="单位与账号",
    metadata=[PlatformBase.metadata, Base.metadata],
    handlers=HANDLERS,
    jobs=JOBS,
    schedule=SCHEDULE,
    access_is_good=session_is_good,
    register=register,
)


def create_app() -> Flask:
    """The app of this service for a WSGI server, with settings from the environment."""
    settings = load_settings()
    configure_logs(settings.log_level, json=settings.log_json)
    return build_app(make_runtime("accounts", settings))
