"""N28: every number of the board is the length of its list, and what it says can be worked out again from histories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval import drafting, operations, queries, recording, signatures, views
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.calendar.rules import in_words
from services.plans.reports import board
from services.plans.reports.behind import LISTS, Chosen, behind
from services.plans.reports.board import Row
from services.plans.reports.entries import Entry, entries
from shared.actors import Actor, Level
from shared.database import Database
from shared.errors import NotFound
from shared.service import Runtime
from tests.plans import builders as make
from tests.plans.conftest import Caller
from tests.plans.test_pages import Browser

MONDAY = datetime(2026, 9, 14, 1, tzinfo=UTC)
"""09:00 in China; a working week follows."""
YEAR = Chosen(school_year=make.YEAR)
JINXIAN = "360000/360100/360124/"
POINT = {"section": "basics", "field": "aims", "text": "目标写具体", "must": True}
LATE = {"section": "items", "field": "items.0.hours", "text": "学时核对", "must": True}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A Monday morning, standing still until it is moved."""
    with time_machine.travel(MONDAY, tick=False) as moved:
        yield moved


def act(session: Session, plan: Plan, who: str, name: str, **what: Any) -> Plan:
    """One act on the plan as it is."""
    return operations.perform(session, make.actor(who), plan.id, name, version=plan.version, **what)


def mend(session: Session, plan: Plan) -> Plan:
    """The school answers the open return and submits again."""
    line = recording.open_return(plan, queries.trail(session, plan))
    assert line is not None
    answers = [{"number": point.number, "verdict": "explained", "text": "已核对"} for point in line.points]
    who = school_of(plan)
    recording.answer_points(session, who, plan.id, answers)
    return operations.perform(session, who, plan.id, "submit", version=plan.version)


def school_of(plan: Plan) -> Actor:
    """Whoever submits for the plan's school."""
    known = {make.QINGFENG: "school.qingfeng"}
    return make.actor(known[plan.unit_path]) if plan.unit_path in known else make.school_admin(plan.unit_path)


def story(session: Session, clock: time_machine.Traveller) -> dict[str, Plan]:
    """Six plans of two counties and of a district's own school: in time, late, returned once and twice, taken back,
    parked from the first day on."""
    plans = {}
    for name, path in {
        "good": make.QINGFENG,
        "twice": "360000/360100/360102/3601020002/",
        "back": "360000/360100/360102/3601020005/",
        "jinxian": "360000/360100/360124/3601240001/",
        "direct": "360000/360100/3601000001/",
        "parked": "360000/360100/360102/3601020006/",
    }.items():
        who = make.actor("school.qingfeng") if path == make.QINGFENG else make.school_admin(path, f"admin-{name}")
        plans[name] = make.submit(session, make.make_plan(session, who), who)
    act(session, plans["parked"], "county.donghu", "park", category="other", opinion="请省厅明确")
    clock.shift(timedelta(hours=4))  # four working hours
    act(session, plans["good"], "county.donghu", "approve")
    act(session, plans["twice"], "county.donghu", "return", points=[POINT])
    act(session, plans["back"], "county.donghu", "approve")
    act(session, plans["back"], "county.donghu", "take_back")
    clock.shift(timedelta(days=1))  # a working day and four hours for the rest
    act(session, plans["jinxian"], "county.jinxian", "return", points=[POINT])
    mend(session, plans["twice"])
    clock.shift(timedelta(hours=2))
    act(session, plans["twice"], "county.donghu", "return", points=[POINT, LATE])
    act(session, plans["good"], "district.nanchang", "approve")
    mend(session, plans["twice"])
    clock.shift(timedelta(days=30))  # beyond ten working days, whatever the holidays of October
    act(session, plans["twice"], "county.donghu", "approve")
    session.flush()
    return plans


def all_entries(session: Session, who: Actor, name: str, chosen: Chosen) -> list[Entry]:
    """A whole list, read page by page."""
    found: list[Entry] = []
    cursor = None
    while True:
        part = entries(session, who, name, chosen, cursor=cursor, limit=2)
        found += part.items
        cursor = part.next
        if cursor is None:
            return found


def rows(session: Session, who: str, chosen: Chosen = YEAR) -> dict[str, Row]:
    """The board by path."""
    return {row.path: row for row in board.board(session, make.actor(who), chosen)}


