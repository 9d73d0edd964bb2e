"""What credits is told of results: an audit, and that it was taken back. Every message is noted on the audit (N8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.plans.projects import queries
from services.plans.projects.models import Audit, CreditsState, Project, Result, ResultState
from shared import outbox
from shared.events.base import Event
from shared.events.plans import AuditedResult, AuditRevoked, ProjectFacts, ResultsAudited

CHUNK = 500
"""People in one message at most."""
UNKNOWN = {"credits": None, "explanation": None, "received_at": None, "recorded_at": None}
"""Columns of a result for which credits has not answered."""


def tell_audit(session: Session, project: Project, audit: Audit, now: datetime) -> None:
    """Tells credits of the results of an audit: they are final."""
    columns = (Result.id, Result.person_id, Result.hours, Result.passed, Result.attempt, Result.entered_by)
    rows: Sequence[Any] = session.execute(
        select(*columns)
        .where(Result.audit_id == audit.id, Result.state == ResultState.AUDITED.value)
        .order_by(Result.entered_by, Result.position, Result.id)
    ).all()
    chunks = list(_chunks(rows))
    audit.chunks, audit.confirmed_at = len(chunks), now
    facts = facts_of(project)
    tell(
        session,
        [audit],
        now,
        *(
            ResultsAudited(
                audit_id=audit.id,
                project=facts,
                chunk=chunk,
                chunks=len(chunks),
                entered_by=some[0].entered_by,
                audited_by=audit.audited_by,
                audited_at=audit.audited_at,
                results=[
                    AuditedResult(
                        result_id=row.id,
                        person_id=row.person_id,
                        hours=row.hours,
                        passed=row.passed,
                        attempt=row.attempt,
                    )
                    for row in some
                ],
            )
            for chunk, some in enumerate(chunks, start=1)
        ),
    )
    session.execute(
        update(Result)
        .where(Result.audit_id == audit.id, Result.state == ResultState.AUDITED.value)
        .values(**UNKNOWN, credits_state=CreditsState.SENT.value)
        .execution_options(synchronize_session=False)
    )


def tell_revocation(session: Session, audit: Audit, actor_account: str, now: datetime) -> None:
    """Tells credits that an audit was taken back, if it was ever told of the audit: during 公示 it was not (N46)."""
    told = audit.confirmed_at is not None
    session.execute(
        update(Result)
        .where(Result.audit_id == audit.id, Result.state == ResultState.AUDITED.value)
        .values(
            state=ResultState.AUDIT_REVOKED.value,
            credits_state=(CreditsState.SENT if told else CreditsState.NONE).value,
        )
        .execution_options(synchronize_session=False)
    )
    if told:
        tell(
            session,
            [audit],
            now,
            AuditRevoked(
                audit_id=audit.id,
                project_id=audit.project_id,
                revoked_by=actor_account,
                revoked_at=now,
                reason=audit.reason or "",
            ),
        )


def tell(session: Session, audits: Iterable[Audit], now: datetime, *events: Event) -> None:
    """Publishes, and notes on the audits what was published of them and when."""
    ids = [outbox.publish(session, event) for event in events]
    for audit in audits:
        # A new list, for a change inside a JSON column is not seen.
        audit.event_ids, audit.sent_at = [*audit.event_ids, *ids], now
    session.flush()


def facts_of(project: Project) -> ProjectFacts:
    """What conversion needs to know of the project, as it is now."""
    facts: dict[str, Any] = {
        name: getattr(project, name)
        for name in (
            "number", "title", "organizer_path", "organizer_name", "level", "category", "mode", "convert",
            "hours_per_credit", "school_year", "held_from", "held_to", "plan_id", "plan_number", "correction",
        )
    }  # fmt: skip
    return ProjectFacts(
        project_id=project.id,
        bucket=queries.category_of(project).bucket,
        # A project under a plan was published only because the plan was approved, and what is earned under it stays.
        plan_status="approved" if project.plan_id else None,
        **facts,
    )


def _chunks(results: Iterable[Any]) -> Iterator[list[Any]]:
    """At most `CHUNK` people, all entered by the same account."""
    for _, group in groupby(results, key=lambda result: result.entered_by):
        rows = list(group)
        for start in range(0, len(rows), CHUNK):
            yield rows[start : start + CHUNK]
