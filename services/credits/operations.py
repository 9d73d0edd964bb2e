"""What happens in credits: an audit is recorded or countered, a project is corrected, plans and people are noted.

Each works on a whole message by a few statements, and may come twice: what is recorded stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.credits import keeping, ledger, rules, words
from services.credits.editions import school_year_title
from services.credits.keeping import LateEntry
from services.credits.models import (
    ApprovedPlan,
    Audit,
    LedgerLine,
    LineKind,
    ProjectCorrection,
    UnknownPerson,
)
from services.credits.standings import operations as standings
from shared import directory, outbox
from shared.database import utc_now
from shared.directory import PersonCopy
from shared.events.accounts import PeopleChanged
from shared.events.base import schema_of
from shared.events.plans import (
    ApprovedItem,
    AuditedResult,
    AuditRevoked,
    Bucket,
    PlanApproved,
    PlanEnded,
    ProjectCorrected,
    ProjectFacts,
    ResultsAudited,
)

CHUNK = 500
"""People in one message at most."""


def record_audit(session: Session, event: ResultsAudited) -> None:
    """Converts one chunk of an audit by the edition in force on the last day of the training, and enters it.

    A result has one line per audit, whatever happens: 0 with its reason, or 待定, are lines too. Credits of people
    whom the register does not know are entered as well, and shown as 待核对. An audit that a correction of its
    project has overtaken counts by the corrected facts (N6).

    Raises `ValueError` where the same result was recorded under another audit with this number of the attempt: the
    message is then kept and shown.
    """
    received_at = utc_now()
    ledger.lock_projects(session, event.project.project_id)
    _note_audit(session, event)
    project, correction = _in_force(session, event.project)
    common = {
        "audit_id": event.audit_id,
        "correction": correction,
        "entered_by": event.entered_by,
        "audited_by": event.audited_by,
        "received_at": received_at,
    }
    new = ledger.not_entered(session, event.results)
    ledger.enter(session, ledger.converted(session, project, new, common))
    note_unknown(session, [result.person_id for result in event.results], received_at)
    results = ledger.entered(session, event.audit_id, [result.result_id for result in event.results])
    ledger.tell(session, event.audit_id, event.chunk, results, received_at)


def counter_audit(session: Session, event: AuditRevoked) -> None:
    """Counters every line of an audit that was taken back; audited again, a result gets a new line.

    Raises `LookupError` for an audit of which nothing was received: the message is then kept and shown.
    """
    received_at = utc_now()
    audit = session.get(Audit, event.audit_id)
    if audit is None:
        raise LookupError(f"audit {event.audit_id} was revoked, but never received")
    ledger.lock_projects(session, audit.project_id)
    audit.revoked_at, audit.revoked_reason = event.revoked_at, event.reason
    session.flush()
    of_audit = (LateEntry.audit_id == event.audit_id, LateEntry.kind == LineKind.EARNED)
    keeping.overtake(session, f"审核已撤回（{event.reason}）", *of_audit)
    ledger.counter_all(session, event, received_at)
    countered = session.scalars(
        select(LedgerLine.result_id)
        .where(LedgerLine.audit_id == event.audit_id, LedgerLine.kind == LineKind.REVERSAL)
        .group_by(LedgerLine.result_id)
        .order_by(func.min(LedgerLine.id))
    ).all()
    kept = select(LateEntry.result_id).where(LateEntry.audit_id == event.audit_id).order_by(LateEntry.id)
    results = list(dict.fromkeys([*countered, *session.scalars(kept)]))
    for chunk, start in enumerate(range(0, len(results), CHUNK), start=1):
        ids = [result for result in results[start : start + CHUNK] if result is not None]
        zeros = ledger.entered(session, event.audit_id, ids, LineKind.REVERSAL)
        ledger.tell(session, event.audit_id, chunk, zeros, received_at, revoked=True)


def correct_project(session: Session, event: ProjectCorrected) -> None:
    """Counters every line that the project's audits gave, and gives it anew by the corrected facts (N6, R-27, FAQ-Q1).

    The audits stay; one that was taken back stays countered, and one that happened after the correction counts by its
    own facts. A correction that is not newer than the last one known changes nothing. An old line of which it is not
    known whether the assessment was passed is left as it is: its sentence asks to audit anew.
    """
    received_at = utc_now()
    ledger.lock_projects(session, event.project_id)
    facts = corrections(session, event.project_id)
    if event.correction <= max(facts, default=0):
        return
    session.add(
        ProjectCorrection(
            project_id=event.project_id,
            correction=event.correction,
            facts=schema_of(ProjectFacts).dump(event.project),
            reason=event.reason,
            corrected_by=event.corrected_by,
            corrected_at=event.corrected_at,
            received_at=received_at,
        )
    )
    session.flush()
    audits = select(Audit).where(
        Audit.project_id == event.project_id, Audit.revoked_at.is_(None), Audit.correction < event.correction
    )
    for audit in session.scalars(audits.order_by(Audit.audited_at, Audit.audit_id)).all():
        for chunk, lines in enumerate(_to_correct(session, audit.audit_id, event), start=1):
            changes = {
                number: rules.corrected(facts[number] if number else as_audited(audit, line), event.project)
                for number, line in {line.correction: line for line in lines}.items()
            }
            known = [line for line in lines if line.passed_as_told is not None]
            there = [line for line in known if line.id is not None]
            counters = [_countered(line, changes, event, received_at) for line in there]
            ledger.enter(session, counters, _anew(session, known, changes, event, received_at))
            results = ledger.entered(session, audit.audit_id, [str(line.result_id) for line in lines])
            ledger.tell(session, audit.audit_id, chunk, results, received_at)


def note_plan(session: Session, event: PlanApproved) -> None:
    """Keeps a copy of an approved plan with its items; a later version of the same plan replaces it."""
    row = asdict(event) | {
        "items": schema_of(ApprovedItem).dump(event.items, many=True),
        "covers": event.covers or [],
    }
    statement = outbox.insert(session, cast(Any, ApprovedPlan)).values(row)
    changed = {name: statement.excluded[name] for name in row if name != "plan_id"}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["plan_id"], set_=changed, where=statement.excluded.version > ApprovedPlan.version
        )
    )


def end_plan(session: Session, event: PlanEnded) -> None:
    """Marks the copy of a plan that is no longer in force; what was earned under it stays. It ends once.

    Raises `LookupError` for a plan whose approval was never received: the message is then kept and shown.
    """
    plan = session.get(ApprovedPlan, event.plan_id)
    if plan is None:
        raise LookupError(f"plan {event.plan_id} has ended, but its approval was never received")
    if plan.ended_at is None:
        plan.status, plan.superseded_by = event.status, event.superseded_by
        plan.ended_at, plan.ended_reason = event.ended_at, event.reason
        session.flush()


def note_people(session: Session, event: PeopleChanged) -> None:
    """Takes people over; lines that waited for one of them are no longer 待核对, and each has a standing."""
    directory.apply_people(session, event)
    ids = [person.person_id for person in event.people]
    standings.note_people(session, ids)
    session.execute(delete(UnknownPerson).where(UnknownPerson.person_id.in_(ids)))


def corrections(session: Session, project_id: str) -> dict[int, ProjectFacts]:
    """Number of the correction -> the project's facts from then on."""
    query = select(ProjectCorrection.correction, ProjectCorrection.facts)
    rows = session.execute(query.where(ProjectCorrection.project_id == project_id))
    return {number: schema_of(ProjectFacts).load(facts) for number, facts in rows}


