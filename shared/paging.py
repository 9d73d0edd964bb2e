"""Keyset paging: a page starts after the last row of the one before, so the last costs as much as the first."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session

from shared.database import is_text
from shared.errors import Invalid

T = TypeVar("T")
PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor of the next page (None: that was all)."""

    items: Sequence[T]
    next: str | None


def page(
    session: Session,
    query: Select[T],
    keys: Sequence[Any],
    *,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
    descending: bool = False,
) -> Page[T]:
    """One page of `query` ordered by `keys` (columns of the entity; the last one unique, none of them null).

    Raises `Invalid` for a cursor that is not one of ours.
    """
    limit = max(1, min(limit, MAX_PAGE_SIZE))
    if cursor:
        after = tuple_(*keys)
        values = place_of(cursor, keys)
        query = query.where(after < tuple_(*values) if descending else after > tuple_(*values))
    query = query.order_by(*[key.desc() if descending else key.asc() for key in keys]).limit(limit + 1)
    rows: list[Any] = list(session.scalars(query))
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, cursor_after(rows[-1], keys) if more else None)


def cursor_after(row: Any, keys: Sequence[Any]) -> str:
    """The cursor of what follows that row, in the order of `keys`."""
    values = [getattr(row, key.key) for key in keys]
    plain = [["t", v.isoformat()] if isinstance(v, datetime) else ["v", v] for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def place_of(cursor: str, keys: Sequence[Any]) -> list[Any]:
    """The values of `keys` after which a page starts. Raises `Invalid` for a cursor that is not one of ours."""
    try:
        raw = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [datetime.fromisoformat(v).astimezone(UTC) if kind == "t" else v for kind, v in raw]
        if not all(_fits(value, key) for value, key in zip(values, keys, strict=True)):
            raise ValueError("wrong shape")
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Invalid("翻页位置无效，请回到第一页。", fields={"cursor": ["翻页位置无效"]}) from error
    return values


def _fits(value: Any, key: Any) -> bool:
    """Whether the value may be compared with the column: PostgreSQL refuses a wrong type in the middle of the work."""
    kind: type = getattr(key.type, "impl_instance", key.type).python_type
    if isinstance(value, str):
        return kind is str and is_text(value)
    if isinstance(value, int):
        return kind is int and not isinstance(value, bool) and abs(value) < 2**63
    return kind is datetime and isinstance(value, datetime)
