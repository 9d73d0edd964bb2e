"""What a plan says, apart from where it stands: the content that a reviewer signs, its digest and its checks. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from services.plans.categories import credits_of
from services.plans.terms import bounds

ITEM_KINDS = {
    "school_training": "校本培训",
    "school_research": "校本教研",
    "workshop": "工作坊、工作室",
    "other": "其他形式",
}
"""What a school may plan (FAQ-Q8); `other` comes with its own standard (FAQ-Q10)."""
SECTIONS = {"basics": "基本情况", "items": "研修项目", "attachments": "附件"}
BASIC_FIELDS = {"school_year": "学年", "title": "方案名称", "aims": "目标与要求"}
ITEM_FIELDS = {
    "kind": "形式",
    "title": "项目名称",
    "hours": "学时",
    "hours_per_credit": "学分折算标准",
    "held_from": "开始日期",
    "held_to": "结束日期",
    "responsible": "负责人",
    "assessment": "考核办法",
    "records": "过程记录要求",
}
FLOOR = Decimal(10)
"""Hours per credit below which no school may go: the county standard (FAQ-Q10, R-24)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One planned training or research activity."""

    id: str
    kind: str
    title: str
    hours: Decimal
    hours_per_credit: Decimal
    held_from: date | None
    held_to: date | None
    responsible: str
    assessment: str
    records: str

    @property
    def credits(self) -> Decimal:
        """What one participant gets who passes."""
        return credits_of(self.hours, self.hours_per_credit)

    @property
    def kind_title(self) -> str:
        """The kind as people read it."""
        return ITEM_KINDS[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of the plan; the digest stands for the file's content."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Everything that is submitted, and nothing else."""

    kind: str
    unit_path: str
    school_year: str
    title: str
    aims: str
    items: tuple[Item, ...]
    attachments: tuple[Attachment, ...]

    @property
    def hours(self) -> Decimal:
        """Hours of all items together."""
        return sum((item.hours for item in self.items), Decimal(0))

    @property
    def credits(self) -> Decimal:
        """Credits of all items together, for who passes them all."""
        return sum((item.credits for item in self.items), Decimal(0))

    def dump(self) -> dict[str, Any]:
        """JSON-ready and always the same for the same content: figures with two places, dates ISO."""
        return {
            **asdict(self),
            "items": [{key: _plain(value) for key, value in asdict(item).items()} for item in self.items],
            "attachments": [asdict(attachment) for attachment in self.attachments],
        }

    def digest(self) -> str:
        """SHA-256 over the canonical JSON, attachments' digests included (N3)."""
        text = json.dumps(self.dump(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def places(self) -> dict[tuple[str, str], str]:
        """(section, field) -> words, for every place that a reviewer's point may be tied to (N1)."""
        found = {("basics", ""): SECTIONS["basics"], ("items", ""): SECTIONS["items"]}
        found |= {("basics", name): label for name, label in BASIC_FIELDS.items()}
        for number, item in enumerate(self.items):
            words = f"项目 {number + 1}“{item.title}”"
            found[("items", f"items.{number}")] = words
            found |= {("items", f"items.{number}.{name}"): f"{words} · {label}" for name, label in ITEM_FIELDS.items()}
        found[("attachments", "")] = SECTIONS["attachments"]
        found |= {("attachments", file.id): f"附件“{file.name}”" for file in self.attachments}
        return found


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found. Blocking: the plan cannot be submitted with it; otherwise the reviewer is told."""

    code: str
    field: str
    message: str
    blocking: bool


def load(stored: dict[str, Any]) -> Content:
    """The content of a frozen version, from what `Content.dump` made."""
    items = tuple(
        Item(
            **{
                **item,
                "hours": Decimal(item["hours"]),
                "hours_per_credit": Decimal(item["hours_per_credit"]),
                "held_from": _day(item["held_from"]),
                "held_to": _day(item["held_to"]),
            }
        )
        for item in stored["items"]
    )
    return Content(**{**stored, "items": items, "attachments": tuple(Attachment(**a) for a in stored["attachments"])})


def check(content: Content, unit_kind: str) -> list[Finding]:
    """What can be said before a human looks, in the order of the form."""
    found = list(_check_whole(content, unit_kind))
    for number, item in enumerate(content.items):
        found += _check_item(f"items.{number}", number + 1, item, content.school_year)
    return found


def _check_whole(content: Content, unit_kind: str) -> Iterator[Finding]:
    if not content.aims.strip():
        yield Finding("AIMS_MISSING", "aims", "请填写目标与要求。", True)
    if not content.items:
        yield Finding("ITEMS_MISSING", "items", "请至少填写一个研修项目。", True)
    if unit_kind == "village_school":
        yield Finding(
            "VILLAGE_SCHOOL", "", "村小自行申报的方案，通过后可按方案自行组织实施考核（问答第 14 问）。", False
        )
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
    if item.kind == "other":
        message = f"项目 {number} 为其他形式，自定标准 {rate} 学时/学分，由对应层级审核认定（问答第 10 问）。"
        yield Finding("OWN_STANDARD", f"{place}.hours_per_credit", message, False)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value.isoformat() if isinstance(value, date) else value


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
