"""Who has to do with a claim: a teacher who moves on, a school with two administrators, and what each of them sees."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import queries
from shared.actors import Actor, Level, Office, Post, Unit
from shared.directory import PersonCopy
from shared.errors import Invalid, NotAllowed
from tests.plans import builders as make
from tests.plans.acting import COUNTY, COUNTY2, SCHOOL, act, in_post, see
from tests.plans.test_claims import TEACHER, submitted, teacher

NEW_SCHOOL = make.DONGHU + "3601020002/"


def test_t18_who_changes_school_keeps_her_claim_and_may_give_it_up(session: Session) -> None:
    plan = act(session, submitted(session), TEACHER, "withdraw")
    person = session.get_one(PersonCopy, teacher().person_id)
    person.unit_path = NEW_SCHOOL
    moved = replace(teacher(), posts=(Post(Office.TEACHER, Unit(NEW_SCHOOL, "桥北小学", Level.SCHOOL), "桥北小学"),))
    assert plan.id in [one.id for one in session.scalars(queries.own_plans(moved))]
    with pytest.raises(Invalid) as caught:
        make.submit(session, plan, moved)
    assert "由现任教学校另行申请" in caught.value.fields["claim.person_id"][0]
    assert act(session, plan, moved, "abandon").status == "withdrawn"


def test_a_school_hands_a_claim_on_to_its_other_administrator(session: Session) -> None:
    plan = submitted(session)
    other = Actor("school.other", "p-other", "另一管理员", make.actor(SCHOOL).posts)
    in_post(session, make.QINGFENG, SCHOOL, other, office=Office.SCHOOL_ADMIN)
    plan = act(session, plan, SCHOOL, "transfer", to=["school.other"], opinion="请核对原件。")
    assert plan.assignee_id == "school.other"
    with pytest.raises(Invalid):
        act(session, plan, other, "transfer", to=[COUNTY], opinion="请核对。")
    with pytest.raises(NotAllowed):
        act(session, plan, SCHOOL, "approve")
    assert act(session, plan, other, "approve").stage == "county_review"


def test_a16_the_school_that_reviews_a_claim_does_not_see_what_is_among_the_countys_reviewers(session: Session) -> None:
    plan = submitted(session)
    plan = act(session, act(session, plan, SCHOOL, "approve"), COUNTY, "copy", to=[COUNTY2], opinion="县内传阅。")
    plan = act(session, plan, COUNTY, "refuse", opinion="证书存疑。")
    county, school = see(session, COUNTY2, plan), see(session, SCHOOL, plan)
    assert {"copy", "refuse"} <= {entry.act.name for entry in county.entries}
    assert not {"copy", "refuse"} & {entry.act.name for entry in school.entries}
    assert (len(county.requests), len(school.requests)) == (1, 0)
    assert (county.pending, school.pending) == ("refusal", None)
