"""The Chinese words for what the ledger keeps as codes, so that nobody reads a bare code."""

from __future__ import annotations

from decimal import Decimal

BUCKETS = {"coordinated": "统筹", "self_organized": "自主"}

MODES = {"centralized": "面授", "online": "网络"}

CATEGORIES = {
    "national_training": "国培计划",
    "provincial_training": "省级培训",
    "district_training": "设区市级培训",
    "county_training": "县（市、区）级培训",
    "full_staff_training": "全员培训",
    "fallback_training": "托底培训",
    "school_training": "校本培训",
    "school_research": "校本教研",
    "workshop": "工作坊、工作室研修",
    "other_school_based": "其他校本研修",
    "degree_upgrade": "学历提升",
}

STAGES = {
    "kindergarten": "幼儿园",
    "primary": "小学",
    "junior": "初中",
    "senior": "高中",
    "vocational": "中职",
}

STATUSES = {
    "in_progress": "进行中",
    "met": "已达标",
    "not_met": "未达标",
    "not_assessed": "不作要求",
    "undetermined": "政策待定",
}

LINE_STATES = {
    "counted": "计入",
    "partly_counted": "部分计入",
    "not_counted": "未计入",
    "pending": "待定",
    "reversed": "已冲正",
    "reversal": "冲正",
}


def category(code: str) -> str:
    """The title of a training category; one that is new to this release is told as what it is."""
    return CATEGORIES.get(code, "其他培训")


def stage(code: str) -> str:
    """小学 for `primary`."""
    return STAGES.get(code, "其他学段")


def plain(number: Decimal) -> str:
    """60 or 0.5: without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def credits(number: Decimal) -> str:
    """6.0: at least one decimal."""
    text = plain(number)
    return text if "." in text else f"{text}.0"
