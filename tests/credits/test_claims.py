"""Recognised claims (T19): one line each, caps and windows by the edition, countered when they end; the room before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from services.credits import queries
from services.credits.claims import queries as claims
from services.credits.models import LedgerLine, RecognisedClaim
from services.credits.rulebook.operations import ADJUST_JOB
from shared.actors import Office
from shared.database import Database
from shared.errors import NotFound
from shared.events.plans import Bucket, PlanEnded
from shared.events.plans_claims import ClaimApproved
from shared.service import Runtime
from tests.credits import changing, make

DEGREE = ClaimApproved(
    plan_id="claim-1",
    number="R2026-3601020001-01",
    school_year="2026-2027",
    unit_path=make.SCHOOL,
    unit_name="城南小学",
    version=1,
    digest="d" * 64,
    person_id="person-1",
    title="教育硕士",
    category="degree_upgrade",
    bucket=Bucket.COORDINATED,
    level="",
    rank="master",
    count=None,
    hours=None,
    hours_per_credit=None,
    credits=Decimal(5),
    obtained_on=date(2026, 10, 12),
    appointed_on=date(2013, 9, 1),
    issuer="江西师范大学",
    document="1041420260001",
    evidence=["学位证书.pdf"],
    based_on_id=None,
    based_on_number=None,
    filed_by="account-1",
    approved_by="account-audits",
    approved_body="南昌市东湖区教育体育局",
    approved_at=datetime(2026, 11, 20, 1, tzinfo=UTC),
)
LESSONS = replace(
    DEGREE, plan_id="claim-2", number="R2026-3601020001-02", title="听课 20 节", category="lesson_observation",
    bucket=Bucket.SELF_ORGANIZED, rank="", count=20, credits=None, appointed_on=None, based_on_id="plan-1",
    based_on_number="FA2026-0001",
)  # fmt: skip


def ended(claim: ClaimApproved) -> PlanEnded:
    """Declared void."""
    return PlanEnded(
        plan_id=claim.plan_id, number=claim.number, unit_path=claim.unit_path, status="voided", superseded_by=None,
        reason="证书系误传", ended_at=datetime(2026, 11, 23, 1, tzinfo=UTC),
    )  # fmt: skip


def lines(database: Database) -> list[LedgerLine]:
    """The whole ledger."""
    with database.reading() as session:
        return list(session.scalars(select(LedgerLine).order_by(LedgerLine.id)))


def counted(database: Database) -> dict[Bucket, Decimal]:
    """Headline of person 1."""
    with database.reading() as session:
        standing = queries.standing_of(session, make.teacher(), "person-1")
        assert sum(entry.counted for entry in standing.entries) == sum(
            one.counted for one in standing.judgement.buckets.values()
        )
        return {bucket: one.counted for bucket, one in standing.judgement.buckets.items()}


@pytest.mark.usefixtures("now")
def test_t19_a_claim_gives_one_line_however_often_it_is_told(database: Database) -> None:
    make.register_people(database, 1)
    for version in (1, 2):
        make.deliver(database, DEGREE, version)
    (line,) = lines(database)
    assert (line.result_id, line.audit_id, line.amount, line.audited_by) == (
        "claim-1",
        None,
        Decimal(5),
        "account-audits",
    )
    assert "认定申请 R2026-3601020001-01：学历提升认定 5.0 学分，计入统筹" in line.sentence
    with database.reading() as session:
        entry = queries.standing_of(session, make.teacher(), "person-1").entries[0]
        assert (entry.source_title, entry.organizer, entry.state) == ("教育硕士", "城南小学", "counted")


@pytest.mark.usefixtures("now")
def test_faq_q5_two_degrees_share_the_ceiling_of_eight(database: Database) -> None:
    make.register_people(database, 1)
    with database.reading() as session:
        before = claims.room(session, make.teacher(), "person-1", "degree_upgrade")
        assert (before.used, before.left) == (Decimal(0), Decimal(8))
    make.deliver(database, DEGREE)
    make.deliver(database, replace(DEGREE, plan_id="claim-9", obtained_on=date(2026, 11, 2)))
    assert counted(database)[Bucket.COORDINATED] == 8
    with database.reading() as session:
        after = claims.room(session, make.teacher(), "person-1", "degree_upgrade")
        assert (after.used, after.left) == (Decimal(8), Decimal(0))


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"appointed_on": date(2026, 11, 1)}, "DEGREE_IN_PROBATION"),
        ({"obtained_on": date(2023, 8, 1)}, "DEGREE_OUTSIDE_CYCLE"),
    ],
)
def test_faq_q5_the_rule_is_checked_again(database: Database, changes: dict[str, date], flag: str) -> None:
    make.register_people(database, 1)
    make.deliver(database, replace(DEGREE, **changes))  # type: ignore[arg-type]
    (line,) = lines(database)
    assert (line.amount, line.flag) == (Decimal(0), flag)


@pytest.mark.usefixtures("now")
def test_without_a_figure_it_is_pending_never_nothing(database: Database) -> None:
    make.register_people(database, 1)
    make.deliver(database, replace(DEGREE, credits=None))
    (line,) = lines(database)
    assert line.amount is None
    assert "待定" in line.sentence


@pytest.mark.usefixtures("now")
def test_faq_q9_two_items_are_two_credits_and_without_a_plan_none(database: Database) -> None:
    make.register_people(database, 1)
    make.deliver(database, LESSONS)
    lecture = replace(
        LESSONS, plan_id="claim-3", number="R-3", category="training_lecture", level="county", count=1, title="讲座"
    )
    make.deliver(database, lecture)
    assert counted(database)[Bucket.SELF_ORGANIZED] == 2
    make.deliver(database, replace(lecture, plan_id="claim-4", category="open_class", based_on_id=None))
    assert counted(database)[Bucket.SELF_ORGANIZED] == 2
    assert lines(database)[-1].flag == "PLAN_MISSING"


@pytest.mark.usefixtures("now")
def test_declared_void_its_line_is_countered_once(database: Database) -> None:
    make.register_people(database, 1)
    make.deliver(database, DEGREE, 1)
    for version in (2, 3):
        make.deliver(database, ended(DEGREE), version)
    earned, counter = lines(database)
    assert (counter.reverses, counter.amount) == (earned.id, Decimal(-5))
    assert "已作废（证书系误传）" in counter.sentence
    assert counted(database)[Bucket.COORDINATED] == 0
    with database.reading() as session:
        assert session.get_one(RecognisedClaim, "claim-1").ended_reason == "证书系误传"


@pytest.mark.usefixtures("now")
def test_n5_a_figure_that_becomes_known_reaches_back_to_claims(database: Database) -> None:
    """待定 until the province says how much a degree is; then counter-line and new line, whatever was asked for."""
    make.register_people(database, 1)
    make.deliver(database, replace(DEGREE, credits=None))
    make.deliver(database, replace(DEGREE, plan_id="claim-9", credits=Decimal(8), title="法学硕士"))
    known = {"awards.degree_upgrade.any.master": {"value": "3", "grade": "A", "source": changing.DOCUMENT}}
    changing.published(database, "cycle_start", changing.TODAY, known)
    changing.run_jobs(database, ADJUST_JOB)
    assert counted(database)[Bucket.COORDINATED] == 6
    with database.reading() as session:
        stands = [e for e in queries.standing_of(session, make.teacher(), "person-1").entries if e.stands]
        assert [(e.line.amount, e.source_title) for e in stands] == [
            (Decimal(3), "教育硕士"),
            (Decimal(3), "法学硕士"),
        ]


@pytest.mark.usefixtures("now")
def test_n5_an_adjusted_claim_that_is_declared_void_gives_nothing(database: Database) -> None:
    """The counter-line of the adjustment stands in nobody's way."""
    make.register_people(database, 1)
    make.deliver(database, DEGREE)
    known = {"awards.degree_upgrade.any.master": {"value": "3", "grade": "A", "source": changing.DOCUMENT}}
    changing.published(database, "cycle_start", changing.TODAY, known)
    changing.run_jobs(database, ADJUST_JOB)
    assert counted(database)[Bucket.COORDINATED] == 3
    make.deliver(database, ended(DEGREE), 2)
    assert counted(database)[Bucket.COORDINATED] == 0


