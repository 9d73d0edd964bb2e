"""Bringing rosters in: whole or not at all, as often as one likes, by the real job."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from services.plans.files import store
from services.plans.projects import auditing, importing, queries
from services.plans.projects.models import RosterUpload
from services.plans.tasks import JOBS
from shared.database import Database
from shared.directory import PersonCopy
from shared.errors import Invalid, NotAllowed, NotFound
from shared.jobs import JobRow, run_job
from shared.service import Runtime
from tests.plans import builders as make

COUNTY, AUDITOR = make.actor("county.donghu"), make.actor("audit.donghu")
SCHOOL = make.actor("school.qingfeng")


def test_a_roster_is_imported_once_however_often(session: Session) -> None:
    project = make.make_project(session)
    rows = make.roster_rows(3)
    assert make.bring_in(session, project, rows)["inserted"] == 3
    first = [(r.id, r.name, r.hours, r.passed, r.state, r.credits_state) for r in make.results(session, project)]
    assert [name for _, name, *_ in first] == [person.name for person in make.teachers(3)]
    again = make.bring_in(session, project, rows)
    assert (again["inserted"], again["updated"], again["unchanged"]) == (0, 0, 3)
    assert [
        (r.id, r.name, r.hours, r.passed, r.state, r.credits_state) for r in make.results(session, project)
    ] == first


def test_a_new_import_changes_what_waits_and_spares_what_is_audited(session: Session) -> None:
    """T7."""
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(2))
    auditing.audit_results(session, AUDITOR, project.id)
    rows = make.roster_rows(4)
    make.bring_in(session, project, rows)
    for row in rows:
        row[2] = 30
    report = make.bring_in(session, project, rows)
    assert (report["inserted"], report["updated"], report["spared"]) == (0, 2, 2)
    assert report["spared_names"] == [person.name for person in make.teachers(2)]
    assert "已审核的 2 人保持不变" in report["text"]
    assert [(r.hours, r.state) for r in make.results(session, project)] == [
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
        make.bring_in(session, project, rows)
    assert caught.value.extra["rows"] == 3
    assert [(e["cell"], e["row"]) for e in caught.value.extra["errors"]] == [("D3", 3)]
    assert make.results(session, project) == []


def test_a_schools_roster_holds_its_own_teachers_only(session: Session) -> None:
    plan = make.approved_plan(session)
    project = make.make_project(
        session, SCHOOL, category="school_training", hours=Decimal(20), plan_id=plan.id, plan_item_id=plan.items[0].id
    )
    outsider = next(p for p in make.teachers(200) if p.unit_path != make.QINGFENG)
    upload = make.upload(make.workbook([[outsider.identity, outsider.name, 20, "合格", ""]]))
    report = importing.check_roster(session, project, upload, make.IDENTITY_KEY.encode()).report()
    assert [e["cell"] for e in report["errors"]] == ["A2"]
    assert "青枫小学" in report["errors"][0]["message"]


def test_only_the_organizer_enters_results(session: Session) -> None:
    project = make.make_project(session)
    for who in (make.actor("district.nanchang"), make.reviewer(make.DONGHU, "auditor-only")):
        with pytest.raises(NotAllowed, match="组织单位"):
            make.bring_in(session, project, make.roster_rows(1), who)
    with pytest.raises(NotFound):
        make.bring_in(session, project, make.roster_rows(1), make.actor("county.yujiang"))


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
