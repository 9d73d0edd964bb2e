"""What can be said of a submission before a human looks (FAQ-Q9, Q10): blocking, or marked for the reviewer. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.plans.approval.content import Content, Item
from services.plans.terms import bounds, school_year_of

CYCLE_MINIMUM = Decimal(10)
"""Self-organised credits that a whole cycle asks for (R-04): a year that plans more deserves a look."""
YEARS_AHEAD = 9
"""School years beyond that are a slip of the pen, not a plan."""
FLOOR = Decimal(10)
"""Hours per credit below which no school may go: the county standard (FAQ-Q10, R-24)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found. Blocking: the plan cannot be submitted with it; otherwise the reviewer is told."""

    code: str
    field: str
    message: str
    blocking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the checks ask for besides the content."""

    today: date
    unit_kind: str
    same_year: tuple[str, ...] = ()
    """Numbers of other submissions of that unit, kind and year, under way or approved."""
    like_last_year: bool = False
    """Says the same as last year's approved one."""
    same_claims: tuple[str, ...] = ()
    """Numbers of other claims for the same teacher that speak of the same thing, under way or approved."""
    like_claims: tuple[str, ...] = ()
    """Numbers of such claims of the same category in the running cycle."""


def check(content: Content, around: Surroundings) -> list[Finding]:
    """Everything that was found, in the order of the form."""
    found = list(_check_whole(content, around))
    for number, item in enumerate(content.items):
        found += _check_item(f"items.{number}", number + 1, item, content.school_year)
    return found


def _check_whole(content: Content, around: Surroundings) -> Iterator[Finding]:
    last = bounds(content.school_year)[1]
    if around.today > last:
        message = f"{content.school_year} 学年已于 {last} 结束，不能再申报；请核对学年，或申报本学年的方案。"
        yield Finding("YEAR_CLOSED", "school_year", message, True)
    last_year = int(school_year_of(around.today)[:4]) + YEARS_AHEAD
    if int(content.school_year[:4]) > last_year:
        message = f"{content.school_year} 学年还太早：现在最多可申报到 {last_year}-{last_year + 1} 学年，请核对学年。"
        yield Finding("YEAR_TOO_FAR", "school_year", message, True)
    if not content.aims.strip():
        yield Finding("AIMS_MISSING", "aims", "请填写目标与要求。", True)
    if not content.items:
        yield Finding("ITEMS_MISSING", "items", "请至少填写一个研修项目。", True)
    if content.kind == "fallback_scheme":
        yield from _check_forecast(content)
    if content.covers:
        names = "、".join(cover.name for cover in content.covers)
        yield Finding("JOINT_PLAN", "covers", f"联合申报，覆盖：{names}。", False)
    if around.unit_kind == "village_school":
        yield Finding(
            "VILLAGE_SCHOOL", "", "村小自行申报的方案，通过后可按方案自行组织实施考核（问答第 14 问）。", False
        )
    if around.same_year:
        message = f"本单位 {content.school_year} 学年已有：{'、'.join(around.same_year)}，疑似重复申报。"
        yield Finding("PLAN_DOUBLED", "school_year", message, False)
    if around.like_last_year:
        yield Finding("LIKE_LAST_YEAR", "", "除学年和日期外，内容与上年已通过的方案相同。", False)
    if content.kind == "school_plan" and content.credits > CYCLE_MINIMUM:
        message = f"合计 {content.credits} 学分，超过整个周期的自主学分要求（{CYCLE_MINIMUM} 学分），请核对学时。"
        yield Finding("TOTALS_BEYOND", "items", message, False)
    seen: dict[tuple[str, str], int] = {}
    for number, item in enumerate(content.items):
        first = seen.setdefault((item.kind, item.title.strip()), number)
        if first != number:
            yield Finding(
                "ITEM_DOUBLED",
                f"items.{number}.title",
                f"项目 {number + 1} 与项目 {first + 1} 的形式和名称相同，疑似重复。",
                False,
            )


def _check_forecast(content: Content) -> Iterator[Finding]:
    if content.forecast is None or content.forecast.teachers < 1 or not content.forecast.basis.strip():
        message = "托底方案须写明预判：多少教师、缺多少学分、依据什么（问答第 11 问）。"
        yield Finding("FORECAST_MISSING", "forecast.teachers", message, True)
    if not content.attachments:
        message = "请把预判名单作为附件上传（问答第 11 问）。"
        yield Finding("FORECAST_LIST_MISSING", "attachments", message, True)


def _check_item(place: str, number: int, item: Item, school_year: str) -> Iterator[Finding]:
    rate = f"{item.hours_per_credit.normalize():f}"
    if item.hours_per_credit < FLOOR:
        yield Finding(
            "PLAN_STANDARD_BELOW_COUNTY",
            f"{place}.hours_per_credit",
            f"项目 {number} 每学分 {rate} 学时，低于县级标准：每学分不得少于 10 学时（问答第 10 问）。",
            True,
        )
    if item.held_from is None or item.held_to is None:
        yield Finding("DATES_MISSING", f"{place}.held_from", f"项目 {number} 没有写开始和结束日期。", False)
    elif item.held_from > item.held_to:
        yield Finding("DATES_REVERSED", f"{place}.held_to", f"项目 {number} 的结束日期早于开始日期，请核对。", True)
    else:
        first, last = bounds(school_year)
        if item.held_from < first or item.held_to > last:
            message = f"项目 {number} 的日期不在 {school_year} 学年（{first} 至 {last}）内。"
            yield Finding("DATES_OUTSIDE_YEAR", f"{place}.held_from", message, False)
    if not item.records.strip():
        message = f"项目 {number} 没有写过程记录要求：自主培训须有计划、有过程记录（问答第 9 问）。"
        yield Finding("RECORDS_MISSING", f"{place}.records", message, False)
    if not item.assessment.strip():
        yield Finding("ASSESSMENT_MISSING", f"{place}.assessment", f"项目 {number} 没有写考核办法。", False)
    if item.kind == "workshop" and not item.level:
        yield Finding(
            "WORKSHOP_LEVEL_MISSING", f"{place}.level", f"项目 {number} 没有写是哪一级的工作坊、工作室。", False
        )
    if item.kind == "other":
        message = f"项目 {number} 为其他形式，自定标准 {rate} 学时/学分，由对应层级审核认定（问答第 10 问）。"
        yield Finding("OWN_STANDARD", f"{place}.hours_per_credit", message, False)
