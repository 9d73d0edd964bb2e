"""The template of a roster; the rows of one that need mending are made by `shared.sheets.writing` (T7, B8, B9)."""

from __future__ import annotations

from services.plans.rosters import roster
from shared.sheets.writing import written

TEMPLATE_NAME = "培训名单模板.xlsx"
TEMPLATE = {"身份证号": 22, "姓名": 12, "学时": 8, "考核结果（合格/不合格）": 22, "出勤": 10, "备注": 30}
"""Heading -> width in characters."""


def template() -> bytes:
    """An empty roster whose columns are text, with a choice for the result."""
    return written(TEMPLATE, TEMPLATE.values(), [], choices={3: list(roster.RESULTS)})
