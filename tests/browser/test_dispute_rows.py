"""Rows of features.md about disputes in a browser: from the line to an answer that stays on it (T16, B14)."""

from __future__ import annotations

from tests.browser.approving import titled
from tests.browser.conftest import OpenDesk
from tests.flows.material import person_of
from tests.flows.story import Story

COUNTY, AUDITOR, OTHER, TEACHER = "county.donghu", "audit.donghu", "county.donghu2", "teacher.li"


def test_t16_a_dispute_on_a_line_is_answered_by_somebody_else_and_stays_there(story: Story, desk: OpenDesk) -> None:
    title = titled("有异议的培训")
    project = story.publish(COUNTY, title=title)
    story.roster(COUNTY, project, [person_of(TEACHER)])
    story.audit(AUDITOR, project)
    story.arrives(TEACHER, project, "6.0")
    teacher, auditor, other = desk(TEACHER), desk(AUDITOR), desk(OTHER)
    teacher.open("/credits/mine")
    teacher.row(title).locator("summary").click()
    teacher.press("对这条记录提出异议", where=teacher.row(title))
    teacher.type("内容和理由", "我参加了全部 80 学时，只登记了 60 学时。")
    teacher.type("公示期后提出的原因", "当时在外培训。")
    teacher.attach("佐证材料", "letter.pdf")
    teacher.press("提交异议")
    teacher.expect_said("已提交")
    teacher.expect_text("待答复", "letter.pdf", "提出异议")

    auditor.open("/credits/disputes")
    auditor.press(title)
    auditor.expect_text("须由其他人答复（回避）")
    other.open("/credits/disputes")
    other.press(title)
    with other.page.expect_download() as download:
        other.page.get_by_role("link", name="letter.pdf").click()
    assert download.value.suggested_filename == "letter.pdf"
    other.type("答复理由", "签到表为 60 学时，登记无误。")
    other.press("异议不成立")
    other.expect_said("异议不成立")

    teacher.open("/credits/mine")
    teacher.row(title).locator("summary").click()
    teacher.expect_text("异议不成立", "签到表为 60 学时，登记无误。")
