"""Pages of exemptions, and of those who have left one's unit."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from services.credits import queries as credits_queries
from services.credits.employment import operations, queries
from services.credits.employment.schemas import EndIn, ExemptionIn, ExemptionWithdrawIn
from services.credits.exempting import EXEMPTIONS
from shared.actors import Office
from shared.directory import PersonCopy
from shared.errors import Conflict, Invalid, NotFound
from shared.tables import flatten
from shared.web import actor, allow, once, reading

bp = Blueprint("employment_pages", __name__, url_prefix="/credits")

LABELS = {
    "kind": "类别",
    "starts_on": "开始日期",
    "ends_on": "最后一天",
    "document": "文号",
    "reason": "事由",
}


@bp.get("/exemptions")
@allow(*queries.ADMINS)
def exemptions() -> str:
    """免修 of the area, those that hold today or all."""
    every = request.args.get("show") == "all"
    with reading() as session:
        holding = None if every else credits_queries.today()
        rows = queries.exemptions(session, actor(), holding=holding, cursor=request.args.get("cursor"))
        people = queries.people_of(session, [row.person_id for row in rows.items])
        return render_template(
            "credits/employment/exemptions.html", rows=rows, people=people, kinds=EXEMPTIONS, every=every
        )


@bp.get("/teachers/<person_id>/exemptions")
@allow(*queries.ADMINS)
def teacher(person_id: str) -> str:
    """Those of one teacher, and for the county the form."""
    return _teacher(person_id)


@bp.post("/teachers/<person_id>/exemptions")
@allow(Office.CREDIT_ADMIN)
def enter(person_id: str) -> Response:
    """Enters one; what was typed comes back when something is missing."""
    typed = {name: request.form.get(name, "").strip() for name in LABELS}
    try:
        with once() as tx:
            body = ExemptionIn().load({name: value for name, value in typed.items() if value})
            made = operations.enter_exemption(tx.session, actor(), person_id, **body)
            flash(f"已登记{EXEMPTIONS[made.kind][0]}，自 {made.starts_on.isoformat()} 起不作要求。", "success")
            return tx.redirect(url_for(".teacher", person_id=person_id))
    except ValidationError as error:
        told: dict[str, list[str]] = {}
        for name, sentence in flatten(error.messages):
            told.setdefault(name, []).append(sentence)
        return make_response(_teacher(person_id, typed, told), 422)
    except Invalid as error:
        fields = {name: list(sentences) for name, sentences in error.fields.items()}
        return make_response(_teacher(person_id, typed, fields), error.status)


@bp.post("/teachers/<person_id>/exemptions/end")
@allow(Office.CREDIT_ADMIN)
def end(person_id: str) -> Response:
    """Sets the last day of one."""
    typed = {name: request.form.get(name, "").strip() for name in ("exemption_id", "last_day", "why")}
    with once() as tx:
        try:
            body = EndIn().load({"ends_on": typed["last_day"], "reason": typed["why"]})
            operations.end_exemption(tx.session, actor(), typed["exemption_id"], **body)
            flash("已登记最后一天；次日起恢复要求。", "success")
        except ValidationError:
            flash("请填写最后一天和原因。", "error")
        except (Conflict, Invalid) as error:
            flash(error.detail, "error")
        return tx.redirect(url_for(".teacher", person_id=person_id))


@bp.post("/teachers/<person_id>/exemptions/withdrawal")
@allow(Office.CREDIT_ADMIN)
def withdraw(person_id: str) -> Response:
    """Takes one away that has not begun."""
    with once() as tx:
        try:
            body = ExemptionWithdrawIn().load({"reason": request.form.get("withdraw_why", "").strip()})
            operations.withdraw_exemption(tx.session, actor(), request.form.get("withdraw_id", ""), **body)
            flash("已撤销；记录保留，不再有效。", "success")
        except ValidationError:
            flash("请填写撤销的原因，2 至 500 字。", "error")
        except Conflict as error:
            flash(error.detail, "error")
        return tx.redirect(url_for(".teacher", person_id=person_id))


@bp.get("/former")
@allow(*queries.ADMINS)
def former() -> str:
    """曾在本校."""
    with reading() as session:
        rows = queries.left(session, actor(), cursor=request.args.get("cursor"))
        return render_template("credits/employment/former.html", rows=rows)


@bp.get("/former/<person_id>")
@allow(*queries.ADMINS)
def former_teacher(person_id: str) -> str:
    """What one's own unit ran for somebody who has left."""
    with reading() as session:
        person, rows = queries.lines_of_former(session, actor(), person_id, cursor=request.args.get("cursor"))
        return render_template("credits/employment/former_teacher.html", person=person, rows=rows)


def _teacher(
    person_id: str, typed: Mapping[str, str] | None = None, errors: Mapping[str, list[str]] | None = None
) -> str:
    with reading() as session:
        person = session.scalar(credits_queries.visible_people(actor()).where(PersonCopy.person_id == person_id))
        if person is None:
            raise NotFound()
        rows = queries.exemptions(session, actor(), person_id=person_id, cursor=request.args.get("cursor"))
        return render_template(
            "credits/employment/teacher.html",
            person=person,
            rows=rows,
            kinds=EXEMPTIONS,
            today=credits_queries.today(),
            may_enter=actor().post_over(person.unit_path, Office.CREDIT_ADMIN) is not None,
            typed=typed or {},
            errors=errors or {},
            labels=LABELS,
        )
