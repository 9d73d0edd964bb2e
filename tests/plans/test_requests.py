"""What reviewers ask of each other (T5): 意见征询, 加签, 抄送, 转办, 取回; and the second person of a refusal."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import operations, queries
from services.plans.approval.models import Plan
from services.plans.desk import queue
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from tests.plans import builders as make
from tests.plans.acting import (
    AUDIT,
    COUNTY,
    COUNTY2,
    DISTRICT,
    POINT,
    PROVINCE,
    REASON,
    SCHOOL,
    act,
    as_actor,
    at_county,
    at_district,
    events,
    in_post,
    last,
    names,
    offered,
    resubmit,
    returned,
    see,
)


def ask(session: Session, plan: Plan, name: str, *to: str, who: str = COUNTY, **more: object) -> Plan:
    """Asks colleagues something."""
    return act(session, plan, who, name, to=to, opinion=REASON, **more)


def tab(session: Session, who: str, name: str) -> list[str]:
    """Ids in a tab of somebody's desk."""
    return [plan.id for plan in session.scalars(queue.tab(as_actor(who), name, utc_now()))]


def test_t5_consult_may_hold_the_decision_until_it_is_answered(session: Session) -> None:
    plan = ask(session, at_county(session), "consult", DISTRICT, blocking=True)
    assert tab(session, DISTRICT, "asked") == [plan.id]
    assert offered(session, DISTRICT, plan) == ["reply", "remind"]
    for name, more in (("approve", {}), ("refuse", {"opinion": REASON}), ("return", {"points": [POINT]})):
        with pytest.raises(Conflict, match="正在征询涂景川的意见"):
            act(session, plan, COUNTY, name, **more)
    with pytest.raises(Invalid, match="须写明理由"):
        act(session, plan, DISTRICT, "reply")
    plan = act(session, plan, DISTRICT, "reply", opinion="可以。")
    assert tab(session, DISTRICT, "asked") == []
    with pytest.raises(NotAllowed, match="没有请您办理"):
        act(session, plan, DISTRICT, "reply", opinion="再答。")
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


def test_t5_consult_need_not_hold_it_and_ends_with_the_visit(session: Session) -> None:
    plan = ask(session, at_county(session), "consult", COUNTY2, AUDIT)
    plan = act(session, plan, COUNTY, "approve")
    assert tab(session, COUNTY2, "asked") == []
    with pytest.raises(NotAllowed, match="或已经办理"):
        act(session, plan, COUNTY2, "reply", opinion="晚了。")


def test_t5_a_signer_before_must_agree_first(session: Session) -> None:
    plan = ask(session, at_county(session), "add_signer", COUNTY2)
    with pytest.raises(Conflict, match="加签人龚立言尚未签署"):
        act(session, plan, COUNTY, "approve")
    plan = act(session, plan, COUNTY2, "cosign", agreed=False, opinion="不妥。")
    with pytest.raises(Conflict, match="加签人龚立言不同意，不能同意"):
        act(session, plan, COUNTY, "approve")
    plan = ask(session, plan, "add_signer", COUNTY2)
    plan = act(session, plan, COUNTY2, "cosign")
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


def test_t5_signers_after_sign_before_it_goes_on(session: Session) -> None:
    plan = ask(session, at_county(session), "add_signer", COUNTY2, AUDIT, position="after")
    plan = act(session, plan, COUNTY, "approve")
    assert (plan.stage, plan.pending) == ("county_review", "cosign")
    assert tab(session, COUNTY, "todo") == []
    with pytest.raises(Conflict, match="已同意，待加签"):
        act(session, plan, COUNTY, "return", points=[POINT])
    plan = act(session, plan, AUDIT, "cosign")
    assert (plan.stage, plan.pending) == ("county_review", "cosign")
    plan = act(session, plan, COUNTY2, "cosign")
    assert (plan.stage, plan.pending) == ("district_review", None)


@pytest.mark.parametrize("first", [None, True])
def test_a_signer_after_who_is_against_ends_the_approval(session: Session, first: bool | None) -> None:
    """Also when another signer, or a transfer, came in between: the approval no longer stands."""
    plan = ask(session, at_county(session), "add_signer", COUNTY2, AUDIT, position="after")
    plan = act(session, plan, COUNTY, "approve")
    if first:
        plan = act(session, plan, AUDIT, "cosign")
    plan = act(session, plan, COUNTY2, "cosign", agreed=False, opinion="不同意。")
    assert (plan.stage, plan.pending) == ("county_review", None)
    assert next(e for e in see(session, COUNTY, plan).entries if e.line.act == "approve").struck
    assert "county_review" not in queries.state_of(session, plan).signed
    with pytest.raises(Conflict, match="加签人龚立言不同意"):
        act(session, plan, COUNTY, "approve")
    # Returned and unchanged it comes back here, not to the next stage (N2).
    assert resubmit(session, returned(session, plan)).stage == "county_review"


