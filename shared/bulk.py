"""Many rows at once: looked up, inserted, changed. PostgreSQL has faster ways than a statement per row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, any_, bindparam, insert, literal, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, Session

CHUNK = 5_000
"""Rows held at once."""


def one_of(session: Session, column: InstrumentedAttribute[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Whether the column is one of many values: on PostgreSQL one parameter, not thousands."""
    if session.get_bind().dialect.name == "postgresql":
        return column == any_(literal(list(values), ARRAY(column.type)))
    return column.in_(values)


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows that all name the same columns; defaults of Python do not apply. COPY on PostgreSQL."""
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), list(rows))
        return
    columns = [table.c[name] for name in rows[0]]
    processors = [column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for column in columns]
    names = ", ".join(connection.dialect.identifier_preparer.format_column(column) for column in columns)
    target = connection.dialect.identifier_preparer.format_table(table)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {target} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(
                [process(value) if process else value for process, value in zip(processors, row.values(), strict=True)]
            )


def update_rows(session: Session, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Changes rows by their `id`; all name the same columns."""
    given = [{"row_id": row["id"], **{name: row[name] for name in row if name != "id"}} for row in rows]
    if given:
        session.connection().execute(update(table).where(table.c.id == bindparam("row_id")), given)
