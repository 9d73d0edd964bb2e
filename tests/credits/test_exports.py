"""N22: the workbook of a school's or an area's teachers: the list of the page; who took it away is noted."""

from __future__ import annotations

import io
import os
import re
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import func, select

from services.credits import files
from services.credits.certificates import exporting, operations, queries
from services.credits.certificates.models import ExportDownload, TeacherExport
from services.credits.tasks import PRUNE_JOB
from shared.actors import Actor, Office
from shared.errors import Conflict, Invalid, NotFound
from shared.jobs import JobRow, run_job, run_later
from shared.service import Runtime
from tests.credits.conftest import NOW
from tests.credits.make import (
    COUNTY,
    OTHER_COUNTY,
    OTHER_SCHOOL,
    SCHOOL,
    SCHOOL_PROJECT,
    admin,
    audited,
    bearer,
    cookie,
    deliver,
    register_people,
    result,
)

HOSTILE = '=HYPERLINK("http://x","点")'


@pytest.fixture
def people(run: Runtime, now: datetime) -> Runtime:
    """Three teachers of a school, one of another county; person 1 has credits, person 3 is asked for nothing."""
    register_people(run.database, 1, 2)
    register_people(run.database, 3, name=HOSTILE, kind="seconded_to_authority")
    register_people(run.database, 4, unit_path=OTHER_SCHOOL)
    deliver(run.database, audited(result(hours="60"), audit_id="a1"))
    deliver(run.database, audited(replace(result(hours="25"), result_id="r2"), audit_id="a2", project=SCHOOL_PROJECT))
    return run


def made(run: Runtime, actor: Actor, area: str | None = None, status: str | None = None) -> TeacherExport:
    """A workbook that was asked for and made, as the bus would run its job."""
    with run.database.transaction() as session:
        asked = operations.request_export(session, actor, area, status)
    perform(run, asked)
    with run.database.reading() as session:
        return session.get_one(TeacherExport, asked.id)


def perform(run: Runtime, asked: TeacherExport) -> None:
    """Runs the job of a workbook."""
    arguments = {"export_id": asked.id}
    run_job(run.database, run.service.jobs, str(asked.job_id), operations.EXPORT_JOB, arguments, {}, run)


def rows_of(run: Runtime, export: TeacherExport) -> dict[str, list[list[Any]]]:
    """Sheet -> rows."""
    content = files.store(run.settings.data_dir).get(str(export.sha256))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert not [name for name in archive.namelist() if "sheet" in name and b"<f>" in archive.read(name)]
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_n22_the_workbook_is_the_list(people: Runtime) -> None:
    export = made(people, admin())
    sheets = rows_of(people, export)
    head, first, second, third = sheets["教师学分"]
    assert head == list(exporting.COLUMNS)
    assert first[:4] == ["城南小学", "3601020001", "教师1", "360102********001X"]
    assert first[6:15] == [6.0, 26.0, 20.0, 0.0, 2.5, 10.0, 7.5, 0.0, "进行中"]
    assert second[6:8] == [0.0, 26.0]
    assert (third[2], third[14]) == (HOSTILE, "不作要求")
    assert "借调" in third[15]
    about = dict(sheets["说明"][1:])
    assert about["导出人"] == "龚立言"
    assert about["单位"] == "东湖区及其下级"
    assert about["培训周期"] == "2023—2028 周期"
    assert about["行数"] == "3"
    assert export.rows == 3
    with people.database.reading() as session:
        job = session.get_one(JobRow, export.job_id)
        assert (job.state, job.done, job.total) == ("done", 3, 3)


def test_n22_a_long_list_is_read_page_by_page(people: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "MAX_PAGE_SIZE", 2)
    names = [row[2] for row in rows_of(people, made(people, admin()))["教师学分"][1:]]
    assert names == ["教师1", "教师2", HOSTILE]


def test_n22_area_and_status_are_respected(people: Runtime) -> None:
    narrowed = made(people, admin(path="360000/"), OTHER_COUNTY)
    assert [row[2] for row in rows_of(people, narrowed)["教师学分"][1:]] == ["教师4"]
    chosen = made(people, admin(), status="not_assessed")
    sheets = rows_of(people, chosen)
    assert [row[2] for row in sheets["教师学分"][1:]] == [HOSTILE]
    assert dict(sheets["说明"][1:])["状态"] == "不作要求"


