"""T16, B14: a dispute on one line, on a result in 公示 or on a missing training; somebody else answers; it stays."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from PIL import Image
from sqlalchemy import select

from services.credits.disputes import evidence, opening, operations, queries, subjects
from services.credits.disputes.models import Dispute, DisputeAct
from services.credits.models import LedgerLine
from shared.actors import Actor, Office
from shared.database import Database
from shared.directory import OfficeCopy
from shared.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from tests.credits.conftest import NOW
from tests.credits.make import (
    COUNTY,
    OTHER_COUNTY,
    OTHER_SCHOOL,
    PROJECT,
    SCHOOL,
    admin,
    audited,
    corrected,
    deliver,
    post,
    register_people,
    result,
    revoked,
    teacher,
)
from tests.credits.test_publicity import in_publicity

pytestmark = pytest.mark.usefixtures("now")


def picture() -> bytes:
    """A small scan."""
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), "white").save(buffer, "png")
    return buffer.getvalue()


PNG = picture()
AUDITOR = Actor("account-audits", None, "闵若愚", (post(Office.RESULT_AUDIT, COUNTY),), "s")
OTHER = Actor("account-other", "person-77", "喻知白", (post(Office.CREDIT_ADMIN, COUNTY),), "s")
SCHOOL_ADMIN = admin(Office.SCHOOL_ADMIN, SCHOOL)
LATE = "当时在外培训，没有看到公示。"
TEXT = "我参加了全部 80 学时，只登记了 60 学时。"


@pytest.fixture
def ledger(database: Database) -> Database:
    """Persons 1 and 2 with a line each; of the county two auditors and somebody for credits, the province has one."""
    register_people(database, 1, 2)
    with database.transaction() as session:
        for path, account, person in ((COUNTY, "account-other", "person-77"), ("360000/", "account-province", None)):
            holders = [{"account_id": account, "person_id": person, "name": "喻知白"}]
            office = Office.CREDIT_ADMIN.value
            session.merge(OfficeCopy(unit_path=path, office=office, version=1, body="主管部门", holders=holders))
    deliver(database, audited(result(1), result(2)), 1)
    return database


def line_of(database: Database, number: int = 1) -> int:
    """The last line of the person."""
    with database.reading() as session:
        query = select(LedgerLine.id).where(LedgerLine.person_id == f"person-{number}")
        return session.scalars(query.order_by(LedgerLine.id.desc())).first() or 0


def opened(database: Database, actor: Actor | None = None, line: int | None = None, **what: Any) -> int:
    """A dispute on a line; returns its number."""
    with database.transaction() as session:
        subject = subjects.line_subject(session, actor or teacher(), line or line_of(database))
        said = {"text": TEXT, "late_reason": LATE, **what}
        return opening.open_dispute(session, actor or teacher(), subject, **said).id


def act(database: Database, actor: Actor, number: int, name: str, version: int | None = None, **what: Any) -> Dispute:
    """One act on the version as it is now."""
    with database.transaction() as session:
        seen = session.get_one(Dispute, number).version if version is None else version
        return getattr(operations, name)(session, actor, number, seen, **what)  # type: ignore[no-any-return]


def state(database: Database, number: int) -> tuple[str, int | None]:
    """The state, and the line by which it was settled."""
    with database.reading() as session:
        found = session.get_one(Dispute, number)
        return found.state, found.settled_line_id


def settle_due(database: Database) -> int:
    """What the scheduled job does."""
    with database.transaction() as session:
        return operations.settle_due(session)


def test_t16_answered_by_somebody_else_and_the_outcome_stays_on_the_line(ledger: Database) -> None:
    number = opened(ledger)
    with ledger.reading() as session:
        dispute = session.get_one(Dispute, number)
        assert (dispute.handling_path, dispute.due_on) == (COUNTY, date(2026, 12, 9))
        assert operations.why_not_answer(session, OTHER, dispute) is None
    with pytest.raises(NotAllowed, match="回避"):
        act(ledger, AUDITOR, number, "answer", upheld=False, text="登记无误，记录不变。")
    act(ledger, OTHER, number, "answer", upheld=False, text="签到表为 60 学时，登记无误。")
    assert state(ledger, number) == ("rejected", None)
    with ledger.reading() as session:
        (on_line,) = queries.of_lines(session, "person-1")[line_of(ledger)]
        assert (on_line.answer, on_line.answered_by_name) == ("签到表为 60 学时，登记无误。", "喻知白")
        acts = queries.acts(session, on_line)
        assert [(a.act, a.by_name, a.body) for a in acts] == [("open", "教师1", "本人"), ("reject", "喻知白", "东湖区")]
    # Answered, it may be raised again with something new: the old one stays as well.
    again = opened(ledger, text="补充：签到表漏了第二天。")
    with ledger.reading() as session:
        assert [one.id for one in queries.of_lines(session, "person-1")[line_of(ledger)]] == [number, again]


def test_t16_neither_who_audited_or_entered_nor_the_teacher_nor_who_opened_answers(ledger: Database) -> None:
    number = opened(ledger)
    as_teacher = replace(OTHER, person_id="person-1")
    entered = replace(OTHER, account_id="account-enters")
    deputy = replace(OTHER, posts=(replace(OTHER.posts[0], for_account="account-audits", for_name="闵若愚"),))
    for actor in (as_teacher, entered, deputy, AUDITOR):
        with pytest.raises(NotAllowed, match="回避"):
            act(ledger, actor, number, "answer", upheld=True, text="情况属实，应予更正。", remedy="revoke")
    # Another account of the person who audited, as the register of offices knows her.
    with ledger.transaction() as session:
        office = session.get_one(OfficeCopy, (COUNTY, Office.RESULT_AUDIT.value))
        office.holders = [{"account_id": "account-audits", "person_id": "person-77", "name": "闵若愚"}]
    with pytest.raises(NotAllowed, match="回避"):
        act(ledger, OTHER, number, "answer", upheld=False, text="登记无误，记录不变。")
    with pytest.raises(NotFound):
        act(ledger, admin(path=OTHER_COUNTY), number, "answer", upheld=False, text="登记无误，记录不变。")
    assert state(ledger, number) == ("open", None)


def test_t16_of_two_who_answer_one_wins_and_the_other_reads_who_and_when(ledger: Database) -> None:
    number = opened(ledger)
    act(ledger, OTHER, number, "answer", version=1, upheld=False, text="签到表为 60 学时，登记无误。")
    with pytest.raises(Conflict, match=r"已由喻知白于 2026-11-24 .*办理（答复：异议不成立）"):
        act(
            ledger,
            replace(OTHER, account_id="x", name="万青禾"),
            number,
            "answer",
            1,
            upheld=False,
            text="登记无误。。",
        )
    with ledger.reading() as session:
        assert len(queries.acts(session, session.get_one(Dispute, number))) == 2


def test_t16_many_open_the_same_at_once_and_there_is_one(postgres: Database) -> None:
    register_people(postgres, 1)
    deliver(postgres, audited(result(1)), 1)
    refused: list[str] = []
    start = threading.Barrier(6)

    def press() -> None:
        start.wait()
        try:
            opened(postgres)
        except Conflict as error:
            refused.append(error.detail)

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with postgres.reading() as session:
        assert len(session.scalars(select(Dispute)).all()) == 1
    assert len(refused) == 5
    assert all("正在办理" in sentence for sentence in refused)


def test_t16_of_many_who_answer_at_once_one_wins(postgres: Database) -> None:
    register_people(postgres, 1)
    deliver(postgres, audited(result(1)), 1)
    number, refused, start = opened(postgres), list[str](), threading.Barrier(5)

    def press(who: int) -> None:
        start.wait()
        try:
            handler = replace(OTHER, account_id=f"handler-{who}", person_id=f"handler-{who}")
            act(postgres, handler, number, "answer", 1, upheld=False, text="签到表为 60 学时，登记无误。")
        except Conflict as error:
            refused.append(error.detail)

    threads = [threading.Thread(target=press, args=(who,)) for who in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with postgres.reading() as session:
        assert [one.act for one in queries.acts(session, session.get_one(Dispute, number))] == ["open", "reject"]
    assert len(refused) == 4
    assert all("已由喻知白于" in sentence for sentence in refused)


def test_t16_upheld_it_closes_with_the_correcting_line_and_changes_nothing_itself(ledger: Database) -> None:
    number, line = opened(ledger), line_of(ledger)
    act(ledger, OTHER, number, "answer", upheld=True, text="签到表确为 80 学时，应予更正。", remedy="revoke")
    assert line_of(ledger) == line, "an answer writes no line"
    assert settle_due(ledger) == 0
    with time_machine.travel(NOW + timedelta(days=1), tick=True):
        deliver(ledger, revoked(), 2)
        again = replace(audited(result(1, hours="80", attempt=2), audit_id="audit-2"), audited_at=datetime.now(UTC))
        deliver(ledger, again, 1)
        new = line_of(ledger)
        assert (settle_due(ledger), settle_due(ledger)) == (1, 0)
    assert state(ledger, number) == ("settled", new)


def test_t16_a_correction_of_the_project_settles_it_too(ledger: Database) -> None:
    number = opened(ledger)
    act(ledger, OTHER, number, "answer", upheld=True, text="项目类别选择有误，应予更正。", remedy="correct")
    with time_machine.travel(NOW + timedelta(days=1), tick=True):
        deliver(ledger, corrected(1, replace(PROJECT, mode="online")))
        assert settle_due(ledger) == 1
    assert state(ledger, number) == ("settled", line_of(ledger))


def test_t16_settled_by_hand_it_names_a_line_of_hers_or_says_why_there_is_none(ledger: Database) -> None:
    number = opened(ledger)
    act(ledger, OTHER, number, "answer", upheld=True, text="签到表确为 80 学时，应予更正。", remedy="revoke")
    for wrong in (line_of(ledger, 2), line_of(ledger), 999_999):
        with pytest.raises(Invalid) as caught:
            act(ledger, OTHER, number, "settle", line_id=wrong, note="已更正")
        assert "line_id" in caught.value.fields
    with pytest.raises(Invalid):
        act(ledger, OTHER, number, "settle", line_id=None, note="")
    act(ledger, OTHER, number, "settle", line_id=None, note="教师已调往外省，不再更正。")
    assert state(ledger, number) == ("settled", None)


def test_t16_forwarded_it_lies_with_another_level_and_the_limit_begins_anew(ledger: Database) -> None:
    number = opened(ledger)
    with pytest.raises(Invalid):
        act(ledger, AUDITOR, number, "forward", to=OTHER_COUNTY, reason="请研究")
    with time_machine.travel(NOW + timedelta(days=5), tick=True):
        # Who audited may not answer, but may pass it on.
        moved = act(ledger, AUDITOR, number, "forward", to="360000/", reason="本单位人员均涉及，请省厅答复。")
        assert (moved.handling_path, moved.due_on) == ("360000/", date(2026, 12, 14))
    with pytest.raises(NotAllowed):
        act(ledger, OTHER, number, "answer", upheld=False, text="登记无误，记录不变。")
    act(ledger, admin(path="360000/"), number, "answer", upheld=False, text="登记无误，记录不变。")


def test_t16_where_all_of_the_county_are_involved_it_goes_to_the_level_above(ledger: Database) -> None:
    with ledger.transaction() as session:
        office = session.get_one(OfficeCopy, (COUNTY, Office.CREDIT_ADMIN.value))
        office.holders = [{"account_id": "account-enters", "person_id": None, "name": "万青禾"}]
    number = opened(ledger)
    with ledger.reading() as session:
        assert session.get_one(Dispute, number).handling_path == "360000/"


def test_t16_only_the_teacher_or_her_school_opens_and_only_she_withdraws(ledger: Database) -> None:
    with pytest.raises(NotFound):
        opened(ledger, teacher(2))
    with pytest.raises(NotAllowed):
        opened(ledger, OTHER)
    with pytest.raises(NotFound):
        opened(ledger, admin(Office.SCHOOL_ADMIN, OTHER_SCHOOL))
    number = opened(ledger, SCHOOL_ADMIN)
    with pytest.raises(NotAllowed):
        act(ledger, SCHOOL_ADMIN, number, "withdraw", text="")
    act(ledger, teacher(), number, "withdraw", text="已核对无误")
    assert state(ledger, number) == ("withdrawn", None)
    with pytest.raises(Conflict, match="不能再办理"):
        act(ledger, OTHER, number, "answer", upheld=False, text="登记无误，记录不变。")


def test_t16_during_publicity_no_excuse_is_needed_afterwards_one_is(ledger: Database) -> None:
    with pytest.raises(Invalid) as caught:
        opened(ledger, late_reason=" ")
    assert list(caught.value.fields) == ["late_reason"]
    deliver(ledger, in_publicity(2, audit_id="audit-5", attempt=2), 1)
    with ledger.transaction() as session:
        subject = subjects.provisional_subject(session, teacher(2), "result-2")
        number = opening.open_dispute(session, teacher(2), subject, text=TEXT).id
    act(ledger, OTHER, number, "answer", upheld=True, text="签到表确为 80 学时，应予更正。", remedy="revoke")
    # What merely becomes final is not the correction.
    with time_machine.travel(NOW + timedelta(days=9), tick=True):
        deliver(ledger, audited(result(2, attempt=2), audit_id="audit-5"), 2)
        assert settle_due(ledger) == 0


def test_t16_a_missing_training_needs_evidence_and_sane_figures(ledger: Database) -> None:
    def missing(files: int = 1, **changes: Any) -> int:
        facts: dict[str, Any] = {
            "project_number": "",
            "project_title": "省级研修",
            "held_on": date(2026, 7, 1),
            "hours": Decimal(40),
        }
        with ledger.transaction() as session:
            subject = subjects.missing_subject(session, teacher(), "person-1", **(facts | changes))
            proof = [evidence.look_at("证书.png", PNG)] * files
            return opening.open_dispute(session, teacher(), subject, text="参加过，没有记录。", files=proof).id

    wrong: list[tuple[str, dict[str, Any]]] = [
        ("file", {"files": 0}),
        ("file", {"files": 6}),
        ("project_title", {"project_title": ""}),
        ("held_on", {"held_on": date(2027, 1, 1)}),
        ("hours", {"hours": Decimal(-3)}),
        ("hours", {"hours": Decimal(5000)}),
    ]
    for field, changes in wrong:
        with pytest.raises(Invalid) as caught:
            missing(**changes)
        assert list(caught.value.fields) == [field]
    number = missing()
    with ledger.reading() as session:
        dispute = session.get_one(Dispute, number)
        assert dispute.handling_path == COUNTY, "the organiser is not known: her county finds out"
        (file,) = queries.files(session, dispute)
        for party in (teacher(), SCHOOL_ADMIN, OTHER):
            assert queries.find_file(session, party, number, file.id).name == "证书.png"
        with pytest.raises(NotFound, match="当事方"):
            queries.find_file(session, admin(path="360000/"), number, file.id)
        with pytest.raises(NotFound):
            queries.find_file(session, teacher(2), number, file.id)
    known = missing(project_number=PROJECT.number)
    with ledger.reading() as session:
        assert session.get_one(Dispute, known).organizer_path == COUNTY


def test_t16_evidence_is_what_its_content_says() -> None:
    for name, content in (("a.png", b"MZ" + b"0" * 300), ("a.pdf", PNG), ("a.png", b""), ("a.png", PNG[:40])):
        with pytest.raises(DomainError) as caught:
            evidence.look_at(name, content)
        assert "file" in caught.value.fields


def test_t16_the_queue_marks_what_is_overdue_and_each_number_is_the_length_of_its_list(ledger: Database) -> None:
    first, second = opened(ledger), opened(ledger, teacher(2), line_of(ledger, 2))
    act(ledger, OTHER, second, "answer", upheld=True, text="情况属实，应予更正。", remedy="revoke")
    with ledger.reading() as session:
        lists = queries.tabs(OTHER, date(2026, 12, 10))
        assert queries.counts(session, lists) == {"waiting": 1, "overdue": 1, "upheld": 1, "all": 2}
        assert [one.id for one in session.scalars(lists["overdue"])] == [first]
        assert queries.counts(session, queries.tabs(OTHER, date(2026, 12, 9)))["overdue"] == 0
        assert queries.counts(session, queries.tabs(admin(path=OTHER_COUNTY), date(2026, 12, 10)))["all"] == 0


def test_t16_nothing_that_was_done_can_be_changed_or_deleted(ledger: Database) -> None:
    number = opened(ledger)
    with ledger.reading() as session:
        done = session.scalars(select(DisputeAct).where(DisputeAct.dispute_id == number)).one()
        done.text = "别的"
        with pytest.raises(RuntimeError, match="append-only"):
            session.flush()
        session.rollback()
        for kept in (session.get_one(DisputeAct, done.id), session.get_one(Dispute, number)):
            session.delete(kept)
            with pytest.raises(RuntimeError, match="append-only"):
                session.flush()
            session.rollback()
