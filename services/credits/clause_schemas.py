"""The schemas of an edition's clauses, one for each table of the file."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from services.credits import clauses, editions
from shared.events.plans import Bucket
from shared.schemas import Schema

LEVELS = ["national", "provincial", "district", "county", "school"]
MODES = ["centralized", "online"]


class Table(Schema):
    """A table that becomes a dataclass of `editions.py`."""

    makes: Any

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Any:
        """The dataclass."""
        return self.makes(**data)


class DateField(fields.Field[date]):
    """A TOML date, without a time."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, date) or isinstance(value, datetime):
            raise ValidationError("应为日期，如 2018-09-01（不加引号）。")
        return value


def text(**options: Any) -> fields.String:
    return fields.String(validate=validate.Length(min=1), **{"required": True, **options})


def bucket_field(**options: Any) -> fields.Enum[Bucket]:
    return fields.Enum(Bucket, by_value=True, **options)


def texts(**options: Any) -> fields.List[Any]:
    return fields.List(text(), **{"required": True, "validate": validate.Length(min=1), **options})


class FigureSchema(Table):
    """`{ value = 26, rule = "R-03", grade = "A", source = "FAQ-Q2" }`."""

    makes = clauses.Figure
    value = fields.Decimal(required=True, validate=validate.Range(min=0))
    rule = text()
    grade = fields.String(required=True, validate=validate.OneOf(["A", "A-", "B", "C"]))
    source = text()


class PositiveSchema(FigureSchema):
    """A figure by which something is divided or multiplied."""

    value = fields.Decimal(required=True, validate=validate.Range(min=0, min_inclusive=False))


def _whole(days: Decimal) -> None:
    if days != int(days):
        raise ValidationError("应为整数天。")


class DaysSchema(FigureSchema):
    """A number of whole days."""

    value = fields.Decimal(required=True, validate=[validate.Range(1, 366), _whole])


class CapSchema(FigureSchema):
    """A ceiling, with the mark that it leaves."""

    flag = text()


class CycleSchema(Table):
    """`[cycle]`."""

    makes = editions.CycleRule
    first_start = DateField(required=True)
    years = fields.Integer(required=True, validate=validate.Range(1, 10))
    closes_after = fields.Nested(DaysSchema, load_default=editions.CLOSES_AFTER)


class MinimumsSchema(Table):
    """`[minimums]`."""

    makes = clauses.Minimums
    coordinated = fields.Nested(FigureSchema)
    self_organized = fields.Nested(FigureSchema)
    total = fields.Nested(FigureSchema)
    per_year = fields.Nested(FigureSchema)


class RateSchema(Table):
    """`[[rates]]`."""

    makes = clauses.Rate
    level = fields.String(required=True, validate=validate.OneOf(LEVELS))
    mode = fields.String(required=True, validate=validate.OneOf(MODES))
    hours_per_credit = fields.Nested(PositiveSchema, required=True)


class UndeterminedSchema(Table):
    """`[[undetermined]]`."""

    makes = clauses.Undetermined
    category = text()
    question = text()
    words = text()


class MarkSchema(Table):
    """A flag and its sentence."""

    makes = clauses.Mark
    flag = text()
    words = text()


class PlanNeededSchema(Table):
    """`[[plans_needed]]`."""

    makes = clauses.PlanNeeded
    bucket = bucket_field()
    category = text(required=False)
    states = texts()
    rule = text()
    missing = fields.Nested(MarkSchema, required=True)
    not_passed = fields.Nested(MarkSchema, required=True)
    records = fields.Nested(MarkSchema)
    source = text()

    @validates_schema
    def one_subject(self, data: dict[str, Any], **_: Any) -> None:
        """Either a bucket or a category."""
        if ("bucket" in data) == ("category" in data):
            raise ValidationError("bucket 和 category 只能填一个。")


class PotSchema(Table):
    """`[[pots]]`."""

    makes = clauses.Pot
    id = text()
    title = text()
    categories = texts()
    cap_year = fields.Nested(CapSchema)
    cap_cycle = fields.Nested(CapSchema)
    until = DateField()


class ExcludedWhenSchema(Schema):
    """Which trainings give nothing; all that is named must be so."""

    category = text(required=False)
    educational = fields.Boolean()
    organizer = text(required=False)


