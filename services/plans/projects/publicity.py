"""公示 of audited results (N46): for some working days they are not final, then credits is told by itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.calendar.queries import calendar
from services.plans.calendar.rules import NoCalendar
from services.plans.projects import history
from services.plans.projects.models import Audit, Project
from services.plans.projects.telling import tell_audit
from services.plans.terms import DAY
from shared.actors import SYSTEM
from shared.database import utc_now
from shared.errors import Conflict


def public_until(session: Session, project: Project, now: datetime) -> datetime | None:
    """When the 公示 of results audited now will be over, by the working calendar; None: the project has none.

    Raises `Conflict` for a year without a calendar: the end is said, not guessed.
    """
    if not project.publicity_days:
        return None
    try:
        return calendar(session).add(now, project.publicity_days * DAY)
    except NoCalendar as error:
        sentence = f"本项目成绩须公示 {project.publicity_days} 个工作日，目前无法算出期满时间：{error.sentence}"
        raise Conflict(sentence) from error


def confirm_due(session: Session) -> int:
    """Confirms every audit whose 公示 is over and tells credits; returns how many. Safe to run at any time.

    Each audit's project is locked first, as who takes it back does: whoever comes second finds nothing to do.
    """
    now = utc_now()
    due = (Audit.public_until <= now, Audit.confirmed_at.is_(None), Audit.revoked_at.is_(None))
    # In one order, so that two runs never wait for each other.
    found = session.execute(select(Audit.id, Audit.project_id).where(*due).order_by(Audit.project_id, Audit.number))
    done = 0
    for audit_id, project_id in found.all():
        project = session.scalar(
            select(Project).where(Project.id == project_id).with_for_update().execution_options(populate_existing=True)
        )
        audit = session.scalar(
            select(Audit).where(Audit.id == audit_id, *due).execution_options(populate_existing=True)
        )
        if project is None or audit is None:
            continue
        tell_audit(session, project, audit, now)
        history.record(
            session,
            project,
            SYSTEM,
            "confirm",
            outcome=f"第 {audit.number} 次审核的 {audit.count} 人公示期满，成绩已确认，送学分服务折算。",
            details={"audit_id": audit.id},
        )
        done += 1
    return done
