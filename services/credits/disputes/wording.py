"""The Chinese words of disputes, so that nobody reads a bare code."""

from __future__ import annotations

from services.credits.disputes.models import Dispute

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
_OF_RESULT = {
    "revoke": "由审核单位取消成绩审核，改正后重新审核",
    "correct": "由发布单位更正项目的类别与折算",
    "register": "由组织单位补登成绩并审核",
}
_OF_CLAIM = {
    "void": "由认定申请各审核环节的审核人提出作废，经第二人确认",
    "reclaim": "由教师或学校重新提出认定申请；原认定有误的，先由审核人提出作废",
}
REMEDIES = {**_OF_RESULT, **_OF_CLAIM}


def remedies_of(dispute: Dispute) -> dict[str, str]:
    """What may be done about a dispute that is upheld: a claim is not audited, and no project stands behind it."""
    return _OF_CLAIM if dispute.of_claim else _OF_RESULT
