"""The form of a submission: typed, kept while it is typed, saved, submitted; two people at once see both versions."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from services.plans import claims, terms
from services.plans.approval import (
    claiming,
    comparing,
    copying,
    drafting,
    form_values,
    looking,
    operations,
    queries,
    recording,
)
from services.plans.approval import typed as typed_drafts
from services.plans.approval.content import ITEM_KINDS
from services.plans.approval.form_values import Values
from services.plans.approval.models import Plan
from services.plans.approval.pages import _words, opened_by_owner
from services.plans.approval.words import MARKED_KINDS
from services.plans.categories import TRAINING_LEVELS
from services.plans.edge import by_field, file_store, look_at
from services.plans.kinds import KINDS, OWNERS, Kind
from services.plans.workflow import WITH_SCHOOL
from shared.database import utc_now
from shared.directory import PersonCopy
from shared.errors import DomainError, Invalid, NotAllowed
from shared.ui.filters import CHINA
from shared.web import actor, allow, expected_version, once, reading, repeatable, transaction

bp = Blueprint("plan_form_pages", __name__, url_prefix="/plans")


@bp.get("/new")
@allow(*OWNERS)
def new() -> str:
    """An empty form, or what was typed into it and not saved."""
    kind = _kind(request.args.get("kind"))
    year = terms.school_year_of(terms.china_date(utc_now()))
    empty: Values = {"school_year": year, "title": "", "aims": "", "items": [], "covers": [], "answers": None}
    chosen = {"category": request.args.get("category", ""), "person_id": request.args.get("person", "")}
    with reading() as session:
        return _form(session, kind, None, {**empty, "forecast": {}, "claim": chosen if kind.claims else {}})


@bp.post("/new")
@allow(*OWNERS)
def create() -> AnyResponse:
    """Saves the form as a new draft, and submits it if asked to."""
    return _save(None)


@bp.get("/<plan_id>/edit")
@allow(*OWNERS)
def edit(plan_id: str) -> AnyResponse:
    """The form with the working copy; a plan that is not with the school is shown instead."""
    opened_by_owner(plan_id)
    with reading() as session:
        plan = queries.find_plan(session, actor(), plan_id)
        if not queries.is_owner(actor(), plan) or plan.status not in WITH_SCHOOL:
            return redirect(url_for("plans_pages.show", plan_id=plan_id))
        return make_response(_form(session, KINDS[plan.kind], plan, form_values.stored(plan)))


@bp.post("/<plan_id>/edit")
@allow(*OWNERS)
def save(plan_id: str) -> AnyResponse:
    """Saves the working copy, and submits it if asked to."""
    return _save(plan_id)


@bp.post("/drafts/typed")
@allow(*OWNERS)
@repeatable("the same text kept twice is kept once")
def keep_typed() -> AnyResponse:
    """Keeps what stands in the form at this moment (T9); nothing of it is checked."""
    given = request.form.get("version", "")
    with transaction() as session:
        kept = typed_drafts.keep(
            session,
            actor(),
            request.form.get("key", ""),
            request.form.get("form", ""),
            int(given) if given.isdecimal() and len(given) < 10 else None,
        )
        return jsonify({"saved_at": f"{kept.saved_at.astimezone(CHINA):%H:%M}"})


@bp.post("/drafts/typed/drop")
@allow(*OWNERS)
@repeatable("what is dropped already stays dropped")
def drop_typed() -> AnyResponse:
    """Drops what was typed and not saved; the form then shows what is saved."""
    key = request.form.get("key", "")
    with transaction() as session:
        typed_drafts.drop(session, actor(), key)
    if key.startswith(typed_drafts.NEW):
        return redirect(url_for("plan_form_pages.new", kind=key.removeprefix(typed_drafts.NEW)), 303)
    return redirect(url_for("plan_form_pages.edit", plan_id=key), 303)


@bp.post("/<plan_id>/copies")
@allow(*OWNERS)
def copy(plan_id: str) -> AnyResponse:
    """A draft that begins as an approved plan: its amendment, or the next school year's (N31)."""
    purpose = request.form.get("purpose", "")
    if purpose not in ("amend", "next_year"):
        raise Invalid("请选择“修订”或“以此起草下一学年”。")
    with once() as tx:
        made = copying.copy_plan(tx.session, actor(), plan_id, purpose)
        flash(f"已从原方案带入内容，起草为 {made.number}；请修改后报送。", "success")
        return tx.redirect(url_for("plan_form_pages.edit", plan_id=made.id))


def _kind(key: str | None) -> Kind:
    """The kind that is asked for, or the first that the actor may begin. Raises `NotAllowed`."""
    mine = typed_drafts.draftable(actor())
    found = next((kind for kind in mine if key in (None, "", kind.key)), None)
    if found is None:
        raise NotAllowed("您的账号没有申报这类方案的岗位；托底方案由县、市教育局申报，年度方案由学校申报。")
    return found


