"""Background jobs of a service: a row with progress that people see, and an effect that is applied once.

A job function takes a `Job`. It may work as long as it needs outside a transaction (up to 25 minutes on servers)
and report progress; what it changes goes into one `with job.effect() as session:` block, which carries the inbox
row. A job that is delivered twice, or killed and started again, therefore changes things once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import CheckConstraint, Index, Integer, String, Text, exists, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import audit_trail, outbox
from shared.actors import SYSTEM
from shared.database import Database, IdType, JsonType, PlatformBase, UtcDateTime, new_id, utc_now
from shared.errors import DomainError, NotFound
from shared.inbox import first_time
from shared.logs import get_logger
from shared.outbox import OutboxRow, OutboxTodo

log = get_logger(__name__)

MAX_ATTEMPTS = 5
"""So often a job may raise before it fails."""
MAX_STARTS = 10
"""So often it may be started: a job that kills its process raises nothing."""
LOST_AFTER = timedelta(hours=1)
"""Longer than any job runs on servers: what has not ended by then was lost with its process or broker."""


class JobRow(PlatformBase):
    """One job and how far it is."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state"),
        Index("ix_jobs_name_created_at", "name", "created_at"),
        Index("ix_jobs_state", "state"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[dict[str, Any]] = mapped_column(JsonType)
    account_id: Mapped[str | None] = mapped_column(IdType)
    """Whose action started it: only that account sees its progress."""
    state: Mapped[str] = mapped_column(String(10), default="queued")
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int | None] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    result: Mapped[dict[str, Any] | None] = mapped_column(JsonType)
    error: Mapped[str | None] = mapped_column(Text)
    """A Chinese sentence for the person who waits."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed")


class _AlreadyApplied(Exception):
    """An earlier delivery of this job has had its effect."""


class Job:
    """What a job function works with."""

    def __init__(
        self, database: Database, job_id: str, name: str, arguments: dict[str, Any], context: Any = None
    ) -> None:
        self.database = database
        self.id = job_id
        self.name = name
        self.arguments = arguments
        self.context = context
        """The `Runtime` of the service: settings and keys."""
        self.result: dict[str, Any] | None = None
        self._in_effect = False

    def progress(self, done: int, total: int | None = None) -> None:
        """Shows how far the job is; call it outside `effect()`, and not for every row."""
        if self._in_effect:
            raise RuntimeError("progress() inside effect() would wait for itself")
        with self.database.transaction() as session:
            session.execute(update(JobRow).where(JobRow.id == self.id).values(done=done, total=total))

    @contextmanager
    def effect(self) -> Iterator[Session]:
        """The transaction of everything that this job changes. Skips the whole job if it was applied before."""
        with self.database.transaction() as session:
            if not first_time(session, f"job:{self.name}"[:60], self.id):
                raise _AlreadyApplied
            self._in_effect = True
            try:
                yield session
            finally:
                self._in_effect = False
            account_id = structlog.contextvars.get_contextvars().get("account_id")
            audit_trail.record(
                session,
                audit_trail.Entry(act=self.name, account_id=account_id or SYSTEM.account_id, record=f"job={self.id}"),
            )
            _finish(session, self.id, "done", result=self.result)


JobFunction = Callable[[Job], None]
Jobs = Mapping[str, JobFunction]
"""Name of the job (`plans.import_roster`) -> function."""


def run_later(session: Session, job: str, arguments: dict[str, Any], *, not_before: datetime | None = None) -> str:
    """Puts a background job of this service into the outbox and a row into `jobs`; returns the job's id.

    `arguments` must be JSON: ids, not objects. The job runs after the commit, at least once; its effect is
    applied once.
    """
    job_id = new_id()
    account_id = structlog.contextvars.get_contextvars().get("account_id")
    session.add(JobRow(id=job_id, name=job, arguments=arguments, account_id=account_id, created_at=utc_now()))
    message = {
        "event_id": job_id,
        "kind": "job",
        "name": job,
        "routing_key": job,
        "aggregate_type": "job",
        "aggregate_id": job_id,
        "aggregate_version": 1,
        "payload": arguments,
    }
    outbox.add(session, [message], not_before=not_before)
    return job_id


def run_job(
    database: Database,
    jobs: Jobs,
    job_id: str,
    name: str,
    arguments: dict[str, Any],
    headers: Mapping[str, Any],
    context: Any = None,
) -> None:
    """Runs one delivery of a job. What the user can mend fails the job; anything else is tried again later.

    Raises only when the database is away, so that the delivery is not acknowledged.
    """
    with structlog.contextvars.bound_contextvars(
        request_id=headers.get("request_id"), account_id=headers.get("account_id"), causation_id=job_id
    ):
        with database.transaction() as session:
            row = session.get(JobRow, job_id, with_for_update=True)
            if row is None or row.finished:
                return
            row.state, row.started_at, row.attempts = "running", utc_now(), row.attempts + 1
            attempts = row.attempts
            if attempts > MAX_STARTS:
                log.error("job_given_up", job=name, job_id=job_id, attempts=attempts)
                _finish(session, job_id, "failed", error=_sorry(job_id))
                return
        job = Job(database, job_id, name, arguments, context)
        try:
            if name not in jobs:
                raise LookupError(f"no job is called {name}")
            jobs[name](job)
        except _AlreadyApplied:
            log.info("job_duplicate", job=name, job_id=job_id)
        except DomainError as error:
            with database.transaction() as session:
                _finish(session, job_id, "failed", error=error.detail, result={"fields": error.fields})
        except Exception:  # a fault of ours or of a machine: try again, and in the end say so
            log.exception("job_failed", job=name, job_id=job_id, attempts=attempts)
            with database.transaction() as session:
                _try_again(session, job_id, attempts, timedelta(seconds=2**attempts))
        else:
            with database.transaction() as session:
                _finish(session, job_id, "done", result=job.result)
        log.info("job_ended", job=name, job_id=job_id)


def revive(database: Database, job_id: str) -> bool:
    """Queues a job anew that the broker gave up; fails it after `MAX_STARTS`. False if there is none unfinished."""
    with database.transaction() as session:
        row = session.get(JobRow, job_id, with_for_update=True)
        if row is None or row.finished:
            return False
        row.attempts += 1
        _try_again(session, job_id, row.attempts, timedelta(seconds=30), most=MAX_STARTS)
        row.started_at = utc_now()
        return True


def revive_lost(database: Database) -> int:
    """Queues anew what started or was queued over `LOST_AFTER` ago and is neither ended nor still to be sent.

    The last net, for a process killed by the time limit or a broker that lost a message. Only for servers: there
    no job runs so long. What merely waits in a long queue comes twice, and is dropped. Returns how many.
    """
    since = func.coalesce(JobRow.started_at, JobRow.created_at)
    waiting = exists().where(OutboxRow.event_id == JobRow.id, OutboxTodo.outbox_id == OutboxRow.id)
    with database.reading() as session:
        lost = session.scalars(
            select(JobRow.id).where(JobRow.state.in_(("queued", "running")), since < utc_now() - LOST_AFTER, ~waiting)
        ).all()
    for job_id in lost:
        with database.transaction() as session:
            row = session.get(JobRow, job_id, with_for_update=True)
            if row is not None and not row.finished:
                row.started_at = utc_now()
                outbox.requeue(session, job_id)
                log.warning("job_revived", job=row.name, job_id=job_id)
    return len(lost)


def tick(database: Database, name: str, every: float) -> str | None:
    """Starts the scheduled job, unless one of its name is unfinished or began less than `every` seconds ago.

    So a tick that comes twice, or late together with the next, starts one job. Returns the job's id.
    """
    with database.transaction() as session:
        if not database.is_sqlite:
            # Two ticks at once must see each other's job.
            session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})
        now = utc_now()
        unfinished = JobRow.state.in_(("queued", "running")) & (JobRow.created_at > now - timedelta(days=1))
        recent = JobRow.created_at > now - timedelta(seconds=every)
        if session.scalar(select(exists().where(JobRow.name == name, unfinished | recent))):
            return None
        return run_later(session, name, {})


def visible_job(session: Session, account_id: str, job_id: str) -> JobRow:
    """The job, for the account that started it. Raises `NotFound` for everybody else."""
    row = session.scalar(select(JobRow).where(JobRow.id == job_id, JobRow.account_id == account_id))
    if row is None:
        raise NotFound()
    return row


def _try_again(session: Session, job_id: str, attempts: int, wait: timedelta, *, most: int = MAX_ATTEMPTS) -> None:
    if attempts >= most:
        _finish(session, job_id, "failed", error=_sorry(job_id))
        return
    changed = session.execute(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.state.in_(("queued", "running")))
        .values(state="queued")
        .returning(JobRow.id)
    )
    if changed.first():  # otherwise it has had its effect, and only what came after that failed
        outbox.requeue(session, job_id, not_before=utc_now() + wait)


def _sorry(job_id: str) -> str:
    return f"系统错误，任务未完成，请联系管理员（编号 {job_id}）。"


def _finish(
    session: Session,
    job_id: str,
    state: str,
    *,
    error: str | None = None,
    result: dict[str, Any] | None = None,
) -> None:
    session.execute(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.state.not_in(("done", "failed")))
        .values(state=state, error=error, result=result, finished_at=utc_now())
    )
