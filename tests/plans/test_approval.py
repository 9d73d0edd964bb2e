"""What a school and its reviewers do, through the real database."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval import drafting, queries, views
from services.plans.desk import queue
from shared import directory
from shared.actors import Actor
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.outbox import OutboxRow
from tests.plans import builders as make
from tests.plans.acting import POINT, act, answer


def events(session: Session) -> list[tuple[str, str | None]]:
    """(routing key, verdict) of what was published, in order."""
    rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == "event").order_by(OutboxRow.id))
    return [(row.routing_key, row.payload.get("verdict")) for row in rows]


def test_a_plan_passes_county_district_and_province(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    assert (plan.status, plan.stage, plan.reviewing_path) == ("under_review", "county_review", make.DONGHU)
    plan = make.approve(session, plan, "county.donghu", "district.nanchang", "province")
    assert (plan.status, plan.stage, plan.reviewing_path) == ("approved", None, None)
    assert plan.approved_at is not None
    lines = queries.trail(session, plan)
    assert [(line.act, line.stage, line.actor_name) for line in lines] == [
        ("submit", None, "邹启文"),
        ("approve", "county_review", "万青禾"),
        ("approve", "district_review", "涂景川"),
        ("approve", "province_filing", "欧阳敏之"),
    ]
    assert {line.digest for line in lines} == {plan.digest}
    assert lines[0].outcome == "送达：南昌市东湖区教育体育局 · 县级审核"
    assert events(session) == [
        ("plans.stage_entered.v1.county.360102", None),
        ("plans.plan_decided.v1.county.360102", "approve"),
        ("plans.stage_entered.v1.district.360100", None),
        ("plans.plan_decided.v1.district.360100", "approve"),
        ("plans.stage_entered.v1.province.360000", None),
        ("plans.plan_decided.v1.province.360000", "approve"),
        ("plans.plan_approved.v1", None),
    ]
    numbers = session.scalars(select(OutboxRow.aggregate_version).order_by(OutboxRow.id)).all()
    assert numbers == list(range(1, 8))


def test_faq_q14_what_is_told_of_a_joint_plan_names_the_schools_that_it_covers(session: Session) -> None:
    central = next(unit for unit in make.units().values() if unit.kind == "central_school")
    who = make.school_admin(central.path, "central")
    near = drafting.coverable(session, directory.unit(session, central.path))
    plan = make.submit(session, make.make_plan(session, who, covers=[near[0].path]), who)
    assert make.approve(session, plan, "county.jinxian", "district.nanchang", "province").status == "approved"
    alone = make.approve(session, make.submit(session, make.make_plan(session)), "county.donghu", "district.nanchang")
    make.approve(session, alone, "province")
    told = select(OutboxRow.payload).where(OutboxRow.name == "plans.plan_approved.v1").order_by(OutboxRow.id)
    assert [payload["covers"] for payload in session.scalars(told)] == [[near[0].path], []]


def test_a_school_directly_under_a_district_has_no_county_stage(session: Session) -> None:
    who = make.actor("school.chenghu")
    plan = make.submit(session, make.make_plan(session, who), who)
    assert plan.stage == "district_review"
    assert make.approve(session, plan, "district.nanchang", "province").status == "approved"


def test_a_village_school_files_its_own_plan_and_the_training_school_reviews_it(session: Session) -> None:
    """FAQ-Q14 and Q15: 进贤县's plans are reviewed by its training school."""
    who = make.actor("school.qiaobei")
    plan = make.submit(session, make.make_plan(session, who), who)
    assert plan.unit_kind == "village_school"
    assert "VILLAGE_SCHOOL" in plan.flags
    assert "教师进修学校" in queries.holder(session, plan)
    plan = make.approve(session, plan, "county.jinxian", "district.nanchang", "province")
    assert plan.status == "approved"