def test_two_signers_of_one_wish_and_nobody_twice(session: Session) -> None:
    plan = ask(session, at_county(session), "add_signer", COUNTY2)
    with pytest.raises(Invalid, match="已请龚立言办理，尚待答复"):
        ask(session, plan, "add_signer", COUNTY2, who=AUDIT)
    assert ask(session, plan, "add_signer", DISTRICT, who=AUDIT).pending is None


@pytest.mark.parametrize("to", [(), ("nobody",), (COUNTY,), ("county.yujiang",), (SCHOOL,), (COUNTY2, "x" * 36)])
@pytest.mark.parametrize("name", ["consult", "add_signer", "copy", "transfer"])
def test_t5_only_colleagues_of_the_route_may_be_asked(session: Session, name: str, to: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        ask(session, at_county(session), name, *to)
    assert list(caught.value.fields) == ["to"]


def test_t11_who_drafted_it_is_never_asked_to_sign_even_with_another_account(session: Session) -> None:
    person = make.actor(COUNTY2).person_id
    author = make.school_admin(make.QINGFENG, "another-account", person)
    plan = make.submit(session, make.make_plan(session, author), author)
    for name in ("add_signer", "transfer"):
        with pytest.raises(Invalid, match="须回避"):
            ask(session, plan, name, COUNTY2)
    # Asked before she had a part in it, she may not sign after.
    plan = ask(session, at_county(session), "add_signer", COUNTY2)
    signer = make.actor(COUNTY2)
    both = Actor(signer.account_id, person, signer.name, (*signer.posts, *author.posts))
    with pytest.raises(NotAllowed):
        act(session, plan, both, "cosign")


def test_t5_copies_are_read_and_bind_nobody(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "copy", to=[PROVINCE, DISTRICT])
    plan = act(session, plan, COUNTY, "approve")
    assert tab(session, PROVINCE, "copies") == [plan.id]
    plan = act(session, plan, PROVINCE, "seen")
    assert (tab(session, PROVINCE, "copies"), tab(session, DISTRICT, "copies")) == ([], [plan.id])
    assert plan.stage == "district_review"


def test_t5_transfer_is_to_one_colleague_who_then_decides_alone(session: Session) -> None:
    plan = at_county(session)
    for to in ([COUNTY2, AUDIT], [DISTRICT]):
        with pytest.raises(Invalid, match="本单位同岗的一位其他人员"):
            act(session, plan, COUNTY, "transfer", to=to, opinion=REASON)
    plan = ask(session, plan, "transfer", COUNTY2)
    assert (tab(session, COUNTY, "todo"), tab(session, COUNTY2, "todo")) == ([], [plan.id])
    with pytest.raises(NotAllowed, match="已转办给龚立言；如需您办理，请先转办"):
        act(session, plan, COUNTY, "approve")
    plan = ask(session, plan, "transfer", AUDIT)
    assert act(session, plan, AUDIT, "approve").assignee_id is None


def test_t5_take_back_before_the_next_stage_has_opened_it(session: Session) -> None:
    plan = at_district(session)
    with pytest.raises(NotAllowed, match="只有作出上一次办理的人"):
        act(session, plan, COUNTY2, "take_back")
    plan = act(session, plan, COUNTY, "take_back")
    assert (plan.stage, queries.state_of(session, plan).signed) == ("county_review", frozenset())
    entry = next(e for e in see(session, SCHOOL, plan).entries if e.line.act == "approve")
    assert entry.struck
    with pytest.raises(NotAllowed):
        act(session, plan, COUNTY, "take_back")
    plan = act(session, plan, COUNTY, "approve")
    operations.open_plan(session, make.actor(DISTRICT), plan.id)
    with pytest.raises(Conflict, match=r"南昌市教育局.*已经打开，不能取回"):
        act(session, plan, COUNTY, "take_back")
    assert "take_back" not in offered(session, COUNTY, plan)


def test_taking_back_the_last_approval_is_too_late(session: Session) -> None:
    plan = make.approved_plan(session)
    with pytest.raises(Conflict, match=r"已通过.*不能取回"):
        act(session, plan, PROVINCE, "take_back")


def test_looking_at_ones_own_proposal_does_not_keep_one_from_taking_it_back(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "refuse", opinion="不符合政策。")
    operations.open_plan(session, make.actor(COUNTY), plan.id)
    assert act(session, plan, COUNTY, "take_back").pending is None
    plan = act(session, plan, COUNTY, "refuse", opinion="不符合政策。")
    operations.open_plan(session, make.actor(COUNTY2), plan.id)
    with pytest.raises(Conflict, match="已经打开"):
        act(session, plan, COUNTY, "take_back")


def test_t5_a_refusal_needs_a_reason_and_a_second_person(session: Session) -> None:
    plan = at_county(session)
    with pytest.raises(Invalid, match="不予通过须写明理由"):
        act(session, plan, COUNTY, "refuse")
    plan = act(session, plan, COUNTY, "refuse", opinion="学时安排与政策不符。")
    assert (plan.status, plan.pending) == ("under_review", "refusal")
    with pytest.raises(NotAllowed, match="须由第二人复核"):
        act(session, plan, COUNTY, "confirm_refusal")
    with pytest.raises(Conflict, match="拟不予通过，待第二人复核"):
        act(session, plan, COUNTY2, "approve")
    plan = act(session, plan, COUNTY2, "confirm_refusal", opinion="同意不予通过。")
    assert plan.status == "refused"
    # What the school reads names the reason, and nothing of what went on before.
    shown = see(session, SCHOOL, plan).entries
    assert [e.line.act for e in shown] == ["submit", "confirm_refusal"]
    assert shown[-1].line.opinion == "学时安排与政策不符。（复核意见：同意不予通过。）"
    assert [e["verdict"] for e in events(session, "plans.plan_decided.v1")] == ["refuse"]
    with pytest.raises(Conflict, match="不予通过"):
        make.submit(session, plan)
    assert make.make_plan(session).number != plan.number


def test_a_declined_refusal_is_again_in_the_proposers_queue(session: Session) -> None:
    """A8."""
    plan = act(session, at_county(session), COUNTY, "refuse", opinion="不符合政策。")
    with pytest.raises(Invalid, match="须写明理由"):
        act(session, plan, COUNTY2, "decline_refusal")
    plan = act(session, plan, COUNTY2, "decline_refusal", opinion="可以修改。")
    assert tab(session, COUNTY, "todo") == [plan.id]
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


def test_a11_where_one_is_alone_the_level_above_confirms(session: Session) -> None:
    in_post(session, make.DONGHU, COUNTY)
    plan = act(session, at_county(session), COUNTY, "refuse", opinion="不符合政策。")
    assert (plan.stage, plan.reviewing_path) == ("county_review", make.NANCHANG)
    assert tab(session, DISTRICT, "todo") == [plan.id]
    assert act(session, plan, DISTRICT, "confirm_refusal").status == "refused"
    # Declined it comes back down.
    plan = act(session, at_county(session), COUNTY, "refuse", opinion="不符合政策。")
    plan = act(session, plan, DISTRICT, "decline_refusal", opinion="可以修改。")
    assert (plan.reviewing_path, plan.pending) == (make.DONGHU, None)


def test_a_second_account_of_the_same_person_is_no_second_person(session: Session) -> None:
    county = make.actor(COUNTY)
    again = make.reviewer(make.DONGHU, "another-account", county.person_id)
    in_post(session, make.DONGHU, county, again)
    plan = act(session, at_county(session), COUNTY, "refuse", opinion="不符合政策。")
    assert plan.reviewing_path == make.NANCHANG
    with pytest.raises(NotAllowed):
        act(session, plan, again, "confirm_refusal")


def test_where_nobody_could_confirm_it_is_not_proposed(session: Session) -> None:
    plan = act(session, at_district(session), DISTRICT, "approve")
    in_post(session, make.PROVINCE, PROVINCE)
    with pytest.raises(Conflict, match="须由第二人复核，而本级和上级目前都没有"):
        act(session, plan, PROVINCE, "refuse", opinion="不符合政策。")
    assert names(session, plan)[-1] == "approve"
    assert last(session, plan).to_stage == "province_filing"


@pytest.mark.parametrize(("ask", "answer"), [("consult", "reply"), ("add_signer", "cosign"), ("copy", "seen")])
def test_an_answer_is_recorded_in_the_post_in_which_it_was_asked(session: Session, ask: str, answer: str) -> None:
    """Not in the first that she holds; who reviews for several units is asked in that where the plan lies."""
    below, above = make.reviewer(make.DONGHU, "both"), make.reviewer(make.NANCHANG, "both")
    both = Actor("both", None, "某审核人", (*above.posts, *below.posts))
    in_post(session, make.DONGHU, COUNTY, both)
    in_post(session, make.NANCHANG, DISTRICT, both)
    plan = act(session, at_county(session), COUNTY, ask, to=["both"], opinion=REASON)
    line = last(session, act(session, plan, both, answer, opinion=REASON))
    assert (line.unit_path, line.body) == (make.DONGHU, below.posts[0].body)
    # At the district she is asked as one of the district.
    plan = make.approve(session, at_county(session), COUNTY)
    plan = act(session, plan, DISTRICT, ask, to=["both"], opinion=REASON)
    both = Actor("both", None, "某审核人", (*below.posts, *above.posts))
    line = last(session, act(session, plan, both, answer, opinion=REASON))
    assert (line.unit_path, line.body) == (make.NANCHANG, above.posts[0].body)
