"""What a school and its reviewers do with a submission: every act of `workflow.ACTS`, by one way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.plans import routes, terms, workflow
from services.plans.approval import content as contents
from services.plans.approval import queries
from services.plans.approval.changes import mark_author, mark_change, require_version
from services.plans.approval.models import Plan, PlanLine, PlanPoint, PlanVersion
from services.plans.workflow import Act, Brought, Need, Position, State, Status
from shared import directory, outbox
from shared.actors import Actor, Post
from shared.database import new_id, utc_now
from shared.errors import Invalid
from shared.events.plans import ApprovedItem, PlanApproved, PlanDecided, StageEntered


def perform(
    session: Session,
    actor: Actor,
    plan_id: str,
    name: str,
    *,
    version: int,
    opinion: str = "",
    points: Sequence[Mapping[str, Any]] = (),
) -> Plan:
    """One act of `workflow.ACTS` (`submit`, `approve`, `return`, …) on the version that the actor has seen.

    `points`: `{section, field, text, must}`. Raises `NotFound`, `Conflict` (who was faster, or what the state forbids),
    `NotAllowed` (not the actor's stage, or the actor's own plan), `Invalid` (what is missing).
    """
    act = workflow.ACTS[name]
    plan = queries.find_plan(session, actor, plan_id, lock=True)
    require_version(plan, version)
    if act.freezes and plan.round == 0:
        plan.route = routes.route_in_force(plan.kind, terms.china_date(utc_now())).key
    state = queries.state_of(session, plan)
    post = workflow.guard(act, state, actor)
    content = queries.content_for(session, actor, plan)
    places = _places(content, points)
    workflow.require(act, state, _brought(session, act, plan, state, content, opinion, len(points)))

    now = utc_now()
    position = act.leads(state)
    if act.freezes:
        _freeze(session, plan, actor, content, now)
    line = _record(plan, state, act, post, actor, position, opinion, now)
    line.points = [
        PlanPoint(number=number, section=p["section"], field=p["field"], place=place, text=p["text"], must=p["must"])
        for number, (p, place) in enumerate(zip(points, places, strict=True), start=1)
    ]
    _move(session, plan, state, position, now)
    line.outcome = act.outcome.format(to=queries.holder(session, plan))
    session.add(line)
    mark_change(plan, actor, act.name, now)
    session.flush()
    if act.freezes:
        mark_author(session, plan, actor, now)
    _tell(session, plan, act, state, actor, now)
    return plan


def _brought(
    session: Session, act: Act, plan: Plan, state: State, content: contents.Content, opinion: str, points: int
) -> Brought:
    """What the rules ask for; found out only if this act needs it."""
    blocking = []
    if Need.CHECKS in act.needs:
        blocking = [finding for finding in contents.check(content, plan.unit_kind) if finding.blocking]
    findings: dict[str, list[str]] = {}
    for finding in blocking:
        findings.setdefault(finding.field, []).append(finding.message)
    return Brought(
        opinion=opinion,
        points=points,
        findings=findings,
        flags=tuple(finding.code for finding in blocking),
        unstaffed=tuple(_unstaffed(session, plan, state)) if Need.STAFF in act.needs else (),
    )


def _unstaffed(session: Session, plan: Plan, state: State) -> list[str]:
    """A sentence for each stage at which nobody could decide, naming the office to call (T10, A11)."""
    units = queries.reviewing_units(session, plan.unit_path)
    sentences = []
    for stage in state.stages:
        unit = units.get(stage.level)
        if unit is None:
            sentences.append(f"“{stage.title}”的单位不在名册中，请联系账号管理员。")
            continue
        office = directory.office(session, unit.path, stage.office)
        free = [h for h in office.holders if not {h["account_id"], h["person_id"]} & state.authors] if office else []
        if not free:
            call = f"，请致电 {unit.phone}" if unit.phone else ""
            known = session.get(directory.OfficeCopy, (unit.path, stage.office.value))
            body = known.body if known else unit.name
            sentences.append(f"{body}“{stage.title}”目前没有可办理的在岗审核人{call}，请其安排后再报送。")
    return sentences


def _places(content: contents.Content, points: Sequence[Mapping[str, Any]]) -> list[str]:
    """The words for each point's place. Raises `Invalid` for a point tied to nothing in this version."""
    places = content.places()
    wrong = {
        f"points.{number}.field": ["方案中没有这个章节、字段或附件，请核对。"]
        for number, point in enumerate(points)
        if (point["section"], point["field"]) not in places
    }
    if wrong:
        raise Invalid("有修改意见没有对应到方案中的位置，请核对。", fields=wrong)
    return [places[(point["section"], point["field"])] for point in points]


