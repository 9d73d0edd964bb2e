"""The pages as a person meets them: what is typed is kept, sentences are the API's, buttons are where they work."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.plans.approval import operations
from services.plans.projects import auditing
from services.plans.tasks import JOBS
from shared.actors import Actor
from shared.auth import COOKIE, TokenSigner
from shared.database import Database, new_id
from shared.jobs import JobRow, run_job
from shared.service import Runtime
from tests.plans import builders as make

DATA = Path(__file__).parent.parent / "data"


class Browser:
    """Somebody signed in, with forms as they are."""

    def __init__(self, client: FlaskClient, run: Runtime) -> None:
        self.client, self.signer = client, TokenSigner(run.settings.token_dir)

    def sign_in(self, who: str | Actor) -> Browser:
        """From now on pages are asked for by this person."""
        self.client.delete_cookie(COOKIE)
        self.client.set_cookie(COOKIE, self.signer.sign(make.actor(who) if isinstance(who, str) else who))
        return self

    def see(self, path: str, status: int = 200) -> str:
        """The page's HTML."""
        answer = self.client.get("/plans" + path)
        assert answer.status_code == status, answer.text[:2000]
        return answer.text

    def send(self, path: str, page: str, values: dict[str, Any]) -> TestResponse:
        """Sends a form of the page that was seen, with its guards."""
        guards = dict(re.findall(r'name="(csrf_token|version)" value="([^"]+)"', page))
        return self.client.post("/plans" + path, data={**guards, "idempotency_key": new_id(), **values})


@pytest.fixture
def browser(client: FlaskClient, run: Runtime) -> Browser:
    """A browser in which nobody has signed in."""
    return Browser(client, run)


def typed(**changes: str) -> dict[str, str]:
    """The plan form as somebody fills it in; rows have gaps where one was taken away."""
    return {
        "school_year": make.YEAR,
        "title": "校本研修方案",
        "aims": "促进课堂改进",
        "items.0.kind": "school_training",
        "items.0.title": "专题培训",
        "items.0.hours": "20",
        "items.0.hours_per_credit": "10",
        "items.0.held_from": "2026-10-12",
        "items.0.held_to": "2026-10-13",
        "items.3.kind": "other",
        "items.3.title": "读书沙龙",
        "items.3.hours": "12",
        "items.3.hours_per_credit": "12",
        "then": "save",
        **changes,
    }


def test_a_plan_is_drafted_submitted_and_mended_by_forms(browser: Browser, database: Database) -> None:
    browser.sign_in("school.qingfeng")
    pdf = (io.BytesIO((DATA / "plan.pdf").read_bytes()), "研修方案.pdf")
    answer = browser.send("/new", browser.see("/new"), {**typed(), "attachments": pdf})
    assert answer.status_code == 303, answer.text[:3000]
    path = answer.headers["Location"].removeprefix("/plans")
    page = browser.see(path)
    assert "读书沙龙" in page
    assert "研修方案.pdf" in page
    assert "草稿已保存" in page
    edit = browser.see(path + "/edit")
    assert 'value="专题培训"' in edit
    answer = browser.send(path + "/edit", edit, typed(then="submit"))
    assert answer.status_code == 303, answer.text
    assert "审核中（县级审核）" in browser.see(path)
    assert "撤回" in browser.see(path)
    assert browser.client.get("/plans" + path + "/edit").status_code == 302

    browser.sign_in("county.donghu")
    assert "校本研修方案" in browser.see("/queue")
    assert "驳回" not in browser.see(path + "/decide")
    with database.transaction() as session:
        plan_id = path.strip("/")
        county = operations.open_plan(session, make.actor("county.donghu"), plan_id)
        point = {"section": "items", "field": "items.1.records", "text": "请写明记录"}
        operations.perform(
            session, make.actor("county.donghu"), plan_id, "return", version=county.version, points=[point]
        )
    browser.sign_in("school.qingfeng")
    assert "项目 2“读书沙龙” · 过程记录要求" in browser.see(path + "/edit")
    assert "按意见修改" in browser.see("/mine")


