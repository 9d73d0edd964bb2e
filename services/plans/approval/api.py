"""The approval API: plans, their files, acts and history, and the reviewers' queue."""

from __future__ import annotations

import io
from typing import Any

from flask import Response, send_file
from flask_smorest import Blueprint
from marshmallow import RAISE

from services.plans.approval import drafting, operations, queries
from services.plans.approval.models import Plan
from services.plans.approval.schemas import (
    AttachedOut,
    CountOut,
    DecisionIn,
    FileIn,
    HistoryOut,
    PlanChange,
    PlanIn,
    PlanOut,
    PlanQuery,
    PlanRow,
)
from services.plans.edge import answer, file_store, look_at
from shared.actors import Office
from shared.paging import Page, page
from shared.schemas import Nothing, PageQuery, paged
from shared.web import actor, allow, expected_version, once, reading, transaction

blp = Blueprint(
    "plans_api", __name__, url_prefix="/plans/api/v1", description="年度申报方案：起草、报送、审核、办理过程"
)
PlanPage = paged(PlanRow)
BINARY = {"type": "string", "format": "binary"}


@blp.route("/plans", methods=["POST"])
@blp.arguments(PlanIn)
@blp.response(201, PlanOut)
@allow(Office.SCHOOL_ADMIN)
def create(body: dict[str, Any]) -> Response:
    """起草方案"""
    with once() as tx:
        plan = drafting.create_plan(tx.session, actor(), **body)
        return tx.json(PlanOut(), queries.view(tx.session, actor(), plan), 201, version=plan.version)


@blp.route("/plans", methods=["GET"])
@blp.arguments(PlanQuery, location="query")
@blp.response(200, PlanPage)
@allow(Office.SCHOOL_ADMIN, Office.PLAN_REVIEW)
def list_plans(query: dict[str, Any]) -> Response:
    """本校的方案；审核单位：本区域已报送的方案"""
    found = queries.visible_plans(actor())
    if query["status"]:
        found = found.where(Plan.status == query["status"])
    if query["school_year"]:
        found = found.where(queries.of_school_year(actor(), query["school_year"]))
    with reading() as session:
        rows = page(session, found, [Plan.id], cursor=query["cursor"], limit=query["limit"], descending=True)
        return answer(PlanPage(), _listed(rows))


@blp.route("/plans/<plan_id>", methods=["GET"])
@blp.response(200, PlanOut)
@allow(Office.SCHOOL_ADMIN, Office.PLAN_REVIEW)
def show(plan_id: str) -> Response:
    """方案内容与所处环节"""
    with reading() as session:
        plan = queries.find_plan(session, actor(), plan_id)
        return answer(PlanOut(), queries.view(session, actor(), plan), version=plan.version)


@blp.route("/plans/<plan_id>", methods=["PUT"])
@blp.arguments(PlanChange)
@blp.response(200, PlanOut)
@allow(Office.SCHOOL_ADMIN)
def change(body: dict[str, Any], plan_id: str) -> Response:
    """修改草稿（整体替换，须带 If-Match）"""
    version = expected_version()
    with transaction() as session:
        plan = drafting.change_plan(session, actor(), plan_id, version=version, **body)
        return answer(PlanOut(), queries.view(session, actor(), plan), version=plan.version)


@blp.route("/plans/<plan_id>/attachments", methods=["POST"])
@blp.arguments(FileIn, location="files", unknown=RAISE)
@blp.arguments(Nothing, location="form", content_type="multipart/form-data")
@blp.response(201, AttachedOut)
@allow(Office.SCHOOL_ADMIN)
def attach(sent: dict[str, Any], form: dict[str, Any], plan_id: str) -> Response:
    """上传附件（PDF、JPEG、PNG、DOCX、XLSX，不超过 20 MB）"""
    with reading() as session:
        queries.find_plan(session, actor(), plan_id)
    upload = look_at(sent["file"])
    file_store().put(upload)
    with once() as tx:
        file = drafting.attach(tx.session, actor(), plan_id, upload)
        plan = queries.find_plan(tx.session, actor(), plan_id)
        return tx.json(AttachedOut(), {**_fields(file), "version": plan.version}, 201, version=plan.version)


