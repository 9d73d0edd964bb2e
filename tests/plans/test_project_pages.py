"""The pages and the API of corrections, deletion, 作废, 公示 and delivery, as people and programs meet them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from services.plans.approval.models import Plan
from services.plans.projects import auditing, correcting
from services.plans.projects.models import Project, ProjectLine
from shared.actors import Actor, Office
from shared.database import Database, new_id
from shared.outbox import OutboxRow
from shared.service import Runtime
from tests.plans import builders as make
from tests.plans.acting import act
from tests.plans.conftest import Caller
from tests.plans.test_pages import Browser
from tests.plans.test_projects import put_in_post

As = Callable[[str | Actor], Caller]
AUDITOR = make.actor("audit.donghu")
FORM = {
    "title": "县级培训",
    "category": "county_training",
    "mode": "centralized",
    "hours": "60",
    "school_year": make.YEAR,
    "held_from": "2026-10-12",
    "held_to": "2026-10-21",
}


@pytest.fixture
def browser(client: FlaskClient, run: Runtime) -> Browser:
    """A browser in which nobody has signed in."""
    return Browser(client, run)


def published(database: Database, rows: int = 0, audited: bool = False, **changes: Any) -> str:
    """The id of a county's project with so many results."""
    with database.transaction() as session:
        project = make.make_project(session, **changes)
        if rows:
            make.bring_in(session, project, make.roster_rows(rows))
        if audited:
            auditing.audit_results(session, AUDITOR, project.id)
        return project.id


def test_r25_the_form_offers_the_programme_and_the_preview_follows(browser: Browser, database: Database) -> None:
    page = browser.sign_in("county.yujiang").see("/projects/new")
    assert "校长研修" in page
    asked = "&".join(f"{name}={value}" for name, value in FORM.items() if name != "title") + "&convert=yes"
    assert "× 0.5（校长研修" in browser.see(f"/fragments/preview?{asked}&programme=headmaster")
    assert "× 0.5" not in browser.see(f"/fragments/preview?{asked}")
    with database.transaction() as session:
        office = make.actor("county.yujiang").posts[0].unit.path, Office.RESULT_AUDIT
        put_in_post(session, *office, [AUDITOR], 2)
    assert browser.send("/projects/new", page, {**FORM, "convert": "yes", "programme": "headmaster"}).status_code == 303
    with database.reading() as session:
        project = session.scalars(select(Project)).one()
        assert project.programme == "headmaster"
        address = f"/projects/{project.id}"
    assert "专项：校长研修" in browser.see(address)
    step = "category=county_training&mode=centralized&programme=general&convert=yes"
    shown = browser.see(f"{address}/correction?{step}")
    assert "现在县（市、区）级培训、校长研修" in "".join(re.sub("<[^>]+>", "", shown).split())


def test_f1_a_project_without_conversion_is_published_only_by_who_says_so_twice(
    browser: Browser, database: Database
) -> None:
    page = browser.sign_in("county.donghu").see("/projects/new")
    query = "category=county_training&mode=centralized&hours=60"
    assert "所有参训教师都不会得到学分" in browser.see(f"/fragments/preview?{query}")
    assert "所有参训教师都不会得到学分" not in browser.see(f"/fragments/preview?{query}&convert=yes")
    answer = browser.send("/projects/new", page, FORM)
    assert answer.status_code == 422
    assert "或确认本项目确实不折算" in answer.text
    with database.reading() as session:
        assert session.scalar(select(Project.id)) is None
    answer = browser.send("/projects/new", page, {**FORM, "no_convert": "yes"})
    assert answer.status_code == 303, answer.text
    assert "不折算学分" in browser.see(answer.headers["Location"].removeprefix("/plans"))