def test_a_standard_easier_than_the_countys_cannot_be_submitted(session: Session) -> None:
    """FAQ-Q10, PC-27."""
    plan = make.make_plan(session, items=[make.item(kind="other", hours_per_credit=Decimal(5))])
    with pytest.raises(Invalid) as caught:
        make.submit(session, plan)
    assert list(caught.value.fields) == ["items.0.hours_per_credit"]
    assert caught.value.extra["flags"] == ["PLAN_STANDARD_BELOW_COUNTY"]
    assert plan.status == "draft"
    assert queries.trail(session, plan) == []


def test_the_slower_one_reads_who_was_faster(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    seen = plan.version
    act(session, plan, "county.donghu", "approve")
    with pytest.raises(Conflict) as caught:
        act(session, plan, "county.donghu2", "return", version=seen, points=[POINT])
    assert "已由万青禾于" in caught.value.detail
    assert "办理：同意" in caught.value.detail
    assert (caught.value.extra["decided_by"], caught.value.extra["verdict"]) == ("万青禾", "approve")
    assert [line.act for line in queries.trail(session, plan)] == ["submit", "approve"]


def test_a_reviewer_of_another_stage_cannot_decide(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    for who in ("district.nanchang", "province"):
        with pytest.raises(NotAllowed, match="县级审核"):
            act(session, plan, who, "approve")


def test_another_county_does_not_see_it(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    for who in ("county.yujiang", "district.yingtan", "school.chenghu", "teacher.li"):
        with pytest.raises(NotFound):
            act(session, plan, who, "approve")


def test_an_area_ends_on_both_sides(session: Session) -> None:
    """Neither the county before nor the county after in the order of codes is seen."""
    mine = make.submit(session, make.make_plan(session))
    who = make.actor("school.qiaobei")
    other = make.submit(session, make.make_plan(session, who), who)
    for username, seen in (
        ("county.donghu", {mine.id}),
        ("county.jinxian", {other.id}),
        ("province", {mine.id, other.id}),
    ):
        assert {plan.id for plan in session.scalars(queries.visible_plans(make.actor(username)))} == seen


def test_reviewers_see_a_plan_only_once_it_was_submitted(session: Session) -> None:
    plan = make.make_plan(session)
    county = make.actor("county.donghu")
    with pytest.raises(NotFound):
        queries.find_plan(session, county, plan.id)
    plan = act(session, make.submit(session, plan), "county.donghu", "return", points=[POINT])
    body = make.plan_body(aims="还没有写完的修改", title="新标题")
    drafting.change_plan(session, make.actor("school.qingfeng"), plan.id, version=plan.version, **body)
    view = views.view(session, county, queries.find_plan(session, county, plan.id))
    assert view.content.aims == make.plan_body()["aims"]
    assert [found.name for found in view.acts] == ["correct"]
    assert views.view(session, make.actor("school.qingfeng"), plan).content.aims == "还没有写完的修改"


def test_who_drafted_never_approves_whatever_they_are_now(session: Session) -> None:
    """T11: by account, and as the same person with another account."""
    school = make.school_admin(make.QINGFENG, "zou-account", "zou-person")
    plan = make.submit(session, make.make_plan(session, school), school)
    both = Actor("zou-account", None, "两岗", (*school.posts, *make.reviewer(make.DONGHU, "x").posts))
    same_person = make.reviewer(make.DONGHU, "other-account", "zou-person")
    for who in (both, same_person):
        with pytest.raises(NotAllowed, match="回避"):
            act(session, plan, who, "approve")
        assert queries.count(session, queue.to_decide(who)) == 0
    # Whoever edits it later has had a hand in it as well.
    editor = make.school_admin(make.QINGFENG, "editor", "editor-person")
    plan = act(session, plan, "county.donghu", "return", points=[POINT])
    drafting.change_plan(session, editor, plan.id, version=plan.version, **make.plan_body())
    plan = make.submit(session, answer(session, plan, school), school)
    with pytest.raises(NotAllowed, match="回避"):
        act(session, plan, make.reviewer(make.DONGHU, "editor"), "approve")
