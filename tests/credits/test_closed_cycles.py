"""B6: a cycle closes some days after its end; what comes later waits for the provincial office, and is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from services.credits import in_force
from services.credits.closing import operations, queries
from services.credits.edition_files import shipped
from services.credits.employment import operations as employment
from services.credits.keeping import LateEntry
from services.credits.rulebook import adjusting
from shared.actors import Actor, Office
from shared.database import Database
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.events.plans import ProjectFacts
from tests.credits import changing
from tests.credits.changing import DOCUMENT, lines, province
from tests.credits.conftest import BEFORE_IT_CLOSES
from tests.credits.make import (
    OTHER_COUNTY,
    PROJECT,
    SCHOOL,
    admin,
    audited,
    corrected,
    deliver,
    register_people,
    result,
    revoked,
)
from tests.credits.test_claims import DEGREE, ended
from tests.credits.test_deliveries import cause, one
from tests.credits.test_deliveries import told as sum_up
from tests.credits.test_employment import LEAVE
from tests.credits.test_ledger import told

pytestmark = pytest.mark.usefixtures("now")
LAST_SUMMER = replace(PROJECT, school_year="2022-2023", held_from=date(2023, 8, 1), held_to=date(2023, 8, 10))
THIS_YEAR = replace(LAST_SUMMER, school_year="2026-2027", held_from=date(2026, 10, 1), held_to=date(2026, 10, 10))
CLOSED = "2018—2023 周期已于 2023-11-30 关闭"


@contextmanager
def in_time() -> Iterator[None]:
    """The last minute before the cycle closes."""
    with time_machine.travel(BEFORE_IT_CLOSES):
        yield


def amounts(database: Database) -> list[Decimal | None]:
    """The whole ledger."""
    return [line.amount for line in lines(database)]


def kept(database: Database) -> list[LateEntry]:
    """Everything that came too late."""
    with database.reading() as session:
        return list(session.scalars(select(LateEntry).order_by(LateEntry.id)))


def decide(database: Database, number: int = 1, *, actor: Actor | None = None, **changes: Any) -> None:
    """What the provincial office does with the late entry number `number`: it admits it."""
    told = {"admit": True, "document": DOCUMENT, "reason": "县局漏审"} | changes
    entry = kept(database)[number - 1]
    with database.transaction() as session:
        operations.decide(session, actor or province(), entry.id, **told)


def post_in_time(database: Database, project: ProjectFacts = LAST_SUMMER) -> None:
    """A result that came before the cycle closed."""
    with in_time():
        deliver(database, audited(project=project), 1)


@pytest.mark.parametrize(
    ("moment", "posted"),
    [(BEFORE_IT_CLOSES, 1), (datetime(2023, 11, 30, 16, 0, tzinfo=UTC), 0)],  # midnight in China
)
def test_b6_a_late_audit_counts_until_the_cycle_closes(database: Database, moment: datetime, posted: int) -> None:
    register_people(database, 1)
    with time_machine.travel(moment):
        deliver(database, audited(project=LAST_SUMMER))
    assert (len(lines(database)), len(kept(database))) == (posted, 1 - posted)


def test_b6_what_comes_later_waits_and_is_shown(database: Database) -> None:
    register_people(database, 1)
    for version in (1, 2):
        deliver(database, audited(project=LAST_SUMMER), version)
    (entry,) = kept(database)
    assert (lines(database), entry.state, entry.cycle, entry.person_id) == ([], "waiting", 2018, "person-1")
    sentence = f"{CLOSED}，此成绩不再计入；如须计入，由省级学分管理员凭文件准予补记。"
    assert told(database)[-1]["results"] == [
        {"result_id": "result-1", "person_id": "person-1", "credits": "0.0", "explanation": sentence}
    ]
    with database.reading() as session:
        for actor in (admin(), admin(Office.SCHOOL_ADMIN, SCHOOL), province()):
            (late,) = queries.late(session, actor).items
            assert (late.title, late.amount, late.entry.told) == (LAST_SUMMER.title, Decimal(6), sentence)
            assert queries.count(session, actor) == 1
        assert queries.late(session, admin(path=OTHER_COUNTY)).items == []
        with pytest.raises(NotFound):
            queries.find(session, admin(path=OTHER_COUNTY), entry.id)
    sum_up(database, one(audited(project=LAST_SUMMER), credits="0.0"))
    assert cause(database) is None, "both sides know the same"


def test_b6_it_is_admitted_once_by_a_document(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=LAST_SUMMER), 1)
    with pytest.raises(NotAllowed):
        decide(database, actor=admin())
    with pytest.raises(Invalid) as caught:
        decide(database, document="", reason="")
    assert list(caught.value.fields) == ["document", "reason"]
    assert lines(database) == []

    decide(database)
    (line,) = lines(database)
    assert (line.cycle, line.amount, line.audit_id) == (2018, Decimal(6), "audit-1")
    assert line.sentence == f"补记（{DOCUMENT}）：面授 60 学时 ÷ 10 = 6.0，计入统筹；规则：2018 试行"
    assert told(database)[-1]["results"][0]["credits"] == "6.0"
    (entry,) = kept(database)
    assert (entry.state, entry.document, entry.reason) == ("admitted", DOCUMENT, "县局漏审")
    assert (entry.decided_by, entry.decided_by_name, entry.body) == ("account-省厅甲", "省厅甲", "江西省教育厅")
    assert entry.decided_at is not None
    for admit in (True, False):
        with pytest.raises(Conflict, match=r"已由省厅甲于 .* 办理：江西省教育厅已准予补记"):
            decide(database, admit=admit)
    deliver(database, audited(project=LAST_SUMMER), 2)
    assert (len(lines(database)), len(kept(database))) == (1, 1)


def test_b6_of_two_who_decide_at_once_one_wins(postgres: Database) -> None:
    register_people(postgres, 1)
    deliver(postgres, audited(project=LAST_SUMMER))
    both, outcomes = threading.Barrier(2), list[str]()

    def press(admit: bool) -> None:
        both.wait()
        try:
            decide(postgres, admit=admit)
            outcomes.append("done")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=press, args=(admit,)) for admit in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "done"]
    assert len(lines(postgres)) == (kept(postgres)[0].state == "admitted")


def test_b6_it_is_dismissed_and_stays_so(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=LAST_SUMMER), 1)
    decide(database, admit=False, reason="超过期限")
    deliver(database, audited(project=LAST_SUMMER), 2)
    (entry,) = kept(database)
    assert (lines(database), entry.state) == ([], "dismissed")
    explanation = f"江西省教育厅已不予补记（{DOCUMENT}）：超过期限"
    assert [event["results"][0]["explanation"] for event in told(database)[1:]] == [explanation] * 2
    with pytest.raises(Conflict, match="不予补记"):
        decide(database)


def test_b6_a_revocation_waits_and_what_stands_is_told(database: Database) -> None:
    register_people(database, 1)
    post_in_time(database)
    deliver(database, revoked(), 2)
    assert amounts(database) == [Decimal(6)]
    assert "此次冲正不再办理" in kept(database)[0].sentence
    last = told(database)[-1]
    assert (last["revoked"], last["results"][0]["credits"]) == (True, "6.0")
    sum_up(database, one(audited(project=LAST_SUMMER), credits="6.0", revoked=True))
    assert cause(database) is None

    # Audited again it would count twice, until the province has admitted the counter-line.
    deliver(database, audited(result(attempt=2), audit_id="audit-2", project=LAST_SUMMER), 1)
    with pytest.raises(Conflict, match="第 1 号记录仍在计入"):
        decide(database, 2)
    decide(database, 1)
    assert (amounts(database), told(database)[-1]["results"][0]["credits"]) == ([Decimal(6), Decimal(-6)], "0.0")
    decide(database, 2)
    assert amounts(database) == [Decimal(6), Decimal(-6), Decimal(6)]


def test_b6_what_waits_is_overtaken_when_its_audit_is_taken_back(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=LAST_SUMMER), 1)
    deliver(database, revoked(), 2)
    (entry,) = kept(database)
    assert (lines(database), entry.state) == ([], "overtaken")
    with pytest.raises(Conflict, match="审核已撤回（学时登记有误），不再等待补记"):
        decide(database)


@pytest.mark.parametrize("admit", [True, False])
def test_b6_a_correction_waits_with_both_its_lines(database: Database, admit: bool) -> None:
    register_people(database, 1)
    post_in_time(database)
    deliver(database, corrected(1, replace(LAST_SUMMER, mode="online")))
    assert (amounts(database), len(kept(database)[0].lines)) == ([Decimal(6)], 2)
    assert told(database)[-1]["results"][0]["credits"] == "6.0"
    decide(database, admit=admit)
    assert amounts(database) == ([Decimal(6), Decimal(-6), Decimal(3)] if admit else [Decimal(6)])
    assert told(database)[-1]["results"][0]["credits"] == ("3.0" if admit else "6.0")


def test_b6_what_waits_follows_a_correction_also_into_an_open_cycle(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=LAST_SUMMER), 1)
    deliver(database, corrected(1, replace(LAST_SUMMER, mode="online")), 1)
    assert [(entry.state, entry.lines[0]["amount"]) for entry in kept(database)] == [
        ("overtaken", "6.0"),
        ("waiting", "3.0"),
    ]
    deliver(database, corrected(2, THIS_YEAR), 2)
    assert [(line.cycle, line.amount) for line in lines(database)] == [(2023, Decimal(6))]
    assert [entry.state for entry in kept(database)] == ["overtaken", "overtaken"]
    # The roster is told what stands, not why something waited before.
    (last,) = told(database)[-1]["results"]
    assert (last["credits"], last["explanation"]) == ("6.0", lines(database)[0].sentence)
    deliver(database, revoked(), 2)
    (last,) = told(database)[-1]["results"]
    assert (last["credits"], last["explanation"]) == ("0.0", lines(database)[1].sentence)


def test_b6_a_correction_out_of_an_open_cycle_is_countered_there(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=THIS_YEAR), 1)
    deliver(database, corrected(1, LAST_SUMMER), 1)
    assert [(line.cycle, line.amount) for line in lines(database)] == [(2023, Decimal(6)), (2023, Decimal(-6))]
    assert told(database)[-1]["results"][0]["credits"] == "0.0"
    decide(database)
    assert (lines(database)[-1].cycle, lines(database)[-1].amount) == (2018, Decimal(6))


def test_b6_a_claim_waits_and_so_does_its_end(database: Database) -> None:
    register_people(database, 1)
    late = replace(DEGREE, school_year="2022-2023", obtained_on=date(2023, 6, 1))
    deliver(database, late, 1)
    assert (lines(database), "此项认定不再计入" in kept(database)[0].sentence) == ([], True)
    decide(database)
    assert amounts(database) == [Decimal(5)]
    deliver(database, ended(late), 2)
    deliver(database, late, 3)
    assert amounts(database) == [Decimal(5)]
    decide(database, 2)
    assert amounts(database) == [Decimal(5), Decimal(-5)]

    other = replace(late, plan_id="claim-9")
    deliver(database, other, 1)
    deliver(database, ended(other), 2)
    assert (amounts(database), kept(database)[-1].state) == ([Decimal(5), Decimal(-5)], "overtaken")


def test_b6_an_exemption_leaves_closed_cycles_alone(database: Database) -> None:
    register_people(database, 1)
    with in_time(), database.transaction() as session:
        old = LEAVE | {"starts_on": date(2022, 9, 1), "ends_on": None}
        made = employment.enter_exemption(session, admin(), "person-1", **old)
    with database.transaction() as session:
        with pytest.raises(Invalid, match=f"{CLOSED}，不再变动；最后一天请填写 2023-08-31 或之后") as caught:
            employment.end_exemption(session, admin(), made.id, ends_on=date(2023, 8, 30), reason="提前返岗")
        assert list(caught.value.fields) == ["ends_on"]
        employment.end_exemption(session, admin(), made.id, ends_on=date(2023, 8, 31), reason="提前返岗")
        with pytest.raises(Invalid, match=f"{CLOSED}，不再变动；开始日期请填写 2023-09-01 或之后") as caught:
            employment.enter_exemption(session, admin(), "person-1", **LEAVE | {"starts_on": date(2023, 8, 31)})
        assert list(caught.value.fields) == ["starts_on"]
        employment.enter_exemption(session, admin(), "person-1", **LEAVE | {"starts_on": date(2023, 9, 1)})


def test_b6_n5_an_adjustment_that_is_late_leaves_a_closed_cycle(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(), 1)
    edition = changing.published(database, "cycle_start", changing.START, changing.STRICTER)
    with time_machine.travel(datetime(2028, 12, 1, tzinfo=UTC)), database.transaction() as session:
        assert 2023 in in_force.closed_cycles(session)
        assert adjusting.adjust_chunk(session, edition.number) == 0
    assert (amounts(database), kept(database)) == ([Decimal(6)], [])


def test_b6_the_days_are_a_figure_with_its_source() -> None:
    pair = shipped().cycle(2018)
    assert pair is not None
    assert pair[0].cycle is not None
    assert (pair[0].cycle.closes_after.value, pair[0].cycle.closes_after.grade) == (91, "C")
    assert pair[1].closes_on == date(2023, 11, 30)
    assert not pair[1].closed(date(2023, 11, 30))
    assert pair[1].closed(date(2023, 12, 1))
