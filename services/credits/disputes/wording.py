"""The Chinese words of disputes, so that nobody reads a bare code."""

from __future__ import annotations

KINDS = {"line": "学分记录", "provisional": "公示中的成绩", "missing": "参加过但没有记录"}
STATES = {
    "open": "待答复",
    "upheld": "异议成立，待更正",
    "settled": "异议成立，已更正",
    "rejected": "异议不成立",
    "withdrawn": "本人撤回",
}
TONES = {"open": "info", "upheld": "warn", "settled": "good", "rejected": "neutral", "withdrawn": "muted"}
ACTS = {
    "open": "提出异议",
    "uphold": "答复：异议成立",
    "reject": "答复：异议不成立",
    "forward": "转办",
    "withdraw": "撤回异议",
    "settle": "更正完成",
}
REMEDIES = {
    "revoke": "由审核单位取消成绩审核，改正后重新审核",
    "correct": "由发布单位更正项目的类别与折算",
    "register": "由组织单位补登成绩并审核",
}
