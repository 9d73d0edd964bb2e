"""Converting anew what a change of the rules reaches back to (N5): counter-lines and new lines, or only their figures.

The job that writes and the preview that only looks go through `anew`: what is previewed is what will be written.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from services.credits import in_force, ledger, operations, rules
from services.credits.claims import operations as claims
from services.credits.editions import Cycle, Editions
from services.credits.in_force import PublishedEdition
from services.credits.models import Audit, LedgerLine, LineKind, ProjectCorrection, RecognisedClaim
from services.credits.rulebook.operations import ADJUST_JOB
from shared.database import utc_now
from shared.events.base import schema_of
from shared.events.plans import AuditedResult, ProjectFacts
from shared.jobs import Job, run_later

CHUNK = 500
"""Lines in one transaction."""
MOST_SECONDS = 900.0
"""So long one job works; another goes on after it."""
COMPARED = ("amount", "units", "flag", "rule", "overlay")
"""A line that comes to the same in all of these stays as it is."""


@dataclass(frozen=True, slots=True)
class Anew:
    """A standing line, and what it comes to by the other edition."""

    line: LedgerLine
    audit: Audit | None
    """None: of a claim (T19)."""
    row: dict[str, Any]

    @property
    def changed(self) -> bool:
        """Whether it comes to anything else."""
        return any(getattr(self.line, name) != self.row[name] for name in COMPARED)


def standing(cycle: int, *where: ColumnElement[bool]) -> Select[Any]:
    """Lines of a cycle that stand, with audit, corrected facts, and claim."""
    counter = aliased(LedgerLine)
    corrected = (ProjectCorrection.project_id == Audit.project_id) & (
        ProjectCorrection.correction == LedgerLine.correction
    )
    return (
        select(LedgerLine, Audit, ProjectCorrection.facts, RecognisedClaim)
        .outerjoin(Audit, Audit.audit_id == LedgerLine.audit_id)
        .outerjoin(ProjectCorrection, corrected)
        .outerjoin(RecognisedClaim, RecognisedClaim.claim_id == LedgerLine.result_id)
        .where(
            or_(Audit.audit_id.is_not(None), RecognisedClaim.claim_id.is_not(None)),
            LedgerLine.cycle == cycle,
            LedgerLine.kind == LineKind.EARNED,
            ~select(counter.id).where(counter.reverses == LedgerLine.id).exists(),
            *where,
        )
    )


def anew(editions: Editions, found: Sequence[Any]) -> list[Anew]:
    """Rows of `standing` converted by the editions, in their order.

    A line of which it is not known whether the assessment was passed stays: its sentence asks to audit anew.
    """
    made: list[Anew] = []
    for line, audit, facts, claim in found:
        if claim is not None:
            made.append(Anew(line, None, claims.converted(editions, claims.event_of(claim))))
            continue
        if line.passed_as_told is None:
            continue
        project = schema_of(ProjectFacts).load(facts) if facts else operations.as_audited(audit, line)
        result = AuditedResult(
            result_id=str(line.result_id),
            person_id=line.person_id,
            hours=line.hours or rules.ZERO,
            passed=bool(line.passed_as_told),
            attempt=line.attempt or 1,
        )
        (row,) = ledger.converted_by(editions, project, [result], {})
        made.append(Anew(line, audit, row))
    return made


def adjust(job: Job) -> None:
    """Writes the adjustments of a published edition, chunk by chunk; killed and started again, it goes on."""
    number, began = int(job.arguments["number"]), time.monotonic()
    with job.database.reading() as session:
        total = _left(session, session.get_one(PublishedEdition, number))
    done = 0
    while time.monotonic() - began < MOST_SECONDS:
        with job.database.transaction() as session:
            looked_at = adjust_chunk(session, number)
        if not looked_at:
            break
        done += looked_at
        job.progress(done, max(done, total))
    with job.effect() as session:
        published = session.get_one(PublishedEdition, number, with_for_update=True)
        if published.adjusted_at is None:
            published.job_id = run_later(session, ADJUST_JOB, {"number": number})
        job.result = {
            "text": f"已调整 {published.adjusted_lines} 条记录。"
            + ("" if published.adjusted_at else "其余继续在后台调整。"),
            "href": f"/credits/rulebook/editions/{published.id}",
            "label": "查看规则版本",
        }


def adjust_chunk(session: Session, number: int) -> int:
    """Counters and gives anew the next lines of a published edition's cycle; returns how many it has looked at.

    None are left when it returns 0. Each line is adjusted once: its counter-line is unique, and so is the line of a
    result under an edition.
    """
    published = session.get_one(PublishedEdition, number, with_for_update=True)
    editions = in_force.editions(session)
    cycle = _cycle(editions, published)
    ahead = _ahead(cycle, published)
    found = session.execute(ahead.order_by(LedgerLine.id).limit(CHUNK)).all()
    if not found or cycle.closed(in_force.today()):  # what is closed stays as it is, however late the job (B6)
        published.adjusted_at = published.adjusted_at or utc_now()
        return 0
    ledger.lock_projects(session, *[claim.claim_id if claim else audit.project_id for _, audit, _, claim in found])
    # Again, now that nobody else writes: one of them may have been countered since.
    ids = [line.id for line, *_ in found]
    found = session.execute(ahead.where(LedgerLine.id.in_(ids)).order_by(LedgerLine.id)).all()
    received_at = utc_now()
    changed = [one for one in anew(editions, found) if one.changed]
    fresh = [_fresh(one, published, editions, received_at) for one in changed]
    ledger.enter(session, [_counter(one, published, editions, received_at) for one in changed], fresh)
    _tell(session, changed, fresh, received_at)
    published.adjusted_to, published.adjusted_lines = ids[-1], published.adjusted_lines + len(changed)
    return len(ids)


def _left(session: Session, published: PublishedEdition) -> int:
    cycle = _cycle(in_force.editions(session), published)
    return int(session.scalar(_ahead(cycle, published).with_only_columns(func.count())) or 0)


def _ahead(cycle: Cycle, published: PublishedEdition) -> Select[Any]:
    """The lines that are still to be looked at: what is converted by the edition itself needs no adjustment."""
    return standing(cycle.number, LedgerLine.edition != published.id, LedgerLine.id > published.adjusted_to)


def _cycle(editions: Editions, published: PublishedEdition) -> Cycle:
    found = editions.cycle_at(published.effective_from)
    if found is None:  # `operations.publish` has looked
        raise LookupError(f"{published.id} takes effect in no cycle")
    return found[1]


def _counter(one: Anew, published: PublishedEdition, editions: Editions, received_at: datetime) -> dict[str, Any]:
    line = one.line
    return ledger.countered(line) | {
        "kind": LineKind.REVERSAL.value,
        "correction": line.correction,
        "adjustment": published.number,
        "sentence": f"{_words(one, published, editions)}，冲回{operations.named(line)}，另行重新折算",
        "audited_by": published.published_by,
        "received_at": received_at,
        "recorded_at": utc_now(),
    }


def _fresh(one: Anew, published: PublishedEdition, editions: Editions, received_at: datetime) -> dict[str, Any]:
    line = one.line
    sentence = f"{_words(one, published, editions)}，冲回{operations.named(line)}，重新折算：{one.row['sentence']}"
    return one.row | {
        "correction": line.correction,
        "adjustment": published.number,
        "audit_id": line.audit_id,
        "entered_by": line.entered_by,
        "audited_by": line.audited_by,
        "received_at": received_at,
        "sentence": sentence,
    }


def _words(one: Anew, published: PublishedEdition, editions: Editions) -> str:
    """规则调整：2018 试行 → 2018 试行（2026 年调整）."""
    before = editions.named(one.line.edition).title if one.line.edition else "无规则"
    return f"规则调整：{before} → {published.title}（{published.document}）"


def _tell(session: Session, changed: Sequence[Anew], fresh: Sequence[dict[str, Any]], received_at: datetime) -> None:
    """The rosters are told what now stands, audit by audit."""
    by_audit: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one, row in zip(changed, fresh, strict=True):
        if one.audit is not None:
            by_audit[one.audit.audit_id].append(row)
    told = ("result_id", "person_id", "amount", "sentence")
    for audit_id, rows in by_audit.items():
        results = [ledger.recorded(*[row[name] for name in told]) for row in rows]
        ledger.tell(session, audit_id, 1, results, received_at)