def test_n28_each_number_is_the_length_of_its_list(session: Session, clock: time_machine.Traveller) -> None:
    story(session, clock)
    for who in ("province", "district.nanchang", "county.donghu"):
        for level in ("", "county", "district"):
            check_lists(session, make.actor(who), replace(YEAR, level=level))


def check_lists(session: Session, someone: Actor, chosen: Chosen) -> None:
    """Every number of every row, and the sums, against their lists."""
    found = board.board(session, someone, chosen)
    for row in [*(row for row in found if any(row.counts.values())), *found[:2], board.total(found)]:
        for name in LISTS:
            # The sum of all rows is the list without a region.
            listed = all_entries(session, someone, name, replace(chosen, region=row.path))
            assert row.counts[name] == len(listed), (row.title, name)
            assert len({(entry.plan.id, entry.what, entry.at) for entry in listed}) == len(listed)
        for each, speed in row.speeds.items():
            timed = all_entries(session, someone, "timed", replace(chosen, region=row.path, level=each.value))
            assert speed.count == len(timed)
            assert "" not in {entry.took for entry in timed}


def test_n28_what_the_board_says_of_a_county(session: Session, clock: time_machine.Traveller) -> None:
    plans = story(session, clock)
    found = rows(session, "province")
    donghu = found[make.DONGHU]
    assert donghu.counts == {
        "open": 4,
        "paused": 1,
        "decided": 5,
        "on_time": 4,
        "late": 1,
        "timed": 5,
        "handled": 2,
        "returned": 1,
        "again": 1,
        "untold": 1,
    }
    assert (donghu.in_time, donghu.return_rate, donghu.again_rate) == (0.8, 0.5, 1.0)
    # Parked came to its stage as early, and its clock stands: nobody in the county can hurry it.
    assert donghu.oldest is not None
    assert donghu.oldest.id == plans["back"].id
    assert found[JINXIAN].return_rate == 1.0
    assert found[JINXIAN].again_rate == 0.0
    assert found[JINXIAN].in_time == 1.0
    # A school run by the district itself counts for the district, not for a county.
    assert found[make.NANCHANG].title == "南昌市（市级直属）"
    assert found[make.NANCHANG].counts["open"] == 1
    assert found[make.NANCHANG].in_time is None
    # Every county is there, also where nothing happens.
    assert sum(row.county for row in found.values()) == 100
    assert found[make.DONGHU].above == "南昌市"


def test_n28_what_is_paused_is_under_way_but_never_the_oldest(session: Session, clock: time_machine.Traveller) -> None:
    parked, withdrawing = (
        make.submit(session, make.make_plan(session, who), who)
        for who in (make.school_admin(f"360000/360100/360102/360102000{n}/", f"admin-{n}") for n in (2, 3))
    )
    clock.shift(timedelta(hours=1))
    operations.open_plan(session, make.actor("county.donghu"), withdrawing.id)
    operations.perform(
        session, school_of(withdrawing), withdrawing.id, "ask_withdraw", version=withdrawing.version, opinion="有误"
    )
    act(session, parked, "county.donghu", "park", category="other", opinion="请省厅明确")
    row = rows(session, "province")[make.DONGHU]
    assert (row.counts["open"], row.counts["paused"], row.oldest, row.oldest_since) == (2, 2, None, None)
    later = make.submit(session, make.make_plan(session))
    row = rows(session, "province")[make.DONGHU]
    assert (row.counts["open"], row.counts["paused"], row.oldest) == (3, 2, later)
    act(session, parked, "county.donghu", "resume", opinion="省厅已明确")
    row = rows(session, "province")[make.DONGHU]
    assert (row.counts["paused"], row.oldest) == (1, parked)


