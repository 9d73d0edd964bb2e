"""Credits for programs: one's own, those of the teachers in one's area, and what the rules say of a given history.

Nothing here changes anything.
"""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from services.credits import cases, evaluation, in_force, listing, queries
from services.credits.case_schemas import HistorySchema
from services.credits.schemas import (
    CycleQuery,
    LedgerPage,
    LedgerQuery,
    SimulationOut,
    StandingOut,
    TeachersPage,
    TeachersQuery,
    UnknownLinesPage,
    line_body,
    standing_body,
    teacher_body,
    unknown_body,
)
from shared.actors import Office
from shared.schemas import PageQuery
from shared.web import SIGNED_IN, actor, allow, reading, repeatable

blp = Blueprint("credits_api", __name__, url_prefix="/credits/api/v1", description="教师学分")

ADMINS = (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)


@blp.route("/me/standing")
@blp.arguments(CycleQuery, location="query")
@blp.response(200, StandingOut)
@allow(Office.TEACHER)
def my_standing(query: dict[str, Any]) -> dict[str, Any]:
    """本人在一个培训周期的学分情况"""
    return _standing(actor().person_id, query["cycle"])


@blp.route("/me/ledger")
@blp.arguments(LedgerQuery, location="query")
@blp.response(200, LedgerPage)
@allow(Office.TEACHER)
def my_ledger(query: dict[str, Any]) -> dict[str, Any]:
    """本人的学分记录，按入账先后"""
    return _ledger(actor().person_id, query)


@blp.route("/teachers/<person_id>/standing")
@blp.arguments(CycleQuery, location="query")
@blp.response(200, StandingOut)
@allow(Office.TEACHER, *ADMINS)
def teacher_standing(query: dict[str, Any], person_id: str) -> dict[str, Any]:
    """一位教师在一个培训周期的学分情况"""
    return _standing(person_id, query["cycle"])


@blp.route("/teachers/<person_id>/ledger")
@blp.arguments(LedgerQuery, location="query")
@blp.response(200, LedgerPage)
@allow(Office.TEACHER, *ADMINS)
def teacher_ledger(query: dict[str, Any], person_id: str) -> dict[str, Any]:
    """一位教师的学分记录，按入账先后"""
    return _ledger(person_id, query)


@blp.route("/teachers")
@blp.arguments(TeachersQuery, location="query")
@blp.response(200, TeachersPage)
@allow(*ADMINS)
def teachers(query: dict[str, Any]) -> dict[str, Any]:
    """辖区（本校）教师在当前周期的学分情况"""
    with reading() as session:
        found = listing.standings(session, actor(), query["under"], cursor=query["cursor"], limit=query["limit"])
        return {"items": [teacher_body(standing) for standing in found.items], "next": found.next}


@blp.route("/unknown-lines")
@blp.arguments(PageQuery, location="query")
@blp.response(200, UnknownLinesPage)
@allow(*ADMINS)
def unknown_lines(query: dict[str, Any]) -> dict[str, Any]:
    """待核对的记录：教师尚不在名册中，或不在任何培训周期之内"""
    with reading() as session:
        found = listing.unknown_lines(session, actor(), cursor=query["cursor"], limit=query["limit"])
        return {"items": [unknown_body(line) for line in found.items], "next": found.next}


@blp.route("/simulations", methods=["POST"])
@blp.arguments(HistorySchema)
@blp.response(200, SimulationOut)
@allow(SIGNED_IN)
@repeatable("只试算，不保存")
def simulate(body: dict[str, Any]) -> dict[str, Any]:
    """试算：给出一份经历，得到同样的判断和逐条说明；不保存任何内容"""
    with reading() as session:
        editions = in_force.editions(session)
    history = cases.history_of(body, editions=editions)
    if body.get("project") and body.get("steps"):
        history, _ = cases.steps_of(body, history)
    return cases.body_of(evaluation.evaluate(history), history)


def _standing(person_id: str | None, cycle: int | None) -> dict[str, Any]:
    with reading() as session:
        standing = queries.standing_of(session, actor(), person_id, cycle)
        return standing_body(standing, queries.freshness(session))


def _ledger(person_id: str | None, query: dict[str, Any]) -> dict[str, Any]:
    with reading() as session:
        found = queries.ledger(
            session, actor(), person_id, query["cycle"], cursor=query["cursor"], limit=query["limit"]
        )
        return {"items": [line_body(entry) for entry in found.items], "next": found.next}
