"""One submission as one person sees it: content, route bar, history, clock. Two projections of one history (A16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from services.plans import guards, workflow
from services.plans.acts import ACTS, OFFERED
from services.plans.approval import checks, clock, comparing, looking, queries, recording, signatures, staffing
from services.plans.approval import content as contents
from services.plans.approval.clock import Clock
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanAnswer, PlanLine, PlanPoint, PlanRequest
from services.plans.calendar.queries import calendar
from services.plans.calendar.rules import NoCalendar, WorkCalendar
from services.plans.workflow import SEEN_BY_SCHOOL, Act, Pending, Status
from shared import directory
from shared.actors import Actor, Level, Office
from shared.database import utc_now

EVERYWHERE = "/"
"""Reach of a reviewer above the unit: what is among reviewers of every level."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage on the route bar."""

    stage: str
    title: str
    level: Level
    unit: str
    body: str
    phone: str | None
    state: str
    """`done`, `current`, `todo`, `returned` or `refused`."""
    by: str | None = None
    at: datetime | None = None
    limit: int = 0
    """Working days."""
    used: timedelta | None = None
    """Working time of all its visits; None: not reached, or no calendar."""
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A point of a return, with the school's answers and what has changed at its place."""

    point: PlanPoint
    changes: Sequence[comparing.Change]
    """Between the version that was returned and the one that answers it, at that place; empty: nothing changed."""
    answers: Sequence[PlanAnswer]
    """As far as this person sees them: a reviewer what was sent. The last one stands; others went with versions since
    withdrawn."""
    answered: bool
    """For the version to be submitted next."""

    @property
    def answer(self) -> PlanAnswer | None:
        """The one that stands."""
        return self.answers[-1] if self.answers else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history as one side sees it."""

    line: PlanLine
    act: Act
    actor: str
    """Empty where the school does not see who."""
    points: Sequence[Answered]
    struck: bool
    """Taken back: shown, struck through."""
    void_because: str
    """意见已失效: what has changed since; empty while it stands (N3)."""
    took: timedelta | None
    """Working time from the arrival at the stage to this decision."""


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as one person sees it."""

    plan: Plan
    content: contents.Content
    """The working copy for its school while it is there; the frozen version for everybody else."""
    findings: Sequence[checks.Finding]
    steps: Sequence[Step]
    acts: Sequence[workflow.Act]
    """What this person can do now."""
    editable: bool
    owner: bool
    entries: Sequence[Entry]
    clock: Clock | None
    pending: Pending | None
    """As far as this person is to know."""
    intact: bool
    """The version is what was submitted, sign by sign (N3)."""
    open_points: Sequence[Answered]
    """Of the return that the school is mending."""
    requests: Sequence[PlanRequest]
    """What people were asked; empty for the school."""

    @property
    def status_title(self) -> str:
        """审核中（县级审核）, 待修改, …"""
        return queries.status_title(self.plan)

    @property
    def pending_title(self) -> str:
        """等省厅意见, …; empty when nothing is pending."""
        return workflow.PENDING_TITLES[self.pending] if self.pending else ""


def view(session: Session, actor: Actor, plan: Plan) -> PlanView:
    """Everything that a page or an answer shows of one plan, to this actor."""
    lines = queries.trail(session, plan)
    state = queries.state_of(session, plan, lines)
    owner = queries.is_owner(actor, plan)
    reach = inner_reach(actor, plan)
    content = queries.content_for(session, actor, plan)
    days, now = calendar(session), utc_now()
    pending = state.pending if _within(reach, plan.reviewing_path) or state.pending in SEEN_BY_SCHOOL else None
    entries = _entries(session, plan, lines, reach, days)
    stage = queries.stage_of(plan)
    returned = recording.open_return(plan, lines)
    return PlanView(
        plan=plan,
        content=content,
        findings=looking.findings(session, plan, content),
        steps=steps(session, plan, lines, days, now),
        acts=guards.open_acts(OFFERED, state, actor),
        editable=state.status in workflow.WITH_SCHOOL and owner,
        owner=owner,
        entries=entries,
        clock=clock.clock_of(lines, stage, days, now) if stage and plan.status == Status.UNDER_REVIEW else None,
        pending=pending,
        intact=plan.round == 0 or queries.is_intact(session, plan),
        open_points=next((e.points for e in reversed(entries) if returned and e.line.id == returned.id), ()),
        requests=[r for r in queries.requests_of(session, plan) if _within(reach, r.asked_path)] if reach else (),
    )


def inner_reach(actor: Actor, plan: Plan) -> str | None:
    """Below which path the actor sees what is among reviewers (A16): None of who drafts it.

    A reviewer above the unit sees it of every level; the school that reviews its teachers' claims only its own.
    """
    if queries.is_owner(actor, plan):
        return None
    above = [p for p in actor.posts_of(Office.PLAN_REVIEW) if p.unit.path != plan.unit_path]
    # A stage of the school's own, as of a teacher's claim.
    here = {stage.office for stage in queries.stages_of(plan)} - {Office.PLAN_REVIEW}
    if any(plan.unit_path.startswith(p.unit.path) for p in above):
        return EVERYWHERE
    return plan.unit_path if any(p.unit.path == plan.unit_path for p in actor.posts_of(*here)) else None


def _within(reach: str | None, path: str | None) -> bool:
    return reach is not None and (reach == EVERYWHERE or path == reach)