class ExcludedSchema(Table):
    """`[[excluded]]`."""

    makes = clauses.Excluded
    when = fields.Nested(ExcludedWhenSchema, required=True, validate=validate.Length(min=1))
    rule = text()
    flag = text()
    words = text()
    source = text()


class WindowSchema(Table):
    """`[[windows]]`."""

    makes = clauses.Window
    category = text()
    rule = text()
    outside_cycle = fields.Nested(MarkSchema, required=True)
    before_appointment = fields.Nested(MarkSchema, required=True)
    source = text()


class ItemSchema(Table):
    """`[[items]]`."""

    makes = clauses.Item
    category = text()
    title = text()
    unit = text()
    needed = fields.Nested(PositiveSchema, required=True)
    credit = fields.Nested(PositiveSchema, required=True)
    weights = fields.Dict(
        keys=fields.String(validate=validate.OneOf(LEVELS)), values=fields.Integer(validate=validate.Range(min=1))
    )


class AwardSchema(Table):
    """`[[awards]]`."""

    makes = clauses.Award
    category = text()
    level = fields.String(validate=validate.OneOf(LEVELS))
    rank = text(required=False)
    credits = fields.Nested(FigureSchema, required=True)
    split = fields.Boolean()


class GroupSchema(Table):
    """`[[partitions.groups]]`: by categories or by levels."""

    makes = clauses.Group
    id = text()
    title = text()
    minimum = fields.Nested(FigureSchema, required=True)
    categories = fields.List(text(), validate=validate.Length(min=1))
    levels = fields.List(fields.String(validate=validate.OneOf(LEVELS)), validate=validate.Length(min=1))

    @validates_schema
    def one_dimension(self, data: dict[str, Any], **_: Any) -> None:
        """Either categories or levels."""
        if ("categories" in data) == ("levels" in data):
            raise ValidationError("categories 和 levels 只能填一个。")


class CoverSchema(Table):
    """`covers = [{ giver = …, taker = … }]`."""

    makes = clauses.Cover
    giver = text()
    taker = text()


class PartitionSchema(Table):
    """`[[partitions]]`."""

    makes = clauses.Partition
    id = text()
    title = text()
    bucket = bucket_field()
    groups = fields.List(fields.Nested(GroupSchema), required=True, validate=validate.Length(min=1))
    covers = fields.List(fields.Nested(CoverSchema))

    @validates_schema
    def coherent(self, data: dict[str, Any], **_: Any) -> None:
        """Groups have names of their own, share nothing, and covers name two of them."""
        groups = data.get("groups", [])
        names = [group.id for group in groups]
        if len(set(names)) < len(names):
            raise ValidationError({"groups": ["两个部分同名。"]})
        members = [member for group in groups for member in (*group.categories, *group.levels)]
        if twice := sorted({member for member in members if members.count(member) > 1}):
            raise ValidationError({"groups": [f"{'、'.join(twice)} 同时属于两个部分。"]})
        for number, cover in enumerate(data.get("covers", [])):
            if cover.giver not in names or cover.taker not in names or cover.giver == cover.taker:
                raise ValidationError({f"covers.{number}": ["giver 和 taker 须是本划分中的两个不同部分。"]})


class WhenSchema(Schema):
    """Which people a rule is about; all that is named must be so."""

    kind = text(required=False)
    unit_kind = text(required=False)
    seconded = fields.Boolean()
    retires_in_cycle = fields.Boolean()


class PersonSchema(Table):
    """`[[persons]]`."""

    makes = clauses.PersonRule
    when = fields.Nested(WhenSchema, required=True, validate=validate.Length(min=1))
    bucket = bucket_field()
    status = fields.String(required=True, validate=validate.OneOf(["not_assessed", "undetermined"]))
    flag = text()
    words = text()
    source = text()


class GapSchema(Table):
    """`[[gaps]]`."""

    makes = clauses.GapRule
    bucket = bucket_field(required=True)
    without = texts()
    flag = text()
    words = text()


class LevelMixSchema(Table):
    """`[level_mix]`."""

    makes = clauses.LevelMix
    bucket = bucket_field(required=True)
    kinds = fields.List(texts(), required=True)
    flag = text()
    words = text()
