"""N15: who of a school or county cannot reach the minimums at the ceilings of what is open to everybody."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select
from werkzeug.test import TestResponse

from services.credits import queries
from services.credits.app import service
from services.credits.employment import operations as employment
from services.credits.forecast import operations, outlook
from services.credits.forecast.models import ForecastDownload
from services.credits.forecast.queries import BEYOND, SHORT, Chosen, Forecast, Row, forecast
from services.credits.standings import operations as standings
from shared.actors import Actor, Office
from shared.database import Database, new_id
from shared.errors import Conflict, NotFound
from shared.events.credits import ForecastMade
from shared.events.plans import ApprovedItem, Bucket, PlanApproved, PlanEnded
from shared.jobs import JobRow, run_job
from shared.outbox import OutboxRow
from shared.service import Runtime
from tests.at_once import at_once
from tests.credits.make import (
    COUNTY,
    OTHER_COUNTY,
    PROJECT,
    SCHOOL,
    SCHOOL_PROJECT,
    admin,
    audited,
    bearer,
    cookie,
    deliver,
    register_people,
    result,
)
from tests.credits.test_employment import LEAVE
from tests.credits.test_pages import show

FALLBACK = replace(PROJECT, category="fallback_training", plan_id="p", plan_number="TD1", plan_status="filed")
LAST = replace(FALLBACK, school_year="2025-2026", held_from=date(2026, 3, 1), held_to=date(2026, 3, 9))


@pytest.fixture
def county(database: Database, now: object) -> Database:
    """Six teachers: one with nothing, one nearly there, two with fallback, one seconded, one who retires."""
    register_people(database, 1, 2, 3, 4)
    register_people(database, 5, seconded_from=date(2026, 9, 1))
    register_people(database, 6, retires_on=date(2027, 9, 1))
    nearly = [replace(result(2, hours=hours), result_id=f"n{hours}") for hours in ("250", "90")]
    deliver(database, audited(nearly[0], audit_id="n1"))
    deliver(database, audited(nearly[1], audit_id="n2", project=SCHOOL_PROJECT))
    deliver(database, audited(replace(result(3, hours="10"), result_id="f3"), audit_id="f3", project=FALLBACK))
    deliver(database, audited(replace(result(4, hours="30"), result_id="f4"), audit_id="f4", project=FALLBACK))
    deliver(database, audited(replace(result(4, hours="30"), result_id="l4"), audit_id="l4", project=LAST))
    with database.transaction() as session:
        edition, cycle = queries.choose_cycle(session, None)
        standings.refresh_some(session, edition, cycle, lambda column: column.is_not(None))
    return database


def rows(database: Database, chosen: Chosen, path: str = COUNTY) -> dict[str, Row]:
    """Person -> row of a list."""
    with database.reading() as session:
        found = made(database, path).rows(session, admin(), chosen)
        return {row.person.person_id: row for row in found.items}


def made(database: Database, path: str | None = COUNTY) -> Forecast:
    """The county's forecast."""
    with database.reading() as session:
        found = forecast(session, admin(), path)
        assert found is not None
        return found


def test_n15_the_list_says_who_and_how_much(county: Database) -> None:
    beyond = rows(county, Chosen())
    assert set(beyond) == {"person-1", "person-3", "person-4"}, "nothing is asked of the seconded and the retiring"
    told = {person: row.buckets[Bucket.COORDINATED] for person, row in beyond.items()}
    assert (told["person-1"].short, told["person-1"].room, told["person-1"].beyond) == (
        Decimal(26),
        Decimal(3),
        Decimal(23),
    )
    assert (told["person-3"].short, told["person-3"].room, told["person-3"].beyond) == (
        Decimal(25),
        Decimal(2),
        Decimal(23),
    )
    assert (told["person-4"].short, told["person-4"].room) == (Decimal(23), Decimal("1.5"))
    # Nearly there: 1 credit of fallback and 1 of items are open to her.
    assert set(rows(county, Chosen(SHORT))) == {*beyond, "person-2"}
    assert beyond["person-1"].buckets[Bucket.SELF_ORGANIZED].room == 6


def test_n15_every_number_is_the_length_of_its_list_and_the_sum_of_its_rows(county: Database) -> None:
    lists = [Chosen(status, bucket) for status in (SHORT, BEYOND) for bucket in (None, *Bucket)]
    with county.reading() as session:
        totals = made(county).totals(session, admin(), lists)
    for chosen, total in zip(lists, totals, strict=True):
        listed = rows(county, chosen)
        credits = sum(
            (getattr(row.buckets[bucket], chosen.status) for row in listed.values() for bucket in chosen.buckets),
            Decimal(0),
        )
        assert (total.people, total.credits) == (len(listed), credits), chosen


