"""Comparing with credits (N8, B1): each day's audits are summed up for it, and what it asks for is sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.projects import delivery
from services.plans.projects.models import Audit, CreditsState, Project, Result
from services.plans.terms import china_date
from shared import outbox
from shared.actors import Actor, Level, Office, Post, Unit, level_of_path
from shared.events.credits import RedeliveryWanted
from shared.events.plans import AuditsSummary, AuditSummary
from shared.ui.filters import CHINA

CHUNK = 500
"""Audits in one message at most."""
LOOK_BACK = timedelta(days=3)
"""A day is summed up again when something of it was sent since, or is still unanswered."""


LEVELS = (Level.PROVINCE, Level.DISTRICT, Level.COUNTY, Level.SCHOOL)


@dataclass(slots=True)
class _Sum:
    """What the results of an audit come to."""

    answered: int = 0
    credits: Decimal = Decimal("0.0")
    digest: Any = field(default_factory=hashlib.sha256)


def tell_days(session: Session, now: datetime) -> int:
    """Sums up every day of which credits may not know all yet; returns how many. Safe to run at any time."""
    unanswered = select(Result.audit_id).where(Result.credits_state == CreditsState.SENT.value)
    touched = (Audit.sent_at > now - LOOK_BACK) | Audit.id.in_(unanswered)
    days = {china_date(at) for at in session.scalars(select(Audit.audited_at).where(touched))}
    for day in sorted(days):
        tell_day(session, day, now)
    return len(days)


def tell_day(session: Session, day: date, now: datetime) -> None:
    """Tells credits of every audit of that day which it was told of, in chunks by their ids."""
    start = datetime.combine(day, time(), CHINA)
    query = (
        select(Audit, Project)
        .join(Project, Project.id == Audit.project_id)
        .where(Audit.audited_at >= start, Audit.audited_at < start + timedelta(days=1), Audit.sent_at.is_not(None))
        .order_by(Audit.id)
        .limit(CHUNK)
    )
    after = ""
    while True:
        rows = session.execute(query.where(Audit.id > after)).all()
        last = len(rows) < CHUNK
        upto = None if last else rows[-1][0].id
        summaries = _summaries(session, [(audit, project) for audit, project in rows])
        outbox.publish(session, AuditsSummary(day=day, told_at=now, after=after, upto=upto, audits=summaries))
        if last:
            return
        after = rows[-1][0].id


def send_again(session: Session, event: RedeliveryWanted) -> None:
    """Sends every message about an audit again because credits asks for it, unless that was done a moment ago.

    Raises `LookupError` for an audit that is not known: the message is then kept and shown.
    """
    audit = session.get(Audit, event.audit_id)
    if audit is None:
        raise LookupError(f"audit {event.audit_id} is not known here")
    project = session.get_one(Project, audit.project_id, with_for_update=True)
    if audit.sent_at is None or delivery.sent_lately(session, project, audit) is not None:
        return
    level = LEVELS[level_of_path(event.unit_path) - 1]
    post = Post(Office.CREDIT_ADMIN, Unit(event.unit_path, event.body, level), event.body)
    asker = Actor(event.asked_by, None, event.asked_by_name, (post,))
    delivery.send(session, project, audit, asker, post)


def _summaries(session: Session, rows: Sequence[tuple[Audit, Project]]) -> list[AuditSummary]:
    sums = _sums(session, [audit.id for audit, _ in rows if audit.revoked_at is None])
    found = []
    for audit, project in rows:
        of_audit = sums.get(audit.id)
        found.append(
            AuditSummary(
                audit_id=audit.id,
                project_id=project.id,
                number=project.number,
                title=project.title,
                organizer_path=project.organizer_path,
                organizer_name=project.organizer_name,
                audited_at=audit.audited_at,
                sent_at=audit.sent_at or audit.audited_at,
                revoked=audit.revoked_at is not None,
                results=audit.count,
                digest=of_audit.digest.hexdigest() if of_audit else "",
                answered=of_audit.answered if of_audit else 0,
                credits=of_audit.credits if of_audit else Decimal("0.0"),
            )
        )
    return found


def _sums(session: Session, audit_ids: Iterable[str]) -> dict[str, _Sum]:
    columns = (Result.audit_id, Result.id, Result.attempt, Result.credits_state, Result.credits)
    query = select(*columns).where(Result.audit_id.in_(list(audit_ids))).order_by(Result.audit_id, Result.id)
    sums: dict[str, _Sum] = {}
    for audit_id, result_id, attempt, state, credits in session.execute(query.execution_options(yield_per=2000)):
        found = sums.setdefault(str(audit_id), _Sum())
        found.digest.update(f"{result_id}:{attempt}\n".encode())
        if state == CreditsState.RECORDED.value:
            found.answered += 1
            found.credits += credits or Decimal(0)
    return sums