def _in_force(session: Session, told: ProjectFacts) -> tuple[ProjectFacts, int]:
    """The facts by which an audit counts, and the correction that they are of: 0 for those that came with it."""
    facts = corrections(session, told.project_id)
    newest = max(facts, default=0)
    return (facts[newest], newest) if newest > (told.correction or 0) else (told, 0)


def as_audited(audit: Audit, line: LedgerLine) -> ProjectFacts:
    """The project as it was when the audit happened; `line` is one that it gave."""
    return ProjectFacts(
        project_id=audit.project_id,
        number=audit.project_number,
        title=audit.project_title,
        organizer_path=audit.organizer_path,
        organizer_name=audit.organizer_name,
        level=line.level,
        category=line.category,
        bucket=Bucket(line.bucket),
        mode=audit.mode,
        convert=audit.convert,
        hours_per_credit=audit.plan_hours_per_credit,
        school_year=school_year_title(line.school_year),
        held_from=audit.held_from,
        held_to=audit.held_to,
        plan_id=audit.plan_id,
        plan_number=audit.plan_number,
        plan_status=audit.plan_status,
        programme=audit.programme,
    )


def _to_correct(session: Session, audit_id: str, event: ProjectCorrected) -> Iterator[Sequence[LedgerLine]]:
    """The lines that stand by older facts; before them, without a number, those that wait for a closed cycle (B6)."""
    older = (LateEntry.audit_id == audit_id, LateEntry.correction < event.correction)
    late = keeping.overtake(session, f"项目已更正（{event.reason}）", *older, LateEntry.kind == LineKind.EARNED)
    # What was to take the place of a line is left out: that line stands, and is corrected below.
    waiting = [LedgerLine(**keeping.lines_of(entry)[0]) for entry in late if len(entry.lines) == 1]
    yield from (waiting[start : start + CHUNK] for start in range(0, len(waiting), CHUNK))
    last = 0
    while lines := ledger.standing_lines(
        session, audit_id, LedgerLine.correction < event.correction, after=last, limit=CHUNK
    ):
        last = lines[-1].id
        yield lines


