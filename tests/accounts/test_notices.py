"""Who is told of what (A10), that no outcome is silent (C14), and mail: urgent at once, the rest once a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from services.accounts.access.models import Account
from services.accounts.notices import mailing
from services.accounts.notices.mailer import Undeliverable, Unreachable
from services.accounts.notices.models import Mail, MailState, Notice
from services.accounts.notices.wording import FILE, OCCASIONS, TEMPLATES, load_templates
from services.accounts.tasks import DIGEST_JOB
from shared.events.credits import CreditsRecorded, RecordedResult
from shared.events.plans import PlanEnded
from shared.inbox import Outcome
from shared.jobs import run_later
from shared.outbox import OutboxRow
from shared.service import Runtime
from shared.settings import SettingsError, load_settings
from shared.tables import TableError
from tests.accounts.conftest import Caller
from tests.accounts.noticing import (
    JINXIAN,
    NOON,
    PLAN,
    SCHOOL,
    Memory,
    Plans,
    mails,
    subjects,
    told,
    with_mail,
    work,
)


@pytest.fixture
def plans(run: Runtime) -> Plans:
    """On each database."""
    return Plans(run)


def test_a10_only_those_whose_turn_it_is_are_told_and_once(run: Runtime, plans: Plans) -> None:
    assert plans.entered(times=2) == [Outcome.APPLIED, Outcome.DUPLICATE]
    reviewers = ["audit.donghu", "county.donghu", "county.donghu2"]
    assert told(run) == {name: ["stage_entered"] for name in reviewers}
    # Decided by one of them: there is nothing left to read for any.
    plans.decided("approve", "under_review")
    assert told(run) == {}
    plans.entered("360000/360100/")
    assert told(run) == {"district.nanchang": ["stage_entered"]}
    # In 进贤 the training school acts (FAQ-Q15), at a school its administrator; teachers are nobody's reviewers.
    plans.entered(JINXIAN)
    assert told(run) == {"county.jinxian": ["stage_entered"]}
    plans.entered(SCHOOL, "school_admin")
    assert told(run) == {"school.qingfeng": ["stage_entered"]}
    with run.database.reading() as session:
        titles = set(session.scalars(select(Notice.title)))
    assert len(titles) == 1
    assert next(iter(titles)).endswith("《校本研修 方案》"), "a title is one line"


def test_a10_an_event_of_before_it_said_the_office_tells_nobody(run: Runtime, plans: Plans) -> None:
    assert plans.entered(office=None) == [Outcome.APPLIED]  # type: ignore[arg-type]
    assert told(run, unread=False) == {}


def test_c14_no_outcome_is_silent(run: Runtime, plans: Plans) -> None:
    plans.entered()
    plans.decided("take_back", "under_review")  # of an approval that only led on
    plans.decided("return", "returned", reason="学时请核对。")
    plans.decided("refuse", "refused", reason="不属于自主培训。")
    plans.decided("approve", "approved")
    plans.decided("take_back", "under_review")
    assert told(run) == {"school.qingfeng": ["returned", "refused", "approved", "taken_back"]}
    with run.database.reading() as session:
        bodies = dict(session.execute(select(Notice.occasion, Notice.body).where(Notice.read_at.is_(None))).all())
        teacher = session.scalars(select(Account).where(Account.username == "teacher.li")).one().person_id
    assert "意见：学时请核对。" in bodies["returned"]
    assert bodies["refused"].endswith("意见：不属于自主培训。")
    # A claim is one person's own; one that the school files is hers as well.
    plans.decided("refuse", "refused", filing_office=None, person_id=teacher)
    assert told(run)["teacher.li"] == ["refused"]
    ended = PlanEnded(
        plan_id=PLAN, number="F2026-000001", unit_path=SCHOOL, status="voided", superseded_by=None, reason="重复申报",
        ended_at=NOON, filing_office="school_admin", person_id=teacher,
    )  # fmt: skip
    plans.tell(ended)
    assert told(run)["teacher.li"][-1] == told(run)["school.qingfeng"][-1] == "voided"


def test_a10_teachers_are_told_of_their_credits(run: Runtime, plans: Plans) -> None:
    with run.database.reading() as session:
        teacher = session.scalars(select(Account).where(Account.username == "teacher.li")).one().person_id
    results = [
        RecordedResult(result_id=f"r{number}", person_id=person, credits=Decimal(2), explanation=f"第 {number} 项")
        for number, person in enumerate([teacher, "nobody-we-know", teacher])
    ]
    for revoked in (False, True):
        plans.tell(
            CreditsRecorded(
                audit_id="a1", chunk=1, revoked=revoked, received_at=NOON, recorded_at=NOON, results=results
            )
        )
    assert told(run) == {"teacher.li": ["credits_recorded", "credits_revoked"]}
    with run.database.reading() as session:
        assert session.scalars(select(Notice.body)).first() == "第 0 项\n第 2 项"


def test_a10_urgent_mail_at_once_and_the_rest_in_one_digest_a_day(app: Flask, run: Runtime, plans: Plans) -> None:
    server, school = Memory(), Caller(app.test_client()).sign_in("school.qingfeng")
    with time_machine.travel(NOON, tick=False):
        plans.decided("approve", "approved")  # before there is an address: never mailed
    with time_machine.travel(NOON + timedelta(minutes=1), tick=False):
        school.sign_in("school.qingfeng")
        with_mail(run, school, server)
        plans.decided("return", "returned", reason="张老师的身份证号有误")
        work(run)
    assert subjects(server) == ["【学分】退回修改：《校本研修 方案》"]
    text = server.sent[0].get_content()
    assert f"/plans/{PLAN}" in text
    assert "身份证" not in text, "what a reviewer wrote stays on the site"
    assert server.sent[0]["To"] == "a@example.com"

    def at(moment: datetime) -> list[str]:
        """What the mail server got by then; the schedule comes twice."""
        server.sent.clear()
        for _ in range(2):
            with time_machine.travel(moment, tick=False):
                with run.database.transaction() as session:
                    run_later(session, DIGEST_JOB, {})
                work(run)
        return subjects(server)

    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        for number in range(3):
            plans.decided("approve", "approved", title=f"方案{number}")
    assert at(NOON + timedelta(hours=2)) == []  # after 08:00 of today, but told only since
    assert at(NOON + timedelta(hours=19, minutes=59)) == []
    with run.database.transaction() as session:
        session.execute(update(Notice).where(Notice.title.contains("方案1")).values(read_at=NOON))
    assert at(NOON + timedelta(hours=20)) == ["【学分】2 条新消息"]
    assert "1. 已通过：《方案0》\n2. 已通过：《方案2》" in str([m.body for m in mails(run)][-1])
    assert at(NOON + timedelta(hours=44)) == []
    with run.database.transaction() as session:
        # Somebody who cannot sign in gets no mail.
        session.execute(update(Account).where(Account.username == "school.qingfeng").values(state="suspended"))
    with time_machine.travel(NOON + timedelta(hours=45), tick=False):
        plans.decided("approve", "approved")
    assert at(NOON + timedelta(hours=68)) == []


def test_a10_a_mail_is_tried_again_and_never_sent_twice(app: Flask, run: Runtime, plans: Plans) -> None:
    server, school = Memory(), Caller(app.test_client()).sign_in("school.qingfeng")
    with_mail(run, school, server)
    server.errors = [Unreachable("SMTP 451"), Unreachable("TimeoutError")]
    plans.decided("return", "returned")
    work(run)
    (mail,) = mails(run)
    assert (mail.state, mail.tries, server.sent) == (MailState.WAITING, 2, []), "put off, and tried again by a job"
    with run.database.reading() as session:
        waits = list(session.scalars(select(OutboxRow.id).where(OutboxRow.name == mailing.SEND_JOB)))
    assert len(waits) == 4, "the code's, and one for each try"
    work(run)
    mailing.send(run.database, server, "x@example.com", mail.id)
    assert mails(run)[0].state == MailState.SENT
    assert len(server.sent) == 1
    # Killed while the server had it: nobody knows whether it went, so it is not sent again.
    with run.database.transaction() as session:
        session.execute(update(Mail).where(Mail.id == mail.id).values(state=MailState.SENDING))
    mailing.send(run.database, server, "x@example.com", mail.id)
    assert len(server.sent) == 1
    # Refused for good, or too old: given up, and shown so.
    for error, age in ((Undeliverable("SMTP 550"), timedelta(0)), (Unreachable("OSError"), timedelta(days=2))):
        with run.database.transaction() as session:
            session.execute(
                update(Mail).where(Mail.id == mail.id).values(state=MailState.WAITING, created_at=Mail.created_at)
            )
            session.get_one(Mail, mail.id).created_at -= age
        mailing.send(run.database, Memory(error), "x@example.com", mail.id)
        assert mails(run)[0].state == MailState.FAILED


def test_settings_say_by_which_server_and_from_whom() -> None:
    with pytest.raises(SettingsError, match=r"XUEFEN_SMTP_URL: must be smtp://"):
        load_settings({"XUEFEN_SMTP_URL": "http://mail", "XUEFEN_MAIL_FROM": "x@example.com"})
    with pytest.raises(SettingsError, match="XUEFEN_MAIL_FROM"):
        load_settings({"XUEFEN_SMTP_URL": "smtps://user:pass@mail.example.com"})


def test_the_table_of_notices_is_checked(tmp_path: Any) -> None:
    assert set(TEMPLATES) == OCCASIONS
    broken, text = tmp_path / "notices.toml", FILE.read_text(encoding="utf-8")
    for wrong, said in ((text.replace('{reason}"', '{identity}"', 1), "identity"), (text + "\n[more]\n", "more")):
        broken.write_text(wrong, encoding="utf-8")
        with pytest.raises(TableError, match=said):
            load_templates(broken)
