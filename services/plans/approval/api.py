"""The approval API: plans, their files, acts and history, and the reviewers' queue."""

from __future__ import annotations

import io
from typing import Any

from flask import Response, send_file
from flask_smorest import Blueprint
from marshmallow import RAISE
from sqlalchemy.orm import Session

from services.plans import kinds
from services.plans.acts import OFFERED
from services.plans.approval import (
    comparing,
    copying,
    deputies,
    drafting,
    looking,
    operations,
    queries,
    recording,
    views,
)
from services.plans.approval import content as contents
from services.plans.approval.answers import AttachedOut, CompareOut, HistoryOut, PlanOut, PlanRow
from services.plans.approval.models import Plan
from services.plans.approval.schemas import (
    ActIn,
    AnswersIn,
    CompareQuery,
    CopyIn,
    DecisionIn,
    FileIn,
    PlanChange,
    PlanIn,
    PlanQuery,
)
from services.plans.edge import answer as answered
from services.plans.edge import file_store, look_at
from shared.actors import Actor, Office
from shared.errors import NotFound
from shared.paging import Page, page
from shared.schemas import Nothing, paged
from shared.web import actor, allow, expected_version, once, reading, repeatable, transaction

blp = Blueprint(
    "plans_api", __name__, url_prefix="/plans/api/v1", description="年度申报方案：起草、报送、审核、办理过程"
)
PlanPage = paged(PlanRow)
SEE = (*kinds.OWNERS, Office.PLAN_REVIEW, Office.RESULT_AUDIT, Office.CREDIT_ADMIN)
"""Who may call for a plan: what is seen follows from the posts, a deputy's included."""
AT_DESK = tuple(office for office in SEE if office is not Office.TEACHER)
"""Who may come to the desk; a teacher owns her claims, and decides nothing."""
BINARY = {"type": "string", "format": "binary"}


@blp.route("/plans", methods=["POST"])
@blp.arguments(PlanIn)
@blp.response(201, PlanOut)
@allow(*kinds.OWNERS)
def create(body: dict[str, Any]) -> Response:
    """起草方案"""
    with once() as tx:
        plan = drafting.create_plan(tx.session, actor(), **body)
        return tx.json(PlanOut(), views.view(tx.session, actor(), plan), 201, version=plan.version)


@blp.route("/plans", methods=["GET"])
@blp.arguments(PlanQuery, location="query")
@blp.response(200, PlanPage)
@allow(*SEE)
def list_plans(query: dict[str, Any]) -> Response:
    """本校的方案；审核单位：本区域已报送的方案"""
    with reading() as session:
        me = who(session)
        found = queries.visible_plans(me)
        if query["status"]:
            found = found.where(Plan.status == query["status"])
        if query["kind"]:
            found = found.where(Plan.kind == query["kind"])
        if query["school_year"]:
            found = found.where(queries.of_school_year(me, query["school_year"]))
        rows = page(session, found, [Plan.id], cursor=query["cursor"], limit=query["limit"], descending=True)
        return answered(PlanPage(), _listed(me, rows))


@blp.route("/plans/<plan_id>", methods=["GET"])
@blp.response(200, PlanOut)
@allow(*SEE)
def show(plan_id: str) -> Response:
    """方案内容与所处环节"""
    with reading() as session:
        plan = queries.find_plan(session, who(session), plan_id)
        return answered(PlanOut(), views.view(session, who(session), plan), version=plan.version)


@blp.route("/plans/<plan_id>", methods=["PUT"])
@blp.arguments(PlanChange)
@blp.response(200, PlanOut)
@allow(*kinds.OWNERS)
def change(body: dict[str, Any], plan_id: str) -> Response:
    """修改草稿（整体替换，须带 If-Match）"""
    version = expected_version()
    with transaction() as session:
        plan = drafting.change_plan(session, actor(), plan_id, version=version, **body)
        return answered(PlanOut(), views.view(session, actor(), plan), version=plan.version)


@blp.route("/plans/<plan_id>/attachments", methods=["POST"])
@blp.arguments(FileIn, location="files", unknown=RAISE)
@blp.arguments(Nothing, location="form", content_type="multipart/form-data")
@blp.response(201, AttachedOut)
@allow(*kinds.OWNERS)
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
@allow(*SEE)
def attachment(plan_id: str, attachment_id: str) -> Response:
    """下载附件"""
    return send_attachment(plan_id, attachment_id)


@blp.route("/plans/<plan_id>/attachments/<attachment_id>", methods=["DELETE"])
@blp.response(200, PlanOut)
@allow(*kinds.OWNERS)
def detach(plan_id: str, attachment_id: str) -> Response:
    """从草稿中去掉附件（须带 If-Match；已报送的版本仍保留）"""
    version = expected_version()
    with transaction() as session:
        plan = drafting.detach(session, actor(), plan_id, attachment_id, version=version)
        return answered(PlanOut(), views.view(session, actor(), plan), version=plan.version)


@blp.route("/plans/<plan_id>/<any(submit,withdraw,abandon):act>", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, PlanOut)
@allow(*kinds.OWNERS)
def act_of_school(body: dict[str, Any], plan_id: str, act: str) -> Response:
    """报送、撤回、放弃申报（须带 If-Match）"""
    return _perform(plan_id, act, {})