def test_whom_it_is_for_is_typed_and_kept(browser: Browser, database: Database) -> None:
    page = browser.sign_in("county.donghu").see("/projects/new")
    values = {
        **FORM,
        "convert": "yes",
        "stages": ["junior", "senior"],
        "subjects": "数学、物理",
        "publicity_days": "5",
        "quotas.0.unit_code": "3601020001",
        "quotas.0.seats": "七",
    }
    answer = browser.send("/projects/new", page, values)
    assert answer.status_code == 422
    assert 'value="七"' in answer.text
    assert 'value="数学、物理"' in answer.text
    assert len(re.findall(r'name="stages" value="\w+" checked', answer.text)) == 2
    answer = browser.send("/projects/new", page, {**values, "quotas.0.seats": "7"})
    assert answer.status_code == 303, answer.text
    page = browser.see(answer.headers["Location"].removeprefix("/plans"))
    assert "面向：初中、高中 · 数学、物理" in page
    assert "公示 5 个工作日" in page
    assert make.units()[make.QINGFENG].name in page


def test_n6_the_page_shows_before_and_after_and_asks_once(browser: Browser, database: Database) -> None:
    project_id = published(database, 3, audited=True, convert=False)
    path = f"/projects/{project_id}/correction"
    page = browser.sign_in("county.donghu").see(f"/projects/{project_id}")
    assert f"/plans{path}" in page
    page = browser.see(path)
    assert "确认更正" not in page
    same = browser.client.get(f"/plans{path}?category=county_training&mode=centralized&convert=no")
    assert same.status_code == 422
    assert "没有需要更正的内容" in same.text
    chosen = {"category": "county_training", "mode": "centralized", "convert": "yes"}
    page = browser.see(f"{path}?category=county_training&mode=centralized&convert=yes")
    assert "确认更正（3 人重新折算）" in page
    assert make.teachers(1)[0].name in page
    assert page.count("尚未计入") == 3
    bad = browser.send(path, page, {**chosen, "reason": ""})
    assert bad.status_code == 422
    assert "确认更正（3 人重新折算）" in bad.text
    done = browser.send(path, page, {**chosen, "reason": "漏勾折算"})
    assert done.status_code == 303, done.text
    late = browser.send(path, page, {**chosen, "convert": "no", "reason": "再改"})
    assert late.status_code == 409
    assert "办理：更正类别与折算" in late.text
    page = browser.see(f"/projects/{project_id}")
    assert "更正类别与折算" in page
    assert "漏勾折算" in page
    for other in (make.actor("district.nanchang"), make.reviewer(make.DONGHU, "an-auditor")):
        browser.sign_in(other).see(path, 403)
        assert path not in browser.see(f"/projects/{project_id}")


def test_n6_the_api_previews_corrects_and_answers_a_repeated_call_alike(call_as: As, database: Database) -> None:
    project_id = published(database, 2, audited=True, convert=False)
    county, path = call_as("county.donghu"), f"/projects/{project_id}"
    version = int(county("GET", path).headers["ETag"].strip('"'))
    found = county("POST", f"{path}/correction/preview", json={"convert": True})
    assert (found.status_code, found.json["count"], found.json["version"]) == (200, 2, version)
    assert [(p["present"], p["future"]) for p in found.json["people"]] == [(None, "6.0")] * 2
    assert (found.json["before"]["convert"], found.json["after"]["convert"]) == (False, True)
    body = {"convert": True, "reason": "漏勾折算"}
    assert county("POST", f"{path}/correction", json=body).status_code == 428
    key = new_id()
    for _ in range(2):
        done = county("POST", f"{path}/correction", json=body, version=version, key=key)
        assert (done.status_code, done.json["convert"], done.json["correction"]) == (200, True, 1)
    again = county("POST", f"{path}/correction", json=body, version=version)
    assert again.status_code == 409
    wrong = county("POST", f"{path}/correction", json={**body, "colour": "red"}, version=version + 1)
    assert [error["field"] for error in wrong.json["errors"]] == ["colour"]
    lines = county("GET", f"{path}/history").json["items"]
    assert [line["act"] for line in lines] == ["publish", "import", "audit", "correct"]
    assert call_as("county.yujiang")("POST", f"{path}/correction/preview", json={"convert": False}).status_code == 404


