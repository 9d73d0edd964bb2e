"""What a project is worth: category, mode, conversion, plan. Settled at publication, mended by a correction (N6)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from services.plans.approval.content import ITEM_KINDS
from services.plans.approval.queries import approved_plan
from services.plans.categories import (
    GENERAL,
    LEVEL_OF_AUTHORITY,
    MODES,
    PROGRAMMES,
    TRAINING_LEVELS,
    Category,
    Preview,
    categories,
    preview,
)
from services.plans.projects.models import Project
from shared.actors import LEVEL_TITLES, Level, Office, Post
from shared.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """The columns of a project from which its credits follow."""

    category: str
    level: str
    mode: str
    convert: bool
    programme: str
    hours_per_credit: Decimal | None = None
    plan_id: str | None = None
    plan_number: str | None = None
    plan_item_id: str | None = None
    plan_item_title: str | None = None
    covers: list[str]

    @classmethod
    def of(cls, project: Project) -> Conversion:
        """As the project has it now."""
        return cls(**{name: getattr(project, name) for name in cls.__dataclass_fields__})

    @property
    def kind(self) -> Category:
        """The category itself."""
        return categories()[self.category]

    def preview(self, hours: Decimal, organizer_path: str) -> Preview:
        """What somebody who passes that many hours will get."""
        rate = self.hours_per_credit
        return preview(self.kind, self.mode, hours, self.convert, rate, self.programme, organizer_path)

    def words(self) -> str:
        """As people read it: 县（市、区）级培训、集中培训、折算学分; a special programme is named."""
        rate = f"、{self.hours_per_credit.normalize():f} 学时/学分" if self.hours_per_credit else ""
        special = "" if self.programme == GENERAL else f"、{PROGRAMMES[self.programme]}"
        return f"{self.kind.title}{special}、{MODES[self.mode]}、{'折算学分' if self.convert else '不折算学分'}{rate}"

    def dump(self) -> dict[str, Any]:
        """JSON-ready, for the history."""
        rate = self.hours_per_credit
        return asdict(self) | {"hours_per_credit": None if rate is None else str(rate)}


def level_of(kind: Category, authority: Level) -> str:
    """The training level of that category under that authority."""
    return kind.level or LEVEL_OF_AUTHORITY[authority]


def errors(kind: Category, mode: str, level: str | None, expected_level: str) -> dict[str, list[str]]:
    """What does not fit the category, by field."""
    wrong: dict[str, list[str]] = {}
    if level not in (None, expected_level):
        wrong["level"] = [f"“{kind.title}”在此处的培训级别应为{TRAINING_LEVELS[expected_level]}。"]
    if mode not in kind.modes:
        wrong["mode"] = [f"“{kind.title}”不能用这种方式举办。"]
    return wrong


def may_publish(kind: Category, post: Post, authority: Level) -> bool:
    """Whether the post may publish that category; a provider takes the level of the authority it works for."""
    return (authority if post.office is Office.PROVIDER_ADMIN else Level(post.unit.level)) in kind.publishers


def not_yours(kind: Category) -> dict[str, list[str]]:
    """The error for a category that the post may not publish."""
    levels = "、".join(LEVEL_TITLES[level] for level in kind.publishers)
    return {"category": [f"“{kind.title}”由{levels}单位发布，您的岗位不能发布此类项目。"]}


def under_plan(
    session: Session,
    kind: Category,
    unit_path: str,
    plan_id: str | None,
    item_id: str | None,
    school_year: str,
    hours: Decimal,
) -> dict[str, Any]:
    """What a project takes over from the organizer's approved plan; nothing where the category needs none.

    Raises `Invalid` naming the field: no approved plan (FAQ-Q9, Q14), an item of another kind, another year, more
    hours than were approved.
    """
    if kind.needs_plan is None:
        return {"covers": []}
    if not plan_id or not item_id:
        sentence = f"“{kind.title}”须依据本单位已通过的方案举办，请选择方案及其中的项目（问答第 9、14 问）。"
        raise Invalid(sentence, fields={"plan_item_id": [sentence]})
    plan, content = approved_plan(session, plan_id, kind.needs_plan, unit_path)
    item = next((item for item in content.items if item.id == item_id), None)
    if item is None or item.kind not in kind.item_kinds:
        words = "、".join(ITEM_KINDS.get(name, name) for name in kind.item_kinds)
        sentence = f"请选择方案中形式为“{words}”的项目。"
        raise Invalid(sentence, fields={"plan_item_id": [sentence]})
    if plan.school_year != school_year:
        sentence = f"方案属于 {plan.school_year} 学年，与项目学年不符。"
        raise Invalid(sentence, fields={"school_year": [sentence]})
    if hours > item.hours:
        sentence = f"学时 {hours.normalize():f} 超过方案中该项目批准的 {item.hours.normalize():f} 学时。"
        raise Invalid(sentence, fields={"hours": [sentence]})
    return {
        "plan_id": plan.id,
        "plan_number": plan.number,
        "plan_item_id": item.id,
        "plan_item_title": item.title,
        "hours_per_credit": item.hours_per_credit,
        # A central school's joint plan says which village schools it covers.
        "covers": [cover.unit_path for cover in content.covers],
    }
