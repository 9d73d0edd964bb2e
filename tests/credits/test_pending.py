"""The register of pending policy (N19): whom a question concerns, and what one decision changes for all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from services.credits import in_force, listing, policies
from services.credits import queries as standings
from services.credits.judgement import Status
from services.credits.pending import operations, queries
from services.credits.people import person_facts
from services.credits.policies import Decision, register
from shared.database import Database
from shared.directory import UnitCopy
from shared.errors import Conflict, Invalid, NotAllowed
from shared.tables import TableError
from tests.credits.changing import DOCUMENT, province
from tests.credits.make import (
    OTHER_SCHOOL,
    PROJECT,
    admin,
    audited,
    deliver,
    person,
    register_people,
    result,
    teacher,
)

pytestmark = pytest.mark.usefixtures("now")
TODAY = date(2026, 11, 24)
ALONE = "360000/360100/360102/3601020099/"


@pytest.fixture
def people(database: Database, now: datetime) -> Database:
    """1 plain, 2 in an authority, 3 seconded now, 4 seconded once, 5 alone in a school, 6 elsewhere; 1 was at 省培."""
    register_people(database, 1)
    register_people(database, 6, unit_path=OTHER_SCHOOL)
    with database.transaction() as session:
        alone = {"name": "独峰教学点", "level": "school", "kind": "one_teacher_school"}
        session.merge(UnitCopy(path=ALONE, version=1, active=True, phone=None, **alone))
        session.merge(person(2, kind="education_authority_staff"))
        session.merge(person(3, seconded_from=date(2026, 9, 1)))
        session.merge(person(4, seconded_from=date(2024, 9, 1), seconded_to=date(2025, 9, 1)))
        session.merge(person(5, unit_path=ALONE))
    course = replace(PROJECT, category="provincial_training", level="provincial")
    deliver(database, audited(result(1), audit_id="a1", project=course))
    fallback = replace(PROJECT, category="fallback_training", plan_id="p", plan_number="TD1", plan_status="filed")
    deliver(database, audited(replace(result(6), result_id="r6"), audit_id="a6", project=fallback))
    return database


def decide(database: Database, policy: str, *, ends: bool, day: date = TODAY, text: str = "照一般规定执行") -> None:
    with database.transaction() as session:
        operations.decide(
            session, province(), policy, document=DOCUMENT, text=text, effective_on=day, ends_interim=ends
        )


def standing(database: Database, number: int, cycle: int | None = None) -> standings.Standing:
    with database.reading() as session:
        return standings.standing_of(session, province(), f"person-{number}", cycle)


def test_n19_each_question_counts_and_lists_whom_it_concerns_in_ones_area(people: Database) -> None:
    with people.reading() as session:
        everywhere = {one.question.id: one.people for one in queries.registered(session, province())}
        here = {one.question.id: one.people for one in queries.registered(session, admin())}
        lists = {name: queries.concerned(session, province(), name).items for name in register()}
        mine = {one.question.id: one.people for one in queries.registered(session, teacher(3))}
    assert everywhere == {"P-11": 1, "P-12": 4, "P-18": 1, "P-20": 1, "P-21": 1}
    assert here == {"P-11": 0, "P-12": 3, "P-18": 1, "P-20": 1, "P-21": 1}
    assert mine["P-21"] == 1
    assert mine["P-18"] == 0
    assert {name: len(items) for name, items in lists.items()} == everywhere
    assert [one.person.person_id for one in lists["P-21"]] == ["person-3"]


def test_n19_the_condition_in_sql_is_the_rule_about_one_person(people: Database) -> None:
    with people.reading() as session:
        cycle = standings.choose_cycle(session, None)[1]
        for name, question in register().items():
            listed = {one.person.person_id for one in queries.concerned(session, province(), name).items}
            found = set()
            for number in range(1, 7):
                seen = standings.standing_of(session, province(), f"person-{number}")
                facts = person_facts(seen.person, seen.unit)
                categories = {entry.line.category for entry in seen.entries if entry.stands}
                if question.is_about(facts, categories, cycle, TODAY):
                    found.add(f"person-{number}")
            assert listed == found, name


def test_n19_one_decision_is_read_by_everybody_and_ends_the_interim_treatment(people: Database) -> None:
    before = standing(people, 5)
    assert "PENDING_POLICY_P-18" in before.judgement.flags
    assert standing(people, 2).judgement.status is Status.NOT_ASSESSED
    decide(people, "P-20", ends=True)
    decide(people, "P-18", ends=False, text="并入中心校")
    judged = standing(people, 2).judgement
    assert judged.status is Status.IN_PROGRESS, "the interim treatment has ended"
    assert judged.flags["POLICY_DECIDED_P-20"] == f"省厅已明确：照一般规定执行（{DOCUMENT}）"
    assert not [flag for flag in judged.flags if flag.startswith("PENDING_POLICY_P-20")]
    alone = standing(people, 5).judgement
    assert alone.flags["POLICY_DECIDED_P-18"] == f"省厅已明确：并入中心校（{DOCUMENT}）"
    assert "POLICY_DECIDED_P-18" not in standing(people, 1).judgement.flags
    with people.reading() as session:
        row = next(one for one in listing.standings(session, province()).items if one.person.person_id == "person-2")
    assert row.judgement.status is Status.IN_PROGRESS, "lists judge alike"


def test_n19_a_question_without_a_mark_of_its_own_is_read_as_well(people: Database) -> None:
    decide(people, "P-11", ends=False, text="由县级组织")
    decide(people, "P-12", ends=False, text="另行补足")
    flags = standing(people, 6).judgement.flags
    assert [flag for flag in flags if flag.startswith("POLICY_")] == ["POLICY_DECIDED_P-11", "POLICY_DECIDED_P-12"]
    assert not [flag for flag in standing(people, 1).judgement.flags if flag.startswith("POLICY_DECIDED")]


def test_n19_a_decision_holds_from_its_day_on_and_leaves_closed_cycles(people: Database) -> None:
    decide(people, "P-20", ends=True, day=date(2027, 1, 1))
    judged = standing(people, 2).judgement
    assert judged.status is Status.NOT_ASSESSED
    assert judged.flags["POLICY_DECIDED_P-20"].endswith("自 2027-01-01 起施行")
    question, decision = (
        register()["P-20"],
        Decision(policy="P-20", document=DOCUMENT, text="照办", effective_on=date(2027, 1, 1), ends_interim=True),
    )
    with people.reading() as session:
        found = in_force.editions(session).cycle(2023)
    assert found is not None
    edition, cycle = found
    begun = policies.settled(edition, [decision], cycle, date(2027, 1, 1))
    assert {rule.status for rule in begun.persons if rule.flag == decision.flag} == {policies.REMARK_ONLY}
    assert question.review_on > TODAY
    assert "PENDING_POLICY_P-20" in standing(people, 2, 2018).judgement.flags, "the closed cycle stays as it was"


def test_n19_only_the_province_decides_and_only_once(people: Database) -> None:
    with people.transaction() as session, pytest.raises(NotAllowed):
        operations.decide(
            session, admin(), "P-18", document=DOCUMENT, text="照办", effective_on=TODAY, ends_interim=True
        )
    with people.transaction() as session, pytest.raises(Invalid) as wrong:
        operations.decide(
            session,
            province(),
            "P-18",
            document="",
            text="",
            effective_on=date(2020, 1, 1),
            ends_interim=True,
            edition="no",
        )
    assert set(wrong.value.fields) == {"document", "text", "effective_on", "edition"}
    decide(people, "P-18", ends=True)
    with pytest.raises(Conflict, match="已由江西省教育厅的省厅甲于"):
        decide(people, "P-18", ends=True)


def test_a_register_that_does_not_fit_stops_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoiled = tmp_path / "pending.toml"
    spoiled.write_text(policies.REGISTER.read_text(encoding="utf-8").replace("review_on = ", "reviewed_on = ", 1))
    monkeypatch.setattr(policies, "REGISTER", spoiled)
    with pytest.raises(TableError, match=r"pending\.toml: questions\.0\.review"):
        register.__wrapped__()


def test_every_mark_of_an_edition_is_in_the_register(people: Database) -> None:
    with people.reading() as session:
        edition, _ = standings.choose_cycle(session, None)
    flags = {rule.flag for rule in edition.persons} | {rule.flag for rule in edition.gaps}
    marks = {flag.removeprefix(policies.PENDING) for flag in flags if flag.startswith(policies.PENDING)}
    assert marks <= set(register())
