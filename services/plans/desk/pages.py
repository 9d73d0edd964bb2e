"""The reviewers' desk as pages: the queue, and one submission with its decision (pages.md, section 1)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request, session, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.plans import kinds, routes, terms
from services.plans.acts import ACTS
from services.plans.approval import operations, queries, views
from services.plans.approval.api import AT_DESK, who
from services.plans.approval.schemas import ActIn, DecisionIn
from services.plans.approval.words import FLAG_TITLES, TONES, UNIT_KINDS
from services.plans.desk import bulk, phrases, queue
from services.plans.desk import forms as desk_forms
from services.plans.desk import rows as desk_rows
from services.plans.desk.schemas import BulkIn, QueueQuery
from services.plans.edge import by_field, plain
from shared.actors import Actor, Level, Office
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from shared.parsing import form_rows
from shared.web import allow, expected_version, once, reading, repeatable, transaction

bp = Blueprint("desk_pages", __name__, url_prefix="/plans")
bp.add_app_template_filter(plain)
DESK = (*AT_DESK, Office.ACCOUNT_MANAGER)
"""Whoever may stand in for a reviewer; that one does, or reviews oneself, is asked for in each view."""
ROWS = 20
AREA = "area"
"""The tab that is no queue: everything of the area that was ever submitted."""
ASKED = {"copies": ("copy",), "asked": ("consult", "cosign")}
"""Tabs whose rows say what I am asked."""
_QUERY = QueueQuery(exclude=("cursor", "limit"))
_FILTERS = [field.name for field in fields(queue.Filters)]


@dataclass(frozen=True, slots=True)
class Where:
    """Which list somebody is in: its tab and filters, kept in every address (A9)."""

    tab: str
    chosen: queue.Filters

    def args(self, **changes: Any) -> dict[str, Any]:
        """The address's arguments, some of them changed."""
        chosen = {name: getattr(self.chosen, name) for name in _FILTERS}
        every = {"tab": "" if self.tab == "todo" else self.tab, **chosen, **changes}
        return {name: value for name, value in every.items() if value}

    def href(self, **changes: Any) -> str:
        """The address of the list."""
        return url_for("desk_pages.queue", **self.args(**changes))


@bp.get("/queue", endpoint="queue")
@allow(*DESK)
def queue_page() -> str:
    """A tab of the desk: 待办 in the order of the lamps, or another list."""
    with reading() as db:
        return _queue(db, decider(db))


@bp.post("/queue/approval")
@allow(*DESK)
def approve_all() -> AnyResponse:
    """批量同意: each plan by itself, each with its result."""
    chosen = [value.partition(":") for value in request.form.getlist("chosen")]
    try:
        body = BulkIn().load(
            {
                "items": [{"id": plan_id, "version": version} for plan_id, _, version in chosen],
                "opinion": request.form.get("opinion", "").strip(),
            }
        )
    except ValidationError:
        flash("请先在列表中勾选要同意的方案。", "error")
        return redirect(where().href(), 303)
    with once() as tx:
        found = bulk.approve_all(tx.session, decider(tx.session), **body)
        tx.redirect(where().href())
    done = [outcome for outcome in found if outcome.done]
    failed = [outcome for outcome in found if not outcome.done]
    return make_response(render_template("plans/desk/bulk.html", done=done, failed=failed, back=where().href()))


@bp.get("/<plan_id>/decide")
@allow(*DESK)
def deciding(plan_id: str) -> AnyResponse:
    """The plan on the left, the decision on the right; who has nothing to do with it sees the plan."""
    with reading() as db:
        me = decider(db)
        view = views.view(db, me, queries.find_plan(db, me, plan_id))
        own = view.owner and not me.holds(Office.PLAN_REVIEW)  # a school has its page for what it files itself
        if own or not {act.name for act in view.acts} & {"approve", *desk_forms.ON_DESK}:
            return redirect(url_for("plans_pages.show", plan_id=plan_id))
        return make_response(_decision(db, me, view, {}, {}))


@bp.post("/<plan_id>/opening")
@allow(*DESK)
@repeatable("looking twice is looking once")
def open_plan(plan_id: str) -> AnyResponse:
    """The page says that it is open: 已查看 for the school, 处理中 for colleagues (A17, T22)."""
    with transaction() as db:
        operations.open_plan(db, decider(db), plan_id)
    return make_response("", 204)


