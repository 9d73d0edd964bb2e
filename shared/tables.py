"""What officials may change is a table in TOML beside the code, checked by a schema when the service starts."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError

_HEADER = re.compile(r"^\s*(?P<many>\[)?\[(?P<name>[\w.-]+)\]")
_KEY = re.compile(r"^\s*(?P<name>[\w-]+)\s*=")


class TableError(Exception):
    """A table that does not fit its schema; the message names the file, the key and what is wrong."""


def load_table(path: Path, schema: Schema) -> Any:
    """The content of a TOML file as the schema makes it.

    Raises `TableError` that names file, key and line; the service must not start then.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise TableError(f"{path.name}: {error}") from error
    try:
        return schema.load(raw)
    except ValidationError as error:
        found = flatten(error.messages)
        lines = [f"{path.name}: {where}: {what}（第 {line_of(text, where)} 行）" for where, what in found]
        raise TableError("\n".join(lines)) from error


def line_of(text: str, where: str) -> int:
    """The line of a TOML text on which the key `where` (`pots.0.cap_year`) stands, or the table that lacks it."""
    best, line, table, seen = "", 1, "", Counter[str]()
    for number, content in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(content)
        key = _KEY.match(content)
        if header:
            many, name = header["many"], header["name"]
            parent, _, last = name.rpartition(".")
            above = next((t for t in (table, *_above(table)) if re.sub(r"\.\d+", "", t) == parent), parent)
            table = f"{above}.{last}" if above else last
            if many:
                seen[table] += 1
                table = f"{table}.{seen[table] - 1}"
        place = f"{table}.{key['name']}".strip(".") if key else table
        if (header or key) and f"{where}.".startswith(f"{place}.") and len(place) > len(best):
            best, line = place, number
    return line


def _above(table: str) -> list[str]:
    parts = table.split(".")
    return [".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]


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
