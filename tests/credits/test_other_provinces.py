"""The rule shapes of other provinces (policy.md 4.1): one edition for each, so that the engine can express them.

The figures are theirs as policy.md tells them, or are made up where it says none; none is Jiangxi's.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from services.credits.edition_files import load
from services.credits.evaluation import Evaluation, Happened, History, evaluate
from services.credits.judgement import Person, Status
from services.credits.rules import ResultFacts
from shared.events.plans import Bucket

EDITIONS = load(Path(__file__).parent / "other_provinces")
TEACHER = Person(kind="in_service", unit_kind="primary")
CONTENTS = ("ethics", "knowledge", "practice", "other")
Event = tuple[str, str, int]
"""Category, credits, school year."""


def judged(edition_id: str, *events: Event, level: str = "", today: date | None = None) -> Evaluation:
    """A history of awards by an edition of another province."""
    edition = EDITIONS.named(edition_id)
    assert edition.cycle is not None
    cycle = edition.cycle_of(edition.cycle.first_start.year)
    assert cycle is not None
    happened = [
        Happened(
            id=f"e{number}",
            facts=ResultFacts(
                category=category, bucket=Bucket.COORDINATED, level=level or category, given=Decimal(amount)
            ),
            held_on=date(year, 10, 1),
        )
        for number, (category, amount, year) in enumerate(events)
    ]
    return evaluate(History(person=TEACHER, edition=edition, cycle=cycle, happened=happened), today)


def counts(found: Evaluation) -> list[Decimal]:
    """What counts of each event."""
    return [told.counted for told in found.told]


@pytest.mark.parametrize(
    ("public", "subject", "elective", "school", "short"),
    [
        ("6", "10", "10", "10", "0"),
        ("6", "20", "0", "10", "0"),  # subject courses beyond their minimum stand in for electives
        ("6", "0", "20", "10", "10"),  # … but not back
        ("6", "15", "5", "10", "0"),
        ("6", "14", "5", "11", "1"),
    ],
)
def test_beijing_subject_may_cover_elective_and_not_back(
    public: str, subject: str, elective: str, school: str, short: str
) -> None:
    found = judged(
        "beijing", ("public", public, 2016), ("subject", subject, 2017), ("elective", elective, 2018),
        ("school_based", school, 2019),
    )  # fmt: skip
    assert found.judgement.partitions["content"].shortfall == Decimal(short)
    assert found.judgement.status is (Status.MET if short == "0" else Status.NOT_MET)


def test_beijing_practice_takes_twenty_hours_for_a_credit() -> None:
    edition = EDITIONS.named("beijing")
    assert [edition.rate("county", mode, "subject").value for mode in ("centralized", "online")] == [10, 20]


@pytest.mark.parametrize(
    ("places", "amounts", "content", "level"),
    [
        (("district", "city", "school", "school"), (8, 10, 14, 4), 0, 2),
        (("school", "district", "city", "school"), (8, 10, 14, 4), 0, 3),
        (("city", "district", "school", "school"), (7, 10, 15, 4), 1, 0),
        (("city", "district", "school", "school"), (8, 10, 14, 4), 0, 0),
    ],
)
def test_shanghai_two_crossing_partitions_of_one_total(
    places: tuple[str, ...], amounts: tuple[int, ...], content: int, level: int
) -> None:
    levels = {"city": "district", "district": "county", "school": "school"}
    edition = EDITIONS.named("shanghai")
    assert edition.cycle is not None
    cycle = edition.cycle_of(2021)
    assert cycle is not None
    happened = [
        Happened(
            id=str(number),
            facts=ResultFacts(category=category, bucket=Bucket.COORDINATED, level=levels[where], given=Decimal(amount)),
            held_on=date(2022, 10, 1),
        )
        for number, (category, where, amount) in enumerate(zip(CONTENTS, places, amounts, strict=True))
    ]
    found = evaluate(History(person=TEACHER, edition=edition, cycle=cycle, happened=happened))
    assert found.judgement.partitions["content"].shortfall == content
    assert found.judgement.partitions["level"].shortfall == level
    assert (found.judgement.status is Status.MET) == (content == level == 0)


def test_chongqing_a_ceiling_that_was_abolished_within_the_cycle() -> None:
    found = judged("chongqing", ("self_study", "15", 2017), ("self_study", "15", 2018), ("self_study", "15", 2020))
    # The ceiling of 20 holds for what was earned until it fell; what came afterwards counts whole.
    assert counts(found) == [15, 5, 15]
    assert found.counted(Bucket.COORDINATED) == 35


def test_guangxi_floor_and_ceiling_inside_a_bucket() -> None:
    found = judged("guangxi", ("face_to_face", "25", 2021), ("online_study", "50", 2022))
    assert counts(found) == [25, 40]  # at most 40 of the 70 online
    assert found.judgement.partitions["mode"].shortfall == 5  # at least 30 face to face
    assert found.judgement.status is Status.NOT_MET
    enough = judged("guangxi", ("face_to_face", "30", 2021), ("online_study", "50", 2022))
    assert enough.judgement.status is Status.MET


def test_guangxi_a_yearly_ceiling_for_each_item() -> None:
    found = judged("guangxi", ("sent_lesson", "3", 2021), ("sent_lesson", "3", 2021), ("sent_lesson", "3", 2022))
    assert counts(found) == [3, 1, 3]  # at most 4 a year of this item


@pytest.mark.parametrize(("people", "share"), [(1, "4"), (2, "2.0"), (3, "1.3")])
def test_jilin_a_share_among_several_leads(people: int, share: str) -> None:
    edition = EDITIONS.named("jilin")
    assert edition.cycle is not None
    cycle = edition.cycle_of(edition.cycle.first_start.year)
    assert cycle is not None
    facts = ResultFacts(category="research_project", bucket=Bucket.COORDINATED, level="provincial", shared_by=people)
    happened = [Happened(id="e", facts=facts, held_on=date(2019, 10, 1))]
    found = evaluate(History(person=TEACHER, edition=edition, cycle=cycle, happened=happened))
    assert found.told[0].amount == Decimal(share)
    assert ("平分" in found.told[0].sentence) == (people > 1)


def test_jilin_a_matrix_by_level_and_rank() -> None:
    edition = EDITIONS.named("jilin")
    awards = {
        (level, rank): edition.award("competition_award", level, rank).credits.value
        for level in ("national", "county")
        for rank in "12"
    }
    assert awards == {("national", "1"): 5, ("national", "2"): 4, ("county", "1"): 2, ("county", "2"): 1}
