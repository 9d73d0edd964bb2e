"""Rows of features.md in a browser: a change of the rules from draft to ledger (N5), a forecast to a scheme (N15)."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.approving import titled
from tests.browser.conftest import OpenDesk
from tests.flows.material import TODAY, person_of
from tests.flows.story import Story

PROVINCE, AUDITOR, COUNTY, TEACHER = "province", "audit.province", "county.donghu", "teacher.li"
DOCUMENT = "赣教师字〔2026〕12号"


def test_n5_a_rule_change_is_previewed_and_published_once_and_the_teacher_sees_it(story: Story, desk: OpenDesk) -> None:
    training, edition = titled("省级网络研修"), titled("2018 试行调整")
    # Of a kind of training that no other test holds: the change touches nobody else.
    project = story.publish(PROVINCE, title=training, category="provincial_training", mode="online")
    story.roster(PROVINCE, project, [person_of(TEACHER)])
    story.audit(AUDITOR, project)
    story.arrives(TEACHER, project, "3.0")
    province, teacher = desk(PROVINCE), desk(TEACHER)
    teacher.open("/credits/mine")
    expect(teacher.row(training).locator("td[data-label=计入]")).to_have_text("3.0")

    province.open("/credits/rulebook")
    province.press("2018 试行")
    province.press("复制为草稿")
    province.expect_said("已建立草稿")
    province.type("版本名称", edition)
    province.type("文号", DOCUMENT)
    province.type("施行日期", TODAY.isoformat())
    province.page.get_by_label("追溯至本周期起始").check()
    province.type("调整原因", "省级网络研修折算标准调整")
    rate = province.page.locator(".xf-row-grid").filter(has=province.field("省级网络"))
    province.type("省级网络", "40", rate)
    province.type("依据", f"{DOCUMENT} 第三条", rate)
    province.type("等级", "文件原文或省厅答复", rate)
    province.press("保存草稿")
    province.expect_said("草稿已保存")
    province.press("生成预览")
    province.until(province.row("东湖区"), 1)
    expect(province.row("东湖区").locator("td[data-label=统筹合计]")).to_have_text("-1.5")
    colleague = province.window()
    colleague.open(province.page.url.removeprefix(province.url))
    teacher.page.reload()
    expect(teacher.row(training)).to_have_count(1)

    for window, said in ((province, f"“{edition}”已发布"), (colleague, "此前已经发布，没有任何变化")):
        window.press("发布", confirm="发布")
        window.expect_said(said)
        window.expect_text(edition, DOCUMENT, "追溯至本周期起始")
        # The line, its counter-line, the new line: once, however often it is published.
        teacher.until(teacher.row(training), 3)
    province.until(province.page.get_by_text("全部完成"), 1)
    teacher.page.reload()
    counted = teacher.row(training).locator("td[data-label=计入]").all_inner_texts()
    assert sorted(cell.strip() for cell in counted) == ["0.0", "0.0", "1.5"]
    new = teacher.row(training).filter(has=teacher.page.locator("td[data-label=计入]", has_text="1.5"))
    new.locator("summary").click()
    expect(new).to_contain_text(f"规则调整：2018 试行 → {edition}（{DOCUMENT}）")


def test_n15_the_county_starts_a_fallback_scheme_from_its_forecast(desk: OpenDesk) -> None:
    county = desk(COUNTY)
    county.open("/credits/teachers")
    county.press("预测")
    people = county.page.get_by_text("统筹还有差额的").inner_text().split()[1]
    county.press("以此名单发起托底方案")
    county.until(county.page.get_by_role("link", name="已起草，查看"), 1)
    county.press("已起草，查看")
    county.press("修改", where=county.page.locator("tbody tr").first)
    expect(county.field("预判人数")).to_have_value(people)
    county.expect_text("学分预判名单")
