"""Auditing results, taking audits back, and what credits answers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.files import store
from services.plans.projects import auditing, correcting, delivery, queries, telling
from services.plans.projects.models import Audit, Result, RosterUpload
from services.plans.rosters import importing
from services.plans.tasks import JOBS
from shared.database import Database
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.events.credits import CreditsRecorded, RecordedResult
from shared.events.plans import ResultsAudited
from shared.jobs import JobRow, run_job
from shared.outbox import OutboxRow
from shared.service import Runtime
from tests.plans import builders as make

COUNTY, AUDITOR = make.actor("county.donghu"), make.actor("audit.donghu")
SCHOOL = make.actor("school.qingfeng")


def audited(session: Session) -> list[ResultsAudited]:
    """The audits that were published."""
    query = select(OutboxRow).where(OutboxRow.name == ResultsAudited.name).order_by(OutboxRow.id)
    return [ResultsAudited.load(row.payload) for row in session.scalars(query)]


def answer(session: Session, audit: Audit, rows: list[Result], credits: str, *, revoked: bool = False) -> None:
    """What credits would say."""
    now = datetime.now(UTC)
    recorded = [
        RecordedResult(result_id=r.id, person_id=r.person_id, credits=Decimal(credits), explanation=f"得 {credits}")
        for r in rows
    ]
    auditing.record_credits(
        session,
        CreditsRecorded(
            audit_id=audit.id, chunk=1, revoked=revoked, received_at=now, recorded_at=now, results=recorded
        ),
    )


def test_an_audit_tells_credits_once_per_person(session: Session) -> None:
    project = make.make_project(session)
    rows = make.roster_rows(3)
    rows[2][3] = "不合格"
    make.bring_in(session, project, rows)
    audit = auditing.audit_results(session, AUDITOR, project.id)
    (event,) = audited(session)
    assert (event.audit_id, event.chunk, event.chunks) == (audit.id, 1, 1)
    assert [(r.hours, r.passed, r.attempt) for r in event.results] == [(60, True, 1), (60, True, 1), (60, False, 1)]
    assert (event.project.category, event.project.bucket, event.project.convert) == (
        "county_training", "coordinated", True,
    )  # fmt: skip
    assert event.project.hours_per_credit is None
    assert (event.entered_by, event.audited_by) == ("county.donghu", "audit.donghu")
    assert {(r.state, r.attempt, r.credits_state) for r in make.results(session, project)} == {("audited", 1, "sent")}


def test_a_training_is_audited_from_its_last_day_on(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """In China's time: at 16:00 UTC the next day begins there."""
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(2))
    for module in (auditing, queries):
        monkeypatch.setattr(module, "utc_now", lambda: datetime(2026, 10, 20, 15, 59, tzinfo=UTC))
    assert queries.count(session, queries.to_audit(AUDITOR)) == 0
    with pytest.raises(Conflict, match="2026-10-21 结束"):
        auditing.audit_results(session, AUDITOR, project.id)
    for module in (auditing, queries):
        monkeypatch.setattr(module, "utc_now", lambda: datetime(2026, 10, 20, 16, 0, tzinfo=UTC))
    assert queries.count(session, queries.to_audit(AUDITOR)) == 1
    assert auditing.audit_results(session, AUDITOR, project.id).count == 2


def test_a_school_training_carries_the_plans_own_rate(session: Session) -> None:
    plan = make.approved_plan(session)
    project = make.make_project(
        session,
        SCHOOL,
        category="other_school_based",
        hours=Decimal(12),
        plan_id=plan.id,
        plan_item_id=plan.items[1].id,
    )
    person = next(p for p in make.teachers(50) if p.unit_path == make.QINGFENG)
    make.bring_in(session, project, [[person.identity, person.name, 12, "合格", ""]], SCHOOL)
    auditing.audit_results(session, AUDITOR, project.id)
    facts = audited(session)[0].project
    assert (facts.hours_per_credit, facts.plan_number, facts.plan_status) == (12, plan.number, "approved")
    assert (facts.bucket, facts.level) == ("self_organized", "school")


def test_chunks_are_small_and_each_has_one_enterer(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "CHUNK", 2)
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(3))
    make.bring_in(session, project, make.roster_rows(4), make.actor("county.donghu2"))
    audit = auditing.audit_results(session, AUDITOR, project.id)
    found = audited(session)
    assert audit.chunks == len(found) == 3
    assert [(e.chunk, e.entered_by, len(e.results)) for e in found] == [
        (1, "county.donghu", 2),
        (2, "county.donghu", 1),
        (3, "county.donghu2", 1),
    ]


def test_nobody_audits_what_they_published_or_entered(session: Session) -> None:
    """T11."""
    project = make.make_project(session)
    second = make.actor("county.donghu2")
    make.bring_in(session, project, make.roster_rows(1), second)
    for who, words in ((COUNTY, "由您发布"), (second, "本人登记")):
        with pytest.raises(NotAllowed, match=words):
            auditing.audit_results(session, who, project.id)
        assert queries.count(session, queries.to_audit(who)) == 0
    same_person = make.reviewer(make.DONGHU, "another-account", second.person_id)
    with pytest.raises(NotAllowed, match="本人登记"):
        auditing.audit_results(session, same_person, project.id)
    assert queries.count(session, queries.to_audit(same_person)) == 0
    with pytest.raises(NotAllowed, match="东湖区教育体育局审核"):
        auditing.audit_results(session, make.actor("district.nanchang"), project.id)
    with pytest.raises(NotFound):
        auditing.audit_results(session, make.actor("county.yujiang"), project.id)
    assert queries.count(session, queries.to_audit(AUDITOR)) == 1
    auditing.audit_results(session, AUDITOR, project.id)
    assert queries.count(session, queries.to_audit(AUDITOR)) == 0


