"""The roster on a project's page: what is checked, what is only worth knowing, which button goes on (T7, B8)."""

from __future__ import annotations

import io
import re

import pytest

from services.plans.projects.models import RosterUpload
from services.plans.tasks import JOBS
from shared.database import Database
from shared.directory import PersonCopy
from shared.jobs import JobRow, run_job
from shared.service import Runtime
from shared.sheets import reading
from tests.plans import builders as make
from tests.plans.test_pages import Browser, browser

__all__ = ["browser"]


@pytest.fixture
def path(browser: Browser, database: Database) -> str:
    """A project's page, with its organizer signed in."""
    with database.transaction() as session:
        project = make.make_project(session)
    browser.sign_in("county.donghu")
    return f"/projects/{project.id}"


def attach(browser: Browser, path: str, rows: list[list[object]]) -> str:
    """Uploads a roster; the address that one is led to, without its anchor."""
    page = browser.see(path)
    answer = browser.send(f"{path}/roster", page, {"file": (io.BytesIO(make.workbook(rows)), "名单.xlsx")})
    assert answer.status_code == 303, answer.text
    target, _, anchor = answer.headers["Location"].removeprefix("/plans").partition("#")
    assert anchor == "roster"
    return target


def work(database: Database, run: Runtime, job_id: str) -> str:
    """Runs a job as the worker does; its state."""
    with database.reading() as session:
        job = session.get_one(JobRow, job_id)
    run_job(database, JOBS, job_id, job.name, job.arguments, {}, run)
    with database.reading() as session:
        return session.get_one(JobRow, job_id).state


def test_rows_with_errors_can_be_downloaded_and_the_good_ones_imported(
    browser: Browser, path: str, database: Database, run: Runtime
) -> None:
    rows = make.roster_rows(3)
    rows[2][2] = "六十"
    target = attach(browser, path, rows)
    page = browser.see(target)
    assert "1 行需要改正" in page
    assert "导入 3 人" not in page
    (errors,) = re.findall(rf'href="/plans({re.escape(path)}/roster/[^"]+/errors\.xlsx)"', page)
    answer = browser.client.get("/plans" + errors)
    assert answer.status_code == 200
    assert len(list(reading.open_sheet(make.upload(answer.data)).rows)) == 2
    (start,) = re.findall(rf'action="/plans({re.escape(path)}/roster/[^"]+/import)"', page)
    refused = browser.send(start, page, {})
    assert "1 行需要改正" in browser.see(refused.headers["Location"].removeprefix("/plans").split("#")[0])
    answer = browser.send(start, page, {"good_only": "yes"})
    target = answer.headers["Location"].removeprefix("/plans").split("#")[0]
    page = browser.see(target)
    assert "只导入无误的" not in page  # it is under way
    (job_id,) = re.findall(r"job=([^&]+)", target)
    assert work(database, run, job_id) == "done"
    assert "1 行有错误没有导入" in browser.client.get(f"/plans/jobs/{job_id}").text
    page = browser.see(path)
    assert make.teachers(2)[1].name in page
    assert make.teachers(3)[2].name not in page


def test_a_long_roster_shows_how_far_its_check_is(
    browser: Browser, path: str, database: Database, run: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SHORT_PART", 100)
    target = attach(browser, path, make.roster_rows(3))
    page = browser.see(target)
    (job_id,) = re.findall(r'hx-get="/plans/jobs/([^"]+)"', page)
    assert "检查通过" not in page
    assert "/import" not in page
    assert browser.client.get(f"/plans/jobs/{job_id}").status_code == 200
    assert work(database, run, job_id) == "done"
    ended = browser.client.get(f"/plans/jobs/{job_id}")
    assert (ended.status_code, "全部无误" in ended.text, "查看检查结果" in ended.text) == (286, True, True)
    page = browser.see(target)
    assert "检查通过" in page
    assert "导入 3 人" in page


def test_faq_q21_a_seconded_teacher_is_a_hint_beside_the_button(
    browser: Browser, path: str, database: Database
) -> None:
    with database.transaction() as session:
        session.get_one(PersonCopy, make.teachers(1)[0].person_id).kind = "seconded_to_authority"
    page = browser.see(attach(browser, path, make.roster_rows(2)))
    assert "1 处提示，不影响导入" in page
    assert "问答第 21 问" in page
    assert "导入 2 人" in page


def test_the_template_is_one_press_away(browser: Browser, path: str) -> None:
    (template,) = re.findall(r'href="/plans([^"]+template\.xlsx)"', browser.see(path))
    assert browser.client.get("/plans" + template).status_code == 200


def test_another_projects_upload_is_not_shown(browser: Browser, path: str, database: Database) -> None:
    rows = make.roster_rows(2)
    rows[0][2] = "六十"
    upload_id = attach(browser, path, rows).split("upload=")[1]
    with database.transaction() as session:
        other = make.make_project(session)
        assert session.get_one(RosterUpload, upload_id).report is not None
    assert "需要改正" not in browser.see(f"/projects/{other.id}?upload={upload_id}")


def test_without_a_file_one_is_told_so(browser: Browser, path: str) -> None:
    answer = browser.send(f"{path}/roster", browser.see(path), {})
    assert answer.status_code == 303
    assert "请选择要上传的名单文件" in browser.see(path)
