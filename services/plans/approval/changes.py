"""Who changed a submission last, which later comers are told, and who had a hand in it, who then may not approve it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.plans.acts import ACTS
from services.plans.approval.models import Plan, PlanAuthor
from shared import outbox
from shared.actors import Actor
from shared.errors import Conflict
from shared.ui.filters import local_time


def require_version(plan: Plan, version: int, *, as_owner: bool = False) -> None:
    """Two people at once: the row is locked, so whoever comes second sees here that the first was faster.

    Raises `Conflict` that says who did what, and when (T2, A15); `as_owner`: without what is among reviewers (A16).
    """
    if plan.version == version:
        return
    act = ACTS.get(plan.changed_what)
    if as_owner and act is not None and act.internal:
        raise Conflict("状态已有更新，请刷新页面后再办理。", version=plan.version)
    label = act.label if act else "修改"
    raise Conflict(
        f"已由{plan.changed_by_name}于 {local_time(plan.changed_at)} 办理：{label}。请查看最新内容后再办理。",
        decided_by=plan.changed_by_name,
        decided_at=plan.changed_at.isoformat(),
        verdict=plan.changed_what,
        version=plan.version,
    )


def mark_change(plan: Plan, actor: Actor, what: str, now: datetime) -> None:
    """Counts the change; `what` is the name of an act, or `edit`."""
    plan.version += 1
    plan.changed_by_name, plan.changed_at, plan.changed_what = actor.name, now, what


def mark_author(session: Session, plan: Plan, actor: Actor, now: datetime) -> None:
    """Notes that the actor drafted, edited or submitted the plan (T11). The plan must be in the database."""
    _keep_out(session, plan, actor.account_id, actor.person_id, now)


def mark_subject(session: Session, plan: Plan, now: datetime) -> None:
    """Notes for whom a claim is: whatever account she has, she has a part in it and never decides it (T11)."""
    if plan.person_id is not None:
        _keep_out(session, plan, plan.person_id, plan.person_id, now)


def _keep_out(session: Session, plan: Plan, account_id: str, person_id: str | None, now: datetime) -> None:
    model: Any = PlanAuthor
    session.execute(
        outbox.insert(session, model)
        .values(plan_id=plan.id, account_id=account_id, person_id=person_id, since=now)
        .on_conflict_do_nothing()
    )