def test_nobody_audits_what_they_corrected(session: Session) -> None:
    """T11; the correction of who may audit is shown to whoever audits, and on the audits before it."""
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(1))
    first = auditing.audit_results(session, AUDITOR, project.id)
    second = make.actor("county.donghu2")
    correcting.correct_project(session, second, project.id, version=project.version, convert=False, reason="不应折算")
    (view,) = delivery.audits(session, project)
    assert [line.actor_name for line in view.corrections] == [second.name]
    make.bring_in(session, project, make.roster_rows(2))
    for who in (second, make.reviewer(make.DONGHU, "another-account", second.person_id)):
        with pytest.raises(NotAllowed, match="由您更正过"):
            auditing.audit_results(session, who, project.id)
        with pytest.raises(NotAllowed, match="由您更正过"):
            auditing.revoke_audit(session, who, project.id, first.id, reason="学时有误")
        assert queries.count(session, queries.to_audit(who)) == 0
    assert queries.count(session, queries.to_audit(AUDITOR)) == 1
    auditing.audit_results(session, AUDITOR, project.id)
    assert [len(view.corrections) for view in delivery.audits(session, project)] == [0, 1]


def test_who_imports_has_entered_and_who_uploaded_does_not_audit_either(database: Database, run: Runtime) -> None:
    """T11."""
    second, third = make.actor("county.donghu2"), make.reviewer(make.DONGHU, "third")
    with database.transaction() as session:
        project = make.make_project(session)
        upload = make.upload(make.workbook(make.roster_rows(1)))
        store(run.settings.data_dir).put(upload)
        report = importing.check_roster(session, project, upload, run.settings.identity_key).report()
        kept = importing.keep_roster(session, second, project.id, upload, report)
        job_id = importing.start_import(session, COUNTY, project.id, kept.id)
        arguments = session.get_one(JobRow, job_id).arguments
    run_job(database, JOBS, job_id, "plans.import_roster", arguments, {}, run)
    with database.transaction() as session:
        (result,) = session.scalars(queries.results(project))
        assert (result.entered_by, result.entered_by_person) == (COUNTY.account_id, COUNTY.person_id)
        assert session.get_one(RosterUpload, kept.id).uploaded_by == second.account_id
        with pytest.raises(NotAllowed, match="本人登记"):
            auditing.audit_results(session, second, project.id)
        assert queries.count(session, queries.to_audit(second)) == 0
        assert queries.count(session, queries.to_audit(third)) == 1


def test_the_slower_auditor_reads_who_was_faster(session: Session) -> None:
    project = make.make_project(session)
    with pytest.raises(Conflict, match="先导入名单"):
        auditing.audit_results(session, AUDITOR, project.id)
    make.bring_in(session, project, make.roster_rows(2))
    auditing.audit_results(session, AUDITOR, project.id)
    with pytest.raises(Conflict, match="已由闵若愚于"):
        auditing.audit_results(session, make.actor("county.donghu2"), project.id)
    assert len(audited(session)) == 1


def test_taking_back_and_auditing_anew(session: Session) -> None:
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(2))
    first = auditing.audit_results(session, AUDITOR, project.id)
    answer(session, first, make.results(session, project), "6.0")
    assert {(r.credits, r.credits_state, r.explanation) for r in make.results(session, project)} == {
        (Decimal(6), "recorded", "得 6.0")
    }
    with pytest.raises(Invalid):
        auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason=" ")
    auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason="学时有误")
    assert {(r.state, r.credits_state) for r in make.results(session, project)} == {("audit_revoked", "sent")}
    with pytest.raises(Conflict, match="已由闵若愚于"):
        auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason="再次")
    answer(session, first, make.results(session, project), "0", revoked=True)
    assert {(r.credits, r.credits_state) for r in make.results(session, project)} == {(Decimal(0), "recorded")}
    second = auditing.audit_results(session, AUDITOR, project.id)
    assert (second.number, second.count) == (2, 2)
    assert {r.attempt for r in audited(session)[-1].results} == {2}
    assert {(r.state, r.credits) for r in make.results(session, project)} == {("audited", None)}
    names = session.scalars(select(OutboxRow.name).where(OutboxRow.aggregate_id == first.id).order_by(OutboxRow.id))
    assert list(names) == ["plans.results_audited.v1", "plans.audit_revoked.v1"]


def test_a_late_answer_never_overwrites_a_newer_state(session: Session) -> None:
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(2))
    first = auditing.audit_results(session, AUDITOR, project.id)
    rows = make.results(session, project)
    auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason="学时有误")
    answer(session, first, rows, "6.0")
    assert {r.credits_state for r in make.results(session, project)} == {"sent"}
    second = auditing.audit_results(session, AUDITOR, project.id)
    answer(session, second, rows, "5.0")
    answer(session, first, rows, "0", revoked=True)
    assert {(r.credits, r.credits_state) for r in make.results(session, project)} == {(Decimal(5), "recorded")}
    (now, before) = delivery.audits(session, project)
    assert (now.audit.id, now.processed, now.counted, now.current) == (second.id, 2, 2, 2)
    assert (before.audit.id, before.processed, before.counted, before.current) == (first.id, 0, 0, 0)


def test_an_answer_to_an_unknown_audit_changes_nothing(session: Session) -> None:
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(1))
    auditing.record_credits(
        session,
        CreditsRecorded(
            audit_id="unknown",
            chunk=1,
            revoked=False,
            received_at=datetime.now(UTC),
            recorded_at=datetime.now(UTC),
            results=[],
        ),
    )
    assert {r.credits_state for r in make.results(session, project)} == {"none"}
