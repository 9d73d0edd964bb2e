"""The Chinese words for what the ledger keeps as codes, so that nobody reads a bare code."""

from __future__ import annotations

import re
from decimal import Decimal

from shared.events.plans import Bucket

BUCKETS = {"coordinated": "统筹", "self_organized": "自主"}

MODES = {"centralized": "面授", "online": "网络"}
PROGRAMMES = {"headmaster": "校长研修"}
"""Special programmes that an overlay may treat otherwise (R-25)."""

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
    "lesson_observation": "听课",
    "open_class": "公开课",
    "training_lecture": "培训讲座",
    "research_project": "课题立项",
    "studio_two_years": "工作坊、工作室满 2 年",
    "paper": "论文发表",
    "degree_upgrade": "学历提升",
    "competition_award": "专业竞赛获奖",
    "pre_service_teaching_duty": "承担职前培养任务",
    "in_service_training_duty": "承担职后培训任务",
    "new_teacher_training": "试用期新教师培训",
}

SELF_ORGANIZED = frozenset({
    "school_training", "school_research", "workshop", "other_school_based", "lesson_observation", "open_class",
    "training_lecture", "research_project", "studio_two_years", "paper",
})  # fmt: skip
"""Categories of the self-organised credits (FAQ-Q8, R-56); all others are coordinated."""

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


NO_CYCLE = "日期和学年不在任何培训周期之内"
"""Why a line counts in no cycle."""


def to_check(*, known: bool, dated: bool) -> str:
    """Why a line is 待核对: whether the register knows its person, and whether it lies in a cycle."""
    causes = [] if known else ["教师尚不在名册中"]
    if not dated:
        causes.append(f"{NO_CYCLE}，请核对；有误的，更正项目或作废认定")
    return "；".join(causes)


def category(code: str) -> str:
    """The title of a training category; one that is new to this release is told as what it is."""
    return CATEGORIES.get(code, "其他培训")


def bucket(category: str) -> Bucket:
    """The bucket to which a category belongs."""
    return Bucket.SELF_ORGANIZED if category in SELF_ORGANIZED else Bucket.COORDINATED


def stage(code: str) -> str:
    """小学 for `primary`."""
    return STAGES.get(code, "其他学段")


def basis(source: str) -> str:
    """（问答第 9、10 问）where a figure's source names questions of the FAQ, else nothing: people read no codes."""
    numbers = dict.fromkeys(re.findall(r"FAQ-Q(\d+)", source))
    return f"（问答第 {'、'.join(numbers)} 问）" if numbers else ""


def plain(number: Decimal) -> str:
    """60 or 0.5: without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def credits(number: Decimal) -> str:
    """6.0: at least one decimal."""
    text = plain(number)
    return text if "." in text else f"{text}.0"
