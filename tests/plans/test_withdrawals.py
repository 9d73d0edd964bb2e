"""What a withdrawal leaves open, what of it the school may notice (A16), and what other systems are told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval import checks, queries, recording
from services.plans.approval.answers import PointOut
from services.plans.approval.models import PlanAuthor
from services.plans.desk import policy
from shared.errors import Conflict, Invalid
from shared.outbox import OutboxRow
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
    at,
    at_county,
    at_district,
    change,
    events,
    in_post,
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
    # What went with the second version stays as it was sent, and the history shows it.
    sent = entry.points[0].answers
    assert [(one.round, one.verdict) for one in sent] == [(2, "changed"), (3, "explained")]
    plan = act(session, plan, COUNTY, "approve")
    assert recording.open_return(plan, queries.trail(session, plan)) is None


def test_a_reviewer_reads_an_answer_once_it_is_sent_and_nothing_sent_ever_changes(session: Session) -> None:
    plan = act(session, resubmit(session, returned(session, at_county(session))), SCHOOL, "withdraw")
    for _ in range(2):  # while it is mended the school may write it again
        plan = answer(session, plan, verdict="explained")
    shown = {}
    for who in (SCHOOL, COUNTY):
        point = next(e for e in see(session, who, plan).entries if e.line.act == "return").points[0]
        shown[who] = [(one.round, one.verdict) for one in point.answers]
        assert point.answered
    assert shown == {SCHOOL: [(2, "changed"), (3, "explained")], COUNTY: [(2, "changed")]}
    plan = make.submit(session, plan)
    # The history line is as it was; only what is said from now on is new.
    plan = act(session, plan, SCHOOL, "withdraw")
    assert not see(session, SCHOOL, plan).open_points[0].answered
    given = PointOut().dump(see(session, SCHOOL, answer(session, plan)).open_points[0])
    assert (given["answer"]["version"], [one["version"] for one in given["earlier_answers"]]) == (4, [2, 3])


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


def routed(session: Session) -> list[str]:
    """Routing keys of all that was published, in order, without what all of them begin with."""
    keys = session.scalars(select(OutboxRow.routing_key).where(OutboxRow.kind == "event").order_by(OutboxRow.id))
    return [key.removeprefix("plans.").replace(".v1", "") for key in keys]


@pytest.mark.parametrize("how", ["resume", "settle_policy", "ask_withdraw"])
def test_other_systems_are_told_what_is_back_in_its_queue(session: Session, how: str) -> None:
    """N19: parked it has left the queue of the county's own system; now it waits there again, in the same visit."""
    with at("2026-10-12T09:00"):
        plan = act(session, at_county(session), COUNTY, "park", category="other", opinion=REASON)
    if how == "settle_policy":
        policy.settle(session, make.actor(PROVINCE), category="other", document="赣教师字〔2026〕12号", text="可以。")
    else:
        plan = act(session, plan, COUNTY if how == "resume" else SCHOOL, how, opinion=REASON)
    entered = "stage_entered.county.360102"
    assert routed(session) == [entered, "plan_decided.county.360102", entered]
    assert len({event["entered_at"] for event in events(session, "plans.stage_entered.v1")}) == 1
    if how == "ask_withdraw":  # it was in the queue already
        act(session, plan, COUNTY, "decline_withdrawal", opinion=REASON)
        assert len(routed(session)) == 3


def test_the_unit_whose_queue_it_leaves_is_named_whoever_decides(session: Session) -> None:
    """A refusal that the level above confirms, an approval taken back, a return given up."""
    in_post(session, make.DONGHU, COUNTY)
    plan = act(session, at_county(session), COUNTY, "refuse", opinion=REASON)
    act(session, plan, DISTRICT, "confirm_refusal")
    assert routed(session)[1:] == ["plan_decided.county.360102"]
    act(session, at_district(session), COUNTY, "take_back")
    assert routed(session)[-2:] == ["plan_decided.district.360100", "stage_entered.county.360102"]
    act(session, returned(session, at_county(session)), SCHOOL, "abandon")
    assert routed(session)[-2:] == ["plan_decided.county.360102"] * 2
    plan = act(session, at_county(session), SCHOOL, "withdraw")
    act(session, plan, SCHOOL, "abandon")
    assert routed(session)[-2:] == ["plan_decided.county.360102", "plan_decided"]


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
