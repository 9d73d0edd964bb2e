"""Pages of submissions: what a unit has filed, and one of them with where it is and all that was done with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.plans import kinds, routes, workflow
from services.plans.acts import ACTS
from services.plans.approval import comparing, looking, operations, queries, typed, views
from services.plans.approval import content as contents
from services.plans.approval.api import SEE, comparison, send_attachment, who
from services.plans.approval.models import Plan, PlanVersion
from services.plans.approval.words import FLAG_TITLES, MARKED_KINDS, TONES
from services.plans.calendar.rules import in_words
from services.plans.categories import TRAINING_LEVELS
from services.plans.edge import plain
from services.plans.terms import DAY
from services.plans.workflow import POLICY_CATEGORIES as CATEGORIES
from services.plans.workflow import Status
from shared.errors import Conflict, Invalid, NotFound
from shared.paging import page
from shared.web import actor, allow, expected_version, once, reading, transaction

bp = Blueprint("plans_pages", __name__, url_prefix="/plans")
bp.add_app_template_filter(plain)
bp.add_app_template_filter(in_words, "worked")
TABS = {"history": "过程", "content": "方案内容", "compare": "版本对比", "files": "附件"}
OFFERED = ("submit", "withdraw", "ask_withdraw", "abandon", "ask_void", "propose_void", "remind", "correct")
"""Acts that the history page offers; those of reviewers are on their desk."""


@bp.get("/mine")
@allow(*kinds.OWNERS)
def mine() -> str:
    """What the actor's units have filed, newest first."""
    chosen, kind = request.args.get("status", ""), request.args.get("kind", "")
    draftable = typed.draftable(actor())
    # Claims have a list of their own, unless somebody files nothing else.
    apart = [one for one in draftable if one.key == kind] or [one for one in draftable if not one.claims] or draftable
    with reading() as session:
        own = queries.own_plans(actor()).where(Plan.kind.in_([one.key for one in apart]))
        tabs = _tabs(session, own, "plans_pages.mine", chosen, kind=kind or None)
        found = own.where(Plan.status == chosen) if chosen in set(Status) else own
        rows = page(session, found, [Plan.id], cursor=request.args.get("cursor"), descending=True)
        last = queries.last_lines(session, [plan.id for plan in rows.items])
        return render_template(
            "plans/mine.html",
            tabs=tabs,
            rows=rows,
            last=last,
            draftable=apart,
            kind=kind,
            **_words(),
        )


@bp.get("/<plan_id>")
@allow(*SEE)
def show(plan_id: str) -> str:
    """A plan, where it stands, and everything that was done with it."""
    opened_by_owner(plan_id)
    with reading() as session:
        return _detail(session, plan_id, request.args.get("tab", ""))


@bp.get("/<plan_id>/versions/<int:number>")
@allow(*SEE)
def version(plan_id: str, number: int) -> str:
    """One submitted version, sign by sign as it was."""
    with reading() as session:
        plan = queries.find_plan(session, who(session), plan_id)
        found = session.get(PlanVersion, (plan.id, number)) if number < 10_000 else None
        if found is None:
            raise NotFound("没有这一版。")
        return render_template(
            "plans/version.html",
            plan=plan,
            version=found,
            content=contents.load(found.content),
            intact=contents.digest_of(found.content) == found.digest,
            **_words(),
        )


@bp.post(f"/<plan_id>/<any({','.join(OFFERED)}):act>")
@allow(*SEE)
def act_of_school(plan_id: str, act: str) -> AnyResponse:
    """What the page offers; a reason that was typed comes back when something is in the way."""
    opinion = request.form.get("opinion", "")
    what = {"opinion": opinion, "line_id": request.form.get("line_id") or None}
    try:
        if len(opinion) > 2000:
            raise Invalid("理由最多 2000 字，请删减后再提交。")
        with once() as tx:
            plan = operations.perform(tx.session, who(tx.session), plan_id, act, version=expected_version(), **what)
            flash(f"{ACTS[act].label}成功：{plan.number}，{queries.status_title(plan)}。", "success")
            return tx.redirect(url_for("plans_pages.show", plan_id=plan_id))
    except (Invalid, Conflict) as error:
        for sentence in [s for sentences in error.fields.values() for s in sentences] or [error.detail]:
            flash(sentence, "error")
        if not opinion:
            return redirect(url_for("plans_pages.show", plan_id=plan_id), 303)
        status = error.status
    with reading() as session:
        return make_response(_detail(session, plan_id, "", typed={act: opinion}), status)


@bp.get("/<plan_id>/attachments/<attachment_id>")
@allow(*SEE)
def attachment(plan_id: str, attachment_id: str) -> Response:
    """An attachment as a download."""
    return send_attachment(plan_id, attachment_id)


def opened_by_owner(plan_id: str) -> None:
    """Notes that the school has opened what was returned to it: from then on it cannot be taken back (取回)."""
    with reading() as session:
        plan = queries.find_plan(session, who(session), plan_id)
        first = plan.status == Status.RETURNED and plan.opened_at is None and queries.is_owner(actor(), plan)
    if first:
        with transaction() as session:
            operations.open_plan(session, actor(), plan_id)


