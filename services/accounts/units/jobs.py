"""The job that makes the changes whose day has come, each in a transaction of its own."""

from __future__ import annotations

from services.accounts.units import operations
from services.accounts.units.queries import due
from shared.errors import DomainError
from shared.jobs import Job

CHANGES_JOB = "accounts.make_unit_changes"
INTERVAL = 300.0
"""Seconds between two runs: that long after midnight a change may come."""


def make_changes(job: Job) -> None:
    """One that cannot be made says why and stops no other; one made before a crash is not made again."""
    with job.database.reading() as session:
        waiting = due(session)
    for change_id in waiting:
        try:
            with job.database.transaction() as session:
                operations.do_due(session, change_id)
        except DomainError as error:
            with job.database.transaction() as session:
                operations.note_failure(session, change_id, error)
