"""The lists behind the numbers of the board (N28), and the conditions that both come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session, aliased

from services.plans import kinds, routes
from services.plans.approval import signatures
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine, PlanPoint
from services.plans.workflow import STOPS_CLOCK, Status
from shared.actors import Actor, Level, Office
from shared.database import under, under_any
from shared.errors import NotFound

LISTS = {
    "open": "在途",
    "paused": "暂停计时",
    "decided": "环节办理",
    "on_time": "按时办结",
    "late": "超时办结",
    "timed": "有用时的办理",
    "handled": "审核过的方案",
    "returned": "退回过的方案",
    "again": "退回两次及以上的方案",
    "untold": "未一次性告知",
}
"""Name of a list -> its title. Decisions are counted by stage, returns by plan, 未一次性告知 by point; 在途 includes
暂停计时."""
LEVELS = (Level.COUNTY, Level.DISTRICT, Level.PROVINCE)
RETURNED = (PlanLine.act == "return") & (PlanLine.to_status == Status.RETURNED.value)
"""Back to the school, and not only to an earlier stage."""
PAUSED = Plan.pending.in_([pending.value for pending in STOPS_CLOCK])
"""The clock stands: whoever has it waits for somebody else (N27)."""
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
    if name in ("open", "paused"):
        waiting = open_plans(actor, chosen)
        return Behind(waiting.where(PAUSED) if name == "paused" else waiting, [Plan.entered_at, Plan.id], False)
    if name == "untold":
        return Behind(untold(actor, chosen), [PlanPoint.line_id, PlanPoint.number])
    if name in ("decided", "on_time", "late", "timed"):
        return Behind(decisions(actor, chosen).where(*_timed(name)), [PlanLine.id])
    return Behind(_plans(actor, name, chosen), [Plan.id])


def plans_of(session: Session, ids: Sequence[str]) -> Mapping[str, Plan]:
    """The plans of a page of lines that came of `behind`."""
    return {plan.id: plan for plan in session.scalars(select(Plan).where(Plan.id.in_(ids)))}


def lines_of(session: Session, ids: Sequence[str]) -> Mapping[str, PlanLine]:
    """The lines of a page of points that came of `behind`."""
    return {line.id: line for line in session.scalars(select(PlanLine).where(PlanLine.id.in_(ids)))}


def submitted(actor: Actor, school_year: str = "") -> list[ColumnElement[bool]]:
    """Conditions on plans: those submitted at least once in the actor's area, for that school year."""
    found = [under_any(Plan.unit_path, areas(actor)), Plan.round > 0]
    return [*found, Plan.submitted_year == school_year] if school_year else found


def open_plans(actor: Actor, chosen: Chosen) -> Select[Plan]:
    """Plans under review, whoever has them."""
    # Whatever is under review is in a queue; said so, the index of the queues is enough.
    query = select(Plan).where(
        *submitted(actor, chosen.school_year), Plan.status == Status.UNDER_REVIEW, Plan.reviewing_path.is_not(None)
    )
    if chosen.kind:
        query = query.where(Plan.kind == chosen.kind)
    if chosen.region:
        query = query.where(under(Plan.unit_path, chosen.region), region_of() == chosen.region)
    return query


def decisions(actor: Actor, chosen: Chosen) -> Select[PlanLine]:
    """Decisions that were not taken back."""
    return select(PlanLine).where(*_decided(actor, chosen))


def untold(actor: Actor, chosen: Chosen) -> Select[PlanPoint]:
    """Points that an earlier return of the same stage could have raised, in returns that stand (N1)."""
    query = select(PlanPoint).join(PlanLine, PlanLine.id == PlanPoint.line_id)
    return query.where(*_decided(actor, chosen), PlanPoint.late.is_(True))


def _plans(actor: Actor, name: str, chosen: Chosen) -> Select[Plan]:
    """Plans on which there was a decision; or that came back to the school, once or twice."""
    found = select(PlanLine.plan_id).where(*_decided(actor, chosen))
    if name != "handled":
        found = found.where(RETURNED)
    often = found.group_by(PlanLine.plan_id).having(func.count() >= (2 if name == "again" else 1))
    return select(Plan).where(*submitted(actor), Plan.id.in_(often))


def _decided(actor: Actor, chosen: Chosen) -> list[ColumnElement[bool]]:
    """Conditions on lines of the history: decisions in the actor's area that stand, narrowed to what was chosen.

    Only decisions have a region. The school year is that of the version which was decided on.
    """
    found = [under_any(PlanLine.region_path, areas(actor)), _stands()]  # type: ignore[arg-type]
    if chosen.school_year:
        found.append(PlanLine.school_year == chosen.school_year)
    if chosen.region:
        found.append(PlanLine.region_path == chosen.region)
    if chosen.kind:
        found.append(PlanLine.plan_kind == chosen.kind)
    if chosen.level:
        found.append(level_of() == LEVELS.index(Level(chosen.level)))
    return found


def _stands() -> ColumnElement[bool]:
    """Nobody took the line back or signed against it: `signatures.struck` as a query."""
    later = aliased(PlanLine)
    return ~select(later.id).where(later.strikes_id == PlanLine.id, later.act.in_(signatures.STRIKES)).exists()


def region_of() -> ColumnElement[str]:
    """`kinds.region_of` of a plan, as a query."""
    parent = func.rtrim(func.rtrim(Plan.unit_path, "/"), _CODE)
    return case((Plan.kind.in_(kinds.of_schools()), parent), else_=Plan.unit_path)


def level_of() -> ColumnElement[int]:
    """Level of the stage at which a line of the history was written, as its place in `LEVELS`: numbers sort quickly."""
    every = [stage for route in routes.routes().values() for stage in route.stages]
    stages = [stage for stage in every if stage.level in LEVELS]  # a school's own review is no authority's
    return case({stage.name: LEVELS.index(stage.level) for stage in stages}, value=PlanLine.stage)


def _timed(name: str) -> list[ColumnElement[bool]]:
    conditions: dict[str, list[ColumnElement[bool]]] = {
        "decided": [],
        "on_time": [PlanLine.in_time.is_(True)],
        "late": [PlanLine.in_time.is_(False)],
        "timed": [PlanLine.took_minutes.is_not(None)],
    }
    return conditions[name]
