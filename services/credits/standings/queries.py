"""What the nightly look at the stored standings has found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.credits.standings.models import CHECK_JOB
from shared.jobs import JobRow


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison of what is stored with what is computed."""

    at: datetime
    people: int
    differences: int
    """0 expected."""


def last_check(session: Session) -> Check | None:
    """The newest that has ended, or None."""
    done = select(JobRow.finished_at, JobRow.result).where(JobRow.name == CHECK_JOB, JobRow.state == "done")
    found = session.execute(done.order_by(JobRow.created_at.desc()).limit(1)).first()
    return None if found is None else Check(found.finished_at, **found.result)
