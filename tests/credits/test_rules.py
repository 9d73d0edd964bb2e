"""Conversion as rows of input and result."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credits.edition_files import shipped
from services.credits.rules import ResultFacts, conversion, cut_reason
from shared.events.plans import Bucket

TRIAL = shipped().named("jx-2018-trial")
YUJIANG = shipped().overlays[0]

COUNTY = ResultFacts(
    hours=Decimal(60),
    passed=True,
    level="county",
    category="county_training",
    bucket=Bucket.COORDINATED,
    mode="centralized",
    convert=True,
    plan_status=None,
    plan_hours_per_credit=None,
)
SCHOOL = replace(
    COUNTY,
    level="school",
    category="other_school_based",
    bucket=Bucket.SELF_ORGANIZED,
    plan_status="approved",
    plan_hours_per_credit=Decimal(10),
)


def facts(base: ResultFacts = COUNTY, **changes: Any) -> ResultFacts:
    """`base` with changes; numbers may be written as text."""
    numbers = {"hours", "plan_hours_per_credit"}
    values: dict[str, Any] = {k: Decimal(v) if k in numbers and v is not None else v for k, v in changes.items()}
    return replace(base, **values)


@pytest.mark.parametrize(
    ("given_facts", "amount", "rule", "flag"),
    [
        (facts(), "6.0", "R-20", None),
        (facts(hours="20"), "2.0", "R-20", None),
        (facts(hours="60", mode="online"), "3.0", "R-21", None),
        (facts(hours="32"), "3.2", "R-20", None),
        (facts(hours="33", mode="online"), "1.7", "R-21", None),  # 1.65: halves up, I-04
        (facts(hours="0.4"), "0.0", "R-20", None),
        (facts(hours="50", level="national", category="national_training"), "5.0", "R-22", None),
        (facts(level="provincial", category="provincial_training", mode="online"), "3.0", "R-22", None),
        (facts(passed=False), "0.0", "R-23", "NOT_PASSED"),
        (facts(convert=False), "0.0", "R-27", "CONVERSION_NOT_CHOSEN"),
        (facts(SCHOOL, hours="30"), "3.0", "R-24", None),
        (facts(SCHOOL, hours="30", plan_hours_per_credit="15"), "2.0", "R-24", None),  # stricter: I-10
        (facts(SCHOOL, hours="30", plan_hours_per_credit="5"), "0.0", "R-24", "PLAN_STANDARD_BELOW_COUNTY"),
        (facts(SCHOOL, hours="30", plan_status=None), "0.0", "R-24", "PLAN_MISSING"),
        (facts(SCHOOL, hours="30", plan_status="submitted"), "0.0", "R-24", "PLAN_NOT_PASSED"),
        (facts(category="fallback_training", hours="20"), "0.0", "I-15", "FALLBACK_NOT_FILED"),
        (facts(category="fallback_training", hours="20", plan_status="filed"), "2.0", "R-20", None),
        # Nobody has told these figures: undetermined, never 0 and never guessed.
        (facts(category="full_staff_training", mode="online"), None, "U-02", "PENDING_RATE"),
        (facts(SCHOOL, plan_hours_per_credit=None), None, "U-07", "PENDING_RATE"),
        (facts(level="township"), None, "U-07", "PENDING_RATE"),
    ],
)
def test_conversion(given_facts: ResultFacts, amount: str | None, rule: str, flag: str | None) -> None:
    made = conversion(given_facts, TRIAL)
    assert made.amount == (None if amount is None else Decimal(amount))
    assert (made.rule, made.flag, made.overlay) == (rule, flag, None)
    assert made.sentence


@pytest.mark.parametrize(
    ("given_facts", "sentence"),
    [
        (facts(), "面授 60 学时 ÷ 10 = 6.0，计入统筹；规则：2018 试行"),
        (
            facts(hours="33", mode="online"),
            "网络 33 学时 ÷ 20 = 1.65，四舍五入为 1.7，计入统筹；规则：2018 试行",
        ),
        (
            facts(SCHOOL, hours="20", plan_hours_per_credit="15"),
            "面授 20 学时 ÷ 15 ≈ 1.333，四舍五入为 1.3，计入自主；规则：2018 试行（按本校方案）",
        ),
        (
            facts(hours="50", level="national", category="national_training"),
            "面授 50 学时 ÷ 10 = 5.0，计入统筹；规则：2018 试行（暂定）",
        ),
    ],
)
def test_the_sentence_shows_the_whole_way(given_facts: ResultFacts, sentence: str) -> None:
    assert conversion(given_facts, TRIAL).sentence == sentence


def test_headmasters_of_one_county_get_half() -> None:
    made = conversion(facts(hours="40", programme="headmaster"), TRIAL, YUJIANG)
    assert (made.amount, made.overlay) == (Decimal("2.0"), "yujiang-2019")
    assert made.sentence == "面授 40 学时 × 0.5 ÷ 10 = 2.0，计入统筹；规则：2018 试行、余江区 2019"
    assert conversion(facts(hours="40"), TRIAL, YUJIANG).overlay is None
    online = conversion(facts(hours="40", programme="headmaster", mode="online"), TRIAL, YUJIANG)
    assert (online.amount, online.overlay) == (Decimal("2.0"), None)


def test_a_date_outside_every_edition_is_not_guessed() -> None:
    made = conversion(facts(), None)
    assert made.amount is None
    assert "不在任何已施行的学分规则之内" in made.sentence


@given(
    hours=st.decimals(min_value=0, max_value=1000, places=2),
    mode=st.sampled_from(["centralized", "online"]),
    passed=st.booleans(),
)
def test_conversion_is_proportional_and_never_negative(hours: Decimal, mode: str, passed: bool) -> None:
    amount = conversion(facts(hours=str(hours), mode=mode, passed=passed), TRIAL).amount
    assert amount is not None
    exact = hours / (10 if mode == "centralized" else 20) if passed else Decimal(0)
    assert abs(amount - exact) <= Decimal("0.05")
    assert amount == amount.quantize(Decimal("0.1"))


@pytest.mark.parametrize(
    ("category", "amount", "within_year", "counted", "reason"),
    [
        ("fallback_training", "2", "1.5", "1.5", "已达本学年托底培训上限 1.5，未计入 0.5（问答第 11、12 问）"),
        ("fallback_training", "1.5", "1.5", "1", "已达本周期托底培训上限 7.5，未计入 0.5（问答第 12 问）"),
        ("degree_upgrade", "5", "5", "3", "已达本周期学历提升冲抵上限 8.0，未计入 2.0（问答第 5 问）"),
        ("county_training", "5", "5", "5", ""),
    ],
)
def test_the_reason_names_the_ceiling(category: str, amount: str, within_year: str, counted: str, reason: str) -> None:
    told = cut_reason(TRIAL, category, date(2020, 7, 10), Decimal(amount), Decimal(within_year), Decimal(counted))
    assert told == reason
