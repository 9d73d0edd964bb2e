"""Nobody waits for ever: 撤销征询、加签 (recall), and deputies who answer for whoever is absent (A1, A12)."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval import deputies, queries
from services.plans.approval.trail import PlanRequest
from services.plans.desk import queue
from shared.errors import Conflict, Invalid
from tests.plans import builders as make
from tests.plans.acting import COUNTY, COUNTY2, REASON, SCHOOL, act, at_county, last, offered, see, stand_in


def test_a_blocking_view_that_never_comes_is_recalled(session: Session) -> None:
    plan = at_county(session)
    assert "recall" not in offered(session, COUNTY, plan)
    with pytest.raises(Conflict, match="没有尚待答复的征询或加签"):
        act(session, plan, COUNTY, "recall", opinion=REASON)
    plan = act(session, plan, COUNTY, "consult", to=[COUNTY2], opinion=REASON, blocking=True)
    assert "recall" in offered(session, COUNTY, plan)
    with pytest.raises(Invalid, match="须写明理由"):
        act(session, plan, COUNTY, "recall")
    plan = act(session, plan, COUNTY, "recall", opinion="久无答复。")
    assert last(session, plan).outcome == "已撤销：龚立言"
    assert session.scalars(select(PlanRequest.closed_why)).all() == ["recalled"]
    assert "recall" not in [entry.line.act for entry in see(session, SCHOOL, plan).entries]
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


@pytest.mark.parametrize("position", ["before", "after"])
def test_a_signature_that_never_comes_is_recalled_and_the_stage_decides_anew(session: Session, position: str) -> None:
    plan = act(session, at_county(session), COUNTY, "add_signer", to=[COUNTY2], opinion=REASON, position=position)
    if position == "after":
        plan = act(session, plan, COUNTY, "approve")
        assert plan.pending == "cosign"
    plan = act(session, plan, COUNTY, "recall", opinion="久无答复。")
    assert (plan.stage, plan.pending) == ("county_review", None)
    assert "county_review" not in queries.state_of(session, plan).signed
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


def test_a12_the_deputy_of_who_was_asked_answers_but_not_ones_own_request(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "consult", to=[COUNTY2], opinion=REASON, blocking=True)
    stand_in(session, COUNTY2, "manager.donghu")
    deputy = deputies.acting(session, make.actor("manager.donghu"))
    assert [one.id for one in session.scalars(queue.asked(deputy, "consult"))] == [plan.id]
    plan = act(session, plan, deputy, "reply", opinion="可以。")
    assert last(session, plan).for_name == "龚立言"
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


def test_t11_who_asked_does_not_sign_for_the_one_who_was_asked(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "add_signer", to=[COUNTY2], opinion=REASON)
    stand_in(session, COUNTY2, COUNTY)
    both = deputies.acting(session, make.actor(COUNTY))
    assert "cosign" not in offered(session, both, plan)
