"""Writing the ledger: lines by conversion, counter-lines, and telling what stands. Called by the operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import ColumnElement, func, literal, or_, select, text
from sqlalchemy.orm import Session, aliased

from services.credits import in_force, keeping, rules
from services.credits.editions import Editions, parse_school_year
from services.credits.keeping import LateEntry
from services.credits.models import LedgerLine, LineKind
from services.credits.standings import operations as standings
from shared import outbox
from shared.database import utc_now
from shared.events.credits import CreditsRecorded, RecordedResult
from shared.events.plans import AuditedResult, AuditRevoked, ProjectFacts

COPIED = (
    "person_id", "cycle", "school_year", "bucket", "category", "level", "audit_id", "result_id", "attempt", "passed",
    "hours", "units", "rule", "edition", "overlay", "entered_by", "effective_on",
)  # fmt: skip
"""What a counter-line takes over from the line that it counters."""
CHUNK = 500
"""Lines of a closed cycle that are countered in one go."""


def lock_projects(session: Session, *project_ids: str) -> None:
    """Until the transaction ends, nobody else writes lines of these projects, and no change of the rules is published.

    An audit that did not see a correction, and a correction that did not see the audit's lines, would leave them as
    they were; so would an edition and an audit. On SQLite one transaction writes at a time anyway.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    session.execute(text("SELECT pg_advisory_xact_lock_shared(hashtext('credits rules'))"))
    for project_id in sorted(set(project_ids)):  # in one order, so that none of two waits for the other in a circle
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:project, 0))"), {"project": project_id})


def converted(
    session: Session, project: ProjectFacts, results: Iterable[AuditedResult], common: dict[str, Any]
) -> list[dict[str, Any]]:
    """One line per result by the edition in force for the last day of the training; `common` is the same in all.

    Raises `ValueError` for a school year that is none.
    """
    return converted_by(in_force.editions(session), project, results, common)


def converted_by(
    editions: Editions, project: ProjectFacts, results: Iterable[AuditedResult], common: dict[str, Any]
) -> list[dict[str, Any]]:
    """The same by editions that need not be in force (N5). Raises `ValueError` for a school year that is none."""
    school_year = parse_school_year(project.school_year)
    edition = editions.on(project.held_to, school_year)
    overlay = editions.overlay(edition, project.organizer_path) if edition else None
    cycle = edition.cycle_of(school_year) if edition else None
    of_project: dict[str, Any] = {
        "kind": LineKind.EARNED.value,
        "cycle": cycle.number if cycle else None,
        "school_year": school_year,
        "bucket": project.bucket.value,
        "category": project.category,
        "level": project.level,
        "edition": edition.id if edition else None,
        "effective_on": project.held_to,
        "recorded_at": utc_now(),
    }
    rows: list[dict[str, Any]] = []
    for result in results:
        made = rules.conversion(_facts(project, result), edition, overlay)
        of_result = {
            "person_id": result.person_id,
            "result_id": result.result_id,
            "attempt": result.attempt,
            "passed": result.passed,
            "hours": result.hours,
            "amount": made.amount,
            "units": made.units,
            "rule": made.rule,
            "overlay": made.overlay,
            "flag": made.flag,
            "sentence": made.sentence,
        }
        rows.append(of_project | common | of_result)
    return rows


def _facts(project: ProjectFacts, result: AuditedResult) -> rules.ResultFacts:
    return rules.ResultFacts(
        hours=result.hours,
        passed=result.passed,
        level=project.level,
        category=project.category,
        bucket=project.bucket,
        mode=project.mode,
        convert=project.convert,
        plan_status=project.plan_status,
        plan_hours_per_credit=project.hours_per_credit,
        programme=project.programme,
    )


def not_entered(session: Session, results: Sequence[AuditedResult]) -> list[AuditedResult]:
    """Those that have no line yet for this attempt, under whatever correction: a message may come twice."""
    there = select(LedgerLine.result_id, LedgerLine.attempt).where(
        LedgerLine.kind == LineKind.EARNED, LedgerLine.result_id.in_([result.result_id for result in results])
    )
    known = {(result_id, attempt) for result_id, attempt in session.execute(there)}
    return [result for result in results if (result.result_id, result.attempt) not in known]