def test_nothing_typed_is_lost_when_something_is_wrong(browser: Browser) -> None:
    browser.sign_in("school.qingfeng")
    page = browser.see("/new")
    answer = browser.send("/new", page, typed(**{"items.3.hours": "许多", "then": "submit"}))
    assert answer.status_code == 422
    assert 'value="许多"' in answer.text
    assert 'id="f-items-1-hours-error"' in answer.text
    answer = browser.send("/new", page, typed(**{"items.3.hours_per_credit": "5", "then": "submit"}))
    assert answer.status_code == 422
    assert "每学分不得少于 10 学时" in answer.text
    assert 'value="读书沙龙"' in answer.text
    assert "还没有方案" in browser.see("/mine")


def test_whoever_is_too_late_keeps_the_opinion_and_reads_who_was_faster(browser: Browser, database: Database) -> None:
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
    browser.sign_in("county.donghu2")
    page = browser.see(f"/{plan.id}/decide")
    with database.transaction() as session:
        operations.perform(session, make.actor("county.donghu"), plan.id, "approve", version=plan.version)
    answer = browser.send(f"/{plan.id}/decide", page, {"verdict": "approve", "opinion": "同意此方案"})
    assert answer.status_code == 409
    assert "已由万青禾于" in answer.text
    assert "同意此方案" in answer.text


def test_pages_of_others_are_404_and_without_office_403(browser: Browser, database: Database) -> None:
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
        project = make.make_project(session)
    browser.sign_in("county.yujiang")
    for path in (f"/{plan.id}", f"/{plan.id}/decide", f"/projects/{project.id}", f"/{plan.id}/attachments/x"):
        browser.see(path, 404)
    assert "校本研修方案" not in browser.see("/queue?tab=area")
    browser.sign_in("teacher.li")
    for path in ("/queue", "/projects", "/projects/new", "/new?kind=school_plan"):
        browser.see(path, 403)
    browser.see(f"/{plan.id}", 404)
    assert "校本研修方案" not in browser.see("/mine")
    assert "没有待办" in browser.see("/fragments/waiting")


def test_an_api_token_in_a_cookie_needs_the_forms_token(browser: Browser, database: Database) -> None:
    browser.sign_in("school.qingfeng")
    answer = browser.client.post("/plans/new", data={**typed(), "idempotency_key": new_id()})
    assert answer.status_code == 400
    assert "刷新页面" in answer.text


def test_a_project_is_published_with_a_preview(browser: Browser) -> None:
    browser.sign_in("county.donghu")
    page = browser.see("/projects/new")
    assert "县（市、区）级培训" in page
    assert "国培" not in page
    query = "category=county_training&mode=centralized&hours=60"
    assert "6.0" in browser.see(f"/fragments/preview?{query}&convert=yes")
    assert "未勾选折算" in browser.see(f"/fragments/preview?{query}")
    assert "选定类别" in browser.see("/fragments/preview?category=&hours=x")
    values = {
        "title": "县级培训",
        "category": "county_training",
        "mode": "centralized",
        "hours": "60",
        "convert": "yes",
        "school_year": make.YEAR,
        "held_from": "2026-10-12",
        "held_to": "2026-10-21",
    }
    bad = browser.send("/projects/new", page, {**values, "held_to": "2026-10-01", "title": "我的标题"})
    assert bad.status_code == 422
    assert 'value="我的标题"' in bad.text
    assert "结束日期早于开始日期" in bad.text
    answer = browser.send("/projects/new", page, values)
    assert answer.status_code == 303, answer.text
    page = browser.see(answer.headers["Location"].removeprefix("/plans"))
    assert "名单为空" in page
    assert "每人 60 学时 ÷ 10" in page


def test_a_school_publishes_under_an_item_of_its_plan(browser: Browser, database: Database) -> None:
    with database.transaction() as session:
        plan = make.approved_plan(session)
        item = f"{plan.id}|{plan.items[1].id}"
    browser.sign_in("school.qingfeng")
    page = browser.see("/projects/new")
    assert plan.number in page
    query = f"category=other_school_based&mode=centralized&hours=12&convert=yes&plan_item_id={item}"
    assert "方案自定标准" in browser.see(f"/fragments/preview?{query}")
    answer = browser.send(
        "/projects/new",
        page,
        {
            "title": "读书沙龙",
            "category": "other_school_based",
            "mode": "centralized",
            "hours": "12",
            "convert": "yes",
            "school_year": make.YEAR,
            "held_from": "2026-10-12",
            "held_to": "2026-10-21",
            "plan_item_id": item,
        },
    )
    assert answer.status_code == 303, answer.text
    assert plan.number in browser.see(answer.headers["Location"].removeprefix("/plans"))


