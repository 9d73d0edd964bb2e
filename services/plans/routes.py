"""Approval routes from `routes.toml`: the stages of a submission by kind, version and who runs the school. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates

from services.plans.kinds import GROUPS, KINDS
from shared.actors import Level, Office
from shared.schemas import Schema
from shared.tables import load_table

TABLE = Path(__file__).parent / "routes.toml"
_VERSION = re.compile(r"^v([1-9]\d*)$")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stop on the way: the unit of `level` above the submitting unit decides, whoever holds `office` there."""

    name: str
    title: str
    level: Level
    office: Office
    act: str
    """`review` or `filing`."""
    of: tuple[Level, ...]
    """Who runs the units that pass this stage."""
    limit: int
    """Working days in which it is to be decided."""
    signs: tuple[str, ...]
    """Groups of fields for which its signature stands (`content.GROUPS`): it signs again only if one changes (N2)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One version of the way that one kind of submission takes."""

    kind: str
    version: int
    since: date
    stages: tuple[Stage, ...]
    region: str = ""
    """Code of the unit under which this overlay holds; empty: everywhere else."""

    @property
    def key(self) -> str:
        """What a submission keeps, for example `school_plan.v1`, or `school_plan.v1@360700` for an overlay."""
        return f"{self.kind}.v{self.version}" + (f"@{self.region}" if self.region else "")

    def stages_of(self, affiliation: Level) -> tuple[Stage, ...]:
        """The stages for units run by a unit of that level."""
        return tuple(stage for stage in self.stages if affiliation in stage.of)


class _StageSchema(Schema):
    name = fields.String(required=True, validate=validate.Regexp(r"^[a-z_]{3,40}$"))
    title = fields.String(required=True, validate=validate.Length(2, 20))
    level = fields.Enum(Level, by_value=True, required=True)
    office = fields.Enum(Office, by_value=True, required=True)
    act = fields.String(required=True, validate=validate.OneOf(["review", "filing"]))
    of = fields.List(fields.Enum(Level, by_value=True), required=True, validate=validate.Length(1))
    limit = fields.Integer(required=True, validate=validate.Range(1, 90))
    signs = fields.List(fields.String(validate=validate.OneOf(GROUPS)), required=True, validate=validate.Length(1))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Stage:
        return Stage(**{**data, "of": tuple(data["of"]), "signs": tuple(data["signs"])})


class _OverlaySchema(Schema):
    stages = fields.List(fields.Nested(_StageSchema), required=True, validate=validate.Length(1))

    @validates("stages")
    def names_differ(self, value: list[Any], data_key: str) -> None:
        # A stage with a mistake of its own is still a mapping here, and is reported by itself.
        names = [stage.name for stage in value if isinstance(stage, Stage)]
        if len(set(names)) != len(names):
            raise ValidationError("two stages have the same name")


class _RouteSchema(_OverlaySchema):
    since = fields.Raw(required=True)
    regions = fields.Dict(
        fields.String(validate=validate.Regexp(r"^\d{6,12}$")), fields.Nested(_OverlaySchema), load_default=dict
    )

    @validates("since")
    def is_a_date(self, value: Any, data_key: str) -> None:
        if type(value) is not date:
            raise ValidationError("should be a date such as 2018-09-01")


@cache
def routes() -> dict[str, Route]:
    """Every version of every route and overlay by its key.

    Raises `TableError` when the file does not fit; nothing starts then.
    """
    version = fields.Dict(fields.String(validate=validate.Regexp(_VERSION)), fields.Nested(_RouteSchema), required=True)
    schema = Schema.from_dict(dict.fromkeys(KINDS, version))
    found = []
    for kind, versions in load_table(TABLE, schema()).items():
        for name, table in versions.items():
            number = int(name.removeprefix("v"))
            found.append(Route(kind, number, table["since"], tuple(table["stages"])))
            found += [
                Route(kind, number, table["since"], tuple(overlay["stages"]), region)
                for region, overlay in table["regions"].items()
            ]
    return {route.key: route for route in found}


@cache
def deciders() -> tuple[Office, ...]:
    """Offices that decide at a stage of any route, reviewers first."""
    found = {stage.office for route in routes().values() for stage in route.stages}
    return tuple(sorted(found, key=lambda office: (office is not Office.PLAN_REVIEW, office)))


def route_in_force(kind: str, on: date, path: str) -> Route:
    """The newest version whose first day has come, as it holds for the unit at `path`: the nearest region's overlay.

    Raises `LookupError` when there is none.
    """
    every = [route for route in routes().values() if route.kind == kind and route.since <= on]
    if not every:
        raise LookupError(f"no route for {kind} on {on}")
    newest = max(every, key=lambda route: (route.since, route.version)).version
    regions = {route.region: route for route in every if route.version == newest}
    codes = path.rstrip("/").split("/")
    return next((regions[code] for code in reversed(codes) if code in regions), regions[""])
