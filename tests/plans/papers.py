"""What tests of printing are made of: a sheet, and the text of the PDF that comes of it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pypdfium2

from services.plans.printing.sheet import Box, Sheet, SheetFile, SheetItem, Totals
from shared.printing import codes

RARE = "䶮㛃𬱖𠅤𫍽𬭚𫟹"
"""Characters of people's names, most of them outside the common plane."""
OPINION = "同意。方案目标明确，请按计划组织实施。"


def item(number: int = 1, **changes: Any) -> SheetItem:
    """One item; `changes` win."""
    return SheetItem(
        **{
            "number": number,
            "kind": "校本培训",
            "title": f"第{number}项新课标研修",
            "hours": Decimal("12.5"),
            "rate": Decimal(10),
            "credits": Decimal("1.25"),
            "when": "2024-03-05 至 2024-06-30",
            "who": "王五",
            "assessment": "提交研修心得一篇。",
            "records": "签到表、照片",
            **changes,
        }
    )


def sheet(items: int = 2, opinion: str = OPINION, **changes: Any) -> Sheet:
    """A plan that two of three stages have agreed to; `changes` win."""
    agreed: dict[str, Any] = {"state": "同意", "opinion": opinion, "version": 2, "digest8": "7f3a90b1", "valid": "有效"}
    boxes = (
        Box(
            stage_title="县级审核",
            body="东湖区教师进修学校",
            name="李某（代王某）",
            date=date(2024, 3, 5),
            **agreed,
        ),
        Box(stage_title="市级审核", body="南昌市教育局", name="赵六", date=date(2024, 3, 6), **agreed),
        Box(stage_title="省级审核", body="江西省教育厅", state="待审核"),
    )
    values: dict[str, Any] = {
        "heading": "自主培训方案审批单",
        "number": "P2023-360102-0001",
        "title": "清风小学校本研修方案",
        "school_year": "2023-2024",
        "unit": "南昌市东湖区清风小学",
        "kind_title": "年度申报方案",
        "status_title": "审核中",
        "version": 2,
        "digest": "7f3a90b1" * 8,
        "rounds": 2,
        "aims": "提升课堂教学能力。\n每学期至少两次。",
        "items": tuple(item(number) for number in range(1, items + 1)),
        "totals": Totals(hours=Decimal(25), credits=Decimal("2.5")),
        "attachments": (SheetFile(name="研修计划.pdf", size=123456, digest8="aabbccdd"),),
        "boxes": boxes,
        "code": codes.grouped(codes.new_code()),
        "verify_url": "https://xuefen.example/plans/verify",
        "printed_at": datetime(2024, 3, 6, 1, 2, tzinfo=UTC),
    }
    return Sheet(**{**values, **changes})


def pages(content: bytes) -> list[str]:
    """The text of each page without blanks and line ends, which depend on where lines are broken."""
    return [re.sub(r"\s", "", page.get_textpage().get_text_range()) for page in pypdfium2.PdfDocument(content)]
