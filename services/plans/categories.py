"""Project categories from `categories.toml`, and the preview of what one participant will get. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from marshmallow import fields, post_load, validate

from shared.actors import Level
from shared.events.plans import Bucket
from shared.schemas import Credits, Schema
from shared.tables import load_table

TABLE = Path(__file__).parent / "categories.toml"

MODES = {"centralized": "集中培训", "online": "网络研修"}
"""How a training is held (R-20, R-21)."""
TRAINING_LEVELS = {
    "national": "国家级",
    "provincial": "省级",
    "district": "设区市级",
    "county": "县级",
    "school": "校级",
}
"""Training levels: another list than levels of administration."""
LEVEL_OF_AUTHORITY = {
    Level.PROVINCE: "provincial",
    Level.DISTRICT: "district",
    Level.COUNTY: "county",
    Level.SCHOOL: "school",
}
GENERAL = "general"
PROGRAMMES = {GENERAL: "一般", "headmaster": "校长研修"}
"""Special programmes that a county may convert otherwise (R-25)."""
STAGES = {"kindergarten": "幼儿园", "primary": "小学", "junior": "初中", "senior": "高中", "vocational": "中职"}
"""School stages (学段) as the register writes them, and as people read them (FAQ-Q19)."""
MAX_PUBLICITY = 30
"""Working days of 公示 at most."""
BUCKETS = {Bucket.COORDINATED: "统筹", Bucket.SELF_ORGANIZED: "自主"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One line of the table; the file explains each field."""

    key: str
    title: str
    bucket: Bucket
    level: str | None
    publishers: tuple[Level, ...]
    modes: tuple[str, ...]
    needs_plan: str | None
    item_kinds: tuple[str, ...]
    preview_cap: Decimal | None
    preview_rate: bool
    publicity_days: int
    note: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What one participant who passes will get, as far as it can be said before the audit."""

    credits: Decimal | None
    """None: not known yet."""
    sentence: str


class _CategorySchema(Schema):
    title = fields.String(required=True)
    bucket = fields.Enum(Bucket, by_value=True, required=True)
    level = fields.String(load_default=None, validate=validate.OneOf(TRAINING_LEVELS))
    publishers = fields.List(fields.Enum(Level, by_value=True), required=True, validate=validate.Length(1))
    modes = fields.List(fields.String(validate=validate.OneOf(MODES)), required=True, validate=validate.Length(1))
    needs_plan = fields.String(load_default=None)
    item_kinds = fields.List(fields.String(), load_default=list)
    preview_cap = Credits(load_default=None)
    preview_rate = fields.Boolean(load_default=True)
    publicity_days = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, MAX_PUBLICITY))
    note = fields.String(load_default="")

    @post_load
    def tuples(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


class _FactorSchema(Schema):
    programme = fields.String(required=True, validate=validate.OneOf(PROGRAMMES))
    mode = fields.String(required=True, validate=validate.OneOf(MODES))
    region = fields.String(required=True)
    factor = Credits(required=True, validate=validate.Range(0, 1, min_inclusive=False))


class _PreviewSchema(Schema):
    hours_per_credit = fields.Dict(fields.String(validate=validate.OneOf(MODES)), Credits(), required=True)
    sentence = fields.String(required=True)
    factors = fields.List(fields.Nested(_FactorSchema), load_default=list)


class _TableSchema(Schema):
    conversion_preview = fields.Nested(_PreviewSchema, required=True)
    categories = fields.Dict(fields.String(), fields.Nested(_CategorySchema), required=True)


@cache
def _table() -> dict[str, Any]:
    return dict(load_table(TABLE, _TableSchema()))


@cache
def categories() -> dict[str, Category]:
    """Every category by its key. Raises `TableError` when the file does not fit: the service must not start."""
    return {key: Category(key=key, **line) for key, line in _table()["categories"].items()}


def credits_of(hours: Decimal, hours_per_credit: Decimal) -> Decimal:
    """Hours converted, to one decimal (I-04). `hours_per_credit` is above 0."""
    return (hours / hours_per_credit).quantize(Decimal("0.1"), ROUND_HALF_UP)


def preview(
    category: Category,
    mode: str,
    hours: Decimal,
    convert: bool,
    plan_rate: Decimal | None,
    programme: str = GENERAL,
    organizer_path: str = "",
) -> Preview:
    """What a participant who passes `hours` will get; `plan_rate` is the approved plan's own rate (FAQ-Q10).

    `programme`, `organizer_path`: the county of the organiser may convert a special programme otherwise (R-25).
    """
    table = _table()["conversion_preview"]
    closing: str = category.note + table["sentence"]
    if not convert:
        return Preview(Decimal("0.0"), "未勾选折算：成绩审核后不产生学分。" + table["sentence"])
    if not category.preview_rate:
        return Preview(None, "目前不能给出每人学分：" + closing)
    rate: Decimal = plan_rate or table["hours_per_credit"][mode]
    times = Decimal(1) if plan_rate else _factor(table, programme, mode, organizer_path)
    credits = credits_of(hours * times, rate)
    source = "方案自定标准" if plan_rate else MODES[mode]
    special = " " if times == 1 else f" × {times.normalize():f}（{PROGRAMMES[programme]}，本地规定）"
    sum_up = f"{hours.normalize():f} 学时{special}÷ {rate.normalize():f}（{source}）= {credits} 学分"
    counted = f"每人 {sum_up}，计入{BUCKETS[category.bucket]}。"
    if category.preview_cap is not None:
        counted += f"每学年最多计 {category.preview_cap.normalize():f} 学分。"
    return Preview(credits, counted + closing)


def _factor(table: dict[str, Any], programme: str, mode: str, organizer_path: str) -> Decimal:
    """By what the hours of a special programme are multiplied where it is organised; 1 nearly everywhere."""
    found: list[Decimal] = [
        one["factor"]
        for one in table["factors"]
        if (one["programme"], one["mode"]) == (programme, mode) and one["region"] in organizer_path.split("/")
    ]
    return found[0] if found else Decimal(1)
