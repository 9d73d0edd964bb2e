"""What plans says of a day's audits is compared with the ledger, and compared again until both agree."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, cast

from sqlalchemy import func, select, union
from sqlalchemy.orm import Session, aliased

from services.credits.deliveries import comparing, queries
from services.credits.deliveries.comparing import Here, There
from services.credits.deliveries.models import AuditDelivery
from services.credits.keeping import DISMISSED, WAITING, LateEntry
from services.credits.models import Audit, LedgerLine, LineKind, UnknownPerson
from services.credits.queries import CONSUMER
from shared import outbox
from shared.actors import Actor, Office
from shared.database import utc_now
from shared.directory import PersonCopy
from shared.errors import Conflict, NotAllowed
from shared.events.credits import RedeliveryWanted
from shared.events.plans import AuditsSummary
from shared.inbox import ParkedRow
from shared.jobs import Job
from shared.ui.filters import CHINA, local_time

COMPARE_JOB = "credits.compare_audits"
PAUSE = timedelta(minutes=1)
"""Between two times that an audit is asked for: long enough for what comes of the first."""
CHUNK = 200
"""Audits compared by one round of statements."""


def note_summary(session: Session, event: AuditsSummary) -> None:
    """Takes in what plans says of a day's audits, and compares. An older word than the one held changes nothing."""
    if event.audits:
        rows = [
            {
                "audit_id": one.audit_id,
                "project_id": one.project_id,
                "project_number": one.number,
                "project_title": one.title,
                "organizer_path": one.organizer_path,
                "organizer_name": one.organizer_name,
                "day": event.day,
                "audited_at": one.audited_at,
                "sent_at": one.sent_at,
                "revoked": one.revoked,
                "sent": one.results,
                "digest": one.digest,
                "answered": one.answered,
                "answered_credits": one.credits,
                "told_at": event.told_at,
                "posted": 0,
                "parked": 0,
                "unregistered": 0,
                "credits": Decimal("0.0"),
                "checked_at": utc_now(),
            }
            for one in event.audits
        ]
        table = cast(Any, AuditDelivery)
        statement = outbox.insert(session, table)
        told = ("sent_at", "revoked", "sent", "digest", "answered", "answered_credits", "told_at", "project_title")
        statement = statement.on_conflict_do_update(
            index_elements=["audit_id"],
            set_={name: statement.excluded[name] for name in told},
            where=statement.excluded.told_at >= AuditDelivery.told_at,
        )
        session.execute(statement, rows)
        session.expire_all()
    named = [one.audit_id for one in event.audits]
    surplus = _unnamed(session, event, named)
    ids = named + surplus
    for start in range(0, len(ids), CHUNK):
        compare(session, ids[start : start + CHUNK])


def compare_open(session: Session) -> int:
    """Compares again every audit on which the two sides did not agree; returns how many still do not."""
    last = ""
    differing = select(AuditDelivery.audit_id).where(AuditDelivery.cause.is_not(None)).order_by(AuditDelivery.audit_id)
    while ids := session.scalars(differing.where(AuditDelivery.audit_id > last).limit(CHUNK)).all():
        last = ids[-1]
        compare(session, ids)
    query = select(func.count()).select_from(AuditDelivery).where(AuditDelivery.cause.is_not(None))
    return int(session.scalar(query) or 0)


def compare_audits(job: Job) -> None:
    """The scheduled job of `compare_open`."""
    with job.effect() as session:
        compare_open(session)


def compare(session: Session, audit_ids: Sequence[str]) -> None:
    """Compares these audits, of which plans has spoken, with the ledger; a few statements however many."""
    found = _here(session, audit_ids)
    now = utc_now()
    for row in session.scalars(select(AuditDelivery).where(AuditDelivery.audit_id.in_(audit_ids))):
        here = found.get(row.audit_id, Here())
        there = There(
            known=row.sent_at is not None,
            revoked=row.revoked,
            results=row.sent,
            digest=row.digest,
            answered=row.answered,
            credits=row.answered_credits,
            told_at=row.told_at,
        )
        row.received_at, row.recorded_at = here.received_at, here.recorded_at
        row.posted, row.parked, row.unregistered, row.credits = here.posted, here.parked, here.unknown, here.credits
        cause = comparing.cause(there, here)
        row.cause, row.checked_at = cause.value if cause else None, now
    session.flush()


def ask_again(session: Session, actor: Actor, audit_id: str) -> AuditDelivery:
    """Asks plans to send everything about an audit again (重新送达). Safe to press twice.

    Raises `NotFound` outside the actor's area, `NotAllowed` for who does not look after credits there, `Conflict` when
    both sides agree, when there is nothing that plans could send, and within a minute of the last time.
    """
    row = queries.find_delivery(session, actor, audit_id, lock=True)
    post = actor.post_over(row.organizer_path, Office.CREDIT_ADMIN)
    if post is None:
        raise NotAllowed("只有该组织单位所在辖区的学分管理岗位可以要求重新送达。")
    if row.cause is None:
        raise Conflict("两边记录一致，不需要重新送达。")
    if row.sent_at is None:
        raise Conflict("培训项目中没有此次审核，不能重新送达；请联系省级学分管理员核查。")
    now = utc_now()
    if row.asked_at is not None and now - row.asked_at < PAUSE:
        raise Conflict(
            f"已由{row.asked_by_name}于 {local_time(row.asked_at)} 要求重新送达；一分钟后仍不一致的，可以再次要求。",
            decided_by=row.asked_by_name,
            decided_at=row.asked_at.isoformat(),
            verdict="redeliver",
        )
    row.asked_at, row.asked_by_name = now, actor.name
    outbox.publish(
        session,
        RedeliveryWanted(
            audit_id=audit_id,
            asked_by=actor.account_id,
            asked_by_name=actor.name,
            body=post.body,
            unit_path=post.unit.path,
            asked_at=now,
        ),
    )
    return row


