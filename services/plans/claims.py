"""What may be claimed, from `claims.toml`, and one claim as it is filed (认定申请). Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates

from shared.events.plans import Bucket
from shared.schemas import Schema
from shared.tables import load_table

TABLE = Path(__file__).parent / "claims.toml"
FIELDS = {
    "category": "认定类别",
    "obtained_on": "取得（举办）日期",
    "level": "级别",
    "rank": "层次、等次或角色",
    "count": "数量",
    "hours": "学时",
    "item_id": "所依据的方案项目",
    "appointed_on": "正式任教日期",
    "credits": "申请认定学分",
    "issuer": "颁发（主办）单位",
    "document": "证书编号或文号",
}
"""Field -> words; the person is no field: a claim is filed for one and stays with her."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One line of the table; the file explains each field."""

    key: str
    title: str
    bucket: Bucket
    dated: str
    evidence: str
    levels: tuple[str, ...] = ()
    ranks: tuple[str, ...] = ()
    ranked: str = ""
    unit: str = ""
    hours: bool = False
    appointed: bool = False
    amount: bool = False

    @property
    def needs_plan(self) -> bool:
        """Self-organised: counts only under the school's approved plan (FAQ-Q9)."""
        return self.bucket is Bucket.SELF_ORGANIZED


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one teacher asks to have recognised."""

    person_id: str
    person_name: str
    category: str
    obtained_on: date
    """Of a certificate its date, of an item the day on which it was held or complete."""
    level: str = ""
    rank: str = ""
    count: int | None = None
    hours: Decimal | None = None
    appointed_on: date | None = None
    """Formal appointment: the register's, or what the claim says where the register has none (FAQ-Q5)."""
    credits: Decimal | None = None
    """Asked for, where no edition has a figure; None: until the province decides (待定)."""
    issuer: str = ""
    document: str = ""
    plan_id: str = ""
    """The school's approved plan of that school year; empty: there is none, or none is needed."""
    plan_number: str = ""
    item_id: str = ""
    item_title: str = ""
    hours_per_credit: Decimal | None = None
    """Of the plan's item."""

    @property
    def sort(self) -> Category:
        """Its line of the table."""
        return categories()[self.category]

    def words(self, name: str) -> str:
        """A field as people read it; empty where nothing is said."""
        value = getattr(self, name)
        if name == "category":
            return self.sort.title
        if name in ("level", "rank"):
            return titles(name).get(str(value), "")
        if name == "item_id":
            return self.item_title
        if isinstance(value, Decimal):
            return f"{value.normalize():f}"
        return "" if value is None else str(value)

    def facts(self) -> list[tuple[str, str]]:
        """Everything that is said, as people read it: (label, words)."""
        said = [(label_of(self.sort, name), self.words(name)) for name in FIELDS]
        basis = [("依据的方案", self.plan_number)] if self.plan_number else []
        return [("教师", self.person_name), *[(label, words) for label, words in said if words], *basis]

    def dump(self) -> dict[str, Any]:
        """JSON-ready, and always the same for the same claim."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def load(stored: dict[str, Any] | None) -> Claim | None:
    """A claim from its JSON."""
    if not stored:
        return None
    found = dict(stored)
    for name in ("hours", "credits", "hours_per_credit"):
        found[name] = Decimal(found[name]) if found.get(name) is not None else None
    for name in ("obtained_on", "appointed_on"):
        found[name] = date.fromisoformat(found[name]) if found.get(name) else None
    return Claim(**found)


def label_of(category: Category, name: str) -> str:
    """The words of a field: its date and its rank are called differently in each category."""
    own = {"obtained_on": category.dated, "rank": category.ranked}
    return own.get(name) or FIELDS[name]


def fields_of(category: Category) -> list[str]:
    """The fields that a claim of that category has."""
    without = {
        "level": not category.levels,
        "rank": not category.ranks,
        "count": not category.unit,
        "hours": not category.hours,
        "item_id": not category.hours,
        "appointed_on": not category.appointed,
        "credits": not category.amount,
    }
    return [name for name in FIELDS if not without.get(name)]


def cycle_at(day: date) -> tuple[date, date]:
    """First and last day of the cycle in which a day lies (R-01); the first one for a day before it."""
    cycle = _table()["cycle"]
    first, years = cycle["first_start"], cycle["years"]
    year = day.year - ((day.month, day.day) < (first.month, first.day))
    start = first.year + max(0, year - first.year) // years * years
    end = first.replace(year=start + years)
    return first.replace(year=start), date.fromordinal(end.toordinal() - 1)


@cache
def categories() -> dict[str, Category]:
    """Every category by its key. Raises `TableError` when the file does not fit: the service must not start."""
    return {key: Category(key=key, **line) for key, line in _table()["categories"].items()}


def titles(name: str) -> dict[str, str]:
    """Words of every `level`, or of every `rank`, by its code."""
    found: dict[str, str] = _table()[f"{name}s"]
    return found


class _CategorySchema(Schema):
    title = fields.String(required=True)
    bucket = fields.Enum(Bucket, by_value=True, required=True)
    dated = fields.String(required=True)
    evidence = fields.String(required=True)
    levels = fields.List(fields.String(), load_default=list)
    ranks = fields.List(fields.String(), load_default=list)
    ranked = fields.String(load_default="")
    unit = fields.String(load_default="")
    hours = fields.Boolean(load_default=False)
    appointed = fields.Boolean(load_default=False)
    amount = fields.Boolean(load_default=False)

    @post_load
    def tuples(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


class _CycleSchema(Schema):
    first_start = fields.Raw(required=True)
    years = fields.Integer(required=True, strict=True, validate=validate.Range(1, 20))

    @validates("first_start")
    def is_a_date(self, value: Any, data_key: str) -> None:
        if type(value) is not date:
            raise ValidationError("should be a date such as 2018-09-01")


class _TableSchema(Schema):
    cycle = fields.Nested(_CycleSchema, required=True)
    levels = fields.Dict(fields.String(), fields.String(), required=True)
    ranks = fields.Dict(fields.String(), fields.String(), required=True)
    categories = fields.Dict(fields.String(), fields.Nested(_CategorySchema), required=True)


@cache
def _table() -> dict[str, Any]:
    return dict(load_table(TABLE, _TableSchema()))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value.isoformat() if isinstance(value, date) else value
