"""What a school and its reviewers do with a submission: every act of the table, by one way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.plans import guards, kinds, needs, routes, terms
from services.plans.acts import ACTS
from services.plans.approval import (
    claiming,
    clock,
    looking,
    queries,
    recording,
    signatures,
    staffing,
    superseding,
    telling,
)
from services.plans.approval import content as contents
from services.plans.approval.changes import mark_author, mark_change, require_version
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.calendar.queries import calendar
from services.plans.workflow import AMONG_REVIEWERS, Act, Brought, By, Need, Pending, Position, State, Status
from shared.actors import Actor, Level
from shared.database import utc_now
from shared.errors import Invalid, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """Everything that may come with an act; each act takes what its row asks for."""

    opinion: str = ""
    points: Sequence[Mapping[str, Any]] = ()
    """return: `{section, field, text, must}`."""
    to_stage: str | None = None
    """return: the earlier stage; None: to the school."""
    days: int | None = None
    """return: working days within which the school is asked to resubmit."""
    to: Sequence[str] = ()
    """transfer, consult, add_signer, copy: accounts."""
    blocking: bool = False
    """consult: the decision waits for the answer."""
    position: str = "before"
    """add_signer: `before` or `after` one's own signature."""
    agreed: bool = True
    """cosign: for or against."""
    category: str | None = None
    """park: the question that is pending with the province."""
    document: str = ""
    """settle_policy: number of the province's document."""
    line_id: str | None = None
    """correct: the line of the history that is spoken of."""


def perform(
    session: Session, actor: Actor, plan_id: str, name: str, *, version: int | None = None, **what: Any
) -> Plan:
    """One act of the table (`submit`, `approve`, `return`, …) on the version that the actor has seen.

    `what`: fields of `What`. `version` None: whatever the version, for acts that move nothing. Raises `NotFound`,
    `Conflict` (who was faster, or what the state forbids), `NotAllowed` (not the actor's stage, or the actor's own
    plan), `Invalid` (what is missing).
    """
    act = ACTS[name]
    if act.by is By.SYSTEM:
        raise NotFound()
    plan = queries.find_plan(session, actor, plan_id, lock=True)
    if version is not None:
        require_version(plan, version, as_owner=queries.is_owner(actor, plan))
    return carry_out(session, actor, plan, act, What(**what))


def carry_out(session: Session, actor: Actor, plan: Plan, act: Act, what: What) -> Plan:
    """The same on a plan that is locked: the one place where a submission moves."""
    now = utc_now()
    if act.freezes and plan.round == 0:
        plan.route = routes.route_in_force(plan.kind, terms.china_date(now), plan.unit_path).key
    if act.freezes:
        claiming.rest_on_plan(session, plan)
    lines = queries.trail(session, plan, points=act.freezes or bool(what.points))
    _around = staffing.around(session, plan)  # held: the units and offices that are asked for below are then at hand
    state = queries.state_of(session, plan, lines)
    post = guards.guard(act, state, actor, kinds.KINDS[plan.kind].noun)
    content = plan.content() if act.freezes else None
    places = recording.places_of(session, plan, what.points) if what.points else []
    targets = staffing.targets(session, act, plan, state, actor, what.to) if what.to else []
    brought = _brought(session, act, plan, state, actor, content, what, lines, targets)
    needs.require(act, state, brought)

    details: dict[str, Any] = {key: value for key in ("category", "document", "days") if (value := getattr(what, key))}
    if act.answers and brought.request is not None:
        details["request"] = brought.request.id
    if act.freezes and content is not None:
        details |= recording.lapsing(session, plan, lines, state, content)
        state = recording.without(state, details.get("lapsed", {}))
    position = act.leads(state, brought)
    unanswered = position.pending is Pending.WITHDRAWAL and not staffing.somebody_answers(session, plan, state)
    if unanswered:
        position = Position(state.status, state.stage)
    # Read before anything changes: a query in between would write half a move, which the table refuses.
    path, days = staffing.whose(session, plan, state, position, actor), calendar(session)
    if act.freezes and content is not None:
        recording.freeze(session, plan, actor, content, now)
    line = recording.line_of(plan, state, act, post, actor, position, what, details, now)
    line.id = recording.line_id(lines)
    line.strikes_id = _strikes(act, state, brought, what, lines)
    line.took_minutes, line.in_time = recording.timing(act, lines, state, days, now)
    if act.decides and not (state.current and state.current.level is Level.SCHOOL):
        line.region_path = kinds.region_of(plan.kind, plan.unit_path)
        line.school_year, line.plan_kind = plan.submitted_year, plan.kind
    if what.points:
        line.points = recording.points(session, plan, lines, line, what.points, places)
    moved = _move(plan, state, position, path, now)
    if unanswered:
        plan.opened_at = None  # so the school takes it back itself
    _effects(session, plan, act, state, brought, what, line, targets, actor, now)
    line.outcome = line.outcome or _outcome(session, plan, act, state, position, targets, details)
    session.add(line)
    if moved:
        mark_change(plan, actor, act.name, now)
        stage = next((s for s in state.stages if s.name == plan.stage), None)
        clock.set_due(plan, [*lines, line], stage, days, now)
    session.flush()
    if act.requests:
        staffing.ask(session, plan, act, line, targets, what, actor, now)
    if act.freezes:
        mark_author(session, plan, actor, now)
    telling.tell(session, plan, act, state, line, now)
    return plan


