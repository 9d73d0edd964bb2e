"""The board (N28): per county and school year what is under way, how fast it goes, and what comes back.

Every number has a list behind it, and both come of the same conditions. All sums are made by the database: what a
decision took, and for which region and year it counts, was written down with it (`trail.PlanLine`), so that one index
holds all that is summed up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from statistics import median

from sqlalchemy import Select, Subquery, case, func, select
from sqlalchemy.orm import Session

from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.reports.behind import (
    LEVELS,
    LISTS,
    PAUSED,
    RETURNED,
    Chosen,
    areas,
    decisions,
    level_of,
    open_plans,
    region_of,
    submitted,
    untold,
)
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
    """Which of what is under way, and not paused, has been at its stage for longest."""

    @property
    def title(self) -> str:
        """东湖区; 南昌市（市级直属）."""
        return f"{self.name}（{self.direct}）" if self.direct else self.name

    @property
    def oldest_since(self) -> datetime | None:
        """Since when."""
        return self.oldest.entered_at if self.oldest else None

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
    rows = {row.path: row for row in board_regions(session, actor)}
    _sum_in_memory(session)
    _count_open(session, open_plans(actor, chosen), rows)
    _count_decisions(session, decisions(actor, chosen), rows)
    _count_plans(session, decisions(actor, chosen), rows)
    late = untold(actor, chosen).with_only_columns(PlanLine.region_path.label("region"), func.count().label("number"))
    for found in session.execute(late.group_by(PlanLine.region_path)):
        _row(rows, found.region).counts["untold"] = found.number
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
    # From one year to the next by the index, since there are few years and many plans.
    first = select(func.min(Plan.submitted_year).label("year")).where(*submitted(actor)).cte("years", recursive=True)
    later = select(func.min(Plan.submitted_year)).where(*submitted(actor), Plan.submitted_year > first.c.year)
    years = first.union_all(select(later.scalar_subquery()).where(first.c.year.is_not(None)))
    return sorted((year for year in session.scalars(select(years.c.year)) if year), reverse=True)


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


def _sum_in_memory(session: Session) -> None:
    """A province's year is sorted in memory, not in files, and no statement is compiled, which would take longer."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(select(func.set_config("work_mem", "64MB", True), func.set_config("jit", "off", True)))


def _count_open(session: Session, waiting: Select[Plan], rows: dict[str, Row]) -> None:
    paused = case((PAUSED, 1), else_=0).label("paused")
    part = waiting.with_only_columns(Plan.id, Plan.entered_at, region_of().label("region"), paused).subquery()
    place = func.row_number().over(partition_by=part.c.region, order_by=(part.c.paused, part.c.entered_at, part.c.id))
    number, stopped = (each.over(partition_by=part.c.region) for each in (func.count(), func.sum(part.c.paused)))
    columns = (place.label("place"), number.label("number"), stopped.label("stopped"))
    ranked = select(part.c.id, part.c.region, part.c.paused, *columns).subquery()
    query = select(Plan, ranked).join(ranked, ranked.c.id == Plan.id).where(ranked.c.place == 1)
    for found in session.execute(query):
        row = _row(rows, found.region)
        row.counts["open"], row.counts["paused"] = found.number, int(found.stopped)
        row.oldest = None if found.paused else found.Plan


def _count_decisions(session: Session, decided: Select[PlanLine], rows: dict[str, Row]) -> None:
    """What is counted by decision."""
    line = decided.with_only_columns(
        PlanLine.region_path.label("region"), level_of().label("level"), PlanLine.in_time, PlanLine.took_minutes
    ).subquery()
    counts = {
        "decided": func.count(),
        "on_time": func.count().filter(line.c.in_time.is_(True)),
        "late": func.count().filter(line.c.in_time.is_(False)),
        "timed": func.count(line.c.took_minutes),
    }
    query = select(line.c.region, line.c.level, *[count.label(name) for name, count in counts.items()])
    query = query.group_by(line.c.region, line.c.level)
    medians = _medians(session, line)
    if medians is None:
        query = query.add_columns(func.percentile_cont(0.5).within_group(line.c.took_minutes.asc()).label("median"))
    for found in session.execute(query).mappings():
        row, level = _row(rows, found["region"]), found["level"]
        for name in counts:
            row.counts[name] += found[name]
        if found["timed"]:
            minutes = found["median"] if medians is None else medians[row.path, level]
            row.speeds[LEVELS[level]] = Speed(found["timed"], float(minutes))


def _medians(session: Session, line: Subquery) -> dict[tuple[str, int], float] | None:
    """Median by region and level where the database has none: the figures stream past, one group at a time."""
    if session.get_bind().dialect.name != "sqlite":
        return None
    ordered = select(line.c.region, line.c.level, line.c.took_minutes).where(line.c.took_minutes.is_not(None))
    stream = session.execute(ordered.order_by(line.c.region, line.c.level).execution_options(yield_per=1000))
    return {key: median(row[2] for row in part) for key, part in groupby(stream, key=lambda row: (row[0], row[1]))}


def _count_plans(session: Session, decided: Select[PlanLine], rows: dict[str, Row]) -> None:
    """What is counted by plan: on which there was a decision, which came back to the school once or more often."""
    returns = func.count().filter(RETURNED).label("returns")
    each = decided.with_only_columns(PlanLine.region_path.label("region"), returns)
    plan = each.group_by(PlanLine.region_path, PlanLine.plan_id).subquery()
    query = select(
        plan.c.region,
        func.count().label("handled"),
        func.count().filter(plan.c.returns >= 1).label("returned"),
        func.count().filter(plan.c.returns >= 2).label("again"),
    ).group_by(plan.c.region)
    for found in session.execute(query).mappings():
        _row(rows, found["region"]).counts.update({name: found[name] for name in ("handled", "returned", "again")})


def _above(path: str) -> str:
    return path.rstrip("/").rpartition("/")[0] + "/"
