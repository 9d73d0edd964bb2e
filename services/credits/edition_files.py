"""Reads editions from `editions/*.toml` and county overlays from `editions/overlays/*.toml`, checked by a schema.

A misspelt key, a negative cap, a category in two pots or two editions in force on one day stop the service when it
starts; the error names the file and the key.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from services.credits import editions
from services.credits.editions import Edition, Editions
from shared.events.plans import Bucket
from shared.schemas import Schema
from shared.tables import TableError, load_table

FOLDER = Path(__file__).parent / "editions"


class _Table(Schema):
    """A table that becomes a dataclass of `editions.py`."""

    makes: Any

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Any:
        """The dataclass."""
        return self.makes(**data)


class _Date(fields.Field[date]):
    """A TOML date, without a time."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, date) or isinstance(value, datetime):
            raise ValidationError("应为日期，如 2018-09-01（不加引号）。")
        return value


def _text(**options: Any) -> fields.String:
    return fields.String(validate=validate.Length(min=1), **{"required": True, **options})


def _bucket(**options: Any) -> fields.Enum[Bucket]:
    return fields.Enum(Bucket, by_value=True, **options)


def _texts() -> fields.List[Any]:
    return fields.List(_text(), required=True, validate=validate.Length(min=1))


class FigureSchema(_Table):
    """`{ value = 26, rule = "R-03", grade = "A", source = "FAQ-Q2" }`."""

    makes = editions.Figure
    value = fields.Decimal(required=True, validate=validate.Range(min=0))
    rule = _text()
    grade = fields.String(required=True, validate=validate.OneOf(["A", "A-", "B", "C"]))
    source = _text()


class PositiveSchema(FigureSchema):
    """A figure by which something is divided or multiplied."""

    value = fields.Decimal(required=True, validate=validate.Range(min=0, min_inclusive=False))


class CapSchema(FigureSchema):
    """A ceiling, with the mark that it leaves."""

    flag = _text()


class CycleSchema(_Table):
    """`[cycle]`."""

    makes = editions.CycleRule
    first_start = _Date(required=True)
    years = fields.Integer(required=True, validate=validate.Range(1, 10))


class MinimumsSchema(_Table):
    """`[minimums]`."""

    makes = editions.Minimums
    coordinated = fields.Nested(FigureSchema)
    self_organized = fields.Nested(FigureSchema)
    total = fields.Nested(FigureSchema)
    per_year = fields.Nested(FigureSchema)


class RateSchema(_Table):
    """`[[rates]]`."""

    makes = editions.Rate
    level = fields.String(
        required=True, validate=validate.OneOf(["national", "provincial", "district", "county", "school"])
    )
    mode = fields.String(required=True, validate=validate.OneOf(["centralized", "online"]))
    hours_per_credit = fields.Nested(PositiveSchema, required=True)


class UndeterminedSchema(_Table):
    """`[[undetermined]]`."""

    makes = editions.Undetermined
    category = _text()
    question = _text()
    words = _text()


class MarkSchema(_Table):
    """A flag and its sentence."""

    makes = editions.Mark
    flag = _text()
    words = _text()


class PlanNeededSchema(_Table):
    """`[[plans_needed]]`."""

    makes = editions.PlanNeeded
    bucket = _bucket()
    category = _text(required=False)
    states = _texts()
    rule = _text()
    missing = fields.Nested(MarkSchema, required=True)
    not_passed = fields.Nested(MarkSchema, required=True)
    source = _text()

    @validates_schema
    def one_subject(self, data: dict[str, Any], **_: Any) -> None:
        """Either a bucket or a category."""
        if ("bucket" in data) == ("category" in data):
            raise ValidationError("bucket 和 category 只能填一个。")


class PotSchema(_Table):
    """`[[pots]]`."""

    makes = editions.Pot
    id = _text()
    title = _text()
    categories = _texts()
    cap_year = fields.Nested(CapSchema)
    cap_cycle = fields.Nested(CapSchema)


class WhenSchema(Schema):
    """Which people a rule is about; all that is named must be so."""

    kind = _text(required=False)
    unit_kind = _text(required=False)
    seconded = fields.Boolean()
    retires_in_cycle = fields.Boolean()


