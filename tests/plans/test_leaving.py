"""When people leave (A11, T12): nothing waits for who is gone, and from every open state somebody can lead on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from services.plans.approval import operations
from services.plans.approval.models import Plan
from services.plans.workflow import CLOSED, Status
from shared.database import Database
from shared.errors import Conflict, DomainError
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
    answer,
    at_county,
    at_district,
    in_post,
    last,
    offered,
    resubmit,
    returned,
    see,
)
from tests.plans.test_queue import attempt

HELD = {make.DONGHU: [COUNTY, COUNTY2, AUDIT], make.NANCHANG: [DISTRICT], make.PROVINCE: [PROVINCE, "audit.province"]}
EVENTS = st.lists(
    st.tuples(st.sampled_from(["", "", *sorted(HELD)]), st.integers(0, 10_000)),
    max_size=14,
)
"""An act, or a change of who is in post somewhere."""


@given(EVENTS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a1_somebody_can_always_lead_on_whoever_leaves(database: Database, steps: list[tuple[str, int]]) -> None:
    """Offices are emptied down to anybody, in any order, with acts in between; the school is always there."""
    with database.transaction() as session:
        plan, version = at_county(session), 1
        there = {path: list(people) for path, people in HELD.items()}
        for office, number in steps:
            working = [SCHOOL, *(person for people in there.values() for person in people)]
            if office:
                version += 1
                stays = [person for n, person in enumerate(HELD[office]) if number >> n & 1]
                # Somebody is somewhere: a province without any reviewer answers nothing.
                there[office] = stays or (HELD[office][:1] if office == make.PROVINCE else [])
                in_post(session, office, *there[office], version=version)
                session.refresh(plan)
            else:
                plan = attempt(session, plan, number, working)
        told = last(session, plan)
        assert (plan.status, plan.stage, plan.pending) == (told.to_status, told.to_stage, told.to_pending)
        if Status(plan.status) not in CLOSED or plan.pending:
            working = [SCHOOL, *(person for people in there.values() for person in people)]
            assert any(leads_on(session, plan, who, name) for who in working for name in offered(session, who, plan))
        session.rollback()


def test_a11_a_school_takes_back_what_waits_for_the_province_where_nobody_is_left(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "park", opinion=REASON, category="other")
    in_post(session, make.DONGHU)
    assert last(session, plan).act == "park", "nothing was handed to anybody"
    plan = act(session, plan, SCHOOL, "ask_withdraw", opinion="日期写错了。")
    assert (plan.pending, last(session, plan).outcome) == (None, "办理单位目前无人在岗，可直接撤回")
    assert act(session, plan, SCHOOL, "withdraw").status == "draft"


def leads_on(session: Session, plan: Plan, who: str, name: str) -> bool:
    """Whether that act of that person moves it; everything is undone."""
    what: dict[str, Any] = {"opinion": REASON, "points": [POINT] if name == "return" else []}
    before = (plan.status, plan.stage, plan.pending)
    undo = session.begin_nested()
    try:
        if name == "submit" and plan.status == Status.RETURNED:
            answer(session, plan)
        moved = act(session, plan, who, name, **what)
        return (moved.status, moved.stage, moved.pending) != before
    except DomainError:
        return False
    finally:
        undo.rollback()
        session.refresh(plan)


def test_t10_an_empty_stage_is_said_at_submission_with_the_number_to_call(session: Session) -> None:
    """A11."""
    in_post(session, make.NANCHANG)
    plan = make.make_plan(session)
    with pytest.raises(Conflict) as caught:
        make.submit(session, plan)
    assert "南昌市教育局“市级审核”目前没有可办理的在岗审核人" in caught.value.detail
    assert str(make.units()[make.NANCHANG].phone) in caught.value.detail
    assert plan.status == "draft"


def test_t10_a_stage_whose_only_reviewer_may_not_decide_it_counts_as_empty(session: Session) -> None:
    person = make.actor(DISTRICT).person_id
    author = make.school_admin(make.QINGFENG, "another-account", person)
    with pytest.raises(Conflict, match="市级审核"):
        make.submit(session, make.make_plan(session, author), author)
    # Nor does who drafts for the school review for it, though somebody else drafted this one.
    both = make.reviewer(make.NANCHANG, SCHOOL, make.actor(SCHOOL).person_id)
    in_post(session, make.NANCHANG, both)
    author = make.school_admin(make.QINGFENG, "colleague", "colleague-person")
    with pytest.raises(Conflict, match="市级审核"):
        make.submit(session, make.make_plan(session, author), author)


def test_a11_what_was_handed_to_who_has_left_is_everybodys_again(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "transfer", to=[COUNTY2], opinion=REASON)
    in_post(session, make.DONGHU, COUNTY, AUDIT)
    assert plan.assignee_id is None
    assert last(session, plan).outcome == "龚立言已不在岗，由同岗人员办理"
    assert act(session, plan, AUDIT, "approve").stage == "district_review"


def test_a11_nobody_waits_for_a_view_or_a_signature_of_who_has_left(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "consult", to=[COUNTY2], opinion=REASON, blocking=True)
    plan = act(session, plan, COUNTY, "add_signer", to=[AUDIT], opinion=REASON)
    in_post(session, make.DONGHU, COUNTY)
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


def test_a11_without_the_last_signer_the_stage_decides_anew(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "add_signer", to=[COUNTY2], opinion=REASON, position="after")
    plan = act(session, plan, COUNTY, "approve")
    seen = plan.version
    in_post(session, make.DONGHU, COUNTY, AUDIT)
    assert (plan.pending, plan.version) == (None, seen + 1)
    with pytest.raises(Conflict, match=r"已由系统于 .* 办理：调整办理人"):
        act(session, plan, AUDIT, "approve", version=seen)
    assert next(e for e in see(session, COUNTY, plan).entries if e.line.act == "approve").struck
    # The approval no longer stands: an unchanged resubmission comes back here (N2).
    plan = resubmit(session, returned(session, plan))
    assert plan.stage == "county_review"


def test_a11_a_refusal_that_nobody_is_left_to_confirm_goes_up(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "refuse", opinion="不符合政策。")
    operations.open_plan(session, make.actor(COUNTY2), plan.id)
    in_post(session, make.DONGHU, COUNTY)
    assert (plan.pending, plan.reviewing_path) == ("refusal", make.NANCHANG)
    assert "confirm_refusal" in offered(session, DISTRICT, plan)
    # And where nobody is above either, the proposal lapses.
    in_post(session, make.PROVINCE, version=2)
    in_post(session, make.NANCHANG, version=2)
    assert (plan.pending, plan.reviewing_path) == (None, make.DONGHU)
    assert "approve" in offered(session, COUNTY, plan)


def test_a11_what_lies_in_an_office_that_was_emptied_can_be_withdrawn(session: Session) -> None:
    plan = at_district(session)
    operations.open_plan(session, make.actor(DISTRICT), plan.id)
    plan = act(session, plan, SCHOOL, "ask_withdraw", opinion=REASON)
    in_post(session, make.NANCHANG)
    assert plan.pending is None
    shown = see(session, SCHOOL, plan).entries[-1].line
    assert (shown.act, "学校可直接撤回" in shown.outcome) == ("release", True)
    assert act(session, plan, SCHOOL, "withdraw").status == "draft"


def test_a11_an_asked_void_goes_up_when_the_office_is_emptied(session: Session) -> None:
    plan = act(session, make.approved_plan(session), SCHOOL, "ask_void", opinion="培训取消。")
    in_post(session, make.DONGHU)
    assert (plan.pending, plan.reviewing_path) == ("void", make.NANCHANG)
    in_post(session, make.PROVINCE, version=2)
    in_post(session, make.NANCHANG, version=2)
    assert (plan.status, plan.pending, plan.stage) == ("approved", None, None)
