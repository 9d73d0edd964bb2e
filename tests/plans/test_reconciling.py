"""N8, B1: plans sums up each day's audits for credits, and sends again what credits asks for."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.plans.projects import auditing, delivery, history, reconciling
from services.plans.projects.models import Audit
from services.plans.terms import china_date
from shared.database import utc_now
from shared.events.credits import CreditsRecorded, RecordedResult, RedeliveryWanted
from shared.events.plans import AuditsSummary
from shared.outbox import OutboxRow, OutboxTodo
from tests.plans import builders as make
from tests.plans.test_delivery import AUDITOR, audited


def summaries(session: Session) -> list[AuditsSummary]:
    """What credits was told, in order."""
    query = select(OutboxRow.payload).where(OutboxRow.name == AuditsSummary.name).order_by(OutboxRow.id)
    return [AuditsSummary.load(payload) for payload in session.scalars(query)]


def asked(audit: Audit) -> RedeliveryWanted:
    """Somebody of the county asks for it again."""
    return RedeliveryWanted(
        audit_id=audit.id,
        asked_by="account-1",
        asked_by_name="龚立言",
        body="南昌市东湖区教育体育局",
        unit_path="360000/360100/360102/",
        asked_at=utc_now(),
    )


def test_n8_a_days_audits_are_summed_up_with_what_was_answered(session: Session) -> None:
    project, audit = audited(session)
    rows = sorted(make.results(session, project), key=lambda row: row.id)
    event = CreditsRecorded(
        audit_id=audit.id,
        chunk=1,
        revoked=False,
        received_at=utc_now(),
        recorded_at=utc_now(),
        results=[
            RecordedResult(result_id=row.id, person_id=row.person_id, credits=Decimal("6.0"), explanation="…")
            for row in rows[:2]
        ],
    )
    auditing.record_credits(session, event)
    assert reconciling.tell_days(session, utc_now()) == 1
    (told,) = summaries(session)
    (one,) = told.audits
    assert (told.day, told.after, told.upto) == (china_date(audit.audited_at), "", None)
    assert (one.results, one.answered, one.credits, one.revoked) == (3, 2, Decimal("12.0"), False)
    assert one.digest == hashlib.sha256("".join(f"{row.id}:1\n" for row in rows).encode()).hexdigest()
    auditing.revoke_audit(session, AUDITOR, project.id, audit.id, reason="学时登记有误")
    reconciling.tell_days(session, utc_now())
    assert (summaries(session)[-1].audits[0].revoked, summaries(session)[-1].audits[0].digest) == (True, "")


def test_n8_a_day_that_has_settled_is_not_summed_up_again(session: Session) -> None:
    project, audit = audited(session)
    later = utc_now() + timedelta(days=10)
    assert reconciling.tell_days(session, later) == 1, "it is still unanswered"
    for row in make.results(session, project):
        row.credits_state = "recorded"
    session.flush()
    assert reconciling.tell_days(session, later) == 0
    assert audit.sent_at is not None


def test_n8_a_day_of_many_audits_goes_in_chunks_without_a_gap(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "CHUNK", 2)
    for _ in range(2):
        audited(session)
    reconciling.tell_days(session, utc_now())
    first, last = summaries(session)
    assert [len(part.audits) for part in (first, last)] == [2, 0]
    assert (first.after, first.upto, last.after, last.upto) == ("", first.audits[-1].audit_id, first.upto, None)


def test_n8_what_credits_asks_for_is_sent_once_a_minute_and_recorded(session: Session) -> None:
    project, audit = audited(session)
    session.execute(delete(OutboxTodo))
    for _ in range(2):
        reconciling.send_again(session, asked(audit))
    (view,) = delivery.audits(session, project)
    assert view.unsent == len(audit.event_ids)
    lines = [line for line in history.lines(session, project) if line.act == "redeliver"]
    assert [(line.actor_name, line.body) for line in lines] == [("龚立言", "南昌市东湖区教育体育局")]
    with pytest.raises(LookupError):
        reconciling.send_again(session, RedeliveryWanted(**{**asked(audit).__dict__, "audit_id": "no-such-audit"}))
