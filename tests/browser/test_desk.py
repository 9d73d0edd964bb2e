"""The reviewers' desk in a browser: keys, stored sentences, the next of the queue, taking back, several at once."""

from __future__ import annotations

import re
import secrets

from playwright.sync_api import expect

from shared.demo.plan import item
from tests.browser.conftest import OpenDesk
from tests.browser.life import YEAR
from tests.running import System


def submit(system: System, *titles: str) -> None:
    """Plans of the sample school in the county's queue, each of a school year of its own so that none looks doubled."""
    school = system.sign_in("school.qingfeng")
    for number, title in enumerate(titles):
        first = int(YEAR[:4]) + 1 + number
        planned = {**item("school_training", "专题校本培训", "20", "10")}
        planned |= {"held_from": f"{first}-10-12", "held_to": f"{first}-10-13"}
        content = {"school_year": f"{first}-{first + 1}", "title": title, "aims": "促进课堂改进。", "items": [planned]}
        plan = school.post("/plans/api/v1/plans", content)
        school.post(f"/plans/api/v1/plans/{plan['id']}/submit", version=plan["version"])


def test_a_morning_at_the_desk(system: System, desk: OpenDesk) -> None:
    mark = secrets.token_hex(3)
    titles = [f"{word}方案 {mark}" for word in ("甲", "乙", "丙")]
    submit(system, *titles)
    here = desk("county.donghu")
    page = here.page
    here.open("/plans/phrases")
    phrase = f"记录要求不具体 {mark}。"
    here.type("内容", phrase)
    here.press("保存")
    here.expect_said("常用语已保存")

    # By keys from the list to the decision; the colleague sees who is at it.
    here.open("/plans/queue?fresh=new")
    while not page.evaluate("document.activeElement.textContent").startswith(titles[0]):
        page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent").startswith(titles[1])
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent").startswith(titles[0])
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(titles[0])
    other = desk("county.donghu2")
    other.open("/plans/queue?fresh=new")
    other.until(other.row(titles[0]).get_by_text("处理中：万青禾"), 1)

    # A stored sentence is put where one types, and must not go back to a school as it stands.
    page.keyboard.press("r")
    expect(here.field("所在位置")).to_be_focused()
    here.field("所在位置").select_option(label="项目 1“专题校本培训” · 过程记录要求")
    expect(page.locator("[data-place-words]").first).to_have_text("项目 1“专题校本培训” · 过程记录要求")
    here.field("需要怎样修改").click()
    page.locator("summary", has_text="常用语").click()
    page.locator(f"[data-phrase='{phrase}']").click()
    expect(here.field("需要怎样修改")).to_have_value(phrase)
    page.get_by_label("已核对全部材料，一次性告知").check()
    here.press("退回修改")
    expect(page.locator("dialog#confirm")).to_be_hidden()
    assert "常用语原文" in here.field("需要怎样修改").evaluate("field => field.validationMessage")
    here.field("需要怎样修改").fill(f"{phrase}请写明每次的照片。")
    here.press("退回修改", confirm="退回修改")

    # On to the next of the same list, with the last decision still at hand for a while.
    here.expect_said("已办理“退回修改”")
    expect(page.locator("h1")).to_have_text(titles[1])
    assert page.url.endswith("/decide?fresh=new")
    here.press("取回", where=page.locator(".xf-desk-done"))
    expect(page.locator("h1")).to_have_text(titles[0])
    here.expect_said("已办理“取回”")
    page.keyboard.press("a")
    page.locator("dialog#confirm").get_by_role("button", name="同意", exact=True).click()
    here.expect_said("已办理“同意”")
    expect(page.locator(".xf-desk-done")).to_be_visible()
    expect(page.locator(".xf-desk-done")).to_be_hidden()

    # The rest together.
    here.open("/plans/queue")
    for title in titles[1:]:
        here.row(title).get_by_role("checkbox").check()
    here.press("批量同意（2 件）", confirm="批量同意")
    here.expect_text("2 成功，0 未办理")
    here.open("/plans/queue")
    for title in titles:
        expect(here.row(title)).to_have_count(0)


def test_asking_a_colleague_on_a_phone(system: System, desk: OpenDesk) -> None:
    title = f"征询方案 {secrets.token_hex(3)}"
    submit(system, title)
    here = desk("county.donghu", phone=True)
    here.open("/plans/queue")
    here.press("办理", where=here.row(title))
    here.press("意见征询")
    dialog = here.page.locator("dialog#act-consult")
    dialog.get_by_label("龚立言").check()
    here.type("想征询什么", "此形式能否认定？", dialog)
    here.press("意见征询", where=dialog)
    here.expect_said("已办理“意见征询”")
    here.expect_text("此形式能否认定？", "待答复")
    assert here.page.evaluate("document.documentElement.scrollWidth") <= 390

    asked = desk("county.donghu2", phone=True)
    asked.open("/plans/queue")
    asked.page.get_by_role("link", name=re.compile("征询我")).click()
    asked.press("答复", where=asked.row(title))
    asked.press("答复征询")
    asked.type("答复", "可以认定。", asked.page.locator("dialog#act-reply"))
    asked.press("答复征询", where=asked.page.locator("dialog#act-reply"))
    asked.expect_said("已办理“答复征询”")
    here.page.reload()
    here.expect_text("可以认定。")
