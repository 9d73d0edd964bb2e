"""Bringing rosters in: whole or not at all, as often as one likes, by the real job."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.plans.files import store
from services.plans.projects import auditing, history, queries
from services.plans.projects.models import ProjectStatus, Quota, RosterUpload
from services.plans.rosters import importing
from services.plans.tasks import JOBS
from shared import bulk
from shared.database import Database
from shared.directory import PersonCopy
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.jobs import JobRow, run_job
from shared.service import Runtime
from tests.at_once import at_once
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


def test_t7_the_same_file_twice_changes_nothing(session: Session) -> None:
    project = make.make_project(session)
    rows = make.roster_rows(3)
    make.bring_in(session, project, rows)
    session.refresh(project)
    before = project.version
    assert make.bring_in(session, project, rows)["unchanged"] == 3
    session.refresh(project)
    assert project.version == before
    assert [line.act for line in history.lines(session, project)].count("import") == 1


@pytest.mark.parametrize("chunk", [1, 2, 5_000])
def test_rows_are_written_many_at_a_time(session: Session, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(bulk, "CHUNK", chunk)
    project = make.make_project(session)
    rows = make.roster_rows(5)
    rows[4] = [*rows[4][:3], "不合格", "备注\t\\N 换\n行"]
    assert make.bring_in(session, project, rows)["inserted"] == 5
    for row in rows[:3]:
        row[2] = "12.5"
    assert make.bring_in(session, project, rows)["updated"] == 3
    found = make.results(session, project)
    assert [(r.hours, r.passed) for r in found] == [(Decimal("12.5"), True)] * 3 + [(60, True), (60, False)]
    assert found[4].note == "备注\t\\N 换\n行"
    assert {(r.state, r.attempt, r.credits_state, r.credits) for r in found} == {("entered", 0, "none", None)}
    assert all(r.entered_at.tzinfo is not None for r in found)


def test_attendance_is_kept_and_a_file_without_it_leaves_it(session: Session) -> None:
    project = make.make_project(session)
    rows = [[*row[:4], attendance] for row, attendance in zip(make.roster_rows(3), ("全勤", 0.95, ""), strict=True)]
    header = ["身份证号", "姓名", "学时", "考核结果", "出勤"]
    upload = make.upload(make.workbook(rows, header=header))
    found = importing.check_roster(session, project, upload, make.IDENTITY_KEY.encode())
    kept = importing.keep_roster(session, COUNTY, project.id, upload, found.report())
    importing.import_roster(session, kept, found)
    assert [r.attendance for r in make.results(session, project)] == ["全勤", "95%", None]
    assert make.bring_in(session, project, make.roster_rows(3))["unchanged"] == 3
    assert [r.attendance for r in make.results(session, project)] == ["全勤", "95%", None]


def test_seats_count_who_is_registered_already(session: Session) -> None:
    people = [p for p in make.teachers(200) if p.unit_path == make.QINGFENG][:3]
    rows = [[p.identity, p.name, 60, "合格", ""] for p in people]
    project = make.make_project(session)
    session.add(Quota(project_id=project.id, unit_path=make.QINGFENG, unit_name="青枫小学", seats=2))
    session.flush()
    session.expire(project)
    key = make.IDENTITY_KEY.encode()

    def errors(rows: list[list[object]]) -> list[str]:
        upload = make.upload(make.workbook(rows))
        return [e["cell"] for e in importing.check_roster(session, project, upload, key).report()["errors"]]

    assert errors(rows) == ["A4"]
    make.bring_in(session, project, rows[:2])
    assert errors(rows[:2]) == []  # who is in the file takes the seat that he has
    assert errors(rows[2:]) == ["A2"]
    assert errors(rows[1:]) == ["A3"]


def test_good_rows_may_go_first_and_the_others_follow(session: Session) -> None:
    """T7, B8: said deliberately, never by itself."""
    project = make.make_project(session)
    rows = make.roster_rows(4)
    rows[1][3] = "优秀"
    upload = make.upload(make.workbook(rows))
    found = importing.check_roster(session, project, upload, make.IDENTITY_KEY.encode())
    kept = importing.keep_roster(session, COUNTY, project.id, upload, found.report())
    with pytest.raises(Invalid, match="1 行需要改正"):
        importing.start_import(session, COUNTY, project.id, kept.id)
    assert importing.start_import(session, COUNTY, project.id, kept.id, good_only=True)
    report = importing.import_roster(session, kept, found)
    assert (report["inserted"], report["left_out"]) == (3, 1)
    assert "1 行有错误没有导入" in report["text"]
    rows[1][3] = "合格"
    assert make.bring_in(session, project, rows[1:2])["inserted"] == 1
    assert len(make.results(session, project)) == 4


def test_a_file_without_one_good_row_has_nothing_to_import(session: Session) -> None:
    project = make.make_project(session)
    rows = make.roster_rows(1)
    rows[0][3] = "优秀"
    upload = make.upload(make.workbook(rows))
    report = importing.check_roster(session, project, upload, make.IDENTITY_KEY.encode()).report()
    kept = importing.keep_roster(session, COUNTY, project.id, upload, report)
    with pytest.raises(Invalid, match="没有无误的行"):
        importing.start_import(session, COUNTY, project.id, kept.id, good_only=True)


def test_nothing_comes_into_a_project_that_is_closed(session: Session) -> None:
    """T8: not by an upload, not by a button pressed before, not by a job that is under way."""
    project = make.make_project(session)
    upload = make.upload(make.workbook(make.roster_rows(1)))
    found = importing.check_roster(session, project, upload, make.IDENTITY_KEY.encode())
    kept = importing.keep_roster(session, COUNTY, project.id, upload, found.report())
    project.status = ProjectStatus.VOIDED.value
    session.flush()
    with pytest.raises(Conflict, match="作废"):
        importing.keep_roster(session, COUNTY, project.id, upload, found.report())
    with pytest.raises(Conflict, match="作废"):
        importing.start_import(session, COUNTY, project.id, kept.id)
    with pytest.raises(Conflict, match="作废"):
        importing.import_roster(session, kept, found)
    assert make.results(session, project) == []


def test_progress_is_told_every_so_many_rows(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert importing.STEP <= 5_000
    monkeypatch.setattr(importing, "STEP", 2)
    project = make.make_project(session)
    seen: list[tuple[int, int]] = []
    upload = make.upload(make.workbook(make.roster_rows(5)))
    importing.read_roster(project, upload, make.IDENTITY_KEY.encode(), lambda done, total: seen.append((done, total)))
    assert seen == [(2, 5), (4, 5)]


@pytest.mark.servers
def test_two_imports_at_once_register_everybody_once(postgres: Database) -> None:
    with postgres.transaction() as session:
        project = make.make_project(session)
        upload = make.upload(make.workbook(make.roster_rows(20)))
        found = importing.check_roster(session, project, upload, make.IDENTITY_KEY.encode())
        both = [importing.keep_roster(session, COUNTY, project.id, upload, found.report()) for _ in range(2)]

    def bring(kept: RosterUpload) -> Callable[[], dict[str, Any]]:
        def act() -> dict[str, Any]:
            with postgres.transaction() as session:
                return importing.import_roster(session, session.get_one(RosterUpload, kept.id), found)

        return act

    reports = at_once(*map(bring, both))
    assert sorted((r["inserted"], r["unchanged"]) for r in reports) == [(0, 20), (20, 0)]
    with postgres.reading() as session:
        assert len(session.scalars(queries.results(project)).all()) == 20
