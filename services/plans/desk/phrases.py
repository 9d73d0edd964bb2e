"""常用语: sentences that a reviewer, or her unit, writes again and again. They save typing, never thinking.

What was put in from here must be edited before it goes back to a school: a return says what is wrong with this plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, and_, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.plans import routes
from services.plans.models import Base
from shared.actors import Actor
from shared.database import IdType, PathType, UtcDateTime, new_id, utc_now
from shared.errors import Conflict, Invalid, NotAllowed, NotFound

LIMIT = 50
"""Of one person, and of one unit: a list that nobody can look through helps nobody."""


class Phrase(Base):
    """One sentence; taken out of use, never deleted."""

    __tablename__ = "phrases"
    __table_args__ = (Index("ix_phrases_owner", "unit_path", "account_id"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    unit_path: Mapped[str] = mapped_column(PathType)
    account_id: Mapped[str | None] = mapped_column(IdType)
    """Whose own it is; None: the unit's, for everybody who reviews there."""
    text: Mapped[str] = mapped_column(Text)
    made_by_name: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by_name: Mapped[str | None] = mapped_column(String(60))


def phrases_of(session: Session, actor: Actor) -> Sequence[Phrase]:
    """The actor's own and those of her units, her own first, oldest first."""
    paths = [post.unit.path for post in actor.posts_of(*routes.deciders())]
    seen = or_(Phrase.account_id == actor.account_id, and_(Phrase.account_id.is_(None), Phrase.unit_path.in_(paths)))
    query = select(Phrase).where(seen, Phrase.ended_at.is_(None)).order_by(Phrase.account_id.is_(None), Phrase.id)
    return session.scalars(query).all()


def keep(session: Session, actor: Actor, *, text: str, shared: bool) -> Phrase:
    """Keeps a sentence, for oneself or (`shared`) for all reviewers of the unit. Raises `Invalid`, `Conflict`."""
    post = next((post for post in actor.posts_of(*routes.deciders()) if not post.for_account), None)
    if post is None:
        raise NotAllowed("只有审核人可以保存常用语。")
    text = text.strip()
    if not 2 <= len(text) <= 200:
        raise Invalid("常用语须为 2 至 200 字。", fields={"text": ["请填写 2 至 200 字。"]})
    owner = None if shared else actor.account_id
    whose = [Phrase.unit_path == post.unit.path, Phrase.ended_at.is_(None)]
    whose.append(Phrase.account_id.is_(None) if shared else Phrase.account_id == actor.account_id)
    if session.scalar(select(Phrase.id).where(*whose, Phrase.text == text)) is not None:
        raise Conflict("已有相同的常用语，不必重复保存。")
    if (session.scalar(select(func.count()).where(*whose)) or 0) >= LIMIT:
        raise Conflict(f"常用语最多 {LIMIT} 条，请先停用不用的。")
    row = Phrase(unit_path=post.unit.path, account_id=owner, text=text, made_by_name=actor.name, made_at=utc_now())
    session.add(row)
    session.flush()
    return row


def end(session: Session, actor: Actor, phrase_id: str) -> Phrase:
    """Takes a sentence out of use: one's own, or one of the unit's. Raises `NotFound` for others'."""
    row = next((row for row in phrases_of(session, actor) if row.id == phrase_id), None)
    if row is None:
        raise NotFound()
    row.ended_at, row.ended_by_name = utc_now(), actor.name
    return row


def require_edited(phrases: Iterable[Phrase], opinion: str, points: Sequence[Mapping[str, Any]]) -> None:
    """That nothing of a return is a stored sentence as it stands. Raises `Invalid` naming fields."""
    stored = {phrase.text for phrase in phrases}
    sentence = "这是常用语原文，请结合本方案的具体问题修改后再退回。"
    wrong = {f"points.{n}.text": [sentence] for n, point in enumerate(points) if point["text"].strip() in stored}
    if opinion.strip() in stored:
        wrong["opinion"] = [sentence]
    if wrong:
        raise Invalid("退回修改的意见须写明本方案的具体问题，不能只用常用语。", fields=wrong)