def _countered(
    line: LedgerLine, changes: dict[int, str], event: ProjectCorrected, received_at: datetime
) -> dict[str, Any]:
    return ledger.countered(line) | {
        "kind": LineKind.REVERSAL.value,
        "correction": event.correction,
        "sentence": f"更正：{changes[line.correction]}（{event.reason}），冲回{named(line)}，另行重新折算",
        "audited_by": event.corrected_by,
        "received_at": received_at,
        "recorded_at": utc_now(),
    }


def _anew(
    session: Session, lines: list[LedgerLine], changes: dict[int, str], event: ProjectCorrected, received_at: datetime
) -> list[dict[str, Any]]:
    results = [
        AuditedResult(
            result_id=str(line.result_id),
            person_id=line.person_id,
            hours=line.hours or rules.ZERO,
            passed=bool(line.passed_as_told),
            attempt=line.attempt or 1,
        )
        for line in lines
    ]
    common = {"correction": event.correction, "received_at": received_at}
    rows = ledger.converted(session, event.project, results, common)
    return [
        row
        | {
            "audit_id": line.audit_id,
            "entered_by": line.entered_by,
            "audited_by": line.audited_by,
            "sentence": f"更正：{changes[line.correction]}，冲回{named(line)}，重新折算：{row['sentence']}",
        }
        for line, row in zip(lines, rows, strict=True)
    ]


def named(line: LedgerLine) -> str:
    """第 7 号记录的 6.0 学分."""
    which = "待核对的记录" if line.id is None else f"第 {line.id} 号记录"
    return which + ("（待定）" if line.amount is None else f"的 {words.credits(line.amount)} 学分")


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
        "correction": project.correction or 0,
        "programme": project.programme,
    }
    ledger.insert_new(session, Audit, [row])


def note_unknown(session: Session, person_ids: list[str], seen_at: datetime) -> None:
    """Notes those of these people whom the register does not know (待核对)."""
    known = set(session.scalars(select(PersonCopy.person_id).where(PersonCopy.person_id.in_(person_ids))))
    missing = sorted(set(person_ids) - known)
    rows = [{"person_id": person_id, "first_seen_at": seen_at} for person_id in missing]
    ledger.insert_new(session, UnknownPerson, rows)