def test_faq_q6_deletion_is_a_button_on_the_projects_page(browser: Browser, database: Database) -> None:
    """F13: not behind a panel."""
    project_id = published(database)
    page = browser.sign_in("county.donghu").see(f"/projects/{project_id}")
    assert "删除项目" in page
    assert "作废项目" not in page
    browser.send(f"/projects/{project_id}/deletion", page, {})
    page = browser.see(f"/projects/{project_id}")
    assert "此项目已删除" in page
    assert make.actor("county.donghu").name in page
    assert "更正类别与折算</span>" not in page
    assert "县级骨干教师集中培训" not in browser.see("/projects")


def test_t8_void_needs_a_reason_and_leaves_its_mark(browser: Browser, call_as: As, database: Database) -> None:
    project_id = published(database, 2, audited=True)
    path = f"/projects/{project_id}"
    page = browser.sign_in("county.donghu").see(path)
    assert "删除项目" not in page
    browser.send(f"{path}/voiding", page, {"reason": ""})
    assert "作废项目须写明原因" in browser.see(path)
    browser.send(f"{path}/voiding", page, {"reason": "培训未实际举办"})
    page = browser.see(path)
    assert "此项目已作废" in page
    assert "培训未实际举办" in page
    assert "名单文件" not in page
    assert "已作废" in browser.see("/projects")
    county = call_as("county.donghu")
    version = county("GET", path).json["version"]
    assert county("POST", f"{path}/voiding", json={"reason": "再次"}, version=version).status_code == 409
    assert county("POST", f"{path}/deletion", json={}, version=version).status_code == 409
    with database.reading() as session:
        names = session.scalars(select(OutboxRow.name).where(OutboxRow.kind == "event").order_by(OutboxRow.id))
        assert list(names) == ["plans.results_audited.v1", "plans.audit_revoked.v1"]


def test_the_audit_button_says_why_it_is_off(browser: Browser, database: Database) -> None:
    waits = published(database, 2)
    for username, words in (("county.donghu", "此项目由您发布"), ("audit.donghu", "")):
        page = browser.sign_in(username).see(f"/projects/{waits}")
        assert ("现在不能审核" in page) == bool(words)
        assert words in page
        assert (f'action="/plans/projects/{waits}/audits"' in page) == (not words)
    browser.sign_in("audit.donghu")
    assert "请先导入名单" in browser.see(f"/projects/{published(database)}")
    done = browser.see(f"/projects/{published(database, 1, audited=True)}")
    assert "现在不能审核" not in done
    with time_machine.travel(datetime(2026, 10, 15, tzinfo=UTC)):
        assert "培训于 2026-10-21 结束" in browser.sign_in("audit.donghu").see(f"/projects/{waits}")
    assert "现在不能审核" not in browser.sign_in("school.qingfeng").see("/projects")


def test_an_audit_of_a_page_that_is_out_of_date_is_not_made(browser: Browser, database: Database) -> None:
    project_id = published(database, 2)
    page = browser.sign_in("audit.donghu").see(f"/projects/{project_id}")
    with database.transaction() as session:
        make.bring_in(session, session.get_one(Project, project_id), make.roster_rows(5))
    browser.send(f"/projects/{project_id}/audits", page, {})
    assert "办理：导入名单" in browser.see(f"/projects/{project_id}")
    with database.reading() as session:
        assert session.scalar(select(ProjectLine.id).where(ProjectLine.act == "audit")) is None