def _freeze(session: Session, plan: Plan, actor: Actor, content: contents.Content, now: datetime) -> None:
    """The version that reviewers sign: never changed again (N3)."""
    plan.round += 1
    plan.digest = content.digest()
    plan.submitted_title, plan.submitted_year = content.title, content.school_year
    plan.submitted_hours, plan.submitted_credits = content.hours, content.credits
    plan.flags = sorted({finding.code for finding in contents.check(content, plan.unit_kind)})
    plan.submitted_at = plan.submitted_at or now
    session.add(
        PlanVersion(
            plan_id=plan.id,
            number=plan.round,
            content=content.dump(),
            digest=plan.digest,
            submitted_by=actor.account_id,
            submitted_by_name=actor.name,
            submitted_at=now,
        )
    )


def _record(
    plan: Plan, state: State, act: Act, post: Post, actor: Actor, position: Position, opinion: str, now: datetime
) -> PlanLine:
    return PlanLine(
        id=new_id(),
        plan_id=plan.id,
        act=act.name,
        at=now,
        actor_account=actor.account_id,
        actor_name=actor.name,
        unit_path=post.unit.path,
        body=post.body,
        # Taking back is the school's own act, wherever the plan lay at that moment.
        stage=state.stage if act.decides else None,
        from_status=state.status.value,
        to_status=position.status.value,
        to_stage=position.stage,
        opinion=opinion.strip(),
        round=plan.round,
        digest=plan.digest,
    )


def _move(session: Session, plan: Plan, state: State, position: Position, now: datetime) -> None:
    stage = next((stage for stage in state.stages if stage.name == position.stage), None)
    # Read before anything changes: a query in between would write half a move, which the table refuses.
    path = queries.reviewing_units(session, plan.unit_path)[stage.level].path if stage else None
    plan.status, plan.stage, plan.return_stage = position.status.value, position.stage, position.return_stage
    plan.reviewing_path = path
    plan.reviewing_office = stage.office.value if stage else None
    plan.entered_at = now if stage else None
    if position.status is Status.APPROVED:
        plan.approved_at = now


def _tell(session: Session, plan: Plan, act: Act, state: State, actor: Actor, now: datetime) -> None:
    """The events of what has just happened, in the order in which it happened."""
    digest = str(plan.digest)
    if act.decides:
        outbox.publish(
            session,
            PlanDecided(
                plan_id=plan.id,
                number=plan.number,
                unit_path=plan.unit_path,
                stage=str(state.stage),
                verdict=act.name,
                status=plan.status,
                version=plan.round,
                digest=digest,
                decided_by=actor.account_id,
                decided_at=now,
            ),
        )
    if plan.stage is not None:
        stage = next(stage for stage in state.stages if stage.name == plan.stage)
        outbox.publish(
            session,
            StageEntered(
                plan_id=plan.id,
                kind=plan.kind,
                number=plan.number,
                school_year=plan.school_year,
                unit_path=plan.unit_path,
                stage=stage.name,
                level=stage.level,
                reviewing_path=str(plan.reviewing_path),
                round=plan.round,
                version=plan.round,
                digest=digest,
                entered_at=now,
            ),
        )
    if plan.status == Status.APPROVED:
        outbox.publish(session, _approved(plan, queries.frozen(session, plan), now))


def _approved(plan: Plan, frozen: contents.Content, now: datetime) -> PlanApproved:
    return PlanApproved(
        plan_id=plan.id,
        kind=plan.kind,
        number=plan.number,
        school_year=plan.school_year,
        unit_path=plan.unit_path,
        version=plan.round,
        digest=str(plan.digest),
        items=[
            ApprovedItem(
                item_id=item.id,
                kind=item.kind,
                title=item.title,
                hours=item.hours,
                hours_per_credit=item.hours_per_credit,
                credits=item.credits,
            )
            for item in frozen.items
        ],
        approved_at=now,
    )
