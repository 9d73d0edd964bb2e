"""Typing is kept: every few seconds on the server, and in the browser when a form was sent in vain (T9, B15)."""

from __future__ import annotations

import json
import re
import secrets
from urllib.parse import parse_qs

from playwright.sync_api import Locator, Request, expect

from shared.auth import COOKIE
from shared.demo import PASSWORD
from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk
from tests.browser.test_two_windows import make_plan
from tests.running import System

SAVED = re.compile(r"已自动保存 \d\d:\d\d")


def autosaved(here: Desk) -> Locator:
    """The line that says when the form was last kept."""
    return here.page.locator("[data-autosave-state]")


def has_all(request: Request) -> bool:
    """Whether that is the autosave of the last field that `fill` types into."""
    if not request.url.endswith("/drafts/typed"):
        return False
    form = json.loads(parse_qs(request.post_data or "")["form"][0])
    return bool(form.get("items.1.hours") == ["20"])


def fill(here: Desk, title: str) -> None:
    """Two items, the second in a row that was added."""
    here.type("方案名称", title)
    here.type("目标与要求", "第一行\n第二行")
    here.press("增加一个项目")
    for number, (kind, name) in enumerate((("校本教研", "同课异构"), ("其他形式", "读书沙龙"))):
        row = here.page.locator("[data-row]").nth(number)
        here.type("形式", kind, row)
        here.type("项目名称", name, row)
        here.type("学时", "20", row)


def expect_filled(here: Desk, title: str) -> None:
    """That everything is there again, live sums included."""
    expect(here.field("方案名称")).to_have_value(title)
    expect(here.field("目标与要求")).to_have_value("第一行\n第二行")
    rows = here.page.locator("[data-row]")
    expect(rows).to_have_count(2)
    for number, (kind, name) in enumerate((("school_research", "同课异构"), ("other", "读书沙龙"))):
        expect(here.field("形式", rows.nth(number))).to_have_value(kind)
        expect(here.field("项目名称", rows.nth(number))).to_have_value(name)
    expect(here.page.locator("[data-total=hours]")).to_have_text("40")


def sign_in_again(here: Desk, username: str) -> None:
    """By the link of the error page, back to the form."""
    here.press("去登录")
    here.type("账号", username)
    here.type("密码", PASSWORD)
    here.press("登录")


def test_a_form_saves_itself_and_is_restored(desk: OpenDesk) -> None:
    here = desk("school.chenghu")
    here.open("/plans/new")
    title = f"没有保存的方案 {secrets.token_hex(3)}"
    with here.page.expect_response(lambda answer: answer.ok and has_all(answer.request)):
        fill(here, title)
    expect(autosaved(here)).to_have_text(SAVED)
    # Another browser of the same person, as after a power cut.
    again = desk("school.chenghu")
    again.open("/plans/new")
    expect(again.page.get_by_text("有未保存的输入")).to_be_visible()
    again.type("方案名称", "先不选择")
    expect(autosaved(again)).to_contain_text("请先在页首选择")
    again.press("恢复")
    expect_filled(again, title)
    again.press("保存草稿")
    again.expect_said("草稿已保存")
    again.open("/plans/new")
    expect(again.page.get_by_text("有未保存的输入")).to_have_count(0)


def test_a_form_sent_after_the_session_has_ended_is_given_back(desk: OpenDesk) -> None:
    here = desk("school.chenghu")
    here.open("/plans/new?kind=school_plan")
    title = f"会话结束后送出的方案 {secrets.token_hex(3)}"
    here.context.clear_cookies(name=COOKIE)
    fill(here, title)
    here.press("保存草稿")
    expect(here.page.locator("h1")).to_have_text("请先登录")
    here.expect_text("刚才填写的内容没有丢")
    sign_in_again(here, "school.chenghu")
    expect(here.page).to_have_url(re.compile(r"/plans/new\?kind=school_plan$"))
    here.press("恢复刚才未送出的内容")
    expect_filled(here, title)
    here.press("保存草稿")
    here.expect_said("草稿已保存")
    here.expect_text(title)
    # It has arrived: nothing is left in the browser.
    assert here.page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('xuefen.keep:'))") == []