@pytest.mark.usefixtures("now")
def test_the_room_is_for_herself_and_those_who_look_after_her(database: Database) -> None:
    make.register_people(database, 1, 2)
    with database.reading() as session:
        claims.room(session, make.admin(Office.SCHOOL_ADMIN, make.SCHOOL), "person-1", "degree_upgrade")
        strangers = (make.teacher(2), make.admin(Office.SCHOOL_ADMIN, make.OTHER_SCHOOL))
        for stranger in strangers:
            with pytest.raises(NotFound):
                claims.room(session, stranger, "person-1", "degree_upgrade")
        with pytest.raises(NotFound, match="认定类别"):
            claims.room(session, make.teacher(), "person-1", "nothing")


def test_t19_pages_show_the_line_and_the_room(client: FlaskClient, run: Runtime) -> None:
    make.register_people(run.database, 1)
    make.deliver(run.database, DEGREE)
    client.set_cookie(*make.cookie(run, make.teacher()))
    page = client.get("/credits/mine").text
    for words in ("认定申请 R2026-3601020001-01", "学位证书.pdf", "南昌市东湖区教育体育局 · 闵若愚", "申请认定"):
        assert words in page
    room = client.get("/credits/fragments/claim-room?category=degree_upgrade").text
    assert "5.0 / 8.0" in room
    assert "最多再计 3.0 学分" in room
    assert client.get("/credits/fragments/claim-room?category=degree_upgrade&person=person-2").status_code == 404
