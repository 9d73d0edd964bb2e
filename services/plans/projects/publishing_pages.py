"""Publication with its preview, and the correction of what was chosen then, in two steps (F1, N6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, make_response, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.plans import terms
from services.plans.approval import queries as approval
from services.plans.approval.models import Plan
from services.plans.categories import GENERAL, STAGES, Category, categories, preview
from services.plans.edge import by_field, without_blanks
from services.plans.projects import correcting, operations, queries
from services.plans.projects.models import Project
from services.plans.projects.pages import words
from services.plans.projects.schemas import CorrectionChanges, CorrectionIn, ProjectIn
from services.plans.workflow import Status
from shared.actors import Level, Office
from shared.database import utc_now
from shared.errors import Conflict, DomainError, Invalid, NotAllowed
from shared.parsing import form_rows
from shared.web import actor, allow, expected_version, once, reading

bp = Blueprint("publishing_pages", __name__, url_prefix="/plans")
LABELS = {
    "title": "项目名称", "category": "项目类别", "mode": "培训方式", "hours": "学时", "school_year": "学年",
    "held_from": "开始日期", "held_to": "结束日期", "convert": "折算学分", "plan_item_id": "依据的方案项目",
    "no_convert": "不折算", "subjects": "面向学科", "publicity_days": "公示工作日", "reason": "更正原因",
    "programme": "专项",
}  # fmt: skip
FIELDS = (*LABELS, "organizer_unit_code")
UNCONFIRMED = "未勾选折算：成绩审核后，所有参训教师都不会得到学分。请勾选“自动折算学分”，或确认本项目确实不折算。"
CHANGED = ("category", "mode", "programme", "plan_item_id")
"""What a correction's form names, besides 折算."""
SHOWN = 200
"""How many of the affected are listed on the page."""


@bp.get("/projects/new")
@allow(*queries.PUBLISHERS)
def new() -> str:
    """An empty form; converting is ticked, as nearly every training is (F1)."""
    year = terms.school_year_of(terms.china_date(utc_now()))
    return _form({"school_year": year, "mode": "centralized", "convert": "yes"})


@bp.post("/projects/new")
@allow(*queries.PUBLISHERS)
def publish() -> AnyResponse:
    """Publishes, or shows the form again with what was typed; 折算 is left out only by who says so twice (F1)."""
    typed: dict[str, Any] = {name: value.strip() for name, value in request.form.items() if name in FIELDS}
    typed |= {"stages": request.form.getlist("stages"), "quotas": form_rows(request.form, "quotas")}
    try:
        if typed.get("convert") != "yes" and typed.get("no_convert") != "yes":
            raise Invalid("项目还不能发布，请按提示修改。", fields={"no_convert": [UNCONFIRMED]})
        with once() as tx:
            project = operations.publish_project(tx.session, actor(), **ProjectIn().load(_values(typed)))
            flash(f"已发布：{project.number}。{queries.preview_of(project).sentence}", "success")
            return tx.redirect(url_for("projects_pages.show", project_id=project.id))
    except ValidationError as error:
        return make_response(_form(typed, by_field(error)), 422)
    except (Invalid, NotAllowed) as error:
        return make_response(_form(typed, dict(error.fields), error.detail), error.status)


@bp.get("/fragments/preview")
@allow(*queries.PUBLISHERS)
def preview_fragment() -> str:
    """What one participant will get, for the form as it is being filled in."""
    kind = categories().get(request.args.get("category", ""))
    found, rate = None, None
    try:
        hours = Decimal(request.args.get("hours", ""))
    except ArithmeticError:
        hours = Decimal(0)
    if kind and 0 < hours <= 1000 and request.args.get("mode") in kind.modes:
        with reading() as session:
            item_id = _plan_choice(request.args)[1]
            rate = next((i.hours_per_credit for _, i in _plan_items(session) if i.id == item_id), None)
        if kind.needs_plan is None or rate is not None:
            found = preview(
                kind,
                request.args["mode"],
                hours,
                request.args.get("convert") == "yes",
                rate,
                request.args.get("programme", GENERAL),
                _organizer_path(request.args.get("organizer_unit_code", "")),
            )
    return render_template("plans/preview.html", preview=found, kind=kind, typed=request.args, errors={})


@bp.get("/projects/<project_id>/correction")
@allow(*queries.PUBLISHERS)
def correction(project_id: str) -> AnyResponse:
    """Step one: what is chosen, and whom it affects before anything is written."""
    return _correction(project_id, request.args)


@bp.post("/projects/<project_id>/correction")
@allow(*queries.PUBLISHERS)
def correct(project_id: str) -> AnyResponse:
    """Step two: one confirmation."""
    try:
        with once() as tx:
            body = CorrectionIn().load({**_changes(request.form), "reason": request.form.get("reason", "").strip()})
            project = correcting.correct_project(tx.session, actor(), project_id, version=expected_version(), **body)
            flash(f"已更正。{queries.preview_of(project).sentence}已审核的成绩由学分服务重新折算。", "success")
            return tx.redirect(url_for("projects_pages.show", project_id=project_id))
    except ValidationError as error:
        return _correction(project_id, request.form, Invalid("还不能更正，请按提示修改。", fields=by_field(error)))
    except (Conflict, Invalid, NotAllowed) as error:
        return _correction(project_id, request.form, error)


