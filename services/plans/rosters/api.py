"""The roster API: a check that writes no result, the import, what the check found, and the workbooks to download."""

from __future__ import annotations

import io
from typing import Any

from flask import Response, send_file
from flask_smorest import Blueprint
from marshmallow import RAISE

from services.plans.edge import answer, file_store, look_at
from services.plans.files import Upload
from services.plans.projects import queries
from services.plans.rosters import error_rows, importing
from services.plans.rosters.schemas import ImportIn, JobStarted, RosterIn, RosterQuery, RosterReport
from shared.errors import NotFound
from shared.schemas import Nothing
from shared.sheets.reading import KINDS, is_long
from shared.sheets.writing import error_rows_name, keep_error_rows
from shared.web import actor, allow, once, reading, runtime
from shared.workbooks import XLSX

blp = Blueprint("roster_api", __name__, url_prefix="/plans/api/v1", description="培训名单：检查、导入、错误行")


@blp.route("/projects/<project_id>/roster", methods=["POST"])
@blp.arguments(RosterQuery, location="query")
@blp.arguments(RosterIn, location="files", unknown=RAISE)
@blp.arguments(Nothing, location="form", content_type="multipart/form-data")
@blp.response(202, JobStarted)
@blp.alt_response(201, schema=RosterReport, description="试导入（dry_run=true）：2000 行以内当即检查完毕")
@allow(*queries.PUBLISHERS)
def send_roster(query: dict[str, Any], sent: dict[str, Any], form: dict[str, Any], project_id: str) -> Response:
    """导入名单；有任何错误则一行也不导入。试导入只检查；2000 行以上的名单在后台检查，返回任务编号"""
    upload, report, digest = check_upload(project_id, sent["file"])
    if report is not None and not query["dry_run"]:
        importing.require_clean(report)
    with once() as tx:
        kept = importing.keep_roster(
            tx.session, actor(), project_id, upload, report, digest, check_later=query["dry_run"]
        )
        if not query["dry_run"]:
            job_id: str | None = importing.start_import(tx.session, actor(), project_id, kept.id)
        elif report is None:
            job_id = kept.check_job_id
        else:
            return tx.json(RosterReport(), kept, 201)
        return tx.json(JobStarted(), {"job_id": job_id, "upload_id": kept.id}, 202)


@blp.route("/projects/<project_id>/roster/<upload_id>", methods=["GET"])
@blp.response(200, RosterReport)
@allow(*queries.PUBLISHERS)
def show(project_id: str, upload_id: str) -> Response:
    """一次上传的名单和检查结果"""
    with reading() as session:
        return answer(RosterReport(), importing.find_upload(session, actor(), project_id, upload_id))


@blp.route("/projects/<project_id>/roster/<upload_id>/import", methods=["POST"])
@blp.arguments(ImportIn)
@blp.response(202, JobStarted)
@allow(*queries.PUBLISHERS)
def start_import(body: dict[str, Any], project_id: str, upload_id: str) -> Response:
    """导入检查过的名单；good_only=true 时只导入无误的行"""
    with once() as tx:
        job_id = importing.start_import(tx.session, actor(), project_id, upload_id, good_only=body["good_only"])
        return tx.json(JobStarted(), {"job_id": job_id, "upload_id": upload_id}, 202)


@blp.route("/projects/<project_id>/roster/<upload_id>/errors.xlsx", methods=["GET"])
@blp.response(200, {"type": "string", "format": "binary"}, content_type=XLSX)
@allow(*queries.PUBLISHERS)
def errors(project_id: str, upload_id: str) -> Response:
    """有错误的行（原有各列，另加“错误原因”），改正后可直接重新上传"""
    return send_errors(project_id, upload_id)


@blp.route("/projects/<project_id>/roster/template.xlsx", methods=["GET"])
@blp.response(200, {"type": "string", "format": "binary"}, content_type=XLSX)
@allow(*queries.PUBLISHERS)
def template(project_id: str) -> Response:
    """名单模板，各列均为文本格式"""
    return send_template(project_id)


def check_upload(project_id: str, sent: Any) -> tuple[Upload, dict[str, Any] | None, str | None]:
    """An uploaded roster, kept in the store; the report of its check and the digest of its error rows.

    A long one (`is_long`) is not checked here: then both are None. The same for API and page.
    """
    with reading() as session:
        project = queries.find_project(session, actor(), project_id)
        importing.guard_entry(actor(), project)
        queries.require_plan(session, project)
        upload = look_at(sent, KINDS)
        if is_long(upload):
            report = digest = None
        else:
            found = importing.check_roster(session, project, upload, runtime().settings.identity_key)
            report, digest = found.report(), keep_error_rows(file_store(), upload, found)
    file_store().put(upload)
    return upload, report, digest


def send_errors(project_id: str, upload_id: str) -> Response:
    """The rows with errors as a download. Raises `NotFound` when there are none."""
    with reading() as session:
        upload = importing.find_upload(session, actor(), project_id, upload_id)
    if upload.error_rows_sha256 is None:
        raise NotFound("这份名单没有需要改正的行。")
    return _workbook(file_store().get(upload.error_rows_sha256), error_rows_name(upload.name))


def send_template(project_id: str) -> Response:
    """The empty roster as a download."""
    with reading() as session:
        queries.find_project(session, actor(), project_id)
    return _workbook(error_rows.template(), error_rows.TEMPLATE_NAME)


def _workbook(content: bytes, name: str) -> Response:
    return send_file(io.BytesIO(content), mimetype=XLSX, as_attachment=True, download_name=name)
