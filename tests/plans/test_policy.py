"""等省厅意见 (N19): parked by category, out of the deadline figures, settled together with the document's number."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import queries
from services.plans.approval.models import Plan
from services.plans.desk import policy, queue
from services.plans.terms import tonight
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from tests.plans import builders as make
from tests.plans.acting import COUNTY, COUNTY2, DISTRICT, PROVINCE, REASON, SCHOOL, act, at_county, last, offered, see

DOCUMENT = "赣教师字〔2026〕12号"


def parked(session: Session, category: str, school: str = SCHOOL, county: str = COUNTY) -> Plan:
    """A plan that waits for the province's word."""
    who = make.actor(school)
    plan = make.submit(session, make.make_plan(session, who), who)
    return act(session, plan, county, "park", category=category, opinion="一人一校如何申报？")


def test_n19_parking_needs_a_category_and_a_question(session: Session) -> None:
    plan = at_county(session)
    with pytest.raises(Invalid, match="事项类别") as caught:
        act(session, plan, COUNTY, "park", opinion=REASON)
    assert list(caught.value.fields) == ["category"]
    with pytest.raises(Invalid, match="须写明理由"):
        act(session, plan, COUNTY, "park", category="other")
    with pytest.raises(NotAllowed):
        act(session, plan, DISTRICT, "park", category="other", opinion=REASON)


def test_n19_a_parked_case_is_in_no_deadline_and_in_its_own_tab(session: Session) -> None:
    plan = parked(session, "one_teacher_school")
    county, now = make.actor(COUNTY2), utc_now()
    counts = queue.counts(session, county, now, tonight(now))
    assert (counts["todo"], counts["parked"], counts["red"], counts["yellow"]) == (0, 1, 0, 0)
    assert (plan.due_at, plan.policy_category) == (None, "one_teacher_school")
    assert see(session, SCHOOL, plan).pending_title == "等省厅意见"
    with pytest.raises(Conflict, match="等省厅意见"):
        act(session, plan, COUNTY, "approve")
    assert "resume" in offered(session, COUNTY, plan)


def test_n19_one_answer_settles_all_of_its_category_and_no_other(session: Session) -> None:
    mine = [parked(session, "one_teacher_school") for _ in range(2)]
    mine.append(parked(session, "one_teacher_school", "school.qiaobei", "county.jinxian"))
    other = parked(session, "seconded")
    province = make.actor(PROVINCE)
    assert policy.waiting(session, province) == {"one_teacher_school": 3, "seconded": 1}
    assert policy.waiting(session, make.actor(COUNTY)) == {"one_teacher_school": 2, "seconded": 1}
    given = {"category": "one_teacher_school", "document": DOCUMENT}
    answer = policy.settle(session, province, **given, text="由中心校统一申报。")
    assert answer.settled == 3
    for plan in mine:
        assert (plan.pending, plan.policy_category) == (None, None)
        line = last(session, plan)
        assert (line.act, line.opinion, line.details["document"]) == ("settle_policy", "由中心校统一申报。", DOCUMENT)
        assert plan.due_at is not None
    assert other.pending == "policy"
    assert queries.count(session, queue.to_decide(make.actor(COUNTY))) == 2
    # The next answer to the same question finds none left.
    assert policy.settle(session, province, **given, text="同上。").settled == 0
    assert [a.settled for a in policy.answers(session)] == [0, 3]


def test_n19_only_the_province_answers_and_with_a_number(session: Session) -> None:
    plan = parked(session, "fallback")
    for who in (COUNTY, DISTRICT, SCHOOL):
        with pytest.raises(NotAllowed):
            policy.settle(session, make.actor(who), category="fallback", document=DOCUMENT, text="可以。")
        with pytest.raises(NotAllowed):
            act(session, plan, who, "settle_policy", opinion=REASON)
    with pytest.raises(Invalid) as caught:
        policy.settle(session, make.actor(PROVINCE), category="x", document=" ", text="")
    assert set(caught.value.fields) == {"category", "document", "text"}
    with pytest.raises(Invalid, match="文号"):
        act(session, plan, PROVINCE, "settle_policy", opinion="可以。")
    assert act(session, plan, PROVINCE, "settle_policy", opinion="可以。", document=DOCUMENT).pending is None


def test_n19_the_stage_may_go_on_by_itself(session: Session) -> None:
    plan = act(session, parked(session, "other"), COUNTY, "resume", opinion="已电话请示。")
    assert plan.pending is None
    assert act(session, plan, COUNTY, "approve").stage == "district_review"
