"""The register as somebody sees it: how many teachers of one's area each question concerns, and who they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from services.credits import in_force, queries
from services.credits.editions import Cycle
from services.credits.in_force import PolicyDecision
from services.credits.models import LedgerLine, LineKind
from services.credits.people import fact
from services.credits.policies import Question, register
from shared.actors import Actor
from shared.directory import PersonCopy, UnitCopy
from shared.errors import NotFound
from shared.paging import PAGE_SIZE, Page, page


@dataclass(frozen=True, slots=True)
class Registered:
    """One question with its decision, and how many teachers whom the actor may see it concerns."""

    question: Question
    decision: PolicyDecision | None
    people: int

    @property
    def overdue(self) -> bool:
        """Whether the province should be asked again."""
        return self.decision is None and self.question.review_on < in_force.today()


@dataclass(frozen=True, slots=True)
class Concerned:
    """A teacher whom a question concerns."""

    person: PersonCopy
    unit: UnitCopy | None


def registered(session: Session, actor: Actor) -> list[Registered]:
    """Every question in the order of the register; one statement counts for all of them."""
    questions = register()
    decisions = _decisions(session)
    visible = queries.visible_people(actor).where(PersonCopy.active)
    cycle = queries.choose_cycle(session, None)[1]
    counts = [func.count().filter(_concerned(question, cycle)).label(question.id) for question in questions.values()]
    query = visible.outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path).with_only_columns(*counts)
    counted = session.execute(query).one()._mapping
    return [Registered(question, decisions.get(name), counted[name]) for name, question in questions.items()]


def one(session: Session, policy: str) -> tuple[Question, PolicyDecision | None]:
    """A question and its decision. Raises `NotFound`."""
    question = register().get(policy)
    if question is None:
        raise NotFound("没有这个待定事项。")
    return question, _decisions(session).get(policy)


def concerned(
    session: Session, actor: Actor, policy: str, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Concerned]:
    """The teachers whom the actor may see and the question concerns, by unit. Raises `NotFound`."""
    question, _ = one(session, policy)
    cycle = queries.choose_cycle(session, None)[1]
    query: Select[PersonCopy] = queries.visible_people(actor).where(PersonCopy.active)
    query = query.outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path).where(_concerned(question, cycle))
    people = page(session, query, [PersonCopy.unit_path, PersonCopy.person_id], cursor=cursor, limit=limit)
    paths = {person.unit_path for person in people.items}
    units = {unit.path: unit for unit in session.scalars(select(UnitCopy).where(UnitCopy.path.in_(paths)))}
    return Page([Concerned(person, units.get(person.unit_path)) for person in people.items], people.next)


def _decisions(session: Session) -> Mapping[str, PolicyDecision]:
    return {row.policy: row for row in session.scalars(select(PolicyDecision))}


def _concerned(question: Question, cycle: Cycle) -> ColumnElement[bool]:
    """`Question.is_about` as a condition on people and their units: the tests hold the two together."""
    day = min(in_force.today(), cycle.end)
    parts: list[ColumnElement[bool]] = [fact(name, value, cycle, day) for name, value in question.concerns.items()]
    if question.having:
        parts.append(_has(question.having, cycle))
    if question.lacking:
        parts.append(~_has(question.lacking, cycle))
    return and_(*parts)


def _has(categories: list[str], cycle: Cycle) -> ColumnElement[bool]:
    """Whether somebody has a standing record of one of these categories in the cycle."""
    counter = aliased(LedgerLine)
    return (
        select(LedgerLine.id)
        .where(
            LedgerLine.cycle == cycle.number,
            LedgerLine.person_id == PersonCopy.person_id,
            LedgerLine.category.in_(categories),
            LedgerLine.kind == LineKind.EARNED,
            ~select(counter.id).where(counter.reverses == LedgerLine.id).exists(),
        )
        .exists()
    )
