"""What was decided in cases like this one (T23): this school's last decisions, and those on standards of their own."""

from __future__ import annotations

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session

from services.plans import routes
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.desk.queue import has_flag
from shared.actors import Actor
from shared.database import under


def of_school(session: Session, actor: Actor, plan: Plan, *, limit: int = 5) -> list[tuple[PlanLine, Plan]]:
    """The last decisions on this school's other submissions, newest first (T23)."""
    query = (
        select(PlanLine, Plan)
        .join(Plan, Plan.id == PlanLine.plan_id)
        .where(
            Plan.unit_path == plan.unit_path,
            Plan.id != plan.id,
            PlanLine.act.in_(["approve", "return", "confirm_refusal"]),
            _in_area(actor),
        )
        .order_by(PlanLine.id.desc())
        .limit(limit)
    )
    return [(line, other) for line, other in session.execute(query)]


def of_form(session: Session, actor: Actor, plan: Plan, *, limit: int = 5) -> list[tuple[PlanLine, Plan]]:
    """The last decisions of my area on other schools' plans that name a standard of their own, newest first (T23)."""
    query = (
        select(PlanLine, Plan)
        .join(Plan, Plan.id == PlanLine.plan_id)
        .where(
            Plan.unit_path != plan.unit_path,
            has_flag("OWN_STANDARD"),
            PlanLine.act.in_(["approve", "return", "confirm_refusal"]),
            PlanLine.unit_path.in_([post.unit.path for post in actor.posts_of(*routes.deciders())]),
            _in_area(actor),
        )
        .order_by(PlanLine.id.desc())
        .limit(limit)
    )
    return [(line, other) for line, other in session.execute(query)]


def _in_area(actor: Actor) -> ColumnElement[bool]:
    areas = [under(Plan.unit_path, post.unit.path) for post in actor.posts_of(*routes.deciders())]
    return or_(false(), *areas)
