"""Two windows act at the same moment: one act happens, the other person reads who did what when and loses no word."""

from __future__ import annotations

import re
import secrets

from playwright.sync_api import expect

from shared.demo.plan import item
from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk
from tests.browser.life import YEAR
from tests.running import System

PEOPLE = {"county.donghu": "万青禾", "county.donghu2": "龚立言"}


def make_plan(system: System, *, submit: bool) -> tuple[str, str]:
    """A plan of the sample school; its address and title."""
    school = system.sign_in("school.qingfeng")
    title = f"校本研修方案 {secrets.token_hex(3)}"
    content = {
        "school_year": YEAR,
        "title": title,
        "aims": "以课例研究促进课堂改进。",
        "items": [item("school_training", "专题校本培训", "20", "10")],
    }
    plan = school.post("/plans/api/v1/plans", content)
    if submit:
        school.post(f"/plans/api/v1/plans/{plan['id']}/submit", version=plan["version"])
    return f"/plans/{plan['id']}", title


def press_together(windows: list[Desk], button: str) -> None:
    """Presses that button in all windows within a millisecond of each other."""
    at = windows[0].page.evaluate("Date.now()") + 500
    for window in windows:
        window.page.evaluate(
            "([selector, at]) => { setTimeout(() => document.querySelector(selector).click(), at - Date.now()); }",
            [button, at],
        )


def test_two_reviewers_decide_at_the_same_moment(system: System, desk: OpenDesk) -> None:
    address, title = make_plan(system, submit=True)
    windows = [desk(username) for username in PEOPLE]
    for window, name in zip(windows, PEOPLE.values(), strict=True):
        window.open(f"{address}/decide")
        window.type("总体意见", f"{name}写了很久的意见")
        window.press("同意")
        expect(window.page.locator("dialog#confirm")).to_be_visible()
    press_together(windows, "#confirm-ok")

    won = [window.page.locator("#flashes").get_by_text("已办理“同意”") for window in windows]
    lost = [window.page.locator("#decision").get_by_role("alert") for window in windows]
    for window, good, bad in zip(windows, won, lost, strict=True):
        expect(good.or_(bad)).to_be_visible()
        assert good.is_visible() != bad.is_visible(), window.page.url
    assert sum(good.is_visible() for good in won) == 1
    winner = 0 if won[0].is_visible() else 1
    names = list(PEOPLE.values())
    said = lost[1 - winner].inner_text()
    assert re.search(rf"已由{names[winner]}于 20\d\d-\d\d-\d\d \d\d:\d\d 办理：同意", said), said
    expect(windows[1 - winner].field("总体意见")).to_have_value(f"{names[1 - winner]}写了很久的意见")

    loser = windows[1 - winner]
    loser.open(address)
    loser.expect_text(title, f"{names[winner]}写了很久的意见")
    acts = loser.page.locator(".xf-entry-act strong").all_inner_texts()
    assert [act for act in acts if act != "查看"] == ["报送", "同意"]


def test_one_person_saves_the_same_draft_in_two_windows(system: System, desk: OpenDesk) -> None:
    address, _ = make_plan(system, submit=False)
    first = desk("school.qingfeng")
    second = first.window()
    for window, aims in ((first, "第一个窗口的目标"), (second, "第二个窗口的目标")):
        window.open(f"{address}/edit")
        window.type("目标与要求", aims)
    first.press("保存草稿")
    first.expect_said("草稿已保存")
    second.press("保存草稿")
    expect(second.page.get_by_role("alert")).to_contain_text("邹启文")
    expect(second.field("目标与要求")).to_have_value("第二个窗口的目标")
    first.page.reload()
    first.expect_text("第一个窗口的目标")


def test_a_form_sent_twice_has_one_effect(desk: OpenDesk) -> None:
    """The browser's back button and a second press send the same key: one plan is made."""
    school = desk("school.qingfeng")
    title = f"校本研修方案 {secrets.token_hex(3)}"
    school.open("/plans/new")
    school.type("方案名称", title)
    school.page.evaluate(
        """() => {
            const form = document.querySelector("form[data-totals]");
            const button = form.querySelector("button[value=save]");
            const body = () => new FormData(form, button);
            window.sent = Promise.all([1, 2].map(() => fetch(form.action, {method: "POST", body: body()})))
                .then((answers) => answers.map((answer) => answer.url));
        }"""
    )
    addresses = school.page.evaluate("window.sent")
    assert len(set(addresses)) == 1, addresses
    assert addresses[0] != school.page.url
    school.open("/plans/mine")
    expect(school.row(title)).to_have_count(1)
