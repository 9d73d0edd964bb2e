"""The standing against a plain oracle written from policy.md: the same numbers for every history, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.credits.judgement import Person
from shared.database import Database
from shared.events.plans import Bucket
from tests.credits.histories import Entered, enter, everybody, everybodys_lines, read

TEACHER = Person(kind="in_service", unit_kind="primary")
SELF_ORGANIZED = {"school_training", "other_school_based"}


def oracle(lines: list[Entered]) -> list[Decimal]:
    """Credits that count of each line, by policy.md alone.

    Fallback: at most 1.5 a year and 7.5 a cycle, unused parts lapse (FAQ-Q12, I-11). Degrees: at most 8 a cycle
    (R-52, I-07). All else adds up (R-10). Earlier trainings fill a ceiling before later ones.
    """
    room_year = {year: Decimal("1.5") for year in range(2018, 2023)}
    room_fallback, room_degree = Decimal("7.5"), Decimal(8)
    counted = [Decimal(0)] * len(lines)
    for index in sorted(range(len(lines)), key=lambda i: (lines[i].effective_on, i)):
        line = lines[index]
        if line.countered or line.amount is None:
            continue
        amount = line.amount
        if line.category == "fallback_training":
            amount = min(amount, room_year[line.school_year], room_fallback)
            room_year[line.school_year] -= amount
            room_fallback -= amount
        elif line.category == "degree_upgrade":
            amount = min(amount, room_degree)
            room_degree -= amount
        counted[index] = amount
    return counted


@st.composite
def entered(draw: st.DrawFn) -> Entered:
    """Any line that the ledger may hold in the cycle 2018—2023."""
    category = draw(
        st.sampled_from(["fallback_training", "degree_upgrade", "county_training", *sorted(SELF_ORGANIZED)])
    )
    year = draw(st.integers(2018, 2022))
    amount = draw(st.one_of(st.none(), st.integers(0, 60), st.just(15)))
    return Entered(
        category=category,
        school_year=year,
        amount=None if amount is None else Decimal(amount) / 10,
        bucket=Bucket.SELF_ORGANIZED if category in SELF_ORGANIZED else Bucket.COORDINATED,
        effective_on=date(year, 9, 1) + timedelta(days=draw(st.integers(0, 3)) * 90),
        countered=draw(st.sampled_from([False, False, False, True])),
    )


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lines=st.lists(entered(), max_size=25))
def test_the_standing_agrees_with_the_oracle(common_database: Database, lines: list[Entered]) -> None:
    found = read(common_database, enter(common_database, lines), TEACHER)
    expected = oracle(lines)
    assert found.counted == expected
    for bucket in Bucket:
        mine = [amount for line, amount in zip(lines, expected, strict=True) if line.bucket is bucket]
        standing = found.judgement.buckets[bucket]
        assert standing.counted == sum(mine)
        assert standing.pending == sum(
            line.amount is None and not line.countered for line in lines if line.bucket is bucket
        )


def test_for_everybody_the_lines_add_up_to_the_headline(common_database: Database) -> None:
    for number in range(40):
        enter(
            common_database,
            [
                Entered("fallback_training", 2018 + i % 5, Decimal(number % 7) / 2, countered=(i + number) % 6 == 0)
                for i in range(12)
            ]
            + [Entered("degree_upgrade", 2020, Decimal(number % 11))] * 2
            + [Entered("school_training", 2021, Decimal(number), Bucket.SELF_ORGANIZED)],
        )
    headline, lines = everybody(common_database), everybodys_lines(common_database)
    assert len(headline) >= 40
    nothing = dict.fromkeys(Bucket, Decimal(0))
    assert headline == {person: lines.get(person, nothing) for person in headline}
    assert set(lines) <= set(headline)


def test_one_teacher_and_everybody_are_the_same_definition(common_database: Database) -> None:
    lines = [Entered("fallback_training", 2019, Decimal("2.0")), Entered("county_training", 2019, Decimal("6.0"))]
    person = enter(common_database, lines)
    assert everybody(common_database)[person] == {Bucket.COORDINATED: Decimal("7.5"), Bucket.SELF_ORGANIZED: 0}
    assert read(common_database, person, TEACHER).judgement.buckets[Bucket.COORDINATED].counted == Decimal("7.5")


def test_cycles_do_not_mix(common_database: Database) -> None:
    person = enter(common_database, [Entered("county_training", 2019, Decimal(6))], cycle=2018)
    assert person not in everybody(common_database, 2023)
    assert read(common_database, person, TEACHER, cycle=2023).judgement.buckets[Bucket.COORDINATED].counted == 0


def test_which_line_a_ceiling_cuts(common_database: Database) -> None:
    earlier = Entered("fallback_training", 2019, Decimal("1.0"), effective_on=date(2019, 10, 1))
    later = Entered("fallback_training", 2019, Decimal("1.0"), effective_on=date(2019, 12, 1))
    assert read(common_database, enter(common_database, [later, earlier]), TEACHER).counted == [
        Decimal("0.5"),
        Decimal("1.0"),
    ]
    # With the earlier one countered, the later one has the room to itself.
    gone = Entered("fallback_training", 2019, Decimal("1.0"), effective_on=date(2019, 10, 1), countered=True)
    assert read(common_database, enter(common_database, [later, gone]), TEACHER).counted == [Decimal("1.0"), 0]