def test_n15_list_and_teachers_page_say_the_same(county: Database) -> None:
    for person_id, row in rows(county, Chosen(SHORT)).items():
        with county.reading() as session:
            standing = queries.standing_of(session, admin(), person_id)
        parts = [entry.as_part() for entry in standing.entries if entry.stands]
        left = outlook.rooms(standing.edition, standing.cycle, queries.today(), parts)
        for bucket in Bucket:
            mine = [room for room in left if room.bucket is bucket and (room.item or room.category in outlook.OPEN)]
            assert row.buckets[bucket].room == sum((room.cycle for room in mine), Decimal(0))
            assert row.buckets[bucket].short == standing.judgement.buckets[bucket].shortfall


def approved(plan_id: str, path: str = SCHOOL, covers: list[str] | None = None) -> PlanApproved:
    """A school's plan of this year that gives five credits."""
    item = ApprovedItem(
        item_id="i", kind="other", title="课例研讨", hours=Decimal(50), hours_per_credit=Decimal(10), credits=Decimal(5)
    )
    return PlanApproved(
        plan_id=plan_id, kind="school_plan", number="F1", school_year="2026-2027", unit_path=path,
        version=1, digest="d", items=[item], approved_at=datetime(2026, 10, 1, tzinfo=UTC), covers=covers,
    )  # fmt: skip


def test_n15_plans_of_the_school_are_open_to_its_teachers(county: Database) -> None:
    deliver(county, approved("plan-1"))
    short = rows(county, Chosen(SHORT))
    assert short["person-1"].buckets[Bucket.SELF_ORGANIZED].room == 11
    # Nine credits of this year's plans she has already: nothing of the five is left to her.
    assert short["person-2"].buckets[Bucket.SELF_ORGANIZED].room == 6
    assert short["person-1"].buckets[Bucket.SELF_ORGANIZED].beyond == 0


def test_n15_faq_q14_a_joint_plan_is_open_to_the_schools_that_it_covers(county: Database) -> None:
    central = COUNTY + "3601020009/"
    # Neither a plan of the county that does not cover her school, nor another county's, gives her anything.
    deliver(county, approved("other-1", central, []))
    deliver(county, approved("other-2", OTHER_COUNTY + "3606030001/", [OTHER_COUNTY + "3606030002/"]))
    for path in (COUNTY, SCHOOL):
        assert rows(county, Chosen(SHORT), path)["person-1"].buckets[Bucket.SELF_ORGANIZED].room == 6
    deliver(county, approved("joint", central, [SCHOOL]))
    for path in (COUNTY, SCHOOL):
        assert rows(county, Chosen(SHORT), path)["person-1"].buckets[Bucket.SELF_ORGANIZED].room == 11
    deliver(county, approved("own"))
    for path in (COUNTY, SCHOOL):
        assert rows(county, Chosen(SHORT), path)["person-1"].buckets[Bucket.SELF_ORGANIZED].room == 16
    ended_at = datetime(2026, 11, 1, tzinfo=UTC)
    told = {"number": "F1", "unit_path": central, "status": "voided", "superseded_by": None, "reason": "重复申报"}
    deliver(county, PlanEnded(plan_id="joint", ended_at=ended_at, **told), 2)
    for path in (COUNTY, SCHOOL):
        assert rows(county, Chosen(SHORT), path)["person-1"].buckets[Bucket.SELF_ORGANIZED].room == 11


def test_n15_an_exemption_takes_somebody_off_the_list(county: Database) -> None:
    with county.transaction() as session:
        employment.enter_exemption(session, admin(), "person-1", **LEAVE)
    assert set(rows(county, Chosen())) == {"person-3", "person-4"}


def test_n15_one_school_of_the_county_and_nobody_elses(county: Database) -> None:
    assert set(rows(county, Chosen(), SCHOOL)) == {"person-1", "person-3", "person-4"}
    with county.reading() as session, pytest.raises(NotFound):
        forecast(session, admin(), OTHER_COUNTY)


@pytest.fixture
def pages(run: Runtime, county: Database, client: FlaskClient) -> FlaskClient:
    """The county's pages, on SQLite."""
    return client


