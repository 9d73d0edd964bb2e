"""Publishing trainings, importing rosters, auditing results and taking audits back, through the real database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.files import store
from services.plans.projects import auditing, importing, queries
from services.plans.projects.models import Audit, Project, Result, RosterUpload
from services.plans.tasks import JOBS
from shared import outbox
from shared.actors import Actor, Office
from shared.database import Database
from shared.directory import PersonCopy
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.events.credits import CreditsRecorded, RecordedResult
from shared.events.plans import ResultsAudited
from shared.jobs import JobRow, run_job
from shared.outbox import OutboxRow
from shared.service import Runtime
from tests.plans import builders as make
from tests.plans.conftest import IDENTITY_KEY

COUNTY, AUDITOR = make.actor("county.donghu"), make.actor("audit.donghu")
SCHOOL = make.actor("school.qingfeng")


def bring_in(session: Session, project: Project, rows: list[list[Any]], who: Actor = COUNTY) -> dict[str, Any]:
    """Uploads, checks and imports a roster as the job does."""
    upload = make.upload(make.workbook(rows))
    found = importing.check_roster(session, project, upload, IDENTITY_KEY.encode())
    importing.require_clean(found.report())
    kept = importing.keep_roster(session, who, project.id, upload, found.report())
    return importing.import_roster(session, kept, found)


def results(session: Session, project: Project) -> list[Result]:
    """All results, fresh from the database, in the order of the roster."""
    session.expire_all()
    return list(session.scalars(queries.results(project).order_by(*queries.RESULT_KEYS)))


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


# Publishing ----------------------------------------------------------------------------------------------------------


def test_a_county_publishes_and_sees_what_one_participant_gets(session: Session) -> None:
    project = make.make_project(session)
    assert project.number == "P2026-360102-0001"
    assert make.make_project(session).number == "P2026-360102-0002"
    assert (project.level, project.authority_path, project.organizer_name) == (
        "county", make.DONGHU, "南昌市东湖区教育体育局",
    )  # fmt: skip
    assert queries.preview_of(project).credits == 6


def test_a_school_needs_an_approved_plan_of_its_own(session: Session) -> None:
    """FAQ-Q14: PC-29."""
    body = {"category": "school_training", "hours": Decimal(20)}
    with pytest.raises(Invalid) as caught:
        make.make_project(session, SCHOOL, **body)
    assert "plan_item_id" in caught.value.fields
    waiting = make.submit(session, make.make_plan(session))
    with pytest.raises(Invalid, match="已通过"):
        make.make_project(session, SCHOOL, **body, plan_id=waiting.id, plan_item_id=waiting.items[0].id)
    plan = make.approved_plan(session)
    project = make.make_project(session, SCHOOL, **body, plan_id=plan.id, plan_item_id=plan.items[0].id)
    assert (project.hours_per_credit, project.plan_number, project.level) == (10, plan.number, "school")
    assert project.authority_path == make.DONGHU
    assert project.area_path == make.QINGFENG
    other = make.school_admin("360000/360100/360102/3601020002/")
    with pytest.raises(Invalid, match="本单位的方案"):
        make.make_project(session, other, **body, plan_id=plan.id, plan_item_id=plan.items[0].id)


def test_a_training_keeps_to_its_plan(session: Session) -> None:
    plan = make.approved_plan(session)
    base = {"category": "school_training", "plan_id": plan.id, "plan_item_id": plan.items[0].id, "hours": Decimal(20)}
    wrong = [
        ({"hours": Decimal(21)}, "hours"),
        ({"plan_item_id": plan.items[1].id}, "plan_item_id"),
        ({"category": "school_research"}, "plan_item_id"),
        (
            {"school_year": "2027-2028", "held_from": date(2027, 9, 1), "held_to": date(2027, 9, 2)},
            "school_year",
        ),
    ]
    for changes, field in wrong:
        with pytest.raises(Invalid) as caught:
            make.make_project(session, SCHOOL, **{**base, **changes})
        assert list(caught.value.fields) == [field]


@pytest.mark.parametrize(
    ("who", "category"),
    [
        ("school.qingfeng", "county_training"),
        ("county.donghu", "national_training"),
        ("county.donghu", "school_training"),
        ("district.nanchang", "county_training"),
    ],
)
def test_who_may_publish_what(session: Session, who: str, category: str) -> None:
    with pytest.raises(Invalid) as caught:
        make.make_project(session, make.actor(who), category=category)
    assert "category" in caught.value.fields


def test_others_publish_nothing(session: Session) -> None:
    with pytest.raises(NotAllowed):
        make.make_project(session, make.actor("teacher.li"))


def test_dates_year_level_and_mode_are_checked_together(session: Session) -> None:
    with pytest.raises(Invalid) as caught:
        make.make_project(session, level="national", held_to=date(2026, 10, 1), school_year="2020-2021")
    assert set(caught.value.fields) == {"level", "held_to", "school_year"}


def test_a_provider_publishes_for_the_authority_above_or_the_one_named(session: Session) -> None:
    provider = make.actor("provider.ganjiang")
    project = make.make_project(session, provider, category="national_training")
    assert (project.level, project.authority_path) == ("national", make.PROVINCE)
    assert project.organizer_name == provider.posts[0].body
    for_county = make.make_project(session, provider, category="county_training", organizer_unit_code="360102")
    assert (for_county.authority_path, for_county.area_path) == (make.DONGHU, make.DONGHU)
    with pytest.raises(Invalid):
        make.make_project(session, provider, category="county_training", organizer_unit_code="3601020001")


def test_a_fallback_training_needs_a_filed_scheme(session: Session) -> None:
    """I-15."""
    with pytest.raises(Invalid, match="方案"):
        make.make_project(session, category="fallback_training")


# Rosters -------------------------------------------------------------------------------------------------------------


def test_a_roster_is_imported_once_however_often(session: Session) -> None:
    project = make.make_project(session)
    rows = make.roster_rows(3)
    assert bring_in(session, project, rows)["inserted"] == 3
    first = [(r.id, r.name, r.hours, r.passed, r.state, r.credits_state) for r in results(session, project)]
    assert [name for _, name, *_ in first] == [person.name for person in make.teachers(3)]
    again = bring_in(session, project, rows)
    assert (again["inserted"], again["updated"], again["unchanged"]) == (0, 0, 3)
    assert [(r.id, r.name, r.hours, r.passed, r.state, r.credits_state) for r in results(session, project)] == first


def test_a_new_import_changes_what_waits_and_spares_what_is_audited(session: Session) -> None:
    """T7."""
    project = make.make_project(session)
    bring_in(session, project, make.roster_rows(2))
    auditing.audit_results(session, AUDITOR, project.id)
    rows = make.roster_rows(4)
    bring_in(session, project, rows)
    for row in rows:
        row[2] = 30
    report = bring_in(session, project, rows)
    assert (report["inserted"], report["updated"], report["spared"]) == (0, 2, 2)
    assert report["spared_names"] == [person.name for person in make.teachers(2)]
    assert "已审核的 2 人保持不变" in report["text"]
    assert [(r.hours, r.state) for r in results(session, project)] == [
        (60, "audited"),
        (60, "audited"),
        (30, "entered"),
        (30, "entered"),
    ]


def test_errors_stop_the_whole_file(session: Session) -> None:
    project = make.make_project(session)
    rows = make.roster_rows(3)
    rows[1][3] = "优秀"
    with pytest.raises(Invalid) as caught:
        bring_in(session, project, rows)
    assert caught.value.extra["rows"] == 3
    assert [(e["cell"], e["row"]) for e in caught.value.extra["errors"]] == [("D3", 3)]
    assert results(session, project) == []


def test_a_schools_roster_holds_its_own_teachers_only(session: Session) -> None:
    plan = make.approved_plan(session)
    project = make.make_project(
        session, SCHOOL, category="school_training", hours=Decimal(20), plan_id=plan.id, plan_item_id=plan.items[0].id
    )
    outsider = next(p for p in make.teachers(200) if p.unit_path != make.QINGFENG)
    upload = make.upload(make.workbook([[outsider.identity, outsider.name, 20, "合格", ""]]))
    report = importing.check_roster(session, project, upload, IDENTITY_KEY.encode()).report()
    assert [e["cell"] for e in report["errors"]] == ["A2"]
    assert "青枫小学" in report["errors"][0]["message"]


def test_only_the_organizer_enters_results(session: Session) -> None:
    project = make.make_project(session)
    for who in (make.actor("district.nanchang"), make.reviewer(make.DONGHU, "auditor-only")):
        with pytest.raises(NotAllowed, match="组织单位"):
            bring_in(session, project, make.roster_rows(1), who)
    with pytest.raises(NotFound):
        bring_in(session, project, make.roster_rows(1), make.actor("county.yujiang"))


def test_the_job_imports_once_even_if_it_is_delivered_twice(database: Database, run: Runtime) -> None:
    with database.transaction() as session:
        project = make.make_project(session)
        upload = make.upload(make.workbook(make.roster_rows(3)))
        store(run.settings.data_dir).put(upload)
        report = importing.check_roster(session, project, upload, run.settings.identity_key).report()
        kept = importing.keep_roster(session, COUNTY, project.id, upload, report)
        job_id = importing.start_import(session, COUNTY, project.id, kept.id)
        assert importing.start_import(session, COUNTY, project.id, kept.id) == job_id
    for _ in range(2):
        run_job(database, JOBS, job_id, "plans.import_roster", {"upload_id": kept.id}, {}, run)
    with database.reading() as session:
        job = session.get_one(JobRow, job_id)
        assert (job.state, job.done, job.total) == ("done", 3, 3)
        assert job.result is not None
        assert job.result["inserted"] == 3
        assert len(session.scalars(queries.results(project)).all()) == 3
        assert session.get_one(RosterUpload, kept.id).imported_at is not None


def test_the_job_checks_again_and_writes_nothing_when_somebody_has_left(database: Database, run: Runtime) -> None:
    with database.transaction() as session:
        project = make.make_project(session)
        upload = make.upload(make.workbook(make.roster_rows(2)))
        store(run.settings.data_dir).put(upload)
        report = importing.check_roster(session, project, upload, run.settings.identity_key).report()
        kept = importing.keep_roster(session, COUNTY, project.id, upload, report)
        job_id = importing.start_import(session, COUNTY, project.id, kept.id)
        session.get_one(PersonCopy, make.teachers(2)[1].person_id).active = False
    run_job(database, JOBS, job_id, "plans.import_roster", {"upload_id": kept.id}, {}, run)
    with database.reading() as session:
        job = session.get_one(JobRow, job_id)
        assert job.state == "failed"
        assert "1 行需要改正" in str(job.error)
        assert session.scalars(queries.results(project)).all() == []


# Audits --------------------------------------------------------------------------------------------------------------


def test_an_audit_tells_credits_once_per_person(session: Session) -> None:
    project = make.make_project(session)
    rows = make.roster_rows(3)
    rows[2][3] = "不合格"
    bring_in(session, project, rows)
    audit = auditing.audit_results(session, AUDITOR, project.id)
    (event,) = audited(session)
    assert (event.audit_id, event.chunk, event.chunks) == (audit.id, 1, 1)
    assert [(r.hours, r.passed, r.attempt) for r in event.results] == [(60, True, 1), (60, True, 1), (60, False, 1)]
    assert (event.project.category, event.project.bucket, event.project.convert) == (
        "county_training", "coordinated", True,
    )  # fmt: skip
    assert event.project.hours_per_credit is None
    assert (event.entered_by, event.audited_by) == ("county.donghu", "audit.donghu")
    assert {(r.state, r.attempt, r.credits_state) for r in results(session, project)} == {("audited", 1, "sent")}


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
    bring_in(session, project, [[person.identity, person.name, 12, "合格", ""]], SCHOOL)
    auditing.audit_results(session, AUDITOR, project.id)
    facts = audited(session)[0].project
    assert (facts.hours_per_credit, facts.plan_number, facts.plan_status) == (12, plan.number, "approved")
    assert (facts.bucket, facts.level) == ("self_organized", "school")


def test_chunks_are_small_and_each_has_one_enterer(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "CHUNK", 2)
    project = make.make_project(session)
    bring_in(session, project, make.roster_rows(3))
    bring_in(session, project, make.roster_rows(4), make.actor("county.donghu2"))
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
    bring_in(session, project, make.roster_rows(1), second)
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


def test_the_slower_auditor_reads_who_was_faster(session: Session) -> None:
    project = make.make_project(session)
    with pytest.raises(Conflict, match="先导入名单"):
        auditing.audit_results(session, AUDITOR, project.id)
    bring_in(session, project, make.roster_rows(2))
    auditing.audit_results(session, AUDITOR, project.id)
    with pytest.raises(Conflict, match="已由闵若愚于"):
        auditing.audit_results(session, make.actor("county.donghu2"), project.id)
    assert len(audited(session)) == 1


def test_taking_back_and_auditing_anew(session: Session) -> None:
    project = make.make_project(session)
    bring_in(session, project, make.roster_rows(2))
    first = auditing.audit_results(session, AUDITOR, project.id)
    answer(session, first, results(session, project), "6.0")
    assert {(r.credits, r.credits_state, r.explanation) for r in results(session, project)} == {
        (Decimal(6), "recorded", "得 6.0")
    }
    with pytest.raises(Invalid):
        auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason=" ")
    auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason="学时有误")
    assert {(r.state, r.credits_state) for r in results(session, project)} == {("audit_revoked", "sent")}
    with pytest.raises(Conflict, match="已由闵若愚于"):
        auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason="再次")
    answer(session, first, results(session, project), "0", revoked=True)
    assert {(r.credits, r.credits_state) for r in results(session, project)} == {(Decimal(0), "recorded")}
    second = auditing.audit_results(session, AUDITOR, project.id)
    assert (second.number, second.count) == (2, 2)
    assert {r.attempt for r in audited(session)[-1].results} == {2}
    assert {(r.state, r.credits) for r in results(session, project)} == {("audited", None)}
    names = session.scalars(select(OutboxRow.name).where(OutboxRow.aggregate_id == first.id).order_by(OutboxRow.id))
    assert list(names) == ["plans.results_audited.v1", "plans.audit_revoked.v1"]


def test_a_late_answer_never_overwrites_a_newer_state(session: Session) -> None:
    project = make.make_project(session)
    bring_in(session, project, make.roster_rows(2))
    first = auditing.audit_results(session, AUDITOR, project.id)
    rows = results(session, project)
    auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason="学时有误")
    answer(session, first, rows, "6.0")
    assert {r.credits_state for r in results(session, project)} == {"sent"}
    second = auditing.audit_results(session, AUDITOR, project.id)
    answer(session, second, rows, "5.0")
    answer(session, first, rows, "0", revoked=True)
    assert {(r.credits, r.credits_state) for r in results(session, project)} == {(Decimal(5), "recorded")}
    (now, before) = queries.audits(session, project)
    assert (now.audit.id, now.recorded, now.current) == (second.id, 2, 2)
    assert (before.audit.id, before.recorded, before.current) == (first.id, 0, 0)


def test_an_answer_to_an_unknown_audit_changes_nothing(session: Session) -> None:
    project = make.make_project(session)
    bring_in(session, project, make.roster_rows(1))
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
    assert {r.credits_state for r in results(session, project)} == {"none"}


def test_who_sees_which_projects(session: Session) -> None:
    plan = make.approved_plan(session)
    county = make.make_project(session)
    school = make.make_project(
        session, SCHOOL, category="school_training", hours=Decimal(20), plan_id=plan.id, plan_item_id=plan.items[0].id
    )
    provincial = make.make_project(session, make.actor("province"), category="provincial_training")
    expected = {
        "county.donghu": {county.id, school.id},
        "district.nanchang": {county.id, school.id},
        "province": {county.id, school.id, provincial.id},
        "school.qingfeng": {school.id},
        "county.yujiang": set(),
        "teacher.li": set(),
    }
    for username, ids in expected.items():
        who = make.actor(username)
        found = session.scalars(queries.visible_projects(who)).all()
        assert {project.id for project in found} == ids, username
        assert queries.count(session, queries.visible_projects(who)) == len(ids)
    assert Office.RESULT_AUDIT in {post.office for post in AUDITOR.posts}
    assert outbox.pending(session)[0] > 0
