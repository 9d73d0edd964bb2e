"""Roles: what a letter may ask for. `roles.toml` as checked data, and which offices a role gives. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import fields, post_load, validate

from services.accounts.kinds import UnitKind
from shared.actors import Level, Office
from shared.schemas import Schema
from shared.tables import TableError, load_table

FILE = Path(__file__).with_name("roles.toml")
SINGLE_BODY = frozenset({Office.PLAN_REVIEW})
"""Offices that one body alone holds in an area: the bureau, or the county training school (FAQ-Q15)."""


@dataclass(frozen=True, slots=True)
class Role:
    """A bundle of offices, as in `roles.toml`."""

    key: str
    title: str
    levels: tuple[Level, ...]
    unit_kinds: tuple[UnitKind, ...]
    area: str
    """`own` or `parent`: where the offices hold, seen from the unit that the holder works for."""
    offices: tuple[Office, ...]
    stamped_by: tuple[str, ...]
    """`own`, `parent`: whose seal authorizes it; one of them is enough."""
    high_privilege: bool

    @property
    def everybodys(self) -> bool:
        """Everybody at a unit has it, so that only two letters for the same person are alike (T15)."""
        return set(self.offices) == {Office.TEACHER}

    def refusal(self, kind: UnitKind) -> str | None:
        """Why this role cannot be had at a unit of that kind, as a Chinese sentence; None: it can."""
        if kind in self.unit_kinds:
            return None
        wanted = "、".join(k.label for k in self.unit_kinds)
        return f"“{self.title}”只能由以下单位申请：{wanted}；该单位是{kind.label}。"


class RoleSchema(Schema):
    """One table of `roles.toml`."""

    title = fields.String(required=True, validate=validate.Length(1, 40))
    levels = fields.List(fields.Enum(Level, by_value=True), required=True, validate=validate.Length(1))
    unit_kinds = fields.List(fields.Enum(UnitKind, by_value=True), required=True, validate=validate.Length(1))
    area = fields.String(required=True, validate=validate.OneOf(("own", "parent")))
    offices = fields.List(fields.Enum(Office, by_value=True), required=True, validate=validate.Length(1))
    stamped_by = fields.List(
        fields.String(validate=validate.OneOf(("own", "parent"))), required=True, validate=validate.Length(1)
    )
    high_privilege = fields.Boolean(required=True)

    @post_load
    def _freeze(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


def load_roles(path: Path = FILE) -> dict[str, Role]:
    """The roles by key. Raises `TableError`: the service must not start with a table that does not fit."""
    try:
        keys = list(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise TableError(f"{path.name}: {error}") from error
    table = load_table(path, Schema.from_dict({key: fields.Nested(RoleSchema, required=True) for key in keys})())
    return {key: Role(key=key, **values) for key, values in table.items()}


def offices_given(role: Role, unit_id: str, bodies: Mapping[Office, str]) -> Iterator[Office]:
    """The offices that somebody of `unit_id` holds in the area of `role`.

    `bodies` says which unit acts for the area in the offices that only one body may hold (FAQ-Q15).
    """
    for office in role.offices:
        if office not in SINGLE_BODY or bodies.get(office) == unit_id:
            yield office


def granting(office: Office, area: str) -> list[str]:
    """Keys of the roles that give `office` for an area of that kind (`own`, `parent`)."""
    return [role.key for role in ROLES.values() if office in role.offices and role.area == area]


ROLES: Mapping[str, Role] = load_roles()
"""The roles that there are; read when the service starts."""