def test_n28_a_decision_counts_for_the_year_that_was_decided_on(
    session: Session, clock: time_machine.Traveller
) -> None:
    """A school that named the wrong year: its return stays where it was, what follows counts for the right one."""
    clock.move_to(datetime(2026, 8, 24, 1, tzinfo=UTC))
    plan = make.submit(session, make.make_plan(session, school_year="2025-2026", items=[undated()]))
    act(session, plan, "county.donghu", "return", points=[POINT])
    drafting.change_plan(
        session, make.actor("school.qingfeng"), plan.id, version=plan.version, **make.plan_body(items=[undated()])
    )
    mend(session, plan)
    act(session, plan, "county.donghu", "approve")
    for year, counts in {
        "2025-2026": {"decided": 1, "handled": 1, "returned": 1},
        make.YEAR: {"open": 1, "decided": 1, "on_time": 1, "handled": 1},
        "": {"open": 1, "decided": 2, "handled": 1, "returned": 1},
    }.items():
        row = rows(session, "province", Chosen(school_year=year))[make.DONGHU]
        assert {name: row.counts[name] for name in counts} == counts, year
        check_lists(session, make.actor("province"), Chosen(school_year=year))
    assert board.school_years(session, make.actor("county.donghu")) == [make.YEAR]
    assert board.school_years(session, make.actor("county.yujiang")) == []


def test_n28_working_time_is_what_the_history_says(session: Session, clock: time_machine.Traveller) -> None:
    """Minutes and in-time are written down for sums; the history alone gives the same."""
    plans = story(session, clock)
    county: list[float] = []
    for plan in plans.values():
        lines = queries.trail(session, plan)
        struck = signatures.struck(lines)
        for entry in views.history(session, make.actor("province"), plan):
            line = entry.line
            if line.act not in ("approve", "return"):
                assert (line.took_minutes, line.in_time) == (None, None)
                continue
            assert entry.took is not None
            assert line.took_minutes == entry.took // timedelta(minutes=1)
            assert line.in_time == (entry.took < timedelta(hours=80))
            if plan.unit_path.startswith(make.DONGHU) and line.stage == "county_review" and line.id not in struck:
                county.append(line.took_minutes)
    speed = rows(session, "province")[make.DONGHU].speeds[Level.COUNTY]
    assert (speed.count, speed.minutes) == (len(county), median(county))
    took = session.scalars(
        select(PlanLine.took_minutes).where(PlanLine.act.in_(("approve", "return"))).order_by(PlanLine.took_minutes)
    ).all()
    assert took[0] == 120
    assert took.count(240) == 3
    assert took[-1] is not None
    assert took[-1] > 80 * 60


def test_n28_the_median_of_an_even_number_lies_between(session: Session, clock: time_machine.Traveller) -> None:
    for number, hours in enumerate((1, 2, 4, 4)):
        path = f"360000/360100/360102/360102000{[1, 2, 3, 5][number]}/"
        who = make.school_admin(path, f"admin-{number}")
        plan = make.submit(session, make.make_plan(session, who), who)
        clock.move_to(MONDAY + timedelta(days=number, hours=hours))
        act(session, plan, "county.donghu", "approve")
        clock.move_to(MONDAY + timedelta(days=number + 1))
    speed = rows(session, "county.donghu")[make.DONGHU].speeds[Level.COUNTY]
    assert (speed.count, speed.minutes) == (4, 180.0)


def test_n28_a_refusal_counts_when_the_second_person_confirms_it(
    session: Session, clock: time_machine.Traveller
) -> None:
    plan = make.submit(session, make.make_plan(session))
    clock.shift(timedelta(hours=3))
    act(session, plan, "county.donghu", "refuse", opinion="不符合要求")
    assert rows(session, "province")[make.DONGHU].counts["decided"] == 0
    clock.shift(timedelta(hours=2))
    act(session, plan, "county.donghu2", "confirm_refusal")
    row = rows(session, "province")[make.DONGHU]
    assert (row.counts["decided"], row.counts["on_time"], row.counts["open"]) == (1, 1, 0)
    assert row.speeds[Level.COUNTY].minutes == 300


def test_n28_a_year_without_calendar_is_not_guessed(session: Session) -> None:
    with time_machine.travel(datetime(2090, 9, 18, 2, tzinfo=UTC), tick=False) as moved:
        plan = make.submit(session, make.make_plan(session, school_year="2090-2091", items=[undated()]))
        moved.shift(timedelta(hours=1))
        act(session, plan, "county.donghu", "approve")
    chosen = Chosen(school_year="2090-2091")
    row = rows(session, "province", chosen)[make.DONGHU]
    assert (row.counts["decided"], row.counts["timed"], row.in_time, row.speeds) == (1, 0, None, {})


