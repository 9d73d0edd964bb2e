"""How a cycle is judged: rows of a person, sums and a day, and what comes of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.credits.edition_files import shipped
from services.credits.judgement import BucketSum, Judgement, Part, Person, judge
from services.credits.telling import missing
from shared.events.plans import Bucket

FOUND = shipped().cycle(2023)
assert FOUND is not None
EDITION, CYCLE = FOUND
RUNNING, OVER = date(2026, 11, 24), date(2028, 9, 1)


def person(**facts: Any) -> Person:
    """A teacher in service since long ago."""
    usual: dict[str, Any] = {"kind": "in_service", "unit_kind": "primary", "hired_on": date(2012, 9, 1)}
    return Person(**(usual | facts))


def judged(
    teacher: Person, coordinated: str, self_organized: str, today: date = OVER, *, pending: int = 0, parts: Any = None
) -> Judgement:
    """The judgement of such sums; `pending` coordinated lines are not known yet."""
    sums = {
        Bucket.COORDINATED: BucketSum(Decimal(coordinated), pending),
        Bucket.SELF_ORGANIZED: BucketSum(Decimal(self_organized), 0),
    }
    return judge(teacher, sums, EDITION, CYCLE, today, parts)


@pytest.mark.parametrize(
    ("coordinated", "self_organized", "running", "over"),
    [
        ("26", "10", "met", "met"),
        ("25.9", "10", "in_progress", "not_met"),
        ("26", "9.9", "in_progress", "not_met"),
        ("20", "20", "in_progress", "not_met"),  # never fungible: R-05
        ("40", "0", "in_progress", "not_met"),
        ("0", "0", "in_progress", "not_met"),
    ],
)
def test_a_running_cycle_is_not_judged_before_its_end(
    coordinated: str, self_organized: str, running: str, over: str
) -> None:
    assert judged(person(), coordinated, self_organized, RUNNING).status == running
    assert judged(person(), coordinated, self_organized, date(2028, 8, 31)).status == running
    assert judged(person(), coordinated, self_organized, OVER).status == over


@pytest.mark.parametrize(
    ("facts", "today", "status", "flag"),
    [
        ({"kind": "education_authority_staff"}, RUNNING, "not_assessed", "PENDING_POLICY_P-20"),
        ({"kind": "contracted_pre_graduation"}, RUNNING, "not_assessed", "DEFERRED_PRE_GRADUATION"),
        ({"kind": "seconded_to_authority"}, RUNNING, "not_assessed", "PENDING_POLICY_P-21"),
        (
            {"kind": "seconded_to_authority", "seconded_from": date(2025, 9, 1), "seconded_to": date(2027, 8, 31)},
            RUNNING,
            "not_assessed",
            "PENDING_POLICY_P-21",
        ),
        # They return in the middle of a cycle: then it is asked of them again.
        (
            {"kind": "seconded_to_authority", "seconded_from": date(2023, 9, 1), "seconded_to": date(2025, 8, 31)},
            RUNNING,
            "in_progress",
            None,
        ),
        ({"seconded_from": date(2026, 9, 1)}, RUNNING, "not_assessed", "PENDING_POLICY_P-21"),
        ({"seconded_from": date(2027, 9, 1)}, RUNNING, "in_progress", None),
        ({"retires_on": date(2028, 8, 31)}, RUNNING, "not_assessed", "EXEMPT_LAST_CYCLE"),
        ({"retires_on": date(2028, 9, 1)}, RUNNING, "in_progress", None),
        ({"unit_kind": "one_teacher_school"}, RUNNING, "in_progress", "PENDING_POLICY_P-18"),
        ({"unit_kind": "one_teacher_school"}, OVER, "not_met", "PENDING_POLICY_P-18"),
    ],
)
def test_people_who_are_judged_otherwise(facts: dict[str, Any], today: date, status: str, flag: str | None) -> None:
    found = judged(person(**facts), "3", "0", today)
    assert found.status == status
    assert list(found.flags) == ([flag] if flag else [])
    # Credits are recorded whatever the judgement (FAQ-Q16, Q21).
    assert found.buckets[Bucket.COORDINATED].counted == Decimal(3)


def test_a_one_teacher_school_with_the_coordinated_credits_is_undetermined() -> None:
    found = judged(person(unit_kind="one_teacher_school"), "26", "0")
    assert found.status == "undetermined"
    assert found.buckets[Bucket.SELF_ORGANIZED].shortfall == Decimal(10)


def test_a_line_that_is_not_known_leaves_the_judgement_open_at_the_end() -> None:
    assert judged(person(), "20", "10", RUNNING, pending=1).status == "in_progress"
    assert judged(person(), "20", "10", OVER, pending=1).status == "undetermined"
    assert judged(person(), "20", "5", OVER, pending=1).status == "not_met"
    assert judged(person(), "26", "10", OVER, pending=1).status == "met"


def test_without_figures_nothing_is_judged() -> None:
    revised = shipped().named("jx-revised")
    found = judge(person(), {}, revised, CYCLE, OVER, [])
    assert found.status == "undetermined"
    assert found.buckets[Bucket.COORDINATED].required is None
    assert missing(found)[0] == "统筹学分的要求尚未公布。"


def part(category: str, year: int, amount: str, *, bucket: Bucket = Bucket.COORDINATED, **more: Any) -> Part:
    """A line; everything of it counts unless said otherwise."""
    whole = dict.fromkeys(("amount", "within_year", "counted"), Decimal(amount))
    told = {"flag": None, "effective_on": date(year, 11, 1)} | whole | more
    return Part(bucket=bucket, category=category, school_year=year, **told)


def test_years_that_are_over_and_thin_are_flagged_and_do_not_change_the_status() -> None:
    parts = [part("county_training", 2023, "2"), part("district_training", 2025, "1.9")]
    found = judged(person(), "3.9", "0", RUNNING, parts=parts)
    assert set(found.flags) == {"ANNUAL_MIN_NOT_MET:2024-2025", "ANNUAL_MIN_NOT_MET:2025-2026"}
    assert "1.9" in found.flags["ANNUAL_MIN_NOT_MET:2025-2026"]
    at_the_end = judged(person(), "3.9", "0", OVER, parts=parts)
    assert "ANNUAL_MIN_NOT_MET:2027-2028" in at_the_end.flags
    # Who came in 2025 is not asked for the years before.
    new = judged(person(hired_on=date(2025, 9, 1)), "1.9", "0", RUNNING, parts=parts)
    assert set(new.flags) == {"ANNUAL_MIN_NOT_MET:2025-2026"}
    exempt = judged(person(retires_on=date(2027, 1, 1)), "3.9", "0", RUNNING, parts=parts)
    assert set(exempt.flags) == {"EXEMPT_LAST_CYCLE"}


def test_the_gap_of_question_12_is_marked_at_the_end_of_a_cycle_only() -> None:
    county = [part("county_training", year, "3") for year in CYCLE.school_years]
    assert "PENDING_POLICY_P-12" in judged(person(), "15", "10", OVER, parts=county).flags
    assert "PENDING_POLICY_P-12" not in judged(person(), "15", "10", RUNNING, parts=county).flags
    national = [*county, part("national_training", 2024, "5")]
    assert "PENDING_POLICY_P-12" not in judged(person(), "20", "10", OVER, parts=national).flags


def test_ceilings_and_lines_without_credits_leave_their_marks() -> None:
    parts = [
        part("fallback_training", 2026, "2", within_year=Decimal("1.5"), counted=Decimal("1.5")),
        part("county_training", 2026, "0", flag="CONVERSION_NOT_CHOSEN"),
        part("school_training", 2026, "0", bucket=Bucket.SELF_ORGANIZED, flag="PLAN_NOT_PASSED"),
    ]
    flags = judged(person(hired_on=date(2026, 9, 1)), "1.5", "0", RUNNING, parts=parts).flags
    assert set(flags) == {"CAPPED_FALLBACK_YEAR", "CONVERSION_NOT_CHOSEN", "PLAN_NOT_PASSED"}
    assert flags["CAPPED_FALLBACK_YEAR"] == "托底培训已达上限 1.5 学分，超出部分不计入。"
    assert flags["PLAN_NOT_PASSED"] == "有记录未计学分：申报方案尚未通过，不计学分。"


def test_what_is_missing_in_words() -> None:
    assert missing(judged(person(), "19.5", "11", RUNNING)) == [
        "统筹还差 6.5 学分。",
        "自主学分已满；超出部分不能抵统筹学分（问答第 2 问）。",
    ]
    assert missing(judged(person(), "26", "4", RUNNING, pending=2)) == [
        "统筹学分已满，可不参加全员培训（问答第 13 问）。",
        "自主还差 6.0 学分。",
    ]
    assert missing(judged(person(kind="education_authority_staff"), "0", "0", RUNNING)) == []
