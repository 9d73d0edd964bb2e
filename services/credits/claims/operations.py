"""A recognised claim gives one line, by the rules of the edition in force; an ended one is countered (F6, F7)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from services.credits import in_force, keeping, ledger, operations, rules
from services.credits.editions import Edition, Editions, parse_school_year
from services.credits.keeping import LateEntry
from services.credits.models import LedgerLine, LineKind, RecognisedClaim
from shared.database import utc_now
from shared.errors import PolicyPending
from shared.events.base import schema_of
from shared.events.plans import PlanEnded
from shared.events.plans_claims import ClaimApproved


def record_claim(session: Session, event: ClaimApproved) -> None:
    """Keeps the claim and posts its line: 0 with its reason, or 待定, are lines too. It may come twice."""
    received_at = utc_now()
    ledger.lock_projects(session, event.plan_id)
    ledger.insert_new(session, RecognisedClaim, [_row(event, received_at)])
    line = converted(in_force.editions(session), event) | {
        "entered_by": event.filed_by,
        "audited_by": event.approved_by,
        "received_at": received_at,
    }
    ledger.enter(session, [line])
    operations.note_unknown(session, [event.person_id], received_at)


def end_plan(session: Session, event: PlanEnded) -> None:
    """Counters the line of a claim that was declared void; of a plan, what was earned under it stays.

    Raises `LookupError` for a plan or claim whose approval was never received: the message is then kept and shown.
    """
    claim = session.get(RecognisedClaim, event.plan_id)
    if claim is None:
        operations.end_plan(session, event)
        return
    received_at = utc_now()
    ledger.lock_projects(session, event.plan_id)
    if claim.ended_at is None:
        claim.ended_at, claim.ended_reason = event.ended_at, event.reason
        session.flush()
    keeping.overtake(
        session,
        f"认定申请 {claim.number} 已作废",
        LateEntry.result_id == claim.claim_id,
        LateEntry.kind == LineKind.EARNED,
    )
    counter = aliased(LedgerLine)
    standing = select(LedgerLine).where(
        LedgerLine.result_id == claim.claim_id,
        LedgerLine.kind == LineKind.EARNED,
        ~select(counter.id).where(counter.reverses == LedgerLine.id).exists(),
    )
    ledger.enter(session, [_countered(line, claim, received_at) for line in session.scalars(standing)])


def converted(editions: Editions, event: ClaimApproved) -> dict[str, Any]:
    """The line of a claim by the edition in force on its date. Raises `ValueError` for a school year that is none."""
    school_year = parse_school_year(event.school_year)
    edition = editions.on(event.obtained_on, school_year)
    overlay = editions.overlay(edition, event.unit_path) if edition else None
    cycle = edition.cycle_of(school_year) if edition else None
    facts = facts_of(event)
    if edition is not None and _has_figure(edition, facts):
        facts = facts_of(event, given=False)
    made = rules.conversion(facts, edition, overlay, cycle)
    return {
        "kind": LineKind.EARNED.value,
        "person_id": event.person_id,
        "cycle": cycle.number if cycle else None,
        "school_year": school_year,
        "bucket": event.bucket.value,
        "category": event.category,
        "level": event.level,
        "audit_id": None,
        "result_id": event.plan_id,
        "attempt": 1,
        "correction": 0,
        "adjustment": 0,
        "passed": True,
        "hours": event.hours,
        "amount": made.amount,
        "units": made.units,
        "rule": made.rule,
        "edition": edition.id if edition else None,
        "overlay": made.overlay,
        "flag": made.flag,
        "sentence": f"认定申请 {event.number}：{made.sentence}",
        "effective_on": event.obtained_on,
        "recorded_at": utc_now(),
    }


def facts_of(event: ClaimApproved, *, given: bool = True) -> rules.ResultFacts:
    """What conversion needs to know; `given`: with the credits that were recognised."""
    return rules.ResultFacts(
        category=event.category,
        bucket=event.bucket,
        level=event.level,
        hours=event.hours or rules.ZERO,
        mode="" if event.hours is None else "centralized",
        plan_status="approved" if event.based_on_id else None,
        plan_hours_per_credit=event.hours_per_credit,
        count=event.count,
        rank=event.rank or None,
        given=event.credits if given else None,
        obtained_on=event.obtained_on,
        appointed_on=event.appointed_on,
    )


def event_of(claim: RecognisedClaim) -> ClaimApproved:
    """The message by which it came."""
    found: ClaimApproved = schema_of(ClaimApproved).load(claim.facts)
    return found


def _has_figure(edition: Edition, facts: rules.ResultFacts) -> bool:
    """Whether the edition itself says how many credits: what was asked for is then of no account."""
    try:
        edition.award(facts.category, facts.level, facts.rank)
    except PolicyPending:
        return False
    return True


def _row(event: ClaimApproved, received_at: datetime) -> dict[str, Any]:
    return {
        "claim_id": event.plan_id,
        "number": event.number,
        "title": event.title,
        "unit_path": event.unit_path,
        "unit_name": event.unit_name,
        "evidence": event.evidence,
        "based_on_number": event.based_on_number,
        "approved_body": event.approved_body,
        "approved_at": event.approved_at,
        "facts": event.dump(),
        "received_at": received_at,
    }


def _countered(line: LedgerLine, claim: RecognisedClaim, received_at: datetime) -> dict[str, Any]:
    return ledger.countered(line) | {
        "kind": LineKind.REVERSAL.value,
        "correction": line.correction,
        # Not the line's own: under that number the adjustment's counter-line stands already.
        "adjustment": 0,
        "sentence": f"认定申请 {claim.number} 已作废（{claim.ended_reason}），冲正原记录，不再计入",
        "audited_by": line.audited_by,
        "received_at": received_at,
        "recorded_at": utc_now(),
    }
