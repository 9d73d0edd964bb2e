"""Rows of features.md in a browser, both ways: the reviewers' desk and the authority (N28, N31, N45, T12, T20, N22)."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.approving import titled
from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk
from tests.flows.material import TODAY, point
from tests.flows.story import Story

SCHOOL, COUNTY, SECOND, DISTRICT, PROVINCE = (
    "school.qingfeng",
    "county.donghu",
    "county.donghu2",
    "district.nanchang",
    "province",
)


def card(here: Desk, heading: str | re.Pattern[str]) -> Locator:
    """The card with that heading."""
    return here.page.locator(".xf-card").filter(has=here.page.get_by_role("heading", name=heading))


def test_n31_next_year_starts_from_this_year_and_the_reviewer_sees_only_what_differs(
    story: Story, desk: OpenDesk
) -> None:
    # A school of its own: which plan is last year's must not depend on other tests.
    old = story.approved("school.chenghu", (DISTRICT, PROVINCE), title=titled("上年方案"))
    school, district = desk("school.chenghu"), desk(DISTRICT)
    school.open(f"/plans/{old['id']}")
    school.press("以此起草下一学年")
    school.expect_said("已从原方案带入内容")
    expect(school.field("项目名称")).to_have_value("新课标专题校本培训")
    school.type("目标与要求", "在上年基础上，侧重跨学科主题学习。")
    school.press("保存并报送", confirm="报送")
    school.expect_said("已报送")
    number = school.page.url.rsplit("/", 1)[-1]

    district.open(f"/plans/{number}/decide")
    district.press("与上年")
    changes = district.page.locator(".xf-desk-changes .xf-desk-change")
    expect(changes.filter(has_text="目标与要求").locator("ins")).to_have_text("在上年基础上，侧重跨学科主题学习。")
    # The year and what moves with it differ too; what is the same is not there.
    shown = " ".join(changes.all_inner_texts())
    assert "过程记录" not in shown, shown
    assert "学分折算标准" not in shown, shown


def test_t20_several_approved_at_once_each_with_its_result(story: Story, desk: OpenDesk) -> None:
    titles = [titled(f"批量{number}") for number in "一二三"]
    # Of years that no other test uses: what looks doubled is not approved together.
    plans = [story.submitted(SCHOOL, later, title=title) for later, title in enumerate(titles, start=5)]
    county = desk(COUNTY)
    county.open("/plans/queue?fresh=new")
    for title in titles:
        county.row(title).get_by_role("checkbox").check()
    # While she reads on, a colleague returns one of them.
    story.act(SECOND, plans[1], "return", opinion="请修改。", points=[point()])
    county.type("批量意见", "符合要求，同意。")
    county.press("批量同意（3 件）", confirm="批量同意")
    county.expect_text("2 成功，1 未办理")
    failed = card(county, "未办理（1）").locator("tbody tr")
    expect(failed).to_have_count(1)
    expect(failed).to_contain_text(plans[1]["number"])
    expect(failed).to_contain_text("龚立言")
    county.press("返回待办")
    assert county.page.url.endswith("/plans/queue?fresh=new")
    opinions = [line["opinion"] for plan in (plans[0], plans[2]) for line in story.history(COUNTY, plan)]
    assert opinions.count("符合要求，同意。") == 2


def test_a12_a_deputy_acts_and_both_names_stand(story: Story, desk: OpenDesk) -> None:
    title = titled("代办")
    plan = story.submitted(SCHOOL, title=title)
    # Handed to somebody who is away: her colleague decides it only as her deputy.
    county, deputy = desk(COUNTY), desk(SECOND)
    story.act(SECOND, plan, "transfer", to=[story.who(COUNTY).account["id"]], opinion="此校由您联系。")
    deputy.open(f"/plans/{plan['id']}/decide")
    expect(deputy.page.get_by_role("button", name="同意", exact=True)).to_have_count(0)
    county.open("/plans/deputies")
    county.type("代办人", "龚立言")
    county.type("结束日期", (TODAY + timedelta(days=3)).isoformat())
    county.type("原因", "出差")
    county.press("设置代办")
    county.expect_said("由龚立言代万青禾办理")

    deputy.open("/plans/queue")
    deputy.expect_text("您正代万青禾办理")
    deputy.press("办理", where=deputy.row(title))
    deputy.type("总体意见", "受委托办理，同意。")
    deputy.press("同意", confirm="同意")
    deputy.expect_said("已办理“同意”")
    school = desk(SCHOOL)
    school.open(f"/plans/{plan['id']}")
    expect(school.page.locator(".xf-entry").filter(has_text="受委托办理，同意。")).to_contain_text("龚立言（代万青禾）")

    county.open("/plans/deputies")
    county.press("结束", confirm="结束", where=county.row("龚立言"))
    county.expect_said("已结束龚立言代万青禾的办理")
    deputy.open("/plans/queue")
    expect(deputy.page.get_by_text("您正代万青禾办理")).to_have_count(0)


def listed(here: Desk, address: str) -> int:
    """Rows of the list, over all its pages."""
    here.open(address)
    count = 0
    while True:
        count += here.page.locator("main tbody tr").count()
        more = here.page.get_by_role("link", name="下一页")
        if not more.count():
            return count
        more.click()


def test_n28_each_number_of_the_board_opens_a_list_of_that_length(story: Story, desk: OpenDesk) -> None:
    story.approve(story.submitted(SCHOOL, title=titled("看板")), COUNTY)
    returned = story.submitted(SCHOOL, title=titled("看板退回"))
    story.act(COUNTY, returned, "return", opinion="请修改。", points=[point()])
    province = desk(PROVINCE)
    province.page.get_by_role("navigation", name="主导航").get_by_role("link", name="督办看板").click()
    links = province.page.locator("tbody a[href*='/plans/board/']")
    numbers = {str(link.get_attribute("href")): int(link.inner_text()) for link in links.all()}
    row = province.row("东湖区").first
    assert int(row.locator("td[data-label=在途] a").inner_text()) >= 1
    assert {re.split(r"[/?]", href)[3] for href in numbers} >= {"open", "decided", "handled", "returned", "timed"}
    assert {href: listed(province, href) for href in numbers} == numbers


def test_n45_a_draw_can_be_repeated_and_its_cases_downloaded(story: Story, desk: OpenDesk) -> None:
    story.approved("school.qiaobei", ("county.jinxian", DISTRICT, PROVINCE), title=titled("抽查一"))
    story.approved("school.qiaobei", ("county.jinxian", DISTRICT, PROVINCE), title=titled("抽查二"))
    province = desk(PROVINCE)
    drawn = []
    for purpose in ("开学抽查", "核对抽取"):
        province.open("/plans/spotchecks")
        province.type("数量", "1")
        province.type("种子", "20261124")
        province.type("抽查目的", purpose)
        province.press("抽取")
        province.expect_said("中抽取 1 份")
        drawn.append(card(province, "第 1 份").get_by_role("link").first.inner_text())
    assert drawn[0] == drawn[1], "the same seed on the same population"
    province.until(province.page.get_by_role("link", name="下载案卷"), 1)
    with province.page.expect_download() as download:
        province.press("下载案卷")
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as pack:
        names = pack.namelist()
        assert pack.testzip() is None
    assert any("审批单" in name for name in names), names
    province.press("登记结果")
    province.page.get_by_role("radio").last.check()
    province.type("说明", "过程记录不全。")
    province.press("登记结果")
    province.expect_said("已登记：第 1 份")
    expect(card(province, "第 1 份")).to_contain_text("过程记录不全。")


def test_n22_the_sheet_is_printed_and_verified(story: Story, desk: OpenDesk) -> None:
    title = titled("审批单")
    plan = story.approved(SCHOOL, title=title)
    school, stranger = desk(SCHOOL), desk()
    school.open(f"/plans/{plan['id']}")
    school.page.get_by_role("navigation", name="办理过程与方案").get_by_role("link", name="打印").click()
    school.press("取得核验码")
    expect(school.page.get_by_role("button", name="打印", exact=True)).to_be_visible()
    school.expect_text(title, "万青禾", "欧阳敏之")
    found = re.search(r"核验码 ([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})", school.page.locator("main").inner_text())
    assert found, school.page.locator("main").inner_text()
    with school.page.expect_download() as download:
        school.press("下载 PDF")
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")

    stranger.open("/plans/verify")
    stranger.type("核验码", found[1].lower())
    stranger.press("核验")
    stranger.expect_text(title, plan["number"], "第 1 版")
    expect(stranger.page.locator("main .xf-notice.xf-tone-good")).to_have_count(1)
    expect(stranger.row("县级审核")).to_contain_text("万**")
    assert "万青禾" not in stranger.page.content()
    last = "A" if found[1][-1] != "A" else "B"
    stranger.type("核验码", found[1][:-1] + last)
    stranger.press("核验")
    stranger.expect_text(re.compile("查无此码|核验码输入有误"))
    assert title not in stranger.page.content()
