"""What the provincial office looks at: editions with their figures, drafts, what was done, whom a preview names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.credits import edition_files, in_force
from services.credits.editions import Edition
from services.credits.in_force import PublishedEdition
from services.credits.rulebook.models import DRAFT, EditionAct, EditionDraft, PreviewedPerson
from shared.actors import Actor, Level, Office, Post
from shared.directory import PersonCopy, UnitCopy
from shared.errors import NotAllowed, NotFound
from shared.paging import PAGE_SIZE, Page, page


@dataclass(frozen=True, slots=True)
class Listed:
    """One edition in the list."""

    edition: Edition
    published: PublishedEdition | None
    """None: it comes with the release."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """Somebody whom a preview names."""

    row: PreviewedPerson
    person: PersonCopy | None
    unit: UnitCopy | None


def province_post(actor: Actor) -> Post:
    """The post in which somebody looks after the rules. Raises `NotAllowed` for anybody but the province's."""
    post = next((post for post in actor.posts_of(Office.CREDIT_ADMIN) if post.unit.level is Level.PROVINCE), None)
    if post is None:
        raise NotAllowed("学分规则由省级学分管理员维护。")
    return post


def listed(session: Session, actor: Actor) -> list[Listed]:
    """Every edition, the newest first. Raises `NotAllowed`."""
    province_post(actor)
    rows = {row.id: row for row in session.scalars(select(PublishedEdition))}
    found = in_force.editions(session)
    published = [Listed(a.edition, rows[a.edition.id]) for a in reversed(found.amendments)]
    return published + [Listed(edition, None) for edition in found.editions]


def edition(session: Session, actor: Actor, edition_id: str) -> Listed:
    """One edition. Raises `NotFound`, `NotAllowed`."""
    found = next((one for one in listed(session, actor) if one.edition.id == edition_id), None)
    if found is None:
        raise NotFound("没有这个规则版本。")
    return found


def content_of(session: Session, edition_id: str) -> dict[str, Any]:
    """An edition as its file says it, in JSON. Raises `NotFound`."""
    row = session.scalar(select(PublishedEdition).where(PublishedEdition.id == edition_id))
    try:
        return row.content if row else edition_files.content_of(edition_id)
    except KeyError as error:
        raise NotFound("没有这个规则版本。") from error


def drafts(session: Session, actor: Actor, *, cursor: str | None = None, limit: int = PAGE_SIZE) -> Page[EditionDraft]:
    """Drafts that are neither published nor discarded, newest first. Raises `NotAllowed`."""
    province_post(actor)
    query = select(EditionDraft).where(EditionDraft.state == DRAFT)
    return page(session, query, [EditionDraft.id], cursor=cursor, limit=limit, descending=True)


def draft(session: Session, actor: Actor, draft_id: str, *, lock: bool = False) -> EditionDraft:
    """One draft. Raises `NotFound`, `NotAllowed`."""
    province_post(actor)
    query = select(EditionDraft).where(EditionDraft.id == draft_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None:
        raise NotFound("没有这份规则草稿。")
    return found


def acts(session: Session, draft_id: str) -> Sequence[EditionAct]:
    """What was done to a draft, newest first; the last hundred."""
    query = select(EditionAct).where(EditionAct.draft_id == draft_id)
    return session.scalars(query.order_by(EditionAct.id.desc()).limit(100)).all()


def previewed(
    session: Session, draft: EditionDraft, change: str = "", *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Previewed]:
    """People whom the preview names: by what becomes of them, or the samples."""
    query = select(PreviewedPerson).where(PreviewedPerson.draft_id == draft.id)
    query = query.where(PreviewedPerson.change == change) if change else query.where(PreviewedPerson.sample)
    rows = page(session, query, [PreviewedPerson.person_id], cursor=cursor, limit=limit)
    ids = [row.person_id for row in rows.items]
    join = select(PersonCopy, UnitCopy).outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path)
    known = {
        person.person_id: (person, unit) for person, unit in session.execute(join.where(PersonCopy.person_id.in_(ids)))
    }
    return Page([Previewed(row, *known.get(row.person_id, (None, None))) for row in rows.items], rows.next)
