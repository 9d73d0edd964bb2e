"""Rows of features.md about claims in a browser: room is seen first, then it is filed, reviewed, posted (T19)."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.approving import titled
from tests.browser.conftest import OpenDesk
from tests.flows.material import TODAY

TEACHER, SCHOOL, COUNTY = "teacher.li", "school.qingfeng", "county.donghu"


def test_t19_a_degree_is_claimed_with_its_ceiling_in_sight_and_posted(desk: OpenDesk) -> None:
    title = titled("教育硕士")
    teacher, school, county = desk(TEACHER), desk(SCHOOL), desk(COUNTY)
    teacher.open("/credits/mine")
    teacher.press("申请认定")
    teacher.press("申请认定")
    teacher.type("认定类别", "学历提升")
    teacher.press("下一步")
    teacher.expect_text("学历提升冲抵", re.compile(r"已用 \d\.\d / 8\.0 学分"))
    teacher.type("事项名称", title)
    teacher.type("证书取得日期", TODAY.isoformat())
    teacher.type("学历层次", "硕士")
    teacher.type("申请认定学分", "5")
    teacher.press("保存并报送", confirm="报送")
    teacher.expect_text("没有佐证不能认定")
    teacher.attach("添加附件", "plan.pdf")
    teacher.press("保存并报送", confirm="报送")
    teacher.expect_said("已报送")
    for reviewer in (school, county):
        reviewer.open("/plans/queue")
        reviewer.press(title)
        reviewer.expect_text("李晓岚", "证书取得日期")
        reviewer.press("同意", confirm="同意")
        reviewer.expect_said("已办理“同意”")
    teacher.open("/credits/mine")
    teacher.until(teacher.row(title), 1)
    expect(teacher.row(title).locator("td[data-label=折算]")).to_have_text("5.0")