def test_n22_nobody_exports_or_sees_another_area(people: Runtime) -> None:
    export = made(people, admin())
    for actor in (admin(path=OTHER_COUNTY), admin(Office.SCHOOL_ADMIN, SCHOOL)):
        with people.database.transaction() as session:
            with pytest.raises(NotFound):
                queries.find_export(session, actor, export.id)
            with pytest.raises(NotFound):
                operations.note_download(session, actor, export.id)
            with pytest.raises(NotFound):
                operations.request_export(session, actor, COUNTY)
    both = replace(admin(), posts=(*admin().posts, *admin(path=OTHER_COUNTY).posts))
    with people.database.transaction() as session, pytest.raises(Invalid) as refused:
        operations.request_export(session, both, None)
    assert refused.value.fields.keys() == {"under"}


def test_n22_asked_twice_it_is_made_once(people: Runtime) -> None:
    with people.database.transaction() as session:
        first, second = (operations.request_export(session, admin(), None) for _ in range(2))
        assert first.id == second.id
        with pytest.raises(Conflict, match="还没有生成完毕"):
            operations.note_download(session, admin(), first.id)
    perform(people, first)
    perform(people, first)
    assert made(people, admin()).id != first.id
    with people.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(TeacherExport)) == 2


def test_n22_who_took_it_away_is_on_the_page(people: Runtime, client: FlaskClient) -> None:
    client.set_cookie(*cookie(people, admin()))
    listed = client.get("/credits/teachers").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', listed)
    assert token is not None
    form = {"csrf_token": token[1], "idempotency_key": "export-1"}
    assert client.post("/credits/exports", data=form).headers["Location"] == "/credits/exports"
    with people.database.reading() as session:
        export = session.scalars(select(TeacherExport)).one()
    waiting = client.get("/credits/exports").text
    assert f"/credits/jobs/{export.job_id}" in waiting
    assert "未下载" in waiting
    perform(people, export)
    file = client.post(f"/credits/exports/{export.id}/downloads", data=form | {"idempotency_key": "d1"})
    assert file.status_code == 200
    assert "spreadsheetml" in str(file.mimetype)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", client.get("/credits/exports").text))
    assert "1 次最近 2026-11-24 10:00 东湖区 龚立言" in page
    api = client.get("/credits/api/v1/exports", headers=bearer(people, admin())).json["items"]
    assert [(one["rows"], one["downloads"]) for one in api] == [(3, 1)]
    taken = client.post(f"/credits/api/v1/exports/{export.id}/downloads", json={}, headers=bearer(people, admin()))
    assert taken.data == file.data
    with people.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ExportDownload)) == 2


def test_n22_a_workbook_is_removed_after_its_time_and_its_record_stays(people: Runtime, client: FlaskClient) -> None:
    old = made(people, admin())
    with people.database.transaction() as session:
        operations.note_download(session, admin(), old.id)

    def file_of(export: TeacherExport, day: datetime) -> Path:
        """Where it lies; the file system keeps its own time, so the day is put there by hand."""
        (path,) = (people.settings.data_dir / "credits-files").rglob(str(export.sha256))
        os.utime(path, (day.timestamp(),) * 2)
        return path

    def nightly(days: int) -> None:
        with time_machine.travel(NOW + timedelta(days=days), tick=False):
            with people.database.transaction() as session:
                job_id = run_later(session, PRUNE_JOB, {})
            run_job(people.database, people.service.jobs, job_id, PRUNE_JOB, {}, {}, people)

    later = NOW + timedelta(days=29)
    with time_machine.travel(later):
        young = made(people, admin())
    first, second = file_of(old, NOW), file_of(young, later)
    nightly(29)
    assert first.exists()
    with time_machine.travel(NOW + timedelta(days=30, minutes=1)):
        # It is no longer given out before the file goes, so that nobody finds half of it.
        with (
            people.database.transaction() as session,
            pytest.raises(Conflict, match="只保留 30 天，已于 2026-12-24 清理"),
        ):
            operations.note_download(session, admin(), old.id)
        client.set_cookie(*cookie(people, admin()))
        page = client.get("/credits/exports").text
        assert page.count("已清理") == 1
        assert page.count('/downloads"') == 1
    nightly(32)
    assert not first.exists()
    assert second.exists()
    with people.database.reading() as session:
        assert session.get_one(TeacherExport, old.id).rows == 3
        assert session.scalars(select(ExportDownload.body)).all() == ["东湖区"]
