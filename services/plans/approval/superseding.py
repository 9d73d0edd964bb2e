"""What an amendment does to the plan that it amends: replaces it, if that one is still in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from services.plans.approval import recording, telling
from services.plans.approval.changes import mark_change
from services.plans.approval.models import Plan
from services.plans.workflow import Pending, Status
from shared.actors import SYSTEM


def gone(session: Session, plan: Plan) -> str:
    """Why the plan that this one amends is no longer in force, in words; empty while it is, or if it amends nothing.

    That plan is locked until the commit: it cannot be declared void while its amendment is approved.
    """
    if plan.amends_id is None:
        return ""
    amended = session.get_one(Plan, plan.amends_id, with_for_update=True, populate_existing=True)
    if amended.superseded_by_id is not None:
        return f"所修订的方案 {amended.number} 已由另一修订方案取代"
    if amended.status != Status.APPROVED:
        return f"所修订的方案 {amended.number} 已作废"
    return ""


def replace(session: Session, plan: Plan, now: datetime) -> None:
    """The approved amendment takes the place of what it amends; a request to declare that one void ends with it."""
    amended = session.get_one(Plan, plan.amends_id)
    asked = amended.pending == Pending.VOID
    amended.superseded_by_id = plan.id
    amended.pending = amended.stage = amended.reviewing_path = amended.reviewing_office = amended.entered_at = None
    amended.due_at = amended.warn_at = amended.opened_at = amended.assignee_id = amended.assignee_name = None
    amended.claimed_by = amended.claimed_by_name = amended.claimed_at = None
    words = "，原申请作废不再办理" if asked else ""
    mark_change(amended, SYSTEM, "supersede", now)
    recording.record_quietly(session, amended, "supersede", SYSTEM, None, now, names=plan.number, to=words)
    telling.ended(session, amended, "superseded", plan.id, f"由修订方案 {plan.number} 取代", now)