def _detail(session: Session, plan_id: str, tab: str, typed: dict[str, str] | None = None) -> str:
    me = who(session)
    plan = queries.find_plan(session, me, plan_id)
    view = views.view(session, me, plan)
    if tab not in TABS:
        tab = "history" if view.entries else "content"
    newest = request.args.get("order") == "new"
    current = next((number for number, step in enumerate(view.steps) if step.state == "current"), None)
    return render_template(
        "plans/detail.html",
        view=view,
        plan=plan,
        tab=tab,
        tabs=_pages(plan, tab, bool(view.entries)),
        rounds=_rounds(view.entries, newest),
        newest=newest,
        by_id={entry.line.id: entry for entry in view.entries},
        mine=[entry for entry in view.entries if entry.line.actor_account == me.account_id],
        current=None if current is None else view.steps[current],
        following=None if current is None else next(iter(view.steps[current + 1 :]), None),
        opened=_opened(view),
        holder=queries.holder(session, plan),
        route=routes.routes()[plan.route],
        copies=view.owner
        and plan.status == Status.APPROVED
        and plan.superseded_by_id is None
        and not kinds.KINDS[plan.kind].claims,
        successor=_successor(session, view),
        compared=_compared(session, plan) if tab == "compare" else None,
        typed=typed or {},
        **_words(),
    )


def _rounds(entries: Sequence[views.Entry], newest: bool) -> list[tuple[int, list[views.Entry]]]:
    """The history by 报送轮次; the newest at the bottom, as on paper, or at the top."""
    found = [(number, list(lines)) for number, lines in groupby(entries, key=lambda entry: entry.line.round)]
    return [(number, lines[::-1]) for number, lines in found[::-1]] if newest else found


def _opened(view: views.PlanView) -> datetime | None:
    """When whoever has it now first opened it, by the history: a second person's turn is not told to the school."""
    plan = view.plan
    if plan.stage is None or plan.entered_at is None:
        return None
    looks = [entry.line for entry in view.entries if entry.line.act == "open" and entry.line.stage == plan.stage]
    return next((line.at for line in looks if line.at >= plan.entered_at), None)


def _successor(session: Session, view: views.PlanView) -> Plan | None:
    """The amendment that replaced it, for those who may see it."""
    plan = view.plan
    return session.get(Plan, plan.superseded_by_id) if plan.superseded_by_id else None


def _compared(session: Session, plan: Plan) -> dict[str, Any]:
    """Any two versions, field by field; by default the last two, or last year's with the first (A4, N31)."""
    versions = queries.versions_of(session, plan)
    last = versions[-1].number if versions else 0
    before = bool(versions) and looking.last_years_plan(session, plan, str(plan.submitted_year)) is not None
    old = request.args.get("old") or (str(last - 1) if last > 1 else "last_year" if before else "")
    new = request.args.get("new", "")
    number = int(new) if new.isdecimal() and len(new) < 5 else last
    if old not in ("", "last_year") and not (old.isdecimal() and len(old) < 5):
        raise NotFound("没有可对比的版本。")
    changes: list[comparing.Change] | None = comparison(session, plan, old, number) if old else None
    choices = [(str(v.number), f"第 {v.number} 版") for v in versions]
    return {
        "old": old,
        "new": number,
        "changes": changes,
        "olds": [*([("last_year", "上年已通过的方案")] if before else []), *choices],
        "news": choices,
        "old_title": "上年" if old == "last_year" else f"第 {old} 版",
    }


def _pages(plan: Plan, tab: str, begun: bool) -> list[dict[str, Any]]:
    """The tabs; what needs a submitted version is there from the first one on."""
    noun = kinds.KINDS[plan.kind].noun if kinds.KINDS[plan.kind].claims else "方案"
    found = [
        _tab(title.replace("方案", noun), "plans_pages.show", None, tab == name, plan_id=plan.id, tab=name)
        for name, title in TABS.items()
        if plan.round or name != "compare"
    ]
    if plan.round and "sheets_pages.sheet" in current_app.view_functions:
        found.append(_tab("打印", "sheets_pages.sheet", None, False, plan_id=plan.id))
    return found


def _tabs(session: Session, query: Any, endpoint: str, chosen: str, **kept: Any) -> list[dict[str, Any]]:
    counts = queries.count_by_status(session, query)
    found = [_tab("全部", endpoint, sum(counts.values()), not chosen, **kept)]
    for status, title in workflow.STATUS_TITLES.items():
        if counts.get(status) or chosen == status:
            found.append(
                _tab(title, endpoint, counts.get(status, 0), chosen == status, **{**kept, "status": status.value})
            )
    return found


def _tab(label: str, endpoint: str, count: int | None, active: bool, **query: Any) -> dict[str, Any]:
    return {"label": label, "href": url_for(endpoint, **query), "count": count, "active": active}


def _words() -> dict[str, Any]:
    """What the templates of this feature have in common."""
    return {
        "acts": ACTS,
        "item_kinds": list(contents.ITEM_KINDS.items()),
        "level_titles": TRAINING_LEVELS,
        "day": DAY,
        "kinds": kinds.KINDS,
        "unit_kinds": MARKED_KINDS,
        "policy_titles": CATEGORIES,
        "status_title": queries.status_title,
        "tones": TONES,
        "finding_titles": FLAG_TITLES,
        "stage_titles": {stage.name: stage.title for route in routes.routes().values() for stage in route.stages},
    }