_WAITS_FOR = {Pending.REFUSAL: "confirm_refusal", Pending.VOID: "confirm_void", Pending.COSIGN: "cosign"}


def open_plan(session: Session, actor: Actor, plan_id: str) -> Plan:
    """Notes that whoever has the plan now has opened it (已查看), and that this reviewer works on it (处理中)."""
    plan = queries.find_plan(session, actor, plan_id, lock=True)
    lines = queries.trail(session, plan)
    state = queries.state_of(session, plan, lines)
    now = utc_now()
    # While a second signature is awaited, it is not the first reviewer who has it.
    waits_for = _WAITS_FOR.get(state.pending) if state.pending else None
    post = guards.post_for(ACTS[waits_for or "transfer"], state, actor) if plan.reviewing_path else None
    if post is not None and (plan.claimed_by == actor.account_id or staffing.claim_is_over(plan, now)):
        plan.claimed_by, plan.claimed_by_name, plan.claimed_at = actor.account_id, actor.name, now
    if post is None and plan.status == Status.RETURNED:
        post = actor.post_at(plan.unit_path, state.owner)
    if plan.opened_at is None and post is not None:
        plan.opened_at = now
        line = recording.record_quietly(session, plan, "open", actor, post, now, lines=lines)
        line.internal = plan.pending in AMONG_REVIEWERS
    session.flush()
    return plan


def _brought(
    session: Session,
    act: Act,
    plan: Plan,
    state: State,
    actor: Actor,
    content: contents.Content | None,
    what: What,
    lines: Sequence[PlanLine],
    targets: Sequence[staffing.Target],
) -> Brought:
    """What the rules ask for; found out only if this act needs it."""
    blocking = []
    if Need.CHECKS in act.needs and content is not None:
        blocking = [finding for finding in looking.findings(session, plan, content) if finding.blocking]
    fields: dict[str, list[str]] = {}
    for finding in blocking:
        fields.setdefault(finding.field, []).append(finding.message)
    if what.to_stage is not None:
        _require_earlier(state, what.to_stage)
    void = guards.void_stage(state, actor) if act.by is By.SIGNATORY else None
    second = void[1] if void else state.current  # the stage that is to confirm what is proposed
    waited, since = clock.waiting(lines, calendar(session), utc_now()) if Need.WAITED in act.needs else (None, None)
    return Brought(
        opinion=what.opinion,
        points=len(what.points),
        unanswered=recording.unanswered(plan, lines) if Need.ANSWERS in act.needs else (),
        findings=fields,
        flags=tuple(finding.code for finding in blocking),
        unstaffed=tuple(staffing.unstaffed(session, plan, state)) if Need.STAFF in act.needs else (),
        seconds=staffing.seconds(session, plan, second, state, actor) if second and Need.SECOND in act.needs else 0,
        targets=len(targets),
        category=what.category,
        document=what.document,
        to_stage=void[1].name if void else what.to_stage,
        agreed=what.agreed,
        request=guards.request_for(act, state, actor),
        waited=waited or Brought().waited,
        since_reminder=since,
        intact=queries.is_intact(session, plan) if Need.INTACT in act.needs else True,
        amends_gone=superseding.gone(session, plan) if Need.AMENDS in act.needs else "",
    )


def _require_earlier(state: State, name: str) -> None:
    names = [stage.name for stage in state.stages]
    if name not in names or state.stage is None or names.index(name) >= names.index(state.stage):
        sentence = "只能退回学校，或退回本路线上更早的环节。"
        raise Invalid(sentence, fields={"to_stage": [sentence]})


