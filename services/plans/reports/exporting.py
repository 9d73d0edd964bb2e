"""Workbooks of what a reviewer sees: her list with its filters, and the board. Rows, columns and order are the page's.

Text is written as text, never as a formula, and people's names are masked: a workbook goes on to others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import IO, Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from services.plans.acts import ACTS
from services.plans.approval import queries
from services.plans.approval.models import Plan
from services.plans.approval.words import FLAG_TITLES, UNIT_KINDS, marks
from services.plans.calendar.rules import in_words
from services.plans.desk import queue
from services.plans.desk import rows as desk_rows
from services.plans.kinds import KINDS
from services.plans.reports.behind import LEVELS
from services.plans.reports.board import Row
from services.plans.workflow import PENDING_TITLES, Pending
from shared.actors import Actor
from shared.directory import UnitCopy
from shared.printing.names import mask
from shared.ui.filters import local_date, local_time
from shared.workbooks import Cell, workbook

MOST = 20_000
"""Rows of one workbook."""
READ = 200
"""Rows that are read at a time."""
QUEUE_COLUMNS = {
    "灯": 10, "编号": 22, "学校": 30, "县区": 16, "类型": 14, "种类": 14, "学年": 11, "方案": 34, "报送": 14,
    "学分类别": 10, "学分合计": 12, "学时合计": 10, "需关注": 30, "状态": 30, "上一环节": 40, "意见": 40, "到达": 17,
    "已用/时限": 26, "到期": 17, "处理人": 22,
}  # fmt: skip
"""Heading -> width in characters."""
BOARD_COLUMNS = {
    "单位": 26, "上级": 14, "在途": 8, "暂停计时": 10, "环节办理": 10, "按时办结": 10, "超时办结": 10, "按时办结率": 12,
    "县级中位用时": 18, "市级中位用时": 18, "省级中位用时": 18, "审核过的方案": 14, "退回过的方案": 14, "退回率": 10,
    "退回两次及以上": 14, "二次退回率": 12, "未一次性告知": 14, "最久未办": 36,
}  # fmt: skip


def export(
    file: IO[bytes], title: str, columns: dict[str, int], rows: Iterable[Sequence[Cell]], notes: dict[str, str]
) -> None:
    """A list as a workbook. `notes` go onto a second sheet: who made it, when, with which filters, how many rows."""
    count = 0

    def counted() -> Iterator[Sequence[Cell]]:
        nonlocal count
        for count, row in enumerate(rows, start=1):  # noqa: B007  (read below, when the sheet is full)
            yield row

    def about() -> Iterator[Sequence[Cell]]:
        yield from notes.items()
        yield "行数", str(count)
        if count >= MOST:
            yield "提示", f"最多导出 {MOST} 行；如列表更长，请缩小筛选范围后再导出。"

    workbook(file, [(title, columns, counted()), ("说明", {"项目": 20, "内容": 60}, about())])


def queue_rows(session: Session, actor: Actor, query: Select[Plan], tab: str, now: datetime) -> Iterator[list[Cell]]:
    """The rows of a list of the desk in its order, at most `MOST`, as the page makes them."""
    area, cursor, left = desk_rows.area_of(session, actor, now), None, MOST
    while left:
        part = queue.listing(session, query, tab, now, cursor=cursor, limit=min(READ, left))
        for row in desk_rows.rows_of(session, actor, part.items, area, now, asked=()):
            yield _queue_row(row)
        # What has been written is not needed again: a long list must not stay in memory.
        session.expunge_all()
        left, cursor = left - len(part.items), part.next
        if cursor is None:
            return


def board_rows(rows: Iterable[Row]) -> Iterator[list[Cell]]:
    """The rows of the board."""
    for row in rows:
        number = row.counts
        oldest = row.oldest
        yield [
            row.title,
            row.above,
            number["open"],
            number["paused"],
            number["decided"],
            number["on_time"],
            number["late"],
            row.in_time,
            *[took(row.speeds[level].minutes) if level in row.speeds else None for level in LEVELS],
            number["handled"],
            number["returned"],
            row.return_rate,
            number["again"],
            row.again_rate,
            number["untold"],
            f"{local_time(oldest.entered_at)} 起 · {queries.status_title(oldest)} · {oldest.unit_name}"
            if oldest
            else "",
        ]


def took(minutes: float) -> str:
    """Working minutes as people read them: 2 个工作日 4 小时."""
    return in_words(timedelta(minutes=minutes))


def _queue_row(row: desk_rows.Row) -> list[Cell]:
    plan, line = row.plan, row.last
    handler = row.handler
    for name in (plan.assignee_name, plan.claimed_by_name):
        handler = handler.replace(name, mask(name)) if name else handler
    pending = PENDING_TITLES[Pending(plan.pending)] if plan.pending else ""
    return [
        desk_rows.LAMP_WORDS[row.lamp],
        plan.number,
        plan.unit_name,
        row.county,
        row.kind,
        KINDS[plan.kind].title,
        row.listed.school_year or "",
        row.listed.title or "",
        row.fresh,
        row.bucket,
        row.listed.credits,
        row.listed.hours,
        "、".join(marks(plan.flags)),
        "，".join(part for part in (queries.status_title(plan), pending) if part),
        f"{line.body}{ACTS[line.act].label} {mask(line.actor_name)} {local_date(line.at)}" if line else "",
        line.opinion if line else "",
        local_time(plan.entered_at),
        row.used or row.missing,
        local_time(plan.due_at),
        handler,
    ]


def filter_words(session: Session, args: Mapping[str, Any]) -> list[str]:
    """The filters of a list as people read them."""
    town = session.get(UnitCopy, args["town"]) if args.get("town") else None
    kind = KINDS.get(args.get("kind", ""))
    said = {
        "学年": args.get("school_year"),
        "县区": town.name if town else None,
        "学校类型": UNIT_KINDS.get(args.get("unit_kind", "")),
        "需关注": FLAG_TITLES.get(args.get("flag", "")),
        "报送": {"new": "新报", "again": "修改稿"}.get(args.get("fresh", "")),
        "到期": {"red": "超时", "yellow": "即将到期", "today": "今日到期"}.get(args.get("lamp", "")),
        "处理人": "指定的处理人" if args.get("claimed_by") else None,
        "种类": kind.title if kind else None,
    }
    return [f"{name}：{value}" for name, value in said.items() if value]
