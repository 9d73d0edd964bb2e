"""One approved plan item gives nobody more hours than were approved, however many projects are held under it (FAQ-Q9).

Amendments and next year's plans keep the ids of items: an item is known by its id, the organizer and the school year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval.models import Plan, PlanItem
from services.plans.approval.queries import frozen
from services.plans.projects.models import Project, ProjectStatus, Result
from services.plans.workflow import Status

Held = Mapping[str, Sequence[tuple[str, Decimal]]]
"""Person -> (number of another project under the item, hours registered there)."""
BATCH = 5_000
"""Rows fetched at once."""


def held_elsewhere(session: Session, project: Project, item_id: str | None) -> Held:
    """Who has passed hours in other open projects of the organizer under the item; who failed may try again."""
    if item_id is None:
        return {}
    query = (
        select(Result.person_id, Project.number, Result.hours)
        .join(Project, Project.id == Result.project_id)
        .where(
            Project.plan_item_id == item_id,
            Project.organizer_path == project.organizer_path,
            Project.school_year == project.school_year,
            Project.id != project.id,
            Project.status == ProjectStatus.PUBLISHED.value,
            Result.passed,
        )
        .order_by(Project.number)
        .execution_options(yield_per=BATCH)
    )
    found: dict[str, list[tuple[str, Decimal]]] = {}
    for person_id, number, hours in session.execute(query):
        found.setdefault(person_id, []).append((number, hours))
    return found


def approved_hours(session: Session, plan_id: str | None, item_id: str | None) -> Decimal:
    """The item's hours in the plan, or in an approved amendment that gives it more."""
    most = Decimal(0)
    plan = session.get(Plan, plan_id) if plan_id else None
    while plan is not None:
        if plan.id == plan_id or plan.status == Status.APPROVED:
            most = max([most, *(item.hours for item in frozen(session, plan).items if item.id == item_id)])
        plan = session.get(Plan, plan.superseded_by_id) if plan.superseded_by_id else None
    return most


def excess(others: Sequence[tuple[str, Decimal]], hours: Decimal, approved: Decimal) -> str | None:
    """What is wrong when somebody with hours in other projects is to get these as well; None: within the item."""
    if sum((held for _, held in others), hours) <= approved:
        return None
    places = "、".join(f"{number}（{held.normalize():f} 学时）" for number, held in others)
    return (
        f"此人在同一方案项目的 {places} 中已登记合格，加上 {hours.normalize():f} 学时"
        f"超过批准的 {approved.normalize():f} 学时；请核对学时，或删去此行。"
    )


def lock_item(session: Session, organizer_path: str, item_id: str | None) -> None:
    """Nobody else brings in or moves hours under the item until the commit.

    Locks one row, the plan that brought the item, and always after the project's: so nobody waits in a circle.
    """
    if item_id is not None:
        plans = select(PlanItem.plan_id).where(PlanItem.id == item_id)
        session.execute(
            select(Plan.id)
            .where(Plan.unit_path == organizer_path, Plan.id.in_(plans))
            .order_by(Plan.id)
            .limit(1)
            .with_for_update(key_share=True)
        )
