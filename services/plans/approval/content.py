"""What a plan says, apart from where it stands: the content that a reviewer signs, its digest and its checks. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from services.plans import claims
from services.plans.categories import credits_of
from services.plans.claims import Claim

ITEM_KINDS = {
    "school_training": "校本培训",
    "school_research": "校本教研",
    "workshop": "工作坊、工作室",
    "other": "其他形式",
    "fallback": "托底培训",
}
"""What may be planned (FAQ-Q8, Q11); `other` comes with its own standard (FAQ-Q10)."""
SECTIONS = {"basics": "基本情况", "covers": "联合申报单位", "items": "研修项目", "attachments": "附件"}
BASIC_FIELDS = {"school_year": "学年", "title": "方案名称", "aims": "目标与要求"}
CLAIM_BASICS = {"school_year": "学年", "title": "事项名称", "aims": "说明"}
"""The same of a claim."""
FORECAST_FIELDS = {"teachers": "预判人数", "shortfall": "缺口学分合计", "basis": "预判依据"}
ITEM_FIELDS = {
    "kind": "形式",
    "title": "项目名称",
    "level": "工作坊（室）级别",
    "hours": "学时",
    "hours_per_credit": "学分折算标准",
    "held_from": "开始日期",
    "held_to": "结束日期",
    "audience": "参加对象",
    "responsible": "负责人",
    "assessment": "考核办法",
    "records": "过程记录要求",
}
GROUP_OF = {
    "school_year": "substance", "kind": "substance", "level": "substance", "hours": "substance",
    "hours_per_credit": "substance", "teachers": "substance", "shortfall": "substance", "basis": "evidence",
    "assessment": "evidence", "records": "evidence", "held_from": "schedule", "held_to": "schedule",
    "audience": "schedule", "responsible": "schedule", "title": "basics", "aims": "basics",
    "category": "substance", "obtained_on": "substance", "rank": "substance", "count": "substance",
    "item_id": "substance", "appointed_on": "substance", "credits": "substance", "issuer": "evidence",
    "document": "evidence",
}  # fmt: skip
"""Field -> group of fields to which it belongs (`kinds.GROUPS`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One planned training or research activity."""

    id: str
    kind: str
    title: str
    level: str = ""
    """Of a workshop or studio: which one the school chose (FAQ-Q8)."""
    hours: Decimal
    hours_per_credit: Decimal
    held_from: date | None
    held_to: date | None
    audience: str = ""
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
class Cover:
    """A village school or one-teacher school for which a joint plan speaks as well (FAQ-Q14, Q18)."""

    unit_path: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Who cannot reach the credits, as the authority predicts (FAQ-Q11); the list of names is an attachment."""

    teachers: int
    shortfall: Decimal
    """Credits that they lack together."""
    basis: str


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
    covers: tuple[Cover, ...] = ()
    forecast: Forecast | None = None
    claim: Claim | None = None

    @property
    def hours(self) -> Decimal:
        """Hours of all items together, or of a claim."""
        return sum((item.hours for item in self.items), (self.claim and self.claim.hours) or Decimal(0))

    @property
    def credits(self) -> Decimal:
        """Credits of all items together, for who passes them all; those that a claim asks for."""
        return sum((item.credits for item in self.items), (self.claim and self.claim.credits) or Decimal(0))

    @property
    def basics(self) -> dict[str, str]:
        """Fields of the first part -> words."""
        return CLAIM_BASICS if self.claim else BASIC_FIELDS

    def dump(self) -> dict[str, Any]:
        """JSON-ready and always the same for the same content: figures with two places, dates ISO."""
        return {
            **asdict(self),
            "items": [{key: _plain(value) for key, value in asdict(item).items()} for item in self.items],
            "attachments": [asdict(attachment) for attachment in self.attachments],
            "covers": [asdict(cover) for cover in self.covers],
            "forecast": {key: _plain(value) for key, value in asdict(self.forecast).items()} if self.forecast else None,
            "claim": self.claim.dump() if self.claim else None,
        }

    def digest(self) -> str:
        """Of what is submitted, attachments' digests included (N3)."""
        return digest_of(self.dump())

    def places(self) -> dict[tuple[str, str], str]:
        """(section, field) -> words, for every place that a reviewer's point may be tied to (N1)."""
        found = {("basics", ""): SECTIONS["basics"]}
        found |= {("basics", name): label for name, label in self.basics.items()}
        if self.claim:
            sort = self.claim.sort
            found |= {("basics", f"claim.{name}"): claims.label_of(sort, name) for name in claims.fields_of(sort)}
        else:
            found[("items", "")] = SECTIONS["items"]
        if self.forecast:
            found |= {("basics", f"forecast.{name}"): label for name, label in FORECAST_FIELDS.items()}
        if self.covers:
            found[("covers", "")] = SECTIONS["covers"]
        for number, item in enumerate(self.items):
            words = f"项目 {number + 1}“{item.title}”"
            found[("items", f"items.{number}")] = words
            found |= {("items", f"items.{number}.{name}"): f"{words} · {label}" for name, label in ITEM_FIELDS.items()}
        found[("attachments", "")] = SECTIONS["attachments"]
        found |= {("attachments", file.id): f"附件“{file.name}”" for file in self.attachments}
        return found

    def lasting(self, place: str) -> str:
        """A point's place by the item's own id, which it keeps when items before it come or go."""
        head, _, rest = place.removeprefix("items.").partition(".")
        if not place.startswith("items.") or not head.isdigit() or int(head) >= len(self.items):
            return place
        return f"items.{self.items[int(head)].id}" + (f".{rest}" if rest else "")


def load(stored: dict[str, Any]) -> Content:
    """The content of a frozen version, from what `Content.dump` made, now or years ago."""
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
    return Content(
        **{
            **stored,
            "items": items,
            "attachments": tuple(Attachment(**a) for a in stored["attachments"]),
            "covers": tuple(Cover(**c) for c in stored.get("covers", ())),
            "forecast": forecast_of(stored.get("forecast")),
            "claim": claims.load(stored.get("claim")),
        }
    )


def forecast_of(stored: dict[str, Any] | None) -> Forecast | None:
    """A forecast from its JSON."""
    return Forecast(**{**stored, "shortfall": Decimal(stored["shortfall"])}) if stored else None


def digest_of(stored: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON: the same for a version as long as not a single sign of it changes."""
    text = json.dumps(stored, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value.isoformat() if isinstance(value, date) else value


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