def jobs_done(run: Runtime) -> list[JobRow]:
    """Runs what is queued, as a worker would."""
    with run.database.reading() as session:
        queued = list(session.scalars(select(JobRow).where(JobRow.state == "queued")))
    for job in queued:
        run_job(run.database, service.jobs, job.id, job.name, job.arguments, {}, run)
    with run.database.reading() as session:
        return list(session.scalars(select(JobRow).order_by(JobRow.created_at)))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_n15_the_page_says_what_it_takes_for_granted_and_each_number_opens_its_list(
    pages: FlaskClient, run: Runtime
) -> None:
    text = show(pages, run, admin(), "/credits/forecast")
    assert "托底培训每学年按上限 1.5（本周期 7.5）；听课、公开课、培训讲座每学年各计一次" in text
    assert "取决于名额和个人情况，不作预测" in text
    assert {"教师1", "教师3", "教师4"} <= set(re.findall(r"教师\d", text))
    assert "教师2" not in text
    assert "教师2" in show(pages, run, admin(), "/credits/forecast?status=short&bucket=coordinated")
    school = show(pages, run, admin(Office.SCHOOL_ADMIN, SCHOOL), "/credits/forecast")
    assert "城南小学 · 2023—2028 周期" in school
    assert "以此名单发起托底方案" not in school
    for path in (f"?under={OTHER_COUNTY}", "?status=all", "?bucket=x"):
        show(pages, run, admin(), f"/credits/forecast{path}", 404)
    assert "选择单位" in show(pages, run, admin(path="360000/"), "/credits/forecast")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_faq_q11_the_county_starts_a_fallback_scheme_with_the_list(pages: FlaskClient, run: Runtime) -> None:
    api, headers = "/credits/api/v1/forecast", bearer(run, admin()) | {"Idempotency-Key": "scheme-0001"}
    sent = pages.post(f"{api}/schemes", json={}, headers=headers)
    assert sent.status_code == 201, sent.text
    assert pages.post(f"{api}/schemes", json={}, headers=headers).json == sent.json
    refused = bearer(run, admin(path="360000/")) | {"Idempotency-Key": "scheme-0002"}
    assert pages.post(f"{api}/schemes", json={"under": COUNTY}, headers=refused).status_code == 403
    done = jobs_done(run)
    assert [(job.name, job.state) for job in done] == [("credits.make_forecast", "done")], done[0].error
    listed: Any = pages.get(f"{api}/made", headers=headers).json
    (made,) = listed["items"]
    with run.database.reading() as session:
        (row,) = session.scalars(select(OutboxRow).where(OutboxRow.name == "credits.forecast_made.v1"))
    event = ForecastMade.load(row.payload)
    assert (event.unit_path, event.school_year, event.teachers) == (COUNTY, "2026-2027", 4)
    assert (event.shortfall, event.made_by_name) == (Decimal(75), "龚立言")
    assert (made["rows"], made["credits"], made["basis"]) == (4, "75.0", event.basis)
    assert "4 人合计还差 75.0 学分；其中 3 人按上限也达不到，仍差 67.5 学分" in event.basis
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(base64.b64decode(event.workbook))).get_sheet_by_index(0)
    table = sheet.to_python()
    assert [row[1] for row in table] == ["姓名", "教师1", "教师2", "教师3", "教师4"]
    assert table[1][2] == "360102********001X"
    assert "已起草" in show(pages, run, admin(), "/credits/forecast/made")
    assert take_away(pages, run, made["id"], admin()).data == base64.b64decode(event.workbook)


def take_away(pages: FlaskClient, run: Runtime, forecast_id: str, actor: Actor) -> TestResponse:
    """Downloads a list from the page of lists."""
    pages.set_cookie(*cookie(run, actor))
    token = re.search(r'name="csrf_token" value="([^"]+)"', pages.get("/credits/forecast").text)
    assert token is not None
    form = {"csrf_token": token[1], "idempotency_key": new_id()}
    return pages.post(f"/credits/forecast/made/{forecast_id}/downloads", data=form)


def test_n15_who_took_a_list_away_is_kept(county: Database, pages: FlaskClient, run: Runtime) -> None:
    with county.transaction() as session:
        asked = operations.request_list(session, admin(), COUNTY, Chosen(SHORT))
    assert take_away(pages, run, asked.id, admin()).status_code == 409
    jobs_done(run)
    assert "未下载" in show(pages, run, admin(), "/credits/forecast/made")
    assert take_away(pages, run, asked.id, admin()).status_code == 200
    # Of the province, which may look into the county: on whose behalf it was is kept with it.
    assert take_away(pages, run, asked.id, admin(path="360000/")).status_code == 200
    assert take_away(pages, run, asked.id, admin(path=OTHER_COUNTY)).status_code == 404
    with county.reading() as session:
        kept = session.scalars(select(ForecastDownload).order_by(ForecastDownload.id)).all()
        assert [(one.forecast_id, one.by_name, one.body) for one in kept] == [
            (asked.id, "龚立言", "东湖区"),
            (asked.id, "龚立言", "江西省"),
        ]
    assert "2 次 最近 2026-11-24 10:00 江西省 龚立言" in show(pages, run, admin(), "/credits/forecast/made")


def test_faq_q11_two_officials_start_one_scheme(postgres: Database, now: datetime) -> None:
    register_people(postgres, 1)

    def start(who: str) -> Callable[[], str]:
        def act() -> str:
            with postgres.transaction() as session:
                return operations.start_scheme(session, replace(admin(), account_id=who), COUNTY).id

        return act

    answers = at_once(start("one"), start("another"))
    (refusal,) = [answer for answer in answers if isinstance(answer, Conflict)]
    assert "的托底方案" in refusal.detail
