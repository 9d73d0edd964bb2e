"""Pending policy for programs: the register, whom it concerns, and the province's decision."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.credits.pending import operations, queries
from services.credits.pending.schemas import (
    ConcernedPage,
    DecisionIn,
    DecisionOut,
    RegisterOut,
    concerned_body,
    decision_body,
    question_body,
)
from shared.actors import Office
from shared.schemas import PageQuery
from shared.web import actor, allow, once, reading

blp = Blueprint("pending_api", __name__, url_prefix="/credits/api/v1/pending-policies", description="待定政策")

ADMINS = (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)


@blp.route("", methods=["GET"])
@blp.response(200, RegisterOut)
@allow(*ADMINS)
def register() -> dict[str, Any]:
    """待定事项、涉及的本辖区人数和省厅的意见"""
    with reading() as session:
        return {"items": [question_body(one) for one in queries.registered(session, actor())]}


@blp.route("/<policy>/teachers", methods=["GET"])
@blp.arguments(PageQuery, location="query")
@blp.response(200, ConcernedPage)
@allow(*ADMINS)
def teachers(query: dict[str, Any], policy: str) -> dict[str, Any]:
    """一个待定事项涉及的本辖区教师"""
    with reading() as session:
        found = queries.concerned(session, actor(), policy, cursor=query["cursor"], limit=query["limit"])
        return {"items": [concerned_body(one) for one in found.items], "next": found.next}


@blp.route("/<policy>/decision", methods=["POST"])
@blp.arguments(DecisionIn)
@blp.response(201, DecisionOut)
@allow(Office.CREDIT_ADMIN)
def decide(body: dict[str, Any], policy: str) -> Response:
    """登记省厅的意见（省级）：一次明确一类事项"""
    with once() as tx:
        decision = operations.decide(tx.session, actor(), policy, **body)
        return tx.json(DecisionOut(), decision_body(decision), 201)
