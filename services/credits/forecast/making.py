"""The workbook of a list, made in the background; with it plans is told that a fallback scheme is wanted."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from services.credits import files, words
from services.credits.forecast.models import MadeForecast
from services.credits.forecast.outlook import is_open, pots_at
from services.credits.forecast.queries import BEYOND, SHORT, Chosen, Forecast, Row, forecast
from shared import outbox
from shared.actors import Actor, Level, Office, Post, Unit
from shared.database import utc_now
from shared.directory import UnitCopy
from shared.events.credits import ForecastMade
from shared.events.plans import Bucket
from shared.jobs import Job
from shared.paging import MAX_PAGE_SIZE
from shared.ui.filters import local_date, local_time
from shared.workbooks import Cell, workbook

COLUMNS = {
    "单位": 30, "姓名": 12, "身份证号（隐去部分）": 24, "学段": 10, "学科": 12,
    "统筹还差": 10, "统筹按上限还可得": 16, "统筹仍差": 10,
    "自主还差": 10, "自主按上限还可得": 16, "自主仍差": 10,
}  # fmt: skip
"""Heading -> width in characters."""
TITLES = {SHORT: "还有差额", BEYOND: "按上限也达不到"}


@dataclass(slots=True)
class _Sums:
    """A list in sum, as its rows come by."""

    people: int = 0
    lacking: Decimal = Decimal(0)
    beyond: int = 0
    beyond_credits: Decimal = Decimal(0)

    def add(self, row: Row, chosen: Chosen) -> None:
        """One more teacher."""
        mine = [row.buckets[bucket] for bucket in chosen.buckets]
        beyond = sum((one.beyond for one in mine), Decimal(0))
        self.people += 1
        self.lacking += sum((one.short for one in mine), Decimal(0))
        self.beyond += beyond > 0
        self.beyond_credits += beyond


def file_name(made: MadeForecast) -> str:
    """What the workbook is called where it is saved."""
    return f"学分预判名单-{made.unit_name}-{local_date(made.made_at)}.xlsx"


def assumption(found: Forecast) -> str:
    """What the forecast takes for granted, as people read it on the page and in the workbook."""
    pots = [pot for pot in pots_at(found.edition, found.day) if is_open(pot) and pot.cap_year]
    caps = "、".join(
        f"{pot.title}每学年按上限 {words.credits(pot.cap_year.value)}"
        + (f"（本周期 {words.credits(pot.cap_cycle.value)}）" if pot.cap_cycle else "")
        for pot in pots
        if pot.cap_year
    )
    items = "、".join(item.title for item in found.edition.items)
    open_to_all = [caps] if caps else []
    open_to_all += [f"{items}每学年各计一次"] if items else []
    return (
        f"按 {found.day.isoformat()} 的学分记录，到周期结束（{found.cycle.end.isoformat()}）："
        f"{'；'.join([*open_to_all, '本学年已通过的本校方案（含中心校联合申报的方案）'])}，都按最多计；"
        "国培、省培、市县级培训和各类冲抵取决于名额和个人情况，不作预测。"
    )


def make(job: Job) -> None:
    """Makes one workbook, page by page; a fallback scheme that is wanted is told in the same transaction."""
    with job.database.reading() as session:
        made = session.get_one(MadeForecast, job.arguments["forecast_id"])
        unit = session.get_one(UnitCopy, made.unit_path)
        post = Post(Office.CREDIT_ADMIN, Unit(unit.path, unit.name, Level(unit.level)), unit.name)
        actor = Actor(made.made_by, made.made_by_person, made.made_by_name, (post,))
        found = forecast(session, actor, made.unit_path)
        assert found is not None  # the unit was chosen when the list was asked for
    chosen = Chosen(made.status, Bucket(made.bucket) if made.bucket else None)
    told = _Sums()

    def written() -> Iterator[list[Cell]]:
        for row in _rows(job, actor, found, chosen):
            told.add(row, chosen)
            yield row_of(row)

    def about() -> Iterator[list[Cell]]:
        yield ["单位", made.unit_name]
        yield ["名单", TITLES[chosen.status]]
        yield ["人数", str(told.people)]
        yield ["依据", assumption(found)]
        yield ["依据规则", f"{found.edition.title}（{found.edition.document}）"]
        yield ["生成", f"{made.made_by_name} {local_time(made.made_at)}（北京时间）"]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forecast.xlsx"
        with path.open("wb") as file:
            workbook(file, [("预判名单", COLUMNS, written()), ("说明", {"项目": 16, "内容": 80}, about())])
        sha256, content = files.store(job.context.settings.data_dir).put_file(path), path.read_bytes()
    basis = (
        f"{assumption(found)}名单上 {told.people} 人合计还差 {words.credits(told.lacking)} 学分；"
        f"其中 {told.beyond} 人按上限也达不到，仍差 {words.credits(told.beyond_credits)} 学分。"
    )
    with job.effect() as session:
        kept = session.get_one(MadeForecast, made.id)
        kept.rows, kept.credits, kept.basis = told.people, told.lacking, basis
        kept.sha256, kept.finished_at = sha256, utc_now()
        if kept.scheme:
            outbox.publish(session, _event(kept, content))
        job.result = {
            "text": f"{kept.unit_name}，{kept.rows} 人" + ("，已转“托底方案”起草。" if kept.scheme else "。"),
            "href": "/credits/forecast/made",
            "label": "查看名单",
        }


def row_of(row: Row) -> list[Cell]:
    """One teacher."""
    person = row.person
    figures: list[Cell] = []
    for bucket in row.buckets.values():
        figures += [bucket.short, bucket.room, bucket.beyond]
    return [
        row.unit.name if row.unit else "",
        person.name,
        person.masked_identity,
        words.stage(person.stage) if person.stage else "",
        person.subject or "",
        *figures,
    ]


def _rows(job: Job, actor: Actor, found: Forecast, chosen: Chosen) -> Iterator[Row]:
    cursor, done = None, 0
    while True:
        with job.database.reading() as session:
            part = found.rows(session, actor, chosen, cursor=cursor, limit=MAX_PAGE_SIZE)
        yield from part.items
        done, cursor = done + len(part.items), part.next
        job.progress(done)
        if cursor is None:
            return


def _event(made: MadeForecast, content: bytes) -> ForecastMade:
    return ForecastMade(
        forecast_id=made.id,
        unit_path=made.unit_path,
        school_year=made.school_year,
        teachers=made.rows or 0,
        shortfall=made.credits or Decimal(0),
        basis=made.basis or "",
        made_by=made.made_by,
        made_by_person=made.made_by_person,
        made_by_name=made.made_by_name,
        made_at=made.made_at,
        file_name=file_name(made),
        workbook=base64.b64encode(content).decode(),
    )
