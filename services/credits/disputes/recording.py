"""The lines of what was done to a dispute, and the limit in which it is answered."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from pathlib import Path

from marshmallow import fields, validate
from sqlalchemy.orm import Session

from services.credits import in_force
from services.credits.disputes.models import Dispute, DisputeAct
from shared.actors import Actor, Post
from shared.database import utc_now
from shared.schemas import Schema
from shared.tables import load_table

TABLE = Path(__file__).parent / "limits.toml"


class _LimitsSchema(Schema):
    answer_days = fields.Integer(required=True, strict=True, validate=validate.Range(1, 365))
    source = fields.String(required=True, validate=validate.Length(min=1))


@cache
def answer_days() -> int:
    """Calendar days in which a dispute is to be answered.

    Raises `TableError` when the file does not fit: the service must not start.
    """
    return int(load_table(TABLE, _LimitsSchema())["answer_days"])


def due_on() -> date:
    """By when a dispute that comes today is to be answered."""
    return in_force.today() + timedelta(days=answer_days())


def named(actor: Actor, post: Post | None) -> str:
    """李某（代王某）, where somebody acts for who is absent."""
    return f"{actor.name}（代{post.for_name}）" if post is not None and post.for_name else actor.name


def record(
    session: Session,
    dispute: Dispute,
    actor: Actor,
    body: str,
    act: str,
    text: str,
    outcome: str,
    post: Post | None = None,
) -> None:
    """Adds the line of an act, and raises the version by which the next sees it."""
    if act != "open":
        dispute.version += 1
    session.add(
        DisputeAct(
            dispute_id=dispute.id,
            act=act,
            at=utc_now(),
            by=actor.account_id,
            by_name=named(actor, post),
            body=body,
            text=text,
            outcome=outcome,
        )
    )
    session.flush()