def test_n46_results_under_publicity_are_marked(browser: Browser, database: Database) -> None:
    with time_machine.travel(datetime(2026, 11, 2, 2, 0, tzinfo=UTC)):
        project_id = published(database, 2, publicity_days=5)
        page = browser.sign_in("audit.donghu").see(f"/projects/{project_id}")
        assert "审核后公示 5 个工作日" in page
        browser.send(f"/projects/{project_id}/audits", page, {})
        page = browser.see(f"/projects/{project_id}")
    assert "公示至 2026-11-09 10:00，期满后自动确认" in page
    assert page.count("至 2026-11-09，不计入学分") == 2
    assert "其中公示中 2 人" in page
    assert "重新送达" not in page


def test_n8_the_delivery_page_names_what_is_late(browser: Browser, call_as: As, database: Database) -> None:
    project_id = published(database, 2, audited=True)
    assert "未送达 0 次" in browser.sign_in("audit.donghu").see("/delivery")
    browser.sign_in("teacher.li").see("/delivery", 403)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5)):
        page = browser.sign_in("audit.donghu").see("/delivery")
        assert page.count("data-row-link") == 1
        assert "未送出：1 条消息" in page
        (again,) = re.findall(r'action="/plans([^"]+/redelivery)"', page)
        browser.send(again, page, {})
        assert "已重新送出" in browser.see(f"/projects/{project_id}")
        late = call_as("county.donghu")("GET", "/delivery").json
        assert [(row["project_id"], row["unsent"]) for row in late["items"]] == [(project_id, 1)]
        assert "重新送达" not in browser.sign_in("district.nanchang").see("/delivery")
        assert call_as("county.yujiang")("GET", "/delivery").json == {"items": [], "next": None}


def test_the_auditor_sees_what_was_corrected_since(browser: Browser, call_as: As, database: Database) -> None:
    """Who corrected sees why others audit (T11)."""
    project_id = published(database, 1, audited=True)
    second = make.actor("county.donghu2")
    with database.transaction() as session:
        project = session.get_one(Project, project_id)
        correcting.correct_project(
            session, second, project_id, version=project.version, convert=False, reason="不应折算"
        )
        make.bring_in(session, project, make.roster_rows(2))
    page = browser.sign_in("audit.donghu").see(f"/projects/{project_id}")
    assert "审核后已更正" in page
    shown = call_as("audit.donghu")("GET", f"/projects/{project_id}").json["audits"][0]["corrections"]
    assert [line["by"] for line in shown] == [second.name]
    lines = call_as("audit.donghu")("GET", f"/projects/{project_id}/history").json["items"]
    assert [set(line["details"]) for line in lines if line["act"] == "correct"] == [
        {"correction", "before", "after", "people"}
    ]
    page = browser.sign_in("county.donghu2").see(f"/projects/{project_id}")
    assert "由您更正过，成绩须由其他人审核" in page
    assert "/revocation" not in page


def test_t5_a_project_under_a_void_plan_says_so_and_offers_no_upload(browser: Browser, database: Database) -> None:
    with database.transaction() as session:
        plan = make.approved_plan(session)
        school = make.actor("school.qingfeng")
        project_id = make.make_project(
            session, school, category="school_training", hours=20, plan_id=plan.id, plan_item_id=plan.items[0].id
        ).id
    path = f"/projects/{project_id}"
    assert "/roster" in browser.sign_in("school.qingfeng").see(path)
    with database.transaction() as session:
        plan = act(session, session.get_one(Plan, plan.id), "school.qingfeng", "ask_void", opinion="培训取消。")
        act(session, plan, "county.donghu", "confirm_void", opinion="同意。")
    page = browser.see(path)
    assert f"方案 {plan.number} 已作废" in page
    assert "/roster" not in page
    assert f"方案 {plan.number} 已作废" in browser.sign_in("audit.donghu").see(path)


def test_the_home_page_names_the_first_three_that_wait(browser: Browser, database: Database) -> None:
    for number in range(4):
        published(database, 1, title=f"第{number}号培训")
    fragment = browser.sign_in("audit.donghu").see("/fragments/waiting")
    assert re.findall(r"第\d号培训", fragment) == ["第0号培训", "第1号培训", "第2号培训"]
    assert "其余 1 项" in fragment
