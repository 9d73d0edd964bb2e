"""The projects API: publishing, correcting, results, audits, delivery, and the jobs that rosters start."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request
from flask_smorest import Blueprint

from services.plans.edge import answer
from services.plans.projects import auditing, correcting, delivery, history, operations, queries, voiding
from services.plans.projects.models import Audit, Project
from services.plans.projects.schemas import (
    AuditedOut,
    CorrectionChanges,
    CorrectionIn,
    CorrectionOut,
    JobOut,
    LateAuditOut,
    ProjectHistoryOut,
    ProjectIn,
    ProjectOut,
    ProjectRow,
    ReasonIn,
    ResultOut,
    RevocationIn,
)
from shared.actors import Office
from shared.jobs import visible_job
from shared.paging import page
from shared.schemas import Nothing, PageQuery, paged
from shared.web import SIGNED_IN, actor, allow, expected_version, once, reading, repeatable

blp = Blueprint(
    "projects_api", __name__, url_prefix="/plans/api/v1", description="培训项目：发布、更正、成绩、审核、送达"
)
ProjectPage = paged(ProjectRow)
ResultPage = paged(ResultOut)
LatePage = paged(LateAuditOut)
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
    found = queries.listed_projects(actor())
    with reading() as session:
        rows = page(session, found, [Project.id], cursor=query["cursor"], limit=query["limit"], descending=True)
        return answer(ProjectPage(), rows)


@blp.route("/projects/<project_id>", methods=["GET"])
@blp.response(200, ProjectOut)
@allow(*SEE)
def show(project_id: str) -> Response:
    """项目、名额、各状态人数、历次审核及送达情况（ETag 是版本号，更正、作废、删除时须带回）"""
    with reading() as session:
        project = queries.find_project(session, actor(), project_id)
        found = {
            "counts": queries.result_counts(session, project),
            "audits": delivery.audits(session, project),
            "quotas": queries.seats(session, project),
        }
        more = ProjectOut(only=tuple(found)).dump(found)
        response = jsonify({**ProjectRow().dump(project), **more})
        response.set_etag(str(project.version))
        return response


@blp.route("/projects/<project_id>/history", methods=["GET"])
@blp.response(200, ProjectHistoryOut)
@allow(*SEE)
def show_history(project_id: str) -> Response:
    """办理过程：发布、导入、审核、更正、作废等，由早到晚"""
    with reading() as session:
        project = queries.find_project(session, actor(), project_id)
        return answer(ProjectHistoryOut(), {"items": history.lines(session, project)})


@blp.route("/projects/<project_id>/correction/preview", methods=["POST"])
@blp.arguments(CorrectionChanges)
@blp.response(200, CorrectionOut)
@allow(*queries.PUBLISHERS)
@repeatable("只计算更正的影响，不写入")
def preview_correction(body: dict[str, Any], project_id: str) -> Response:
    """更正类别与折算的预览：受影响的教师，更正前后的学分"""
    with reading() as session:
        found = correcting.preview_correction(session, actor(), project_id, **body)
        shown = {
            "version": found.version,
            "before": found.before,
            "after": found.after,
            "preview": found.preview,
            "count": found.count,
            "people": found.people[:1000],
        }
        return answer(CorrectionOut(), shown, version=found.version)


@blp.route("/projects/<project_id>/correction", methods=["POST"])
@blp.arguments(CorrectionIn)
@blp.response(200, ProjectRow)
@allow(*queries.PUBLISHERS)
def correct(body: dict[str, Any], project_id: str) -> Response:
    """更正已发布项目的类别、方式、折算或方案项目；审核不变，学分重新折算（问答第 1 问）"""
    version = expected_version()
    with once() as tx:
        project = correcting.correct_project(tx.session, actor(), project_id, version=version, **body)
        return tx.json(ProjectRow(), project, 200)


@blp.route("/projects/<project_id>/deletion", methods=["POST"])
@blp.arguments(ReasonIn)
@blp.response(200, ProjectRow)
@allow(*queries.PUBLISHERS)
def delete(body: dict[str, Any], project_id: str) -> Response:
    """删除没有登记成绩的项目（问答第 6 问）；已登记成绩的请作废"""
    version = expected_version()
    with once() as tx:
        project = voiding.delete_project(tx.session, actor(), project_id, version=version, reason=body["reason"])
        return tx.json(ProjectRow(), project, 200)


@blp.route("/projects/<project_id>/voiding", methods=["POST"])
@blp.arguments(ReasonIn)
@blp.response(200, ProjectRow)
@allow(*queries.PUBLISHERS)
def void(body: dict[str, Any], project_id: str) -> Response:
    """作废已登记成绩的项目（须写明原因）；已审核的全部取消，已计入的学分由学分服务冲回"""
    version = expected_version()
    with once() as tx:
        project = voiding.void_project(tx.session, actor(), project_id, version=version, reason=body["reason"])
        return tx.json(ProjectRow(), project, 200)


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
    """审核全部待审核的成绩（登记人、发布人不能审核）；带 If-Match 则只审核所见的版本"""
    with once() as tx:
        made = auditing.audit_results(tx.session, actor(), project_id, version=_version_if_said())
        return tx.json(AuditedOut(), made, 201)


@blp.route("/projects/<project_id>/audits/<audit_id>/revocation", methods=["POST"])
@blp.arguments(RevocationIn)
@blp.response(201, AuditedOut)
@allow(Office.RESULT_AUDIT)
def revoke(body: dict[str, Any], project_id: str, audit_id: str) -> Response:
    """取消审核（须写明原因；已计入的学分由学分服务冲回）"""
    with once() as tx:
        made = auditing.revoke_audit(tx.session, actor(), project_id, audit_id, reason=body["reason"])
        return tx.json(AuditedOut(), made, 201)


@blp.route("/projects/<project_id>/audits/<audit_id>/redelivery", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, AuditedOut)
@allow(*SEE)
def redeliver(body: dict[str, Any], project_id: str, audit_id: str) -> Response:
    """重新送达：把此次审核的消息再送一次；已处理过的不会重复计入"""
    with once() as tx:
        return tx.json(AuditedOut(), delivery.redeliver(tx.session, actor(), project_id, audit_id), 200)


@blp.route("/delivery", methods=["GET"])
@blp.arguments(PageQuery, location="query")
@blp.response(200, LatePage)
@allow(Office.RESULT_AUDIT, Office.PROJECT_ADMIN)
def list_late(query: dict[str, Any]) -> Response:
    """超过两分钟仍未得到学分服务答复的审核及原因；正常时为空"""
    with reading() as session:
        rows = page(session, delivery.late_audits(actor()), [Audit.id], cursor=query["cursor"], limit=query["limit"])
        found = {"items": delivery.views(session, rows.items), "next": rows.next}
        return answer(LatePage(), found)


def _version_if_said() -> int | None:
    """The version that the caller has seen, where it may be left out."""
    return expected_version() if "If-Match" in request.headers else None
