"""A corrected project (N6, R-27, FAQ-Q1): its audits stay, their credits are countered and given anew, once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from services.credits import operations
from services.credits.models import Audit, LedgerLine, ProjectCorrection
from shared.database import Database
from shared.inbox import Outcome
from shared.service import Runtime
from tests.credits.conftest import BEFORE_IT_CLOSES
from tests.credits.make import (
    PROJECT,
    SCHOOL_PROJECT,
    audited,
    corrected,
    deliver,
    register_people,
    result,
    revoked,
    teacher,
)
from tests.credits.test_api import get
from tests.credits.test_ledger import lines, told
from tests.credits.test_pages import show

pytestmark = pytest.mark.usefixtures("now")

FORGOTTEN = replace(PROJECT, convert=False)
ONLINE = replace(PROJECT, mode="online")


def amounts(database: Database) -> list[Decimal | None]:
    """Of all lines, in order."""
    return [line.amount for line in lines(database)]


def test_n6_a_forgotten_conversion_is_mended_in_one_step(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=FORGOTTEN))
    assert deliver(database, corrected()) is Outcome.APPLIED

    old, counter, new = lines(database)
    assert (old.amount, old.flag) == (Decimal(0), "CONVERSION_NOT_CHOSEN")
    assert (counter.kind, counter.reverses, counter.amount, counter.correction) == ("reversal", old.id, Decimal(0), 1)
    assert counter.sentence == (
        "更正：折算由“未选择”改为“已选择”（发布时漏选折算），冲回第 1 号记录的 0.0 学分，另行重新折算"
    )
    assert (new.kind, new.amount, new.flag, new.attempt, new.correction) == ("earned", Decimal(6), None, 1, 1)
    assert new.sentence == (
        "更正：折算由“未选择”改为“已选择”，冲回第 1 号记录的 0.0 学分，重新折算："
        "面授 60 学时 ÷ 10 = 6.0，计入统筹；规则：2018 试行"
    )
    # The audit stays: the same auditor, and not taken back.
    assert (new.audit_id, new.entered_by, new.audited_by) == ("audit-1", "account-enters", "account-audits")
    assert counter.audited_by == "account-enters"
    with database.reading() as session:
        assert session.get_one(Audit, "audit-1").revoked_at is None
    answer = told(database)[-1]
    assert (answer["audit_id"], answer["chunk"], answer["revoked"]) == ("audit-1", 1, False)
    assert answer["results"] == [
        {"result_id": "result-1", "person_id": "person-1", "credits": "6.0", "explanation": new.sentence}
    ]


def test_a_correction_gives_what_a_fresh_audit_would_have_given(database: Database) -> None:
    register_people(database, 1, 2, 3)
    people = [result(1, hours="33"), result(2, hours="20", passed=False), result(3, hours="7.5")]
    deliver(database, audited(*people, project=FORGOTTEN))
    deliver(database, corrected(1, ONLINE))
    fresh = [replace(person, result_id=f"fresh-{person.result_id}") for person in people]
    deliver(database, audited(*fresh, audit_id="fresh", project=replace(ONLINE, project_id="fresh")))
    *_, one, two, three, fresh_one, fresh_two, fresh_three = lines(database)
    for new, like in ((one, fresh_one), (two, fresh_two), (three, fresh_three)):
        for name in ("person_id", "amount", "hours", "passed", "rule", "flag", "bucket", "category", "cycle"):
            assert getattr(new, name) == getattr(like, name)
        assert new.sentence.endswith(like.sentence)
    assert [one.amount, two.amount, three.amount] == [Decimal("1.7"), Decimal(0), Decimal("0.4")]


def test_a_correction_moves_credits_between_the_buckets(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(project=PROJECT))
    deliver(run.database, corrected(1, replace(SCHOOL_PROJECT, project_id="project-1"), reason="类别选错"))
    buckets = get(client, run, teacher(1), "/me/standing")["buckets"]
    assert (buckets["coordinated"]["counted"], buckets["self_organized"]["counted"]) == ("0.0", "6.0")


def test_the_correction_sent_again_changes_nothing(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=FORGOTTEN))
    assert deliver(database, corrected(), 1, event_id="once") is Outcome.APPLIED
    before, answers = amounts(database), len(told(database))
    assert deliver(database, corrected(), 1, event_id="once") is Outcome.DUPLICATE
    assert deliver(database, corrected(), 2) is Outcome.APPLIED
    assert (amounts(database), len(told(database))) == (before, answers)


def test_of_two_corrections_the_later_counts_and_names_what_the_earlier_said(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=FORGOTTEN))
    deliver(database, corrected(1), 1)
    deliver(database, corrected(2, ONLINE, reason="实为网络研修"), 2)
    assert amounts(database) == [0, 0, Decimal(6), Decimal(-6), Decimal(3)]
    assert lines(database)[-1].sentence.startswith(
        "更正：培训方式由“面授”改为“网络”，冲回第 3 号记录的 6.0 学分，重新折算：网络 60 学时"
    )


def test_an_older_correction_after_a_newer_one_is_ignored(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=FORGOTTEN))
    deliver(database, corrected(2, ONLINE), 1)
    before = amounts(database)
    assert deliver(database, corrected(1), 2) is Outcome.APPLIED
    assert amounts(database) == before == [0, 0, Decimal(3)]


def test_an_audit_that_a_correction_overtook_counts_by_it(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(1), project=FORGOTTEN, chunk=1, chunks=2), 1)
    deliver(database, corrected())
    deliver(database, audited(result(2), project=FORGOTTEN, chunk=2, chunks=2), 2)
    assert [(line.person_id, line.amount, line.correction) for line in lines(database)] == [
        ("person-1", 0, 0), ("person-1", 0, 1), ("person-1", Decimal(6), 1), ("person-2", Decimal(6), 1),
    ]  # fmt: skip
    # And the chunk sent again, as a new message, finds its line under whatever correction.
    deliver(database, audited(result(2), project=FORGOTTEN, chunk=2, chunks=2), 3)
    deliver(database, audited(result(1), project=FORGOTTEN, chunk=1, chunks=2), 4)
    assert len(lines(database)) == 4
    assert [event["results"][0]["credits"] for event in told(database)[-2:]] == ["6.0", "6.0"]
    deliver(database, corrected(2, ONLINE), 2)
    assert amounts(database)[4:] == [Decimal(-6), Decimal(-6), Decimal(3), Decimal(3)]


def test_an_audit_after_the_correction_is_left_alone_when_it_comes_first(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(1), audit_id="before", project=FORGOTTEN))
    deliver(database, audited(result(2), audit_id="after", project=replace(ONLINE, correction=2)))
    deliver(database, corrected(1), 1)
    deliver(database, corrected(2, ONLINE), 2)
    assert [(line.person_id, line.amount) for line in lines(database)] == [
        ("person-1", 0), ("person-2", Decimal(3)),
        ("person-1", 0), ("person-1", Decimal(6)), ("person-1", Decimal(-6)), ("person-1", Decimal(3)),
    ]  # fmt: skip


def test_corrected_then_taken_back_then_audited_again(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=FORGOTTEN), 1)
    deliver(database, corrected(1), 1)
    deliver(database, revoked(), 2)
    assert amounts(database) == [0, 0, Decimal(6), Decimal(-6)]
    assert [line.reverses for line in lines(database)] == [None, 1, None, 3]
    [answer] = [event for event in told(database) if event["revoked"]]
    assert [row["credits"] for row in answer["results"]] == ["0.0"]
    # What was taken back stays countered under any further correction.
    deliver(database, corrected(2, ONLINE), 2)
    assert len(lines(database)) == 4
    again = replace(ONLINE, correction=2)
    deliver(database, audited(result(attempt=2), audit_id="audit-2", project=again))
    assert amounts(database) == [0, 0, Decimal(6), Decimal(-6), Decimal(3)]


def test_what_is_not_known_becomes_known_and_back(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    pending = replace(PROJECT, category="full_staff_training")
    deliver(run.database, audited(project=pending))
    assert get(client, run, teacher(1), "/me/standing")["buckets"]["coordinated"]["pending"] == 1
    deliver(run.database, corrected(1), 1)
    bucket = get(client, run, teacher(1), "/me/standing")["buckets"]["coordinated"]
    assert (bucket["counted"], bucket["pending"]) == ("6.0", 0)
    assert "冲回第 1 号记录（待定）" in lines(run.database)[-1].sentence
    deliver(run.database, corrected(2, pending), 2)
    bucket = get(client, run, teacher(1), "/me/standing")["buckets"]["coordinated"]
    assert (bucket["counted"], bucket["pending"]) == ("0.0", 1)


def test_a_cycle_that_is_over_is_mended_until_it_closes(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    old = replace(FORGOTTEN, school_year="2021-2022", held_from=date(2021, 10, 1), held_to=date(2021, 10, 10))
    with time_machine.travel(BEFORE_IT_CLOSES):
        deliver(run.database, audited(project=old))
        deliver(run.database, corrected(1, replace(old, convert=True)))
    standing = get(client, run, teacher(1), "/me/standing?cycle=2018")
    assert standing["buckets"]["coordinated"]["counted"] == "6.0"
    assert {line.cycle for line in lines(run.database)} == {2018}


def test_other_projects_are_left_alone(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(1)))
    deliver(database, audited(result(2), audit_id="other", project=replace(FORGOTTEN, project_id="other")))
    deliver(database, corrected(1, ONLINE))
    assert [line.person_id for line in lines(database)] == ["person-1", "person-2", "person-1", "person-1"]


def test_a_line_that_does_not_tell_whether_it_was_passed_stays(database: Database) -> None:
    """Lines from before the pass mark was kept: nothing is guessed, and the roster hears what the ledger holds."""
    register_people(database, 1, 2, 3)
    deliver(database, audited(result(1), project=FORGOTTEN))
    deliver(database, audited(result(2), result(3, passed=False), audit_id="audit-2"))
    with database.transaction() as session:
        audit = session.get_one(Audit, "audit-1")
        session.add(Audit(**(_columns(audit) | {"audit_id": "old", "project_id": "old"})))
        session.flush()
        for line in lines(database):
            old = {"audit_id": "old", "result_id": f"old-{line.result_id}", "passed": None}
            session.add(LedgerLine(**(_columns(line, "id") | old)))
    deliver(database, corrected(1, replace(ONLINE, project_id="old")))
    found = [(line.person_id, line.kind, line.amount) for line in lines(database)[6:]]
    assert sorted(found, key=str) == [
        ("person-2", "earned", Decimal(3)), ("person-2", "reversal", Decimal(-6)),
        ("person-3", "earned", Decimal(0)), ("person-3", "reversal", Decimal(0)),
    ]  # fmt: skip
    assert {row["result_id"]: row["credits"] for row in told(database)[-1]["results"]} == {
        "old-result-1": "0.0", "old-result-2": "3.0", "old-result-3": "0.0",
    }  # fmt: skip


def _columns(row: Audit | LedgerLine, *without: str) -> dict[str, Any]:
    return {c.name: getattr(row, c.name) for c in row.__table__.columns if c.name not in without}


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_many_results_are_corrected_by_few_statements(database: Database) -> None:
    for chunk in (1, 2, 3):
        people = [result(n) for n in range(chunk * 1000, chunk * 1000 + 400)]
        deliver(database, audited(*people, project=FORGOTTEN, chunk=chunk, chunks=3), chunk)
    with statements(database) as sent:
        assert deliver(database, corrected()) is Outcome.APPLIED
    with database.reading() as session:
        assert session.scalar(select(func.sum(LedgerLine.amount))) == Decimal(7200)
        assert session.scalar(select(func.count()).select_from(LedgerLine)) == 3600
    answers = told(database)[3:]
    assert [(len(answer["results"]), answer["chunk"]) for answer in answers] == [(500, 1), (500, 2), (200, 3)]
    assert {row["credits"] for answer in answers for row in answer["results"]} == {"6.0"}
    # A dozen for the message itself, one for the audit trail and one for units that moved, some nine a chunk; nothing
    # per person.
    assert len(sent) <= 17 + 3 * 12


def test_an_audit_and_a_correction_at_the_same_moment(postgres: Database) -> None:
    register_people(postgres, *range(1, 201))
    chunks = [audited(*[result(n) for n in range(c * 20 + 1, c * 20 + 21)], project=FORGOTTEN, audit_id=f"audit-{c}")
              for c in range(10)]  # fmt: skip
    start = threading.Barrier(11)
    failures: list[BaseException] = []

    def apply(what: Any, message: Any) -> None:
        start.wait()
        try:
            with postgres.transaction() as session:
                what(session, message)
        except BaseException as error:
            failures.append(error)

    work = [(operations.record_audit, chunk) for chunk in chunks] + [(operations.correct_project, corrected())]
    threads = [threading.Thread(target=apply, args=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    with postgres.reading() as session:
        query = select(LedgerLine.person_id, func.sum(LedgerLine.amount).label("total")).group_by(LedgerLine.person_id)
        sums = {row.person_id: row.total for row in session.execute(query)}
    assert sums == {f"person-{n}": Decimal(6) for n in range(1, 201)}


def test_the_page_tells_the_correction_in_words(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(project=replace(FORGOTTEN, category="full_staff_training")))
    deliver(run.database, corrected())
    text = show(client, run, teacher(1), "/credits/mine")
    for words in (
        "更正：项目类别由“全员培训”改为“县（市、区）级培训”、折算由“未选择”改为“已选择”，",
        "冲回第 1 号记录的 0.0 学分，重新折算：面授 60 学时 ÷ 10 = 6.0",
        "项目已更正，已由第 2 号记录冲正",
        "冲正第 1 号记录",
        "更正原因 发布时漏选折算",
        "项目更正 万青禾",
        "成绩审核 闵若愚",
        "审核 2026-11-20 09:12 → 更正 2026-11-22 10:30 → 送达",
        "统筹培训 6.0 / 26.0",
    ):
        assert words in text
    assert not _codes(text)
    old, counter, new = get(client, run, teacher(1), "/me/ledger")["items"]
    assert [line["state"] for line in (old, counter, new)] == ["reversed", "reversal", "counted"]
    assert [line["correction"] for line in (old, counter, new)] == [0, 1, 1]
    assert old["not_counted_reason"] == f"项目已更正，已由第 {counter['id']} 号记录冲正"


def _codes(text: str) -> list[str]:
    """Bare codes in what a user reads."""
    return [code for code in ("county_training", "full_staff", "centralized", "reversal", "None") if code in text]


def test_a_corrected_plan_is_shown_with_its_lines(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(project=SCHOOL_PROJECT))
    stricter = replace(SCHOOL_PROJECT, plan_id="plan-2", plan_number="FA2026-0009", hours_per_credit=Decimal(12))
    deliver(run.database, corrected(1, stricter, reason="方案选错"))
    text = show(client, run, teacher(1), "/credits/mine")
    assert "折算标准由“10 学时/学分”改为“12 学时/学分”、依据的方案由“FA2026-0001”改为“FA2026-0009”" in text
    assert "依据的方案 FA2026-0009" in text
    with run.database.reading() as session:
        [kept] = session.scalars(select(ProjectCorrection)).all()
        assert (kept.reason, kept.corrected_by, kept.facts["plan_number"]) == (
            "方案选错", "account-enters", "FA2026-0009",
        )  # fmt: skip
