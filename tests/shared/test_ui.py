"""How figures and times are written, and what the menu offers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.actors import Actor, Level, Office, Post
from shared.ui import filters, navigation
from tests.shared.kernel import REVIEWER, SCHOOL, TEACHER


def test_times_are_chinese_whatever_zone_they_came_in() -> None:
    moment = datetime(2024, 3, 4, 17, 12, 59, tzinfo=UTC)
    assert filters.local_time(moment) == "2024-03-05 01:12"
    assert filters.local_time(moment.astimezone(timezone(timedelta(hours=-7)))) == "2024-03-05 01:12"
    assert filters.local_date(moment) == "2024-03-05"
    assert filters.local_date(date(2024, 3, 5)) == "2024-03-05"
    assert filters.local_time(None) == filters.local_date(None) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("6"), "6.0"),
        (Decimal("6.00"), "6.0"),
        (Decimal("6E+1"), "60.0"),
        (Decimal("0.25"), "0.25"),
        (Decimal("-6"), "-6.0"),
        (0, "0.0"),
        (None, ""),
    ],
)
def test_credits_have_one_place_or_two(value: Decimal | int | None, shown: str) -> None:
    assert filters.credits(value) == shown


@settings(deadline=None)
@given(st.decimals(-99999, 99999, places=2))
def test_no_credit_is_rounded_away(value: Decimal) -> None:
    assert Decimal(filters.credits(value)) == value


def test_levels_have_their_words() -> None:
    assert [filters.level_title(level) for level in Level] == ["校级", "县级", "市级", "省级"]


def menu(actor: Actor | None, path: str = "/") -> dict[str, bool]:
    """Label -> whether it is where one is."""
    return {entry.label: entry.active for entry in navigation.for_actor(actor, path)}


def test_the_menu_follows_from_the_offices() -> None:
    assert menu(None) == {}
    assert set(menu(TEACHER)) == {"首页", "我的学分", "我的申请"}
    assert set(menu(REVIEWER)) == {"首页", "方案审核", "工作日历", "督办看板"}
    every = Actor("a", None, "全", tuple(Post(office, SCHOOL, "校") for office in Office))
    assert len(menu(every)) == 16
    nobody = Actor("a", None, "无岗", ())
    assert menu(nobody) == {"首页": True}


@pytest.mark.parametrize("path", ["/", "/plans/queue", "/plans/projects/x", "/credits/mine", "/nothing", "/accounts/x"])
@pytest.mark.parametrize("office", list(Office))
def test_one_is_in_one_place(office: Office, path: str) -> None:
    found = menu(Actor("a", None, "某", (Post(office, SCHOOL, "校"),)), path)
    assert sum(found.values()) == 1
