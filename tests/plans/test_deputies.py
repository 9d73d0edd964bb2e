"""代办 (A12, T12): for some days somebody acts for a colleague; both names stand in every line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import deputies, queries
from services.plans.desk import queue
from services.plans.terms import china_date
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.plans import builders as make
from tests.plans.acting import (
    AUDIT,
    COUNTY,
    COUNTY2,
    DISTRICT,
    REASON,
    act,
    at_county,
    in_post,
    last,
    offered,
    see,
    stand_in,
)

MANAGER = "manager.donghu"


def acting(session: Session, who: str = MANAGER) -> Actor:
    """Somebody with the posts of those for whom she stands in."""
    return deputies.acting(session, make.actor(who))


def todo(session: Session, who: Actor) -> list[str]:
    """What is in somebody's 待办."""
    return list(session.scalars(queue.to_decide(who).with_only_columns(queue.Plan.id)))


def test_a12_both_names_stand_in_the_line(session: Session) -> None:
    plan = at_county(session)
    with pytest.raises(NotFound):
        act(session, plan, acting(session), "approve")
    stand_in(session, COUNTY, MANAGER)
    deputy = acting(session)
    assert todo(session, deputy) == [plan.id]
    plan = act(session, plan, deputy, "approve")
    line = last(session, plan)
    assert (line.actor_words, line.actor_account) == ("熊知秋（代万青禾）", MANAGER)
    assert see(session, "school.qingfeng", plan).entries[-1].actor == "熊知秋（代万青禾）"
    # The original has not disappeared: she may act herself.
    assert act(session, at_county(session), COUNTY, "approve").stage == "district_review"


def test_a12_what_was_handed_to_the_absent_one_is_the_deputys(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY2, "transfer", to=[COUNTY], opinion=REASON)
    stand_in(session, COUNTY, MANAGER)
    assert (todo(session, acting(session)), todo(session, make.actor(AUDIT))) == ([plan.id], [])
    assert last(session, act(session, plan, acting(session), "approve")).for_name == "万青禾"


def test_a12_a_deputy_acts_only_in_the_period_and_while_both_are_there(session: Session) -> None:
    today, day = china_date(utc_now()), timedelta(days=1)
    stand_in(session, COUNTY, MANAGER, first_day=today + day, last_day=today + 3 * day)
    assert acting(session) == make.actor(MANAGER)
    row = stand_in(session, COUNTY, MANAGER)
    assert acting(session).posts[-1].for_name == "万青禾"
    deputies.end(session, make.actor(MANAGER), row.id)
    assert acting(session) == make.actor(MANAGER)
    stand_in(session, COUNTY, COUNTY2)
    assert len(acting(session, COUNTY2).posts) == len(make.actor(COUNTY2).posts) + 1
    in_post(session, make.DONGHU, COUNTY, AUDIT)
    make.empty_office(session, make.DONGHU, queue.Office.PLAN_REVIEW, 3)
    assert acting(session, COUNTY2) == make.actor(COUNTY2)


def test_a_deputy_who_has_moved_to_another_unit_is_none_any_more(session: Session) -> None:
    stand_in(session, COUNTY, MANAGER)
    make.empty_office(session, make.DONGHU, queue.Office.RESULT_AUDIT, 3)
    assert acting(session) == make.actor(MANAGER)


def test_t11_a_deputy_does_not_decide_what_the_absent_one_drafted(session: Session) -> None:
    county = make.actor(COUNTY)
    author = make.school_admin(make.QINGFENG, COUNTY, county.person_id)
    plan = make.submit(session, make.make_plan(session, author), author)
    stand_in(session, COUNTY, MANAGER)
    with pytest.raises(NotAllowed):
        act(session, plan, acting(session), "approve")
    assert todo(session, acting(session)) == []
    # Nor what she has drafted herself.
    author = make.school_admin(make.QINGFENG, "x", make.actor(MANAGER).person_id)
    plan = make.submit(session, make.make_plan(session, author), author)
    with pytest.raises(NotAllowed, match="回避"):
        act(session, plan, acting(session), "approve")
    assert todo(session, acting(session)) == []


def test_a_deputy_is_no_second_person_for_the_one_she_stands_in_for(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "refuse", opinion="不符合政策。")
    stand_in(session, COUNTY, MANAGER)
    assert todo(session, acting(session)) == []
    with pytest.raises(NotAllowed):
        act(session, plan, acting(session), "confirm_refusal")
    stand_in(session, COUNTY2, MANAGER)
    assert todo(session, acting(session)) == [plan.id]
    assert act(session, plan, acting(session), "confirm_refusal").status == "refused"


ONE_HAND = "在本环节已有您的签署"


def test_t11_nobody_gives_both_signatures_of_one_stage(session: Session) -> None:
    """Neither as a deputy and in her own name, nor the other way round, nor for two who are absent."""
    stand_in(session, COUNTY2, AUDIT)
    deputy = acting(session, AUDIT)
    plan = act(session, at_county(session), COUNTY, "add_signer", to=[COUNTY2], opinion=REASON)
    plan = act(session, plan, deputy, "cosign")
    assert last(session, plan).for_account == COUNTY2
    for who in (deputy, make.actor(COUNTY2)):
        with pytest.raises(NotAllowed, match=ONE_HAND):
            act(session, plan, who, "approve")
        assert "approve" not in offered(session, who, plan)
        assert "return" in offered(session, who, plan)
    assert todo(session, deputy) == [plan.id], "it may still be returned"
    for name in ("add_signer", "transfer"):
        with pytest.raises(Invalid, match="已在本环节签署"):
            act(session, plan, COUNTY, name, to=[AUDIT], opinion=REASON)
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


