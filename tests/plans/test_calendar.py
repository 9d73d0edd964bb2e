"""The clock of limits: working days with 调休, against a count minute by minute that knows no shortcut (N27)."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.plans.calendar import rules
from services.plans.calendar.rules import CHINA, NoCalendar, WorkCalendar, Year, days, in_words, shipped
from services.plans.calendar.schemas import read_days
from services.plans.terms import DAY
from shared.tables import TableError

CALENDAR = WorkCalendar(shipped())
RAW = tomllib.loads(rules.TABLE.read_text(encoding="utf-8"))["years"]
OFF = {day for year in RAW.values() for day in year["off"]}
WORK = {day for year in RAW.values() for day in year["work"]}
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def at(text: str) -> datetime:
    """2026-10-01 09:00 in China."""
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def works(day: date) -> bool:
    """The oracle's working day, from the bare file."""
    return str(day) in WORK or (day.weekday() < 5 and str(day) not in OFF)


def minutes_between(start: datetime, end: datetime) -> timedelta:
    """The oracle for short times: every minute asked whether anybody works in it."""
    found, moment = timedelta(0), start.astimezone(UTC)
    while moment < end:
        local = moment + 8 * HOUR
        found += MINUTE if works(local.date()) and 9 <= local.hour < 17 else timedelta(0)
        moment += MINUTE
    return found


def hours_between(start: datetime, end: datetime) -> timedelta:
    """The oracle for long times: day by day, how much of 09:00 to 17:00 lies between."""
    found, day = timedelta(0), start.astimezone(CHINA).date()
    while day <= end.astimezone(CHINA).date():
        opens = datetime(day.year, day.month, day.day, 9, tzinfo=CHINA)
        if works(day):
            found += max(min(end, opens + 8 * HOUR) - max(start, opens), timedelta(0))
        day += timedelta(days=1)
    return found


zones = st.sampled_from([UTC, CHINA, ZoneInfo("America/New_York"), ZoneInfo("Europe/London")])
everywhen = st.datetimes(datetime(2018, 1, 1), datetime(2026, 12, 31, 23, 59), timezones=st.just(CHINA))
near_exceptions = st.builds(
    lambda day, offset: at(day) + offset * MINUTE, st.sampled_from(sorted(OFF | WORK)), st.integers(-2880, 2880)
).filter(lambda moment: 2018 <= moment.year <= 2026)
moments = st.one_of(everywhen, near_exceptions)


@settings(deadline=None, max_examples=60)
@given(near_exceptions, st.integers(0, 3000))
def test_elapsed_is_what_counting_minutes_gives(start: datetime, minutes: int) -> None:
    end = min(start + minutes * MINUTE, at("2026-12-31 23:59"))
    assert CALENDAR.elapsed(start, end) == minutes_between(start, end)


@settings(deadline=None, max_examples=60)
@given(moments, moments)
def test_elapsed_over_years_is_what_counting_days_gives(one: datetime, other: datetime) -> None:
    start, end = sorted((one, other))
    assert CALENDAR.elapsed(start, end) == hours_between(start, end)
    assert CALENDAR.elapsed(end, start) == timedelta(0)


@given(st.lists(moments, min_size=3, max_size=3).map(sorted))
def test_stopping_in_between_loses_nothing(points: list[datetime]) -> None:
    first, second, third = points
    whole = CALENDAR.elapsed(first, third)
    assert whole == CALENDAR.elapsed(first, second) + CALENDAR.elapsed(second, third)


@given(st.datetimes(datetime(2018, 1, 1), datetime(2025, 6, 30)), st.integers(1, 200 * 8 * 3600))
def test_add_is_the_first_moment_by_which_so_much_has_passed(naive: datetime, seconds: int) -> None:
    start, amount = naive.replace(tzinfo=CHINA), timedelta(seconds=seconds)
    end = CALENDAR.add(start, amount)
    assert end.tzinfo is UTC
    assert CALENDAR.elapsed(start, end) == amount
    assert CALENDAR.elapsed(start, end - timedelta(microseconds=1)) < amount


