"""Words and colours that pages, lists and workbooks of submissions share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

TONES = {
    "draft": "muted",
    "under_review": "info",
    "returned": "warn",
    "approved": "good",
    "refused": "bad",
    "withdrawn": "muted",
    "voided": "bad",
}
"""Status -> tone of its badge."""
FLAG_TITLES = {
    "VILLAGE_SCHOOL": "村小自行申报",
    "JOINT_PLAN": "联合申报",
    "LIKE_LAST_YEAR": "与上年相同",
    "PLAN_DOUBLED": "疑似重复申报",
    "ITEM_DOUBLED": "项目疑似重复",
    "TOTALS_BEYOND": "学分合计偏高",
    "OWN_STANDARD": "其他形式",
    "RECORDS_MISSING": "无过程记录要求",
    "ASSESSMENT_MISSING": "无考核办法",
    "WORKSHOP_LEVEL_MISSING": "工作坊未写级别",
    "DATES_MISSING": "无日期",
    "DATES_OUTSIDE_YEAR": "日期超出学年",
    "CLAIM_LIKE": "有同类申请",
    "AMOUNT_MISSING": "未写学分",
}
"""Badges of what the checks found; blocking findings never get as far as a reviewer."""
COUNTED = ("OWN_STANDARD", "RECORDS_MISSING", "ASSESSMENT_MISSING", "ITEM_DOUBLED")
"""Badges that say of how many items."""
UNIT_KINDS = {
    "primary": "小学",
    "junior": "初级中学",
    "senior": "高级中学",
    "nine_year": "九年一贯制学校",
    "central_school": "中心小学",
    "village_school": "村小",
    "one_teacher_school": "教学点",
    "kindergarten": "幼儿园",
    "special_school": "特殊教育学校",
    "vocational_school": "中等职业学校",
}
"""Words of the units' kinds that file plans, as accounts has them."""
MARKED_KINDS = {kind: UNIT_KINDS[kind] for kind in ("village_school", "one_teacher_school")}
"""Those that lists mark."""


def marks(flags: Iterable[str]) -> list[str]:
    """Badges of what was found, each once: 其他形式 2, 无过程记录要求 1, 疑似重复申报."""
    found = Counter(flag for flag in flags if flag in FLAG_TITLES)
    return [FLAG_TITLES[flag] + (f" {number}" if flag in COUNTED else "") for flag, number in found.items()]
