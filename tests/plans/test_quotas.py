"""Who may stand on a roster (FAQ-Q19) and how many of each unit: the pure check, and as publication settles it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from services.plans.projects import eligibility, queries
from services.plans.projects.models import Project
from services.plans.rosters import importing
from shared.errors import Invalid
from tests.plans import builders as make

QINGFENG, SECOND = make.QINGFENG, "360000/360100/360102/3601020002/"
COUNTY = make.DONGHU


@dataclass(frozen=True)
class Person:
    """Somebody in the register."""

    unit_path: str = QINGFENG
    stage: str | None = "primary"
    subject: str | None = "语文"


@dataclass(frozen=True)
class Training:
    """A county's training for everybody."""

    organizer_path: str = COUNTY
    organizer_name: str = "南昌市东湖区教育体育局"
    authority_name: str = "南昌市东湖区教育体育局"
    area_path: str = COUNTY
    covers: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Seats:
    """Seats of one unit."""

    unit_path: str
    seats: int
    unit_name: str = "某单位"


def test_faq_q19_the_stage_taught_now_must_be_the_projects() -> None:
    junior = Training(stages=["junior", "senior"])
    assert eligibility.reasons(Person(stage="junior"), junior) == []
    assert eligibility.reasons(Person(stage=None), Training()) == []
    (sentence,) = eligibility.reasons(Person(stage="primary"), junior)
    assert sentence == "现任教学段为小学，本项目面向初中、高中（问答第 19 问：按现任教学科报，学段须一致）。"
    (sentence,) = eligibility.reasons(Person(stage=None), junior)
    assert "没有登记现任教学段" in sentence


def test_faq_q19_the_subject_is_the_present_one() -> None:
    maths = Training(subjects=["数学"])
    assert eligibility.reasons(Person(subject="数学"), maths) == []
    (sentence,) = eligibility.reasons(Person(subject="语文"), maths)
    assert sentence.startswith("现任教学科为语文，本项目面向数学（问答第 19 问")
    (sentence,) = eligibility.reasons(Person(subject=None), maths)
    assert "没有登记现任教学科" in sentence


def test_outside_the_area_nothing_is_told_of_somebody() -> None:
    elsewhere = Person(unit_path="360000/360600/360603/3606030001/", stage="primary")
    (sentence,) = eligibility.reasons(elsewhere, Training(stages=["junior"]))
    assert sentence == "南昌市东湖区教育体育局范围内没有登记此身份证号的教师，请核对号码，或先登记此人。"


def test_a_covered_village_school_takes_part() -> None:
    own = Training(organizer_path=QINGFENG, organizer_name="清风小学", area_path=QINGFENG)
    assert eligibility.reasons(Person(unit_path=SECOND), own)[0].startswith("清风小学范围内")
    assert eligibility.reasons(Person(unit_path=SECOND), Training(area_path=QINGFENG, covers=[SECOND])) == []


def test_seats_go_to_the_first_rows_and_name_what_was_there_before() -> None:
    people = [(row, Person()) for row in (2, 3, 4)]
    found = eligibility.check(people, Training(), [Seats(QINGFENG, 3, "清风小学")], {QINGFENG: 2})
    assert [(row, column) for row, column, _ in found] == [(3, "identity"), (4, "identity")]
    assert found[0][2] == "清风小学的名额 3 人已满（此前已登记 2 人），请删去此行，或请发布单位调整名额。"


def test_seats_of_an_area_hold_for_everything_under_it() -> None:
    people = [(2, Person()), (3, Person(SECOND)), (4, Person(SECOND))]
    assert [row for row, _, _ in eligibility.check(people, Training(), [Seats(COUNTY, 2)], {})] == [4]
    both = [Seats(COUNTY, 3), Seats(SECOND, 1)]
    assert [row for row, _, _ in eligibility.check(people, Training(), both, {})] == [4]


def test_where_seats_are_allotted_a_unit_without_any_has_none() -> None:
    (error,) = eligibility.check([(2, Person(SECOND))], Training(), [Seats(QINGFENG, 9)], {})
    assert "没有分配本项目的名额" in error[2]


