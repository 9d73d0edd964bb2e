"""What the office may fill in of an edition (N5): each figure that nobody knows stays on offer until published."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from services.credits import edition_files, in_force
from services.credits.claims import queries as claims
from services.credits.rulebook import figures, operations
from services.credits.rulebook import queries as rulebook
from services.credits.rulebook.models import EditionDraft
from services.credits.standings.models import RECOMPUTE_JOB
from shared.database import Database
from shared.errors import Invalid
from shared.events.plans import Bucket
from shared.jobs import JobRow
from shared.outbox import OutboxRow, OutboxTodo
from shared.ui.filters import CHINA
from tests.credits import make
from tests.credits.changing import (
    DOCUMENT,
    LOWER,
    START,
    TODAY,
    TRIAL,
    drafted,
    previewed,
    province,
    published,
    run_jobs,
    standing,
)
from tests.credits.test_claims import DEGREE

pytestmark = pytest.mark.usefixtures("now")


def told(value: str) -> dict[str, str]:
    return {"value": value, "grade": "A", "source": f"{DOCUMENT} 附表"}


def offered(database: Database, edition_id: str) -> dict[str, str]:
    """Key of each figure on offer -> its value; empty: unknown."""
    with database.reading() as session:
        return {slot.key: slot.value for slot in figures.slots(rulebook.content_of(session, edition_id))}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("awards.degree_upgrade.any.master", "awards.degree_upgrade.any.bachelor"),
        ("awards.competition_award.provincial.first", "awards.competition_award.county.other"),
        ("awards.research_project.any.any", "awards.research_project.national.host"),
        ("partitions.levels.national_provincial", "partitions.levels.county"),
        ("pots.competition_award.cap_cycle", "pots.competition_award.cap_year"),
    ],
)
def test_n5_what_is_still_unknown_stays_on_offer(database: Database, first: str, second: str) -> None:
    """Published in one edition, and another of its kind in the next: each time the rest is asked for as before."""
    every = offered(database, TRIAL)
    assert (every[first], every[second]) == ("", "")
    one = published(database, "forward", TODAY, {first: told("3")})
    assert offered(database, one.id) == every | {first: "3"}
    two = published(database, "forward", date(2026, 12, 1), {second: told("2")}, "又一次调整")
    assert offered(database, two.id) == every | {first: "3", second: "2"}


def test_n5_of_a_table_known_in_part_the_rest_is_undetermined(database: Database) -> None:
    """The master's degree has its figure; the bachelor's is 待定 until it has one, and says why."""
    make.register_people(database, 1)
    for number, rank in enumerate(("master", "bachelor")):
        make.deliver(database, replace(DEGREE, plan_id=f"claim-{number}", title=rank, rank=rank, credits=None))
    published(database, "cycle_start", START, {"awards.degree_upgrade.any.master": told("3")})
    run_jobs(database, operations.ADJUST_JOB)
    assert amounts(database) == {"master": Decimal(3), "bachelor": None}
    with database.reading() as session:
        room = claims.room(session, province(), "person-1", "degree_upgrade")
    assert room.unknown == "其他级别、层次或等次计多少学分，省厅尚未公布"
    published(database, "cycle_start", START, {"awards.degree_upgrade.any.bachelor": told("2")}, "又一次调整")
    run_jobs(database, operations.ADJUST_JOB)
    assert amounts(database) == {"master": Decimal(3), "bachelor": Decimal(2)}


def amounts(database: Database) -> dict[str, Decimal | None]:
    """Title of a claim -> its credits."""
    return {entry.source_title: entry.line.amount for entry in standing(database).entries if entry.stands}


def test_n5_a_category_is_settled_when_nothing_of_it_is_unknown() -> None:
    content = edition_files.content_of(TRIAL)

    def still_open(*keys: str) -> set[str]:
        made = figures.applied(content, {key: told("2") for key in keys})
        return {one["category"] for one in made["undetermined"]}

    every = still_open()
    assert "degree_upgrade" in still_open("awards.degree_upgrade.any.master", "awards.degree_upgrade.any.doctor")
    degrees = [f"awards.degree_upgrade.any.{rank}" for rank in ("bachelor", "master", "doctor")]
    assert still_open(*degrees) == every - {"degree_upgrade"}
    assert still_open("awards.paper.any.any") == every - {"paper"}
    assert still_open("awards.paper.national.any") == every
    assert still_open("awards.paper.national.any", "awards.paper.provincial.any") == every - {"paper"}
    assert still_open("pots.competition_award.cap_cycle") == every, "a ceiling says nothing of the amounts"
    assert still_open("pots.full_staff_training.cap_year") == every - {"full_staff_training"}


def test_n5_the_figure_of_a_level_comes_before_the_one_for_all() -> None:
    keys = {"awards.paper.any.any": told("1"), "awards.paper.national.any": told("2")}
    edition = edition_files.edition_from(figures.applied(edition_files.content_of(TRIAL), keys))
    assert edition.award("paper", "national", None).credits.value == 2
    assert edition.award("paper", "provincial", None).credits.value == 1


def test_n5_what_converts_hours_is_not_taken_back() -> None:
    cap = "pots.full_staff_training.cap_year"
    content = figures.applied(edition_files.content_of(TRIAL), {cap: told("3")})
    empty = {key: told("") | {"source": "另一文件"} for key in (cap, "minimums.per_year")}
    assert list(figures.faults(content, empty)) == [f"{cap}.value"]


@pytest.mark.parametrize(
    "key",
    ["pots.full_staff_training.cap_year", "partitions.levels.county", "awards.paper.any.any", "minimums.per_year"],
)
def test_n5_what_is_unknown_is_not_settled_by_an_empty_value(key: str) -> None:
    """Nor by a pot without a ceiling, however it came about: hours would convert without one."""
    content = edition_files.content_of(TRIAL)
    content["minimums"].pop("per_year")
    assert list(figures.faults(content, {key: told("")})) == [f"{key}.value"]
    assert figures.faults(content, {key: told("2")}) == {}
    content["pots"] = [{"id": "full_staff_training", "title": "全员培训", "categories": ["full_staff_training"]}]
    assert figures.applied(content, {})["undetermined"] == content["undetermined"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"partitions.levels.district": "999"}, "partitions.levels.district"),
        ({"partitions.levels.district": "13", "partitions.levels.county": "14"}, "partitions.levels.county"),
        ({"minimums.coordinated": "1000"}, "minimums.total"),
        ({"minimums.total": "35.99"}, "minimums.total"),
        ({"minimums.per_year": "36.01"}, "minimums.per_year"),
    ],
)
def test_n5_figures_that_contradict_each_other_are_named(
    database: Database, changed: dict[str, str], field: str
) -> None:
    """Of a part more is asked than of the whole: neither saved nor, from an older draft, published."""
    figures_ = {key: told(value) for key, value in changed.items()}
    with pytest.raises(Invalid) as caught:
        drafted(database, "forward", TODAY, figures_)
    assert list(caught.value.fields) == [f"{field}.value"]
    draft = drafted(database, "forward", TODAY, LOWER)
    draft.figures = figures_
    with database.reading() as session, pytest.raises(Invalid) as caught:
        operations.made(session, draft)
    assert list(caught.value.fields) == [f"{field}.value"]


def test_n5_parts_may_ask_for_the_whole(database: Database) -> None:
    shares = {"national_provincial": "10", "district": "10", "county": "6"}
    whole = {f"partitions.levels.{name}": told(value) for name, value in shares.items()}
    draft = drafted(database, "forward", TODAY, whole | {"minimums.per_year": told("36")})
    assert set(draft.figures) == {*whole, "minimums.per_year"}


def test_n5_no_change_lies_beyond_the_next_cycle(database: Database) -> None:
    """2023 to 2028 runs: a change may wait until the end of the next one, and a slip of the pen is told."""
    assert drafted(database, "forward", date(2033, 8, 31), LOWER).effective_from == date(2033, 8, 31)
    for slip in (date(2033, 9, 1), date(2999, 1, 1), date.max):
        with pytest.raises(Invalid) as caught:
            drafted(database, "current_cycle", slip, LOWER)
        assert list(caught.value.fields) == ["effective_from"]
        assert "不晚于 2033-08-31" in caught.value.fields["effective_from"][0]


def test_n5_the_preview_converts_every_kind_of_line_as_publication_does(database: Database) -> None:
    """Of one audit the same and other hours and a failure, of another what was corrected, and a claim."""
    make.register_people(database, 1, 2, 3, 4)
    results = [make.result(), make.result(2), make.result(3, hours="30"), make.result(4, passed=False)]
    make.deliver(database, make.audited(*results, audit_id="a1"))
    other = replace(make.PROJECT, project_id="other")
    again = [replace(one, result_id=f"other-{one.result_id}") for one in results]
    make.deliver(database, make.audited(*again, audit_id="a2", project=other))
    make.deliver(database, make.corrected(1, replace(other, mode="online")))
    make.deliver(database, replace(DEGREE, credits=None))
    keys = ("rates.county.centralized", "rates.county.online", "awards.degree_upgrade.any.master")
    changed = {key: told(value) for key, value in zip(keys, ("12", "30", "4"), strict=True)}
    draft = drafted(database, "cycle_start", START, changed)
    previewed(database, draft)
    with database.transaction() as session:
        people = rulebook.previewed(session, session.get_one(EditionDraft, draft.id)).items
        operations.publish(session, province(), draft.id, version=draft.version)
    run_jobs(database, operations.ADJUST_JOB)
    foretold = {one.row.person_id: one.row.coordinated_after for one in people}
    assert foretold == {"person-1": Decimal(11), "person-2": Decimal(7), "person-3": Decimal("3.5")}
    for number in (1, 2, 3):
        counted = standing(database, number).judgement.buckets[Bucket.COORDINATED].counted
        assert counted == foretold[f"person-{number}"]


@pytest.mark.parametrize(
    ("reach", "day", "begins"),
    [
        ("cycle_start", START, START),
        ("current_cycle", TODAY, TODAY),
        ("current_cycle", date(2026, 12, 1), date(2026, 12, 1)),
        ("forward", date(2027, 9, 1), None),
        ("forward", date(2028, 9, 1), date(2028, 9, 1)),
    ],
)
def test_n5_publication_queues_the_standings_of_the_cycle_that_it_judges(
    database: Database, reach: str, day: date, begins: date | None
) -> None:
    """At once, or from its date on; a cycle of which it changes nothing is left alone."""
    make.register_people(database, 1)
    edition = published(database, reach, day, LOWER)
    query = select(JobRow.arguments, OutboxTodo.not_before).join(OutboxRow, OutboxRow.event_id == JobRow.id)
    with database.reading() as session:
        queued = session.execute(
            query.join(OutboxTodo, OutboxTodo.outbox_id == OutboxRow.id).where(JobRow.name == RECOMPUTE_JOB)
        ).all()
        judged = in_force.editions(session).cycle_at(day)
    assert judged is not None
    assert (judged[0].id == edition.id) == (begins is not None)
    expected: list[Any] = []
    if begins is not None:
        expected = [({"cycle": judged[1].number, "area": None}, datetime.combine(begins, datetime.min.time(), CHINA))]
    assert [tuple(row) for row in queued] == expected
