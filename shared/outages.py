"""Telling an outage of the database from an error that the work itself has made."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from shared.database import Database


def database_is_away(database: Database, error: Exception) -> bool:
    """Whether the error came of the database being away, not of what was asked of it.

    `OperationalError` alone does not tell: a deadlock, a statement that took too long and a missing table
    are some as well. So the database is asked.
    """
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    try:
        with database.reading() as session:
            session.execute(text("SELECT 1"))
    except DBAPIError:
        return True
    return False
