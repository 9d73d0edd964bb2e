"""Entering a year of the working calendar: by operation, API and page; who may, what is refused, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from services.plans.calendar import operations, queries
from services.plans.calendar.models import CalendarYear
from services.plans.calendar.rules import NoCalendar
from shared.actors import Actor, Level, Office, Post, Unit
from shared.database import Database
from shared.errors import Conflict, Invalid, NotAllowed
from shared.service import Runtime
from tests.at_once import at_once
from tests.plans import builders as make
from tests.plans.test_pages import Browser

OFF = [date(2027, 1, 1), date(2027, 2, 8), date(2027, 2, 9)]
WORK = [date(2027, 2, 6)]
SOURCE = "国办发明电〔2026〕9号"
BODY = {"off": [str(day) for day in OFF], "work": [str(day) for day in WORK], "source": SOURCE}
TYPED = {"off": "2027-01-01\n2027-02-06 至 2027-02-09", "work": "2027-02-20", "source": SOURCE}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """A day in November, when the notice for the next year has come out."""
    with time_machine.travel(datetime(2026, 11, 10, 2, tzinfo=UTC), tick=True) as traveller:
        yield traveller


@pytest.fixture
def browser(client: FlaskClient, run: Runtime) -> Browser:
    """A browser in which nobody has signed in."""
    return Browser(client, run)


def enter(session: Session, who: str | Actor = "province", **changes: Any) -> CalendarYear:
    """Enters 2027."""
    actor = make.actor(who) if isinstance(who, str) else who
    given = {"year": 2027, "off": OFF, "work": WORK, "source": SOURCE, "version": 0, **changes}
    return operations.set_year(session, actor, **given)


def test_a_year_is_missing_until_it_is_entered(session: Session) -> None:
    with pytest.raises(NoCalendar):
        queries.calendar(session).is_workday(date(2027, 2, 6))
    enter(session)
    calendar = queries.calendar(session)
    assert [calendar.is_workday(date(2027, 2, day)) for day in (5, 6, 7, 8, 10)] == [True, True, False, False, True]


def test_what_is_entered_goes_before_what_was_shipped_and_every_change_is_kept(session: Session) -> None:
    shipped = queries.calendar(session).years[2026]
    assert queries.calendar(session).is_workday(date(2026, 12, 31))
    first = enter(session, year=2026, off=[*shipped.off, date(2026, 12, 31)], work=shipped.work)
    assert (first.version, first.unit, first.changed_by_name) == (1, "江西省教育厅", make.actor("province").name)
    assert not queries.calendar(session).is_workday(date(2026, 12, 31))
    enter(session, "audit.province", year=2026, off=shipped.off, work=shipped.work, source="更正", version=1)
    assert queries.calendar(session).is_workday(date(2026, 12, 31))
    changes = queries.changes(session, 2026)
    assert [(change.version, change.source) for change in changes] == [(2, "更正"), (1, SOURCE)]
    assert "2026-12-31" in changes[1].off
    assert changes[0].changed_by == "audit.province"


def test_who_counts_by_the_calendar_is_told(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(
        operations, "ON_CHANGE", [lambda told: seen.append(queries.calendar(told).is_workday(date(2027, 2, 6)))]
    )
    enter(session)
    assert seen == [True]


def at_school() -> Actor:
    """An office of the right kind, not at the province."""
    unit = Unit(make.QINGFENG, "某校", Level.SCHOOL)
    return Actor("x", None, "某", (Post(Office.PROJECT_ADMIN, unit, "某校"),))


@pytest.mark.parametrize(
    "who", ["county.donghu", "district.nanchang", "school.qingfeng", "manager.province", at_school()]
)
def test_only_the_province_enters_it(session: Session, who: str | Actor) -> None:
    with pytest.raises(NotAllowed, match="省级管理员"):
        enter(session, who)
    assert session.get(CalendarYear, 2027) is None


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"off": [*OFF, date(2027, 3, 6)]}, "off.3", "星期六，本来休息"),
        ({"work": [date(2027, 2, 5)]}, "work.0", "星期五，本来上班"),
        ({"off": [*OFF, OFF[0]]}, "off.3", "重复"),
        ({"off": [*OFF, date(2026, 12, 31)]}, "off.3", "不在 2027 年"),
        ({"off": []}, "off", "请填写放假日期"),
        ({"source": "  "}, "source", "请填写依据文号"),
        ({"year": 2017}, "year", "2018 至 2100"),
        ({"year": 2101}, "year", "2018 至 2100"),
    ],
)
def test_what_cannot_be_right_is_refused(session: Session, changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        enter(session, **changes)
    assert words in caught.value.fields[field][0]


def test_a_year_that_has_ended_stays_as_it_was_counted(session: Session, clock: time_machine.Traveller) -> None:
    with pytest.raises(Conflict, match="2025 年已经结束"):
        enter(session, year=2025, off=[date(2025, 1, 1)], work=[])
    # 00:30 on 1 January in China, still the old year in UTC.
    clock.move_to(datetime(2027, 12, 31, 16, 30, tzinfo=UTC))
    row = enter(session)  # nothing was ever counted by it
    with pytest.raises(Conflict, match="2027 年已经结束"):
        enter(session, version=row.version)


def test_who_saw_an_older_state_reads_who_changed_it(session: Session) -> None:
    enter(session)
    with pytest.raises(Conflict, match=r"已由江西省教育厅的.+于 2026-11-10 10:00 修改"):
        enter(session, "audit.province")
    with pytest.raises(Conflict, match="还没有人填写过"):
        enter(session, year=2028, off=[date(2028, 1, 3)], work=[], version=1)


@pytest.mark.servers
def test_two_enter_the_same_year_at_once(postgres: Database) -> None:
    def save(who: str) -> Callable[[], Any]:
        def act() -> Any:
            with postgres.transaction() as session:
                return enter(session, who).version

        return act

    answers = at_once(save("province"), save("audit.province"))
    assert answers.count(1) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1
    with postgres.reading() as session:
        assert len(queries.changes(session, 2027)) == 1


def test_the_api(call_as: Callable[[str | Actor], Any]) -> None:
    teacher, province = call_as("school.qingfeng"), call_as("province")
    known = teacher("GET", "/calendar").get_json()["years"]
    assert [year["year"] for year in known] == list(range(2018, 2027))
    assert (known[-1]["workdays"], known[-1]["version"], known[-1]["changed_by"]) == (248, 0, None)
    assert teacher("PUT", "/calendar/2027", version=0, json=BODY).status_code == 403
    assert call_as("county.donghu")("PUT", "/calendar/2027", version=0, json=BODY).status_code == 403
    assert province("PUT", "/calendar/2027", json=BODY).status_code == 428
    assert province("PUT", "/calendar/2027", version=0, json={**BODY, "extra": 1}).status_code == 422
    wrong = province("PUT", "/calendar/2027", version=0, json={**BODY, "off": ["2027-02-07"]})
    assert wrong.status_code == 422
    assert [error["field"] for error in wrong.get_json()["errors"]] == ["off.0"]
    made = province("PUT", "/calendar/2027", version=0, json=BODY)
    assert made.status_code == 200
    assert made.headers["ETag"] == '"1"'
    assert made.get_json() | BODY == made.get_json()
    assert province("PUT", "/calendar/2027", version=0, json=BODY).status_code == 409
    assert teacher("GET", "/calendar").get_json()["years"][-1] == made.get_json()


def test_everybody_sees_the_page_and_which_years_are_missing(browser: Browser) -> None:
    browser.sign_in(make.school_admin(make.QINGFENG))
    page = browser.see("/calendar")
    assert "2027 年还没有工作日历" in page
    assert "暂不计时" in page
    assert "2026-10-01 至 2026-10-02" in page
    assert "2026-10-10" in page
    assert "国办发明电〔2025〕7号" in page
    assert 'name="off"' not in page
    assert "由省级管理员补充" in browser.see("/calendar?year=2027")
    for strange in ("2017", "2101", "x", "²⁰²⁷"):
        browser.see(f"/calendar?year={strange}", status=404)
    assert browser.send("/calendar/2027", page, TYPED).status_code in (400, 403)


def test_the_province_enters_a_year_by_form(browser: Browser, database: Database) -> None:
    page = browser.sign_in("province").see("/calendar?year=2027")
    sent = browser.send("/calendar/2027", page, TYPED)
    assert sent.status_code == 303
    page = browser.see("/calendar?year=2027")
    assert "2027 年的工作日历已保存" in page
    assert "2027-02-08 至 2027-02-09" in page
    assert "修改记录" in page
    assert "江西省教育厅" in page
    with database.reading() as session:
        assert queries.calendar(session).years[2027].work == (date(2027, 2, 20),)
    # The form shows what is there, so that saving it again changes nothing but the version.
    typed = {"off": "2027-01-01\n2027-02-08 至 2027-02-09", "work": "2027-02-20", "source": SOURCE}
    assert typed["off"] in page
    assert browser.send("/calendar/2027", page, typed).status_code == 303
    stale = browser.send("/calendar/2027", page, {**typed, "work": "2027-02-21"})
    assert stale.status_code == 409
    assert "请核对最新内容" in stale.text
    assert "2027-02-21" in stale.text
    # What comes back knows the present version: a second, deliberate press is enough.
    assert browser.send("/calendar/2027", stale.text, {**typed, "work": "2027-02-21"}).status_code == 303


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"off": "2027-01-01\n2027-02-06"}, "第 2 行：2027-02-06 是星期六，本来休息"),
        ({"off": "2027-01-01\n明天"}, "第 2 行：“明天”不是日期"),
        ({"work": "2027-02-20\n\n2027-02-22"}, "第 3 行：2027-02-22 是星期一，本来上班"),
        ({"off": ""}, "请填写放假日期"),
        ({"source": ""}, "依据文号"),
    ],
)
def test_a_mistake_is_named_by_its_line_and_what_was_typed_stays(
    browser: Browser, changes: dict[str, str], words: str
) -> None:
    page = browser.sign_in("province").see("/calendar?year=2027")
    answer = browser.send("/calendar/2027", page, {**TYPED, **changes})
    assert answer.status_code == 422
    assert words in answer.text
    for typed in {**TYPED, **changes}.values():
        assert typed in answer.text


def test_an_ended_year_has_no_form(browser: Browser) -> None:
    page = browser.sign_in("province").see("/calendar?year=2025")
    assert "2025 年已经结束" in page
    assert 'name="off"' not in page
    page = browser.see("/calendar?year=2027")
    answer = browser.send("/calendar/2025", page, {"off": "2025-01-01", "work": "", "source": SOURCE})
    assert answer.status_code == 409
    assert "2025 年已经结束" in answer.text
    assert browser.send("/calendar/99999999", page, TYPED).status_code == 404