@given(moments, moments, zones, zones)
def test_the_zone_in_which_a_moment_is_written_changes_nothing(
    one: datetime, other: datetime, here: ZoneInfo, there: ZoneInfo
) -> None:
    written = CALENDAR.elapsed(one.astimezone(here), other.astimezone(there))
    assert written == CALENDAR.elapsed(one, other)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-09-30 16:00", "2026-10-08 10:00", "2 小时"),  # the national holiday between
        ("2026-10-09 17:00", "2026-10-12 09:00", "1 个工作日"),  # Saturday 10 October is worked (调休)
        ("2026-09-18 17:00", "2026-09-21 09:00", "1 个工作日"),  # so is Sunday 20 September
        ("2026-03-06 17:00", "2026-03-09 09:00", "0 分钟"),  # an ordinary weekend
        ("2025-12-31 15:30", "2026-01-04 10:00", "2 小时 30 分钟"),  # over New Year; Sunday 4 January is worked
        ("2018-12-28 16:00", "2019-01-02 10:00", "1 个工作日 2 小时"),  # Saturday 29th worked, Monday 31st free
        ("2020-01-23 16:00", "2020-02-03 10:00", "2 小时"),  # Saturday 1 February 2020 was not worked in the end
        ("2024-03-05 09:12", "2024-03-07 13:12", "2 个工作日 4 小时"),
    ],
)
def test_elapsed_in_words(start: str, end: str, words: str) -> None:
    assert in_words(CALENDAR.elapsed(at(start), at(end))) == words


@pytest.mark.parametrize(
    ("start", "amount", "end"),
    [
        ("2026-03-02 12:00", 10 * DAY, "2026-03-16 12:00"),
        ("2026-03-02 09:00", 1 * DAY, "2026-03-02 17:00"),
        ("2026-03-06 20:00", 1 * DAY, "2026-03-09 17:00"),
        ("2026-02-13 16:00", 2 * HOUR, "2026-02-14 10:00"),
        ("2026-03-07 03:00", timedelta(0), "2026-03-07 03:00"),
    ],
)
def test_when_a_limit_ends(start: str, amount: timedelta, end: str) -> None:
    assert CALENDAR.add(at(start), amount) == at(end)


def test_full_days() -> None:
    assert [days(amount) for amount in (timedelta(0), DAY - MINUTE, DAY, 3 * DAY + HOUR)] == [0, 0, 1, 3]
    assert in_words(3 * DAY + 30 * MINUTE) == "3 个工作日"


@pytest.mark.parametrize("act", [days, in_words, partial(CALENDAR.add, at("2026-03-02"))])
def test_working_time_is_not_negative(act: Callable[[timedelta], object]) -> None:
    with pytest.raises(ValueError, match="negative"):
        act(-MINUTE)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        CALENDAR.elapsed(datetime(2026, 3, 2), datetime(2026, 3, 3))
    with pytest.raises(ValueError, match="zone"):
        CALENDAR.add(datetime(2026, 3, 2), DAY)


def test_a_year_without_data_is_said() -> None:
    gap = WorkCalendar({year: shipped()[year] for year in (2024, 2026)})
    cases: list[tuple[Callable[[], object], int]] = [
        (lambda: CALENDAR.is_workday(date(2027, 3, 1)), 2027),
        (lambda: CALENDAR.elapsed(at("2026-12-31 09:00"), at("2028-01-01 00:00")), 2027),
        (lambda: CALENDAR.elapsed(at("2017-12-31 09:00"), at("2018-01-03 00:00")), 2017),
        (lambda: CALENDAR.add(at("2026-12-30 09:00"), 5 * DAY), 2027),
        (lambda: CALENDAR.add(at("2030-12-30 09:00"), DAY), 2030),
        (lambda: gap.add(at("2024-12-30 09:00"), 5 * DAY), 2025),
        (lambda: gap.elapsed(at("2024-12-30 09:00"), at("2026-02-01 00:00")), 2025),
    ]
    for count, year in cases:
        with pytest.raises(NoCalendar) as caught:
            count()
        assert caught.value.year == year
        assert caught.value.sentence.startswith(f"缺少 {year} 年的工作日历，暂不计时；请省级管理员")
    assert CALENDAR.add(at("2026-12-30 09:00"), 2 * DAY) == at("2026-12-31 17:00")


