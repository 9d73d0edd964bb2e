"""What people look at: the audits of their area, how far each has got, and those on which both sides differ."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from services.credits.deliveries.models import AuditDelivery
from shared.actors import Actor, Office
from shared.database import under_any
from shared.errors import NotFound

KEYS = (AuditDelivery.audited_at, AuditDelivery.audit_id)
"""The order of the list."""


def visible_deliveries(actor: Actor, cause: str | None = None) -> Select[AuditDelivery]:
    """Audits of trainings organised in the areas whose credits the actor looks after.

    `cause`: only those with that cause; `any`: only those on which both sides differ.
    """
    areas = [post.unit.path for post in actor.posts_of(Office.CREDIT_ADMIN)]
    query = select(AuditDelivery).where(under_any(AuditDelivery.organizer_path, areas))
    if cause == "any":
        return query.where(AuditDelivery.cause.is_not(None))
    return query.where(AuditDelivery.cause == cause) if cause else query


def find_delivery(session: Session, actor: Actor, audit_id: str, *, lock: bool = False) -> AuditDelivery:
    """One audit. Raises `NotFound` outside the actor's areas."""
    query = visible_deliveries(actor).where(AuditDelivery.audit_id == audit_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None:
        raise NotFound()
    return found


def counts(session: Session, actor: Actor) -> dict[str, int]:
    """Cause -> how many; `""` all, `any` those on which both sides differ. Each is the length of its list."""
    query = visible_deliveries(actor).with_only_columns(AuditDelivery.cause, func.count())
    by_cause = {row[0]: int(row[1]) for row in session.execute(query.group_by(AuditDelivery.cause))}
    causes = {str(cause): n for cause, n in by_cause.items() if cause is not None}
    return {"": sum(by_cause.values()), "any": sum(causes.values()), **causes}


def last_told(session: Session) -> datetime | None:
    """When plans last summed up a day; None: never yet."""
    return session.scalar(select(func.max(AuditDelivery.told_at)))
