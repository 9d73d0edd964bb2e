"""What somebody has typed into the form and not saved: kept every few seconds, given back, dropped (T9, B15).

Each account has its own, one for each submission and one for each kind of new one. Nothing is checked here: half a
number is what a form looks like while somebody types.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from services.plans import kinds
from services.plans.approval import queries
from services.plans.approval.models import TypedDraft
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import Invalid, NotFound, TooLarge
from shared.outbox import insert
from shared.parsing import require_text

LIMIT = 200 * 1024
"""Bytes of one form."""
KEPT = timedelta(days=30)
"""So long after the last keystroke; then it goes when the account next types anything."""
NEW = "new:"
"""Before the kind, where there is no submission yet."""


def draftable(actor: Actor) -> list[kinds.Kind]:
    """The kinds of submission that the actor may begin: in the right office for a unit of the right level."""
    return [
        kind
        for kind in kinds.KINDS.values()
        if any(post.unit.level in kind.levels for post in actor.posts_of(kind.owner))
    ]


def keep(session: Session, actor: Actor, key: str, text: str, version: int | None) -> TypedDraft:
    """Keeps the form `text` (JSON: name -> list of values) in place of what was kept before.

    `key`: the submission's id, or `new:<kind>`; `version`: the one on which it is typed. Raises `NotFound` for what the
    actor does not draft, `TooLarge`, `Invalid` for what is no form.
    """
    _require_own(session, actor, key)
    if len(text.encode()) > LIMIT:
        raise TooLarge("表单内容超过 200 KB，不能自动保存；请先保存草稿，或把长篇内容作为附件上传。")
    now = utc_now()
    model: Any = TypedDraft
    values = {"form": _form(text), "version": version, "saved_at": now}
    session.execute(
        insert(session, model)
        .values(account_id=actor.account_id, key=key, **values)
        .on_conflict_do_update(index_elements=["account_id", "key"], set_=values)
    )
    # Typed text is no record: what nobody came back for in a month is dropped.
    session.execute(
        delete(TypedDraft).where(TypedDraft.account_id == actor.account_id, TypedDraft.saved_at < now - KEPT)
    )
    return session.get_one(TypedDraft, (actor.account_id, key), populate_existing=True)


def find(session: Session, actor: Actor, key: str) -> TypedDraft | None:
    """The actor's own text under that key; nobody else's is ever read."""
    return session.get(TypedDraft, (actor.account_id, key))


def drop(session: Session, actor: Actor, key: str) -> None:
    """Drops it: it was saved, or is not wanted. Nothing happens where there is none."""
    session.execute(delete(TypedDraft).where(TypedDraft.account_id == actor.account_id, TypedDraft.key == key))


def _require_own(session: Session, actor: Actor, key: str) -> None:
    if key.startswith(NEW):
        if key.removeprefix(NEW) not in [kind.key for kind in draftable(actor)]:
            raise NotFound()
    elif not queries.is_owner(actor, queries.find_plan(session, actor, key)):
        raise NotFound()


def _form(text: str) -> dict[str, list[str]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(
        isinstance(values, list) and all(isinstance(value, str) for value in values) for values in found.values()
    ):
        raise Invalid("自动保存的内容格式有误，请刷新页面后再试。")
    require_text(found)
    return found
