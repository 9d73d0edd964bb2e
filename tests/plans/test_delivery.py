"""The way of audited results to credits (N8): each station with its time, what is late and why, sending again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.plans.projects import auditing, correcting, delivery, history, telling
from services.plans.projects.models import Audit, Project, Result
from shared.errors import Conflict, NotAllowed
from shared.events.credits import CreditsRecorded, RecordedResult
from shared.outbox import OutboxRow, OutboxTodo
from tests.plans import builders as make

COUNTY, AUDITOR = make.actor("county.donghu"), make.actor("audit.donghu")


def audited(session: Session, count: int = 3) -> tuple[Project, Audit]:
    """A project with an audit; the last person failed."""
    project = make.make_project(session)
    rows = make.roster_rows(count)
    rows[-1][3] = "不合格"
    make.bring_in(session, project, rows)
    return project, auditing.audit_results(session, AUDITOR, project.id)


def answer(session: Session, audit: Audit, rows: list[Result], at: datetime) -> None:
    """What credits would say of those rows: had at `at`, entered a second later."""
    event = CreditsRecorded(
        audit_id=audit.id,
        chunk=1,
        revoked=False,
        received_at=at,
        recorded_at=at + timedelta(seconds=1),
        results=[
            RecordedResult(
                result_id=r.id, person_id=r.person_id, credits=Decimal(6 if r.passed else 0), explanation="…"
            )
            for r in rows
        ],
    )
    auditing.record_credits(session, event)


def hand_over(session: Session) -> None:
    """The relay has handed everything over."""
    session.execute(delete(OutboxTodo))


def test_n8_every_station_has_its_count_and_time(session: Session) -> None:
    project, audit = audited(session)
    (view,) = delivery.audits(session, project)
    assert (view.unsent, view.processed, view.current, view.received_at) == (1, 0, 3, None)
    assert view.cause.startswith("未送出：1 条消息")
    hand_over(session)
    (view,) = delivery.audits(session, project)
    assert (view.unsent, view.waits) == (0, True)
    assert view.cause.startswith("已送出未答复")
    rows = make.results(session, project)
    early, late = datetime(2026, 11, 24, 1, tzinfo=UTC), datetime(2026, 11, 24, 2, tzinfo=UTC)
    answer(session, audit, rows[:1], early)
    answer(session, audit, rows[1:], late)
    (view,) = delivery.audits(session, project)
    assert (view.received_at, view.recorded_at) == (late, late + timedelta(seconds=1))
    assert (view.waits, view.audit.sent_at) == (False, audit.confirmed_at)


def test_n8_the_failed_are_answered_and_not_counted(session: Session) -> None:
    project, audit = audited(session)
    answer(session, audit, make.results(session, project), datetime.now(UTC))
    (view,) = delivery.audits(session, project)
    assert view.progress == "3 人中 3 人已处理，其中 2 人计入学分"


def test_n8_late_audits_are_listed_for_their_area_with_the_cause(session: Session) -> None:
    def late(username: str) -> list[str]:
        return [audit.id for audit in session.scalars(delivery.late_audits(make.actor(username)))]

    project, audit = audited(session)
    assert late("audit.donghu") == [], "two minutes are given"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=3)):
        assert late("audit.donghu") == late("county.donghu") == late("district.nanchang") == [audit.id]
        assert late("county.yujiang") == []
        answer(session, audit, make.results(session, project)[:2], datetime.now(UTC))
        assert late("audit.donghu") == [audit.id], "one of three is still owed"
        answer(session, audit, make.results(session, project), datetime.now(UTC))
        assert late("audit.donghu") == []
        correcting.correct_project(
            session, COUNTY, project.id, version=project.version, convert=False, reason="不应折算"
        )
        assert late("audit.donghu") == [], "a correction is given its two minutes as well"


def test_n8_sending_again_is_safe_and_noted(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "CHUNK", 2)
    project, audit = audited(session, 5)
    correcting.correct_project(session, COUNTY, project.id, version=project.version, convert=False, reason="不应折算")
    hand_over(session)
    version = project.version
    now = datetime.now(UTC)
    for minutes in (2, 4):
        with time_machine.travel(now + timedelta(minutes=minutes)):
            delivery.redeliver(session, AUDITOR, project.id, audit.id)
        queued = session.scalars(
            select(OutboxRow.name).join(OutboxTodo, OutboxTodo.outbox_id == OutboxRow.id).order_by(OutboxRow.id)
        ).all()
        assert list(queued) == [*["plans.results_audited.v1"] * 3, "plans.project_corrected.v1"]
    assert project.version == version, "nobody's open page is out of date because of it"
    lines = [line for line in history.lines(session, project) if line.act == "redeliver"]
    assert len(lines) == 2
    assert "4 条消息重新送出" in lines[0].outcome
    with time_machine.travel(now + timedelta(minutes=4, seconds=50)), pytest.raises(Conflict, match="一分钟"):
        delivery.redeliver(session, COUNTY, project.id, audit.id)
    assert len([line for line in history.lines(session, project) if line.act == "redeliver"]) == 2
    with time_machine.travel(now + timedelta(minutes=6)):
        delivery.redeliver(session, COUNTY, project.id, audit.id)
    with pytest.raises(NotAllowed):
        delivery.redeliver(session, make.actor("district.nanchang"), project.id, audit.id)


def test_n8_what_cannot_be_sent_says_why(session: Session) -> None:
    project = make.make_project(session, publicity_days=3)
    make.bring_in(session, project, make.roster_rows(1))
    with time_machine.travel(datetime(2026, 11, 2, 2, 0, tzinfo=UTC)):
        audit = auditing.audit_results(session, AUDITOR, project.id)
    with pytest.raises(Conflict, match="尚未送出"):
        delivery.redeliver(session, AUDITOR, project.id, audit.id)
    other, gone = audited(session)
    hand_over(session)
    session.execute(delete(OutboxRow).where(OutboxRow.event_id.in_(gone.event_ids)))
    with pytest.raises(Conflict, match="超过保留期限"):
        delivery.redeliver(session, AUDITOR, other.id, gone.id)
