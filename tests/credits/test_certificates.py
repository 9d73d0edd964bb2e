"""N22, B16, T18: papers with a code, what the public is told of it, and who may make, see and withdraw one."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pypdfium2
import pytest
import time_machine
import zxingcpp
from sqlalchemy import update
from sqlalchemy.orm import Session

from services.credits import queries as credits_queries
from services.credits.certificates import operations, queries, render, wording
from services.credits.certificates.models import CreditPaper
from services.credits.certificates.queries import State
from services.credits.certificates.wording import Kind
from shared.actors import Office
from shared.database import Database
from shared.directory import PersonCopy
from shared.errors import NotAllowed, NotFound
from shared.events.plans import Bucket
from shared.printing.codes import new_code
from tests.at_once import at_once
from tests.credits.conftest import NOW
from tests.credits.make import (
    COUNTY,
    OTHER_SCHOOL,
    PROJECT,
    admin,
    audited,
    deliver,
    register_people,
    result,
    teacher,
)
from tests.credits.papers import RARE, SCHOOL_ADMIN, URL, live_in, make, text_of


@pytest.fixture
def history(database: Database, now: datetime) -> Database:
    """Two teachers, one of whom has credits."""
    live_in(database)
    return database


def told(session: Session, paper: CreditPaper, **figures: str) -> queries.Verdict:
    """What the public reads."""
    typed = {Bucket(name): figure for name, figure in figures.items()}
    return queries.verdict(session, paper.code.lower(), typed or None)


def state(database: Database, paper: CreditPaper) -> State:
    """What became of it."""
    with database.reading() as session:
        return told(session, paper).state


def test_n22_the_certificate_says_both_buckets_and_carries_its_address(history: Database) -> None:
    paper = make(history)
    content = render.pdf(paper)
    (text,) = text_of(content)
    for words in (
        "教师培训学分证明",
        RARE,
        "360102********001X",
        "城南小学",
        "2023—2028周期（2023-09-01至2028-08-31）",
        "进行中",
        "截至2026-11-2410:00（北京时间）",
        "统筹26.06.020.0无",
        "自主10.03.07.0无",
        "2018试行",
        wording.grouped(paper.code),
        URL,
    ):
        assert re.sub(r"\s", "", words) in text
    assert "学分记录" not in text
    picture = pypdfium2.PdfDocument(content)[0].render(scale=3).to_pil()
    assert [found.text for found in zxingcpp.read_barcodes(picture)] == [f"{URL}?code={paper.code}"]


def test_n22_the_statement_has_every_line_with_its_reason(history: Database) -> None:
    text = "".join(text_of(render.pdf(make(history, Kind.STATEMENT))))
    for words in (
        "2026-2027 学年　计入：统筹 6.0，自主 3.0",
        "骨干教师课堂教学研修 · 南昌市东湖区教育体育局 · 统筹 · 县（市、区）级培训",
        "面授 60 学时 ÷ 10 = 6.0，计入统筹",
        "集体备课与课例研讨",
        "已冲正 原审核已撤回",
        "审核已撤回（学时登记有误）",
    ):
        assert re.sub(r"\s", "", words) in text
    assert text.count("骨干教师课堂教学研修") == 3


def test_n22_a_long_statement_repeats_its_head_and_adds_up(history: Database) -> None:
    for number in range(40):
        one = replace(result(hours="10"), result_id=f"many-{number}")
        project = replace(PROJECT, title=f"培训{number}" * 6)
        deliver(history, audited(one, audit_id=f"many-{number}", project=project))
    paper = make(history, Kind.STATEMENT)
    found = text_of(render.pdf(paper))
    assert len(found) > 2
    for number, page in enumerate(found, start=1):
        assert f"第{number}页，共{len(found)}页" in page
        assert wording.grouped(paper.code) in page
        if "培训" * 2 in page and number < len(found):
            assert "编号日期项目与依据学时折算计入状态与原因" in page
    lines = [line for year in paper.words["years"] for line in year["lines"]]
    assert len(lines) == 44
    assert sum(float(line[5]) for line in lines) == sum(float(row[2]) for row in paper.words["buckets"]) == 49


def test_n22_the_same_code_always_prints_the_same(history: Database) -> None:
    paper = make(history)
    first = render.pdf(paper)
    deliver(history, audited(replace(result(hours="20"), result_id="r9"), audit_id="a9"))
    with history.reading() as session:
        assert render.pdf(session.get_one(CreditPaper, paper.code)) == first


def test_n22_asked_again_on_the_same_day_it_is_the_same_paper(history: Database) -> None:
    first = make(history)
    assert make(history).code == first.code
    assert make(history, Kind.STATEMENT).code != first.code
    with time_machine.travel(NOW + timedelta(days=1)):
        later = make(history)
    assert (later.code != first.code, later.serial) == (True, 2)
    assert (state(history, first), state(history, later)) == (State.SUPERSEDED, State.GENUINE)


def test_n22_two_at_once_get_one_code(postgres: Database, now: datetime) -> None:
    register_people(postgres, 1)
    made = at_once(*[lambda: make(postgres).code] * 4)
    assert len(set(made)) == 1


def test_n22_changed_credits_are_said_and_not_told(history: Database) -> None:
    paper = make(history)
    assert state(history, paper) is State.GENUINE
    deliver(history, audited(replace(result(hours="20"), result_id="r9"), audit_id="a9"))
    with history.reading() as session:
        answer = told(session, paper)
    assert answer.state is State.CHANGED
    assert "8" not in answer.advice + answer.label
    newer = make(history)
    assert (state(history, paper), state(history, newer)) == (State.SUPERSEDED, State.GENUINE)


def test_n22_a_line_that_changes_nothing_in_sum_changes_the_statement(history: Database) -> None:
    certificate, statement = make(history), make(history, Kind.STATEMENT)
    deliver(history, audited(replace(result(hours="0"), result_id="r9"), audit_id="a9"))
    assert (state(history, certificate), state(history, statement)) == (State.GENUINE, State.CHANGED)


def test_n22_figures_beside_a_code_are_compared_and_never_told(history: Database) -> None:
    paper = make(history)
    with history.reading() as session:
        right = told(session, paper, coordinated="６", self_organized="3.00")
        wrong = told(session, paper, coordinated="26.0", self_organized="3.0")
        assert (right.agrees, wrong.agrees, told(session, paper).agrees) == (True, False, None)


def test_n22_what_was_changed_in_the_database_is_no_longer_genuine(history: Database) -> None:
    paper = make(history)
    with history.transaction() as session:
        forged = {**paper.words, "buckets": [["统筹", "26.0", "26.0", "0.0", "无"], paper.words["buckets"][1]]}
        session.execute(update(CreditPaper).values(words=forged))
    assert state(history, paper) is State.BROKEN


def test_b16_the_teacher_withdraws_her_code_for_good(history: Database) -> None:
    paper = make(history, actor=SCHOOL_ADMIN)
    with history.transaction() as session, pytest.raises(NotAllowed, match="本人"):
        operations.withdraw(session, SCHOOL_ADMIN, paper.code)
    with history.transaction() as session:
        at = operations.withdraw(session, teacher(1), paper.code).withdrawn_at
    with time_machine.travel(NOW + timedelta(hours=1)), history.transaction() as session:
        assert operations.withdraw(session, teacher(1), paper.code).withdrawn_at == at
    with history.reading() as session:
        answer = told(session, paper, coordinated="6", self_organized="3")
    assert (answer.state, answer.withdrawn_at, answer.agrees) == (State.WITHDRAWN, at, None)
    again = make(history)
    assert again.code != paper.code
    assert (state(history, paper), state(history, again)) == (State.WITHDRAWN, State.GENUINE)
    with history.transaction() as session, pytest.raises(NotFound):
        operations.withdraw(session, teacher(2), again.code)


def test_n22_only_she_and_her_school_make_one(history: Database) -> None:
    assert make(history, actor=SCHOOL_ADMIN).made_by_name == SCHOOL_ADMIN.name
    for actor, error in (
        (admin(Office.CREDIT_ADMIN, COUNTY), NotAllowed),
        (admin(Office.SCHOOL_ADMIN, OTHER_SCHOOL), NotFound),
        (teacher(2), NotFound),
    ):
        with history.transaction() as session, pytest.raises(error):
            operations.make_paper(session, actor, "person-1", Kind.CERTIFICATE, None, URL)


def test_t18_papers_follow_the_teacher_to_her_new_school(history: Database) -> None:
    paper = make(history, actor=SCHOOL_ADMIN)
    other = admin(Office.SCHOOL_ADMIN, OTHER_SCHOOL)
    with history.transaction() as session:
        session.execute(
            update(PersonCopy).where(PersonCopy.person_id == "person-1").values(unit_path=OTHER_SCHOOL, version=2)
        )
    with history.reading() as session:
        with pytest.raises(NotFound):
            queries.find_paper(session, SCHOOL_ADMIN, paper.code)
        assert queries.find_paper(session, other, paper.code).code == paper.code
        total = credits_queries.standing_of(session, other, "person-1").judgement.buckets
        assert [str(total[bucket].counted) for bucket in Bucket] == ["6.0", "3.0"]
    assert state(history, paper) is State.GENUINE
    moved = make(history, actor=other)
    assert "锦江小学" in "".join(text_of(render.pdf(moved)))


def test_a_code_never_made_and_a_slip_are_told_apart(database: Database, now: datetime) -> None:
    with database.reading() as session:
        assert queries.verdict(session, new_code()).state is State.UNKNOWN
        assert queries.verdict(session, "7KQ2-M9XA").state is State.MISTYPED
