"""The project pages: list, publication with preview, one project with roster, results and audits; what waits for me."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from services.plans import terms
from services.plans.approval import queries as approval
from services.plans.approval.models import Plan
from services.plans.categories import BUCKETS, MODES, TRAINING_LEVELS, Category, categories, preview
from services.plans.edge import by_field, file_store, without_blanks
from services.plans.projects import auditing, importing, operations, queries
from services.plans.projects.api import SEE, check_upload
from services.plans.projects.models import (
    CREDITS_TITLES,
    RESULT_TITLES,
    Project,
    Result,
    ResultState,
    RosterUpload,
)
from services.plans.projects.schemas import ProjectIn, RevocationIn
from services.plans.workflow import Status
from shared.actors import Level, Office
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed, TooLarge
from shared.paging import page
from shared.web import SIGNED_IN, actor, allow, once, reading

bp = Blueprint("projects_pages", __name__, url_prefix="/plans")
LABELS = {
    "title": "项目名称", "category": "项目类别", "mode": "培训方式", "hours": "学时", "school_year": "学年",
    "held_from": "开始日期", "held_to": "结束日期", "convert": "折算学分", "plan_item_id": "依据的方案项目",
}  # fmt: skip
RESULT_TONES = {ResultState.ENTERED: "info", ResultState.AUDITED: "good", ResultState.AUDIT_REVOKED: "warn"}


@bp.get("/projects")
@allow(*SEE)
def projects() -> str:
    """Projects of my area; one tab for those whose results wait for my audit."""
    waiting = request.args.get("tab") == "audit"
    with reading() as session:
        every, mine = queries.visible_projects(actor()), queries.to_audit(actor())
        tabs = [_tab("全部", queries.count(session, every), not waiting)]
        if actor().holds(Office.RESULT_AUDIT):
            tabs.append(_tab("待我审核成绩", queries.count(session, mine), waiting, tab="audit"))
        rows = page(
            session,
            mine if waiting else every,
            [Project.id],
            cursor=request.args.get("cursor"),
            limit=20,
            descending=True,
        )
        return render_template("plans/projects.html", tabs=tabs, rows=rows, waiting=waiting, **_words())


@bp.get("/projects/new")
@allow(*queries.PUBLISHERS)
def new() -> str:
    """An empty form; converting is ticked, as nearly every training is (F1)."""
    year = terms.school_year_of(terms.china_date(utc_now()))
    return _form({"school_year": year, "mode": "centralized", "convert": "yes"})


@bp.post("/projects/new")
@allow(*queries.PUBLISHERS)
def publish() -> AnyResponse:
    """Publishes, or shows the form again with what was typed."""
    typed = {name: value.strip() for name, value in request.form.items() if name in (*LABELS, "organizer_unit_code")}
    try:
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
            rate = next((i.hours_per_credit for _, i in _plan_items(session) if i.id == _item_id(request.args)), None)
        if kind.needs_plan is None or rate is not None:
            found = preview(kind, request.args["mode"], hours, request.args.get("convert") == "yes", rate)
    return render_template("plans/preview.html", preview=found, kind=kind)


@bp.get("/projects/<project_id>")
@allow(*SEE)
def show(project_id: str) -> str:
    """One project: facts, roster, results, audits."""
    with reading() as session:
        project = queries.find_project(session, actor(), project_id)
        state = request.args.get("state", "")
        found = queries.results(project)
        if state in set(ResultState):
            found = found.where(Result.state == state)
        rows = page(session, found, queries.RESULT_KEYS, cursor=request.args.get("cursor"))
        upload = session.get(RosterUpload, request.args.get("upload", ""))
        audits = queries.audits(session, project)
        counts = queries.result_counts(session, project)
        may_audit = session.scalar(queries.to_audit(actor()).where(Project.id == project.id)) is not None
        auditor = actor().post_at(project.authority_path, Office.RESULT_AUDIT) is not None
        return render_template(
            "plans/project.html",
            project=project,
            preview=queries.preview_of(project),
            rows=rows,
            counts=counts,
            total=sum(counts.values()),
            state=state,
            audits=audits,
            upload=upload if upload and upload.project_id == project.id else None,
            job_id=request.args.get("job"),
            may_enter=queries.entering_post(actor(), project) is not None,
            may_audit=may_audit,
            auditor=auditor,
            on_the_way=any(view.recorded < view.current for view in audits),
            **_words(),
        )


@bp.post("/projects/<project_id>/roster")
@allow(*queries.PUBLISHERS)
def send_roster(project_id: str) -> AnyResponse:
    """Checks an uploaded roster and shows what it found; the import is a second, deliberate press."""
    back = url_for("projects_pages.show", project_id=project_id)
    sent = request.files.get("file")
    try:
        if sent is None or not sent.filename:
            raise Invalid("请选择要上传的名单文件（.xlsx）。")
        upload, report = check_upload(project_id, sent)
        file_store().put(upload)
        with once() as tx:
            kept = importing.keep_roster(tx.session, actor(), project_id, upload, report)
            return tx.redirect(f"{back}?upload={kept.id}#roster")
    except (Invalid, TooLarge) as error:
        flash(error.detail, "error")
        return redirect(back, 303)


@bp.post("/projects/<project_id>/roster/<upload_id>/import")
@allow(*queries.PUBLISHERS)
def import_roster(project_id: str, upload_id: str) -> AnyResponse:
    """Starts the import of a roster whose check found nothing."""
    with once() as tx:
        job_id = importing.start_import(tx.session, actor(), project_id, upload_id)
        return tx.redirect(url_for("projects_pages.show", project_id=project_id, job=job_id) + "#roster")


@bp.post("/projects/<project_id>/audits")
@allow(Office.RESULT_AUDIT)
def audit(project_id: str) -> AnyResponse:
    """Audits what waits."""
    return _and_back(project_id, lambda session: _audited(auditing.audit_results(session, actor(), project_id)))


@bp.post("/projects/<project_id>/audits/<audit_id>/revocation")
@allow(Office.RESULT_AUDIT)
def revoke(project_id: str, audit_id: str) -> AnyResponse:
    """Takes an audit back."""

    def act(session: Any) -> str:
        reason = RevocationIn().load({"reason": request.form.get("reason", "").strip()})["reason"]
        made = auditing.revoke_audit(session, actor(), project_id, audit_id, reason=reason)
        return f"已取消第 {made.number} 次审核（{made.count} 人），已计入的学分将冲回。"

    return _and_back(project_id, act)


@bp.get("/fragments/waiting")
@allow(SIGNED_IN)
def waiting() -> str:
    """What waits for me in plans; every number is the length of the list it leads to."""
    me = actor()
    found: list[dict[str, Any]] = []
    with reading() as session:
        if me.holds(Office.PLAN_REVIEW):
            number = approval.count(session, approval.to_decide(me))
            found.append(
                {"label": "待审核的方案", "count": number, "href": url_for("plans_pages.queue"), "tone": "info"}
            )
        if me.holds(Office.SCHOOL_ADMIN):
            own = approval.own_plans(me)
            for status in (Status.RETURNED, Status.DRAFT):
                number = approval.count(session, own.where(Plan.status == status.value))
                href = url_for("plans_pages.mine", status=status.value)
                label = {Status.RETURNED: "待修改的方案", Status.DRAFT: "未报送的草稿"}[status]
                tone = "warn" if status is Status.RETURNED else "neutral"
                found.append({"label": label, "count": number, "href": href, "tone": tone})
        if me.holds(Office.RESULT_AUDIT):
            number = queries.count(session, queries.to_audit(me))
            href = url_for("projects_pages.projects", tab="audit")
            found.append({"label": "待审核成绩的项目", "count": number, "href": href, "tone": "info"})
    return render_template("plans/waiting.html", found=found)


def _and_back(project_id: str, act: Any) -> AnyResponse:
    """Does it, and goes back to the project with a sentence on what happened or why not."""
    back = url_for("projects_pages.show", project_id=project_id)
    try:
        with once() as tx:
            flash(act(tx.session), "success")
            return tx.redirect(back)
    except ValidationError as error:
        for sentences in by_field(error).values():
            flash("原因：" + "".join(sentences), "error")
    except (Conflict, Invalid, NotAllowed) as error:
        flash(error.detail, "error")
    return redirect(back, 303)


def _audited(made: Any) -> str:
    return f"第 {made.number} 次审核完成：{made.count} 人，已送学分服务折算。"


def _form(typed: dict[str, Any], errors: dict[str, Any] | None = None, detail: str = "") -> str:
    mine = [kind for kind in categories().values() if _may_publish(kind)]
    with reading() as session:
        items = [
            (
                f"{plan.id}|{item.id}",
                f"{plan.number} · {item.kind_title}“{item.title}”（{item.hours.normalize():f} 学时）",
            )
            for plan, item in _plan_items(session)
        ]
    return render_template(
        "plans/project_new.html",
        typed=typed,
        errors=errors or {},
        detail=detail,
        kinds=mine,
        items=items,
        posts=[(p.unit.code, p.body) for p in actor().posts_of(Office.SCHOOL_ADMIN, Office.PROJECT_ADMIN)],
        labels=LABELS,
        **_words(),
    )


def _may_publish(kind: Category) -> bool:
    """Whether the form offers a category; `operations.publish_project` decides."""
    levels = {post.unit.level for post in actor().posts_of(Office.SCHOOL_ADMIN, Office.PROJECT_ADMIN)}
    if actor().holds(Office.PROVIDER_ADMIN):
        levels |= {Level.COUNTY, Level.DISTRICT, Level.PROVINCE}
    return bool(levels & set(kind.publishers))


def _plan_items(session: Any) -> list[tuple[Plan, Any]]:
    """Items of the actor's own approved plans, newest plan first."""
    own = approval.own_plans(actor()).where(Plan.status == Status.APPROVED.value).order_by(Plan.id.desc()).limit(20)
    return [(plan, item) for plan in session.scalars(own) for item in approval.frozen(session, plan).items]


def _item_id(values: Any) -> str:
    return str(values.get("plan_item_id", "")).partition("|")[2]


def _values(typed: dict[str, Any]) -> dict[str, Any]:
    """The form as the API would send it: one choice names plan and item, a box that is not ticked is a no."""
    values = without_blanks(typed)
    values["convert"] = typed.get("convert") == "yes"
    if "plan_item_id" in values:
        values["plan_id"], _, values["plan_item_id"] = str(values["plan_item_id"]).partition("|")
    return values


def _tab(label: str, count: int, active: bool, **query: Any) -> dict[str, Any]:
    return {"label": label, "href": url_for("projects_pages.projects", **query), "count": count, "active": active}


def _words() -> dict[str, Any]:
    return {
        "categories": categories(),
        "modes": MODES,
        "levels": TRAINING_LEVELS,
        "buckets": BUCKETS,
        "result_titles": RESULT_TITLES,
        "result_tones": RESULT_TONES,
        "credits_titles": CREDITS_TITLES,
        "preview_of": queries.preview_of,
    }
