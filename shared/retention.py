"""What may be forgotten, and when. The inbox must outlive every message that can still come again.

A message can come again from a replay of the outbox (`OUTBOX`) or after lying in a queue or parked; an inbox row
pruned before that would let it be applied twice. Hence INBOX > 2 × OUTBOX + a margin.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select

from shared.auth import LIFETIME
from shared.database import utc_now
from shared.directory import AccessEnd, DirectoryBase
from shared.idempotency import IdempotencyRow
from shared.inbox import InboxRow
from shared.jobs import Job, JobRow
from shared.outbox import OutboxRow, OutboxTodo

OUTBOX = timedelta(days=14)
INBOX = timedelta(days=45)
IDEMPOTENCY_KEYS = timedelta(days=7)
JOBS = timedelta(days=90)
ACCESS_ENDS = 2 * LIFETIME
"""By then every token that such a row speaks of has run out by itself."""

DAILY = 24 * 3600.0


def prune(job: Job) -> None:
    """The daily job of every service: removes what has outlived its use; never anything still to be sent."""
    now = utc_now()
    with job.effect() as session:
        waiting = select(OutboxTodo.outbox_id)
        session.execute(delete(OutboxRow).where(OutboxRow.created_at < now - OUTBOX, OutboxRow.id.not_in(waiting)))
        session.execute(delete(InboxRow).where(InboxRow.processed_at < now - INBOX))
        session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at < now - IDEMPOTENCY_KEYS))
        session.execute(delete(JobRow).where(JobRow.finished_at < now - JOBS))
        if DirectoryBase.metadata in job.context.service.metadata:
            session.execute(delete(AccessEnd).where(AccessEnd.ended_at < now - ACCESS_ENDS))
