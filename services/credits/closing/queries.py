"""What waits for a closed cycle, and what has become of it, as somebody sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from services.credits.editions import Cycle
from services.credits.keeping import DISMISSED, WAITING, LateEntry
from services.credits.models import Audit, RecognisedClaim
from shared.actors import Actor, Office
from shared.database import under_any
from shared.directory import PersonCopy
from shared.errors import NotFound
from shared.paging import PAGE_SIZE, Page, page

ADMINS = (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
LEFT_OUT = (WAITING, DISMISSED)
"""States of what a teacher is told of in its cycle."""


@dataclass(frozen=True, slots=True)
class Late:
    """One late entry, with its teacher and what it comes from."""

    entry: LateEntry
    person: PersonCopy | None
    """None: the register does not know her."""
    title: str
    """The project's, or what was claimed."""
    organizer: str
    project_id: str | None
    """None: a claim's."""

    @property
    def amount(self) -> Decimal | None:
        """Credits that it would change; None: 待定."""
        amounts = [line["amount"] for line in self.entry.lines]
        return None if None in amounts else sum((Decimal(amount) for amount in amounts), Decimal("0.0"))


def visible(actor: Actor) -> Select[LateEntry]:
    """Those of trainings and claims of the actor's areas, and of the people whose credits the actor looks after."""
    areas = [post.unit.path for post in actor.posts_of(*ADMINS)]
    sources = (
        select(LateEntry)
        .outerjoin(Audit, Audit.audit_id == LateEntry.audit_id)
        .outerjoin(RecognisedClaim, RecognisedClaim.claim_id == LateEntry.result_id)
        .outerjoin(PersonCopy, PersonCopy.person_id == LateEntry.person_id)
    )
    columns = (Audit.organizer_path, RecognisedClaim.unit_path, PersonCopy.unit_path)
    return sources.where(or_(*[under_any(column, areas) for column in columns]))


def late(
    session: Session, actor: Actor, *, waiting: bool = True, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Late]:
    """Those that wait, oldest first, or those that have ended, newest first."""
    state = LateEntry.state == WAITING if waiting else LateEntry.state != WAITING
    query = visible(actor).where(state)
    found = page(session, query, [LateEntry.id], cursor=cursor, limit=limit, descending=not waiting)
    return Page(detailed(session, found.items), found.next)


def count(session: Session, actor: Actor) -> int:
    """How many wait."""
    query = visible(actor).where(LateEntry.state == WAITING).with_only_columns(func.count(LateEntry.id))
    return int(session.scalar(query) or 0)


def find(session: Session, actor: Actor, entry_id: int) -> Late:
    """One of them. Raises `NotFound`."""
    entry = session.scalar(visible(actor).where(LateEntry.id == entry_id))
    if entry is None:
        raise NotFound()
    return detailed(session, [entry])[0]


def of_teacher(session: Session, person_id: str, cycle: int) -> Sequence[LateEntry]:
    """What came too late for one teacher's cycle and was not entered, of somebody whose standing the reader sees."""
    query = select(LateEntry).where(LateEntry.person_id == person_id, LateEntry.cycle == cycle)
    return session.scalars(query.where(LateEntry.state.in_(LEFT_OUT)).order_by(LateEntry.id)).all()


def has_any(cycle: Cycle) -> ColumnElement[bool]:
    """Whether the teacher of a query has any of these in a cycle."""
    mine = (LateEntry.person_id == PersonCopy.person_id, LateEntry.cycle == cycle.number)
    return exists().where(*mine, LateEntry.state.in_(LEFT_OUT))


def detailed(session: Session, entries: Sequence[LateEntry]) -> list[Late]:
    """The same with what they come from."""
    query = (
        select(LateEntry.id, PersonCopy, Audit, RecognisedClaim)
        .outerjoin(Audit, Audit.audit_id == LateEntry.audit_id)
        .outerjoin(RecognisedClaim, RecognisedClaim.claim_id == LateEntry.result_id)
        .outerjoin(PersonCopy, PersonCopy.person_id == LateEntry.person_id)
    )
    rows = session.execute(query.where(LateEntry.id.in_([entry.id for entry in entries])))
    sources = {number: (person, audit, claim) for number, person, audit, claim in rows}
    return [_late(entry, *sources[entry.id]) for entry in entries]


def _late(entry: LateEntry, person: PersonCopy | None, audit: Audit | None, claim: RecognisedClaim | None) -> Late:
    if audit is not None:
        return Late(entry, person, audit.project_title, audit.organizer_name, audit.project_id)
    return Late(entry, person, claim.title if claim else "", claim.unit_name if claim else "", None)
