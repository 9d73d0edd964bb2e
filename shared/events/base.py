"""What an event is: a frozen dataclass whose annotations are the contract.

The name carries the version (`owner.what_happened.vN`) and begins the routing key. A new field is optional and keeps
the version; any other change is a new class with the next version. `tests/contracts/` holds every message as
it was once published, and each must load for ever.

Limits: annotations may be str, int, bool, Decimal, date, datetime (aware), a StrEnum, a nested dataclass,
`list[…]` of those, and `… | None`.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Self

from marshmallow import EXCLUDE, Schema, post_load
from marshmallow import fields as ma

_SCHEMAS: dict[Any, Schema] = {}
REGISTRY: dict[str, type[Event]] = {}
"""Every event class by name."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. Subclasses set `name`, and `aggregate` where the order of messages matters."""

    name: ClassVar[str]
    aggregate: ClassVar[tuple[str, str] | None] = None
    """(type, field that holds the id): events of one aggregate are numbered and applied in order."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            REGISTRY[cls.name] = cls

    @property
    def owner(self) -> str:
        """The service that publishes it."""
        return self.name.split(".", 1)[0]

    @property
    def routing_key(self) -> str:
        """The name; an event may append words by which others select (see `StageEntered`)."""
        return self.name

    def dump(self) -> dict[str, Any]:
        """JSON-ready mapping: Decimals are strings, times ISO 8601 in UTC."""
        return typing.cast(dict[str, Any], schema_of(type(self)).dump(self))

    @classmethod
    def load(cls, payload: dict[str, Any]) -> Self:
        """The event from a mapping; fields that this version does not know are skipped.

        Raises `marshmallow.ValidationError` when a required field is missing or malformed.
        """
        return typing.cast(Self, schema_of(cls).load(payload))


def schema_of(cls: Any) -> Schema:
    """The marshmallow schema that follows from the annotations of a dataclass."""
    if cls in _SCHEMAS:
        return _SCHEMAS[cls]
    hints = typing.get_type_hints(cls)
    members: dict[str, Any] = {}
    for f in fields(cls):
        optional, hint = _split_optional(hints[f.name])
        members[f.name] = _field(hint, optional)

    class Meta:
        unknown = EXCLUDE

    def build(self: Schema, data: dict[str, Any], **_: Any) -> Any:
        return cls(**data)

    members |= {"Meta": Meta, "build": post_load(build)}
    _SCHEMAS[cls] = type(cls.__name__ + "Schema", (Schema,), members)()
    return _SCHEMAS[cls]


def _split_optional(hint: Any) -> tuple[bool, Any]:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        rest = [a for a in typing.get_args(hint) if a is not type(None)]
        if len(rest) != 1:
            raise TypeError(f"an event field may be one type or None, not {hint}")
        return True, rest[0]
    return False, hint


def _field(hint: Any, optional: bool = False) -> ma.Field[Any]:
    options: dict[str, Any] = {"allow_none": True, "load_default": None} if optional else {"required": True}
    if typing.get_origin(hint) is list:
        return ma.List(_field(typing.get_args(hint)[0]), **options)
    if is_dataclass(hint):
        return ma.Nested(schema_of(typing.cast(type, hint)), **options)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return ma.Enum(hint, by_value=True, **options)
    makers: dict[Any, Any] = {
        str: ma.String,
        int: lambda **o: ma.Integer(strict=True, **o),
        bool: ma.Boolean,
        Decimal: lambda **o: ma.Decimal(as_string=True, **o),
        date: ma.Date,
        datetime: ma.AwareDateTime,
    }
    if hint not in makers:
        raise TypeError(f"an event field cannot be {hint}")
    return typing.cast("ma.Field[Any]", makers[hint](**options))
