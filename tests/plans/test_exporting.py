"""A9, N28: a workbook has the rows of the list that is on the screen, and no cell of it is ever a formula."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval import operations, queries
from services.plans.approval.models import Plan
from services.plans.desk import queue
from services.plans.reports import exporting
from services.plans.terms import tonight
from shared.database import Database, utc_now
from shared.service import Runtime
from tests.plans import builders as make
from tests.plans.test_pages import Browser

SCHOOLS = [f"360000/360100/360102/360102000{number}/" for number in (1, 2, 3, 4, 5, 6)]
HOSTILE = '=HYPERLINK("http://x","点")'


@pytest.fixture
def browser(client: FlaskClient, run: Runtime) -> Browser:
    """A browser in which nobody has signed in."""
    return Browser(client, run)


@pytest.fixture
def many(database: Database) -> None:
    """Six plans at the county, one of another county, one approved by the county."""
    with database.transaction() as session:
        for number, path in enumerate([*SCHOOLS, "360000/360100/360124/3601240001/"]):
            who = make.school_admin(path, f"admin-{number}")
            title = HOSTILE if number == 1 else f"方案{number}"
            plan = make.submit(session, make.make_plan(session, who, title=title), who)
            if number == 0:
                make.approve(session, plan, "county.donghu")
            if number == 2:
                operations.open_plan(session, make.actor("county.donghu"), plan.id)


def workbook(browser: Browser, address: str) -> dict[str, list[list[Any]]]:
    """Sheet -> rows."""
    answer = browser.client.get("/plans" + address)
    assert answer.status_code == 200, answer.text[:500]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    content = answer.data
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if "worksheets/sheet" in name]
        assert not [sheet for sheet in sheets if "<f>" in sheet]  # not one formula
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def column(rows: list[list[Any]], heading: str) -> list[Any]:
    """The cells under a heading."""
    place = rows[0].index(heading)
    return [row[place] for row in rows[1:]]


def numbers(session: Session, who: str, tab: str, chosen: queue.Filters) -> list[str]:
    """What the list shows, in its order."""
    now, me = utc_now(), make.actor(who)
    query = queries.visible_plans(me) if tab == "area" else queue.tab(me, tab, now)
    query = queue.narrowed(query, chosen, now, tonight(now))
    return [plan.number for plan in queue.listing(session, query, tab, now, cursor=None, limit=200).items]


@pytest.mark.parametrize(
    ("who", "tab", "chosen"),
    [
        ("county.donghu", "todo", queue.Filters()),
        ("county.donghu", "done", queue.Filters()),
        ("county.donghu", "area", queue.Filters()),
        ("county.donghu", "todo", queue.Filters(unit_kind="primary")),
        ("county.donghu", "claimed", queue.Filters()),
        ("district.nanchang", "area", queue.Filters(town=make.DONGHU)),
        ("province", "todo", queue.Filters()),
    ],
)
def test_a9_the_workbook_is_the_list(
    many: None, browser: Browser, database: Database, who: str, tab: str, chosen: queue.Filters
) -> None:
    filters = f"unit_kind={chosen.unit_kind}&town={chosen.town}"
    found = workbook(browser.sign_in(who), f"/queue/export.xlsx?tab={tab}&{filters}")
    with database.reading() as session:
        expected = numbers(session, who, tab, chosen)
    assert column(found["方案"], "编号") == expected
    assert ["行数", str(len(expected))] in found["说明"]
    assert found["方案"][0] == list(exporting.QUEUE_COLUMNS)


def test_a9_a_long_list_is_read_in_parts_and_ends_at_the_most(
    many: None, browser: Browser, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "READ", 2)
    with database.reading() as session:
        expected = numbers(session, "county.donghu", "todo", queue.Filters())
    assert len(expected) == 5
    found = workbook(browser.sign_in("county.donghu"), "/queue/export.xlsx")
    assert column(found["方案"], "编号") == expected
    monkeypatch.setattr(exporting, "MOST", 3)
    found = workbook(browser, "/queue/export.xlsx")
    assert column(found["方案"], "编号") == expected[:3]
    assert found["说明"][-1][0] == "提示"


def test_b8_text_stays_text_and_people_are_masked(many: None, browser: Browser, database: Database) -> None:
    found = workbook(browser.sign_in("county.donghu"), "/queue/export.xlsx")["方案"]
    assert HOSTILE in column(found, "方案")
    name = make.actor("county.donghu").name
    handlers = column(found, "处理人")
    assert [words for words in handlers if words.startswith(f"处理中：{name[0]}**")]
    assert not [cell for row in found for cell in row if isinstance(cell, str) and name in cell]
    assert set(column(found, "学时合计")) == {32.0}
    assert set(column(found, "学分类别")) == {"自主"}
    assert set(column(found, "学校")) == {make.units()[path].name for path in SCHOOLS[1:]}


def test_t1_nobody_exports_what_is_not_theirs(many: None, browser: Browser, database: Database) -> None:
    found = workbook(browser.sign_in("county.jinxian"), "/queue/export.xlsx?tab=area")["方案"]
    assert column(found, "学校") == ["进贤县荷塘乡中心小学"]
    assert browser.sign_in("teacher.li").client.get("/plans/queue/export.xlsx").status_code == 403
    # A school's administrator decides on the claims of its teachers, of which there are none.
    assert column(workbook(browser.sign_in("school.qingfeng"), "/queue/export.xlsx")["方案"], "编号") == []
    with database.reading() as session:
        assert session.scalar(select(Plan.number).where(Plan.unit_path == SCHOOLS[0])) not in column(found, "编号")


def test_n28_the_boards_workbook_is_the_board(many: None, browser: Browser) -> None:
    address = f"/board/export.xlsx?school_year={make.YEAR}"
    found = workbook(browser.sign_in("county.donghu"), address)["督办看板"]
    assert found[0] == list(exporting.BOARD_COLUMNS)
    assert (column(found, "单位"), column(found, "在途"), column(found, "环节办理")) == (["东湖区"], [6.0], [1.0])
    assert column(found, "按时办结率") == [1.0]
    every = workbook(browser.sign_in("province"), address)["督办看板"]
    assert every[-1][0] == "合计"
    assert column(every, "在途")[-1] == 7.0
    assert sum(column(every, "在途")[:-1]) == 7.0
