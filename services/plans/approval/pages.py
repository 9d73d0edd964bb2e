"""The approval pages: a school's plans and their form, a plan with its history, the reviewers' queue and decision."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.plans import routes, terms, workflow
from services.plans.approval import content as contents
from services.plans.approval import drafting, operations, queries
from services.plans.approval.api import send_attachment
from services.plans.approval.models import Plan
from services.plans.approval.schemas import DecisionIn, PlanIn
from services.plans.edge import by_field, file_store, form_rows, look_at, plain, without_blanks
from services.plans.workflow import Status
from shared.actors import Office
from shared.database import utc_now
from shared.errors import Conflict, DomainError, Invalid
from shared.paging import page
from shared.web import actor, allow, expected_version, once, reading

bp = Blueprint("plans_pages", __name__, url_prefix="/plans")
bp.add_app_template_filter(plain)
BOTH = (Office.SCHOOL_ADMIN, Office.PLAN_REVIEW)
LABELS = {**contents.BASIC_FIELDS, "items": "研修项目"}


@bp.get("/mine")
@allow(Office.SCHOOL_ADMIN)
def mine() -> str:
    """The school's plans, newest first."""
    chosen = request.args.get("status", "")
    with reading() as session:
        own = queries.own_plans(actor())
        tabs = _tabs(session, own, "plans_pages.mine", chosen)
        found = own.where(Plan.status == chosen) if chosen in set(Status) else own
        rows = page(session, found, [Plan.id], cursor=request.args.get("cursor"), descending=True)
        last = queries.last_lines(session, [plan.id for plan in rows.items])
        return render_template("plans/mine.html", tabs=tabs, rows=rows, last=last, **_words())


@bp.get("/new")
@allow(Office.SCHOOL_ADMIN)
def new() -> str:
    """An empty form."""
    year = terms.school_year_of(terms.china_date(utc_now()))
    return _form({"school_year": year, "items": []})


@bp.post("/new")
@allow(Office.SCHOOL_ADMIN)
def create() -> AnyResponse:
    """Saves the form as a new draft, and submits it if asked to."""
    return _save(None)


@bp.get("/<plan_id>/edit")
@allow(Office.SCHOOL_ADMIN)
def edit(plan_id: str) -> AnyResponse:
    """The form with the working copy; a plan that is not with the school is shown instead."""
    with reading() as session:
        plan = queries.find_plan(session, actor(), plan_id)
        view = queries.view(session, actor(), plan)
        if not view.editable:
            return redirect(url_for("plans_pages.show", plan_id=plan_id))
        values = {name: getattr(plan, name) for name in contents.BASIC_FIELDS}
        return make_response(
            _form({**values, "items": view.content.items}, view=view, points=_open_points(session, plan))
        )


@bp.post("/<plan_id>/edit")
@allow(Office.SCHOOL_ADMIN)
def save(plan_id: str) -> AnyResponse:
    """Saves the working copy, and submits it if asked to."""
    return _save(plan_id)


@bp.get("/<plan_id>")
@allow(*BOTH)
def show(plan_id: str) -> str:
    """A plan, where it stands, and everything that was done with it."""
    with reading() as session:
        plan = queries.find_plan(session, actor(), plan_id)
        view = queries.view(session, actor(), plan)
        lines = queries.history(session, plan)
        return render_template("plans/detail.html", view=view, plan=plan, lines=lines, **_words())


@bp.post("/<plan_id>/<any(submit,withdraw,abandon):act>")
@allow(Office.SCHOOL_ADMIN)
def act_of_school(plan_id: str, act: str) -> AnyResponse:
    """The school's acts."""
    try:
        with once() as tx:
            plan = operations.perform(tx.session, actor(), plan_id, act, version=expected_version())
            flash(f"{workflow.ACTS[act].label}成功：{plan.number}，{queries.status_title(plan)}。", "success")
            return tx.redirect(url_for("plans_pages.show", plan_id=plan_id))
    except (Invalid, Conflict) as error:
        for sentence in [s for sentences in error.fields.values() for s in sentences] or [error.detail]:
            flash(sentence, "error")
        return redirect(url_for("plans_pages.show", plan_id=plan_id), 303)


