"""What a dispute is about: a line, a result that is 公示中, or a training that is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from services.credits import queries
from services.credits.models import Audit, LedgerLine
from services.credits.publicity.queries import Provisional, find_provisional
from shared.actors import Actor
from shared.directory import PersonCopy
from shared.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a dispute is about."""

    kind: str
    person: PersonCopy
    project_number: str
    project_title: str
    organizer_path: str | None
    organizer_name: str
    held_on: date
    hours: Decimal | None
    line_id: int | None = None
    result_id: str | None = None
    project_id: str | None = None

    @property
    def key(self) -> str:
        """The same for two disputes about the same thing."""
        what = self.line_id or self.result_id or self.project_number or self.project_title
        return f"{self.kind}:{self.person.person_id}:{what}"[:120]


def line_subject(session: Session, actor: Actor, line_id: int) -> Subject:
    """One line of the ledger. Raises `NotFound` outside what the actor may see."""
    query = (
        queries.visible_people(actor)
        .join(LedgerLine, LedgerLine.person_id == PersonCopy.person_id)
        .outerjoin(LedgerLine.audit)
        .outerjoin(LedgerLine.claim)
        .where(LedgerLine.id == line_id)
        .with_only_columns(PersonCopy, LedgerLine)
        .options(contains_eager(LedgerLine.audit), contains_eager(LedgerLine.claim))
    )
    row = session.execute(query).first()
    if row is None:
        raise NotFound()
    person, line = row
    audit, claim = line.audit, line.claim
    return Subject(
        kind="line",
        person=person,
        project_number=audit.project_number if audit else claim.number if claim else "",
        project_title=line.source_title or f"第 {line.id} 号记录",
        organizer_path=audit.organizer_path if audit else claim.unit_path if claim else None,
        organizer_name=line.organizer,
        held_on=line.effective_on,
        hours=line.hours,
        line_id=line.id,
        result_id=line.result_id,
        project_id=audit.project_id if audit else None,
    )


def provisional_subject(session: Session, actor: Actor, result_id: str) -> Subject:
    """One result that is 公示中. Raises `NotFound` for any other."""
    found: Provisional = find_provisional(session, actor, result_id)
    project = found.project
    return Subject(
        kind="provisional",
        person=session.get_one(PersonCopy, found.result.person_id),
        project_number=project.number,
        project_title=project.title,
        organizer_path=project.organizer_path,
        organizer_name=project.organizer_name,
        held_on=project.held_to,
        hours=found.result.hours,
        result_id=result_id,
        project_id=project.project_id,
    )


def missing_subject(
    session: Session,
    actor: Actor,
    person_id: str | None,
    *,
    project_number: str,
    project_title: str,
    held_on: date,
    hours: Decimal,
) -> Subject:
    """A training of which the person has no line; known to us, where the number is that of an audited project."""
    person = session.scalar(queries.visible_people(actor).where(PersonCopy.person_id == person_id))
    if person is None:
        raise NotFound()
    known = None
    if project_number:
        of_number = select(Audit).where(Audit.project_number == project_number)
        known = session.scalar(of_number.order_by(Audit.audited_at.desc()).limit(1))
    return Subject(
        kind="missing",
        person=person,
        project_number=project_number,
        project_title=known.project_title if known else project_title,
        organizer_path=known.organizer_path if known else None,
        organizer_name=known.organizer_name if known else "",
        held_on=held_on,
        hours=hours,
        project_id=known.project_id if known else None,
    )