def test_a_page_that_is_too_old_keeps_the_text_and_only_for_its_account(system: System, desk: OpenDesk) -> None:
    here = desk("school.chenghu")
    here.open("/plans/new?kind=school_plan")
    here.context.clear_cookies(name=COOKIE)
    here.type("方案名称", "会话结束时的输入")
    expect(autosaved(here)).to_contain_text("已保存在这台电脑上")
    kept = "Object.values(localStorage).filter((text) => text.includes('会话结束时的输入')).length"
    assert here.page.evaluate(kept) == 1
    # Somebody else at the same computer is offered nothing.
    here.sign_in("school.qingfeng")
    here.open("/plans/new?kind=school_plan")
    expect(here.field("方案名称")).to_be_visible()
    expect(here.page.get_by_text("恢复刚才未送出的内容")).to_have_count(0)
    here.context.clear_cookies(name=COOKIE)
    here.sign_in("school.chenghu")
    here.open("/plans/new?kind=school_plan")
    here.press("恢复刚才未送出的内容")
    expect(here.field("方案名称")).to_have_value("会话结束时的输入")
    # The forms' own cookie gone: 页面已过期.
    here.context.clear_cookies(name="xuefen_forms")
    here.press("保存草稿")
    expect(here.page.locator("h1")).to_have_text("页面已过期")
    here.expect_text("刚才填写的内容没有丢")
    here.press("回到填写的页面")
    here.press("恢复刚才未送出的内容")
    here.press("保存草稿")
    here.expect_said("草稿已保存")


def test_a_reason_in_a_dialog_is_given_back_too(system: System, desk: OpenDesk) -> None:
    address, _ = make_plan(system, submit=True)
    plan = address.rsplit("/", 1)[1]
    system.sign_in("county.donghu").post(f"/plans/api/v1/plans/{plan}/opening", {})
    here = desk("school.qingfeng")
    here.open(address)
    here.press("申请撤回")
    dialog = here.page.locator("dialog#ask_withdraw")
    here.type("撤回理由", "日期写错了，请允许撤回修改", dialog)
    here.context.clear_cookies(name=COOKIE)
    here.press("申请撤回", where=dialog)
    expect(here.page.locator("h1")).to_have_text("请先登录")
    sign_in_again(here, "school.qingfeng")
    here.press("恢复刚才未送出的内容")
    expect(here.field("撤回理由", dialog)).to_have_value("日期写错了，请允许撤回修改")
    here.press("申请撤回", where=dialog)
    here.expect_text("申请撤回，待答复", "日期写错了，请允许撤回修改")


def test_signing_out_leaves_nothing_on_a_shared_computer(desk: OpenDesk) -> None:
    here = desk("school.qingfeng")
    here.open("/plans/new")
    here.page.evaluate(
        "localStorage.setItem('xuefen.keep:x|/plans/new|y', JSON.stringify({at: Date.now(), values: {}}))"
    )
    here.page.locator("details[data-menu] summary").click()
    here.press("退出登录")
    here.expect_said("已退出登录")
    assert here.page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('xuefen.keep:'))") == []


def test_two_windows_see_both_versions_and_one_takes_the_others(system: System, desk: OpenDesk) -> None:
    address, _ = make_plan(system, submit=False)
    first = desk("school.qingfeng")
    second = first.window()
    for window, aims in ((first, "第一个窗口的目标"), (second, "第二个窗口的目标")):
        window.open(f"{address}/edit")
        window.type("目标与要求", aims)
    first.press("保存草稿")
    first.expect_said("草稿已保存")
    second.press("保存草稿")
    row = second.row("目标与要求")
    expect(row.locator("del")).to_have_text("第一个窗口的目标")
    expect(row.locator("ins")).to_have_text("第二个窗口的目标")
    second.press("用我的覆盖")
    second.expect_said("草稿已保存")
    second.open(f"{address}?tab=content")
    second.expect_text("第二个窗口的目标")
