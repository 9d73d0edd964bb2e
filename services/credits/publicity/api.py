"""What is 公示中, for programs. Nothing here changes anything."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from services.credits.publicity import queries
from services.credits.publicity.schemas import ProvisionalPage, provisional_body
from shared.actors import Office
from shared.schemas import PageQuery
from shared.web import actor, allow, reading

blp = Blueprint("publicity_api", __name__, url_prefix="/credits/api/v1", description="公示中的成绩")


@blp.route("/me/provisional")
@blp.arguments(PageQuery, location="query")
@blp.response(200, ProvisionalPage)
@allow(Office.TEACHER)
def mine(query: dict[str, Any]) -> dict[str, Any]:
    """本人公示中的成绩；不计入达标，期满自动确认"""
    return _provisional(actor().person_id, query)


@blp.route("/teachers/<person_id>/provisional")
@blp.arguments(PageQuery, location="query")
@blp.response(200, ProvisionalPage)
@allow(Office.TEACHER, Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
def teacher(query: dict[str, Any], person_id: str) -> dict[str, Any]:
    """一位教师公示中的成绩；不计入达标，期满自动确认"""
    return _provisional(person_id, query)


def _provisional(person_id: str | None, query: dict[str, Any]) -> dict[str, Any]:
    with reading() as session:
        found = queries.provisional(session, actor(), person_id, **query)
        return {"items": [provisional_body(one) for one in found.items], "next": found.next}
