"""The working-day clock of a submission (N27), reminders (T21, A13), and 到哪了 for the school (N7)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import clock, operations, queries, upkeep
from services.plans.approval.models import Plan
from services.plans.calendar.queries import calendar
from services.plans.desk import queue
from services.plans.terms import DAY, tonight
from shared.database import utc_now
from shared.errors import Conflict, NotAllowed
from tests.plans import builders as make
from tests.plans.acting import (
    COUNTY,
    COUNTY2,
    DISTRICT,
    PROVINCE,
    REASON,
    SCHOOL,
    act,
    at,
    at_county,
    last,
    names,
    offered,
    resubmit,
    returned,
    see,
)

MONDAY = "2026-09-07T09:00"
"""A plain week; 2026-09-20 is a worked Sunday, 2026-09-25 (中秋) a holiday."""


def used(session: Session, plan: Plan) -> timedelta:
    """Working time of the present visit."""
    found = see(session, COUNTY, plan).clock
    assert found is not None
    return found.used


def same_as_history(session: Session, plan: Plan, now: datetime | None = None) -> None:
    """That the two stored moments are what the history alone says."""
    lines, stage = queries.trail(session, plan), queries.stage_of(plan)
    found = clock.clock_of(lines, stage, calendar(session), now or utc_now()) if stage else None
    assert plan.due_at == (found.due_at if found else None)


def test_n27_a_limit_counts_working_days_with_the_made_up_ones(session: Session) -> None:
    with at(MONDAY):
        plan = at_county(session)
        # Ten working days: the worked Sunday (20th) is the eleventh, the Saturdays and the 13th are none.
        assert plan.due_at is not None
        assert plan.due_at.isoformat() == "2026-09-18T09:00:00+00:00"
        same_as_history(session, plan)
    with at("2026-09-09T13:00"):
        assert used(session, plan) == 2 * DAY + timedelta(hours=4)
    with at("2026-09-12T13:00"):  # a Saturday
        assert used(session, plan) == 5 * DAY
    assert plan.due_at == calendar(session).add(plan.entered_at, 10 * DAY)


def test_n27_it_stops_with_the_school_and_starts_on_resubmission(session: Session) -> None:
    with at(MONDAY):
        plan = at_county(session)
    with at("2026-09-09T09:00"):
        plan = returned(session, plan)
        assert (plan.due_at, plan.warn_at) == (None, None)
    with at("2026-09-11T09:00"):
        assert see(session, COUNTY, plan).clock is None
        plan = resubmit(session, plan)
        same_as_history(session, plan)
    with at("2026-09-14T09:00"):
        assert used(session, plan) == DAY
        step = see(session, COUNTY, plan).steps[0]
        # Of both visits together: 2 days and 1 day.
        assert (step.used, step.limit) == (3 * DAY, 10)
        took = [e.took for e in see(session, COUNTY, plan).entries if e.line.act == "return"]
        assert took == [2 * DAY]


def test_n27_it_stops_while_it_waits_for_the_province_and_goes_on_where_it_was(session: Session) -> None:
    with at(MONDAY):
        plan = at_county(session)
    with at("2026-09-08T09:00"):
        plan = act(session, plan, COUNTY, "park", category="other", opinion=REASON)
        assert plan.due_at is None
    with at("2026-09-10T09:00"):
        found = see(session, COUNTY, plan).clock
        assert found is not None
        assert (found.used, found.paused, found.running, found.lamp) == (DAY, 2 * DAY, False, "")
        plan = act(session, plan, COUNTY, "resume", opinion=REASON)
        same_as_history(session, plan)
    with at("2026-09-11T09:00"):
        found = see(session, COUNTY, plan).clock
        assert found is not None
        assert (found.used, found.paused, found.running) == (2 * DAY, 2 * DAY, True)


def test_n27_yellow_and_red_and_the_lists_say_the_same(session: Session) -> None:
    county = make.actor(COUNTY)
    with at(MONDAY):
        plan = at_county(session)
    for moment, lamp in (("2026-09-16T08:59", ""), ("2026-09-17T09:00", "yellow"), ("2026-09-21T12:00", "red")):
        with at(moment):
            now = utc_now()
            found = see(session, COUNTY, plan).clock
            assert found is not None
            assert (found.lamp, queue.lamp_of(plan, now)) == (lamp, lamp)
            counts = queue.counts(session, county, now, tonight(now))
            assert (counts["red"], counts["yellow"]) == (int(lamp == "red"), int(lamp == "yellow"))
            same_as_history(session, plan)


def test_n27_an_overdue_plan_is_told_upwards_once_a_visit(session: Session) -> None:
    """T21, A13, A14: nothing passes by itself."""
    with at(MONDAY):
        plan = at_county(session)
        assert upkeep.tell_overdue(session) == 0
    with at("2026-09-21T12:00"):
        assert (upkeep.tell_overdue(session), upkeep.tell_overdue(session)) == (1, 0)
        line = last(session, plan)
        assert (line.act, line.actor_name, line.outcome) == ("overdue", "系统", "超过办理时限，已告知：南昌市教育局")
        assert plan.stage == "county_review"
        district = make.actor(DISTRICT)
        assert list(session.scalars(queue.below(district, utc_now()))) == [plan]
        plan = resubmit(session, returned(session, plan))
        assert not plan.overdue_told


def test_n27_a_year_without_calendar_is_said_and_not_guessed(session: Session) -> None:
    with at("2035-03-05T10:00"):
        plan = at_county(session, school_year="2034-2035")
        assert plan.due_at is None
        found = see(session, COUNTY, plan).clock
        assert found is not None
        assert "缺少 2035 年的工作日历" in found.missing
    with at("2035-03-08T10:00"):
        with pytest.raises(Conflict, match="缺少 2035 年的工作日历"):
            act(session, plan, SCHOOL, "remind")
        assert act(session, plan, COUNTY, "approve").stage == "district_review"
    # A limit that reaches into such a year has no end yet, and its lamp stays dark.
    with at("2026-12-30T10:00"):
        plan = at_county(session)
        found = see(session, COUNTY, plan).clock
        assert found is not None
        assert (found.due_at, found.lamp, plan.due_at) == (None, "", None)
        assert "缺少 2027 年的工作日历" in found.missing


def test_t21_a_reminder_is_recorded_and_throttled(session: Session) -> None:
    with at(MONDAY):
        plan = at_county(session)
    with at("2026-09-08T09:00"), pytest.raises(Conflict, match="还不满 1 个工作日"):
        act(session, plan, SCHOOL, "remind")
    with at("2026-09-08T10:00"):
        plan = act(session, plan, SCHOOL, "remind")
        assert last(session, plan).outcome == "已提醒：南昌市东湖区教育体育局 · 县级审核"
    # The level above is held by the same throttle: it is the stage that is reminded.
    with at("2026-09-09T09:59"), pytest.raises(Conflict, match="还不满 8 个工作小时"):
        act(session, plan, DISTRICT, "remind")
    with at("2026-09-09T10:00"):
        plan = act(session, plan, DISTRICT, "remind")
        with pytest.raises(NotAllowed):
            act(session, plan, COUNTY2, "remind")
    # A new visit begins anew.
    with at("2026-09-09T11:00"):
        plan = act(session, plan, COUNTY, "approve")
        with pytest.raises(Conflict, match="还不满 1 个工作日"):
            act(session, plan, SCHOOL, "remind")
    assert names(session, plan).count("remind") == 2


def test_n7_the_school_reads_where_it_is_and_whether_it_was_opened(session: Session) -> None:
    """T22."""
    with at(MONDAY):
        plan = at_county(session)
        step = see(session, SCHOOL, plan).steps[0]
        assert (step.state, step.body, step.opened_at) == ("current", "南昌市东湖区教育体育局", None)
        assert step.phone == make.units()[make.DONGHU].phone
        assert [s.state for s in see(session, SCHOOL, plan).steps] == ["current", "todo", "todo"]
    with at("2026-09-08T10:00"):
        operations.open_plan(session, make.actor(COUNTY), plan.id)
        opened = utc_now()
        assert see(session, SCHOOL, plan).steps[0].opened_at == opened
        assert see(session, SCHOOL, plan).entries[-1].actor == ""
        assert plan.claimed_by_name == "万青禾"
    # What goes on among reviewers changes nothing of it (A16).
    plan = act(session, plan, COUNTY, "refuse", opinion="不符合政策。")
    assert see(session, SCHOOL, plan).steps[0].opened_at == opened
    operations.open_plan(session, make.actor(COUNTY2), plan.id)
    assert [e.line.act for e in see(session, SCHOOL, plan).entries] == ["submit", "open"]


def test_t22_a_claim_is_a_hint_and_no_lock(session: Session) -> None:
    """A17."""
    with at(MONDAY):
        plan = at_county(session)
        operations.open_plan(session, make.actor(COUNTY), plan.id)
        operations.open_plan(session, make.actor(COUNTY2), plan.id)
        assert plan.claimed_by == COUNTY
        assert queries.count(session, queue.claimed(make.actor(COUNTY2), utc_now())) == 1
    with at("2026-09-07T09:31"):
        assert queries.count(session, queue.claimed(make.actor(COUNTY2), utc_now())) == 0
        operations.open_plan(session, make.actor(COUNTY2), plan.id)
        assert plan.claimed_by == COUNTY2
        plan = act(session, plan, COUNTY, "approve")
        assert plan.claimed_by is None


def test_t5_withdrawing_needs_no_leave_before_it_is_opened_and_leave_after(session: Session) -> None:
    plan = at_county(session)
    with pytest.raises(Conflict, match="可以直接撤回，不必申请"):
        act(session, plan, SCHOOL, "ask_withdraw", opinion=REASON)
    assert "withdraw" in offered(session, SCHOOL, plan)
    plan = make.submit(session, act(session, plan, SCHOOL, "withdraw"))
    operations.open_plan(session, make.actor(COUNTY), plan.id)
    assert "withdraw" not in offered(session, SCHOOL, plan)
    with pytest.raises(Conflict, match="已经打开，不能撤回，请改用“申请撤回”"):
        act(session, plan, SCHOOL, "withdraw")
    plan = act(session, plan, SCHOOL, "ask_withdraw", opinion="发现错误。")
    assert (plan.pending, plan.due_at) == ("withdrawal", None)
    with pytest.raises(Conflict, match="申请撤回，待答复"):
        act(session, plan, COUNTY, "approve")
    plan = act(session, plan, COUNTY, "decline_withdrawal", opinion="继续审核。")
    same_as_history(session, plan)
    plan = act(session, plan, SCHOOL, "ask_withdraw", opinion="确有错误。")
    assert act(session, plan, COUNTY, "grant_withdrawal").status == "draft"
    assert act(session, plan, SCHOOL, "abandon").status == "withdrawn"
    assert see(session, PROVINCE, plan).acts == ()
