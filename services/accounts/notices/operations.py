"""What is done with notices: somebody is told, reads it, and what has been dealt with needs no reading."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from services.accounts.notices.models import Mail, Notice
from services.accounts.notices.queries import gets_mail, of_actor
from services.accounts.notices.wording import TEMPLATES
from services.accounts.operations import chunks
from shared import outbox
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import NotFound
from shared.jobs import run_later

URGENT_JOB = "accounts.mail_urgent"
NOTICES_KEPT = timedelta(days=400)
MAILS_KEPT = timedelta(days=90)


def tell(
    session: Session, event_id: str, occasion: str, told: Mapping[str, Mapping[str, str]], *, about: str | None = None
) -> None:
    """Tells each account (-> what the template says of it) once of the event, however often that comes.

    What is urgent is mailed by a job, to those who get mail.
    """
    template, now = TEMPLATES[occasion], utc_now()
    for some in chunks(told.items()):
        rows = []
        for account_id, values in some:
            words = template.fill(values)
            rows.append(
                {
                    "account_id": account_id,
                    "event_id": event_id,
                    "occasion": occasion,
                    "about": about,
                    "title": words.title,
                    "body": words.body,
                    "link": words.link,
                    "urgent": words.urgent,
                    "created_at": now,
                }
            )
        session.execute(outbox.insert(session, Notice).on_conflict_do_nothing(), rows)  # type: ignore[arg-type]
    if template.urgent and gets_mail(session, told):
        run_later(session, URGENT_JOB, {"event_id": event_id})


def settle(session: Session, about: str, occasion: str) -> None:
    """What was asked of several has been dealt with by one of them: for the others there is nothing left to read."""
    session.execute(
        update(Notice)
        .where(Notice.about == about, Notice.occasion == occasion, Notice.read_at.is_(None))
        .values(read_at=utc_now())
        .execution_options(synchronize_session=False)
    )


def read_notice(session: Session, actor: Actor, notice_id: int) -> Notice:
    """Marks one as read; reading it again changes nothing. Raises `NotFound` for somebody else's."""
    notice = session.scalar(of_actor(actor).where(Notice.id == notice_id).with_for_update())
    if notice is None:
        raise NotFound()
    notice.read_at = notice.read_at or utc_now()
    session.flush()
    session.refresh(notice)
    return notice


def read_all(session: Session, actor: Actor, up_to: int) -> int:
    """Marks as read what the actor has seen listed: everything up to that number. Returns how many."""
    marked = session.scalars(
        update(Notice)
        .where(Notice.account_id == actor.account_id, Notice.read_at.is_(None), Notice.id <= up_to)
        .values(read_at=utc_now())
        .returning(Notice.id)
        .execution_options(synchronize_session=False)
    )
    return len(marked.all())


def forget_old(session: Session) -> None:
    """Removes what is long past: a notice is no record, what it tells of has its own history."""
    now = utc_now()
    session.execute(delete(Notice).where(Notice.created_at < now - NOTICES_KEPT))
    session.execute(delete(Mail).where(Mail.created_at < now - MAILS_KEPT))
