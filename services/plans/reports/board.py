"""The board (N28): per county and school year what is under way, how fast it goes, and what comes back.

Every number has a list behind it, and both come of the same conditions. All sums are made by the database: what a
decision took was written down with it (`trail.PlanLine.took_minutes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.reports.behind import (
    LEVELS,
    LISTS,
    RETURNED,
    Chosen,
    areas,
    decisions,
    level_of,
    region_of,
    untold,
    where_of,
)
from services.plans.workflow import Status
from shared.actors import Actor, Level
from shared.database import under_any
from shared.directory import UnitCopy


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast one level decides."""

    count: int
    minutes: float
    """Median of the working minutes."""


@dataclass(slots=True)
class Row:
    """One county; or a district or the province for what it runs itself."""

    path: str
    name: str
    above: str = ""
    """Name of the district, since two cities may have counties of the same name."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LISTS, 0))
    speeds: dict[Level, Speed] = field(default_factory=dict)
    direct: str = ""
    """市级直属: what a district or the province runs itself; empty for a county."""
    county: bool = False
    """A county that still exists: shown even where there is nothing."""
    oldest: Plan | None = None
    """Which of what is under way has been at its stage for longest."""

    @property
    def title(self) -> str:
        """东湖区; 南昌市（市级直属）."""
        return f"{self.name}（{self.direct}）" if self.direct else self.name

    def rate(self, part: str, *whole: str) -> float | None:
        """Share between 0 and 1; None of nothing."""
        total = sum(self.counts[name] for name in whole)
        return self.counts[part] / total if total else None

    @property
    def in_time(self) -> float | None:
        """按时办结率: of the decisions whose time could be counted."""
        return self.rate("on_time", "on_time", "late")

    @property
    def return_rate(self) -> float | None:
        """退回率: plans returned to the school at least once, of the plans on which there was a decision."""
        return self.rate("returned", "handled")

    @property
    def again_rate(self) -> float | None:
        """二次退回率: plans returned at least twice, of those returned at least once."""
        return self.rate("again", "returned")


def board(session: Session, actor: Actor, chosen: Chosen) -> list[Row]:
    """A row for every county of the actor's area, and for districts and the province where they run schools."""
    where = where_of(actor, chosen)
    rows = {row.path: row for row in board_regions(session, actor)}
    _count_open(session, where, rows)
    lines = decisions(where, chosen).with_only_columns(
        PlanLine.plan_id,
        region_of().label("region"),
        level_of().label("level"),
        PlanLine.in_time,
        PlanLine.took_minutes.label("took"),
        case((RETURNED, 1), else_=0).label("returned"),
    )
    _count_decisions(session, lines, rows)
    points = untold(where, chosen).with_only_columns(region_of().label("region")).subquery()
    for region, number in session.execute(select(points.c.region, func.count()).group_by(points.c.region)):
        _row(rows, region).counts["untold"] = number
    shown = [row for row in rows.values() if row.county or any(row.counts.values())]
    return sorted(shown, key=lambda row: row.path)


def total(rows: Sequence[Row]) -> Row:
    """The sums of a board. Medians are not summed up: a median of medians says nothing."""
    found = Row("", "合计")
    found.counts = {name: sum(row.counts[name] for row in rows) for name in LISTS}
    waiting = [row.oldest for row in rows if row.oldest is not None and row.oldest.entered_at is not None]
    found.oldest = min(waiting, key=lambda plan: (plan.entered_at, plan.id), default=None)
    return found


def school_years(session: Session, actor: Actor) -> list[str]:
    """School years of which there is anything in the actor's area, newest first."""
    query = select(Plan.submitted_year).where(*where_of(actor, Chosen())).distinct()
    return sorted((year for year in session.scalars(query) if year), reverse=True)