def _correction(project_id: str, typed: Mapping[str, str], error: DomainError | None = None) -> AnyResponse:
    with reading() as session:
        project = correcting.find_correctable(session, actor(), project_id)
        found = None
        if "category" in typed:
            try:
                changes = CorrectionChanges().load(_changes(typed))
                found = correcting.preview_correction(session, actor(), project_id, **changes)
            except ValidationError as wrong:
                error = error or Invalid("还不能更正，请按提示修改。", fields=by_field(wrong))
            except DomainError as wrong:
                error = error or wrong
        present = {
            "category": project.category,
            "mode": project.mode,
            "programme": project.programme,
            "convert": "yes" if project.convert else "no",
            "plan_item_id": f"{project.plan_id}|{project.plan_item_id}" if project.plan_id else "",
        }
        page = render_template(
            "plans/project_correction.html",
            project=project,
            typed={**present, **{name: typed[name] for name in typed if name in FIELDS}},
            found=found,
            shown=found.people[:SHOWN] if found else [],
            errors=dict(error.fields) if error else {},
            detail=error.detail if error else "",
            kinds=[kind for kind in categories().values() if _may_publish(kind) or kind.key == project.category],
            items=_item_choices(session, project),
            labels=LABELS,
            **words(),
        )
    return make_response(page, error.status if error else 200)


def _form(typed: dict[str, Any], errors: dict[str, Any] | None = None, detail: str = "") -> str:
    with reading() as session:
        items = _item_choices(session)
    return render_template(
        "plans/project_new.html",
        typed=typed,
        errors=errors or {},
        detail=detail,
        kinds=[kind for kind in categories().values() if _may_publish(kind)],
        items=items,
        posts=[(p.unit.code, p.body) for p in actor().posts_of(Office.SCHOOL_ADMIN, Office.PROJECT_ADMIN)],
        labels=LABELS,
        **words(),
    )


def _organizer_path(code: str) -> str:
    """Of the unit for which the actor publishes, as the form says it so far; of several the first, as the form says."""
    posts = actor().posts_of(*queries.PUBLISHERS)
    chosen = [post for post in posts if post.unit.code == code] or posts
    return chosen[0].unit.path if chosen else ""


def _may_publish(kind: Category) -> bool:
    """Whether the form offers a category; `operations.publish_project` decides."""
    levels = {post.unit.level for post in actor().posts_of(Office.SCHOOL_ADMIN, Office.PROJECT_ADMIN)}
    if actor().holds(Office.PROVIDER_ADMIN):
        levels |= {Level.COUNTY, Level.DISTRICT, Level.PROVINCE}
    return bool(levels & set(kind.publishers))


def _plan_items(session: Session) -> list[tuple[Plan, Any]]:
    """Items of the actor's own plans that are in force, newest plan first."""
    in_force = (Plan.status == Status.APPROVED.value, Plan.superseded_by_id.is_(None))
    own = approval.own_plans(actor()).where(*in_force).order_by(Plan.id.desc()).limit(20)
    return [(plan, item) for plan in session.scalars(own) for item in approval.frozen(session, plan).items]


def _item_choices(session: Session, project: Project | None = None) -> list[tuple[str, str]]:
    """Plan items to choose from; the project's own is among them even when its plan is no longer in force."""
    found = {
        f"{plan.id}|{item.id}": f"{plan.number} · {item.kind_title}“{item.title}”（{item.hours.normalize():f} 学时）"
        for plan, item in _plan_items(session)
    }
    if project and project.plan_id:
        found.setdefault(
            f"{project.plan_id}|{project.plan_item_id}", f"{project.plan_number} · {project.plan_item_title}"
        )
    return list(found.items())


def _plan_choice(values: Mapping[str, Any]) -> tuple[str, str]:
    """Plan and item, which one choice of the form names."""
    plan_id, _, item_id = str(values.get("plan_item_id", "")).partition("|")
    return plan_id, item_id


def _values(typed: dict[str, Any]) -> dict[str, Any]:
    """The form as the API would send it: one choice names plan and item, a box that is not ticked is a no."""
    values = without_blanks({name: value for name, value in typed.items() if name != "no_convert"})
    values["convert"] = typed.get("convert") == "yes"
    if "plan_item_id" in values:
        values["plan_id"], values["plan_item_id"] = _plan_choice(values)
    values["stages"] = [stage for stage in STAGES if stage in typed["stages"]]
    values["subjects"] = [subject for subject in re.split(r"[、,，;；\s]+", typed.get("subjects", "")) if subject]
    for name, rows in (("publicity_days", [values]), ("seats", values["quotas"])):
        for row in rows:
            if re.fullmatch("[0-9]{1,6}", str(row.get(name, "")), re.ASCII):
                row[name] = int(row[name])
    return values


def _changes(typed: Mapping[str, str]) -> dict[str, Any]:
    """A correction's form as the API would send it."""
    values = without_blanks({name: typed[name] for name in CHANGED if name in typed})
    if "plan_item_id" in values:
        values["plan_id"], values["plan_item_id"] = _plan_choice(values)
    if "convert" in typed:
        values["convert"] = typed["convert"] == "yes"
    return values
