"""The page 待定政策: what the province has not decided, whom it concerns, and the form in which it decides."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy import select
from werkzeug.wrappers import Response

from services.credits.in_force import PublishedEdition
from services.credits.pending import operations, queries
from services.credits.pending.schemas import DecisionIn
from shared.actors import Level, Office
from shared.errors import Conflict, Invalid
from shared.tables import flatten
from shared.web import actor, allow, once, reading

bp = Blueprint("pending_pages", __name__, url_prefix="/credits/pending")

ADMINS = (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
LABELS = {"document": "文号", "text": "意见", "effective_on": "施行日期", "edition": "规则版本"}


@bp.get("")
@allow(*ADMINS)
def register() -> str:
    """Every question with how many teachers of the area it concerns."""
    with reading() as session:
        return render_template("credits/pending/register.html", rows=queries.registered(session, actor()))


@bp.get("/<policy>")
@allow(*ADMINS)
def question(policy: str) -> str:
    """One question, the teachers whom it concerns, and for the province the form."""
    return _question(policy)


@bp.post("/<policy>")
@allow(Office.CREDIT_ADMIN)
def decide(policy: str) -> Response:
    """Enters the decision; what was typed comes back when something is missing."""
    typed = {name: request.form.get(name, "").strip() for name in (*LABELS, "ends_interim")}
    given = {name: value for name, value in typed.items() if value or name in ("document", "text")}
    try:
        with once() as tx:
            body = DecisionIn().load(given | {"ends_interim": bool(typed["ends_interim"])})
            decision = operations.decide(tx.session, actor(), policy, **body)
            flash(f"已登记{decision.document}；涉及的教师都会在自己的页面上看到。", "success")
            return tx.redirect(url_for(".question", policy=policy))
    except ValidationError as error:
        told: dict[str, list[str]] = {}
        for name, sentence in flatten(error.messages):
            told.setdefault(name, []).append(sentence)
        return make_response(_question(policy, typed, told), 422)
    except (Invalid, Conflict) as error:
        fields = {name: list(sentences) for name, sentences in error.fields.items()}
        return make_response(_question(policy, typed, fields, error.detail), error.status)


def _question(
    policy: str,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, list[str]] | None = None,
    detail: str = "",
) -> str:
    with reading() as session:
        found, decision = queries.one(session, policy)
        rows = queries.concerned(session, actor(), policy, cursor=request.args.get("cursor"))
        province = any(post.unit.level is Level.PROVINCE for post in actor().posts_of(Office.CREDIT_ADMIN))
        published = select(PublishedEdition.id, PublishedEdition.title).order_by(PublishedEdition.number.desc())
        editions = [(name, title) for name, title in session.execute(published)]
        return render_template(
            "credits/pending/question.html",
            question=found,
            decision=decision,
            resulting=dict(editions).get(decision.edition) if decision and decision.edition else "",
            rows=rows.items,
            next_cursor=rows.next,
            may_decide=province and decision is None,
            editions=editions,
            typed=typed or {},
            errors=errors or {},
            detail="" if errors else detail,
            labels=LABELS,
        )