@blp.route("/plans/<plan_id>/decisions", methods=["POST"])
@blp.arguments(DecisionIn)
@blp.response(200, PlanOut)
@allow(*SEE)
def decide(body: dict[str, Any], plan_id: str) -> Response:
    """审核：同意、退回修改（须列意见）、不予通过（须写理由，由第二人复核）；须带 If-Match"""
    return _perform(plan_id, body.pop("verdict"), body)


@blp.route("/plans/<plan_id>/acts/<any(" + ",".join(OFFERED) + "):act>", methods=["POST"])
@blp.arguments(ActIn)
@blp.response(200, PlanOut)
@allow(*SEE)
def perform(body: dict[str, Any], plan_id: str, act: str) -> Response:
    """办理：任何一种办理动作；现在能办理的见方案的 acts（须带 If-Match）"""
    return _perform(plan_id, act, body)


@blp.route("/plans/<plan_id>/answers", methods=["PUT"])
@blp.arguments(AnswersIn)
@blp.response(200, PlanOut)
@allow(*kinds.OWNERS)
def answer(body: dict[str, Any], plan_id: str) -> Response:
    """逐条答复退回的修改意见：已修改或说明；重报时随方案送达"""
    with transaction() as session:
        plan = recording.answer_points(session, actor(), plan_id, body["answers"])
        return answered(PlanOut(), views.view(session, actor(), plan), version=plan.version)


@blp.route("/plans/<plan_id>/copies", methods=["POST"])
@blp.arguments(CopyIn)
@blp.response(201, PlanOut)
@allow(*kinds.OWNERS)
def copy(body: dict[str, Any], plan_id: str) -> Response:
    """以已通过的方案起草：修订（amend），或下一学年的方案（next_year）"""
    with once() as tx:
        plan = copying.copy_plan(tx.session, actor(), plan_id, body["purpose"])
        return tx.json(PlanOut(), views.view(tx.session, actor(), plan), 201, version=plan.version)


@blp.route("/plans/<plan_id>/opening", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, PlanOut)
@allow(*SEE)
@repeatable("looking twice is looking once")
def open_plan(body: dict[str, Any], plan_id: str) -> Response:
    """打开：记录“已查看”，并显示“处理中”"""
    with transaction() as session:
        me = who(session)
        plan = operations.open_plan(session, me, plan_id)
        return answered(PlanOut(), views.view(session, me, plan), version=plan.version)


@blp.route("/plans/<plan_id>/history", methods=["GET"])
@blp.response(200, HistoryOut)
@allow(*SEE)
def history(plan_id: str) -> Response:
    """办理过程；内部意见只给审核方"""
    with reading() as session:
        me = who(session)
        plan = queries.find_plan(session, me, plan_id)
        return answered(HistoryOut(), {"items": views.history(session, me, plan)})


@blp.route("/plans/<plan_id>/comparison", methods=["GET"])
@blp.arguments(CompareQuery, location="query")
@blp.response(200, CompareOut)
@allow(*SEE)
def compare(query: dict[str, Any], plan_id: str) -> Response:
    """任意两版逐项对比；old=last_year 与上年已通过的方案对比"""
    with reading() as session:
        plan = queries.find_plan(session, who(session), plan_id)
        return answered(CompareOut(), {"changes": comparison(session, plan, query["old"], query["new"])})


def comparison(session: Session, plan: Plan, old: str, new: int | None) -> list[comparing.Change]:
    """What differs between a version (or last year's plan) and another. Raises `NotFound` for what there is not."""
    versions = {version.number: version.content for version in queries.versions_of(session, plan)}
    latest = contents.load(versions[new or plan.round]) if (new or plan.round) in versions else None
    if old == "last_year":
        other = looking.last_years_plan(session, plan, latest.school_year) if latest else None
        before = queries.frozen(session, other) if other else None
    else:
        before = contents.load(versions[int(old)]) if old.isdigit() and int(old) in versions else None
    if before is None or latest is None:
        raise NotFound("没有可对比的版本。")
    return comparing.compare(before, latest, by_title=old == "last_year")


def who(session: Session) -> Actor:
    """Who calls, with the posts of those for whom she stands in (代办)."""
    return deputies.acting(session, actor())


def _perform(plan_id: str, act: str, what: dict[str, Any]) -> Response:
    version = expected_version()
    with once() as tx:
        me = who(tx.session)
        plan = operations.perform(tx.session, me, plan_id, act, version=version, **what)
        return tx.json(PlanOut(), views.view(tx.session, me, plan), version=plan.version)


def send_attachment(plan_id: str, attachment_id: str) -> Response:
    """A file as a download, never shown inside the site."""
    with reading() as session:
        file = queries.find_attachment(session, who(session), plan_id, attachment_id)
        name, media_type, sha256 = file.name, file.media_type, file.sha256
    content = io.BytesIO(file_store().get(sha256))
    return send_file(content, mimetype=media_type, as_attachment=True, download_name=name)


def _listed(me: Actor, rows: Page[Plan]) -> Page[queries.Listed]:
    return Page([queries.listed(me, plan) for plan in rows.items], rows.next)


def _fields(file: Any) -> dict[str, Any]:
    return {name: getattr(file, name) for name in ("id", "name", "media_type", "size", "sha256", "plan_id")}