@bp.post("/<plan_id>/decide")
@allow(*DESK)
def decide(plan_id: str) -> AnyResponse:
    """同意, 退回修改, 不予通过; what was typed comes back when something is missing or somebody was faster."""
    form = request.form
    typed: dict[str, Any] = {name: form.get(name, "").strip() for name in ("verdict", "opinion", "to_stage", "days")}
    typed["points"] = [row for row in form_rows(form, "points") if row.get("place") or row.get("text")]
    typed["told"] = form.get("told", "")
    try:
        with once() as tx:
            me = decider(tx.session)
            values = DecisionIn().load(
                {
                    "verdict": typed["verdict"],
                    "opinion": typed["opinion"],
                    # A row that was typed and then not used is no reason to refuse an approval.
                    "points": desk_forms.points_of(typed["points"]) if typed["verdict"] == "return" else [],
                    "to_stage": typed["to_stage"] or None if typed["verdict"] == "return" else None,
                    "days": typed["days"] or None if typed["verdict"] == "return" else None,
                }
            )
            name = values.pop("verdict")
            if name == "return":
                _require_return(tx.session, me, values, typed["told"])
            return _done(tx, me, plan_id, name, values)
    except (ValidationError, Invalid, Conflict, NotAllowed) as error:
        return _again(plan_id, typed, error)


@bp.post("/<plan_id>/desk/<any(" + ",".join(desk_forms.ON_DESK) + "):name>")
@allow(*DESK)
def act(plan_id: str, name: str) -> AnyResponse:
    """Every other act of the desk: 转办, 加签, 意见征询, 抄送, 等省厅意见, answers, 取回, 督办."""
    form = request.form
    typed: dict[str, Any] = {key: form[key].strip() for key in ("opinion", "position", "category") if form.get(key)}
    typed |= {key: form[key] == "yes" for key in ("blocking", "agreed") if key in form}
    typed["to"] = [account for account in form.getlist("to") if account]
    try:
        with once() as tx:
            return _done(tx, decider(tx.session), plan_id, name, ActIn().load(typed))
    except (ValidationError, Invalid, Conflict, NotAllowed) as error:
        return _again(plan_id, {**typed, "act": name}, error)


def reviewer(db: Session) -> Actor:
    """Who calls, with the posts of those for whom she stands in. Raises `NotAllowed` for who reviews nowhere today."""
    return _holding(db, Office.PLAN_REVIEW)


def decider(db: Session) -> Actor:
    """The same of whoever decides at any stage: a school's administrator on the claims of its teachers, too."""
    return _holding(db, *routes.deciders())


def _holding(db: Session, *offices: Office) -> Actor:
    me = who(db)
    if not me.holds(*offices):
        raise NotAllowed("您的账号没有方案审核的岗位。如需开通，请提交授权函；临时代办请本单位审核人设置。")
    return me


def where() -> Where:
    """The list in the address; what is no filter of ours is left out, for an address may be old or cut."""
    given = {name: request.args[name] for name in _QUERY.fields if request.args.get(name)}
    area = given.get("tab") == AREA
    given.pop("tab", None) if area else None
    wrong = _QUERY.validate(given)
    found = _QUERY.load({name: value for name, value in given.items() if name not in wrong})
    tab = AREA if area else found["tab"]
    return Where(tab, queue.Filters(**{name: value for name, value in found.items() if name != "tab"}))


def _queue(db: Session, me: Actor) -> str:
    here, now = where(), utc_now()
    tonight, posts = terms.tonight(now), me.posts_of(*routes.deciders())
    area = desk_rows.area_of(db, me, now)
    counts = queue.counts(db, me, now, tonight, here.chosen)
    base = queries.visible_plans(me) if here.tab == AREA else queue.tab(me, here.tab, now)
    found = queue.narrowed(base, here.chosen, now, tonight)
    page = queue.listing(db, found, here.tab, now, cursor=request.args.get("cursor"), limit=ROWS)
    rows = desk_rows.rows_of(db, me, page.items, area, now, asked=ASKED.get(here.tab, ()))
    wide = any(post.unit.level in (Level.DISTRICT, Level.PROVINCE) for post in posts)
    year = terms.first_year(terms.school_year_of(terms.china_date(now))) or 0
    export = "reports_pages.export"
    return render_template(
        "plans/queue.html",
        here=here,
        posts=[post for post in posts if not post.for_account],
        standing_in=[post for post in posts if post.for_account],
        away=[deputy for deputy in area.deputies if deputy.absent_account == me.account_id],
        tabs=[(name, title, counts[name]) for name, title in queue.TABS.items() if name != "below" or wide],
        counts=counts,
        area=area,
        rows=rows,
        next=page.next,
        last_done=desk_rows.last_done(db, me) if not rows and here.tab == "todo" else None,
        years=[(f"{first}-{first + 1}", f"{first}-{first + 1} 学年") for first in range(year + 1, year - 4, -1)],
        kinds=[(kind.key, kind.title) for kind in kinds.KINDS.values()],
        filtered=bool(here.args(tab="")),
        export=url_for(export, **{**here.args(), "tab": here.tab}) if export in current_app.view_functions else "",
        done=session.pop("desk_done", None),
        **_words(),
    )