def test_who_may_not_take_part_takes_no_seat() -> None:
    people = [(2, Person(stage="senior")), (3, Person())]
    found = eligibility.check(people, Training(stages=["primary"]), [Seats(QINGFENG, 1)], {})
    assert [row for row, _, _ in found] == [2]


COUNT = 60
UNITS = [f"{COUNTY}36010200{n:02}/" for n in range(4)]


@given(
    rows=st.lists(st.sampled_from(UNITS), max_size=30),
    seats=st.dictionaries(st.sampled_from([*UNITS, COUNTY]), st.integers(1, 6), max_size=4),
    already=st.dictionaries(st.sampled_from(UNITS), st.integers(0, 4), max_size=3),
)
def test_no_quota_is_ever_exceeded_and_nobody_is_refused_while_seats_are_free(
    rows: list[str], seats: dict[str, int], already: dict[str, int]
) -> None:
    people = list(enumerate(rows, start=2))
    quotas = [Seats(path, count) for path, count in seats.items()]
    refused = {row for row, _, _ in eligibility.quota_errors(people, quotas, already)}

    def under(path: str, units: list[str]) -> int:
        return sum(unit.startswith(path) for unit in units)

    before = [unit for unit, count in already.items() for _ in range(count)]
    taken: list[str] = []
    for row, unit in people:
        over = [path for path in seats if unit.startswith(path)]
        free = not seats or (over and all(under(path, before + taken) < seats[path] for path in over))
        assert (row not in refused) == bool(free)
        if row not in refused:
            taken.append(unit)


def test_faq_q19_a_roster_names_the_row_of_the_wrong_stage(session: Session) -> None:
    people = make.teachers(COUNT)
    project = make.make_project(session, stages=[people[0].stage])
    wrong = [number for number, person in enumerate(people, start=2) if person.stage != people[0].stage]
    assert 0 < len(wrong) < COUNT
    report = checked(session, project, COUNT)
    assert [error["row"] for error in report["errors"]] == wrong
    assert all("问答第 19 问" in error["message"] for error in report["errors"])


def test_a_roster_beyond_its_seats_is_not_imported(session: Session) -> None:
    """Seats count what was registered before, and a file brought again takes no second seat."""
    unit = make.teachers(1)[0].unit_path
    mine = [p for p in make.teachers(500) if p.unit_path == unit][:3]
    project = make.make_project(session, quotas=[{"unit_code": unit.rstrip("/").rsplit("/", 1)[-1], "seats": 2}])
    rows = [[p.identity, p.name, 60, "合格", ""] for p in mine]
    make.bring_in(session, project, rows[:2])
    make.bring_in(session, project, rows[:2])
    with pytest.raises(Invalid) as caught:
        make.bring_in(session, project, rows)
    (error,) = caught.value.extra["errors"]
    assert (error["row"], "名额 2 人已满" in error["message"]) == (4, True)
    (line,) = queries.seats(session, project)
    assert (line.quota.seats, line.taken) == (2, 2)


def test_quotas_are_of_units_of_the_area_and_named_once(session: Session) -> None:
    inside = {"unit_code": "3601020001", "seats": 5}
    for quotas, field_name in (
        ([{"unit_code": "360603", "seats": 5}], "quotas.0.unit_code"),
        ([inside, {"unit_code": "nowhere", "seats": 5}], "quotas.1.unit_code"),
        ([inside, {"unit_code": QINGFENG, "seats": 5}], "quotas.1.unit_code"),
    ):
        with pytest.raises(Invalid) as caught:
            make.make_project(session, quotas=quotas)
        assert list(caught.value.fields) == [field_name]
    project = make.make_project(session, quotas=[inside, {"unit_code": "360102", "seats": 9}])
    session.expire_all()
    assert [(quota.unit_path, quota.seats) for quota in project.quotas] == [(COUNTY, 9), (QINGFENG, 5)]


def checked(session: Session, project: Project, count: int) -> dict[str, Any]:
    """The report of a roster of so many teachers."""
    sent = make.upload(make.workbook(make.roster_rows(count)))
    return importing.check_roster(session, project, sent, make.IDENTITY_KEY.encode()).report()
