"""The schemas of edition files: a misspelt key, a negative cap or a category in two pots is refused by name."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from services.credits import clauses, editions
from services.credits.clause_schemas import (
    MODES,
    AwardSchema,
    CycleSchema,
    DateField,
    ExcludedSchema,
    GapSchema,
    ItemSchema,
    LevelMixSchema,
    MinimumsSchema,
    PartitionSchema,
    PersonSchema,
    PlanNeededSchema,
    PositiveSchema,
    PotSchema,
    RateSchema,
    Table,
    UndeterminedSchema,
    WindowSchema,
    text,
)


class EditionSchema(Table):
    """A whole edition."""

    makes = editions.Edition
    id = text()
    title = text()
    document = text()
    effective_from = DateField()
    effective_to = DateField()
    plan_rate_floor = fields.Nested(PositiveSchema)
    cycle = fields.Nested(CycleSchema)
    scope = fields.List(text())
    minimums = fields.Nested(MinimumsSchema)
    rates = fields.List(fields.Nested(RateSchema))
    undetermined = fields.List(fields.Nested(UndeterminedSchema))
    plans_needed = fields.List(fields.Nested(PlanNeededSchema))
    excluded = fields.List(fields.Nested(ExcludedSchema))
    windows = fields.List(fields.Nested(WindowSchema))
    items = fields.List(fields.Nested(ItemSchema))
    awards = fields.List(fields.Nested(AwardSchema))
    offsets = fields.List(text())
    pots = fields.List(fields.Nested(PotSchema))
    persons = fields.List(fields.Nested(PersonSchema))
    gaps = fields.List(fields.Nested(GapSchema))
    level_mix = fields.Nested(LevelMixSchema)
    partitions = fields.List(fields.Nested(PartitionSchema))

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
        for number, item in enumerate(data.get("items", [])):
            if item.category in seen:
                raise ValidationError({f"items.{number}.category": [f"{item.category} 已有上限或已是另一事项。"]})
            seen.add(item.category)


class FactorSchema(Table):
    """`[[factors]]` of an overlay."""

    makes = clauses.Factor
    programme = text()
    mode = fields.String(required=True, validate=validate.OneOf(MODES))
    factor = fields.Nested(PositiveSchema, required=True)


class OverlaySchema(Table):
    """A county's overlay."""

    makes = editions.Overlay
    id = text()
    title = text()
    document = text()
    parent = text()
    region = fields.String(required=True, validate=validate.Regexp(r"^\d{6}$"))
    factors = fields.List(fields.Nested(FactorSchema))
