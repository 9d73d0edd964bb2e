"""What the system does by itself: tells the level above of what is overdue, lets go who has left, counts anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.plans import routes
from services.plans.approval import clock, queries, signatures, staffing
from services.plans.approval.changes import mark_change
from services.plans.approval.models import Plan, PlanAuthor
from services.plans.approval.recording import record_quietly
from services.plans.approval.trail import PlanLine, PlanRequest
from services.plans.calendar.queries import calendar
from services.plans.workflow import STOPS_CLOCK, Pending, Position, Status
from shared import directory
from shared.actors import SYSTEM, Level, Office
from shared.database import utc_now
from shared.events.accounts import HoldersChanged

BATCH = 500
"""Plans in one transaction."""
_COLLEAGUES = "由同岗人员办理"


def tell_overdue(session: Session) -> int:
    """Notes in each history that the limit has passed, once a visit; the level above sees it in its list (T21)."""
    now = utc_now()
    query = (
        select(Plan)
        .where(Plan.due_at <= now, ~Plan.overdue_told, Plan.status == Status.UNDER_REVIEW)
        .order_by(Plan.due_at, Plan.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    plans = list(session.scalars(query))
    for plan in plans:
        plan.overdue_told = True
        record_quietly(session, plan, "overdue", SYSTEM, None, now, to=_above(session, plan))
    session.flush()
    return len(plans)


def apply_holders(session: Session, event: HoldersChanged) -> None:
    """Takes holders over; what was in the hands of somebody who has left goes back to whoever is in post."""
    directory.apply_holders(session, event)
    for record in event.offices:
        if record.office in routes.deciders():
            office = session.get(directory.OfficeCopy, (record.unit_path, record.office.value), populate_existing=True)
            _release(session, record.unit_path, record.office, office.holders if office else [])


def count_anew(session: Session) -> None:
    """After a change of the calendar: both moments of everything that waits at a stage.

    Locked in the order of ids, so that an act under way is neither overwritten nor waited for in a circle.
    """
    days, now, last = calendar(session), utc_now(), ""
    waiting = select(Plan).where(Plan.stage.is_not(None)).order_by(Plan.id).limit(BATCH)
    locked = waiting.with_for_update().execution_options(populate_existing=True)
    while plans := list(session.scalars(locked.where(Plan.id > last) if last else locked)):
        for plan in plans:
            clock.set_due(plan, queries.trail(session, plan), queries.stage_of(plan), days, now)
        session.flush()
        last = plans[-1].id


def count_missing(session: Session) -> int:
    """Both moments of what is under review, counts, and has none: its year had no calendar, or it is from before."""
    days, now = calendar(session), utc_now()
    stopped = [pending.value for pending in STOPS_CLOCK]
    query = (
        select(Plan)
        .where(
            Plan.status == Status.UNDER_REVIEW,
            Plan.due_at.is_(None),
            or_(Plan.pending.is_(None), Plan.pending.not_in(stopped)),
        )
        .order_by(Plan.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    plans = list(session.scalars(query))
    for plan in plans:
        clock.set_due(plan, queries.trail(session, plan), queries.stage_of(plan), days, now)
    session.flush()
    return sum(plan.due_at is not None for plan in plans)


def _release(session: Session, path: str, office: Office, holders: Sequence[Mapping[str, Any]]) -> None:
    """Nobody waits for somebody who has left: handed over, asked, to confirm, or the last one in post."""
    now, accounts = utc_now(), [holder["account_id"] for holder in holders]
    here = select(Plan).where(Plan.reviewing_path == path, Plan.reviewing_office == office.value).with_for_update()
    for plan in list(session.scalars(here.where(Plan.assignee_id.is_not(None), Plan.assignee_id.not_in(accounts)))):
        _tell(session, plan, str(plan.assignee_name), _COLLEAGUES, now)
        plan.assignee_id = plan.assignee_name = None
    asked = (
        select(PlanRequest)
        .where(
            PlanRequest.closed_at.is_(None),
            PlanRequest.asked_path == path,
            PlanRequest.asked_account.not_in(accounts),
        )
        .order_by(PlanRequest.plan_id, PlanRequest.id)
    )
    for request in list(session.scalars(asked)):
        request.closed_at, request.closed_why = now, "left"
        unsigned(session, session.get_one(Plan, request.plan_id, with_for_update=True), request.asked_name, now)
    people = [*accounts, *(holder["person_id"] for holder in holders if holder["person_id"])]
    drafted = select(PlanAuthor.plan_id).where(or_(PlanAuthor.account_id.in_(people), PlanAuthor.person_id.in_(people)))
    if holders:
        here = here.where(or_(Plan.pending == Pending.REFUSAL, Plan.id.in_(drafted)))
    for plan in list(session.scalars(here.order_by(Plan.id))):
        _nobody_left(session, plan, now)
    session.flush()


def unsigned(session: Session, plan: Plan, name: str, now: datetime) -> None:
    """Somebody who was asked has left. With the last one to sign after the reviewer, the stage decides anew."""
    signers = [row for row in queries.requests_of(session, plan) if row.kind == "cosign" and row.closed_at is None]
    if plan.pending != Pending.COSIGN or any(row.position == "after" for row in signers):
        _tell(session, plan, name, _COLLEAGUES, now)
        return
    signed = signatures.standing(queries.trail(session, plan))[str(plan.stage)]
    plan.pending = None
    mark_change(plan, SYSTEM, "release", now)
    _tell(session, plan, name, "由本环节重新办理", now).strikes_id = signed.id


def _nobody_left(session: Session, plan: Plan, now: datetime) -> None:
    """Whom it waits for has left, and nobody in post may take their place: to the level above, or one step back."""
    state = queries.state_of(session, plan)
    out = staffing.kept_out(session, plan, state) | state.proposer
    to = staffing.free_office(session, str(plan.reviewing_path), out, str(plan.reviewing_office))
    if to == plan.reviewing_path or plan.pending in (Pending.POLICY, Pending.COSIGN):
        return
    name, shown, words = queries.holder(session, plan) + "的审核人", False, ""
    plan.opened_at = None
    if plan.pending in (Pending.REFUSAL, Pending.VOID) and to is not None:
        plan.reviewing_path = to
        words = f"改由{queries.holder(session, plan)}办理"
    elif plan.pending == Pending.REFUSAL:
        position = Position(state.status, state.stage)
        plan.pending, plan.reviewing_path = None, staffing.whose(session, plan, state, position)
        words = "不予通过无人复核，由本环节重新办理"
    elif plan.pending == Pending.VOID:
        plan.pending = plan.stage = plan.reviewing_path = plan.reviewing_office = plan.entered_at = None
        shown, words = True, "申请作废未予办理，方案继续有效"
    else:
        shown = plan.pending == Pending.WITHDRAWAL
        plan.pending, words = None, "待有人在岗后办理；其间学校可直接撤回"
    mark_change(plan, SYSTEM, "release", now)
    line = _tell(session, plan, name, words, now)
    line.internal = not shown
    clock.set_due(plan, queries.trail(session, plan), queries.stage_of(plan), calendar(session), now)


def _tell(session: Session, plan: Plan, name: str, words: str, now: datetime) -> PlanLine:
    return record_quietly(session, plan, "release", SYSTEM, None, now, names=name, to=words)


def _above(session: Session, plan: Plan) -> str:
    """The bodies of the levels above that see it."""
    units = queries.reviewing_units(session, str(plan.reviewing_path))
    above = (Level.COUNTY, Level.DISTRICT, Level.PROVINCE)
    nearest = next((units[level] for level in above if level in units), None)
    if nearest is None:
        return "省级"
    office = session.get(directory.OfficeCopy, (nearest.path, Office.PLAN_REVIEW.value))
    return office.body if office else nearest.name
