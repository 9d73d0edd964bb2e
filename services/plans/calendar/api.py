"""The calendar's API: every year with data, and entering one."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.plans.calendar import operations, queries
from services.plans.calendar.schemas import CalendarOut, YearIn, YearOut
from services.plans.edge import answer
from shared.web import SIGNED_IN, actor, allow, expected_version, reading, transaction

blp = Blueprint("calendar_api", __name__, url_prefix="/plans/api/v1", description="工作日历：放假与调休")


@blp.route("/calendar", methods=["GET"])
@blp.response(200, CalendarOut)
@allow(SIGNED_IN)
def show() -> Response:
    """有数据的各年工作日历（没有列出的年份不计时）"""
    with reading() as session:
        return answer(CalendarOut(), {"years": queries.years(session)})


@blp.route("/calendar/<int:year>", methods=["PUT"])
@blp.arguments(YearIn)
@blp.response(200, YearOut)
@allow(*operations.EDITORS)
def set_year(body: dict[str, Any], year: int) -> Response:
    """填写一年的放假与调休（省级；整体替换，须带 If-Match，从未填写过的年份为 0）"""
    version = expected_version()
    with transaction() as session:
        row = operations.set_year(session, actor(), year, **body, version=version)
        return answer(YearOut(), queries.year(session, year), version=row.version)