def history(session: Session, actor: Actor, plan: Plan) -> list[Entry]:
    """Every act that the actor may see, oldest first. What is among reviewers is not even read for the school."""
    lines = queries.trail(session, plan)
    return _entries(session, plan, lines, inner_reach(actor, plan), calendar(session))


def _entries(
    session: Session, plan: Plan, lines: Sequence[PlanLine], reach: str | None, days: WorkCalendar
) -> list[Entry]:
    struck, standing = signatures.struck(lines), signatures.standing(lines)
    versions = {v.number: contents.load(v.content) for v in queries.versions_of(session, plan)}
    present = versions.get(plan.round)
    intact = plan.round == 0 or queries.is_intact(session, plan)
    took = _durations(lines, days)
    found = []
    for line in lines:
        inside = _within(reach, line.unit_path)
        if line.internal and not inside:
            continue
        void = ""
        if line.act == "approve" and line.id not in struck and present is not None:
            signed = standing.get(str(line.stage))
            changes = comparing.compare(versions[line.round], present)
            if not intact:
                void = "内容与报送时的版本不一致"
            elif signed is None or signed.id != line.id:
                labels = "、".join(dict.fromkeys(change.label for change in changes)) or "已退回本环节重新审核"
                void = f"第 {plan.round} 版改动了{labels}" if changes else labels
        found.append(
            Entry(
                line=line,
                act=ACTS[line.act],
                # Who of the unit opened it, or reminded whom, is the reviewers' affair.
                actor=line.actor_words if inside or line.act != "open" or line.stage is None else "",
                points=[_answered(point, line, versions, plan.round, reach is not None) for point in line.points],
                struck=line.id in struck,
                void_because=void,
                took=took.get(line.id),
            )
        )
    return found


def _answered(
    point: PlanPoint, line: PlanLine, versions: dict[int, contents.Content], latest: int, inside: bool
) -> Answered:
    answers = [answer for answer in point.answers if answer.round <= latest or not inside]
    # The version that the answer went with, not simply the next: that one may have been withdrawn.
    number = min(answers[-1].round, latest) if answers else latest
    after, changes = versions.get(number), list[comparing.Change]()
    if after is not None and number > line.round:
        every = comparing.compare(versions[line.round], after)
        changes = [change for change in every if comparing.touches([change], point.lasting)]
    return Answered(point, changes, answers, point.answer_for(latest + 1) is not None)


def _durations(lines: Sequence[PlanLine], days: WorkCalendar) -> dict[str, timedelta]:
    """Decision -> working time since it came to that stage."""
    found: dict[str, timedelta] = {}
    for number, line in enumerate(lines):
        if line.act not in signatures.DECISIONS or line.stage is None:
            continue
        visit = clock.present_visit(lines[:number])
        try:
            found[line.id] = clock.time_of(visit, days, line.at)[0]
        except NoCalendar:
            continue  # the page says for which year there is no calendar
    return found


def steps(session: Session, plan: Plan, lines: Sequence[PlanLine], days: WorkCalendar, now: datetime) -> list[Step]:
    """The route bar: each stage with the unit's name, how far the plan is, who passed it, and the time it took."""
    units = queries.reviewing_units(session, plan.unit_path)
    standing = signatures.standing(lines)
    every = signatures.intervals(lines)
    returned = recording.open_return(plan, lines)
    last = lines[-1] if lines else None
    found = []
    for stage in queries.stages_of(plan):
        signed: Any = standing.get(stage.name)
        shown = signed
        if plan.status == Status.UNDER_REVIEW and plan.stage == stage.name:
            state, shown = "current", None
        elif returned is not None and plan.status == Status.RETURNED and returned.stage == stage.name:
            state, shown = "returned", returned
        elif plan.status == Status.REFUSED and last is not None and last.stage == stage.name:
            state, shown = "refused", last
        else:
            state = "done" if signed else "todo"
        unit = units.get(stage.level)
        office = session.get(directory.OfficeCopy, (unit.path, stage.office.value)) if unit else None
        visits = [interval for interval in every if interval.stage == stage.name]
        found.append(
            Step(
                stage=stage.name,
                title=stage.title,
                level=stage.level,
                unit=unit.name if unit else "",
                body=office.body if office else unit.name if unit else "未在名册中",
                phone=unit.phone if unit else None,
                state=state,
                by=shown.actor_words if shown else None,
                at=shown.at if shown else None,
                limit=stage.limit,
                used=_used(visits, days, now),
                opened_at=_opened(plan, lines) if state == "current" else None,
            )
        )
    return found


def _opened(plan: Plan, lines: Sequence[PlanLine]) -> datetime | None:
    """When the present stage first opened it: the same before and while a second signature is awaited (A16)."""
    seen = [line.at for line in lines if line.act == "open" and line.stage == plan.stage and not line.internal]
    return next((at for at in seen if plan.entered_at is not None and at >= plan.entered_at), None)


def _used(visits: Sequence[signatures.Interval], days: WorkCalendar, now: datetime) -> timedelta | None:
    if not visits:
        return None
    try:
        return clock.time_of(visits, days, now)[0]
    except NoCalendar:
        return None


def candidates(session: Session, actor: Actor, plan: Plan) -> list[staffing.Target]:
    """Whom the actor may ask or inform."""
    return [target for target in staffing.candidates(session, plan) if target.account_id != actor.account_id]


def colleagues(session: Session, actor: Actor, plan: Plan) -> list[staffing.Target]:
    """To whom the actor may hand it on."""
    return [target for target in staffing.colleagues(session, plan) if target.account_id != actor.account_id]
