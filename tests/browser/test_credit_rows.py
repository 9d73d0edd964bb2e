"""Rows of features.md about credits in a browser: a certificate made, checked and withdrawn; a workbook (N22, B16)."""

from __future__ import annotations

import re
from pathlib import Path

from tests.browser.conftest import OpenDesk

TEACHER, SCHOOL = "teacher.li", "school.qingfeng"


def test_b16_a_certificate_is_checked_by_a_stranger_and_withdrawn_by_the_teacher(desk: OpenDesk) -> None:
    teacher, stranger = desk(TEACHER), desk(phone=True)
    teacher.open("/credits/mine")
    teacher.press("学分证明与明细")
    teacher.press("出具学分证明")
    teacher.expect_said("已出具，核验码")
    said = teacher.page.locator("#flashes").inner_text()
    code = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", said)
    assert code, said
    with teacher.page.expect_download() as download:
        teacher.press("下载 PDF", where=teacher.row(code[0]))
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")

    stranger.open("/credits/verify")
    stranger.type("核验码", code[0].lower())
    stranger.press("核验")
    stranger.expect_text("真实有效", "李**")
    stranger.type("纸面上的统筹计入学分", "99")
    stranger.type("纸面上的自主计入学分", "99")
    stranger.press("核对")
    stranger.expect_text("请不要采信这份材料")

    teacher.press("撤销", confirm="撤销", where=teacher.row(code[0]))
    teacher.expect_said("已撤销")
    teacher.expect_text("本人撤销")
    stranger.page.reload()
    stranger.expect_text("本人已撤销此核验码")


def test_n22_a_school_exports_its_teachers(desk: OpenDesk) -> None:
    school = desk(SCHOOL)
    school.open("/credits/teachers")
    school.press("导出 Excel")
    school.until(school.page.get_by_role("button", name="下载"), 1)
    with school.page.expect_download() as download:
        school.press("下载")
    assert download.value.suggested_filename.endswith(".xlsx")
    school.page.reload()
    school.expect_text("1 次")
