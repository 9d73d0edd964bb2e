"""The project pages that show: list, one project with roster, results, audits and history; delivery; what waits."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for
from sqlalchemy.orm import Session

from services.plans import routes
from services.plans.approval import queries as approval
from services.plans.approval import typed
from services.plans.approval.models import Plan
from services.plans.categories import BUCKETS, MODES, PROGRAMMES, STAGES, TRAINING_LEVELS, categories
from services.plans.desk import queue as desk
from services.plans.projects import auditing, delivery, history, queries
from services.plans.projects import on_the_way as trainings
from services.plans.projects.api import SEE
from services.plans.projects.models import (
    RESULT_TITLES,
    STATUS_TITLES,
    UNAUDITED,
    Audit,
    Project,
    ProjectStatus,
    Result,
    ResultState,
    RosterUpload,
)
from services.plans.workflow import Status
from shared.actors import Office
from shared.errors import DomainError
from shared.paging import page
from shared.web import SIGNED_IN, actor, allow, reading

bp = Blueprint("projects_pages", __name__, url_prefix="/plans")
RESULT_TONES = {ResultState.ENTERED: "info", ResultState.AUDITED: "good", ResultState.AUDIT_REVOKED: "warn"}
FIRST = 3
"""How many of what waits are named on the home page."""


@bp.get("/projects")
@allow(*SEE)
def projects() -> str:
    """Projects of my area; one tab for those whose results wait for my audit."""
    waiting = request.args.get("tab") == "audit"
    with reading() as session:
        every, mine = queries.listed_projects(actor()), queries.to_audit(actor())
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
        return render_template("plans/projects.html", tabs=tabs, rows=rows, waiting=waiting, **words())


@bp.get("/projects/<project_id>")
@allow(*SEE)
def show(project_id: str) -> str:
    """One project: facts, roster, results, audits and their way to credits, history; a deleted one says so."""
    with reading() as session:
        project = queries.find_project(session, actor(), project_id)
        state = request.args.get("state", "")
        found = queries.results(project)
        if state in set(ResultState):
            found = found.where(Result.state == state)
        rows = page(session, found, queries.RESULT_KEYS, cursor=request.args.get("cursor"))
        upload = session.get(RosterUpload, request.args.get("upload", ""))
        audits = delivery.audits(session, project)
        counts = queries.result_counts(session, project)
        is_open = project.status == ProjectStatus.PUBLISHED
        auditor = actor().post_at(project.authority_path, Office.RESULT_AUDIT) is not None
        # Where all is audited there is nothing to press, and nothing to explain.
        to_press = auditor and is_open and (sum(counts[name] for name in UNAUDITED) > 0 or not audits)
        organizer = queries.entering_post(actor(), project) is not None
        return render_template(
            "plans/project.html",
            project=project,
            preview=queries.preview_of(project),
            rows=rows,
            counts=counts,
            total=sum(counts.values()),
            state=state,
            audits=audits,
            public={view.audit.id: view for view in audits if view.public},
            seats=queries.seats(session, project),
            lines=history.lines(session, project),
            closed=None if is_open else history.last(session, project, "void", "delete"),
            upload=upload if upload and upload.project_id == project.id else None,
            job_id=request.args.get("job"),
            is_open=is_open,
            may_enter=organizer and is_open,
            plan_voided=queries.plan_voided(session, project) if is_open else None,
            may_revoke=auditor
            and not auditing.is_publisher(actor(), project)
            and not queries.has_corrected(session, actor(), project),
            may_redeliver=auditor or organizer,
            to_press=to_press,
            no_audit=_no_audit(session, project) if to_press else None,
            **words(),
        )


@bp.get("/delivery")
@allow(Office.RESULT_AUDIT, Office.PROJECT_ADMIN)
def late_audits() -> str:
    """Audits of my area that credits has not answered in time, each with its cause (N8)."""
    with reading() as session:
        rows = page(session, delivery.late_audits(actor()), [Audit.id], cursor=request.args.get("cursor"), limit=20)
        views = delivery.views(session, rows.items)
        titled = {view.audit.project_id: session.get_one(Project, view.audit.project_id) for view in views}
        return render_template(
            "plans/delivery.html",
            views=views,
            projects=titled,
            rows=rows,
            may_redeliver=lambda project: history.acting_post(actor(), project) is not None,
        )


@bp.get("/fragments/on-the-way")
@allow(Office.TEACHER)
def on_the_way() -> str:
    """在路上: my results that are no credits yet, for the page of my credits (B13)."""
    with reading() as session:
        rows = trainings.on_the_way(session, actor(), cursor=request.args.get("cursor"))
        return render_template("plans/on_the_way.html", rows=rows)


@bp.get("/fragments/waiting")
@allow(SIGNED_IN)
def waiting() -> str:
    """What waits for me in plans, the first of each by name; every number is the length of the list it leads to."""
    me = actor()
    found: list[dict[str, Any]] = []
    with reading() as session:
        if me.holds(*routes.deciders()):
            mine = desk.to_decide(me)
            waits, reviews = approval.count(session, mine), me.holds(Office.PLAN_REVIEW)
            plans = session.scalars(mine.order_by(Plan.entered_at, Plan.id).limit(FIRST))
            line = {
                "label": "待审核的方案" if reviews else "待审核的认定申请",
                "count": waits,
                "href": url_for("desk_pages.queue"),
                "tone": "info",
                "first": [
                    (f"{plan.unit_name} · {plan.title}", url_for("desk_pages.deciding", plan_id=plan.id))
                    for plan in plans
                ],
            }
            found += [line] if reviews or waits else []
        for kind in typed.draftable(me):
            if kind.key != "school_plan" and not kind.claims:
                continue
            own = approval.own_plans(me).where(Plan.kind == kind.key)
            for status, words in ((Status.RETURNED, "待修改的"), (Status.DRAFT, "未报送的")):
                these = own.where(Plan.status == status.value)
                number = approval.count(session, these)
                if kind.claims and not number:
                    continue
                plans = session.scalars(these.order_by(Plan.id.desc()).limit(FIRST))
                found.append(
                    {
                        "label": words + ("草稿" if words == "未报送的" and not kind.claims else kind.noun),
                        "count": number,
                        "href": url_for("plans_pages.mine", kind=kind.key, status=status.value),
                        "tone": "warn" if status is Status.RETURNED else "neutral",
                        "first": [(plan.title, url_for("plans_pages.show", plan_id=plan.id)) for plan in plans],
                    }
                )
        if me.holds(Office.RESULT_AUDIT):
            to_audit = queries.to_audit(me)
            named = session.scalars(to_audit.order_by(Project.id).limit(FIRST))
            found.append(
                {
                    "label": "待审核成绩的项目",
                    "count": queries.count(session, to_audit),
                    "href": url_for("projects_pages.projects", tab="audit"),
                    "tone": "info",
                    "first": [
                        (f"{project.organizer_name} · {project.title}", url_for(".show", project_id=project.id))
                        for project in named
                    ],
                }
            )
    return render_template("plans/waiting.html", found=found)


def _no_audit(session: Session, project: Project) -> str | None:
    """Why the auditor cannot audit now, for the button that then is disabled; None: can."""
    try:
        auditing.check_audit(session, actor(), project)
    except DomainError as error:
        return error.detail
    return None


def _tab(label: str, count: int, active: bool, **query: Any) -> dict[str, Any]:
    return {"label": label, "href": url_for("projects_pages.projects", **query), "count": count, "active": active}


def words() -> dict[str, Any]:
    """What every page of projects needs to say things in Chinese."""
    return {
        "categories": categories(),
        "modes": MODES,
        "programmes": PROGRAMMES,
        "levels": TRAINING_LEVELS,
        "buckets": BUCKETS,
        "stage_titles": STAGES,
        "status_titles": STATUS_TITLES,
        "result_titles": RESULT_TITLES,
        "result_tones": RESULT_TONES,
        "credits_words": queries.credits_words,
        "history_acts": history.ACTS,
        "preview_of": queries.preview_of,
    }
