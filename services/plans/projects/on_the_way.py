"""在路上: what a teacher is on a roster for and has no credits of yet, how long, and whom to ask (B13)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.plans.projects.models import Audit, CreditsState, Project, ProjectStatus, Result, ResultState
from shared.actors import Actor
from shared.database import utc_now
from shared.paging import Page, page
from shared.ui.filters import local_date

ROWS = 20


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """One training of hers, and what it waits for."""

    project: Project
    waits: str
    days: int
    """Since the result was registered."""


def on_the_way(session: Session, actor: Actor, *, cursor: str | None = None) -> Page[OnTheWay]:
    """The actor's own results that have not become credits, newest first; nobody else's are ever read."""
    mine = (
        select(Result)
        .join(Project, Project.id == Result.project_id)
        .where(
            Result.person_id == actor.person_id,
            or_(Result.credits_state != CreditsState.RECORDED.value, Result.state != ResultState.AUDITED.value),
            Project.status == ProjectStatus.PUBLISHED.value,
        )
    )
    found = page(session, mine, [Result.id], cursor=cursor, limit=ROWS, descending=True)
    query = select(Result, Project, Audit).join(Project, Project.id == Result.project_id)
    query = query.outerjoin(Audit, Audit.id == Result.audit_id)
    rows = session.execute(query.where(Result.id.in_([result.id for result in found.items])).order_by(Result.id.desc()))
    now = utc_now()
    items = [
        OnTheWay(project, _waits(result, audit), (now - result.entered_at).days) for result, project, audit in rows
    ]
    return Page(items, found.next)


def _waits(result: Result, audit: Audit | None) -> str:
    if result.state == ResultState.ENTERED:
        return "成绩已登记，待审核"
    if result.state == ResultState.AUDIT_REVOKED:
        return "审核已撤回，待重新审核"
    if audit is not None and audit.public_until is not None and audit.sent_at is None:
        return f"公示中，至 {local_date(audit.public_until)}，期满无异议即确认"
    return "已审核，正在折算"
