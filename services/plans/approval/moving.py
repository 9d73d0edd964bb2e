"""区划调整: what is under way goes to the unit that takes the old one's place; signatures and history stay."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.plans.approval import queries
from services.plans.approval.changes import mark_change
from services.plans.approval.models import Plan
from services.plans.approval.recording import record_quietly
from services.plans.approval.telling import entered
from services.plans.approval.trail import PlanRequest
from services.plans.approval.upkeep import unsigned
from services.plans.models import Base
from services.plans.workflow import Status
from shared.actors import SYSTEM
from shared.database import under, utc_now
from shared.directory import DirectoryBase
from shared.events.accounts import UnitMoved
from shared.moving import apply_move, counterpart


def follow_move(session: Session, event: UnitMoved) -> None:
    """Takes a move over; from then on the new unit's queue holds what waited in the old one's (N42)."""
    apply_move(session, event, [DirectoryBase.metadata, Base.metadata])
    here = (
        select(Plan)
        .where(under(Plan.unit_path, event.new_path), or_(Plan.reviewing_path.is_not(None), Plan.status.in_(_OPEN)))
        .order_by(Plan.id)
        .with_for_update()
    )
    for plan in list(session.scalars(here)):
        _follow(session, plan, event)
    session.flush()


_OPEN = (Status.UNDER_REVIEW.value, Status.RETURNED.value)


def _follow(session: Session, plan: Plan, event: UnitMoved) -> None:
    now = utc_now()
    document = f"{event.document}，自 {event.in_force_on} 起"
    returned_by = counterpart(plan.returned_by_path, event)
    reviewing = counterpart(plan.reviewing_path, event)
    if (returned_by, reviewing) == (plan.returned_by_path, plan.reviewing_path):
        return
    old = queries.holder(session, plan) if plan.reviewing_path else ""
    changed = reviewing != plan.reviewing_path
    plan.returned_by_path, plan.reviewing_path = returned_by, reviewing
    if changed:
        # Whoever had it in hand is in post at the old unit.
        plan.assignee_id = plan.assignee_name = plan.opened_at = None
        plan.claimed_by = plan.claimed_by_name = plan.claimed_at = None
        words = f"由{old}改由{queries.holder(session, plan)}办理"
    else:
        words = "修改后报送新的上级"
    mark_change(plan, SYSTEM, "rezone", now)
    record_quietly(session, plan, "rezone", SYSTEM, None, now, names=document, to=words)
    session.flush()
    asked = select(PlanRequest).where(PlanRequest.plan_id == plan.id, PlanRequest.closed_at.is_(None))
    for request in list(session.scalars(asked.order_by(PlanRequest.id))):
        if not plan.unit_path.startswith(request.asked_path):
            request.closed_at, request.closed_why = now, "left"
            unsigned(session, plan, request.asked_name, now)
    if changed:
        entered(session, plan, now)