@bp.get("/<plan_id>/attachments/<attachment_id>")
@allow(*BOTH)
def attachment(plan_id: str, attachment_id: str) -> Response:
    """An attachment as a download."""
    return send_attachment(plan_id, attachment_id)


@bp.get("/queue")
@allow(Office.PLAN_REVIEW)
def queue() -> str:
    """What I can decide now, oldest at this stage first; or every submitted plan of my area."""
    area = request.args.get("tab") == "area"
    with reading() as session:
        waiting, every = queries.to_decide(actor()), queries.visible_plans(actor())
        tabs = [
            _tab("待办", "plans_pages.queue", queries.count(session, waiting), not area),
            # Without a number: counting a province's plans costs more than the page.
            _tab("本区域全部方案", "plans_pages.queue", None, area, tab="area"),
        ]
        keys: list[Any] = [Plan.id] if area else [Plan.entered_at, Plan.id]
        rows = page(
            session, every if area else waiting, keys, cursor=request.args.get("cursor"), limit=20, descending=area
        )
        last = queries.last_lines(session, [plan.id for plan in rows.items])
        listed = [queries.listed(actor(), plan) for plan in rows.items]
        return render_template(
            "plans/queue.html", tabs=tabs, rows=rows, listed=listed, last=last, area=area, **_words()
        )


@bp.get("/<plan_id>/decide")
@allow(Office.PLAN_REVIEW)
def deciding(plan_id: str) -> AnyResponse:
    """The plan on the left, the decision on the right; who cannot decide it sees the plan."""
    with reading() as session:
        plan = queries.find_plan(session, actor(), plan_id)
        view = queries.view(session, actor(), plan)
        if not any(act.decides for act in view.acts):
            return redirect(url_for("plans_pages.show", plan_id=plan_id))
        return make_response(_decision(session, view, {}, {}))


@bp.post("/<plan_id>/decide")
@allow(Office.PLAN_REVIEW)
def decide(plan_id: str) -> AnyResponse:
    """The decision; what was typed comes back when something is missing or somebody was faster."""
    typed: dict[str, Any] = {
        "verdict": request.form.get("verdict", ""),
        "opinion": request.form.get("opinion", ""),
        "points": [row for row in form_rows(request.form, "points") if row.get("place") or row.get("text")],
    }
    try:
        with once() as tx:
            values = DecisionIn().load({**typed, "points": [_point(row) for row in typed["points"]]})
            name = values.pop("verdict")
            plan = operations.perform(tx.session, actor(), plan_id, name, version=expected_version(), **values)
            line = queries.last_lines(tx.session, [plan.id])[plan.id]
            flash(f"已办理“{workflow.ACTS[name].label}”：{plan.unit_name}，{plan.title}。{line.outcome}。", "success")
            return tx.redirect(url_for("plans_pages.queue"))
    except (ValidationError, Invalid, Conflict) as error:
        fields = by_field(error) if isinstance(error, ValidationError) else dict(error.fields)
        detail, status = ("", 422) if isinstance(error, ValidationError) else (error.detail, error.status)
    with reading() as session:
        view = queries.view(session, actor(), queries.find_plan(session, actor(), plan_id))
        return make_response(_decision(session, view, typed, fields, detail), status)


def _save(plan_id: str | None) -> AnyResponse:
    typed: dict[str, Any] = {name: request.form.get(name, "").strip() for name in contents.BASIC_FIELDS}
    typed["items"] = form_rows(request.form, "items", given=("hours_per_credit",))
    if plan_id is None:
        typed["unit_code"] = request.form.get("unit_code") or None
    try:
        uploads = [look_at(sent) for sent in request.files.getlist("attachments") if sent.filename]
        for upload in uploads:
            file_store().put(upload)
        with once() as tx:
            values = PlanIn().load({**typed, "items": [without_blanks(row) for row in typed["items"]]})
            if plan_id is None:
                plan = drafting.create_plan(tx.session, actor(), **values)
            else:
                values.pop("unit_code")
                plan = drafting.change_plan(tx.session, actor(), plan_id, version=expected_version(), **values)
            for attachment_id in request.form.getlist("remove"):
                drafting.detach(tx.session, actor(), plan.id, attachment_id, version=plan.version)
            for upload in uploads:
                drafting.attach(tx.session, actor(), plan.id, upload)
            if request.form.get("then") == "submit":
                plan = operations.perform(tx.session, actor(), plan.id, "submit", version=plan.version)
                flash(f"已报送：{plan.number}，{queries.status_title(plan)}。", "success")
            else:
                flash("草稿已保存，尚未报送。", "success")
            return tx.redirect(url_for("plans_pages.show", plan_id=plan.id))
    except ValidationError as error:
        fields, detail, status = by_field(error), "", 422
    except DomainError as error:
        if error.status in (403, 404):
            raise
        fields, detail, status = {k: list(v) for k, v in error.fields.items()}, error.detail, error.status
    if plan_id is None:
        return make_response(_form(typed, errors=fields, detail=detail), status)
    with reading() as session:
        plan = queries.find_plan(session, actor(), plan_id)
        points = _open_points(session, plan)
        view = queries.view(session, actor(), plan)
        return make_response(_form(typed, view=view, errors=fields, detail=detail, points=points), status)


