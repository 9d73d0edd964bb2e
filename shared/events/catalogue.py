"""The catalogue of events, `docs/events.md`, made from the classes: their docstrings are its text."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from shared.events.base import REGISTRY, Event

HEAD = """# Events

Made from `shared/events/` by `make event-docs`; a test compares. The routing key on the exchange begins with the
name: bind `<name>.#`, since an event may append words by which to select. A new field is optional and keeps the
version, any other change is a new event with the next version.
"""


def render(listeners: Mapping[str, Sequence[str]]) -> str:
    """The catalogue as Markdown. `listeners`: event name -> services with a handler (services are not known here)."""
    parts = [HEAD]
    for name in sorted(REGISTRY):
        event = REGISTRY[name]
        parts.append(f"## `{name}`\n")
        parts.append(f"{_words(event)}\n")
        heard = ", ".join(sorted(listeners.get(name, ()))) or "nobody yet"
        parts.append(f"- Published by: {name.split('.', 1)[0]}\n- Listeners: {heard}\n- {_order(event)}\n")
        parts.append(_table(event))
        for part in _parts(event):
            parts.append(f"`{part.__name__}`: {_words(part)}\n")
            parts.append(_table(part))
    return "\n".join(parts)


def _order(event: type[Event]) -> str:
    if event.aggregate is None:
        return "Order: none promised; records carry their own versions or times"
    kind, id_field = event.aggregate
    return f"Order: numbered and applied in order per {kind} (`{id_field}`)"


def _table(cls: type) -> str:
    said, hints = _field_docs(cls), typing.get_type_hints(cls)
    rows = [f"| `{f.name}` | {_type(hints[f.name])} | {said.get(f.name, '')} |" for f in fields(typing.cast(Any, cls))]
    return "\n".join(["| field | type | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _type(hint: Any) -> str:
    """The type in words."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        inner = next(a for a in typing.get_args(hint) if a is not type(None))
        return f"{_type(inner)}, or null"
    if typing.get_origin(hint) is list:
        return f"list of {_type(typing.get_args(hint)[0])}"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "one of " + ", ".join(f"`{member.value}`" for member in hint)
    words = {str: "text", int: "integer", bool: "yes or no", date: "date", datetime: "time with zone"}
    return words.get(hint, "decimal, as text" if hint.__name__ == "Decimal" else f"`{hint.__name__}`")


def _parts(cls: type) -> list[type]:
    """The dataclasses nested in it, all the way down, in order."""
    found: list[type] = []
    for hint in typing.get_type_hints(cls).values():
        for inner in (hint, *typing.get_args(hint)):
            if is_dataclass(inner) and isinstance(inner, type):
                found += [part for part in (inner, *_parts(inner)) if part not in found]
    return found


def _words(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "")


def _field_docs(cls: type) -> dict[str, str]:
    """The string under each field, which Python itself does not keep."""
    body = typing.cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]).body
    said: dict[str, str] = {}
    for statement, following in pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            said[statement.target.id] = " ".join(str(following.value.value).split())
    return said