class PersonSchema(_Table):
    """`[[persons]]`."""

    makes = editions.PersonRule
    when = fields.Nested(WhenSchema, required=True, validate=validate.Length(min=1))
    bucket = _bucket()
    status = fields.String(required=True, validate=validate.OneOf(["not_assessed", "undetermined"]))
    flag = _text()
    words = _text()
    source = _text()


class GapSchema(_Table):
    """`[[gaps]]`."""

    makes = editions.GapRule
    bucket = _bucket(required=True)
    without = _texts()
    flag = _text()
    words = _text()


class LevelMixSchema(_Table):
    """`[level_mix]`."""

    makes = editions.LevelMix
    bucket = _bucket(required=True)
    kinds = fields.List(_texts(), required=True)
    flag = _text()
    words = _text()


class EditionSchema(_Table):
    """A whole edition."""

    makes = editions.Edition
    id = _text()
    title = _text()
    document = _text()
    effective_from = _Date()
    effective_to = _Date()
    plan_rate_floor = fields.Nested(PositiveSchema)
    cycle = fields.Nested(CycleSchema)
    minimums = fields.Nested(MinimumsSchema)
    rates = fields.List(fields.Nested(RateSchema))
    undetermined = fields.List(fields.Nested(UndeterminedSchema))
    plans_needed = fields.List(fields.Nested(PlanNeededSchema))
    pots = fields.List(fields.Nested(PotSchema))
    persons = fields.List(fields.Nested(PersonSchema))
    gaps = fields.List(fields.Nested(GapSchema))
    level_mix = fields.Nested(LevelMixSchema)

    @validates_schema
    def coherent(self, data: dict[str, Any], **_: Any) -> None:
        """An edition in force has cycles; its dates are in order; no category is in two pots."""
        since, until = data.get("effective_from"), data.get("effective_to")
        if since and "cycle" not in data:
            raise ValidationError({"cycle": ["施行中的版本必须写明培训周期。"]})
        if until and (since is None or until < since):
            raise ValidationError({"effective_to": ["早于 effective_from，或没有 effective_from。"]})
        seen: set[str] = set()
        for number, pot in enumerate(data.get("pots", [])):
            twice = seen & set(pot.categories)
            if twice:
                raise ValidationError({f"pots.{number}.categories": [f"{'、'.join(twice)} 已在另一个上限组中。"]})
            seen |= set(pot.categories)


class FactorSchema(_Table):
    """`[[factors]]` of an overlay."""

    makes = editions.Factor
    programme = _text()
    mode = fields.String(required=True, validate=validate.OneOf(["centralized", "online"]))
    factor = fields.Nested(PositiveSchema, required=True)


class OverlaySchema(_Table):
    """A county's overlay."""

    makes = editions.Overlay
    id = _text()
    title = _text()
    document = _text()
    parent = _text()
    region = fields.String(required=True, validate=validate.Regexp(r"^\d{6}$"))
    factors = fields.List(fields.Nested(FactorSchema))


def load(folder: Path = FOLDER) -> Editions:
    """Editions and overlays of a folder. Raises `TableError` that names the file and the key."""
    found = {path: load_table(path, EditionSchema()) for path in sorted(folder.glob("*.toml"))}
    overlays = {path: load_table(path, OverlaySchema()) for path in sorted(folder.glob("overlays/*.toml"))}
    for path, table in [*found.items(), *overlays.items()]:
        if table.id != path.stem:
            raise TableError(f"{path.name}: id: 应与文件名一致，即 {path.stem}。")
    names = {edition.id for edition in found.values()}
    for path, overlay in overlays.items():
        if overlay.parent not in names:
            raise TableError(f"{path.name}: parent: 没有名为 {overlay.parent} 的规则版本。")
    _refuse_overlaps(list(found.values()))
    return Editions(tuple(found.values()), tuple(overlays.values()))


@cache
def shipped() -> Editions:
    """The editions of this release. Raises `TableError`."""
    return load()


def _refuse_overlaps(found: list[Edition]) -> None:
    dated = sorted((e for e in found if e.effective_from), key=lambda e: e.effective_from or date.max)
    for earlier, later in pairwise(dated):
        if later.effective_from and earlier.in_force(later.effective_from):
            raise TableError(
                f"{later.id}.toml: effective_from: {later.effective_from} 时 {earlier.id}.toml 仍在施行，"
                "两个版本的日期重叠。"
            )