def _decision(
    db: Session, me: Actor, view: views.PlanView, typed: dict[str, Any], errors: dict[str, Any], detail: str = ""
) -> str:
    here, now, plan = where(), utc_now(), view.plan
    following = desk_forms.following(db, me, here.tab, here.chosen, now, desk_forms.place_in_queue(plan, now), plan.id)
    return render_template(
        "plans/decide.html",
        here=here,
        next=url_for("desk_pages.deciding", plan_id=following, **here.args()) if following else "",
        compare=request.args.get("compare", ""),
        errors=errors,
        detail=detail,
        done=session.pop("desk_done", None),
        **desk_forms.context(db, me, view, request.args.get("compare", ""), typed),
        **_words(),
    )


def _done(tx: Any, me: Actor, plan_id: str, name: str, values: dict[str, Any]) -> AnyResponse:
    """Does it, says so, and goes on: to the next of the queue, or to the same plan where it stays here."""
    now, here = utc_now(), where()
    plan = queries.find_plan(tx.session, me, plan_id)
    place = desk_forms.place_in_queue(plan, now)
    plan = operations.perform(tx.session, me, plan_id, name, version=expected_version(), **values)
    line = queries.trail(tx.session, plan)[-1]
    flash(f"已办理“{ACTS[name].label}”：{plan.unit_name}，{plan.submitted_title}。{line.outcome}。", "success")
    if name in ("approve", "return", "refuse") and desk_forms.may_take_back(tx.session, me, plan):
        session["desk_done"] = {"plan_id": plan.id, "version": plan.version, "label": ACTS[name].label}
    if name in desk_forms.STAYS:
        address: str = url_for("desk_pages.deciding", plan_id=plan.id, **here.args())
        return tx.redirect(address)  # type: ignore[no-any-return]
    following = desk_forms.following(tx.session, me, here.tab, here.chosen, now, place, plan.id)
    address = url_for("desk_pages.deciding", plan_id=following, **here.args()) if following else here.href()
    return tx.redirect(address)  # type: ignore[no-any-return]


def _again(plan_id: str, typed: dict[str, Any], error: Exception) -> AnyResponse:
    """The page once more, with everything that was typed and why it did not go."""
    if isinstance(error, ValidationError):
        fields, detail, status = by_field(error), "", 422
    else:
        assert isinstance(error, Invalid | Conflict | NotAllowed)
        fields = {key: list(sentences) for key, sentences in error.fields.items()}
        detail, status = error.detail, error.status
    with reading() as db:
        me = decider(db)
        view = views.view(db, me, queries.find_plan(db, me, plan_id))
        return make_response(_decision(db, me, view, typed, fields, detail), status)


def _require_return(db: Session, me: Actor, values: dict[str, Any], told: str) -> None:
    """What the page asks of a return besides the rules: said all at once, in words meant for this plan (N1)."""
    if told != "yes":
        sentence = "请核对全部材料后勾选“已核对全部材料，一次性告知”。"
        raise Invalid(sentence, fields={"told": [sentence]})
    phrases.require_edited(phrases.phrases_of(db, me), values["opinion"], values["points"])


def _words() -> dict[str, Any]:
    return {
        "acts": ACTS,
        "status_title": queries.status_title,
        "flag_titles": FLAG_TITLES,
        "unit_kinds": UNIT_KINDS,
        "lamp_words": desk_rows.LAMP_WORDS,
        "tones": TONES,
        "stage_titles": {stage.name: stage.title for route in routes.routes().values() for stage in route.stages},
        "clock_words": desk_rows.clock_words,
    }
