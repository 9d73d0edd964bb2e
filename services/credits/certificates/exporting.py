"""The workbook of a school's or an area's teachers: rows are read page by page and written one by one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import func
from sqlalchemy.orm import Session

from services.credits import files, listing, queries, words
from services.credits.certificates.models import TeacherExport
from services.credits.queries import Standing
from shared.actors import Actor, Level, Office, Post, Unit
from shared.database import under, utc_now
from shared.directory import PersonCopy, UnitCopy
from shared.jobs import Job
from shared.paging import MAX_PAGE_SIZE
from shared.ui.filters import local_time
from shared.workbooks import Cell, workbook

COLUMNS = {
    "单位": 30, "单位代码": 14, "姓名": 12, "身份证号（隐去部分）": 24, "学段": 10, "学科": 12,
    "统筹计入": 10, "统筹要求": 10, "统筹还差": 10, "统筹待定（条）": 14,
    "自主计入": 10, "自主要求": 10, "自主还差": 10, "自主待定（条）": 14, "状态": 10, "标记": 60,
}  # fmt: skip
"""Heading -> width in characters."""


def file_name(export: TeacherExport) -> str:
    """What the workbook is called where it is saved."""
    made = local_time(export.finished_at).replace(":", "").replace(" ", "-")
    return f"教师学分-{export.area_name}-{made}.xlsx"


def export_teachers(job: Job) -> None:
    """Makes one workbook. What it takes in memory does not grow with the number of teachers."""
    with job.database.reading() as session:
        export = session.get_one(TeacherExport, job.arguments["export_id"])
        actor = _maker(session, export)
        as_of = queries.freshness(session).as_of
        here = under(PersonCopy.unit_path, export.area_path)
        everybody = queries.visible_people(actor).where(PersonCopy.active, here)
        total = session.scalar(everybody.with_only_columns(func.count())) or 0
    rows = 0

    def written() -> Iterator[list[Cell]]:
        nonlocal rows
        for standing in _standings(job, actor, export, total):
            rows += 1
            yield row_of(standing)

    def about() -> Iterator[list[Cell]]:
        for item, told in _about(job, export, as_of).items():
            yield [item, told]
        yield ["行数", str(rows)]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "teachers.xlsx"
        with path.open("wb") as file:
            workbook(file, [("教师学分", COLUMNS, written()), ("说明", {"项目": 16, "内容": 60}, about())])
        sha256 = files.store(job.context.settings.data_dir).put_file(path)
    with job.effect() as session:
        kept = session.get_one(TeacherExport, export.id)
        kept.sha256, kept.rows, kept.finished_at = sha256, rows, utc_now()
        job.result = {
            "text": f"{export.area_name}，{rows} 位教师的学分已导出。",
            "href": "/credits/exports",
            "label": "去下载",
        }
    job.progress(total, total)


def row_of(standing: Standing) -> list[Cell]:
    """One teacher. Numbers of identity and of units are text, so that no program turns them into figures."""
    person, judged = standing.person, standing.judgement
    sums: list[Cell] = []
    for bucket in judged.buckets.values():
        sums += [bucket.counted, bucket.required, bucket.shortfall, bucket.pending]
    return [
        standing.unit.name if standing.unit else "",
        person.unit_path.rstrip("/").rpartition("/")[2],
        person.name,
        person.masked_identity,
        words.stage(person.stage) if person.stage else "",
        person.subject or "",
        *sums,
        words.STATUSES[judged.status],
        "".join(judged.flags.values()),
    ]


def _standings(job: Job, actor: Actor, export: TeacherExport, total: int) -> Iterator[Standing]:
    """The list of the page, from its first row to its last."""
    cursor, done = None, 0
    while True:
        with job.database.reading() as session:
            part = listing.standings(session, actor, export.area_path, cursor=cursor, limit=MAX_PAGE_SIZE)
        yield from (one for one in part.items if export.status in (None, one.judgement.status))
        done, cursor = done + len(part.items), part.next
        job.progress(done, total)
        if cursor is None:
            return


def _maker(session: Session, export: TeacherExport) -> Actor:
    """Who asked, with the area that was asked for and no other."""
    unit = session.get_one(UnitCopy, export.area_path)
    post = Post(Office.CREDIT_ADMIN, Unit(unit.path, unit.name, Level(unit.level)), unit.name)
    return Actor(export.made_by, None, export.made_by_name, (post,))


def _about(job: Job, export: TeacherExport, as_of: datetime) -> dict[str, str]:
    with job.database.reading() as session:
        edition, cycle = queries.choose_cycle(session, export.cycle)
    return {
        "导出人": export.made_by_name,
        "导出时间": f"{local_time(export.made_at)}（北京时间）",
        "截至": f"{local_time(as_of)}（北京时间）",
        "单位": f"{export.area_name}及其下级",
        "培训周期": cycle.title,
        "依据规则": f"{edition.title}（{edition.document}）",
        "状态": words.STATUSES[export.status] if export.status else "全部",
    }
