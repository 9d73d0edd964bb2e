"""Reconciliation for programs."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.credits.deliveries import operations, queries
from services.credits.deliveries.schemas import (
    CountsOut,
    DeliveriesPage,
    DeliveriesQuery,
    DeliveryOut,
    delivery_body,
)
from shared.actors import Office
from shared.paging import page
from shared.schemas import Nothing
from shared.web import actor, allow, once, reading

blp = Blueprint("deliveries_api", __name__, url_prefix="/credits/api/v1", description="成绩送达与入账的核对")


@blp.route("/deliveries")
@blp.arguments(DeliveriesQuery, location="query")
@blp.response(200, DeliveriesPage)
@allow(Office.CREDIT_ADMIN)
def deliveries(query: dict[str, Any]) -> dict[str, Any]:
    """辖区内各次成绩审核的送达与入账，新的在前"""
    with reading() as session:
        every = queries.visible_deliveries(actor(), query.pop("cause"))
        found = page(session, every, queries.KEYS, **query, descending=True)
        return {"items": [delivery_body(row) for row in found.items], "next": found.next}


@blp.route("/deliveries/counts")
@blp.response(200, CountsOut)
@allow(Office.CREDIT_ADMIN)
def counts() -> dict[str, Any]:
    """各种差异的件数"""
    with reading() as session:
        found = queries.counts(session, actor())
        told = queries.last_told(session)
        return {"audits": found.pop(""), "differing": found.pop("any"), "causes": found, "told_at": told}


@blp.route("/deliveries/<audit_id>/redelivery", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(202, DeliveryOut)
@allow(Office.CREDIT_ADMIN)
def redeliver(body: dict[str, Any], audit_id: str) -> Response:
    """要求培训项目重新送达一次审核的成绩；已入账的不会重复"""
    with once() as tx:
        return tx.json(DeliveryOut(), delivery_body(operations.ask_again(tx.session, actor(), audit_id)), 202)
