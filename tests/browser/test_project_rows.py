"""Rows of features.md in a browser, both ways: a training's category corrected, deleted, made void (N6, F13, T8)."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.approving import titled
from tests.browser.conftest import OpenDesk
from tests.flows.material import person_of
from tests.flows.story import Story

COUNTY, AUDITOR, TEACHER = "county.donghu", "audit.donghu", "teacher.li"


def test_n6_a_forgotten_conversion_is_mended_in_one_step(story: Story, desk: OpenDesk) -> None:
    title = titled("忘记折算的培训")
    project = story.publish(COUNTY, title=title, convert=False)
    story.roster(COUNTY, project, [person_of(TEACHER)])
    story.audit(AUDITOR, project)
    story.arrives(TEACHER, project, "0")
    county, teacher = desk(COUNTY), desk(TEACHER)
    county.open(f"/plans/projects/{project['id']}")
    county.expect_text("不折算学分")
    county.press("更正类别与折算")
    county.type("折算学分", "折算")
    county.press("查看影响")
    person = county.row("李晓岚")
    expect(person.locator("td[data-label=现有学分]")).to_have_text("0.0")
    expect(person.locator("td[data-label=更正后]")).to_have_text("6.0")
    county.type("更正原因", "发布时漏选折算")
    county.press("确认更正（1 人重新折算）")
    county.expect_text("第 1 次审核", title)
    teacher.open("/credits/mine")
    # The line without conversion, its counter-line, the new line.
    teacher.until(teacher.row(title), 3)
    counted = teacher.row(title).locator("td[data-label=计入]").all_inner_texts()
    assert sorted(cell.strip() for cell in counted) == ["0.0", "0.0", "6.0"]
    county.until(county.page.get_by_text("1 人中 1 人已处理，其中 1 人计入学分"), 1)
    expect(county.page.locator("#audits").get_by_text("已取消")).to_have_count(0)


def test_f13_a_project_without_results_is_deleted_on_its_page(story: Story, desk: OpenDesk) -> None:
    title = titled("发布错的培训")
    project = story.publish(COUNTY, title=title)
    county = desk(COUNTY)
    county.open("/plans/projects")
    county.press(title)
    county.press("删除项目", confirm="删除")
    county.expect_said("已删除")
    county.open("/plans/projects")
    expect(county.row(title)).to_have_count(0)
    county.open(f"/plans/projects/{project['id']}")
    county.expect_text("办理过程", "删除")


def test_t8_a_project_with_results_is_made_void_and_its_credits_taken_back(story: Story, desk: OpenDesk) -> None:
    title = titled("作废的培训")
    project = story.publish(COUNTY, title=title)
    story.roster(COUNTY, project, [person_of(TEACHER)])
    story.audit(AUDITOR, project)
    story.arrives(TEACHER, project, "6.0")
    county, teacher = desk(COUNTY), desk(TEACHER)
    county.open(f"/plans/projects/{project['id']}")
    expect(county.page.get_by_role("button", name="删除项目")).to_have_count(0)
    county.press("作废项目")
    dialog = county.page.locator("dialog#void")
    county.type("作废原因", "未按计划举办", dialog)
    county.press("作废项目", where=dialog)
    county.expect_text("此项目已作废", "未按计划举办")
    teacher.open("/credits/mine")
    teacher.until(teacher.row(title), 2)
    assert [cell.strip() for cell in teacher.row(title).locator("td[data-label=计入]").all_inner_texts()] == ["0.0"] * 2
