"""The lists behind the numbers of the board (N28), and the conditions that both come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session, aliased

from services.plans import kinds, routes
from services.plans.acts import ACTS
from services.plans.approval import signatures
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine, PlanPoint
from services.plans.workflow import Status
from shared.actors import Actor, Level, Office
from shared.database import under, under_any
from shared.errors import NotFound

LISTS = {
    "open": "在途",
    "decided": "环节办理",
    "on_time": "按时办结",
    "late": "超时办结",
    "timed": "有用时的办理",
    "handled": "审核过的方案",
    "returned": "退回过的方案",
    "again": "退回两次及以上的方案",
    "untold": "未一次性告知",
}
"""Name of a list -> its title. Decisions are counted by stage, returns by plan, 未一次性告知 by point."""
DECIDES = tuple(act.name for act in ACTS.values() if act.decides)
LEVELS = (Level.COUNTY, Level.DISTRICT, Level.PROVINCE)
RETURNED = (PlanLine.act == "return") & (PlanLine.to_status == Status.RETURNED.value)
"""Back to the school, and not only to an earlier stage."""
_CODE = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the board is narrowed to; kept in the page's address."""

    school_year: str = ""
    kind: str = ""
    level: str = ""
    """Level of the deciding stage."""
    region: str = ""
    """Path of the one row that is meant; lists only."""


@dataclass(frozen=True, slots=True)
class Behind:
    """The list behind a number: a query, and in which order it is read page by page."""

    query: Select[Any]
    keys: Sequence[Any]
    descending: bool = True


def areas(actor: Actor) -> list[str]:
    """Paths under which the actor reviews. Raises `NotFound` for who reviews nothing."""
    found = [post.unit.path for post in actor.posts_of(Office.PLAN_REVIEW)]
    if not found:
        raise NotFound()
    return found


def behind(actor: Actor, name: str, chosen: Chosen) -> Behind:
    """The list behind the number `name` of `LISTS`. Raises `NotFound` for no such list and outside the actor's area."""
    if name not in LISTS or (chosen.region and not any(chosen.region.startswith(path) for path in areas(actor))):
        raise NotFound()
    where = where_of(actor, chosen)
    if name == "open":
        open_ones = select(Plan).where(*where, Plan.status == Status.UNDER_REVIEW)
        return Behind(open_ones, [Plan.entered_at, Plan.id], descending=False)
    if name == "untold":
        return Behind(untold(where, chosen), [PlanPoint.line_id, PlanPoint.number])
    if name in ("decided", "on_time", "late", "timed"):
        return Behind(decisions(where, chosen).where(*_timed(name)), [PlanLine.id])
    return Behind(select(Plan).where(*where, _times(name, chosen)), [Plan.id])


def plans_of(session: Session, ids: Sequence[str]) -> Mapping[str, Plan]:
    """The plans of a page of lines that came of `behind`."""
    return {plan.id: plan for plan in session.scalars(select(Plan).where(Plan.id.in_(ids)))}


def lines_of(session: Session, ids: Sequence[str]) -> Mapping[str, PlanLine]:
    """The lines of a page of points that came of `behind`."""
    return {line.id: line for line in session.scalars(select(PlanLine).where(PlanLine.id.in_(ids)))}


def where_of(actor: Actor, chosen: Chosen) -> list[ColumnElement[bool]]:
    """Conditions on plans: those submitted at least once in the actor's area, narrowed to what was chosen."""
    found = [under_any(Plan.unit_path, areas(actor)), Plan.round > 0]
    if chosen.school_year:
        found.append(Plan.submitted_year == chosen.school_year)
    if chosen.kind:
        found.append(Plan.kind == chosen.kind)
    if chosen.region:
        found += [under(Plan.unit_path, chosen.region), region_of() == chosen.region]
    return found


def decisions(where: Sequence[ColumnElement[bool]], chosen: Chosen) -> Select[Any]:
    """Decisions that were not taken back, newest last."""
    query = select(PlanLine).select_from(PlanLine).join(Plan, Plan.id == PlanLine.plan_id).where(*where)
    return query.where(PlanLine.act.in_(DECIDES), _stands(), *_at_level(chosen))


def untold(where: Sequence[ColumnElement[bool]], chosen: Chosen) -> Select[Any]:
    """Points that an earlier return of the same stage could have raised, in returns that stand (N1)."""
    query = select(PlanPoint).select_from(PlanPoint).join(PlanLine, PlanLine.id == PlanPoint.line_id)
    return query.join(Plan, Plan.id == PlanLine.plan_id).where(
        *where, PlanPoint.late.is_(True), _stands(), *_at_level(chosen)
    )


def _at_level(chosen: Chosen) -> list[ColumnElement[bool]]:
    return [level_of() == chosen.level] if chosen.level else []


def _stands() -> ColumnElement[bool]:
    """Nobody took the line back or signed against it: `signatures.struck` as a query."""
    later = aliased(PlanLine)
    struck = select(later.id).where(
        later.plan_id == PlanLine.plan_id, later.strikes_id == PlanLine.id, later.act.in_(signatures.STRIKES)
    )
    return ~struck.exists()


def _times(name: str, chosen: Chosen) -> ColumnElement[bool]:
    """How often there was a decision on the plan, or a return to the school, as a condition."""
    of_plan = select(func.count()).where(
        PlanLine.plan_id == Plan.id, PlanLine.act.in_(DECIDES), _stands(), *_at_level(chosen)
    )
    if name != "handled":
        of_plan = of_plan.where(RETURNED)
    return of_plan.correlate(Plan).scalar_subquery() >= (2 if name == "again" else 1)


def region_of() -> ColumnElement[str]:
    """Path of the county, district or province for which a plan counts: of whoever runs the school.

    That is a school's path without its own code; what an authority files itself is its own.
    """
    parent = func.rtrim(func.rtrim(Plan.unit_path, "/"), _CODE)
    return case((Plan.kind.in_(kinds.owned_by(Office.SCHOOL_ADMIN)), parent), else_=Plan.unit_path)


def level_of() -> ColumnElement[str]:
    """Level of the stage at which a line of the history was written."""
    stages = [stage for route in routes.routes().values() for stage in route.stages]
    return case({stage.name: stage.level.value for stage in stages}, value=PlanLine.stage)


def _timed(name: str) -> list[ColumnElement[bool]]:
    conditions: dict[str, list[ColumnElement[bool]]] = {
        "decided": [],
        "on_time": [PlanLine.in_time.is_(True)],
        "late": [PlanLine.in_time.is_(False)],
        "timed": [PlanLine.took_minutes.is_not(None)],
    }
    return conditions[name]
