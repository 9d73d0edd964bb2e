"""提出作废: what was approved on false papers is undone by a reviewer of its route, and a second person confirms it."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from services.plans.desk import queue
from shared.errors import Conflict, Invalid, NotAllowed
from tests.plans import builders as make
from tests.plans.acting import AUDIT, COUNTY, COUNTY2, DISTRICT, PROVINCE, SCHOOL, act, events, in_post, last, offered
from tests.plans.test_claims import for_her, submitted, teacher

FORGED = "发证学校复函：证书编号不存在。"


def waits_for(session: Session, who: str) -> list[str]:
    """Numbers of what somebody finds in the queue."""
    return [plan.number for plan in session.scalars(queue.to_decide(make.actor(who)))]


def test_t11_t19_a_county_voids_a_forged_claim_and_a_second_person_confirms(session: Session) -> None:
    plan = act(session, make.submit(session, for_her(session)), COUNTY, "approve")
    with pytest.raises(Invalid) as caught:
        act(session, plan, COUNTY, "propose_void")
    assert "opinion" in caught.value.fields
    plan = act(session, plan, COUNTY, "propose_void", opinion=FORGED)
    assert (plan.status, plan.stage, plan.reviewing_path) == ("approved", "county_review", make.DONGHU)
    assert "待第二人复核" in last(session, plan).outcome
    # Not the one who proposed it, nor those who filed it, nor another county.
    for who in (COUNTY, SCHOOL, "county.jinxian"):
        assert plan.number not in waits_for(session, who)
    with pytest.raises(NotAllowed) as refusal:
        act(session, plan, COUNTY, "confirm_void", opinion="同意。")
    assert "第二人复核" in refusal.value.detail
    assert plan.number in waits_for(session, COUNTY2)
    plan = act(session, plan, COUNTY2, "confirm_void", opinion="核对属实，同意作废。")
    assert plan.status == "voided"
    (told,) = events(session, "plans.plan_ended.v1")
    assert (told["plan_id"], told["status"]) == (plan.id, "voided")


def test_the_second_person_may_leave_it_in_force(session: Session) -> None:
    plan = act(session, make.submit(session, for_her(session)), COUNTY, "approve")
    plan = act(session, plan, COUNTY, "propose_void", opinion=FORGED)
    plan = act(session, plan, COUNTY2, "decline_void", opinion="已补来原件，属实。")
    assert (plan.status, plan.pending, plan.reviewing_path) == ("approved", None, None)
    assert not events(session, "plans.plan_ended.v1")


def test_a_schools_administrator_proposes_and_the_county_confirms(session: Session) -> None:
    plan = act(session, act(session, submitted(session), SCHOOL, "approve"), COUNTY, "approve")
    plan = act(session, plan, SCHOOL, "propose_void", opinion=FORGED)
    assert (plan.stage, plan.reviewing_path) == ("county_review", make.DONGHU)
    assert plan.number not in waits_for(session, SCHOOL)
    assert act(session, plan, COUNTY, "confirm_void", opinion="同意。").status == "voided"


def test_any_stage_of_the_route_may_and_nobody_else(session: Session) -> None:
    plan = make.approved_plan(session)
    for who in (COUNTY, COUNTY2, AUDIT, DISTRICT, PROVINCE):
        assert "propose_void" in offered(session, who, plan)
    assert "propose_void" not in offered(session, SCHOOL, plan)
    with pytest.raises(NotAllowed):
        act(session, plan, SCHOOL, "propose_void", opinion=FORGED)
    claim = act(session, act(session, submitted(session), SCHOOL, "approve"), COUNTY, "approve")
    assert "propose_void" not in offered(session, DISTRICT, claim)  # a county's claim has no stage there
    assert "propose_void" not in offered(session, teacher(), claim)


def test_a_district_with_one_reviewer_proposes_and_the_province_confirms(session: Session) -> None:
    plan = act(session, make.approved_plan(session), DISTRICT, "propose_void", opinion=FORGED)
    assert (plan.stage, plan.reviewing_path) == ("district_review", make.PROVINCE)
    assert act(session, plan, PROVINCE, "confirm_void", opinion="同意。").status == "voided"


def test_where_nobody_could_confirm_it_is_said_and_nothing_happens(session: Session) -> None:
    plan = make.approved_plan(session)
    in_post(session, make.PROVINCE, PROVINCE)
    with pytest.raises(Conflict) as caught:
        act(session, plan, PROVINCE, "propose_void", opinion=FORGED)
    assert "第二人" in caught.value.detail
    assert "退回修改" not in caught.value.detail
    assert (plan.status, plan.pending) == ("approved", None)
