"""Changes of the rules for tests: a draft, its preview, its publication, and the jobs that follow."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from services.credits import queries
from services.credits.in_force import PublishedEdition
from services.credits.models import LedgerLine
from services.credits.rulebook import operations
from services.credits.rulebook import queries as rulebook
from services.credits.rulebook.models import EditionDraft
from services.credits.tasks import JOBS
from shared import jobs
from shared.actors import Actor, Level, Office, Post, Unit
from shared.database import Database
from shared.jobs import JobRow

TRIAL = "jx-2018-trial"
DOCUMENT = "赣教师字〔2026〕12号"
STRICTER = {"rates.county.centralized": {"value": "12", "grade": "A", "source": DOCUMENT + " 第二条"}}
LOWER = {
    "minimums.coordinated": {"value": "5", "grade": "A", "source": DOCUMENT},
    "minimums.self_organized": {"value": "2", "grade": "A", "source": DOCUMENT},
    "minimums.total": {"value": "7", "grade": "A", "source": DOCUMENT},
}
TODAY = date(2026, 11, 24)
START = date(2026, 11, 1)


def province(name: str = "省厅甲") -> Actor:
    """Somebody of the provincial office."""
    unit = Unit("360000/", "江西省", Level.PROVINCE)
    return Actor(f"account-{name}", None, name, (Post(Office.CREDIT_ADMIN, unit, "江西省教育厅"),), "s")


def drafted(
    database: Database, reach: str, day: date, figures: dict[str, Any], title: str = "2026 年调整"
) -> EditionDraft:
    """A saved draft of the newest edition."""
    with database.transaction() as session:
        newest = rulebook.listed(session, province())[0].edition.id
        copied = newest if newest != "jx-revised" and newest.startswith(TRIAL) else TRIAL
        draft = operations.copy(session, province(), copied)
        return operations.save(
            session,
            province(),
            draft.id,
            version=1,
            title=title,
            document=DOCUMENT,
            effective_from=day,
            reach=reach,
            reason="试行一年后调整",
            changed=figures,
        )


def run_jobs(database: Database, name: str) -> list[JobRow]:
    """Runs what is queued, as a worker does."""
    with database.reading() as session:
        waiting = session.scalars(select(JobRow).where(JobRow.state == "queued", JobRow.name == name)).all()
    for row in waiting:
        jobs.run_job(database, JOBS, row.id, row.name, row.arguments, {})
    with database.reading() as session:
        return [session.get_one(JobRow, row.id) for row in waiting]


def previewed(database: Database, draft: EditionDraft) -> dict[str, Any]:
    """The preview of a draft."""
    with database.transaction() as session:
        operations.ask_preview(session, province(), draft.id, version=draft.version)
    (job,) = run_jobs(database, operations.PREVIEW_JOB)
    assert (job.state, job.error) == ("done", None)
    with database.reading() as session:
        found = session.get_one(EditionDraft, draft.id)
        assert found.preview is not None
        return found.preview


def published(
    database: Database, reach: str, day: date, figures: dict[str, Any], title: str = "2026 年调整"
) -> PublishedEdition:
    """An edition that went the whole way."""
    draft = drafted(database, reach, day, figures, title)
    previewed(database, draft)
    with database.transaction() as session:
        return operations.publish(session, province("省厅乙"), draft.id, version=draft.version)


def standing(database: Database, number: int = 1) -> queries.Standing:
    """How somebody stands."""
    with database.reading() as session:
        return queries.standing_of(session, province(), f"person-{number}")


def lines(database: Database) -> list[LedgerLine]:
    """The whole ledger."""
    with database.reading() as session:
        return list(session.scalars(select(LedgerLine).order_by(LedgerLine.id)))
