"""N15, F4: what a teacher can still earn under the ceilings; what has none is said to have none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.credits.edition_files import shipped
from services.credits.forecast import outlook
from services.credits.judgement import Part
from shared.events.plans import Bucket
from tests.credits.test_judgement import CYCLE, EDITION, OVER, RUNNING, judged, part, person


def room(title: str, parts: list[Part], day: date = RUNNING) -> tuple[Decimal, Decimal]:
    """What is left this year, and until the end of the cycle."""
    found = {room.title: room for room in outlook.rooms(EDITION, CYCLE, day, parts)}[title]
    return found.year, found.cycle


@pytest.mark.parametrize(
    ("years", "day", "left"),
    [
        ({}, RUNNING, ("1.5", "3.0")),
        ({2026: "1.5"}, RUNNING, ("0", "1.5")),
        ({2026: "1.0"}, RUNNING, ("0.5", "2.0")),
        # What earlier years left unused has lapsed (I-11).
        ({2023: "1.5"}, date(2028, 8, 31), ("1.5", "1.5")),
        (dict.fromkeys(CYCLE.school_years, "1.5"), date(2028, 8, 31), ("0", "0")),
    ],
)
def test_n15_fallback_is_left_by_year_and_by_cycle(years: dict[int, str], day: date, left: tuple[str, str]) -> None:
    parts = [part("fallback_training", year, amount) for year, amount in years.items()]
    assert room("托底培训", parts, day) == (Decimal(left[0]), Decimal(left[1]))


def test_n15_offsets_and_items_are_left_under_theirs() -> None:
    assert room("学历提升冲抵", [part("degree_upgrade", 2024, "5")]) == (Decimal(3), Decimal(3))
    assert room("学历提升冲抵", [part("degree_upgrade", 2024, "8")]) == (Decimal(0), Decimal(0))
    assert room("听课", []) == (Decimal(1), Decimal(2))
    assert room("听课", [part("lesson_observation", 2026, "1", bucket=Bucket.SELF_ORGANIZED)]) == (
        Decimal(0),
        Decimal(1),
    )
    assert outlook.rooms(EDITION, CYCLE, OVER, []) == []


def told(coordinated: str, self_organized: str, *parts: Any, day: date = RUNNING, **facts: Any) -> list[str]:
    """The passages of somebody with these sums."""
    judgement = judged(person(**facts), coordinated, self_organized, day)
    return outlook.told(judgement, EDITION, CYCLE, day, parts)


def test_n15_words() -> None:
    full = [part("fallback_training", 2026, "1.5"), part("degree_upgrade", 2024, "8")]
    coordinated, self_organized = told("19.5", "11", *full)
    assert coordinated == (
        "统筹还差 6.5 学分。今年托底培训最多再得 0.0，到周期末最多再得 1.5；"
        "学历提升冲抵已满（本周期 8.0/8.0）；"
        "国培计划、省级培训、设区市级培训、县（市、区）级培训没有上限，以实际名额为准。"
    )
    assert self_organized == "自主学分已满；超出部分不能抵统筹学分（问答第 2 问）。"


def test_f4_who_has_26_need_not_join_full_staff_training() -> None:
    assert told("26", "0")[0] == "统筹学分已满，可不参加全员培训（问答第 13 问）。"


def test_n15_nothing_is_foretold_where_nothing_is_asked_or_the_cycle_is_over() -> None:
    assert told("0", "0", seconded_from=date(2026, 9, 1)) == []
    assert told("20", "10", day=OVER)[0] == "统筹还差 6.0 学分。"


def test_n15_an_unknown_minimum_or_ceiling_is_never_guessed() -> None:
    revised = shipped().named("jx-revised")
    judgement = judged(person(), "0", "0", RUNNING)
    assert outlook.rooms(revised, CYCLE, RUNNING, []) == []
    assert "全员培训" not in "".join(outlook.told(judgement, EDITION, CYCLE, RUNNING, []))


def test_parts_of_the_coordinated_credits_show_their_ceilings() -> None:
    parts = [
        part("county_training", 2025, "6"),
        part("fallback_training", 2026, "1.5"),
        part("degree_upgrade", 2024, "8"),
    ]
    shown = {
        source.title: (source.counted, source.ceilings) for source in outlook.sources(EDITION, CYCLE, RUNNING, parts)
    }
    assert shown == {
        "国培": (0, ""),
        "省培": (0, ""),
        "市县": (6, ""),
        "全员": (Decimal("1.5"), "托底培训本学年 1.5/1.5，本周期 1.5/7.5"),
        "冲抵": (8, "学历提升冲抵本周期 8.0/8.0"),
    }
