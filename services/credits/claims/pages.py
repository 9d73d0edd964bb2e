"""The room for a claim as a part of another service's page: the form of a claim takes it over HTTP."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from services.credits.claims import queries
from shared.actors import Office
from shared.web import actor, allow, reading

bp = Blueprint("claim_pages", __name__, url_prefix="/credits")


@bp.get("/fragments/claim-room")
@allow(Office.TEACHER, Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
def claim_room() -> str:
    """已用与上限, of oneself or of a teacher of one's school or area (`person`), for one `category`."""
    person = request.args.get("person") or actor().person_id
    with reading() as session:
        found = queries.room(session, actor(), person, request.args.get("category", ""))
        return render_template("credits/claims/room.html", room=found)
