"""What somebody reads whom the system refuses: wrong password, ended session, no right, no such page, a wrong form."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from shared.auth import COOKIE
from shared.demo import PASSWORD
from tests.browser.conftest import OpenDesk
from tests.running import System


def test_a_wrong_password_says_so_and_keeps_the_name(desk: OpenDesk) -> None:
    here = desk()
    here.open("/accounts/sign-in")
    here.type("账号", "teacher.wu")
    here.type("密码", "Wrong-2026")
    here.press("登录")
    expect(here.page.get_by_role("alert")).to_contain_text("账号或密码不正确")
    expect(here.field("账号")).to_have_value("teacher.wu")
    expect(here.field("密码")).to_have_value("")
    expect(here.field("密码")).to_be_focused()


def test_after_the_session_has_ended_one_comes_back_to_where_one_was(system: System, desk: OpenDesk) -> None:
    here = desk("school.qingfeng")
    here.open("/plans/mine?status=draft")
    here.context.clear_cookies(name=COOKIE)
    page = here.open("/plans/mine?status=draft")
    expect(page).to_have_url(re.compile("/accounts/sign-in"))
    here.type("账号", "school.qingfeng")
    here.type("密码", PASSWORD)
    here.press("登录")
    expect(page).to_have_url(f"{system.url}/plans/mine?status=draft")


def test_a_form_sent_after_the_session_has_ended_does_nothing_and_says_so(desk: OpenDesk) -> None:
    here = desk("school.qingfeng")
    here.open("/plans/new")
    here.type("方案名称", "会话结束后才保存的方案")
    here.context.clear_cookies(name=COOKIE)
    here.press("保存草稿")
    expect(here.page.locator("h1")).to_have_text("请先登录")
    here.press("去登录")
    here.type("账号", "school.qingfeng")
    here.type("密码", PASSWORD)
    here.press("登录")
    expect(here.page.locator(".xf-me-name")).to_be_visible()
    here.open("/plans/mine")
    expect(here.row("会话结束后才保存的方案")).to_have_count(0)


def test_signing_out_ends_every_window(desk: OpenDesk) -> None:
    here = desk("teacher.wu")
    other = here.window()
    other.open("/credits/mine")
    here.page.locator("details[data-menu] summary").click()
    here.press("退出登录")
    here.expect_said("已退出登录")
    other.page.reload()
    expect(other.page).to_have_url(re.compile("/accounts/sign-in"))
    other.page.go_back()
    expect(other.page.get_by_text("统筹培训")).to_have_count(0)


def test_pages_for_others_and_pages_that_are_not(desk: OpenDesk) -> None:
    teacher, elsewhere = desk("teacher.li"), desk("county.yujiang")
    teacher.open("/plans/queue", status=403)
    expect(teacher.page.locator("h1")).to_have_text("没有权限")
    teacher.expect_text("授权函")
    for path in ("/plans/projects/none", "/credits/teachers/none", "/accounts/letters/L2026-999999"):
        teacher.open(path, status=403)
    for path in ("/plans/none", "/plans/projects/none", "/credits/teachers/none"):
        elsewhere.open(path, status=404)
        expect(elsewhere.page.locator("h1")).to_have_text("没有找到")
    for path in ("/nothing-here", "/plans/nothing/here", "/credits/nothing", "/accounts/nothing"):
        teacher.open(path, status=404)
        expect(teacher.page.get_by_role("link", name="回到首页")).to_be_visible()
    teacher.press("回到首页")
    expect(teacher.page.locator("h1")).to_contain_text("李晓岚")


def test_a_form_with_a_mistake_keeps_what_was_typed(desk: OpenDesk) -> None:
    county = desk("county.donghu")
    county.open("/plans/projects/new")
    typed = {"项目名称": "日期写反的培训", "学时": "60", "开始日期": "2026-10-21", "结束日期": "2026-10-12"}
    for label, value in typed.items():
        county.type(label, value)
    county.type("项目类别", "县（市、区）级培训（统筹）")
    county.press("发布项目")
    expect(county.page.locator("#f-held_to-error")).to_be_visible()
    for label, value in typed.items():
        expect(county.field(label)).to_have_value(value)
    # The sentence at the head leads to the field.
    county.page.get_by_role("alert").get_by_role("link").first.click()
    expect(county.field("结束日期")).to_be_focused()

    stranger = desk()
    stranger.open("/accounts/letters/new")
    stranger.attach("扫描件", "hostile/zip_named.pdf")
    letter = {"申请单位": "3601020003", "被授权人姓名": "程若川", "身份证号": "360121198405090005"}
    letter |= {"联系电话": "0791-00001003", "落款（盖章）单位全称": "听涛高级中学", "落款日期": "2026-01-05"}
    for label, value in letter.items():
        stranger.type(label, value)
    stranger.type("事由", "新任或更换负责人")
    stranger.type("申请角色", "学校管理员")
    stranger.press("提交")
    expect(stranger.page.locator("#f-identity_number-error")).to_contain_text("校验")
    for label, value in letter.items():
        expect(stranger.field(label)).to_have_value(value)
    stranger.type("身份证号", "360121198405090004")
    stranger.attach("扫描件", "hostile/zip_named.pdf")
    stranger.press("提交")
    expect(stranger.page.locator("#f-file-error")).to_contain_text("压缩包")