def undated() -> dict[str, Any]:
    """An item without dates."""
    return make.item(held_from=None, held_to=None)


def test_n28_filters_narrow_numbers_and_lists_alike(session: Session, clock: time_machine.Traveller) -> None:
    story(session, clock)
    none = rows(session, "province", Chosen(school_year="2020-2021"))
    assert not any(any(row.counts.values()) for row in none.values())
    assert rows(session, "province", Chosen())[make.DONGHU].counts == rows(session, "province")[make.DONGHU].counts
    fallback = rows(session, "province", replace(YEAR, kind="fallback_scheme"))[make.DONGHU]
    assert not any(fallback.counts.values())
    district = rows(session, "province", replace(YEAR, level="district"))[make.DONGHU]
    assert (district.counts["decided"], district.counts["returned"]) == (1, 0)


def test_t1_a_county_sees_its_own_row_and_nobody_elses_lists(session: Session, clock: time_machine.Traveller) -> None:
    story(session, clock)
    donghu = make.actor("county.donghu")
    assert list(rows(session, "county.donghu")) == [make.DONGHU]
    assert {row.path[:14] for row in rows(session, "district.nanchang").values()} == {make.NANCHANG}
    for path in (JINXIAN, make.NANCHANG, make.PROVINCE):
        with pytest.raises(NotFound):
            behind(donghu, "open", Chosen(region=path))
    for name in LISTS:
        assert all(e.plan.unit_path.startswith(make.DONGHU) for e in all_entries(session, donghu, name, YEAR))
    with pytest.raises(NotFound):
        board.board(session, make.actor("school.qingfeng"), YEAR)
    with pytest.raises(NotFound):
        behind(donghu, "everything", YEAR)


@pytest.fixture
def told(database: Database, clock: time_machine.Traveller) -> None:
    """The story, committed."""
    with database.transaction() as session:
        story(session, clock)


def test_n28_the_page_shows_the_numbers_and_each_opens_its_list(told: None, client: FlaskClient, run: Runtime) -> None:
    browser = Browser(client, run).sign_in("county.donghu")
    page = browser.see(f"/board?school_year={make.YEAR}")
    assert "80.0%" in page
    assert "进贤" not in page
    links = re.findall(r'href="/plans(/board/(\w+)\?[^"]+)">(\d+)</a>', page)
    assert {name for _, name, _ in links} == {name for name in LISTS if name != "late"} | {"late"}
    for address, name, number in links:
        listed = browser.see(address.replace("&amp;", "&"))
        assert LISTS[name] in listed
        assert listed.count("data-row-link") == int(number), address
    assert "督办看板" in browser.see("/board")
    browser.see(f"/board/open?region={JINXIAN}", 404)
    browser.see("/board/nothing", 404)
    browser.sign_in("school.qingfeng").see("/board", 403)


def test_n28_the_api_gives_the_same(told: None, call_as: Callable[[str | Actor], Caller], database: Database) -> None:
    call = call_as("district.nanchang")
    answer = call("GET", f"/board?school_year={make.YEAR}").json
    donghu = next(row for row in answer["items"] if row["path"] == make.DONGHU)
    assert donghu["counts"]["decided"] == 5
    assert donghu["in_time"] == 0.8
    assert donghu["counts"]["paused"] == 1
    assert donghu["oldest"]
    assert donghu["oldest_since"]
    # Where nothing waits, that is said, not left out.
    jinxian = next(row for row in answer["items"] if row["path"] == JINXIAN)
    assert (jinxian["oldest"], jinxian["oldest_since"]) == (None, None)
    with database.reading() as session:
        speed = rows(session, "district.nanchang")[make.DONGHU].speeds[Level.COUNTY]
    assert donghu["median_county"] == in_words(timedelta(minutes=speed.minutes))
    listed = call("GET", f"/board/decided?school_year={make.YEAR}&region={make.DONGHU}").json["items"]
    assert len(listed) == 5
    assert call("GET", f"/board/open?region={make.PROVINCE}").status_code == 404
    assert call_as("school.qingfeng")("GET", "/board").status_code == 404
    assert call("GET", "/board?level=school").status_code == 422
