"""What reviewers settle besides single plans: deputies (代办), cases that wait for the province, stored sentences."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.plans import terms
from services.plans.approval import deputies
from services.plans.desk import phrases, policy
from services.plans.desk.pages import DESK, reviewer
from services.plans.desk.schemas import DeputyIn, PolicyIn
from services.plans.edge import by_field
from services.plans.workflow import POLICY_CATEGORIES
from shared.actors import Actor, Level, Office
from shared.database import utc_now
from shared.directory import OfficeCopy
from shared.errors import Conflict, DomainError, Invalid
from shared.web import actor, allow, once, reading, repeatable, transaction

bp = Blueprint("office_pages", __name__, url_prefix="/plans")


@bp.get("/deputies")
@allow(*DESK)
def deputies_page() -> str:
    """Who stands in for whom at my units, and the form that names a deputy."""
    with reading() as db:
        return _deputies(db, {}, {})


@bp.post("/deputies")
@allow(*deputies.MAY_SET)
def appoint() -> AnyResponse:
    """Names a deputy with dates."""
    names = ("absent", "deputy", "first_day", "last_day", "reason", "unit_code")
    typed = {name: request.form.get(name, "").strip() for name in names}
    try:
        with once() as tx:
            body = DeputyIn().load({name: value for name, value in typed.items() if value or name != "unit_code"})
            row = deputies.appoint(tx.session, actor(), **body)
            flash(
                f"已设置代办：{row.first_day} 至 {row.last_day} 由{row.deputy_name}代{row.absent_name}办理。", "success"
            )
            return tx.redirect(url_for("office_pages.deputies_page"))
    except (ValidationError, Invalid, Conflict) as error:
        fields, detail, status = _told(error)
    with reading() as db:
        return make_response(_deputies(db, typed, fields, detail), status)


@bp.post("/deputies/<deputy_id>/end")
@allow(*deputies.MAY_SET)
@repeatable("ended twice is ended once")
def end_deputy(deputy_id: str) -> AnyResponse:
    """Ends an appointment before its day."""
    with transaction() as db:
        row = deputies.end(db, actor(), deputy_id)
        flash(f"已结束{row.deputy_name}代{row.absent_name}的办理。", "success")
    return redirect(url_for("office_pages.deputies_page"), 303)


@bp.get("/policy")
@allow(*DESK)
def policy_page() -> str:
    """What waits for the province by category, and its answers so far."""
    with reading() as db:
        return _policy(db, reviewer(db), {}, {})


@bp.post("/policy")
@allow(Office.PLAN_REVIEW)
def settle() -> AnyResponse:
    """The province's answer to a category: all its cases go on."""
    typed = {name: request.form.get(name, "").strip() for name in ("category", "document", "text")}
    try:
        with once() as tx:
            answer = policy.settle(tx.session, actor(), **PolicyIn().load(typed))
            flash(f"已答复“{POLICY_CATEGORIES[answer.category]}”：{answer.settled} 件恢复办理。", "success")
            return tx.redirect(url_for("office_pages.policy_page"))
    except (ValidationError, Invalid) as error:
        fields, detail, status = _told(error)
    with reading() as db:
        return make_response(_policy(db, reviewer(db), typed, fields, detail), status)


@bp.get("/phrases")
@allow(*DESK)
def phrases_page() -> str:
    """常用语: one's own and the unit's."""
    with reading() as db:
        return _phrases(db, {}, {})


@bp.post("/phrases")
@allow(*DESK)
def keep_phrase() -> AnyResponse:
    """Keeps a sentence for oneself or for the unit."""
    typed = {"text": request.form.get("text", "").strip(), "shared": request.form.get("shared", "")}
    try:
        with once() as tx:
            phrases.keep(tx.session, reviewer(tx.session), text=typed["text"], shared=typed["shared"] == "yes")
            flash("常用语已保存。", "success")
            return tx.redirect(url_for("office_pages.phrases_page"))
    except (Invalid, Conflict) as error:
        fields, detail, status = _told(error)
    with reading() as db:
        return make_response(_phrases(db, typed, fields, detail), status)


@bp.post("/phrases/<phrase_id>/end")
@allow(*DESK)
@repeatable("ended twice is ended once")
def end_phrase(phrase_id: str) -> AnyResponse:
    """Takes a sentence out of use."""
    with transaction() as db:
        phrases.end(db, reviewer(db), phrase_id)
    flash("常用语已停用。", "success")
    return redirect(url_for("office_pages.phrases_page"), 303)


def _deputies(db: Session, typed: dict[str, str], errors: dict[str, list[str]], detail: str = "") -> str:
    me = actor()
    posts = [post for post in me.posts_of(*deputies.MAY_SET) if not post.for_account]
    # One form a unit: whoever is absent, and whoever stands in, are people of exactly that unit.
    units = {post.unit.path: post.unit for post in posts}
    unit = next((u for u in units.values() if u.code == request.args.get("unit")), next(iter(units.values()), None))
    people, holders = {}, {}
    if unit is not None:
        people = deputies.colleagues(db, unit.path)
        office = db.get(OfficeCopy, (unit.path, Office.PLAN_REVIEW.value))
        manages = me.post_at(unit.path, Office.ACCOUNT_MANAGER) is not None
        every = {holder["account_id"]: holder["name"] for holder in office.holders} if office else {}
        holders = every if manages else {key: name for key, name in every.items() if key == me.account_id}
    return render_template(
        "plans/deputies.html",
        rows=deputies.in_force(db, me),
        paths=set(units),
        units=list(units.values()),
        unit=unit,
        people=people,
        holders=holders,
        today=terms.china_date(utc_now()),
        typed=typed,
        errors=errors,
        detail=detail,
    )


def _policy(db: Session, me: Actor, typed: dict[str, str], errors: dict[str, list[str]], detail: str = "") -> str:
    return render_template(
        "plans/policy.html",
        waiting=policy.waiting(db, me),
        answers=policy.answers(db),
        categories=POLICY_CATEGORIES,
        may_settle=any(post.unit.level is Level.PROVINCE for post in actor().posts_of(Office.PLAN_REVIEW)),
        typed=typed,
        errors=errors,
        detail=detail,
    )


def _phrases(db: Session, typed: dict[str, str], errors: dict[str, list[str]], detail: str = "") -> str:
    rows = phrases.phrases_of(db, reviewer(db))
    return render_template("plans/desk/phrases.html", rows=rows, typed=typed, errors=errors, detail=detail)


def _told(error: ValidationError | DomainError) -> tuple[dict[str, Any], str, int]:
    if isinstance(error, ValidationError):
        return by_field(error), "", 422
    return {name: list(sentences) for name, sentences in error.fields.items()}, error.detail, error.status
