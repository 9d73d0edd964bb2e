"""Counters of attempts at what is guarded: in the database, so that they hold across processes and restarts."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import case, delete, update
from sqlalchemy.orm import Session

from services.accounts.access.models import Attempt
from services.accounts.access.queries import digest
from shared import outbox
from shared.database import utc_now
from shared.errors import TooMany
from shared.ui.filters import local_time

WINDOW = timedelta(minutes=15)
SIGN_IN_LIMIT = 8
"""Wrong passwords for one name from one address within the window; after that even the right one must wait."""
ADDRESS_LIMIT = 60
"""Wrong passwords for any names from one address: a whole school may share one."""
NAME_LIMIT = 200
"""Wrong passwords for one name from anywhere: so many that no single address can lock somebody else out."""
STATUS_LIMIT = 10
"""Wrong telephone numbers for one letter."""
UPLOAD_LIMIT = 60
"""Letters that strangers may send in from one address: each costs a parser run and 20 MB."""


def count_attempt(session: Session, what: str, limit: int, sentence: str) -> None:
    """Counts one try of something guarded, before it is tried, so that many at once gain nothing.

    Raises `TooMany` (with `sentence` and when to come back) beyond `limit` tries in `WINDOW`.
    """
    now = utc_now()
    stale = Attempt.since < now - WINDOW
    statement = outbox.insert(session, Attempt).values(key=digest(what), count=1, since=now)  # type: ignore[arg-type]
    statement = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": case((stale, 1), else_=Attempt.count + 1),
            "since": case((stale, now), else_=Attempt.since),
        },
    ).returning(Attempt.count, Attempt.since)
    count, since = session.execute(statement).one()
    if count > limit:
        again = since + WINDOW
        raise TooMany(f"{sentence}请于 {local_time(again)} 之后再试。", retry_at=again.isoformat())


def forget_attempts(session: Session, what: str) -> None:
    """Clears the counter: it was the right person after all."""
    session.execute(update(Attempt).where(Attempt.key == digest(what)).values(count=0))


def uncount_attempt(session: Session, what: str) -> None:
    """Takes one try back; for counters that others share, whose wrong tries one right one must not clear."""
    session.execute(
        update(Attempt).where(Attempt.key == digest(what), Attempt.count > 0).values(count=Attempt.count - 1)
    )


def prune_attempts(session: Session) -> None:
    """Removes counters whose window is over."""
    session.execute(delete(Attempt).where(Attempt.since < utc_now() - WINDOW))
