"""The roster's part of a project's page: upload and check, the deliberate import, the error rows, the template."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from services.plans.projects import queries
from services.plans.rosters import importing
from services.plans.rosters.api import check_upload, send_errors, send_template
from shared.errors import Conflict, Invalid, TooLarge
from shared.web import actor, allow, once

bp = Blueprint("roster_pages", __name__, url_prefix="/plans")


@bp.post("/projects/<project_id>/roster")
@allow(*queries.PUBLISHERS)
def send_roster(project_id: str) -> AnyResponse:
    """Checks an uploaded roster and shows what it found; the import is a second, deliberate press."""
    sent = request.files.get("file")
    try:
        if sent is None or not sent.filename:
            raise Invalid("请选择要上传的名单文件（.xlsx）。")
        upload, report, digest = check_upload(project_id, sent)
        with once() as tx:
            kept = importing.keep_roster(tx.session, actor(), project_id, upload, report, digest)
            return tx.redirect(_back(project_id, upload=kept.id))
    except (Conflict, Invalid, TooLarge) as error:
        flash(error.detail, "error")
        return redirect(_back(project_id), 303)


@bp.post("/projects/<project_id>/roster/<upload_id>/import")
@allow(*queries.PUBLISHERS)
def start_import(project_id: str, upload_id: str) -> AnyResponse:
    """Starts the import of a roster whose check found nothing, or of its good rows if that was said."""
    good_only = request.form.get("good_only") == "yes"
    try:
        with once() as tx:
            job_id = importing.start_import(tx.session, actor(), project_id, upload_id, good_only=good_only)
            return tx.redirect(_back(project_id, upload=upload_id, job=job_id))
    except (Conflict, Invalid) as error:
        flash(error.detail, "error")
        return redirect(_back(project_id, upload=upload_id), 303)


@bp.get("/projects/<project_id>/roster/<upload_id>/errors.xlsx")
@allow(*queries.PUBLISHERS)
def errors(project_id: str, upload_id: str) -> Response:
    """The rows with errors, to be corrected and uploaded again."""
    return send_errors(project_id, upload_id)


@bp.get("/projects/<project_id>/roster/template.xlsx")
@allow(*queries.PUBLISHERS)
def template(project_id: str) -> Response:
    """An empty roster."""
    return send_template(project_id)


def _back(project_id: str, **query: Any) -> str:
    return url_for("projects_pages.show", project_id=project_id, **query, _anchor="roster" if query else None)