def test_a_thousand_counts_over_five_years_are_fast() -> None:
    start, end = at("2020-03-05 11:12"), at("2025-03-05 11:12")
    began = time.process_time()
    for _ in range(1000):
        CALENDAR.elapsed(start, end)
    assert time.process_time() - began < 0.2


def test_the_shipped_table() -> None:
    assert list(shipped()) == list(range(2018, 2027))
    assert {year: (len(found.off), len(found.work)) for year, found in shipped().items() if year >= 2024} == {
        2024: (19, 8),
        2025: (18, 5),
        2026: (19, 6),
    }
    # 365 days, 104 of them in weekends, in 2026.
    assert sum(1 for _ in shipped()[2026].workdays()) == 365 - 104 - 19 + 6
    assert CALENDAR.is_workday(date(2026, 2, 28))
    assert not CALENDAR.is_workday(date(2026, 2, 23))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"2026-01-01"', '"2026-01-03"'), r"calendar\.toml: years\.2026\.off\.0: 2026-01-03 是星期六"),
        (('"2026-01-04"', '"2026-01-05"'), r"years\.2026\.work\.0: 2026-01-05 是星期一"),
        (('"2026-01-02"', '"2026-01-01"'), r"years\.2026\.off\.1: 2026-01-01 重复"),
        (('"2026-01-02"', '"2025-01-02"'), r"years\.2026\.off\.1: 2025-01-02 不在 2026 年"),
        (('"2026-01-02"', '"2026-02-30"'), r"years\.2026\.value\.off\.1: 日期格式有误"),
        (('source = "国办发明电〔2025〕7号"', ""), r"years\.2026\.value\.source: 必填"),
        (("[years.2026]", "[years.next]"), "years.next"),
        (("[years.2026]", "[years.2117]"), r"years\.2117\.year"),
    ],
)
def test_a_wrong_line_stops_the_service(
    change: tuple[str, str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = rules.TABLE.read_text(encoding="utf-8")
    assert change[0] in text
    broken = tmp_path / "calendar.toml"
    broken.write_text(text.replace(change[0], change[1], 1), encoding="utf-8")
    monkeypatch.setattr(rules, "TABLE", broken)
    with pytest.raises(TableError, match=words):
        shipped.__wrapped__()


def test_a_year_replaces_another_as_a_whole() -> None:
    extra = Year(2026, (date(2026, 3, 2),), (), "某文件")
    calendar = WorkCalendar({**shipped(), 2026: extra})
    assert not calendar.is_workday(date(2026, 3, 2))
    assert calendar.is_workday(date(2026, 10, 1))


@pytest.mark.parametrize(
    ("text", "found", "lines"),
    [
        ("2027-02-05 至 2027-02-09", ["02-05", "02-08", "02-09"], [1, 1, 1]),
        ("2027-01-01\n\n2027/2/8、2027年2月9日，2027.2.10", ["01-01", "02-08", "02-09", "02-10"], [1, 3, 3, 3]),
        ("2027-02-06", ["02-06"], [1]),
        ("  ", [], []),
    ],
)
def test_dates_as_people_type_them(text: str, found: list[str], lines: list[int]) -> None:
    typed = read_days(text, 2027, drop_weekends=True)
    assert [day.strftime("%m-%d") for day in typed.days] == found
    assert (typed.lines, typed.errors) == (lines, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2027-01-01\n2027-02-30", "第 2 行：“2027-02-30”不是日期，应如 2027-02-05"),
        ("二月五日", "第 1 行：“二月五日”不是日期"),
        ("2027-02-05 至", "第 1 行：“2027-02-05至”不是日期"),
        ("2027-02-05 至 2027-02-06 至 2027-02-07", "不是日期"),
        ("2027-02-09 至 2027-02-05", "结束日期早于开始日期"),
        ("2027-02-09 至 9999-12-31", "不在 2027 年"),
        ("2" * 10_001, "内容过长"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text: str, words: str) -> None:
    typed = read_days(text, 2027)
    assert len(typed.errors) == 1
    assert words in typed.errors[0]
