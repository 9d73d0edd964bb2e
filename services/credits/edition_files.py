"""Reads editions from `editions/*.toml` and county overlays from `editions/overlays/*.toml`, checked by a schema.

A misspelt key, a negative cap, a category in two pots or two editions in force on one day stop the service when it
starts; the error names the file and the key.
"""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from services.credits.edition_schemas import EditionSchema, OverlaySchema
from services.credits.editions import Edition, Editions
from shared.tables import TableError, load_table

FOLDER = Path(__file__).parent / "editions"


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


def content_of(edition_id: str) -> dict[str, Any]:
    """An edition of this release as its file says it, in JSON: dates and figures as text. Raises `KeyError`."""
    path = FOLDER / f"{shipped().named(edition_id).id}.toml"
    frozen: dict[str, Any] = freeze(tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))
    return frozen


DATES = {"effective_from", "effective_to", "first_start", "until"}
"""Keys of dates, wherever they are in an edition: JSON has no dates, TOML has."""


def freeze(value: Any) -> Any:
    """A table as JSON keeps it."""
    if isinstance(value, dict):
        return {key: freeze(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [freeze(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, Decimal) else value


def thaw(value: Any, key: str = "") -> Any:
    """The same as `EditionSchema` takes it."""
    if isinstance(value, dict):
        return {name: thaw(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [thaw(inner) for inner in value]
    return date.fromisoformat(value) if key in DATES and isinstance(value, str) else value


def edition_from(content: dict[str, Any]) -> Edition:
    """An edition kept as JSON. Raises `marshmallow.ValidationError` naming the key that does not fit."""
    edition: Edition = EditionSchema().load(thaw(content))
    return edition


def _refuse_overlaps(found: list[Edition]) -> None:
    dated = sorted((e for e in found if e.effective_from), key=lambda e: e.effective_from or date.max)
    for earlier, later in pairwise(dated):
        if later.effective_from and earlier.in_force(later.effective_from):
            raise TableError(
                f"{later.id}.toml: effective_from: {later.effective_from} 时 {earlier.id}.toml 仍在施行，"
                "两个版本的日期重叠。"
            )
