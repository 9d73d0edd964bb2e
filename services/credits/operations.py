"""What happens in credits: an audit is recorded, an audit is countered, a plan and people are noted.

Each works on a whole message by a few statements, and may come twice: what is recorded stays as it is.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from sqlalchemy import String, delete, literal, select
from sqlalchemy.orm import Session, aliased

from services.credits import rules
from services.credits.edition_files import shipped
from services.credits.editions import parse_school_year
from services.credits.models import ApprovedPlan, Audit, LedgerLine, LineKind, UnknownPerson
from shared import directory, outbox
from shared.database import UtcDateTime, utc_now
from shared.directory import PersonCopy
from shared.events.accounts import PeopleChanged
from shared.events.base import schema_of
from shared.events.credits import CreditsRecorded, RecordedResult
from shared.events.plans import ApprovedItem, AuditRevoked, PlanApproved, ProjectFacts, ResultsAudited

CHUNK = 500
"""People in one message at most."""


def record_audit(session: Session, event: ResultsAudited) -> None:
    """Converts one chunk of an audit by the edition in force on the last day of the training, and enters it.

    A result has one line per audit, whatever happens: 0 with its reason, or 待定, are lines too. Credits of people
    whom the register does not know are entered as well, and shown as 待核对.

    Raises `ValueError` where the same result was recorded under another audit with this number of the attempt: the
    message is then kept and shown.
    """
    received_at = utc_now()
    _note_audit(session, event)
    _insert_new(session, LedgerLine, _lines(event, received_at))
    _note_unknown(session, [result.person_id for result in event.results], received_at)
    _tell(session, event.audit_id, event.chunk, [result.result_id for result in event.results], received_at)


def counter_audit(session: Session, event: AuditRevoked) -> None:
    """Counters every line of an audit that was taken back; audited again, a result gets a new line.

    Raises `LookupError` for an audit of which nothing was received: the message is then kept and shown.
    """
    received_at = utc_now()
    audit = session.get(Audit, event.audit_id)
    if audit is None:
        raise LookupError(f"audit {event.audit_id} was revoked, but never received")
    audit.revoked_at, audit.revoked_reason = event.revoked_at, event.reason
    session.flush()
    _insert_counter_lines(session, event, received_at)
    results = session.scalars(
        select(LedgerLine.result_id)
        .where(LedgerLine.audit_id == event.audit_id, LedgerLine.kind == LineKind.REVERSAL)
        .order_by(LedgerLine.id)
    ).all()
    for chunk, start in enumerate(range(0, len(results), CHUNK), start=1):
        ids = [result for result in results[start : start + CHUNK] if result is not None]
        _tell(session, event.audit_id, chunk, ids, received_at, revoked=True)


def note_plan(session: Session, event: PlanApproved) -> None:
    """Keeps a copy of an approved plan with its items; a later version of the same plan replaces it."""
    row = asdict(event) | {"items": schema_of(ApprovedItem).dump(event.items, many=True)}
    statement = outbox.insert(session, cast(Any, ApprovedPlan)).values(row)
    changed = {name: statement.excluded[name] for name in row if name != "plan_id"}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["plan_id"], set_=changed, where=statement.excluded.version > ApprovedPlan.version
        )
    )


def note_people(session: Session, event: PeopleChanged) -> None:
    """Takes people over; lines that waited for one of them are no longer 待核对."""
    directory.apply_people(session, event)
    ids = [person.person_id for person in event.people]
    session.execute(delete(UnknownPerson).where(UnknownPerson.person_id.in_(ids)))


def _lines(event: ResultsAudited, received_at: datetime) -> list[dict[str, Any]]:
    project = event.project
    editions = shipped()
    edition = editions.on(project.held_to)
    overlay = editions.overlay(edition, project.organizer_path) if edition else None
    school_year = parse_school_year(project.school_year)
    cycle = edition.cycle_of(school_year) if edition else None
    common: dict[str, Any] = {
        "kind": LineKind.EARNED.value,
        "cycle": cycle.number if cycle else None,
        "school_year": school_year,
        "bucket": project.bucket.value,
        "category": project.category,
        "level": project.level,
        "audit_id": event.audit_id,
        "edition": edition.id if edition else None,
        "entered_by": event.entered_by,
        "audited_by": event.audited_by,
        "effective_on": project.held_to,
        "received_at": received_at,
        "recorded_at": utc_now(),
    }
    rows: list[dict[str, Any]] = []
    for result in event.results:
        made = rules.conversion(_facts(project, result.hours, result.passed), edition, overlay)
        rows.append(
            common
            | {
                "person_id": result.person_id,
                "result_id": result.result_id,
                "attempt": result.attempt,
                "hours": result.hours,
                "amount": made.amount,
                "rule": made.rule,
                "overlay": made.overlay,
                "flag": made.flag,
                "sentence": made.sentence,
            }
        )
    return rows


def _facts(project: ProjectFacts, hours: Any, passed: bool) -> rules.ResultFacts:
    return rules.ResultFacts(
        hours=hours,
        passed=passed,
        level=project.level,
        category=project.category,
        bucket=project.bucket,
        mode=project.mode,
        convert=project.convert,
        plan_status=project.plan_status,
        plan_hours_per_credit=project.hours_per_credit,
    )


def _note_audit(session: Session, event: ResultsAudited) -> None:
    project = event.project
    row = {
        "audit_id": event.audit_id,
        "project_id": project.project_id,
        "project_number": project.number,
        "project_title": project.title,
        "organizer_path": project.organizer_path,
        "organizer_name": project.organizer_name,
        "mode": project.mode,
        "convert": project.convert,
        "held_from": project.held_from,
        "held_to": project.held_to,
        "plan_id": project.plan_id,
        "plan_number": project.plan_number,
        "plan_status": project.plan_status,
        "plan_hours_per_credit": project.hours_per_credit,
        "audited_at": event.audited_at,
        "chunks": event.chunks,
    }
    _insert_new(session, Audit, [row])


def _note_unknown(session: Session, person_ids: list[str], seen_at: datetime) -> None:
    known = set(session.scalars(select(PersonCopy.person_id).where(PersonCopy.person_id.in_(person_ids))))
    missing = sorted(set(person_ids) - known)
    if missing:
        rows = [{"person_id": person_id, "first_seen_at": seen_at} for person_id in missing]
        _insert_new(session, UnknownPerson, rows)


def _insert_new(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    """Inserts rows, leaving alone what is there: a message may come twice."""
    session.execute(outbox.insert(session, model.__table__).on_conflict_do_nothing(), rows)


def _insert_counter_lines(session: Session, event: AuditRevoked, received_at: datetime) -> None:
    """One counter-line for each line of the audit that has none, in one statement."""
    line, counter = aliased(LedgerLine), aliased(LedgerLine)
    copied = (
        "person_id", "cycle", "school_year", "bucket", "category", "level", "audit_id", "result_id", "attempt",
        "hours", "rule", "edition", "overlay", "entered_by", "effective_on",
    )  # fmt: skip
    fresh = {
        "kind": literal(LineKind.REVERSAL.value, String()),
        "amount": -line.amount,
        "sentence": literal(f"审核已撤回（{event.reason}），冲正原记录，不再计入", String()),
        "audited_by": literal(event.revoked_by, String()),
        "reverses": line.id,
        "received_at": literal(received_at, UtcDateTime()),
        "recorded_at": literal(utc_now(), UtcDateTime()),
    }
    query = select(*[getattr(line, name) for name in copied], *fresh.values()).where(
        line.audit_id == event.audit_id,
        line.kind == LineKind.EARNED,
        ~select(counter.id).where(counter.reverses == line.id).exists(),
    )
    session.execute(
        outbox.insert(session, cast(Any, LedgerLine.__table__))
        .from_select([*copied, *fresh], query.order_by(line.id))
        .on_conflict_do_nothing()
    )


def _tell(
    session: Session,
    audit_id: str,
    chunk: int,
    result_ids: list[str],
    received_at: datetime,
    *,
    revoked: bool = False,
) -> None:
    """Publishes what the ledger now holds of these results of an audit."""
    kind = LineKind.REVERSAL if revoked else LineKind.EARNED
    lines = session.scalars(
        select(LedgerLine)
        .where(LedgerLine.audit_id == audit_id, LedgerLine.kind == kind, LedgerLine.result_id.in_(result_ids))
        .order_by(LedgerLine.id)
    ).all()
    foreign = set(result_ids) - {line.result_id for line in lines}
    if foreign:
        raise ValueError(f"results recorded under another audit than {audit_id}: {', '.join(sorted(foreign))}")
    outbox.publish(
        session,
        CreditsRecorded(
            audit_id=audit_id,
            chunk=chunk,
            revoked=revoked,
            received_at=received_at,
            recorded_at=utc_now(),
            results=[
                RecordedResult(
                    result_id=str(line.result_id),
                    person_id=line.person_id,
                    credits=rules.ZERO if revoked or line.amount is None else line.amount,
                    explanation=line.sentence,
                )
                for line in lines
            ],
        ),
    )
