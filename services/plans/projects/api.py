"""The projects API: publishing, rosters, results, audits, and the jobs that a roster starts."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_smorest import Blueprint
from marshmallow import RAISE

from services.plans.edge import answer, file_store, look_at
from services.plans.files import Upload
from services.plans.projects import auditing, importing, operations, queries
from services.plans.projects.models import Project
from services.plans.projects.schemas import (
    AuditedOut,
    JobOut,
    JobStarted,
    ProjectIn,
    ProjectOut,
    ProjectRow,
    ResultOut,
    RevocationIn,
    RosterIn,
    RosterQuery,
    RosterReport,
)
from services.plans.projects.spreadsheet import KINDS
from shared.actors import Office
from shared.jobs import visible_job
from shared.paging import page
from shared.schemas import Nothing, PageQuery, paged
from shared.web import SIGNED_IN, actor, allow, once, reading, runtime

blp = Blueprint("projects_api", __name__, url_prefix="/plans/api/v1", description="培训项目：发布、名单、成绩、审核")
ProjectPage = paged(ProjectRow)
ResultPage = paged(ResultOut)
SEE = (*queries.PUBLISHERS, Office.RESULT_AUDIT)


@blp.route("/projects", methods=["POST"])
@blp.arguments(ProjectIn)
@blp.response(201, ProjectRow)
@allow(*queries.PUBLISHERS)
def publish(body: dict[str, Any]) -> Response:
    """发布培训项目（返回每人可得学分的预览）"""
    with once() as tx:
        project = operations.publish_project(tx.session, actor(), **body)
        return tx.json(ProjectRow(), project, 201)


@blp.route("/projects", methods=["GET"])
@blp.arguments(PageQuery, location="query")
@blp.response(200, ProjectPage)
@allow(*SEE)
def list_projects(query: dict[str, Any]) -> Response:
    """管辖范围内的培训项目，新的在前"""
    found = queries.visible_projects(actor())
    with reading() as session:
        rows = page(session, found, [Project.id], cursor=query["cursor"], limit=query["limit"], descending=True)
        return answer(ProjectPage(), rows)


@blp.route("/projects/<project_id>", methods=["GET"])
@blp.response(200, ProjectOut)
@allow(*SEE)
def show(project_id: str) -> Response:
    """项目、各状态人数、历次审核"""
    with reading() as session:
        project = queries.find_project(session, actor(), project_id)
        found = {"counts": queries.result_counts(session, project), "audits": queries.audits(session, project)}
        more = ProjectOut(only=("counts", "audits")).dump(found)
        return jsonify({**ProjectRow().dump(project), **more})


@blp.route("/projects/<project_id>/roster", methods=["POST"])
@blp.arguments(RosterQuery, location="query")
@blp.arguments(RosterIn, location="files", unknown=RAISE)
@blp.arguments(Nothing, location="form", content_type="multipart/form-data")
@blp.response(202, JobStarted)
@blp.alt_response(200, schema=RosterReport, description="试导入（dry_run=true）：只检查，不写入")
@allow(*queries.PUBLISHERS)
def send_roster(query: dict[str, Any], sent: dict[str, Any], form: dict[str, Any], project_id: str) -> Response:
    """导入名单；有任何错误则 422，按行和单元格列出，一行也不导入"""
    upload, report = check_upload(project_id, sent["file"])
    if query["dry_run"]:
        return answer(RosterReport(), report)
    importing.require_clean(report)
    file_store().put(upload)
    with once() as tx:
        kept = importing.keep_roster(tx.session, actor(), project_id, upload, report)
        job_id = importing.start_import(tx.session, actor(), project_id, kept.id)
        return tx.json(JobStarted(), {"job_id": job_id}, 202)


@blp.route("/jobs/<job_id>", methods=["GET"])
@blp.response(200, JobOut)
@allow(SIGNED_IN)
def job(job_id: str) -> Response:
    """后台任务的进度和结果"""
    with reading() as session:
        return answer(JobOut(), visible_job(session, actor().account_id, job_id))


@blp.route("/projects/<project_id>/results", methods=["GET"])
@blp.arguments(PageQuery, location="query")
@blp.response(200, ResultPage)
@allow(*SEE)
def list_results(query: dict[str, Any], project_id: str) -> Response:
    """成绩名单，按名单中的顺序"""
    with reading() as session:
        project = queries.find_project(session, actor(), project_id)
        found = queries.results(project)
        rows = page(session, found, queries.RESULT_KEYS, cursor=query["cursor"], limit=query["limit"])
        return answer(ResultPage(), rows)


@blp.route("/projects/<project_id>/audits", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(201, AuditedOut)
@allow(Office.RESULT_AUDIT)
def audit(body: dict[str, Any], project_id: str) -> Response:
    """审核全部待审核的成绩（登记人、发布人不能审核）"""
    with once() as tx:
        return tx.json(AuditedOut(), auditing.audit_results(tx.session, actor(), project_id), 201)


@blp.route("/projects/<project_id>/audits/<audit_id>/revocation", methods=["POST"])
@blp.arguments(RevocationIn)
@blp.response(201, AuditedOut)
@allow(Office.RESULT_AUDIT)
def revoke(body: dict[str, Any], project_id: str, audit_id: str) -> Response:
    """取消审核（须写明原因；已计入的学分由学分服务冲回）"""
    with once() as tx:
        made = auditing.revoke_audit(tx.session, actor(), project_id, audit_id, reason=body["reason"])
        return tx.json(AuditedOut(), made, 201)


def check_upload(project_id: str, sent: Any) -> tuple[Upload, dict[str, Any]]:
    """An uploaded roster and the report of its check; nothing is written. The same for API and page."""
    with reading() as session:
        project = queries.find_project(session, actor(), project_id)
        importing.guard_entry(actor(), project)
        upload = look_at(sent, KINDS)
        report = importing.check_roster(session, project, upload, runtime().settings.identity_key).report()
    return upload, report
