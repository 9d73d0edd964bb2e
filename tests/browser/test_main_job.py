"""The main job through the pages: a plan is approved, a training becomes credits, a letter an account."""

from __future__ import annotations

import json
import re
import secrets
import time
from datetime import timedelta

from playwright.sync_api import Locator, expect

from tests.browser.approving import answer
from tests.browser.conftest import OpenDesk, both_ways
from tests.browser.desk import Desk
from tests.browser.life import TODAY, YEAR, finished_training
from tests.running import DATA, System

RULE = "每学分不得少于 10 学时"


def fill_item(school: Desk, number: int, kind: str, title: str, hours: str, rate: str) -> Locator:
    """Fills the row of the plan form; the rest of it as schools do."""
    row = school.page.locator("[data-row]").nth(number)
    school.type("形式", kind, row)
    school.type("项目名称", title, row)
    school.type("负责人", "教导处", row)
    school.type("学时", hours, row)
    school.type("学分折算标准", rate, row)
    school.type("考核办法", "出勤与成果考核", row)
    return row


def approve(reviewer: Desk, title: str, opinion: str) -> None:
    """From the queue to the decision page, and 同意."""
    reviewer.open("/plans/queue")
    reviewer.press("办理", where=reviewer.row(title))
    reviewer.type("总体意见", opinion)
    reviewer.press("同意", confirm="同意")
    reviewer.expect_said("已办理“同意”")
    expect(reviewer.row(title)).to_have_count(0)


def test_a_plan_passes_three_stages(system: System, desk: OpenDesk) -> None:
    title = f"校本研修方案 {secrets.token_hex(3)}"
    school = desk("school.qingfeng")
    page = school.page
    school.open("/plans/mine")
    school.press("起草新方案", where=page.locator(".xf-head"))
    expect(school.field("学年")).to_have_value(YEAR)
    school.type("方案名称", title)
    school.type("目标与要求", "以课例研究促进课堂改进，覆盖全体在岗教师。")
    fill_item(school, 0, "校本培训", "新课标专题校本培训", "20", "10")
    school.press("增加一个项目")
    second = fill_item(school, 1, "其他形式", "读书沙龙", "10", "5")
    expect(second.locator("output[data-part=credits]")).to_have_text("2.0")
    expect(page.locator("[data-total=hours]")).to_have_text("30")
    expect(page.locator("[data-total=credits]")).to_have_text("4.0")
    school.attach("添加附件", "plan.pdf")
    school.press("保存并报送", confirm="报送")

    # The mistake is named at the head and beside its field, and everything typed is still there.
    expect(page.get_by_role("alert").first).to_contain_text(RULE)
    wrong = page.locator("#f-items-1-hours_per_credit")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#f-items-1-hours_per_credit-error")).to_contain_text(RULE)
    expect(school.field("方案名称")).to_have_value(title)
    expect(school.field("目标与要求")).to_have_value(re.compile("覆盖全体在岗教师"))
    expect(school.field("项目名称", second)).to_have_value("读书沙龙")
    expect(school.field("形式", second)).to_have_value("other")
    expect(school.field("考核办法", second)).to_have_value("出勤与成果考核")
    expect(wrong).to_have_value("5")
    wrong.fill("10")
    expect(page.locator("[data-total=credits]")).to_have_text("3.0")
    school.attach("添加附件", "plan.pdf")
    school.press("保存并报送", confirm="报送")
    school.expect_said("已报送")
    school.expect_text("审核中（县级审核）", "南昌市东湖区教育体育局")
    address = page.url.removeprefix(system.url)
    page.get_by_role("navigation", name="办理过程与方案").get_by_role("link", name="附件").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="plan.pdf").click()
    assert download.value.path().read_bytes() == (DATA / "plan.pdf").read_bytes()

    county = desk("county.donghu")
    county.page.get_by_role("link", name=re.compile("待审核的方案")).click()
    expect(county.row(title)).to_contain_text("南昌市东湖区青枫小学")
    expect(county.row(title)).to_contain_text("其他形式")
    county.press("办理", where=county.row(title))
    county.page.locator("[data-return] > summary").click()
    county.type("所在位置", "项目 2“读书沙龙” · 过程记录要求")
    county.type("需要怎样修改", "请写明读书沙龙的过程记录形式。")
    county.type("总体意见", "请补充一处后重报。")
    county.page.get_by_label("已核对全部材料，一次性告知").check()
    county.press("退回修改", confirm="退回修改")
    county.expect_said("已办理“退回修改”")
    expect(county.row(title)).to_have_count(0)

    school.open("/plans/mine")
    school.press("按意见修改", where=school.row(title))
    school.expect_text("请写明读书沙龙的过程记录形式。", "必须修改")
    school.type("过程记录要求", "每次签到、领读提纲、读后感与照片。", page.locator("[data-row]").nth(1))
    answer(school, 1, "已修改")
    school.press("保存并报送", confirm="报送")
    school.expect_said("已报送")

    stages = {"county": county, "district": desk("district.nanchang"), "province": desk("province")}
    for stage, reviewer in stages.items():
        approve(reviewer, title, f"{stage}：方案可行。")

    school.open(address)
    expect(page.locator(".xf-head .xf-badge")).to_have_text("已通过")
    expect(page.locator(".xf-route-step.is-done")).to_have_count(4)
    expect(page.locator(".xf-timeline-round")).to_have_text(["第 1 次报送", "第 2 次报送"])
    acts = [act for act in page.locator(".xf-entry-act strong").all_inner_texts() if act != "查看"]
    assert acts == ["报送", "退回修改", "报送", "同意", "同意", "同意"]
    expect(page.locator(".xf-timeline")).to_contain_text("请写明读书沙龙的过程记录形式。")
    for stage, unit in zip(stages, ("南昌市东湖区教育体育局", "南昌市教育局", "江西省教育厅"), strict=True):
        entry = page.locator(".xf-entry").filter(has_text=f"{stage}：方案可行。")
        expect(entry.locator(".xf-entry-when")).to_contain_text(unit)


