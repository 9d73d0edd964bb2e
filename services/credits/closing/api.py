"""Late entries for programs: what waits for a closed cycle, and the province's decision."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.credits.closing import operations, queries
from services.credits.closing.schemas import LateDecisionIn, LateOut, LatePage, LateQuery, late_body
from shared.actors import Office
from shared.web import actor, allow, once, reading

blp = Blueprint("closing_api", __name__, url_prefix="/credits/api/v1/late-entries", description="已关闭周期的补记")


@blp.route("", methods=["GET"])
@blp.arguments(LateQuery, location="query")
@blp.response(200, LatePage)
@allow(*queries.ADMINS)
def late_entries(query: dict[str, Any]) -> dict[str, Any]:
    """周期关闭后送达、待核对的记录，或已办理的"""
    with reading() as session:
        waiting = query["state"] == "waiting"
        found = queries.late(session, actor(), waiting=waiting, cursor=query["cursor"], limit=query["limit"])
        return {"items": [late_body(one) for one in found.items], "next": found.next}


@blp.route("/<int:entry_id>/decision", methods=["POST"])
@blp.arguments(LateDecisionIn)
@blp.response(201, LateOut)
@allow(Office.CREDIT_ADMIN)
def decide(body: dict[str, Any], entry_id: int) -> Response:
    """准予补记或不予补记（省级），只办理一次"""
    with once() as tx:
        return tx.json(LateOut(), late_body(operations.decide(tx.session, actor(), entry_id, **body)), 201)
