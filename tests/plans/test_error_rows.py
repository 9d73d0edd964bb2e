"""Rosters over API and page: long ones in the background, the rows to mend as a workbook, the template (T7, B8, B9)."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from services.plans.files import store
from services.plans.projects.models import Result, RosterUpload
from services.plans.rosters import roster
from services.plans.tasks import JOBS
from shared.database import Database
from shared.directory import PersonCopy
from shared.jobs import JobRow, run_job
from shared.service import Runtime
from shared.sheets import reading, writing
from shared.sheets.cells import find_headings
from tests.plans import builders as make
from tests.plans.test_api import PROJECT, As, sheet

KEY = make.IDENTITY_KEY.encode()


def cells(content: bytes) -> list[list[Any]]:
    """Every row of a workbook."""
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()


def work(database: Database, run: Runtime, job_id: str) -> JobRow:
    """Runs a job as the worker does; how it ended."""
    with database.reading() as session:
        job = session.get_one(JobRow, job_id)
    run_job(database, JOBS, job_id, job.name, job.arguments, {"account_id": job.account_id}, run)
    with database.reading() as session:
        return session.get_one(JobRow, job_id)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every roster counts as a long one."""
    monkeypatch.setattr(reading, "SHORT_PART", 100)


def mixed() -> list[list[Any]]:
    """Rows of which the second and the fourth are wrong, the fourth twice."""
    rows = make.roster_rows(4)
    rows[1][0] = 3.60102e17
    rows[3][2], rows[3][3] = "六十", "=1+1"
    return rows


def test_t7_the_rows_with_errors_can_be_mended_and_uploaded_again(call_as: As, database: Database) -> None:
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster"
    report = county("POST", path + "?dry_run=true", data=sheet(mixed()))
    assert (report.status_code, report.json["state"], report.json["good"]) == (201, "checked", 2)
    upload_id = report.json["upload_id"]
    answer = county("GET", f"{path}/{upload_id}/errors.xlsx")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    assert report.json["error_rows"].endswith(f"{path}/{upload_id}/errors.xlsx")
    header, *rows = cells(answer.data)
    assert header == ["身份证号", "姓名", "学时", "考核结果（合格/不合格）", "备注", "错误原因"]
    second, fourth = make.teachers(4)[1], make.teachers(4)[3]
    assert [row[:5] for row in rows] == [
        ["3.60102E+17", second.name, "60", "合格", ""],
        [fourth.identity, fourth.name, "六十", "=1+1", ""],
    ]
    assert "身份证号（A3）：" in rows[0][5]
    assert "科学计数法" in rows[0][5]
    assert [line.split("：")[0] for line in rows[1][5].splitlines()] == ["学时（C5）", "考核结果（D5）"]

    # Nothing was written by the dry run; the good rows go in by a deliberate word, the mended ones as they came back.
    assert county("GET", path.replace("roster", "results")).json["items"] == []
    refused = county("POST", f"{path}/{upload_id}/import", json={})
    assert (refused.status_code, refused.json["good"]) == (422, 2)
    started = county("POST", f"{path}/{upload_id}/import", json={"good_only": True})
    assert (started.status_code, started.json["upload_id"]) == (202, upload_id)
    rows[0][0], rows[1][2], rows[1][3] = second.identity, "60", "合格"
    mended = {"file": (io.BytesIO(make.workbook(rows, header=header)), "改正.xlsx")}
    again = county("POST", path + "?dry_run=true", data=mended)
    assert (again.json["rows"], again.json["good"], again.json["error_rows"]) == (2, 2, None)
    assert county("GET", f"{path}/{again.json['upload_id']}/errors.xlsx").status_code == 404


def test_the_reasons_of_last_time_do_not_pile_up() -> None:
    header = ["身份证号", "姓名", "学时", "考核结果", "错误原因"]
    upload = make.upload(make.workbook([["1", "甲", 60, "合格", "旧的原因"]], header=header, first_row=2))
    found = roster.read(reading.open_sheet(upload).rows, KEY, make.project_body()["hours"])
    made = writing.error_rows(upload, found)
    assert made.name == "名单-错误行.xlsx"
    first, only = cells(made.content)
    assert (first, only[:4]) == (header, ["1", "甲", "60", "合格"])
    assert "旧的原因" not in only[4]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "http://example.org"])
def test_what_looks_like_a_formula_stays_text(text: str) -> None:
    upload = make.upload(make.workbook([["1", text, 60, "合格", text]]))
    found = roster.read(reading.open_sheet(upload).rows, KEY, make.project_body()["hours"])
    content = writing.error_rows(upload, found).content
    assert [cells(content)[1][index] for index in (1, 4)] == [text, text]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        part = archive.read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in part
    assert b"hyperlink" not in part


def test_b9_the_template_keeps_the_digits_of_identity_numbers(call_as: As) -> None:
    county = call_as("county.donghu")
    project = county("POST", "/projects", json=PROJECT).json
    answer = county("GET", f"/projects/{project['id']}/roster/template.xlsx")
    assert answer.status_code == 200
    upload = make.upload(answer.data)
    ((number, header),) = reading.open_sheet(upload).rows
    _, places = find_headings(iter([(number, header)]), roster.HEADINGS, roster.REQUIRED)
    assert places.keys() == roster.HEADINGS.keys()
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert '<col min="1" max="1"' in archive.read("xl/worksheets/sheet1.xml").decode()
        # 49 is the format "@": what is typed stays text.
        assert 'numFmtId="49"' in archive.read("xl/styles.xml").decode()
        assert "合格,不合格" in archive.read("xl/worksheets/sheet1.xml").decode()
    assert call_as("county.yujiang")("GET", f"/projects/{project['id']}/roster/template.xlsx").status_code == 404


