"""Background work of accounts, and its schedule."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select

from services.accounts import parts, scanning
from services.accounts.access.attempts import prune_attempts
from services.accounts.access.models import SignInSession
from services.accounts.intake.models import Scan
from services.accounts.intake.receiving import PREVIEW_JOB
from services.accounts.notices import mailing
from services.accounts.notices.operations import URGENT_JOB, forget_old
from services.accounts.people import jobs as people_jobs
from services.accounts.people.keeping import Workbooks
from services.accounts.units.jobs import CHANGES_JOB, INTERVAL, make_changes
from shared import retention
from shared.database import utc_now
from shared.errors import DomainError
from shared.jobs import Job, Jobs

DIGEST_JOB = "accounts.mail_digests"
TIDY_JOB = "accounts.tidy"
PRUNE_JOB = "accounts.prune"
ORPHAN_AGE = timedelta(days=1)
SESSION_KEPT = timedelta(days=90)


def make_preview(job: Job) -> None:
    """Draws the pages of a scan, `{"scan_id"}`, and says on the letter's page when they are there."""
    with job.database.reading() as session:
        scan = session.get_one(Scan, job.arguments["scan_id"])
        digest, media_type = scan.digest, scan.media_type
    store = parts.letter_store(job.context)
    error: str | None = None
    try:
        # Slow, in a child process, and without a transaction. Stored by content, so twice is once.
        store.keep_previews(digest, scanning.render(store.original(digest), media_type))
    except DomainError as refused:
        error = refused.detail
    job.result = {"ready": error is None}
    with job.effect() as session:
        scan = session.get_one(Scan, job.arguments["scan_id"])
        scan.preview_state, scan.preview_error = ("failed", error) if error else ("ready", None)


def tidy(job: Job) -> None:
    """Removes what nothing needs any more: files whose letter never came to be, old sessions, spent counters."""
    Workbooks(job.context.settings).prune()
    store = parts.letter_store(job.context)
    now = utc_now()
    # A file is stored before its letter, so a young one may still be waiting for it.
    old = [digest for digest, stored_at in store.originals() if stored_at < now - ORPHAN_AGE]
    with job.database.reading() as session:
        kept = {
            digest
            for start in range(0, len(old), 500)
            for digest in session.scalars(select(Scan.digest).where(Scan.digest.in_(old[start : start + 500])))
        }
    for digest in old:
        if digest not in kept:
            store.remove(digest)
    with job.effect() as session:
        session.execute(delete(SignInSession).where(SignInSession.expires_at < now - SESSION_KEPT))
        prune_attempts(session)
        forget_old(session)


def mail_urgent(job: Job) -> None:
    """Mails at once what one event, `{"event_id"}`, has told."""
    with job.effect() as session:
        mailing.mail_urgent(session, job.arguments["event_id"], job.context.settings.public_url)


def mail_digests(job: Job) -> None:
    """Once a day, from 08:00 in China on, mails to each what is new; comes often, so that no start is missed."""
    with job.effect() as session:
        mailing.mail_digests(session, utc_now(), job.context.settings.public_url)


def send_mail(job: Job) -> None:
    """Hands one mail, `{"mail_id"}`, to the mail server; no transaction is open meanwhile."""
    run = job.context
    mailing.send(job.database, parts.mailer(run), run.settings.mail_from, job.arguments["mail_id"])


JOBS: Jobs = {
    PREVIEW_JOB: make_preview,
    TIDY_JOB: tidy,
    PRUNE_JOB: retention.prune,
    CHANGES_JOB: make_changes,
    URGENT_JOB: mail_urgent,
    DIGEST_JOB: mail_digests,
    mailing.SEND_JOB: send_mail,
    **people_jobs.JOBS,
}
SCHEDULE = {
    TIDY_JOB: retention.DAILY,
    PRUNE_JOB: retention.DAILY,
    CHANGES_JOB: INTERVAL,
    DIGEST_JOB: 600.0,
    **people_jobs.SCHEDULE,
}
"""Job -> seconds between two runs."""
