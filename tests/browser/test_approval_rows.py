"""Rows of features.md in a browser, both ways: a plan returned, answered, refused, asked back (N1, N2, N7, T5)."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.approving import answer, return_points, titled
from tests.browser.conftest import OpenDesk
from tests.flows.material import point
from tests.flows.story import Story

SCHOOL, COUNTY, SECOND, DISTRICT = "school.qingfeng", "county.donghu", "county.donghu2", "district.nanchang"
RECORDS, ASSESSMENT = "过程记录要求", "考核办法"


def test_n1_points_are_answered_at_their_fields_one_by_one(story: Story, desk: OpenDesk) -> None:
    title = titled("一次性告知")
    plan = story.submitted(SCHOOL, title=title)
    county, school = desk(COUNTY), desk(SCHOOL)
    county.open(f"/plans/{plan['id']}/decide")
    asked = {RECORDS: "请写明过程记录的形式。", ASSESSMENT: "请写明考核办法。"}
    return_points(county, {f"项目 1“新课标专题校本培训” · {place}": text for place, text in asked.items()})

    # Each point stands at its field, and without an answer to each nothing is submitted.
    page = school.page
    school.open("/plans/mine")
    school.press("按意见修改", where=school.row(title))
    for number, (place, text) in enumerate(asked.items(), start=1):
        stands = page.locator(f"[data-row] #f-answers-{number}")
        expect(stands).to_contain_text(place)
        expect(stands).to_contain_text(text)
    school.type(RECORDS, "签到表、教案、评课记录")
    answer(school, 1, "已修改")
    school.press("保存并报送", confirm="报送")
    expect(page.get_by_role("alert").first).to_contain_text("意见 2：请答复这一条意见")
    expect(school.field(RECORDS)).to_have_value("签到表、教案、评课记录")
    expect(page.locator("#f-answers-1").get_by_label("已修改")).to_be_checked()
    answer(school, 2, "说明", "考核由教研组按学校统一办法进行。")
    school.press("保存并报送", confirm="报送")
    school.expect_said("已报送")

    # Point, answer, before and after, side by side.
    county.open(f"/plans/{plan['id']}/decide")
    points = county.page.locator(".xf-points > li").filter(has=county.page.locator(".xf-point-answer"))
    expect(points).to_have_count(2)
    expect(points.nth(0)).to_contain_text("答复：已修改")
    expect(points.nth(0).locator("del")).to_have_text("签到表、讲义、心得")
    expect(points.nth(0).locator("ins")).to_have_text("签到表、教案、评课记录")
    expect(points.nth(1)).to_contain_text("答复：说明：考核由教研组按学校统一办法进行。")
    expect(points.nth(1)).to_contain_text("此处内容没有改动")


def test_n2_the_history_names_the_field_for_which_a_stage_signs_again(story: Story, desk: OpenDesk) -> None:
    plan = story.approve(story.submitted(SCHOOL, title=titled("回到该去的环节")), COUNTY)
    story.act(DISTRICT, plan, "return", opinion="学时偏多。", points=[point("items.0.hours", "请核减学时。")])
    school = desk(SCHOOL)
    school.open(f"/plans/{plan['id']}/edit")
    school.type("学时", "16")
    answer(school, 1, "已修改")
    school.press("保存并报送", confirm="报送")
    school.expect_said("审核中（县级审核）")
    entries = school.page.locator(".xf-entry")
    expect(entries.filter(has_text="县级审核须重新签署")).to_contain_text("学时")
    signed = entries.filter(has_text="方案可行，同意。")
    expect(signed).to_contain_text("意见已失效")
    # Only the county signs again; then it is back with the district.
    story.approve(plan, COUNTY)
    school.page.reload()
    expect(school.page.locator(".xf-head .xf-badge").first).to_have_text("审核中（市级审核）")


def test_n7_the_school_sees_where_it_is(story: Story, desk: OpenDesk) -> None:
    plan = story.submitted(SCHOOL, title=titled("到哪了"))
    school = desk(SCHOOL)
    school.open(f"/plans/{plan['id']}")
    where = school.page.locator(".xf-card").filter(has=school.page.get_by_role("heading", name="到哪了"))
    for words in ("南昌市东湖区教育体育局", "县级审核", "0791-", "尚未查看", "个工作日", "市级审核 · 南昌市教育局"):
        expect(where).to_contain_text(words)
    expect(where).not_to_contain_text("万青禾")
    county = desk(COUNTY)
    with county.page.expect_response(re.compile("/opening$")):
        county.open(f"/plans/{plan['id']}/decide")
    school.page.reload()
    expect(where).to_contain_text(re.compile(r"已查看 20\d\d-\d\d-\d\d \d\d:\d\d"))

    # Where the county's training school reviews, it is the one named (FAQ-Q15).
    village = story.submitted("school.qiaobei", title=titled("村小方案"))
    other = desk("school.qiaobei")
    other.open(f"/plans/{village['id']}")
    other.expect_text("教师进修学校")


def test_t5_a_refusal_takes_a_second_person(story: Story, desk: OpenDesk) -> None:
    title = titled("不予通过")
    plan = story.submitted(SCHOOL, title=title)
    county, second, school = desk(COUNTY), desk(SECOND), desk(SCHOOL)
    county.open(f"/plans/{plan['id']}/decide")
    county.type("总体意见", "与本区已统一组织的培训重复。")
    county.press("不予通过", confirm="不予通过")
    county.expect_said("已办理“不予通过”")
    # Nobody outside knows before it is confirmed.
    school.open(f"/plans/{plan['id']}")
    expect(school.page.locator(".xf-head .xf-badge")).to_have_text(["审核中（县级审核）"])
    assert "与本区已统一组织的培训重复" not in school.page.content()
    # She who proposed it does not confirm it.
    county.open(f"/plans/{plan['id']}")
    expect(county.page.get_by_role("button", name="复核不予通过")).to_have_count(0)

    second.open(f"/plans/{plan['id']}/decide")
    second.expect_text("您作为第二人复核")
    second.press("复核不予通过")
    second.press("复核不予通过", where=second.page.locator("dialog#act-confirm_refusal"))
    second.expect_said("已办理“复核不予通过”")
    school.page.reload()
    expect(school.page.locator(".xf-head .xf-badge")).to_have_text(["不予通过"])
    school.expect_text("与本区已统一组织的培训重复。")


def test_t5_taken_back_and_asked_back(story: Story, desk: OpenDesk) -> None:
    plan = story.submitted(SCHOOL, title=titled("取回与申请撤回"))
    county, school = desk(COUNTY), desk(SCHOOL)
    county.open(f"/plans/{plan['id']}/decide")
    county.type("总体意见", "先同意了。")
    county.press("同意", confirm="同意")
    county.open(f"/plans/{plan['id']}/decide")
    county.press("取回", confirm="取回")
    county.expect_said("已办理“取回”")
    # The page notes by itself that it was opened; the school must not be quicker.
    story.open(COUNTY, plan)
    school.open(f"/plans/{plan['id']}")
    struck = school.page.locator(".xf-entry").filter(has_text="先同意了。")
    expect(struck).to_contain_text("已取回")
    expect(school.page.locator(".xf-head .xf-badge")).to_have_text(["审核中（县级审核）"])

    school.press("申请撤回")
    asked = school.page.locator("dialog#ask_withdraw")
    school.type("撤回理由", "日期填错了。", asked)
    school.press("申请撤回", where=asked)
    school.expect_text("申请撤回，待答复")
    county.open(f"/plans/{plan['id']}/decide")
    county.press("同意撤回")
    county.press("同意撤回", where=county.page.locator("dialog#act-grant_withdrawal"))
    county.expect_said("已办理“同意撤回”")
    school.page.reload()
    expect(school.page.locator(".xf-head .xf-badge")).to_have_text(["草稿"])
