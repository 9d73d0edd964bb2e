"""What credits is told of results: an audit, its 公示, its taking back. Every message is noted on the audit (N8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.plans.projects import queries
from services.plans.projects.models import Audit, CreditsState, Project, Result, ResultState
from shared import outbox
from shared.events.base import Event
from shared.events.plans import (
    AuditedResult,
    AuditRevoked,
    ProjectFacts,
    PublicityEnded,
    ResultsAudited,
    ResultsInPublicity,
)

CHUNK = 500
"""People in one message at most."""
UNKNOWN = {"credits": None, "explanation": None, "received_at": None, "recorded_at": None}
"""Columns of a result for which credits has not answered."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Results that go into one message."""

    entered_by: str
    results: list[AuditedResult]


def tell_audit(session: Session, project: Project, audit: Audit, now: datetime) -> None:
    """Tells credits of the results of an audit: they are final."""
    chunks = _results(session, audit)
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
                chunk=number,
                chunks=len(chunks),
                entered_by=chunk.entered_by,
                audited_by=audit.audited_by,
                audited_at=audit.audited_at,
                results=chunk.results,
            )
            for number, chunk in enumerate(chunks, start=1)
        ),
    )
    session.execute(
        update(Result)
        .where(Result.audit_id == audit.id, Result.state == ResultState.AUDITED.value)
        .values(**UNKNOWN, credits_state=CreditsState.SENT.value)
        .execution_options(synchronize_session=False)
    )


def tell_publicity(session: Session, project: Project, audit: Audit, until: datetime) -> None:
    """Tells credits that the results of an audit are 公示中 until then: to be shown, and not to count (N46)."""
    chunks = _results(session, audit)
    facts = facts_of(project)
    _note(
        session,
        [audit],
        *(
            ResultsInPublicity(
                audit_id=audit.id,
                project=facts,
                chunk=number,
                chunks=len(chunks),
                entered_by=chunk.entered_by,
                audited_by=audit.audited_by,
                audited_at=audit.audited_at,
                public_until=until,
                results=chunk.results,
            )
            for number, chunk in enumerate(chunks, start=1)
        ),
    )


def tell_revocation(session: Session, audit: Audit, actor_account: str, now: datetime) -> None:
    """Tells credits that an audit was taken back: what it gave is countered, or its 公示 ends without any (N46)."""
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
    elif audit.public_until is not None:
        ended = PublicityEnded(
            audit_id=audit.id,
            project_id=audit.project_id,
            ended_by=actor_account,
            ended_by_name=audit.revoked_by_name or "",
            ended_at=now,
            reason=audit.reason or "",
        )
        _note(session, [audit], ended)


def tell(session: Session, audits: Iterable[Audit], now: datetime, *events: Event) -> None:
    """Publishes, and notes on the audits what was published of them and when."""
    audits = list(audits)
    for audit in audits:
        audit.sent_at = now
    _note(session, audits, *events)


def _note(session: Session, audits: Iterable[Audit], *events: Event) -> None:
    """Publishes, and notes the messages on the audits. Those about a 公示 leave the ledger alone: no `sent_at`."""
    ids = outbox.publish_all(session, events)
    for audit in audits:
        # A new list, for a change inside a JSON column is not seen.
        audit.event_ids = [*audit.event_ids, *ids]
    session.flush()


def facts_of(project: Project) -> ProjectFacts:
    """What conversion needs to know of the project, as it is now."""
    facts: dict[str, Any] = {
        name: getattr(project, name)
        for name in (
            "number", "title", "organizer_path", "organizer_name", "level", "category", "mode", "convert",
            "hours_per_credit", "school_year", "held_from", "held_to", "plan_id", "plan_number", "correction",
            "programme",
        )
    }  # fmt: skip
    return ProjectFacts(
        project_id=project.id,
        bucket=queries.category_of(project).bucket,
        # A project under a plan was published only because the plan was approved, and what is earned under it stays.
        plan_status="approved" if project.plan_id else None,
        **facts,
    )


def _results(session: Session, audit: Audit) -> list[_Chunk]:
    """The results of an audit that stands: at most `CHUNK` people together, all entered by the same account."""
    columns = (Result.id, Result.person_id, Result.hours, Result.passed, Result.attempt, Result.entered_by)
    rows: Sequence[Any] = session.execute(
        select(*columns)
        .where(Result.audit_id == audit.id, Result.state == ResultState.AUDITED.value)
        .order_by(Result.entered_by, Result.position, Result.id)
    ).all()
    chunks = []
    for entered_by, group in groupby(rows, key=lambda row: row.entered_by):
        results = [
            AuditedResult(
                result_id=row.id, person_id=row.person_id, hours=row.hours, passed=row.passed, attempt=row.attempt
            )
            for row in group
        ]
        chunks += [_Chunk(entered_by, results[start : start + CHUNK]) for start in range(0, len(results), CHUNK)]
    return chunks