@both_ways
def test_a_training_becomes_credits(desk: OpenDesk) -> None:
    title = f"县级骨干教师集中培训 {secrets.token_hex(3)}"
    county, auditor, teacher = desk("county.donghu"), desk("audit.donghu"), desk("teacher.li")
    teacher.open("/credits/mine")
    before = coordinated(teacher)

    page = county.page
    county.open("/plans/projects")
    county.press("发布项目", where=page.locator(".xf-head"))
    county.type("项目名称", title)
    county.type("项目类别", "县（市、区）级培训（统筹）")
    county.type("培训方式", "集中培训")
    county.type("学时", "60")
    dates = finished_training()
    county.type("学年", dates["school_year"])
    county.type("开始日期", dates["held_from"])
    county.type("结束日期", dates["held_to"])
    expect(page.locator(".xf-stat-value")).to_have_text(re.compile(r"^\s*6\.0\s*学分"))
    county.press("发布项目")
    county.expect_said("已发布")

    # The roster with errors is refused cell by cell, and not a row of it gets in.
    county.attach("名单文件", "roster_with_errors.xlsx")
    county.press("上传并检查")
    found = page.get_by_role("table", name="需要改正的单元格")
    for error in json.loads((DATA / "roster_with_errors.json").read_text()):
        row = found.get_by_role("row").filter(has_text=re.compile(rf"(?<!\w){error['column']}{error['row']}(?!\d)"))
        expect(row).to_contain_text(error["keyword"])
    expect(county.page.get_by_role("table", name="成绩名单")).to_have_count(0)
    county.attach("名单文件", "roster.xlsx")
    county.press("上传并检查")
    county.expect_text("检查通过")
    county.press("导入 200 人")
    expect(page.locator(".xf-job.is-done")).to_be_visible()
    county.press("查看名单")
    expect(page.locator(".xf-stats")).to_contain_text(re.compile(r"名单人数\s*200\s*人\s*待审核\s*200\s*人"))
    # Whoever published it does not audit it, and reads why.
    expect(page.get_by_role("button", name=re.compile("审核成绩"))).to_be_disabled()
    county.expect_text("现在不能审核", "回避")

    auditor.page.get_by_role("link", name=re.compile("待审核成绩的项目")).click()
    auditor.press(title)
    auditor.press("审核成绩（200 人）", confirm="审核")
    auditor.expect_said("第 1 次审核完成：200 人")
    teacher.until(teacher.row(title), 1)
    teacher.row(title).locator("summary").click()
    expect(teacher.row(title)).to_contain_text("面授 60 学时 ÷ 10 = 6.0，计入统筹")
    assert coordinated(teacher) == before + 6
    county.until(page.get_by_text("200 人中 200 人已处理"), 1)

    auditor.press("取消审核")
    auditor.type("原因", "核对后重审")
    auditor.press("取消审核", where=auditor.page.get_by_role("dialog"))
    auditor.expect_said("已取消第 1 次审核（200 人）")
    teacher.until(teacher.row(title), 2)
    assert coordinated(teacher) == before
    assert counted(teacher, title) == ["0.0", "0.0"]

    auditor.press("审核成绩（200 人）", confirm="审核")
    teacher.until(teacher.row(title), 3)
    assert coordinated(teacher) == before + 6
    assert sorted(counted(teacher, title)) == ["0.0", "0.0", "6.0"]


def coordinated(teacher: Desk) -> float:
    """The headline of 统筹 on the teacher's page."""
    return float(teacher.page.locator(".xf-credit-coordinated .xf-credit-figure strong").first.inner_text())


