"""Forecasts for programs."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.credits.forecast import operations, queries
from services.credits.forecast.models import MadeForecast
from services.credits.forecast.schemas import (
    ListIn,
    ListQuery,
    MadeOut,
    MadePage,
    RowsPage,
    SchemeIn,
    chosen_of,
    made_body,
    row_body,
)
from shared.actors import Office
from shared.errors import Invalid
from shared.paging import page
from shared.schemas import PageQuery
from shared.web import actor, allow, once, reading

blp = Blueprint("forecast_api", __name__, url_prefix="/credits/api/v1/forecast", description="学分预测")


@blp.route("")
@blp.arguments(ListQuery, location="query")
@blp.response(200, RowsPage)
@allow(*queries.ADMINS)
def listed(query: dict[str, Any]) -> dict[str, Any]:
    """到周期结束还有差额的教师，或按上限也达不到的教师；一所学校或一个县"""
    with reading() as session:
        found = queries.forecast(session, actor(), query["under"])
        if found is None:
            sentence = "请用 under 指定一个县（市、区）或学校。"
            raise Invalid(sentence, fields={"under": [sentence]})
        rows = found.rows(session, actor(), chosen_of(query), cursor=query["cursor"], limit=query["limit"])
        return {"items": [row_body(row) for row in rows.items], "next": rows.next}


@blp.route("/made")
@blp.arguments(PageQuery, location="query")
@blp.response(200, MadePage)
@allow(*queries.ADMINS)
def made(query: dict[str, Any]) -> dict[str, Any]:
    """已生成的名单，新的在前"""
    with reading() as session:
        found = page(session, operations.visible(actor()), [MadeForecast.id], **query, descending=True)
        return {"items": [made_body(one) for one in found.items], "next": found.next}


@blp.route("/made", methods=["POST"])
@blp.arguments(ListIn)
@blp.response(201, MadeOut)
@allow(*queries.ADMINS)
def export(body: dict[str, Any]) -> Response:
    """在后台生成一份名单（Excel）"""
    with once() as tx:
        done = operations.request_list(tx.session, actor(), body["under"], chosen_of(body))
        return tx.json(MadeOut(), made_body(done), 201)


@blp.route("/schemes", methods=["POST"])
@blp.arguments(SchemeIn)
@blp.response(201, MadeOut)
@allow(Office.CREDIT_ADMIN)
def start_scheme(body: dict[str, Any]) -> Response:
    """发起托底方案（问答第 11 问）：生成名单，并据此起草方案，由本县项目管理员继续填写、报上级备案"""
    with once() as tx:
        done = operations.start_scheme(tx.session, actor(), body["under"])
        return tx.json(MadeOut(), made_body(done), 201)