def board_regions(session: Session, actor: Actor) -> list[Row]:
    """An empty row for every county of the actor's area, and for what districts and the province run themselves."""
    query = select(UnitCopy.path, UnitCopy.name, UnitCopy.level, UnitCopy.active).where(
        UnitCopy.level.in_(LEVELS), under_any(UnitCopy.path, areas(actor))
    )
    units = list(session.execute(query.order_by(UnitCopy.path)))
    names = {path: name for path, name, *_ in units}
    return [
        Row(path, name, names.get(_above(path), ""), county=active)
        if level == Level.COUNTY
        else Row(path, name, direct=f"{Level(level).label}直属")
        for path, name, level, active in units
    ]


def _row(rows: dict[str, Row], region: str) -> Row:
    """A unit that the register does not know, or no longer, is still counted: under its code."""
    return rows.setdefault(region, Row(region, f"单位 {region.rstrip('/').rpartition('/')[2]}"))


def _count_open(session: Session, where: Sequence[ColumnElement[bool]], rows: dict[str, Row]) -> None:
    here = select(Plan.id, region_of().label("region"), Plan.entered_at).where(
        *where, Plan.status == Status.UNDER_REVIEW
    )
    part = here.subquery()
    place = func.row_number().over(partition_by=part.c.region, order_by=(part.c.entered_at, part.c.id))
    number = func.count().over(partition_by=part.c.region)
    ranked = select(part.c.id, part.c.region, place.label("place"), number.label("number")).subquery()
    query = select(Plan, ranked.c.region, ranked.c.number).join(ranked, ranked.c.id == Plan.id)
    for plan, region, count in session.execute(query.where(ranked.c.place == 1)):
        row = _row(rows, region)
        row.counts["open"], row.oldest = count, plan


def _count_decisions(session: Session, lines: Select[Any], rows: dict[str, Row]) -> None:
    line = lines.subquery()
    # By plan first and then by region: one reading of the history gives what is counted by decision and by plan.
    each = (
        select(
            line.c.region,
            func.count().label("decided"),
            func.count().filter(line.c.in_time.is_(True)).label("on_time"),
            func.count().filter(line.c.in_time.is_(False)).label("late"),
            func.count().filter(line.c.took.is_not(None)).label("timed"),
            func.sum(line.c.returned).label("returns"),
        )
        .group_by(line.c.region, line.c.plan_id)
        .subquery()
    )
    query = select(
        each.c.region,
        *[func.sum(each.c[name]).label(name) for name in ("decided", "on_time", "late", "timed")],
        func.count().label("handled"),
        func.count().filter(each.c.returns >= 1).label("returned"),
        func.count().filter(each.c.returns >= 2).label("again"),
    ).group_by(each.c.region)
    for found in session.execute(query).mappings():
        _row(rows, found["region"]).counts.update({name: int(found[name]) for name in found if name != "region"})
    for region, level, count, middle in _medians(session, line):
        _row(rows, region).speeds[Level(level)] = Speed(count, middle)


def _medians(session: Session, line: Any) -> list[tuple[str, str, int, float]]:
    timed = select(line.c.region, line.c.level).where(line.c.took.is_not(None))
    if session.get_bind().dialect.name != "sqlite":
        middle = func.percentile_cont(0.5).within_group(line.c.took.asc())
        query = timed.add_columns(func.count(), middle).group_by(line.c.region, line.c.level)
        return [(region, level, count, float(value)) for region, level, count, value in session.execute(query)]
    # SQLite has no median: the figures stream past, one group at a time.
    ordered = timed.add_columns(line.c.took).order_by(line.c.region, line.c.level)
    stream = session.execute(ordered.execution_options(yield_per=1000))
    groups = ((key, [row[2] for row in part]) for key, part in groupby(stream, key=lambda row: (row[0], row[1])))
    return [(region, level, len(took), float(median(took))) for (region, level), took in groups]


def _above(path: str) -> str:
    return path.rstrip("/").rpartition("/")[0] + "/"