def test_t11_who_approved_does_not_sign_after_for_another(session: Session) -> None:
    stand_in(session, COUNTY2, AUDIT)
    plan = act(session, at_county(session), COUNTY, "add_signer", to=[COUNTY2], opinion=REASON, position="after")
    plan = act(session, plan, AUDIT, "approve")
    with pytest.raises(NotAllowed, match=ONE_HAND):
        act(session, plan, acting(session, AUDIT), "cosign")
    assert act(session, plan, COUNTY2, "cosign").stage == "district_review"


def test_t11_in_whose_name_it_was_approved_does_not_sign_after(session: Session) -> None:
    stand_in(session, COUNTY2, MANAGER)
    plan = act(session, at_county(session), COUNTY, "add_signer", to=[COUNTY2, AUDIT], opinion=REASON, position="after")
    plan = act(session, plan, acting(session), "approve")
    with pytest.raises(NotAllowed, match=ONE_HAND):
        act(session, plan, COUNTY2, "cosign")
    # Taken back from those who cannot sign, the stage decides anew.
    plan = act(session, act(session, plan, AUDIT, "cosign"), COUNTY, "recall", opinion=REASON)
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


@pytest.mark.parametrize("signer", [COUNTY2, AUDIT])
def test_t11_who_was_handed_it_and_signs_leaves_the_decision_to_colleagues(session: Session, signer: str) -> None:
    """Also where a deputy signs in her name: nobody else could approve it otherwise."""
    stand_in(session, COUNTY2, AUDIT)
    plan = act(session, at_county(session), COUNTY, "add_signer", to=[COUNTY2], opinion=REASON)
    plan = act(session, plan, COUNTY, "transfer", to=[COUNTY2], opinion=REASON)
    assert todo(session, make.actor(COUNTY)) == []
    plan = act(session, plan, acting(session, signer), "cosign")
    assert (plan.assignee_id, todo(session, make.actor(COUNTY))) == (None, [plan.id])
    assert act(session, plan, COUNTY, "approve").stage == "district_review"


def test_t11_a_signature_against_is_none(session: Session) -> None:
    stand_in(session, COUNTY2, AUDIT)
    plan = act(session, at_county(session), COUNTY, "add_signer", to=[COUNTY2], opinion=REASON)
    plan = act(session, plan, acting(session, AUDIT), "cosign", agreed=False, opinion=REASON)
    plan = act(session, plan, COUNTY, "add_signer", to=[COUNTY2], opinion=REASON)
    plan = act(session, plan, COUNTY2, "cosign")
    assert act(session, plan, AUDIT, "approve").stage == "district_review"


WRONG = [
    ({"absent": DISTRICT}, "absent", "本单位在岗的方案审核人"),
    ({"deputy": COUNTY}, "deputy", "另一位人员"),
    ({"deputy": DISTRICT}, "deputy", "另一位人员"),
    ({"deputy": "teacher.li"}, "deputy", "另一位人员"),
    ({"reason": " "}, "reason", "请写明原因"),
    ({"last_day": china_date(make.PRESENT) - timedelta(days=1)}, "last_day", "不能早于"),
    ({"last_day": china_date(make.PRESENT) + timedelta(days=400)}, "last_day", "最长一年"),
]


@pytest.mark.parametrize(("changed", "field", "words"), WRONG, ids=lambda value: str(value)[:20])
def test_t5_a_deputy_is_named_with_dates_and_a_reason(
    session: Session, changed: object, field: str, words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        stand_in(session, **{"absent": COUNTY, "deputy": COUNTY2, **changed})  # type: ignore[dict-item]
    assert words in caught.value.fields[field][0]


def test_who_may_name_a_deputy(session: Session) -> None:
    with pytest.raises(Invalid) as caught:
        stand_in(session, COUNTY, AUDIT, by=COUNTY2)
    assert "只能为自己设置" in caught.value.fields["absent"][0]
    with pytest.raises(NotAllowed, match="本单位的审核人或账号管理员"):
        stand_in(session, COUNTY, COUNTY2, by="school.qingfeng")
    row = stand_in(session, COUNTY, COUNTY2, by=COUNTY)
    with pytest.raises(Conflict, match="这段时间已由龚立言代办"):
        stand_in(session, COUNTY, AUDIT)
    with pytest.raises(NotFound):
        deputies.end(session, make.actor(DISTRICT), row.id)
    with pytest.raises(NotFound):
        deputies.end(session, acting(session, DISTRICT), "nothing")
    assert [d.id for d in deputies.in_force(session, make.actor(COUNTY2))] == [row.id]
    # A deputy does not hand on what was lent to her.
    lent = Actor("x", None, "某人", tuple(post for post in acting(session, COUNTY2).posts if post.for_account))
    days = {"first_day": row.first_day, "last_day": row.last_day, "reason": "出差"}
    with pytest.raises(NotAllowed):
        deputies.appoint(session, lent, absent=COUNTY, deputy=AUDIT, **days)
    assert queries.count(session, queue.to_decide(acting(session, COUNTY2))) == 0
