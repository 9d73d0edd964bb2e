"""The Chinese words of the comparison, so that nobody reads a bare code."""

from __future__ import annotations

CAUSES = {
    "not_arrived": "未送达",
    "parked": "已送达，暂存待处理",
    "fewer_lines": "入账少于送出",
    "other_results": "记录与成绩不符",
    "surplus": "有记录无成绩",
    "not_countered": "已取消审核，尚未冲回",
    "unanswered": "已入账，培训项目未收到答复",
    "amount": "两边学分不一致",
    "unknown_person": "已入账，待核对人员",
}
ADVICE = {
    "not_arrived": "学分服务没有收到这次审核的成绩；可以重新送达。",
    "parked": "消息已收到，因次序或数据问题暂时不能处理，系统会继续重试；长时间不变的请联系管理员。",
    "fewer_lines": "只收到一部分成绩；可以重新送达，已入账的不会重复。",
    "other_results": "入账的成绩与审核的不是同一批；请联系管理员核查。",
    "surplus": "学分中有这次审核的记录，培训项目中没有；请联系管理员核查。",
    "not_countered": "培训项目中已取消审核，学分还没有冲回；可以重新送达。",
    "unanswered": "学分已入账，培训项目还没有收到答复；可以重新送达。",
    "amount": "培训项目收到的学分与现有记录不同；可以重新送达，仍不一致的请联系管理员核查。",
    "unknown_person": "学分已入账，其中有教师尚不在名册中；登记后自动一致，不需要重新送达。",
}
AGREES = "一致"
RESENDABLE = frozenset({"not_arrived", "fewer_lines", "not_countered", "unanswered", "amount"})
"""What sending again may mend."""
