"""A plan that is no longer in force is marked; what was earned under it stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from services.credits.models import ApprovedPlan, LedgerLine
from shared.database import Database
from shared.events.plans import PlanApproved, PlanEnded
from shared.inbox import Outcome, ParkedRow
from tests.credits.make import SCHOOL, SCHOOL_PROJECT, audited, deliver, register_people, result

pytestmark = pytest.mark.usefixtures("now")

APPROVED = PlanApproved(
    plan_id="plan-1", kind="school_plan", number="FA2026-0001", school_year="2026-2027", unit_path=SCHOOL,
    version=1, digest="d1", items=[], approved_at=datetime(2026, 9, 20, tzinfo=UTC),
)  # fmt: skip
ENDED = PlanEnded(
    plan_id="plan-1", number="FA2026-0001", unit_path=SCHOOL, status="superseded", superseded_by="plan-2",
    reason="已批准变更", ended_at=datetime(2026, 11, 10, 3, 0, tzinfo=UTC),
)  # fmt: skip


def kept(database: Database) -> tuple[str, datetime | None, str | None, str | None]:
    """Status, end, reason and successor of the copy."""
    with database.reading() as session:
        plan = session.get_one(ApprovedPlan, "plan-1")
        return plan.status, plan.ended_at, plan.ended_reason, plan.superseded_by


def test_a_plan_ends_and_its_credits_stay(database: Database) -> None:
    register_people(database, 1)
    deliver(database, APPROVED, 1)
    assert kept(database) == ("approved", None, None, None)
    deliver(database, audited(result(hours="30"), project=SCHOOL_PROJECT))
    assert deliver(database, ENDED, 2) is Outcome.APPLIED
    assert kept(database) == ("superseded", ENDED.ended_at, "已批准变更", "plan-2")
    with database.reading() as session:
        assert session.scalar(select(func.sum(LedgerLine.amount))) == Decimal(3)


def test_a_plan_ends_once(database: Database) -> None:
    deliver(database, APPROVED, 1)
    deliver(database, ENDED, 2)
    voided = replace(ENDED, status="voided", superseded_by=None, reason="学校撤并")
    assert deliver(database, voided, 3) is Outcome.APPLIED
    assert kept(database) == ("superseded", ENDED.ended_at, "已批准变更", "plan-2")


def test_the_end_of_an_unheard_plan_is_kept_and_shown(database: Database) -> None:
    assert deliver(database, ENDED, 1) is Outcome.PARKED
    with database.reading() as session:
        assert "plan-1" in (session.scalar(select(ParkedRow.last_error)) or "")


def test_an_end_that_comes_before_the_approval_waits_for_it(database: Database) -> None:
    assert deliver(database, ENDED, 2, event_id="end") is Outcome.PARKED
    deliver(database, APPROVED, 1)
    assert deliver(database, ENDED, 2, event_id="end") is Outcome.APPLIED
    assert kept(database)[0] == "superseded"
