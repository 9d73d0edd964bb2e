"""A teacher's results that are 公示中, with what they would come to today. They count nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session, contains_eager

from services.credits import in_force, ledger, queries
from services.credits.editions import Editions, school_year_title
from services.credits.keeping import LateEntry
from services.credits.models import LedgerLine, LineKind, ProjectCorrection
from services.credits.publicity.models import PublicAudit, PublicResult
from shared.actors import Actor
from shared.database import utc_now
from shared.directory import PersonCopy
from shared.errors import NotFound
from shared.events.base import schema_of
from shared.events.plans import AuditedResult, ProjectFacts
from shared.paging import PAGE_SIZE, Page, page

KEYS = (PublicResult.result_id, PublicResult.attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisional:
    """A result that is 公示中: as a ledger line would say it, but none."""

    result: PublicResult
    audit: PublicAudit
    project: ProjectFacts
    """As corrected meanwhile, if it was (N6)."""
    cycle: int | None
    school_year: str
    amount: Decimal | None
    sentence: str
    closed: bool
    """Whether its cycle is closed when it becomes final (B6): then it waits, and does not count."""

    @property
    def until(self) -> datetime:
        """When it becomes final by itself."""
        return self.audit.public_until

    @property
    def over(self) -> bool:
        """Whether the period is over, and only the confirmation is still on its way."""
        return self.until <= utc_now()

    @property
    def held_to(self) -> date:
        """Last day of the training."""
        return self.project.held_to


def visible_provisional(actor: Actor) -> Select[PublicResult]:
    """Results that are 公示中, of the people whose credits the actor may see."""
    people = queries.visible_people(actor).with_only_columns(PersonCopy.person_id)
    return _shown().where(PublicResult.person_id.in_(people))


def provisional(
    session: Session, actor: Actor, person_id: str | None, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Provisional]:
    """One page of a teacher's results in 公示. Raises `NotFound` outside what the actor may see."""
    if session.scalar(queries.visible_people(actor).where(PersonCopy.person_id == person_id)) is None:
        raise NotFound()
    return of_person(session, person_id, cursor=cursor, limit=limit)


def of_person(
    session: Session, person_id: str | None, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Provisional]:
    """The same for a person whom the caller may see."""
    query = _shown().where(PublicResult.person_id == person_id)
    found = page(session, query, KEYS, cursor=cursor, limit=limit)
    return Page(_worked_out(session, found.items), found.next)


def has_any() -> ColumnElement[bool]:
    """Whether the teacher of a query has results that are 公示中."""
    return _shown().where(PublicResult.person_id == PersonCopy.person_id).exists()


def find_provisional(session: Session, actor: Actor, result_id: str) -> Provisional:
    """One result that is 公示中. Raises `NotFound` for any other."""
    found = session.scalar(visible_provisional(actor).where(PublicResult.result_id == result_id))
    if found is None:
        raise NotFound("这条成绩不在公示中，可能已经确认或撤回，请刷新后查看。")
    return _worked_out(session, [found])[0]


def _shown() -> Select[PublicResult]:
    """Those that stand and have not arrived yet.

    With their line in the ledger, or as what waits for a closed cycle (B6), they leave the view by themselves.
    """
    line = and_(
        LedgerLine.result_id == PublicResult.result_id,
        LedgerLine.attempt == PublicResult.attempt,
        LedgerLine.kind == LineKind.EARNED,
    )
    late = and_(LateEntry.result_id == PublicResult.result_id, LateEntry.attempt == PublicResult.attempt)
    return (
        select(PublicResult)
        .join(PublicResult.audit)
        .where(
            PublicAudit.ended_at.is_(None),
            ~select(LedgerLine.id).where(line).exists(),
            ~select(LateEntry.id).where(late).exists(),
        )
        .options(contains_eager(PublicResult.audit))
    )


def _worked_out(session: Session, results: Sequence[PublicResult]) -> list[Provisional]:
    """By the facts and the rules in force now, as the audit will be when it is final; two statements at most."""
    if not results:
        return []
    of_project = select(ProjectCorrection.project_id, ProjectCorrection.facts).where(
        ProjectCorrection.project_id.in_({result.audit.project_id for result in results})
    )
    corrected: dict[str, Any] = {}
    for project_id, facts_then in session.execute(of_project.order_by(ProjectCorrection.correction)):
        corrected[project_id] = facts_then  # of several corrections the last one stays
    found = []
    for result in results:
        told: ProjectFacts = schema_of(ProjectFacts).load(result.audit.facts)
        newest: ProjectFacts = schema_of(ProjectFacts).load(corrected.get(told.project_id, result.audit.facts))
        facts = newest if (newest.correction or 0) > (told.correction or 0) else told
        as_audited = AuditedResult(
            result_id=result.result_id,
            person_id=result.person_id,
            hours=result.hours,
            passed=result.passed,
            attempt=result.attempt,
        )
        (row,) = ledger.converted(session, facts, [as_audited], {})
        closing = _closing(in_force.editions(session), row["cycle"], result.audit.public_until)
        found.append(
            Provisional(
                result=result,
                audit=result.audit,
                project=facts,
                cycle=row["cycle"],
                school_year=school_year_title(row["school_year"]),
                amount=row["amount"],
                sentence=row["sentence"] + closing,
                closed=closing != "",
            )
        )
    return found


def _closing(editions: Editions, number: int | None, until: datetime) -> str:
    """What is to be said where the cycle is closed by the time at which the result becomes final; else nothing."""
    pair = editions.cycle(number) if number is not None else None
    if pair is None or not pair[1].closed(in_force.day_of(max(until, utc_now()))):
        return ""
    cycle = pair[1]
    return f"；但{cycle.title}于 {cycle.closes_on} 关闭，确认后不计入，须由省级学分管理员凭文件准予补记"
