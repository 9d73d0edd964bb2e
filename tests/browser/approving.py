"""What several browser tests do with a plan: title it, return it with points, answer them."""

from __future__ import annotations

import re
import secrets

from playwright.sync_api import expect

from tests.browser.desk import Desk


def titled(words: str) -> str:
    """A title that no other plan of the system has."""
    return f"{words} {secrets.token_hex(3)}"


def return_points(reviewer: Desk, points: dict[str, str], opinion: str = "请修改后重报。") -> None:
    """退回修改 on the open decision page; `points`: place in full -> what to mend."""
    page = reviewer.page
    page.locator("[data-return] > summary").click()
    rows = page.locator("#f-points [data-row]")
    for number, (place, text) in enumerate(points.items()):
        if number:
            reviewer.press("增加一条意见")
        reviewer.type("所在位置", place, rows.nth(number))
        reviewer.type("需要怎样修改", text, rows.nth(number))
    reviewer.type("总体意见", opinion)
    page.get_by_label("已核对全部材料，一次性告知").check()
    reviewer.press("退回修改", confirm="退回修改")
    reviewer.expect_said("已办理“退回修改”")


def answer(school: Desk, number: int, verdict: str, text: str = "") -> None:
    """已修改 or 说明 to that point of the open form."""
    point = school.page.locator(f"#f-answers-{number}")
    point.get_by_label(verdict, exact=True).check()
    if text:
        point.get_by_label(re.compile("^答复内容")).fill(text)
    expect(point.get_by_label(verdict, exact=True)).to_be_checked()
