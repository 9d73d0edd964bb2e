"""What plans tells of a 公示: that it has begun, and that it ended without results. Nothing here writes the ledger."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.credits import ledger
from services.credits.editions import parse_school_year
from services.credits.publicity.models import PublicAudit, PublicResult
from shared.database import utc_now
from shared.events.base import schema_of
from shared.events.plans import ProjectFacts, PublicityEnded, ResultsInPublicity


def note_publicity(session: Session, event: ResultsInPublicity) -> None:
    """Keeps one chunk of an audit whose results are 公示中. May come twice.

    Raises `ValueError` for a school year that is none: the message is then kept and shown.
    """
    parse_school_year(event.project.school_year)
    audit = {
        "audit_id": event.audit_id,
        "project_id": event.project.project_id,
        "facts": schema_of(ProjectFacts).dump(event.project),
        "audited_by": event.audited_by,
        "audited_at": event.audited_at,
        "public_until": event.public_until,
        "received_at": utc_now(),
    }
    ledger.insert_new(session, PublicAudit, [audit])
    rows = [
        {
            "result_id": result.result_id,
            "attempt": result.attempt,
            "audit_id": event.audit_id,
            "person_id": result.person_id,
            "hours": result.hours,
            "passed": result.passed,
            "entered_by": event.entered_by,
        }
        for result in event.results
    ]
    ledger.insert_new(session, PublicResult, rows)


def end_publicity(session: Session, event: PublicityEnded) -> None:
    """Takes the results of an audit out of view: it was taken back before they were final. It ends once.

    Raises `LookupError` for an audit of whose 公示 nothing was received: the message is then kept and shown.
    """
    audit = session.get(PublicAudit, event.audit_id)
    if audit is None:
        raise LookupError(f"the publicity of audit {event.audit_id} ended, but was never received")
    if audit.ended_at is None:
        audit.ended_at, audit.ended_by_name, audit.ended_reason = event.ended_at, event.ended_by_name, event.reason
