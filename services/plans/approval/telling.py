"""What other services and systems are told of a submission, in the order in which it happened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from services.plans.approval import content as contents
from services.plans.approval import queries
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.kinds import KINDS
from services.plans.workflow import Act, Pending, State, Status
from shared import outbox
from shared.actors import Level
from shared.events.base import Event
from shared.events.plans import ApprovedItem, PlanApproved, PlanDecided, PlanEnded, StageEntered
from shared.events.plans_claims import ClaimApproved

LEAVES_QUEUE = ("withdraw", "grant_withdrawal", "abandon", "park")
"""No decisions, but told as such: a queue in another system would otherwise keep what no longer waits."""


def tell(session: Session, plan: Plan, act: Act, state: State, line: PlanLine, now: datetime) -> None:
    """The events of what has just happened."""
    digest = str(plan.digest)
    events: list[Event] = []
    units = queries.reviewing_units(session, plan.unit_path)
    if act.decides or (act.strikes and not line.internal) or (act.name in LEAVES_QUEUE and plan.round):
        at = str(line.stage or state.stage or (state.last.stage if state.last else ""))
        level = next((stage.level for stage in state.stages if stage.name == at), None)
        events.append(
            PlanDecided(
                plan_id=plan.id,
                number=plan.number,
                unit_path=plan.unit_path,
                stage=at,
                level=level,
                reviewing_path=units[level].path if level in units else None,
                verdict="refuse" if act.name == "confirm_refusal" else act.name,
                status=plan.status,
                version=plan.round,
                digest=digest,
                decided_by=line.actor_account,
                decided_at=now,
                reason=None if line.internal or act.name == "approve" else line.opinion or None,
                **_whose(plan),
            ),
        )
    stage = next((stage for stage in state.stages if stage.name == plan.stage), None)
    arrived = plan.stage != state.stage or state.reviewing_path is None
    back = state.pending is Pending.POLICY and plan.pending != Pending.POLICY
    if stage is not None and (arrived or back) and plan.pending != Pending.VOID:
        events.append(_entered(plan, stage.name, stage.level, now))
    if plan.status == Status.APPROVED and state.status is not Status.APPROVED:
        frozen = queries.frozen(session, plan)
        events.append(_approved(plan, frozen, now) if frozen.claim is None else _claimed(plan, frozen, line, now))
    if plan.status == Status.VOIDED:
        events.append(_ended(plan, "voided", None, line.opinion, now))
    outbox.publish_all(session, events)


def entered(session: Session, plan: Plan, now: datetime) -> None:
    """It waits at another unit than before, at the same stage."""
    stage = queries.stage_of(plan)
    if stage is not None:
        outbox.publish(session, _entered(plan, stage.name, stage.level, now))


def ended(session: Session, plan: Plan, status: str, successor: str | None, reason: str, now: datetime) -> None:
    """An approved submission is no longer in force."""
    outbox.publish(session, _ended(plan, status, successor, reason, now))


def _entered(plan: Plan, stage: str, level: Level, now: datetime) -> StageEntered:
    return StageEntered(
        plan_id=plan.id,
        kind=plan.kind,
        number=plan.number,
        school_year=plan.school_year,
        unit_path=plan.unit_path,
        stage=stage,
        level=level,
        reviewing_path=str(plan.reviewing_path),
        round=plan.round,
        version=plan.round,
        digest=str(plan.digest),
        entered_at=plan.entered_at or now,
        office=plan.reviewing_office,
        title=plan.submitted_title,
    )


def _ended(plan: Plan, status: str, successor: str | None, reason: str, now: datetime) -> PlanEnded:
    return PlanEnded(
        plan_id=plan.id,
        number=plan.number,
        unit_path=plan.unit_path,
        status=status,
        superseded_by=successor,
        reason=reason,
        ended_at=now,
        **_whose(plan),
    )


def _whose(plan: Plan) -> dict[str, str | None]:
    """Who is told what became of it: the office that drafted it, or the one person; and what they call it."""
    kind = KINDS[plan.kind]
    office = None if kind.personal else kind.owner.value
    return {"title": plan.submitted_title or plan.title, "filing_office": office, "person_id": plan.person_id}


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
        covers=[cover.unit_path for cover in frozen.covers],
    )


def _claimed(plan: Plan, frozen: contents.Content, line: PlanLine, now: datetime) -> ClaimApproved:
    claim = frozen.claim
    assert claim is not None
    return ClaimApproved(
        plan_id=plan.id,
        number=plan.number,
        school_year=frozen.school_year,
        unit_path=plan.unit_path,
        unit_name=plan.unit_name,
        version=plan.round,
        digest=str(plan.digest),
        person_id=claim.person_id,
        title=frozen.title,
        category=claim.category,
        bucket=claim.sort.bucket,
        level=claim.level,
        rank=claim.rank,
        count=claim.count,
        hours=claim.hours,
        hours_per_credit=claim.hours_per_credit,
        credits=claim.credits,
        obtained_on=claim.obtained_on,
        appointed_on=claim.appointed_on,
        issuer=claim.issuer,
        document=claim.document,
        evidence=[file.name for file in frozen.attachments],
        based_on_id=claim.plan_id or None,
        based_on_number=claim.plan_number or None,
        filed_by=plan.created_by,
        approved_by=line.actor_account,
        approved_body=line.body,
        approved_at=now,
    )