def _save(plan_id: str | None) -> AnyResponse:
    with reading() as session:
        plan = queries.find_plan(session, actor(), plan_id) if plan_id else None
        kind = KINDS[plan.kind] if plan else _kind(request.form.get("kind"))
    values = form_values.read(request.form, kind)
    loaded: Values | None = None
    try:
        uploads = [look_at(sent) for sent in request.files.getlist("attachments") if sent.filename]
        loaded, answers = form_values.load(values, kind)
        for upload in uploads:
            file_store().put(upload)
        with once() as tx:
            plan = _write(tx.session, plan_id, loaded, answers)
            for attachment_id in request.form.getlist("remove"):
                drafting.detach(tx.session, actor(), plan.id, attachment_id, version=plan.version)
            for upload in uploads:
                drafting.attach(tx.session, actor(), plan.id, upload)
            typed_drafts.drop(tx.session, actor(), plan_id or typed_drafts.NEW + kind.key)
            if request.form.get("then") == "submit":
                plan = operations.perform(tx.session, actor(), plan.id, "submit", version=plan.version)
                flash(f"已报送：{plan.number}，{queries.status_title(plan)}。", "success")
            else:
                flash("草稿已保存，尚未报送。", "success")
            return tx.redirect(url_for("plans_pages.show", plan_id=plan.id))
    except ValidationError as error:
        fields, detail, status, moved = by_field(error), "", 422, False
    except DomainError as error:
        if error.status in (403, 404):
            raise
        fields, detail, status = {k: list(v) for k, v in error.fields.items()}, error.detail, error.status
        moved = "version" in error.extra
    if "file" in fields:
        fields["attachments"] = [*fields.get("attachments", []), *fields.pop("file")]
    with reading() as session:
        plan = queries.find_plan(session, actor(), plan_id) if plan_id else None
        if plan and moved and loaded is not None:
            return make_response(_both(session, kind, plan, values, loaded, detail), status)
        # Still the version that was seen: a form that comes back must not overwrite what was saved meanwhile.
        version = (request.form.get("version") or plan.version) if plan else None
        return make_response(_form(session, kind, plan, values, version=version, errors=fields, detail=detail), status)


def _write(session: Session, plan_id: str | None, loaded: Values, answers: list[Values]) -> Plan:
    if plan_id is None:
        return drafting.create_plan(session, actor(), **loaded)
    change = {name: value for name, value in loaded.items() if name not in ("kind", "unit_code")}
    plan = drafting.change_plan(session, actor(), plan_id, version=expected_version(), **change)
    return recording.answer_points(session, actor(), plan_id, answers) if answers else plan


def _both(session: Session, kind: Kind, plan: Plan, values: Values, loaded: Values, detail: str) -> str:
    """The form as typed, ready for the version that somebody else has saved, and what differs between the two."""
    mine = form_values.as_content(session, plan, loaded)
    changes = comparing.compare(plan.content(), mine)
    return _form(session, kind, plan, values, version=plan.version, detail=detail, conflict=True, changes=changes)


def _form(session: Session, kind: Kind, plan: Plan | None, values: Values, **more: Any) -> str:
    key = plan.id if plan else typed_drafts.NEW + kind.key
    kept = typed_drafts.find(session, actor(), key) if request.method == "GET" else None
    version = plan.version if plan else None
    restored = kept is not None and request.args.get("typed") == "restore"
    if kept is not None and restored:
        # Read as if the browser had just sent it, on the version on which it was typed.
        values, version = form_values.read(MultiDict(kept.form), kind), kept.version if plan else None
    line = recording.open_return(plan, queries.trail(session, plan)) if plan else None
    points = form_values.asked(line.points if line else (), values)
    places: dict[str, list[form_values.Asked]] = {}
    for point in points:
        places.setdefault(point.at, []).append(point)
    context: dict[str, Any] = {"errors": {}, "detail": "", "version": version, "conflict": False, **more}
    if kind.claims:
        context |= _claim_context(session, kind, plan, values)
        if context["category"] is None or context["teacher"] is None:
            return render_template("plans/claim_new.html", kind=kind, kept=kept, **context)
    labels = form_values.labels(len(values["items"]), kind)
    # A sentence that names its place already needs no second name.
    named = {name for name, said in context["errors"].items() if any("项目 " in sentence for sentence in said)}
    return render_template(
        "plans/form.html",
        **{
            "kind": kind,
            "plan": plan,
            "values": values,
            "key": key,
            "kept": kept,
            "restored": restored,
            "returned": line,
            "points": points,
            "places": places,
            "mine": [(post.unit.code, post.unit.name) for post in actor().posts_of(kind.owner)],
            "coverable": form_values.coverable(session, actor(), kind, plan),
            "attachments": plan.content().attachments if plan else (),
            "findings": looking.findings(session, plan, plan.content()) if plan and request.method == "GET" else (),
            "editable": plan is None or plan.status in WITH_SCHOOL,
            "labels": {name: label for name, label in labels.items() if name not in named},
            "kinds_of_item": [(name, ITEM_KINDS[name]) for name in kind.item_kinds],
            "training_levels": list(TRAINING_LEVELS.items()),
            "unit_kinds": MARKED_KINDS,
            **_words(),
            **context,
        },
    )


def _claim_context(session: Session, kind: Kind, plan: Plan | None, values: Values) -> Values:
    """What the form of a claim shows besides: its category, whose it is, what the register and the plans say."""
    said: Any = values["claim"]
    category, person = (said[k] if isinstance(said, dict) else getattr(said, k) for k in ("category", "person_id"))
    sort = claims.categories().get(category)
    paths = [plan.unit_path] if plan else [post.unit.path for post in actor().posts_of(kind.owner)]
    people = [one for path in paths for one in session.scalars(claiming.teachers(path).order_by(PersonCopy.name))]
    whose = actor().person_id if kind.personal else person
    return {
        "category": sort,
        "categories": [(one.key, one.title) for one in claims.categories().values()],
        "level_choices": [(one, claims.titles("level")[one]) for one in (sort.levels if sort else ())],
        "rank_choices": [(one, claims.titles("rank")[one]) for one in (sort.ranks if sort else ())],
        "teacher": next((one for one in people if one.person_id == whose), None),
        "people": [] if kind.personal else [(one.person_id, f"{one.name} {one.masked_identity}") for one in people],
        "plan_items": claiming.items(session, paths[0]) if paths else [],
        "chosen": {"category": category, "person": person},
    }
