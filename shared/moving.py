"""区划调整: a unit gets a new path, and with it every path in every table of a service, in one transaction.

Which columns hold paths is read from the tables: those of `PathType`, and JSON columns marked `info=PATHS`. So a new
table is followed without being named anywhere. What was sent before the move and comes after it is read with today's
paths (`following`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared.database import PathType, under
from shared.directory import DirectoryBase, OfficeCopy, UnitCopy
from shared.events.accounts import HoldersChanged, UnitMoved, UnitsChanged
from shared.inbox import Handlers

_KEYED_BY_UNIT = (UnitCopy.__table__, OfficeCopy.__table__)


class Moved(DirectoryBase):
    """A path at which nothing is any more, and where that is now."""

    __tablename__ = "directory_moves"

    # Not of `PathType`: what it says must stay when paths are rewritten.
    old_path: Mapped[str] = mapped_column(String(120), primary_key=True)
    new_path: Mapped[str] = mapped_column(String(120))
    merged: Mapped[bool] = mapped_column(Boolean)
    """The unit itself stayed behind, closed; what belonged to it is at the new path."""


def path_columns(metadatas: Iterable[MetaData]) -> list[Column[Any]]:
    """Every column of those tables that holds a path, or JSON with paths."""
    return [
        column
        for metadata in metadatas
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, PathType) or column.info.get("paths")
    ]


def rewrite(
    session: Session, metadatas: Iterable[MetaData], old: str, new: str, *, leaving: Sequence[Any] = ()
) -> None:
    """Every path at or under `old` becomes one at or under `new`, but in the tables `leaving`.

    A row whose place is taken already, where the path is part of a key, stays as it is.
    """
    session.flush()
    for column in path_columns(metadatas):
        if column.table in leaving:
            continue
        if isinstance(column.type, JSON):
            _rewrite_json(session, column, old, new)
            continue
        table = column.table
        moved = literal(new).concat(func.substr(column, len(old) + 1))
        statement = update(table).where(_under(column, old), *_free(table, column, moved)).values({column.name: moved})
        session.execute(statement, execution_options={"synchronize_session": False})
    session.expire_all()


def apply_move(session: Session, event: UnitMoved, metadatas: Iterable[MetaData]) -> None:
    """Takes a move over, in the order in which units moved."""
    old, new = event.old_path, event.new_path
    leaving = _KEYED_BY_UNIT if event.merged else ()
    rewrite(session, metadatas, old, new, leaving=leaving)
    if not event.merged:
        # A row that came at the new path before this message is the newer one.
        session.execute(delete(UnitCopy).where(under(UnitCopy.path, old)))
        session.execute(delete(OfficeCopy).where(under(OfficeCopy.unit_path, old)))
    for row in session.scalars(select(Moved)):
        if _covers(new, row.old_path):
            session.delete(row)  # somebody lives there again
        elif _covers(old, row.new_path):
            row.new_path = new + row.new_path[len(old) :]
    session.flush()
    session.merge(Moved(old_path=old, new_path=new, merged=event.merged))
    session.flush()


def counterpart(path: str | None, event: UnitMoved) -> str | None:
    """The unit that is to the new place what the one at `path` was to the old: the new county for the old county.

    Only what was above the old place and is not above the new one has such; anything else stays as it is.
    """
    if path is None or not _covers(path, event.old_path) or _covers(path, event.new_path):
        return path
    depth = path.count("/")
    return "/".join(event.new_path.split("/")[:depth]) + "/"


def following(handlers: Handlers) -> Handlers:
    """The same handlers, which see today's paths in messages that were sent before a move."""
    return {
        event: handler if event is UnitMoved else _with_todays_paths(handler) for event, handler in handlers.items()
    }


def _with_todays_paths(handler: Callable[[Session, Any], None]) -> Callable[[Session, Any], None]:
    def inner(session: Session, event: Any) -> None:
        rows = session.scalars(select(Moved))
        # The unit that was merged is still known, as closed, under its own path.
        keyed = isinstance(event, UnitsChanged | HoldersChanged)
        moves = {row.old_path: row.new_path for row in rows if not (keyed and row.merged)}
        handler(session, _replaced(event, moves) if moves else event)

    return inner


def _replaced(value: Any, moves: Mapping[str, str]) -> Any:
    """The value with every path in it as it is today; the longest old path that covers it decides."""
    if isinstance(value, str):
        old = max((old for old in moves if _covers(old, value)), key=len, default=None)
        return value if old is None else moves[old] + value[len(old) :]
    if isinstance(value, list):
        return [_replaced(item, moves) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, moves) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        found = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
        changed = {name: after for name, item in found.items() if (after := _replaced(item, moves)) != item}
        return replace(value, **changed) if changed else value
    return value


def _covers(path: str, other: str) -> bool:
    return other.startswith(path)


def _under(column: Column[Any], path: str) -> ColumnElement[bool]:
    return and_(column >= path, column < path[:-1] + "0")


def _free(table: Table, column: Column[Any], moved: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    unique = [list(key.columns) for key in table.constraints if isinstance(key, UniqueConstraint)]
    unique += [list(index.columns) for index in table.indexes if index.unique]
    other = table.alias()
    taken = [
        exists().where(*[other.c[part.name] == (moved if part is column else part) for part in key])
        for key in (list(table.primary_key.columns), *unique)
        if any(part is column for part in key)
    ]
    return [~or_(*taken)] if taken else []


def _rewrite_json(session: Session, column: Column[Any], old: str, new: str) -> None:
    table = column.table
    key = list(table.primary_key.columns)
    query = select(*key, column).where(cast(column, Text).contains(f'"{old}', autoescape=True))
    for *values, content in session.execute(query).all():
        where = [part == value for part, value in zip(key, values, strict=True)]
        session.execute(update(table).where(*where).values({column.name: _replaced(content, {old: new})}))
