"""公示 of audited results (N46): so many working days public and not final, then told to credits by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.categories import categories
from services.plans.projects import auditing, correcting, delivery, history, publicity, voiding
from services.plans.projects import operations as publishing
from services.plans.projects.models import Audit, Project
from shared.errors import Conflict, Invalid
from shared.events.plans import PublicityEnded, ResultsAudited, ResultsInPublicity
from shared.outbox import OutboxRow
from tests.plans import builders as make

COUNTY, AUDITOR = make.actor("county.donghu"), make.actor("audit.donghu")
MONDAY = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
"""10:00 in China, a Monday without holidays near it."""


ABOUT_PUBLICITY = (ResultsInPublicity.name, PublicityEnded.name)


def told(session: Session) -> list[str]:
    """Names of what credits was told besides the 公示 itself, in order: what makes credits."""
    query = select(OutboxRow.name).where(OutboxRow.kind == "event", OutboxRow.name.not_in(ABOUT_PUBLICITY))
    return list(session.scalars(query.order_by(OutboxRow.id)))


def shown(session: Session) -> list[ResultsInPublicity | PublicityEnded]:
    """What credits was told of the 公示, in order: what it shows and never counts."""
    query = select(OutboxRow).where(OutboxRow.name.in_(ABOUT_PUBLICITY)).order_by(OutboxRow.id)
    kinds: dict[str, type[ResultsInPublicity | PublicityEnded]] = {
        ResultsInPublicity.name: ResultsInPublicity,
        PublicityEnded.name: PublicityEnded,
    }
    return [kinds[row.name].load(row.payload) for row in session.scalars(query)]


def published(session: Session, **changes: Any) -> Project:
    """A project with 5 working days of 公示 and two registered results."""
    project = make.make_project(session, **{"publicity_days": 5, **changes})
    make.bring_in(session, project, make.roster_rows(2))
    return project


def test_n46_credits_is_told_when_the_period_is_over_and_once(session: Session) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        project = published(session)
        audit = auditing.audit_results(session, AUDITOR, project.id)
        assert audit.public_until == datetime(2026, 11, 9, 2, 0, tzinfo=UTC), "five working days, the weekend left out"
        assert (audit.confirmed_at, audit.sent_at, told(session)) == (None, None, [])
        assert {(r.state, r.credits_state) for r in make.results(session, project)} == {("audited", "none")}
        (view,) = delivery.audits(session, project)
        assert (view.public, view.waits) == (True, False)

        clock.move_to(datetime(2026, 11, 9, 1, 59, tzinfo=UTC))
        assert publicity.confirm_due(session) == 0
        clock.move_to(datetime(2026, 11, 9, 2, 0, tzinfo=UTC))
        assert publicity.confirm_due(session) == 1
        assert publicity.confirm_due(session) == 0
    assert told(session) == [ResultsAudited.name]
    assert {(r.state, r.credits_state) for r in make.results(session, project)} == {("audited", "sent")}
    assert session.get_one(Audit, audit.id).confirmed_at == datetime(2026, 11, 9, 2, 0, tzinfo=UTC)
    line = history.lines(session, project)[-1]
    assert (line.act, line.actor_name, line.unit_path) == ("confirm", "系统", None)


def test_n46_taken_back_during_the_period_credits_hears_nothing(session: Session) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        project = published(session)
        first = auditing.audit_results(session, AUDITOR, project.id)
        auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason="公示期间有异议")
        assert {(r.state, r.credits_state) for r in make.results(session, project)} == {("audit_revoked", "none")}
        second = auditing.audit_results(session, AUDITOR, project.id)
        clock.move_to(datetime(2026, 11, 20, tzinfo=UTC))
        assert publicity.confirm_due(session) == 1
    row = session.scalars(select(OutboxRow).where(OutboxRow.name.not_in(ABOUT_PUBLICITY))).one()
    event = ResultsAudited.load(row.payload)
    assert (event.audit_id, [result.attempt for result in event.results]) == (second.id, [2, 2])


def test_n46_the_period_is_told_with_its_end_and_its_taking_back_with_the_reason(session: Session) -> None:
    with time_machine.travel(MONDAY, tick=False):
        project = published(session)
        first = auditing.audit_results(session, AUDITOR, project.id)
        auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason="公示期间有异议")
        second = auditing.audit_results(session, AUDITOR, project.id)
        with pytest.raises(Conflict, match="尚未送出"):
            delivery.redeliver(session, AUDITOR, project.id, second.id)
    opened, ended, again = shown(session)
    assert isinstance(opened, ResultsInPublicity)
    assert isinstance(ended, PublicityEnded)
    assert isinstance(again, ResultsInPublicity)
    assert opened.public_until == datetime(2026, 11, 9, 2, 0, tzinfo=UTC)
    assert {r.result_id for r in opened.results} == {r.id for r in make.results(session, project)}
    assert (ended.audit_id, ended.ended_by_name, ended.reason) == (first.id, AUDITOR.name, "公示期间有异议")
    assert [r.attempt for r in again.results] == [2, 2]
    versions = select(OutboxRow.aggregate_version).where(OutboxRow.aggregate_id == first.id).order_by(OutboxRow.id)
    assert list(session.scalars(versions)) == [1, 2]


def test_n46_void_during_the_period_nothing_is_confirmed(session: Session) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        project = published(session)
        auditing.audit_results(session, AUDITOR, project.id)
        voiding.void_project(session, COUNTY, project.id, version=project.version, reason="重复发布")
        clock.move_to(datetime(2026, 11, 20, tzinfo=UTC))
        assert publicity.confirm_due(session) == 0
    assert told(session) == []


def test_n46_corrected_during_the_period_it_is_confirmed_by_the_new_facts(session: Session) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        project = published(session, convert=False)
        audit = auditing.audit_results(session, AUDITOR, project.id)
        until = audit.public_until
        correcting.correct_project(
            session, COUNTY, project.id, version=project.version, convert=True, reason="漏勾折算"
        )
        assert {(r.state, r.credits_state) for r in make.results(session, project)} == {("audited", "none")}
        assert session.get_one(Audit, audit.id).public_until == until
        clock.move_to(datetime(2026, 11, 20, tzinfo=UTC))
        assert publicity.confirm_due(session) == 1
    payload = session.scalars(select(OutboxRow.payload).where(OutboxRow.name == ResultsAudited.name)).one()
    facts = ResultsAudited.load(payload).project
    assert (facts.convert, facts.correction) == (True, 1)


def test_n46_a_year_without_a_calendar_is_said_not_guessed(session: Session) -> None:
    project = published(session, publicity_days=30)
    with (
        time_machine.travel(datetime(2026, 12, 21, 2, 0, tzinfo=UTC), tick=False),
        pytest.raises(Conflict, match="缺少 2027 年的工作日历"),
    ):
        auditing.audit_results(session, AUDITOR, project.id)
    assert {r.state for r in make.results(session, project)} == {"entered"}
    assert session.scalar(select(Audit.id)) is None


def test_n46_the_categorys_days_may_be_raised_and_not_lowered(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {kind.publicity_days for kind in categories().values()} == {0}, "the province has not settled it"
    stricter = dict(categories())
    stricter["county_training"] = replace(stricter["county_training"], publicity_days=5)
    monkeypatch.setattr(publishing, "categories", lambda: stricter)
    assert make.make_project(session).publicity_days == 5
    assert make.make_project(session, publicity_days=7).publicity_days == 7
    with pytest.raises(Invalid) as caught:
        make.make_project(session, publicity_days=4)
    assert caught.value.fields["publicity_days"] == ["“县（市、区）级培训”至少公示 5 个工作日，可以延长，不能缩短。"]


def test_n46_without_a_period_an_audit_is_final_at_once(session: Session) -> None:
    project = published(session, publicity_days=0, held_to=date(2026, 10, 20))
    audit = auditing.audit_results(session, AUDITOR, project.id)
    assert (audit.public_until, audit.confirmed_at) == (None, audit.audited_at)
    assert told(session) == [ResultsAudited.name]