def insert_new(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    """Inserts rows, leaving alone what is there: a message may come twice."""
    if rows:
        session.execute(outbox.insert(session, model.__table__).on_conflict_do_nothing(), rows)


def enter(session: Session, *batches: list[dict[str, Any]]) -> None:
    """Writes lines, in their order, but for those of a closed cycle: they are kept aside and wait (B6).

    Raises as `write`.
    """
    write(session, *keeping.keep(session, batches))


def write(session: Session, *batches: list[dict[str, Any]]) -> None:
    """Writes lines, in their order, and brings the standings of their people up to date. No line goes in otherwise.

    Whoever calls it but for `enter` has a document of the province (B6).

    A line that is there already is left alone, since a message may come twice. Raises `RuntimeError` where a
    counter-line is neither new nor there: another line's key would have kept it out, and credits would stand that
    should not.
    """
    for rows in batches:
        insert_new(session, LedgerLine, rows)
    countered = {row["reverses"] for rows in batches for row in rows if row.get("reverses") is not None}
    if countered:
        found = set(session.scalars(select(LedgerLine.reverses).where(LedgerLine.reverses.in_(countered))))
        if missing := sorted(countered - found):
            raise RuntimeError(f"no counter-line was written for the ledger lines {missing}")
    standings.refresh(session, [(row["cycle"], row["person_id"]) for rows in batches for row in rows])


def standing_lines(
    session: Session, audit_id: str, *where: ColumnElement[bool], after: int, limit: int
) -> Sequence[LedgerLine]:
    """The lines of an audit that are not countered, in order of their number, from behind number `after`."""
    counter = aliased(LedgerLine)
    return session.scalars(
        select(LedgerLine)
        .where(
            LedgerLine.audit_id == audit_id,
            LedgerLine.kind == LineKind.EARNED,
            LedgerLine.id > after,
            ~select(counter.id).where(counter.reverses == LedgerLine.id).exists(),
            *where,
        )
        .order_by(LedgerLine.id)
        .limit(limit)
    ).all()


def counter_all(session: Session, event: AuditRevoked, received_at: datetime) -> None:
    """One counter-line for each line of the audit that has none, in one statement; in closed cycles they wait (B6)."""
    line, counter = aliased(LedgerLine), aliased(LedgerLine)
    same = {
        "kind": LineKind.REVERSAL.value,
        "correction": 0,
        "adjustment": 0,
        "sentence": f"审核已撤回（{event.reason}），冲正原记录，不再计入",
        "audited_by": event.revoked_by,
        "received_at": received_at,
        "recorded_at": utc_now(),
    }
    typed = [literal(value, getattr(LedgerLine, name).type) for name, value in same.items()]
    closed = list(in_force.closed_cycles(session))
    query = select(*[getattr(line, name) for name in COPIED], *typed, -line.amount, line.id).where(
        line.audit_id == event.audit_id,
        line.kind == LineKind.EARNED,
        or_(line.cycle.is_(None), line.cycle.not_in(closed)),
        ~select(counter.id).where(counter.reverses == line.id).exists(),
    )
    session.execute(
        outbox.insert(session, cast(Any, LedgerLine.__table__))
        .from_select([*COPIED, *same, "amount", "reverses"], query.order_by(line.id))
        .on_conflict_do_nothing()
    )
    touched = select(LedgerLine.cycle, LedgerLine.person_id).where(LedgerLine.audit_id == event.audit_id).distinct()
    standings.refresh(session, [(cycle, person_id) for cycle, person_id in session.execute(touched)])
    late = LedgerLine.cycle.in_(closed)
    last = 0
    while lines := standing_lines(session, event.audit_id, late, after=last, limit=CHUNK):
        last = lines[-1].id
        enter(session, [countered(line) | same for line in lines])


def countered(line: LedgerLine) -> dict[str, Any]:
    """What every counter-line of a line has."""
    amount = None if line.amount is None else -line.amount
    return {name: getattr(line, name) for name in COPIED} | {"amount": amount, "reverses": line.id}


def entered(
    session: Session, audit_id: str, result_ids: Sequence[str], kind: LineKind = LineKind.EARNED
) -> list[RecordedResult]:
    """What the ledger now holds of these results of an audit: 0 after its taking back.

    Of a result of which something waits or was dismissed (B6): what stands, and why no more does. Raises `ValueError`
    where one of them has no line under this audit, and nothing is kept of it either.
    """
    # By the results alone, which have an index: those of other audits are few, and an audit may have thousands.
    lines = session.scalars(
        select(LedgerLine).where(LedgerLine.result_id.in_(result_ids), LedgerLine.kind == kind).order_by(LedgerLine.id)
    )
    # Of several after a correction, the last one stands.
    last = {str(line.result_id): line for line in lines if line.audit_id == audit_id}
    late = keeping.newest(session, audit_id, result_ids)
    foreign = set(result_ids) - last.keys() - late.keys()
    if foreign:
        raise ValueError(f"results recorded under another audit than {audit_id}: {', '.join(sorted(foreign))}")
    return [
        recorded(result_id, line.person_id, rules.ZERO if kind is LineKind.REVERSAL else line.amount, line.sentence)
        for result_id, line in last.items()
        if result_id not in late
    ] + _kept(session, late)


def _kept(session: Session, late: dict[str, LateEntry]) -> list[RecordedResult]:
    """What stands of results of which something is kept aside."""
    sums = select(LedgerLine.result_id, LedgerLine.audit_id, func.sum(LedgerLine.amount))
    rows = session.execute(
        sums.where(LedgerLine.result_id.in_(late)).group_by(LedgerLine.result_id, LedgerLine.audit_id)
    )
    stands = {(result_id, audit_id): amount for result_id, audit_id, amount in rows}
    return [
        recorded(result_id, entry.person_id, stands.get((result_id, entry.audit_id)), entry.told)
        for result_id, entry in late.items()
    ]


def recorded(result_id: str | None, person_id: str, amount: Decimal | None, sentence: str) -> RecordedResult:
    """One result as others are told of it: 待定 is 0 to them, and the sentence says so."""
    credits = rules.ZERO if amount is None else amount
    return RecordedResult(result_id=str(result_id), person_id=person_id, credits=credits, explanation=sentence)


def tell(
    session: Session,
    audit_id: str,
    chunk: int,
    results: list[RecordedResult],
    received_at: datetime,
    *,
    revoked: bool = False,
) -> None:
    """Publishes what the ledger now holds of these results of an audit."""
    outbox.publish(
        session,
        CreditsRecorded(
            audit_id=audit_id,
            chunk=chunk,
            revoked=revoked,
            received_at=received_at,
            recorded_at=utc_now(),
            results=results,
        ),
    )