@pytest.mark.usefixtures("long")
def test_a_long_roster_is_checked_in_the_background_then_imported(
    call_as: As, database: Database, run: Runtime
) -> None:
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster"
    answer = county("POST", path + "?dry_run=true", data=sheet(make.roster_rows(3)))
    assert answer.status_code == 202, answer.text
    upload_id, job_id = answer.json["upload_id"], answer.json["job_id"]
    shown = county("GET", f"{path}/{upload_id}").json
    assert (shown["state"], shown["check_job_id"], "rows" in shown) == ("checking", job_id, False)
    job = work(database, run, job_id)
    assert (job.state, job.done, job.total) == ("done", 3, 3), job.error
    assert job.result is not None
    assert job.result["href"].endswith(f"?upload={upload_id}#roster")
    shown = county("GET", f"{path}/{upload_id}").json
    assert (shown["state"], shown["rows"], shown["good"]) == ("checked", 3, 3)
    started = county("POST", f"{path}/{upload_id}/import", json={}).json["job_id"]
    assert work(database, run, started).state == "done"
    assert county("GET", f"{path}/{upload_id}").json["state"] == "imported"
    assert len(county("GET", path.replace("roster", "results")).json["items"]) == 3


@pytest.mark.usefixtures("long")
def test_a_long_roster_with_errors_is_imported_not_at_all(call_as: As, database: Database, run: Runtime) -> None:
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster"
    answer = county("POST", path, data=sheet(mixed())).json
    job = work(database, run, answer["job_id"])
    assert (job.state, "2 行需要改正" in str(job.error)) == ("failed", True)
    shown = county("GET", f"{path}/{answer['upload_id']}").json
    assert ([e["cell"] for e in shown["errors"]], shown["check_job_id"]) == (["A3", "C5", "D5"], None)
    assert len(cells(county("GET", f"{path}/{answer['upload_id']}/errors.xlsx").data)) == 3
    assert county("GET", path.replace("roster", "results")).json["items"] == []
    started = county("POST", f"{path}/{answer['upload_id']}/import", json={"good_only": True}).json["job_id"]
    assert started != answer["job_id"]
    done = work(database, run, started)
    assert done.result is not None
    assert (done.state, done.result["inserted"], done.result["left_out"]) == ("done", 2, 2)


@pytest.mark.usefixtures("long")
def test_a_file_that_cannot_be_read_ends_its_check_with_a_sentence(
    call_as: As, database: Database, run: Runtime
) -> None:
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster?dry_run=true"
    content = make.workbook([["x"]], header=["号码"])
    answer = county("POST", path, data={"file": (io.BytesIO(content), "名单.xlsx")})
    job = work(database, run, answer.json["job_id"])
    assert (job.state, "没有找到表头" in str(job.error)) == ("failed", True)


@pytest.mark.usefixtures("long")
def test_a_check_that_is_delivered_twice_reports_once(call_as: As, database: Database, run: Runtime) -> None:
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster?dry_run=true"
    answer = county("POST", path, data=sheet(mixed()))
    first = work(database, run, answer.json["job_id"])
    with database.transaction() as session:
        session.get_one(JobRow, first.id).state = "queued"  # as if the broker had not heard of the end
        session.get_one(RosterUpload, answer.json["upload_id"]).report = {"rows": 0, "good": 0, "errors": []}
    work(database, run, first.id)
    with database.reading() as session:
        assert session.get_one(RosterUpload, answer.json["upload_id"]).report == {"rows": 0, "good": 0, "errors": []}


def test_the_error_rows_are_for_who_enters_results(call_as: As) -> None:
    """They have identity numbers in them."""
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster"
    upload_id = county("POST", path + "?dry_run=true", data=sheet(mixed())).json["upload_id"]
    auditor, district = make.reviewer(make.DONGHU, "auditor-only"), make.actor("district.nanchang")
    others = [(auditor, 403), (district, 403), ("county.yujiang", 404), ("school.qingfeng", 404)]
    for who, status in others:
        assert call_as(who)("GET", f"{path}/{upload_id}/errors.xlsx").status_code == status, who
        assert call_as(who)("GET", f"{path}/{upload_id}").status_code == status, who
    other = county("POST", "/projects", json=PROJECT).json["id"]
    assert county("GET", f"/projects/{other}/roster/{upload_id}/errors.xlsx").status_code == 404


def test_what_the_import_finds_anew_is_shown(call_as: As, database: Database, run: Runtime) -> None:
    """Somebody left between check and import: the project's page says so, row by row."""
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster"
    upload_id = county("POST", path + "?dry_run=true", data=sheet(make.roster_rows(3))).json["upload_id"]
    started = county("POST", f"{path}/{upload_id}/import", json={}).json["job_id"]
    with database.transaction() as session:
        session.get_one(PersonCopy, make.teachers(3)[1].person_id).active = False
    assert work(database, run, started).state == "failed"
    assert [e["cell"] for e in county("GET", f"{path}/{upload_id}").json["errors"]] == ["A3"]
    with database.transaction() as session:
        session.get_one(PersonCopy, make.teachers(3)[1].person_id).active = True
        kept = session.get_one(RosterUpload, upload_id)
        content = store(run.settings.data_dir).get(str(kept.error_rows_sha256))
        assert session.scalars(select(Result)).all() == []
    assert len(cells(content)) == 2
