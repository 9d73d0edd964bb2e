"""Writes a sample message for each event that has none yet: `make event-sample`. Existing samples are never touched."""

from __future__ import annotations

import json
import types
import typing
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from shared.events import REGISTRY

SAMPLES = Path(__file__).parent / "samples"


def example(hint: Any, name: str) -> Any:
    """A value of the annotated type, filled in all the way down, optional fields included."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return example(next(a for a in typing.get_args(hint) if a is not type(None)), name)
    if typing.get_origin(hint) is list:
        return [example(typing.get_args(hint)[0], name)]
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return typing.cast(Any, hint)(**{f.name: example(hints[f.name], f.name) for f in fields(hint)})
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return next(iter(hint))
    plain: dict[Any, Any] = {
        str: f"{name}-示例",
        int: 1,
        bool: True,
        Decimal: Decimal("6.0"),
        date: date(2026, 10, 12),
        datetime: datetime(2026, 10, 12, 1, 2, 3, tzinfo=UTC),
    }
    return plain[hint]


def write_missing() -> list[Path]:
    """Samples that were missing and are now there."""
    SAMPLES.mkdir(exist_ok=True)
    written = []
    for name, event in REGISTRY.items():
        path = SAMPLES / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(example(event, name).dump(), ensure_ascii=False, indent=2) + "\n")
            written.append(path)
    return written


if __name__ == "__main__":
    for path in write_missing():
        print(f"wrote {path}")
