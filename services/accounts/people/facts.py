"""What is known of a person, in the words that people read, and which facts cannot be true together. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from services.accounts.kinds import PersonKind

LABELS = {
    "name": "姓名",
    "kind": "人员类别",
    "stage": "任教学段",
    "subject": "任教学科",
    "certificate_subject": "教师资格证学科",
    "hired_on": "入职日期",
    "formal_appointment_on": "正式任教日期",
    "retires_on": "退休日期",
    "seconded_from": "借调开始日期",
    "seconded_to": "借调结束日期",
}
"""Column of `Person` -> what people call it, in the order in which it is shown."""
DATES = ("hired_on", "formal_appointment_on", "retires_on", "seconded_from", "seconded_to")
KINDS = {
    PersonKind.IN_SERVICE.value: "在职教师",
    PersonKind.EDUCATION_AUTHORITY_STAFF.value: "教育行政部门人员",
    PersonKind.SECONDED_TO_AUTHORITY.value: "借调到教育主管部门",
    PersonKind.CONTRACTED_PRE_GRADUATION.value: "定向生（未毕业）",
}
STAGES = {"kindergarten": "幼儿园", "primary": "小学", "junior": "初中", "senior": "高中", "vocational": "中职"}
EARLIEST, LATEST = date(1940, 1, 1), date(2100, 12, 31)


class Purpose(StrEnum):
    """What somebody needs a whole identity number for (T24)."""

    CHECK_PAPERS = "check_papers"
    TRANSFER = "transfer"
    COLLECTION = "collection"
    DISPUTE = "dispute"
    OTHER = "other"

    @property
    def label(self) -> str:
        """The Chinese words."""
        return _PURPOSES[self]


_PURPOSES = {
    Purpose.CHECK_PAPERS: "核对证件或材料",
    Purpose.TRANSFER: "办理调动",
    Purpose.COLLECTION: "信息采集更正",
    Purpose.DISPUTE: "核实学分异议",
    Purpose.OTHER: "其他",
}


class TransferState(StrEnum):
    """Where a transfer stands."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    """By both sides; the day has not come."""
    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        """The Chinese words."""
        return _TRANSFER_STATES[self]


_TRANSFER_STATES = {
    TransferState.ASKED: "待对方确认",
    TransferState.CONFIRMED: "已确认，待生效",
    TransferState.DONE: "已调动",
    TransferState.REFUSED: "对方不同意",
    TransferState.WITHDRAWN: "已撤回",
}


def contradictions(facts: Mapping[str, Any], today: date) -> dict[str, list[str]]:
    """Field -> sentences, for facts that cannot be so; empty when all is well. `facts` by the keys of `LABELS`."""
    found: dict[str, list[str]] = {}

    def wrong(name: str, sentence: str) -> None:
        found.setdefault(name, []).append(sentence)

    for name in DATES:
        day = facts[name]
        if day is not None and not EARLIEST <= day <= LATEST:
            wrong(name, f"{LABELS[name]}应在 {EARLIEST} 至 {LATEST} 之间，请核对。")
    hired, formal, retires = facts["hired_on"], facts["formal_appointment_on"], facts["retires_on"]
    since, until = facts["seconded_from"], facts["seconded_to"]
    if hired is not None and hired > today:
        wrong("hired_on", f"入职日期 {hired} 还没有到，请在入职之后登记。")
    if hired is not None and formal is not None and formal < hired:
        wrong("formal_appointment_on", f"正式任教日期 {formal} 早于入职日期 {hired}，请核对。")
    if hired is not None and retires is not None and retires <= hired:
        wrong("retires_on", f"退休日期 {retires} 不晚于入职日期 {hired}，请核对。")
    if until is not None and since is None:
        wrong("seconded_from", "填写了借调结束日期，请同时填写借调开始日期。")
    if since is not None and until is not None and until < since:
        wrong("seconded_to", f"借调结束日期 {until} 早于开始日期 {since}，请核对。")
    return found


def word(name: str, value: Any) -> str:
    """A fact as people read it; 空 where there is none."""
    if value is None or value == "":
        return "空"
    return {"kind": KINDS, "stage": STAGES}.get(name, {}).get(value, str(value))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What has changed, for the history: 任教学科：语文 → 数学."""
    return [
        f"{label}：{word(name, before[name])} → {word(name, after[name])}"
        for name, label in LABELS.items()
        if before[name] != after[name]
    ]
