"""What officials may change is a table in TOML beside the code, checked by a schema when the service starts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError


class TableError(Exception):
    """A table that does not fit its schema; the message names the file, the key and what is wrong."""


def load_table(path: Path, schema: Schema) -> Any:
    """The content of a TOML file as the schema makes it. Raises `TableError`; the service must not start then."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise TableError(f"{path.name}: {error}") from error
    try:
        return schema.load(raw)
    except ValidationError as error:
        lines = [f"{path.name}: {where}: {what}" for where, what in flatten(error.messages)]
        raise TableError("\n".join(lines)) from error


def flatten(messages: Any, prefix: str = "") -> list[tuple[str, str]]:
    """marshmallow's nested messages as (`items.0.hours`, sentence) pairs."""
    if isinstance(messages, dict):
        pairs: list[tuple[str, str]] = []
        for key, value in messages.items():
            name = prefix if key == "_schema" else f"{prefix}.{key}" if prefix else str(key)
            pairs += flatten(value, name)
        return pairs
    if isinstance(messages, list):
        return [pair for message in messages for pair in flatten(message, prefix)]
    return [(prefix, str(messages))]
