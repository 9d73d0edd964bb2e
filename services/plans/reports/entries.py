"""One page of a list behind a number, each line in the same shape, whether it is a plan, a decision or a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.plans import routes
from services.plans.acts import ACTS
from services.plans.approval import queries
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine, PlanPoint
from services.plans.reports.behind import Chosen, behind, lines_of, plans_of
from services.plans.reports.exporting import took
from shared.actors import Actor
from shared.paging import PAGE_SIZE, Page, page


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of such a list."""

    plan: Plan
    what: str
    """The state of a plan, the decision, or the point."""
    at: datetime | None
    body: str
    took: str
    """Working time of a decision."""


def entries(
    session: Session, actor: Actor, name: str, chosen: Chosen, *, cursor: str | None, limit: int = PAGE_SIZE
) -> Page[Entry]:
    """One page of the list `name`. Raises `NotFound` for no such list and outside the actor's area."""
    found = behind(actor, name, chosen)
    rows: Page[Any] = page(session, found.query, found.keys, cursor=cursor, limit=limit, descending=found.descending)
    return Page(_entries(session, rows.items), rows.next)


def _entries(session: Session, rows: Sequence[Any]) -> list[Entry]:
    lines = {row.id: row for row in rows if isinstance(row, PlanLine)}
    points = [row for row in rows if isinstance(row, PlanPoint)]
    if points:
        lines = dict(lines_of(session, [point.line_id for point in points]))
    plans = plans_of(session, [line.plan_id for line in lines.values()])
    titles = {stage.name: stage.title for route in routes.routes().values() for stage in route.stages}
    found = []
    for row in rows:
        if isinstance(row, Plan):
            found.append(Entry(row, queries.status_title(row), row.entered_at, "", ""))
            continue
        line = lines[row.line_id] if isinstance(row, PlanPoint) else row
        what = f"{row.place}：{row.text}" if isinstance(row, PlanPoint) else _words(line, titles)
        spent = took(line.took_minutes) if line.took_minutes is not None else ""
        found.append(Entry(plans[line.plan_id], what, line.at, line.body, spent))
    return found


def _words(line: PlanLine, titles: dict[str, str]) -> str:
    late = "（超时）" if line.in_time is False else ""
    return f"{titles.get(line.stage or '', '')} · {ACTS[line.act].label}{late}"