def _form(values: dict[str, Any], **more: Any) -> str:
    schools = [(post.unit.code, post.unit.name) for post in actor().posts_of(Office.SCHOOL_ADMIN)]
    context = {"view": None, "errors": {}, "detail": "", "points": [], **more}
    return render_template("plans/form.html", values=values, schools=schools, labels=LABELS, **context, **_words())


def _decision(
    session: Session, view: queries.PlanView, typed: dict[str, Any], errors: dict[str, Any], detail: str = ""
) -> str:
    places = [(f"{section}|{field}", label) for (section, field), label in view.content.places().items()]
    current = next((n for n, step in enumerate(view.steps) if step.state == "current"), None)
    following = view.steps[current + 1 :][:1] if current is not None else []
    return render_template(
        "plans/decide.html",
        view=view,
        plan=view.plan,
        lines=queries.history(session, view.plan),
        places=places,
        following=following[0] if following else None,
        typed=typed,
        errors=errors,
        detail=detail,
        **_words(),
    )


def _point(row: dict[str, str]) -> dict[str, Any]:
    """The form's one choice of place as section and field."""
    section, _, field = row.get("place", "").partition("|")
    return {"section": section, "field": field, "text": row.get("text", ""), "must": row.get("must", "") == "yes"}


def _open_points(session: Session, plan: Plan) -> list[Any]:
    """What the school was asked to mend, while the plan is back with it."""
    if plan.status != Status.RETURNED:
        return []
    return [line for line in queries.history(session, plan) if line.act == "return"][-1:]


def _tabs(session: Session, query: Any, endpoint: str, chosen: str) -> list[dict[str, Any]]:
    counts = queries.count_by_status(session, query)
    found = [_tab("全部", endpoint, sum(counts.values()), not chosen)]
    for status, title in workflow.STATUS_TITLES.items():
        if counts.get(status) or chosen == status:
            found.append(_tab(title, endpoint, counts.get(status, 0), chosen == status, status=status.value))
    return found


def _tab(label: str, endpoint: str, count: int | None, active: bool, **query: Any) -> dict[str, Any]:
    return {"label": label, "href": url_for(endpoint, **query), "count": count, "active": active}


def _words() -> dict[str, Any]:
    """What the templates of this feature have in common."""
    return {
        "acts": workflow.ACTS,
        "item_kinds": list(contents.ITEM_KINDS.items()),
        "status_title": queries.status_title,
        "tones": TONES,
        "finding_titles": FINDING_TITLES,
        "stage_titles": {stage.name: stage.title for route in routes.routes().values() for stage in route.stages},
    }


TONES = {
    "draft": "muted",
    "under_review": "info",
    "returned": "warn",
    "approved": "good",
    "refused": "bad",
    "withdrawn": "muted",
}
FINDING_TITLES = {
    "VILLAGE_SCHOOL": "村小",
    "ITEM_DOUBLED": "疑似重复",
    "DATES_MISSING": "无日期",
    "DATES_OUTSIDE_YEAR": "日期超出学年",
    "RECORDS_MISSING": "无过程记录要求",
    "ASSESSMENT_MISSING": "无考核办法",
    "OWN_STANDARD": "其他形式",
}
"""Badges of what the checks found; blocking findings never get as far as a reviewer."""