@blp.route("/plans/<plan_id>/attachments/<attachment_id>", methods=["GET"])
@blp.response(200, BINARY, content_type="application/octet-stream")
@allow(Office.SCHOOL_ADMIN, Office.PLAN_REVIEW)
def attachment(plan_id: str, attachment_id: str) -> Response:
    """下载附件"""
    return send_attachment(plan_id, attachment_id)


@blp.route("/plans/<plan_id>/attachments/<attachment_id>", methods=["DELETE"])
@blp.response(200, PlanOut)
@allow(Office.SCHOOL_ADMIN)
def detach(plan_id: str, attachment_id: str) -> Response:
    """从草稿中去掉附件（须带 If-Match；已报送的版本仍保留）"""
    version = expected_version()
    with transaction() as session:
        plan = drafting.detach(session, actor(), plan_id, attachment_id, version=version)
        return answer(PlanOut(), queries.view(session, actor(), plan), version=plan.version)


@blp.route("/plans/<plan_id>/<any(submit,withdraw,abandon):act>", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, PlanOut)
@allow(Office.SCHOOL_ADMIN)
def act_of_school(body: dict[str, Any], plan_id: str, act: str) -> Response:
    """学校办理：报送、撤回、放弃申报（须带 If-Match）"""
    with once() as tx:
        plan = operations.perform(tx.session, actor(), plan_id, act, version=expected_version())
        return tx.json(PlanOut(), queries.view(tx.session, actor(), plan), version=plan.version)


@blp.route("/plans/<plan_id>/decisions", methods=["POST"])
@blp.arguments(DecisionIn)
@blp.response(200, PlanOut)
@allow(Office.PLAN_REVIEW)
def decide(body: dict[str, Any], plan_id: str) -> Response:
    """审核：同意、退回修改（须列意见）、不予通过（须写理由）；须带 If-Match"""
    with once() as tx:
        plan = operations.perform(
            tx.session,
            actor(),
            plan_id,
            body["verdict"],
            version=expected_version(),
            opinion=body["opinion"],
            points=body["points"],
        )
        return tx.json(PlanOut(), queries.view(tx.session, actor(), plan), version=plan.version)


@blp.route("/plans/<plan_id>/history", methods=["GET"])
@blp.response(200, HistoryOut)
@allow(Office.SCHOOL_ADMIN, Office.PLAN_REVIEW)
def history(plan_id: str) -> Response:
    """办理过程"""
    with reading() as session:
        plan = queries.find_plan(session, actor(), plan_id)
        return answer(HistoryOut(), {"items": queries.history(session, plan)})


@blp.route("/queue", methods=["GET"])
@blp.arguments(PageQuery, location="query")
@blp.response(200, PlanPage)
@allow(Office.PLAN_REVIEW)
def queue(query: dict[str, Any]) -> Response:
    """待办：我现在可以审核的方案，最先到达的在前"""
    with reading() as session:
        keys = [Plan.entered_at, Plan.id]
        found = queries.to_decide(actor())
        return answer(PlanPage(), _listed(page(session, found, keys, cursor=query["cursor"], limit=query["limit"])))


@blp.route("/queue/count", methods=["GET"])
@blp.response(200, CountOut)
@allow(Office.PLAN_REVIEW)
def queue_count() -> Response:
    """待办数量"""
    with reading() as session:
        return answer(CountOut(), {"count": queries.count(session, queries.to_decide(actor()))})


def send_attachment(plan_id: str, attachment_id: str) -> Response:
    """A file as a download, never shown inside the site."""
    with reading() as session:
        file = queries.find_attachment(session, actor(), plan_id, attachment_id)
        name, media_type, sha256 = file.name, file.media_type, file.sha256
    content = io.BytesIO(file_store().get(sha256))
    return send_file(content, mimetype=media_type, as_attachment=True, download_name=name)


def _listed(rows: Page[Plan]) -> Page[queries.Listed]:
    return Page([queries.listed(actor(), plan) for plan in rows.items], rows.next)


def _fields(file: Any) -> dict[str, Any]:
    return {name: getattr(file, name) for name in ("id", "name", "media_type", "size", "sha256", "plan_id")}