def counted(teacher: Desk, title: str) -> list[str]:
    """The column 计入 of the lines of a project."""
    return [cell.strip() for cell in teacher.row(title).locator("td[data-label=计入]").all_inner_texts()]


@both_ways
def test_a_letter_becomes_an_account_and_is_shut_out(system: System, desk: OpenDesk) -> None:
    letter = json.loads((DATA / "letter.json").read_text())
    stranger, manager = desk(), desk("manager.donghu")
    first = send(stranger, letter, "letter.pdf")
    again = send(stranger, letter, "letter.jpg")

    # Both are there; the second, of the same person for the same role, is marked and then refused.
    manager.open("/accounts/letters")
    expect(manager.row(first)).to_contain_text("程若川")
    manager.page.get_by_role("navigation", name="授权函分类").get_by_role("link", name=re.compile("疑似重复")).click()
    manager.press(again)
    see_scan(manager)
    manager.expect_text("疑似重复", first)
    manager.press("不予受理")
    manager.type("原因", "与已办结的申请重复")
    manager.type("说明（申请人会看到）", f"与 {first} 相同。")
    manager.press("不予受理", where=manager.page.get_by_role("dialog"))
    manager.expect_said("已作不予受理处理")

    manager.open(f"/accounts/letters/{first}")
    see_scan(manager)
    manager.expect_text("程若川", letter["unit_name"])
    assert letter["identity"] not in manager.page.content(), "identity numbers are shown masked"
    manager.press("开通", confirm="确定")
    manager.expect_text("还没有核验")
    for question in manager.page.get_by_role("group").filter(has=manager.page.get_by_role("radio")).all():
        question.get_by_label("是", exact=True).check()
    manager.press("开通", confirm="确定")
    link = manager.page.locator("#activation-url").inner_text()
    manager.page.reload()
    expect(manager.page.locator("#activation-url")).to_have_count(0)

    password = f"Letter-{secrets.token_hex(6)}"
    holder = desk()
    holder.open(link.removeprefix(system.url))
    username = holder.page.locator("main strong").inner_text()
    holder.type("新密码", password)
    holder.type("再输一次", password + "x")
    holder.press("设置密码")
    holder.expect_text("两次输入的密码不一致")
    holder.type("新密码", password)
    holder.type("再输一次", password)
    holder.press("设置密码")
    holder.expect_said("密码已设好")
    holder.sign_in(username, password)
    windows = [holder.window() for _ in range(3)]
    for window, path in zip(windows, ("/plans/mine", "/credits/teachers", "/"), strict=True):
        window.open(path)
    used = desk()
    used.open(link.removeprefix(system.url), status=410)
    used.expect_text("这个链接已经用过了")

    manager.open(f"/accounts/units?under={letter['unit_code']}")
    change_account(manager, username, "停用", "人员调离")
    suspended = time.monotonic()
    for window in windows:
        window.until(window.page.get_by_role("button", name="登录", exact=True), 1, seconds=5)
    assert time.monotonic() - suspended < 5
    holder.open("/accounts/sign-in")
    holder.type("账号", username)
    holder.type("密码", password)
    holder.press("登录")
    holder.expect_text("停用")
    change_account(manager, username, "恢复", "调离取消")
    holder.sign_in(username, password)


def send(stranger: Desk, letter: dict[str, str], file: str) -> str:
    """Sends the letter in from the page that everybody can open; its number."""
    stranger.open("/accounts/sign-in")
    stranger.press("提交授权函")
    stranger.attach("扫描件", file)
    stranger.type("事由", "新任或更换负责人")
    stranger.field("申请单位").press_sequentially("听涛高级")
    offered = stranger.page.locator("#unit-options option")
    expect(offered).to_have_count(1)
    stranger.type("申请单位", offered.get_attribute("value") or "")
    stranger.type("申请角色", "学校管理员")
    stranger.type("被授权人姓名", letter["person"])
    stranger.type("身份证号", letter["identity"])
    stranger.type("联系电话", letter["contact_phone"])
    stranger.type("落款（盖章）单位全称", letter["signed_by"])
    stranger.type("落款日期", (TODAY - timedelta(days=3)).isoformat())
    stranger.press("提交")
    stranger.expect_text("已收到您的授权函")
    return stranger.page.locator(".h1").inner_text().strip()


def see_scan(manager: Desk) -> None:
    """The scan has arrived and is a picture."""
    picture = manager.page.locator(".xf-scan-page img").first
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 500


def change_account(manager: Desk, username: str, act: str, reason: str) -> None:
    """停用 or 恢复 on the page of the unit."""
    manager.press(act, where=manager.row(username))
    manager.type(f"{act}理由", reason)
    manager.press(act, where=manager.page.get_by_role("dialog"))
    manager.expect_said(f"已{act}账号 {username}")