def _strikes(act: Act, state: State, brought: Brought, what: What, lines: Sequence[PlanLine]) -> str | None:
    if act.strikes and state.last:
        return state.last.line_id
    if state.pending is Pending.COSIGN and (act.name == "recall" or (act.name == "cosign" and not brought.agreed)):
        return str(signatures.standing(lines)[str(state.stage)].id)
    return what.line_id if act.name == "correct" else None


def _move(plan: Plan, state: State, position: Position, path: str | None, now: datetime) -> bool:
    """Puts the plan where the act leads; False when it stays where it is."""
    if (position.status, position.stage, position.pending) == (state.status, state.stage, state.pending):
        return False
    arrives = position.stage is not None and (position.stage != state.stage or state.reviewing_path is None)
    plan.status, plan.stage = position.status.value, position.stage
    plan.pending = position.pending.value if position.pending else None
    stage = next((stage for stage in state.stages if stage.name == position.stage), None)
    plan.returned_by_path = plan.reviewing_path if position.status is Status.RETURNED else None
    plan.reviewing_path = path
    plan.reviewing_office = stage.office.value if stage else None
    if stage is None:
        plan.entered_at = None
    elif arrives:
        plan.entered_at, plan.overdue_told = now, False
    if arrives or stage is None or position.pending in (Pending.REFUSAL, Pending.COSIGN):
        plan.opened_at = None
    elif state.pending in (Pending.REFUSAL, Pending.COSIGN):
        plan.opened_at = now
    plan.claimed_by = plan.claimed_by_name = plan.claimed_at = None
    if arrives or stage is None:
        plan.assignee_id = plan.assignee_name = None
    plan.policy_category = plan.policy_category if position.pending is Pending.POLICY else None
    if position.status is Status.APPROVED and state.status is not Status.APPROVED:
        plan.approved_at = now
    return True


def _effects(
    session: Session,
    plan: Plan,
    act: Act,
    state: State,
    brought: Brought,
    what: What,
    line: PlanLine,
    targets: Sequence[staffing.Target],
    actor: Actor,
    now: datetime,
) -> None:
    """What an act changes besides where the plan lies."""
    if act.name == "transfer":
        plan.assignee_id, plan.assignee_name = targets[0].account_id, targets[0].name
        plan.claimed_by = plan.claimed_by_name = plan.claimed_at = None
    if act.name == "park":
        plan.policy_category = what.category
    if act.answers and brought.request is not None:
        staffing.answer(session, brought.request, what, act, now)
        if act.signs and what.agreed and plan.assignee_id in (actor.account_id, brought.request.account_id):
            plan.assignee_id = plan.assignee_name = None  # who has signed does not decide as well (T11)
    still_open = any(asked.agreed is None for asked in state.asked)
    if still_open and (plan.entered_at is None or state.stage != plan.stage):
        staffing.end_requests(session, plan, "ended", now)
    if act.name == "recall":
        line.outcome = act.outcome.format(names=staffing.recalled(session, plan, state, now))
        line.outcome = line.outcome[:300] + ("；由本环节重新办理" if state.pending is Pending.COSIGN else "")
    if act.name == "correct":
        # What corrects a line among reviewers is among reviewers too (A16).
        line.internal = recording.require_own_line(session, plan, actor, what.line_id).internal
    if act.name == "confirm_refusal":
        line.opinion = recording.refusal_words(session, plan, line)
    if plan.status == Status.APPROVED and state.status is not Status.APPROVED and plan.amends_id:
        superseding.replace(session, plan, now)


def _outcome(
    session: Session,
    plan: Plan,
    act: Act,
    state: State,
    position: Position,
    targets: Sequence[staffing.Target],
    details: Any,
) -> str:
    names = "、".join(f"{target.name}（{target.body}）" for target in targets)
    words = act.outcome.format(to=queries.holder(session, plan), names=names)
    if act.name == "return" and position.stage is not None:
        words = words.partition("；")[0]  # to an earlier stage: nothing is resubmitted
    if act.name == "ask_withdraw" and position.pending is None:
        words = "办理单位目前无人在岗，可直接撤回"
    elif act.name == "ask_withdraw" and state.pending is Pending.POLICY:
        words += "；不再等省厅意见，如不同意撤回，由其继续办理"
    if act.name == "approve" and position.pending is Pending.COSIGN:
        words = "本级签署中"
    if act.name == "approve" and position.status is Status.APPROVED:
        words = "已通过"
    if lapsed := details.get("lapsed"):
        titles = {stage.name: stage.title for stage in queries.stages_of(plan)}
        told = [f"{titles[stage]}须重新签署（改动：{'、'.join(labels)}）" for stage, labels in lapsed.items()]
        words += "；" + "；".join(told)
    return words[:400]