def _unnamed(session: Session, event: AuditsSummary, named: Sequence[str]) -> list[str]:
    """Audits of the day that the ledger has and plans does not name, noted as such."""
    start = datetime.combine(event.day, time(), CHINA)
    query = select(Audit).where(
        Audit.audited_at >= start, Audit.audited_at < start + timedelta(days=1), Audit.audit_id > event.after
    )
    # What arrived after plans had looked, it could not have named.
    query = query.where(Audit.audited_at < event.told_at)
    if event.upto is not None:
        query = query.where(Audit.audit_id <= event.upto)
    found = [audit for audit in session.scalars(query.order_by(Audit.audit_id)) if audit.audit_id not in set(named)]
    for audit in found:
        row = session.get(AuditDelivery, audit.audit_id) or _row_of(audit, event.day, event.told_at)
        if row.told_at <= event.told_at:
            row.sent_at, row.told_at = None, event.told_at
        session.add(row)
    session.flush()
    return [audit.audit_id for audit in found]


def _row_of(audit: Audit, day: date, told_at: datetime) -> AuditDelivery:
    return AuditDelivery(
        audit_id=audit.audit_id,
        project_id=audit.project_id,
        project_number=audit.project_number,
        project_title=audit.project_title,
        organizer_path=audit.organizer_path,
        organizer_name=audit.organizer_name,
        day=day,
        audited_at=audit.audited_at,
        sent_at=None,
        revoked=False,
        sent=0,
        digest="",
        answered=0,
        answered_credits=Decimal("0.0"),
        told_at=told_at,
        checked_at=utc_now(),
    )


def _here(session: Session, audit_ids: Sequence[str]) -> dict[str, Here]:
    """What the ledger and the inbox have of these audits."""
    earned = LedgerLine.kind == LineKind.EARNED
    counter = aliased(LedgerLine)
    countered = select(counter.id).where(counter.reverses == LedgerLine.id).exists()
    unknown = (
        select(UnknownPerson.person_id)
        .outerjoin(PersonCopy, PersonCopy.person_id == UnknownPerson.person_id)
        .where(UnknownPerson.person_id == LedgerLine.person_id, PersonCopy.person_id.is_(None))
        .exists()
    )
    stands = earned & ~countered
    sums = session.execute(
        select(
            LedgerLine.audit_id,
            func.count().filter(stands),
            func.sum(LedgerLine.amount).filter(stands),
            func.count().filter(stands & (LedgerLine.adjustment > 0)),
            func.count().filter(stands & unknown),
            func.min(LedgerLine.received_at),
            func.max(LedgerLine.recorded_at),
        )
        .where(LedgerLine.audit_id.in_(audit_ids))
        .group_by(LedgerLine.audit_id)
    )
    found = {
        str(audit_id): Here(
            standing=standing,
            credits=credits or Decimal("0.0"),
            adjusted=bool(adjusted),
            unknown=people,
            received_at=received_at,
            recorded_at=recorded_at,
        )
        for audit_id, standing, credits, adjusted, people, received_at, recorded_at in sums
    }
    kept = select(
        LateEntry.audit_id, func.count().filter(LateEntry.kind == LineKind.REVERSAL), func.min(LateEntry.received_at)
    )
    kept = kept.where(LateEntry.audit_id.in_(audit_ids), LateEntry.state.in_((WAITING, DISMISSED)))
    for audit_id, counters, received_at in session.execute(kept.group_by(LateEntry.audit_id)):
        here = found.get(str(audit_id), Here(received_at=received_at))
        found[str(audit_id)] = replace(here, standing=here.standing - counters)
    for audit_id, (results, digest) in _results(session, audit_ids).items():
        found[audit_id] = replace(found.get(audit_id, Here()), posted=results, digest=digest)
    parked = (
        select(ParkedRow.aggregate_id, func.count())
        .where(
            ParkedRow.consumer == CONSUMER,
            ParkedRow.aggregate_type == "audit",
            ParkedRow.aggregate_id.in_(audit_ids),
        )
        .group_by(ParkedRow.aggregate_id)
    )
    for aggregate_id, count in session.execute(parked):
        found[str(aggregate_id)] = replace(found.get(str(aggregate_id), Here()), parked=count)
    return found


def _results(session: Session, audit_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """The results of each audit, how many and as plans digests them, with those kept for a closed cycle (B6)."""
    both = [
        select(model.audit_id, model.result_id, model.attempt).where(
            model.audit_id.in_(audit_ids), model.kind == LineKind.EARNED
        )
        for model in (LedgerLine, LateEntry)
    ]
    rows = session.execute(union(*both).order_by("audit_id", "result_id").execution_options(yield_per=2000))
    found = {}
    for audit_id, group in groupby(rows, key=lambda row: row.audit_id):
        digest, results = hashlib.sha256(), 0
        for row in group:
            digest.update(f"{row.result_id}:{row.attempt}\n".encode())
            results += 1
        found[str(audit_id)] = (results, digest.hexdigest())
    return found
