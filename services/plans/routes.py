"""Approval routes from `routes.toml`: the stages of a submission by kind, version and who runs the school. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates

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
    """Who runs the schools that pass this stage."""


@dataclass(frozen=True, slots=True)
class Route:
    """One version of the way that one kind of submission takes."""

    kind: str
    version: int
    since: date
    stages: tuple[Stage, ...]

    @property
    def key(self) -> str:
        """What a submission keeps, for example `school_plan.v1`."""
        return f"{self.kind}.v{self.version}"

    def stages_of(self, affiliation: Level) -> tuple[Stage, ...]:
        """The stages for schools run by a unit of that level."""
        return tuple(stage for stage in self.stages if affiliation in stage.of)


class _StageSchema(Schema):
    name = fields.String(required=True, validate=validate.Regexp(r"^[a-z_]{3,40}$"))
    title = fields.String(required=True, validate=validate.Length(2, 20))
    level = fields.Enum(Level, by_value=True, required=True)
    office = fields.Enum(Office, by_value=True, required=True)
    act = fields.String(required=True, validate=validate.OneOf(["review", "filing"]))
    of = fields.List(fields.Enum(Level, by_value=True), required=True, validate=validate.Length(1))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Stage:
        return Stage(**{**data, "of": tuple(data["of"])})


class _RouteSchema(Schema):
    since = fields.Raw(required=True)
    stages = fields.List(fields.Nested(_StageSchema), required=True, validate=validate.Length(1))

    @validates("since")
    def is_a_date(self, value: Any, data_key: str) -> None:
        if type(value) is not date:
            raise ValidationError("should be a date such as 2018-09-01")

    @validates("stages")
    def names_differ(self, value: list[Any], data_key: str) -> None:
        # A stage with a mistake of its own is still a mapping here, and is reported by itself.
        names = [stage.name for stage in value if isinstance(stage, Stage)]
        if len(set(names)) != len(names):
            raise ValidationError("two stages have the same name")


class _TableSchema(Schema):
    """kind -> version -> route."""

    school_plan = fields.Dict(
        fields.String(validate=validate.Regexp(_VERSION)), fields.Nested(_RouteSchema), required=True
    )


@cache
def routes() -> dict[str, Route]:
    """Every version of every route by its key. Raises `TableError` when the file does not fit; nothing starts then."""
    table = load_table(TABLE, _TableSchema())
    found = [
        Route(kind, int(name.removeprefix("v")), version["since"], tuple(version["stages"]))
        for kind, versions in table.items()
        for name, version in versions.items()
    ]
    return {route.key: route for route in found}


def route_in_force(kind: str, on: date) -> Route:
    """The newest version whose first day has come. Raises `LookupError` when there is none."""
    candidates = [route for route in routes().values() if route.kind == kind and route.since <= on]
    if not candidates:
        raise LookupError(f"no route for {kind} on {on}")
    return max(candidates, key=lambda route: (route.since, route.version))