def test_a_roster_is_checked_then_imported_audited_and_taken_back(
    browser: Browser, database: Database, run: Runtime
) -> None:
    with database.transaction() as session:
        project = make.make_project(session)
    path = f"/projects/{project.id}"
    browser.sign_in("county.donghu")
    bad = make.roster_rows(3)
    bad[2][2] = "六十"
    page = browser.see(path)
    answer = browser.send(f"{path}/roster", page, {"file": (io.BytesIO(make.workbook(bad)), "名单.xlsx")})
    page = browser.see(answer.headers["Location"].removeprefix("/plans").split("#")[0])
    assert "1 行需要改正" in page
    assert "C4" in page
    assert "导入 3 人" not in page
    answer = browser.send(
        f"{path}/roster", page, {"file": (io.BytesIO(make.workbook(make.roster_rows(3))), "名单.xlsx")}
    )
    page = browser.see(answer.headers["Location"].removeprefix("/plans").split("#")[0])
    assert "检查通过" in page
    (start,) = re.findall(rf'action="/plans({re.escape(path)}/roster/[^"]+/import)"', page)
    answer = browser.send(start, page, {})
    job_id = re.findall(r"job=([^#&]+)", answer.headers["Location"])[0]
    with database.reading() as session:
        arguments = session.get_one(JobRow, job_id).arguments
    run_job(database, JOBS, job_id, "plans.import_roster", arguments, {}, run)
    job = browser.client.get(f"/plans/jobs/{job_id}")
    assert job.status_code == 286
    assert "新登记 3 人" in job.text
    page = browser.see(path)
    assert make.teachers(1)[0].name in page
    assert "********" in page
    assert "审核成绩（3 人）" not in page

    browser.sign_in("audit.donghu")
    page = browser.see(path)
    assert "审核成绩（3 人）" in page
    assert "县级骨干教师集中培训" in browser.see("/projects?tab=audit")
    browser.send(f"{path}/audits", page, {})
    page = browser.see(path)
    assert "第 1 次审核完成：3 人" in page
    assert "已送出" in page
    (revoke,) = re.findall(rf'action="/plans({re.escape(path)}/audits/[^"]+/revocation)"', page)
    browser.send(revoke, page, {"reason": "学"})
    assert "原因：" in browser.see(path)
    browser.send(revoke, page, {"reason": "学时有误"})
    page = browser.see(path)
    assert "已取消第 1 次审核" in page
    assert "学时有误" in page
    assert "审核成绩（3 人）" in page


def test_what_waits_for_me_is_counted_as_listed(browser: Browser, database: Database) -> None:
    with database.transaction() as session:
        for _ in range(2):
            make.submit(session, make.make_plan(session))
        make.make_plan(session)
        project = make.make_project(session)
        make.bring_in(session, project, make.roster_rows(1))

    def counts(username: str) -> dict[str, tuple[int, int]]:
        """Label -> (number in the fragment, rows on the page that it opens)."""
        fragment = browser.sign_in(username).see("/fragments/waiting")
        found = {}
        for href, label, number in re.findall(
            r'href="/plans([^"]+)">\s*<span class="xf-stat-label">([^<]+)</span>\s*<span class="xf-stat-value">(\d+)',
            fragment,
        ):
            found[label] = (int(number), browser.see(href.replace("&amp;", "&")).count("data-row-link"))
        return found

    assert counts("county.donghu") == {"待审核的方案": (2, 2), "待审核成绩的项目": (0, 0)}
    assert counts("audit.donghu") == {"待审核的方案": (2, 2), "待审核成绩的项目": (1, 1)}
    assert counts("school.qingfeng") == {"待修改的方案": (0, 0), "未报送的草稿": (1, 1)}
    with database.transaction() as session:
        auditing.audit_results(session, make.actor("audit.donghu"), project.id)
    assert counts("audit.donghu")["待审核成绩的项目"] == (0, 0)
