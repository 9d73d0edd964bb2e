"""Who answers a dispute, and who must not: whoever entered, audited or corrected it, or is herself concerned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.credits.disputes.models import Dispute
from services.credits.disputes.subjects import Subject
from services.credits.models import Audit, LedgerLine
from services.credits.publicity.models import PublicAudit, PublicResult
from shared.actors import Actor, Level, Office, Post, ancestors
from shared.directory import OfficeCopy, PersonCopy, UnitCopy

HANDLERS = (Office.CREDIT_ADMIN, Office.RESULT_AUDIT)
"""Who answers, in the area where the dispute lies."""


@dataclass(frozen=True, slots=True)
class Involved:
    """Those who entered, audited or corrected what the dispute is about, and whom it is about: they do not answer."""

    accounts: frozenset[str]
    people: frozenset[str]

    def names(self, actor: Actor, post: Post | None = None) -> bool:
        """Whether the actor is one of them, with whichever account, also for somebody absent."""
        if actor.person_id in self.people or actor.account_id in self.accounts:
            return True
        return post is not None and post.for_account in self.accounts


def involved(session: Session, subject: Subject | Dispute) -> Involved:
    """Everybody who must not answer: who entered, audited or corrected it, who opened it, and the teacher."""
    accounts: set[str] = set()
    if subject.result_id is not None:
        of_result = select(LedgerLine.entered_by, LedgerLine.audited_by).where(
            LedgerLine.result_id == subject.result_id
        )
        public = (
            select(PublicResult.entered_by, PublicAudit.audited_by)
            .join(PublicAudit, PublicAudit.audit_id == PublicResult.audit_id)
            .where(PublicResult.result_id == subject.result_id)
        )
        accounts = {account for row in session.execute(of_result.union(public)) for account in row}
    elif subject.project_id is not None:
        audits = select(Audit.audit_id).where(Audit.project_id == subject.project_id)
        of_project = select(LedgerLine.entered_by, LedgerLine.audited_by).where(LedgerLine.audit_id.in_(audits))
        accounts = {account for row in session.execute(of_project.distinct()) for account in row}
    people = {subject.person_id if isinstance(subject, Dispute) else subject.person.person_id}
    if isinstance(subject, Dispute):
        accounts.add(subject.opened_by)
    if subject.organizer_path is not None:
        offices = select(OfficeCopy.holders).where(OfficeCopy.unit_path.in_(ancestors(subject.organizer_path)))
        held = [holder for holders in session.scalars(offices) for holder in holders]
        people |= {one["person_id"] for one in held if one["account_id"] in accounts and one["person_id"]}
    return Involved(frozenset(accounts), frozenset(people))


def authorities(session: Session, subject: Subject | Dispute) -> list[UnitCopy]:
    """The authorities that may answer, lowest first: those over the organiser, else those over the teacher's school."""
    base = subject.organizer_path
    if base is None:
        person_id = subject.person_id if isinstance(subject, Dispute) else subject.person.person_id
        base = session.get_one(PersonCopy, person_id).unit_path
    query = select(UnitCopy).where(UnitCopy.path.in_(ancestors(base)), UnitCopy.level != Level.SCHOOL.value)
    return list(session.scalars(query.order_by(func.length(UnitCopy.path).desc())))


def staffed(session: Session, units: Sequence[UnitCopy], out: Involved) -> list[UnitCopy]:
    """Those of the authorities in which somebody is in post who is not involved."""
    query = select(OfficeCopy).where(
        OfficeCopy.unit_path.in_([unit.path for unit in units]), OfficeCopy.office.in_([o.value for o in HANDLERS])
    )
    free = {
        office.unit_path
        for office in session.scalars(query)
        for holder in office.holders
        if holder["account_id"] not in out.accounts and holder["person_id"] not in out.people
    }
    return [unit for unit in units if unit.path in free]
