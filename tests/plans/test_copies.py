"""A draft that begins as an approved plan: the next year's (N31), or an amendment; and 作废."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import comparing, copying, drafting, looking, queries
from services.plans.approval.models import Plan
from services.plans.files import Upload
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.plans import builders as make
from tests.plans.acting import (
    COUNTY,
    DISTRICT,
    POINT,
    PROVINCE,
    SCHOOL,
    act,
    at_county,
    events,
    in_post,
    last,
    offered,
    see,
)


def copy(session: Session, plan: Plan, purpose: str) -> Plan:
    """A new draft from an approved plan."""
    return copying.copy_plan(session, make.actor(SCHOOL), plan.id, purpose)


def through(session: Session, plan: Plan) -> Plan:
    """Submitted and approved by all."""
    return make.approve(session, make.submit(session, plan), COUNTY, DISTRICT, PROVINCE)


def test_n31_next_year_begins_as_this_years_with_dates_a_year_later(session: Session) -> None:
    item = make.item(held_from=date(2028, 2, 29), held_to=date(2028, 3, 1))
    old = make.approved_plan(session, school_year="2027-2028", title="2027-2028 校本研修方案", items=[item])
    new = copy(session, old, "next_year")
    assert (new.status, new.school_year, new.title) == ("draft", "2028-2029", "2028-2029 校本研修方案")
    assert [(i.held_from, i.held_to) for i in new.items] == [(date(2029, 2, 28), date(2029, 3, 1))]
    assert [i.id for i in new.items] == [i.id for i in old.items]
    assert new.amends_id is None


def test_n31_the_reviewer_sees_only_what_differs_from_last_year(session: Session) -> None:
    old = make.approved_plan(session)
    new = copy(session, old, "next_year")
    new = make.submit(session, new)
    assert "LIKE_LAST_YEAR" in new.flags
    new = act(session, new, SCHOOL, "withdraw")
    items = [{**make.item(hours=Decimal(30), held_from=date(2027, 10, 12), held_to=date(2027, 12, 18))}]
    body = make.plan_body(school_year=new.school_year, items=items)
    new = make.submit(session, drafting.change_plan(session, make.actor(SCHOOL), new.id, version=new.version, **body))
    assert "LIKE_LAST_YEAR" not in new.flags
    last_year = looking.last_years_plan(session, new, new.school_year)
    assert last_year is old
    frozen = (queries.frozen(session, plan) for plan in (old, new))
    found = {change.label: (change.before, change.after) for change in comparing.compare(*frozen, by_title=True)}
    assert found["项目“新课标专题培训” · 学时"] == ("20", "30")
    assert found["项目“读书沙龙”"][1] == ""
    assert "目标与要求" not in found


def test_n31_items_of_the_same_title_are_all_compared(session: Session) -> None:
    """In their order: the second of them with the second; one more, or one less, is named."""
    hours = {"three": (20, 24, 28), "changed": (20, 24, 30), "two": (20, 24)}
    content = {
        name: make.make_plan(session, items=[make.item(hours=Decimal(one)) for one in each]).content()
        for name, each in hours.items()
    }
    found = {
        name: [(c.label, c.before, c.after) for c in comparing.compare(content["three"], new, by_title=True)]
        for name, new in content.items()
    }
    gone = ("项目“新课标专题培训”", "校本培训，28 学时，10 学时/学分", "")
    assert found == {"three": [], "changed": [("项目“新课标专题培训” · 学时", "28", "30")], "two": [gone]}
    (added,) = comparing.compare(content["two"], content["three"], by_title=True)
    assert (added.before, added.after) == (gone[2], gone[1])


def test_an_amendment_replaces_the_approved_one_only_when_it_is_approved(session: Session) -> None:
    old = make.approved_plan(session)
    upload = Upload("附件.pdf", "application/pdf", b"1", "ab" * 32)
    new = copy(session, old, "amend")
    with pytest.raises(Conflict, match=f"已有修订稿 {new.number}"):
        copy(session, old, "amend")
    drafting.attach(session, make.actor(SCHOOL), new.id, upload)
    new = make.approve(session, make.submit(session, new), COUNTY, DISTRICT)
    assert old.superseded_by_id is None
    assert queries.approved_plan(session, old.id, old.kind, old.unit_path)[0] is old
    new = make.approve(session, new, PROVINCE)
    assert old.superseded_by_id == new.id
    ended = events(session, "plans.plan_ended.v1")
    assert [(e["plan_id"], e["status"], e["superseded_by"]) for e in ended] == [(old.id, "superseded", new.id)]
    with pytest.raises(Invalid, match="修订取代"):
        queries.approved_plan(session, old.id, old.kind, old.unit_path)
    for purpose in ("amend", "next_year"):
        with pytest.raises(Conflict, match="有效的已通过方案"):
            copy(session, old, purpose)
    again = copy(session, new, "amend")
    assert [file.sha256 for file in again.attachments] == [upload.sha256]


def test_an_amendment_given_up_leaves_room_for_another(session: Session) -> None:
    old = make.approved_plan(session)
    act(session, copy(session, old, "amend"), SCHOOL, "abandon")
    assert copy(session, old, "amend").amends_id == old.id


def test_only_approved_plans_of_ones_own_are_copied(session: Session) -> None:
    with pytest.raises(Conflict, match="有效的已通过方案"):
        copy(session, at_county(session), "amend")
    old = make.approved_plan(session)
    with pytest.raises(NotAllowed, match="申报单位"):
        copying.copy_plan(session, make.actor(COUNTY), old.id, "amend")
    with pytest.raises(NotFound):
        copying.copy_plan(session, make.actor("school.qiaobei"), old.id, "amend")


def test_dates_at_the_end_of_time_are_copied_too(session: Session) -> None:
    old = make.approved_plan(session, items=[make.item(held_to=date(9999, 12, 31))])
    assert copy(session, old, "next_year").items[0].held_to == date(9999, 12, 31)


def test_t5_an_approved_plan_is_made_void_by_its_first_reviewer_and_never_silently(session: Session) -> None:
    plan = make.approved_plan(session)
    with pytest.raises(Invalid, match="须写明理由"):
        act(session, plan, SCHOOL, "ask_void")
    plan = act(session, plan, SCHOOL, "ask_void", opinion="培训取消。")
    assert (plan.status, plan.pending, plan.reviewing_path) == ("approved", "void", make.DONGHU)
    assert queries.approved_plan(session, plan.id, plan.kind, plan.unit_path)[0] is plan
    with pytest.raises(NotAllowed):
        act(session, plan, PROVINCE, "confirm_void", opinion="同意。")
    plan = act(session, plan, COUNTY, "decline_void", opinion="已有教师参加。")
    assert (plan.status, plan.pending, plan.stage) == ("approved", None, None)
    plan = act(session, plan, SCHOOL, "ask_void", opinion="培训确已取消。")
    with pytest.raises(Invalid, match="须写明理由"):
        act(session, plan, COUNTY, "confirm_void")
    plan = act(session, plan, COUNTY, "confirm_void", opinion="同意。")
    assert (plan.status, see(session, SCHOOL, plan).status_title) == ("voided", "已作废")
    assert [e["status"] for e in events(session, "plans.plan_ended.v1")] == ["voided"]
    with pytest.raises(Invalid):
        queries.approved_plan(session, plan.id, plan.kind, plan.unit_path)
    with pytest.raises(Conflict, match="只有已通过的才能申请作废"):
        act(session, plan, SCHOOL, "ask_void", opinion="再次。")


def test_an_amendment_of_what_is_void_by_now_is_neither_submitted_nor_approved(session: Session) -> None:
    old = make.approved_plan(session)
    new = make.submit(session, copy(session, old, "amend"))
    old = act(session, old, SCHOOL, "ask_void", opinion="取消。")
    old = act(session, old, COUNTY, "confirm_void", opinion="同意。")
    with pytest.raises(Conflict, match=rf"所修订的方案 {old.number} 已作废，此修订不能再同意"):
        act(session, new, COUNTY, "approve")
    new = act(session, new, SCHOOL, "withdraw")
    with pytest.raises(Conflict, match="已作废，此修订不能再报送"):
        make.submit(session, new)
    assert act(session, new, SCHOOL, "abandon").status == "withdrawn"
    assert [e["status"] for e in events(session, "plans.plan_ended.v1")] == ["voided"]


def test_what_an_amendment_replaces_cannot_be_made_void_any_more(session: Session) -> None:
    old = make.approved_plan(session)
    new = copy(session, old, "amend")
    old = act(session, old, SCHOOL, "ask_void", opinion="取消。")
    through(session, new)
    assert (old.superseded_by_id, old.pending, old.stage, old.reviewing_path) == (new.id, None, None, None)
    assert last(session, old).outcome == f"由修订方案 {new.number} 取代，原申请作废不再办理"
    assert queries.trail(session, old)[-1].act == "supersede"
    assert "ask_void" not in offered(session, SCHOOL, old)
    with pytest.raises(Conflict, match="已由修订方案取代，不能申请作废"):
        act(session, old, SCHOOL, "ask_void", opinion="再次。")
    with pytest.raises(Conflict):
        act(session, old, COUNTY, "confirm_void", opinion="同意。")
    assert [e["status"] for e in events(session, "plans.plan_ended.v1")] == ["superseded"]


def test_where_the_first_office_is_empty_the_level_above_answers_for_a_void(session: Session) -> None:
    plan = make.approved_plan(session)
    in_post(session, make.DONGHU)
    plan = act(session, plan, SCHOOL, "ask_void", opinion="培训取消。")
    assert plan.reviewing_path == make.NANCHANG
    assert act(session, plan, DISTRICT, "confirm_void", opinion="同意。").status == "voided"
    assert last(session, plan).body == "南昌市教育局"
    assert POINT["section"] == "items"
