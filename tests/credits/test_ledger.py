"""The ledger through its messages: once, in order, append-only, corrected by counter-lines."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from services.credits import ledger, operations
from services.credits.models import ApprovedPlan, Audit, LedgerLine, UnknownPerson
from shared.database import Database
from shared.events.accounts import PeopleChanged, PersonPersonal, PersonRecord
from shared.events.plans import ApprovedItem, PlanApproved
from shared.inbox import Outcome, ParkedRow
from shared.outbox import OutboxRow
from tests.credits.make import (
    OTHER_COUNTY,
    PROJECT,
    SCHOOL,
    SCHOOL_PROJECT,
    audited,
    corrected,
    deliver,
    register_people,
    result,
    revoked,
)

pytestmark = pytest.mark.usefixtures("now")


def lines(database: Database) -> list[LedgerLine]:
    """The whole ledger."""
    with database.reading() as session:
        found = list(session.scalars(select(LedgerLine).order_by(LedgerLine.id)))
        session.expunge_all()
        return found


def told(database: Database) -> list[dict[str, Any]]:
    """The payloads of what credits has published."""
    with database.reading() as session:
        rows = session.scalars(select(OutboxRow).order_by(OutboxRow.id))
        return [row.payload for row in rows if row.name == "credits.credits_recorded.v1"]


def test_an_audit_becomes_a_line_that_explains_itself(database: Database) -> None:
    register_people(database, 1)
    assert deliver(database, audited(result(hours="60"))) is Outcome.APPLIED

    [line] = lines(database)
    assert (line.kind, line.person_id, line.amount, line.hours) == ("earned", "person-1", Decimal(6), Decimal(60))
    assert (line.cycle, line.school_year, line.bucket, line.category) == (2023, 2026, "coordinated", "county_training")
    assert (line.edition, line.rule, line.overlay, line.flag) == ("jx-2018-trial", "R-20", None, None)
    assert line.sentence == "面授 60 学时 ÷ 10 = 6.0，计入统筹；规则：2018 试行"
    assert line.effective_on == date(2026, 10, 18)
    assert (line.entered_by, line.audited_by) == ("account-enters", "account-audits")
    assert line.received_at <= line.recorded_at
    with database.reading() as session:
        audit = session.get_one(Audit, "audit-1")
        assert audit.project_title == PROJECT.title
        assert audit.audited_at == datetime(2026, 11, 20, 1, 12, tzinfo=UTC)
    [event] = told(database)
    assert (event["audit_id"], event["chunk"], event["revoked"]) == ("audit-1", 1, False)
    assert event["results"] == [
        {"result_id": "result-1", "person_id": "person-1", "credits": "6.0", "explanation": line.sentence}
    ]


def test_the_same_message_twice_makes_one_line(database: Database) -> None:
    register_people(database, 1)
    assert deliver(database, audited(), event_id="once") is Outcome.APPLIED
    assert deliver(database, audited(), event_id="once") is Outcome.DUPLICATE
    assert len(lines(database)) == 1
    assert len(told(database)) == 1


def test_a_chunk_sent_again_as_a_new_message_makes_no_new_line(database: Database) -> None:
    register_people(database, 1)
    assert deliver(database, audited(), 1) is Outcome.APPLIED
    # With other hours, as if something went wrong in plans: what is recorded stays.
    assert deliver(database, audited(result(hours="90")), 2) is Outcome.APPLIED
    assert [line.amount for line in lines(database)] == [Decimal(6)]
    assert [event["results"][0]["credits"] for event in told(database)] == ["6.0", "6.0"]


def test_a_result_under_another_audit_with_the_same_attempt_is_kept_and_shown(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(1), audit_id="audit-1"))
    # plans must number the attempts; if it does not, nothing may vanish quietly.
    assert deliver(database, audited(result(1), result(2), audit_id="audit-2")) is Outcome.PARKED
    assert len(lines(database)) == 1
    with database.reading() as session:
        assert "result-1" in (session.scalar(select(ParkedRow.last_error)) or "")


def test_taking_back_and_auditing_again_leaves_three_lines(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(result(attempt=1), audit_id="audit-1"), 1)
    assert deliver(database, revoked("audit-1"), 2) is Outcome.APPLIED
    first, second = lines(database)
    assert (second.kind, second.amount, second.reverses) == ("reversal", Decimal(-6), first.id)
    assert (second.cycle, second.school_year, second.bucket, second.category, second.effective_on) == (
        first.cycle, first.school_year, first.bucket, first.category, first.effective_on,
    )  # fmt: skip
    assert second.sentence == "审核已撤回（学时登记有误），冲正原记录，不再计入"
    assert told(database)[-1]["revoked"] is True
    assert told(database)[-1]["results"][0]["credits"] == "0.0"

    deliver(database, audited(result(attempt=2), audit_id="audit-2"), 1)
    assert [line.amount for line in lines(database)] == [Decimal(6), Decimal(-6), Decimal(6)]
    assert sum(line.amount or 0 for line in lines(database)) == Decimal(6)


def test_an_audit_is_countered_once_whatever_comes(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(), 1)
    deliver(database, revoked(), 2)
    deliver(database, revoked(), 3)
    assert [line.amount for line in lines(database)] == [Decimal(6), Decimal(-6)]


def test_a_revocation_waits_for_all_chunks_of_its_audit(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(1), chunk=1, chunks=2), 1)
    # The second chunk is late, so the revocation (number 3 of the audit) is parked, not half applied.
    assert deliver(database, revoked(), 3) is Outcome.PARKED
    assert len(lines(database)) == 1
    deliver(database, audited(result(2), chunk=2, chunks=2), 2)
    with database.reading() as session:
        [parked] = session.scalars(select(ParkedRow.envelope)).all()
    from services.credits.subscriptions import HANDLERS
    from shared.inbox import receive

    assert receive(database, "credits", HANDLERS, parked) is Outcome.APPLIED
    assert [(line.person_id, line.amount) for line in lines(database)] == [
        ("person-1", Decimal(6)), ("person-2", Decimal(6)), ("person-1", Decimal(-6)), ("person-2", Decimal(-6)),
    ]  # fmt: skip


def test_a_revocation_of_an_unheard_audit_is_kept(database: Database) -> None:
    assert deliver(database, revoked("never-seen"), 1) is Outcome.PARKED
    with database.reading() as session:
        assert "never-seen" in (session.scalar(select(ParkedRow.last_error)) or "")


def test_zeros_and_the_undetermined_are_lines_too(database: Database) -> None:
    register_people(database, 1, 2, 3)
    deliver(database, audited(result(1), audit_id="a1", project=replace(PROJECT, convert=False)))
    deliver(database, audited(result(2, passed=False), audit_id="a2"))
    deliver(database, audited(result(3), audit_id="a3", project=replace(PROJECT, category="full_staff_training")))
    assert [(line.amount, line.flag) for line in lines(database)] == [
        (Decimal(0), "CONVERSION_NOT_CHOSEN"),
        (Decimal(0), "NOT_PASSED"),
        (None, "PENDING_RATE"),
    ]
    assert "项目未选择折算" in lines(database)[0].sentence
    assert [event["results"][0]["credits"] for event in told(database)] == ["0.0", "0.0", "0.0"]
    # A counter-line of what is not known is not known either, and the two cancel.
    deliver(database, revoked("a3"), 2)
    assert lines(database)[-1].amount is None


def test_a_training_outside_every_cycle_is_recorded_for_checking(database: Database) -> None:
    register_people(database, 1)
    old = replace(PROJECT, school_year="2016-2017", held_from=date(2016, 10, 1), held_to=date(2016, 10, 5))
    assert deliver(database, audited(project=old)) is Outcome.APPLIED
    [line] = lines(database)
    assert (line.cycle, line.school_year, line.amount, line.edition) == (None, 2016, None, None)


@pytest.mark.parametrize("school_year", ["2026", "2026-2028", "26-27学年"])
def test_a_school_year_that_is_none_is_kept_and_shown(database: Database, school_year: str) -> None:
    assert deliver(database, audited(project=replace(PROJECT, school_year=school_year))) is Outcome.PARKED
    assert lines(database) == []


def test_negative_hours_are_kept_and_shown(database: Database) -> None:
    assert deliver(database, audited(result(hours="-10"))) is Outcome.PARKED
    assert lines(database) == []


def test_an_overlay_leaves_other_programmes_alone(database: Database) -> None:
    register_people(database, 1)
    yujiang = replace(PROJECT, organizer_path=OTHER_COUNTY, organizer_name="鹰潭市余江区教育体育局")
    deliver(database, audited(result(hours="40"), project=yujiang))
    assert [(line.amount, line.overlay) for line in lines(database)] == [(Decimal(4), None)]


def test_r25_headmasters_of_one_county_get_half_and_a_correction_knows_it(database: Database) -> None:
    register_people(database, 1)
    yujiang = replace(
        PROJECT, organizer_path=OTHER_COUNTY, organizer_name="鹰潭市余江区教育体育局", programme="headmaster"
    )
    elsewhere = replace(PROJECT, project_id="project-9", number="XM2026-0009", programme="headmaster")
    deliver(database, audited(result(1, hours="40"), project=yujiang))
    deliver(database, audited(result(2, hours="40"), project=elsewhere, audit_id="audit-9"))
    assert [(line.amount, line.overlay) for line in lines(database)] == [
        (Decimal(2), "yujiang-2019"),
        (Decimal(4), None),
    ]
    deliver(database, corrected(1, replace(yujiang, programme="general")))
    *_, counter, anew = lines(database)
    assert (counter.amount, anew.amount, anew.overlay) == (Decimal(-2), Decimal(4), None)
    assert "专项由“校长研修”改为“一般”" in anew.sentence


def test_r25_a_change_of_the_rules_still_knows_the_programme(database: Database) -> None:
    register_people(database, 1)
    yujiang = replace(PROJECT, organizer_path=OTHER_COUNTY, programme="headmaster")
    deliver(database, audited(result(1, hours="40"), project=yujiang))
    with database.reading() as session:
        (line,) = lines(database)
        told = operations.as_audited(session.get_one(Audit, "audit-1"), line)
        (again,) = ledger.converted(session, told, [result(1, hours="40")], {})
    assert (told, again["amount"]) == (yujiang, line.amount)


def test_an_unknown_teacher_loses_nothing(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(result(1), result(7)))
    with database.reading() as session:
        assert session.scalars(select(UnknownPerson.person_id)).all() == ["person-7"]
    assert len(lines(database)) == 2
    record = PersonRecord(
        person_id="person-7", version=1, identity_hash="h7", unit_path=SCHOOL, kind="in_service", stage=None,
        subject=None, hired_on=None, formal_appointment_on=None, retires_on=None, seconded_from=None,
        seconded_to=None, active=True, personal=PersonPersonal(name="新教师", masked_identity="360102********0027"),
    )  # fmt: skip
    deliver(database, PeopleChanged(people=[record]))
    with database.reading() as session:
        assert session.scalars(select(UnknownPerson.person_id)).all() == []


def test_an_approved_plan_is_kept_and_a_later_version_replaces_it(database: Database) -> None:
    item = ApprovedItem(
        item_id="i1", kind="other", title="读书会", hours=Decimal(30), hours_per_credit=Decimal(10), credits=Decimal(3)
    )
    plan = PlanApproved(
        plan_id="plan-1", kind="school_plan", number="FA2026-0001", school_year="2026-2027", unit_path=SCHOOL,
        version=2, digest="d2", items=[item], approved_at=datetime(2026, 9, 20, tzinfo=UTC),
    )  # fmt: skip
    deliver(database, plan, 1)
    deliver(database, replace(plan, version=3, digest="d3"), 2)
    deliver(database, replace(plan, version=1, digest="d1"), 3)
    with database.reading() as session:
        [kept] = session.scalars(select(ApprovedPlan)).all()
        session.expunge_all()
    assert (kept.number, kept.version, kept.digest) == ("FA2026-0001", 3, "d3")
    assert kept.items[0]["title"] == "读书会"
    assert kept.items[0]["hours_per_credit"] == "10"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_lines SET amount = 99900",
        "UPDATE ledger_lines SET sentence = '' WHERE id = 1",
        "DELETE FROM ledger_lines",
    ],
)
def test_the_ledger_refuses_every_change(database: Database, statement: str) -> None:
    register_people(database, 1)
    deliver(database, audited())
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(text(statement))
    assert [line.amount for line in lines(database)] == [Decimal(6)]


def test_the_ledger_refuses_to_be_emptied(postgres: Database) -> None:
    register_people(postgres, 1)
    deliver(postgres, audited())
    with pytest.raises(DBAPIError, match="append-only"), postgres.transaction() as session:
        session.execute(text("TRUNCATE ledger_lines CASCADE"))
    assert len(lines(postgres)) == 1


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"attempt": 9}, "reverses"),
        ({"attempt": 9, "kind": "earned", "amount": Decimal(6)}, "names_its_line"),
        ({"attempt": 9, "reverses": None}, "names_its_line"),
        ({"attempt": 9, "amount": Decimal(6)}, "sign"),
        ({"attempt": 9, "reverses": None, "kind": "earned", "amount": Decimal(-6)}, "sign"),
        ({"reverses": None, "kind": "earned", "amount": Decimal(6)}, "attempt"),
    ],
)
def test_the_tables_refuse_impossible_lines(database: Database, wrong: dict[str, Any], why: str) -> None:
    register_people(database, 1)
    deliver(database, audited(), 1)
    deliver(database, revoked(), 2)
    counter = lines(database)[1]
    values = {c.name: getattr(counter, c.name) for c in LedgerLine.__table__.columns if c.name != "id"}
    with pytest.raises(DBAPIError, match=why), database.transaction() as session:
        session.add(LedgerLine(**(values | wrong)))


def test_two_chunks_and_a_doubled_one_at_the_same_time(postgres: Database) -> None:
    register_people(postgres, *range(1, 401))
    chunks = [audited(*[result(n) for n in range(first, first + 200)], chunk=c, chunks=2)
              for c, first in ((1, 1), (2, 201))]  # fmt: skip
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def enter(number: int) -> None:
        start.wait()
        try:
            with postgres.transaction() as session:
                operations.record_audit(session, chunks[number % 2])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    with postgres.reading() as session:
        total, people, amount = session.execute(
            select(func.count(), func.count(LedgerLine.person_id.distinct()), func.sum(LedgerLine.amount))
        ).one()
    assert (total, people, amount) == (400, 400, Decimal(2400))


def test_a_whole_audit_of_many_chunks_is_countered_at_once(database: Database) -> None:
    for chunk in (1, 2, 3):
        people = [result(n) for n in range(chunk * 1000, chunk * 1000 + 400)]
        deliver(database, audited(*people, chunk=chunk, chunks=3), chunk)
    deliver(database, revoked(), 4)
    with database.reading() as session:
        assert session.scalar(select(func.sum(LedgerLine.amount))) == Decimal(0)
        assert session.scalar(select(func.count()).select_from(LedgerLine)) == 2400
    counters = [event for event in told(database) if event["revoked"]]
    assert [len(event["results"]) for event in counters] == [500, 500, 200]
    assert len({row["result_id"] for event in counters for row in event["results"]}) == 1200


def test_school_credits_rest_on_the_plan(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(result(hours="30"), project=SCHOOL_PROJECT))
    [line] = lines(database)
    assert (line.bucket, line.amount, line.rule) == ("self_organized", Decimal(3), "R-24")
    with database.reading() as session:
        assert session.get_one(Audit, "audit-1").plan_number == "FA2026-0001"


@pytest.mark.usefixtures("now")
def test_a_counter_line_that_another_keeps_out_is_an_error_and_not_silence(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(result()))
    deliver(database, revoked("audit-1"), 2)
    with database.transaction() as session:
        earned, counter = session.scalars(select(LedgerLine).order_by(LedgerLine.id)).all()
        row = {name: getattr(counter, name) for name in ledger.COPIED}
        told = ("kind", "correction", "adjustment", "amount", "sentence", "audited_by", "received_at", "recorded_at")
        row |= {name: getattr(counter, name) for name in told}
        ledger.enter(session, [row | {"reverses": earned.id}])  # there already: a message that came twice
        with pytest.raises(RuntimeError, match="no counter-line"):
            ledger.enter(session, [row | {"reverses": counter.id}])
