"""What a withdrawal leaves open, what of it the school may notice (A16), and what other systems are told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import checks, queries, recording
from services.plans.approval.models import PlanAuthor
from shared.errors import Conflict, Invalid
from tests.plans import builders as make
from tests.plans.acting import (
    COUNTY,
    COUNTY2,
    DISTRICT,
    POINT,
    PROVINCE,
    REASON,
    SCHOOL,
    act,
    answer,
    at_county,
    at_district,
    change,
    events,
    last,
    offered,
    resubmit,
    returned,
    see,
)

HOURS = {"section": "items", "field": "items.0.hours", "text": "学时与安排不符。", "must": True}


@pytest.mark.parametrize("opened", [False, True])
def test_n1_a_return_stays_open_when_its_resubmission_is_withdrawn(session: Session, opened: bool) -> None:
    plan = returned(session, at_county(session), points=[HOURS])
    new = [make.item(hours=Decimal(30)), make.plan_body()["items"][1]]
    plan = resubmit(session, plan, items=new)
    if opened:
        plan.opened_at = plan.entered_at
        plan = act(session, plan, SCHOOL, "ask_withdraw", opinion=REASON)
        plan = act(session, plan, COUNTY, "grant_withdrawal")
    else:
        plan = act(session, plan, SCHOOL, "withdraw")
    plan = change(session, plan)
    with pytest.raises(Invalid, match="第 1 条修改意见还没有答复"):
        make.submit(session, plan)
    assert [one.point.text for one in see(session, SCHOOL, plan).open_points] == [HOURS["text"]]
    plan = make.submit(session, answer(session, plan, verdict="explained"))
    entry = next(e for e in see(session, COUNTY, plan).entries if e.line.act == "return")
    # The reviewer reads what holds for the third version, which says the same as the first.
    given = entry.points[0].point.answer
    assert given is not None
    assert (given.verdict, given.round, entry.points[0].changes) == ("explained", 3, [])
    plan = act(session, plan, COUNTY, "approve")
    assert recording.open_return(plan, queries.trail(session, plan)) is None


def test_whoever_answers_points_is_an_author(session: Session) -> None:
    plan = returned(session, at_county(session))
    other = make.school_admin(make.QINGFENG, "another-admin")
    answer(session, plan, other)
    assert session.get(PlanAuthor, (plan.id, "another-admin")) is not None


def test_n19_a_parked_case_may_be_asked_back(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "park", category="other", opinion=REASON)
    assert "ask_withdraw" in offered(session, SCHOOL, plan)
    plan = act(session, plan, SCHOOL, "ask_withdraw", opinion="不再申报。")
    assert (plan.pending, plan.policy_category) == ("withdrawal", None)
    assert last(session, plan).outcome.endswith("不再等省厅意见，如不同意撤回，由其继续办理")
    assert act(session, plan, COUNTY, "decline_withdrawal", opinion=REASON).pending is None


def test_a16_a_refusal_that_is_only_proposed_does_not_show_in_what_is_offered(session: Session) -> None:
    plan = at_county(session)
    plan.opened_at = plan.entered_at
    before = offered(session, SCHOOL, plan)
    plan = act(session, plan, COUNTY, "refuse", opinion=REASON)
    assert offered(session, SCHOOL, plan) == before
    assert {"remind", "ask_withdraw"} <= set(before)
    with pytest.raises(Conflict) as caught:
        act(session, plan, SCHOOL, "ask_withdraw", opinion=REASON)
    assert caught.value.detail == "审核单位正在办理，暂不能申请撤回；请稍后再试，或致电办理单位。"
    assert act(session, plan, COUNTY2, "confirm_refusal").status == "refused"


def test_other_systems_are_told_what_has_left_a_queue(session: Session) -> None:
    plan = act(session, at_county(session), SCHOOL, "withdraw")
    plan = act(session, make.submit(session, plan), COUNTY, "park", category="other", opinion=REASON)
    plan = act(session, plan, SCHOOL, "ask_withdraw", opinion=REASON)
    plan = act(session, plan, COUNTY, "grant_withdrawal")
    act(session, plan, SCHOOL, "abandon")
    told = [(e["verdict"], e["status"]) for e in events(session, "plans.plan_decided.v1")]
    assert told == [
        ("withdraw", "draft"), ("park", "under_review"), ("grant_withdrawal", "draft"), ("abandon", "withdrawn"),
    ]  # fmt: skip
    # What was never submitted nobody has heard of.
    act(session, make.make_plan(session), SCHOOL, "abandon")
    assert len(events(session, "plans.plan_decided.v1")) == 4


def test_a_void_that_is_asked_for_is_no_new_arrival(session: Session) -> None:
    plan = make.approved_plan(session)
    before = len(events(session, "plans.stage_entered.v1"))
    act(session, plan, SCHOOL, "ask_void", opinion="取消。")
    assert len(events(session, "plans.stage_entered.v1")) == before


def test_a_return_to_an_earlier_stage_speaks_of_no_resubmission(session: Session) -> None:
    plan = returned(session, at_district(session), DISTRICT, to_stage="county_review", points=[POINT])
    assert last(session, plan).outcome == f"退回至：{queries.holder(session, plan)}"
    plan = make.approve(session, plan, COUNTY, DISTRICT)
    plan = returned(session, plan, PROVINCE)
    assert last(session, plan).outcome.endswith("；重报后回到本环节")


def test_a_school_year_that_is_a_slip_of_the_pen_is_too_far(session: Session) -> None:
    year = int(make.YEAR[:4])
    too_far = year + checks.YEARS_AHEAD + 1
    plan = make.make_plan(session, school_year=f"{too_far}-{too_far + 1}")
    with pytest.raises(Invalid) as caught:
        make.submit(session, plan)
    assert "现在最多可申报到" in caught.value.fields["school_year"][0]
    assert make.submit(session, make.make_plan(session, school_year=f"{year + 1}-{year + 2}")).round == 1
