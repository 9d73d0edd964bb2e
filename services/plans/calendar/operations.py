"""Entering a year of the working calendar: the province says which days are worked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from services.plans.calendar import rules
from services.plans.calendar.models import CalendarChange, CalendarYear
from services.plans.terms import china_date
from shared.actors import Actor, Level, Office, Post
from shared.database import new_id, utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from shared.outbox import insert
from shared.ui.filters import local_time

EDITORS = (Office.PLAN_REVIEW, Office.PROJECT_ADMIN)
"""Offices that may enter a year, where they are held at the province."""
ON_CHANGE: list[Callable[[Session], None]] = []
"""Called after a year was entered, in its transaction: what was counted by the calendar is counted anew."""


def set_year(
    session: Session, actor: Actor, year: int, off: Sequence[date], work: Sequence[date], source: str, *, version: int
) -> CalendarYear:
    """Enters a year's holidays on weekdays and workdays on weekends; goes before the shipped table.

    `source` is the number of the document that arranges them, `version` what the caller saw (0: never entered).
    Raises `NotAllowed` for anybody but the province's, `Invalid` naming each date (`off.3`), `Conflict` for a year that
    has ended or that somebody else has entered meanwhile.
    """
    post = editing_post(actor)
    if post is None:
        raise NotAllowed("工作日历由省级管理员维护；如有错漏，请告知省教育厅。")
    wrong = rules.faults(year, off, work)
    if not source.strip():
        wrong["source"] = ["请填写依据文号，如 国办发明电〔2025〕7号。"]
    if wrong:
        raise Invalid(f"{year} 年的工作日历还不能保存，请按提示修改。", fields=wrong)
    found = session.get(CalendarYear, year)
    if not editable(year, has_data=found is not None or year in rules.shipped()):
        raise Conflict(f"{year} 年已经结束，按它计算的用时不能再变，日历不能修改；请核对年份。")
    if version != (found.version if found else 0):
        raise _overtaken(year, found)
    entered: dict[str, Any] = {
        "version": version + 1,
        "off": [day.isoformat() for day in sorted(off)],
        "work": [day.isoformat() for day in sorted(work)],
        "source": source.strip(),
        "changed_by": actor.account_id,
        "changed_by_name": actor.name,
        "unit": post.body,
        "changed_at": utc_now(),
    }
    if not _write(session, year, entered):
        raise _overtaken(year, session.get(CalendarYear, year, populate_existing=True))
    session.add(CalendarChange(id=new_id(), year=year, **entered))
    session.flush()
    for recompute in ON_CHANGE:
        recompute(session)
    return session.get_one(CalendarYear, year, populate_existing=True)


def editing_post(actor: Actor) -> Post | None:
    """The post in which somebody may enter years, or None."""
    return next((post for post in actor.posts_of(*EDITORS) if post.unit.level is Level.PROVINCE), None)


def editable(year: int, *, has_data: bool) -> bool:
    """Whether a year may still be entered: one that has ended only while nothing was ever counted by it."""
    return rules.FIRST_YEAR <= year <= rules.LAST_YEAR and (year >= china_date(utc_now()).year or not has_data)


def _write(session: Session, year: int, entered: dict[str, Any]) -> bool:
    """Writes the row in one statement; False when another transaction has entered the year since it was read."""
    model: Any = CalendarYear
    statement = (
        insert(session, model)
        .values(year=year, **entered)
        .on_conflict_do_update(
            index_elements=["year"], set_=entered, where=CalendarYear.version == entered["version"] - 1
        )
        .returning(CalendarYear.year)
    )
    return session.execute(statement).scalar_one_or_none() is not None


def _overtaken(year: int, row: CalendarYear | None) -> Conflict:
    if row is None:
        return Conflict(f"{year} 年的工作日历还没有人填写过，请重新读取后再保存。")
    return Conflict(
        f"{year} 年的工作日历已由{row.unit}的{row.changed_by_name}于 {local_time(row.changed_at)} 修改；"
        "请核对最新内容，仍需修改时再保存一次。",
        changed_by=row.changed_by_name,
        version=row.version,
    )
