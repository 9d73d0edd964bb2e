"""Exemptions, and those who have left one's unit, for programs."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.credits.employment import operations, queries
from services.credits.employment.schemas import (
    EndIn,
    ExemptionIn,
    ExemptionOut,
    ExemptionsPage,
    ExemptionsQuery,
    ExemptionWithdrawIn,
    LeftLinesPage,
    LeftPage,
    exemption_body,
    left_body,
    left_line_body,
)
from shared.actors import Office
from shared.schemas import PageQuery
from shared.web import actor, allow, once, reading

blp = Blueprint("employment_api", __name__, url_prefix="/credits/api/v1", description="免修与调动")


@blp.route("/exemptions")
@blp.arguments(ExemptionsQuery, location="query")
@blp.response(200, ExemptionsPage)
@allow(Office.TEACHER, *queries.ADMINS)
def exemptions(query: dict[str, Any]) -> dict[str, Any]:
    """本人或本辖区（本校）教师的免修，新登记的在前"""
    with reading() as session:
        found = queries.exemptions(session, actor(), **query)
        return {"items": [exemption_body(one) for one in found.items], "next": found.next}


@blp.route("/teachers/<person_id>/exemptions", methods=["POST"])
@blp.arguments(ExemptionIn)
@blp.response(201, ExemptionOut)
@allow(Office.CREDIT_ADMIN)
def enter(body: dict[str, Any], person_id: str) -> Response:
    """登记一段免修，须有文号；其间不作要求，到期自动恢复"""
    with once() as tx:
        made = operations.enter_exemption(tx.session, actor(), person_id, **body)
        return tx.json(ExemptionOut(), exemption_body(made), 201)


@blp.route("/exemptions/<exemption_id>/end", methods=["POST"])
@blp.arguments(EndIn)
@blp.response(200, ExemptionOut)
@allow(Office.CREDIT_ADMIN)
def end(body: dict[str, Any], exemption_id: str) -> Response:
    """提前结束一段免修；记录保留"""
    with once() as tx:
        return tx.json(
            ExemptionOut(), exemption_body(operations.end_exemption(tx.session, actor(), exemption_id, **body))
        )


@blp.route("/exemptions/<exemption_id>/withdrawal", methods=["POST"])
@blp.arguments(ExemptionWithdrawIn)
@blp.response(200, ExemptionOut)
@allow(Office.CREDIT_ADMIN)
def withdraw(body: dict[str, Any], exemption_id: str) -> Response:
    """撤销误登记、还没有开始的一段免修；记录保留"""
    with once() as tx:
        made = operations.withdraw_exemption(tx.session, actor(), exemption_id, **body)
        return tx.json(ExemptionOut(), exemption_body(made))


@blp.route("/former-teachers")
@blp.arguments(PageQuery, location="query")
@blp.response(200, LeftPage)
@allow(*queries.ADMINS)
def former(query: dict[str, Any]) -> dict[str, Any]:
    """曾在本校（本辖区）的教师"""
    with reading() as session:
        found = queries.left(session, actor(), **query)
        return {"items": [left_body(one) for one in found.items], "next": found.next}


@blp.route("/former-teachers/<person_id>/lines")
@blp.arguments(PageQuery, location="query")
@blp.response(200, LeftLinesPage)
@allow(*queries.ADMINS)
def former_lines(query: dict[str, Any], person_id: str) -> dict[str, Any]:
    """曾在本校的一位教师：只有本校（本辖区）组织的培训记录"""
    with reading() as session:
        _, found = queries.lines_of_former(session, actor(), person_id, **query)
        return {"items": [left_line_body(line) for line in found.items], "next": found.next}
