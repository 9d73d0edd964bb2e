"""Disputes for programs: opening one, reading, and every act on one."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_smorest import Blueprint
from flask_smorest.fields import Upload
from marshmallow import fields
from sqlalchemy.orm import Session

from services.credits import in_force
from services.credits.disputes import edge, operations, queries
from services.credits.disputes.models import Dispute
from services.credits.disputes.parties import HANDLERS
from services.credits.disputes.schemas import (
    AnswerIn,
    DisputeDetail,
    DisputeIn,
    DisputesPage,
    DisputesQuery,
    ForwardIn,
    SettleIn,
    WithdrawIn,
    detail_body,
    dispute_body,
)
from shared.actors import Office
from shared.paging import page
from shared.schemas import PageQuery, Schema
from shared.web import actor, allow, expected_version, once, reading

blp = Blueprint("disputes_api", __name__, url_prefix="/credits/api/v1", description="学分异议")

OPENERS = (Office.TEACHER, Office.SCHOOL_ADMIN)
READERS = (*OPENERS, *HANDLERS)


class EvidenceIn(Schema):
    """Up to five files."""

    file = fields.List(Upload(), load_default=list, metadata={"description": "佐证材料，PDF、JPEG 或 PNG"})


@blp.route("/me/disputes")
@blp.arguments(PageQuery, location="query")
@blp.response(200, DisputesPage)
@allow(Office.TEACHER)
def mine(query: dict[str, Any]) -> dict[str, Any]:
    """本人的异议，新的在前"""
    with reading() as session:
        found = queries.of_person(session, actor(), actor().person_id, **query)
        return {"items": [dispute_body(one) for one in found.items], "next": found.next}


@blp.route("/disputes")
@blp.arguments(DisputesQuery, location="query")
@blp.response(200, DisputesPage)
@allow(*READERS)
def disputes(query: dict[str, Any]) -> dict[str, Any]:
    """本单位待办的异议，或全部可见的异议"""
    with reading() as session:
        chosen = queries.tabs(actor(), in_force.today())[query.pop("show")]
        found = page(session, chosen, [Dispute.id], **query)
        return {"items": [dispute_body(one) for one in found.items], "next": found.next}


@blp.route("/disputes", methods=["POST"])
@blp.arguments(DisputeIn, location="form")
@blp.arguments(EvidenceIn, location="files")
@blp.response(201, DisputeDetail)
@allow(*OPENERS)
def open_one(body: dict[str, Any], sent: dict[str, Any]) -> Response:
    """提出异议：针对一条记录、一条公示中的成绩，或参加过但没有记录的培训（须有佐证材料）"""
    files = edge.take(request.files.getlist("file"))
    with once() as tx:
        return tx.json(DisputeDetail(), _detail(tx.session, edge.open_dispute(tx.session, body, files)), 201)


@blp.route("/disputes/<int:dispute_id>")
@blp.response(200, DisputeDetail)
@allow(*READERS)
def show(dispute_id: int) -> dict[str, Any]:
    """一件异议和办理过程"""
    with reading() as session:
        return _detail(session, queries.find_dispute(session, actor(), dispute_id))


@blp.route("/disputes/<int:dispute_id>/files/<file_id>")
@blp.response(200, {"type": "string", "format": "binary"}, content_type="application/octet-stream")
@allow(*READERS)
def evidence(dispute_id: int, file_id: str) -> Response:
    """下载佐证材料：只限当事方"""
    return edge.send_evidence(dispute_id, file_id)


@blp.route("/disputes/<int:dispute_id>/answer", methods=["POST"])
@blp.arguments(AnswerIn)
@blp.response(200, DisputeDetail)
@allow(*HANDLERS)
def answer(body: dict[str, Any], dispute_id: int) -> Response:
    """答复：成立或不成立，须写明理由；登记、审核过该成绩的人不能答复"""
    with once() as tx:
        done = operations.answer(tx.session, actor(), dispute_id, expected_version(), **body)
        return tx.json(DisputeDetail(), _detail(tx.session, done))


@blp.route("/disputes/<int:dispute_id>/forward", methods=["POST"])
@blp.arguments(ForwardIn)
@blp.response(200, DisputeDetail)
@allow(*HANDLERS)
def forward(body: dict[str, Any], dispute_id: int) -> Response:
    """转办给另一级主管部门，重新计算期限"""
    with once() as tx:
        done = operations.forward(tx.session, actor(), dispute_id, expected_version(), **body)
        return tx.json(DisputeDetail(), _detail(tx.session, done))


@blp.route("/disputes/<int:dispute_id>/withdrawal", methods=["POST"])
@blp.arguments(WithdrawIn)
@blp.response(200, DisputeDetail)
@allow(Office.TEACHER)
def withdraw(body: dict[str, Any], dispute_id: int) -> Response:
    """教师本人撤回异议"""
    with once() as tx:
        done = operations.withdraw(tx.session, actor(), dispute_id, expected_version(), **body)
        return tx.json(DisputeDetail(), _detail(tx.session, done))


@blp.route("/disputes/<int:dispute_id>/settlement", methods=["POST"])
@blp.arguments(SettleIn)
@blp.response(200, DisputeDetail)
@allow(*HANDLERS)
def settle(body: dict[str, Any], dispute_id: int) -> Response:
    """手工办结：指明更正它的记录，或说明没有更正记录的原因"""
    with once() as tx:
        done = operations.settle(tx.session, actor(), dispute_id, expected_version(), **body)
        return tx.json(DisputeDetail(), _detail(tx.session, done))


def _detail(session: Session, dispute: Dispute) -> dict[str, Any]:
    return detail_body(dispute, queries.acts(session, dispute), queries.files(session, dispute))
