"""What a school and its reviewers do, through the real database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans import workflow
from services.plans.approval import drafting, operations, queries
from services.plans.approval.models import Plan, PlanLine, PlanVersion
from services.plans.workflow import Status
from shared.actors import Actor, Office
from shared.database import Database
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.outbox import OutboxRow
from tests.plans import builders as make

POINT = {"section": "items", "field": "items.1.records", "text": "请写明过程记录。", "must": True}


def act(session: Session, plan: Plan, who: str | Actor, name: str, **more: Any) -> Plan:
    """One act on the present version."""
    actor = make.actor(who) if isinstance(who, str) else who
    return operations.perform(session, actor, plan.id, name, version=more.pop("version", plan.version), **more)


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
    lines = queries.history(session, plan)
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
        ("plans.plan_decided.v1", "approve"),
        ("plans.stage_entered.v1.district.360100", None),
        ("plans.plan_decided.v1", "approve"),
        ("plans.stage_entered.v1.province.360000", None),
        ("plans.plan_decided.v1", "approve"),
        ("plans.plan_approved.v1", None),
    ]
    numbers = session.scalars(select(OutboxRow.aggregate_version).order_by(OutboxRow.id)).all()
    assert numbers == list(range(1, 8))


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
    assert queries.history(session, plan) == []


def test_a_return_goes_back_to_the_stage_that_returned_it(session: Session) -> None:
    plan = make.approve(session, make.submit(session, make.make_plan(session)), "county.donghu")
    plan = act(session, plan, "district.nanchang", "return", opinion="请补充。", points=[POINT])
    assert (plan.status, plan.stage, plan.return_stage) == ("returned", None, "district_review")
    point = queries.history(session, plan)[-1].points[0]
    assert (point.number, point.place) == (1, "项目 2“读书沙龙” · 过程记录要求")
    first_digest = plan.digest
    body = make.plan_body(aims="更具体的目标。")
    plan = drafting.change_plan(session, make.actor("school.qingfeng"), plan.id, version=plan.version, **body)
    plan = make.submit(session, plan)
    assert (plan.stage, plan.round) == ("district_review", 2)
    assert plan.digest != first_digest
    versions = queries.versions_of(session, plan)
    assert [v.digest for v in versions] == [first_digest, plan.digest]
    assert versions[0].content["aims"] == make.plan_body()["aims"]


def test_a_point_must_be_tied_to_something_in_the_plan(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    with pytest.raises(Invalid) as caught:
        act(session, plan, "county.donghu", "return", points=[POINT, {**POINT, "field": "items.9.hours"}])
    assert list(caught.value.fields) == ["points.1.field"]
    with pytest.raises(Invalid, match="至少列出一条"):
        act(session, plan, "county.donghu", "return", opinion="请修改")


def test_a_refusal_ends_it_and_needs_a_reason(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    with pytest.raises(Invalid, match="理由"):
        act(session, plan, "county.donghu", "refuse")
    plan = act(session, plan, "county.donghu", "refuse", opinion="与政策不符。")
    assert plan.status == "refused"
    for name in ("submit", "abandon"):
        with pytest.raises(Conflict, match="不予通过"):
            act(session, plan, "school.qingfeng", name)
    assert make.make_plan(session).number != plan.number


def test_while_with_the_school_no_reviewer_can_act(session: Session) -> None:
    """A3: the answer names who has it."""
    plan = make.submit(session, make.make_plan(session))
    plan = act(session, plan, "county.donghu", "return", points=[POINT])
    with pytest.raises(Conflict, match=r"待修改.*青枫小学"):
        act(session, plan, "county.donghu", "approve")


def test_the_slower_one_reads_who_was_faster(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    seen = plan.version
    act(session, plan, "county.donghu", "approve")
    with pytest.raises(Conflict) as caught:
        act(session, plan, "county.donghu2", "return", version=seen, points=[POINT])
    assert "已由万青禾于" in caught.value.detail
    assert "办理：同意" in caught.value.detail
    assert (caught.value.extra["decided_by"], caught.value.extra["verdict"]) == ("万青禾", "approve")
    assert [line.act for line in queries.history(session, plan)] == ["submit", "approve"]


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
    view = queries.view(session, county, queries.find_plan(session, county, plan.id))
    assert view.content.aims == make.plan_body()["aims"]
    assert view.acts == ()
    assert queries.view(session, make.actor("school.qingfeng"), plan).content.aims == "还没有写完的修改"


def test_who_drafted_never_approves_whatever_they_are_now(session: Session) -> None:
    """T11: by account, and as the same person with another account."""
    school = make.school_admin(make.QINGFENG, "zou-account", "zou-person")
    plan = make.submit(session, make.make_plan(session, school), school)
    both = Actor("zou-account", None, "两岗", (*school.posts, *make.reviewer(make.DONGHU, "x").posts))
    same_person = make.reviewer(make.DONGHU, "other-account", "zou-person")
    for who in (both, same_person):
        with pytest.raises(NotAllowed, match="回避"):
            act(session, plan, who, "approve")
        assert queries.count(session, queries.to_decide(who)) == 0
    # Whoever edits it later has had a hand in it as well.
    editor = make.school_admin(make.QINGFENG, "editor", "editor-person")
    plan = act(session, plan, "county.donghu", "return", points=[POINT])
    drafting.change_plan(session, editor, plan.id, version=plan.version, **make.plan_body())
    plan = make.submit(session, plan, school)
    with pytest.raises(NotAllowed, match="回避"):
        act(session, plan, make.reviewer(make.DONGHU, "editor"), "approve")


def test_an_empty_stage_is_said_at_submission_with_the_number_to_call(session: Session) -> None:
    """T10, A11."""
    make.empty_office(session, make.NANCHANG, Office.PLAN_REVIEW)
    plan = make.make_plan(session)
    with pytest.raises(Conflict) as caught:
        make.submit(session, plan)
    assert "南昌市教育局“市级审核”" in caught.value.detail
    assert make.units()[make.NANCHANG].phone in caught.value.detail
    assert plan.status == "draft"


def test_a_stage_whose_only_reviewer_drafted_it_counts_as_empty(session: Session) -> None:
    author = make.school_admin(make.QINGFENG, "district.nanchang", make.actor("district.nanchang").person_id)
    plan = make.make_plan(session, author)
    with pytest.raises(Conflict, match="市级审核"):
        make.submit(session, plan)


def test_taking_back_and_giving_up(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    plan = act(session, plan, "school.qingfeng", "withdraw")
    assert (plan.status, plan.return_stage) == ("draft", "county_review")
    plan = make.submit(session, plan)
    assert (plan.stage, plan.round) == ("county_review", 2)
    plan = make.approve(session, plan, "county.donghu")
    with pytest.raises(Conflict, match="已有审核意见"):
        act(session, plan, "school.qingfeng", "withdraw")
    plan = act(session, plan, "district.nanchang", "return", points=[POINT])
    plan = act(session, plan, "school.qingfeng", "abandon")
    assert plan.status == "withdrawn"


def test_history_and_versions_are_append_only(database: Database) -> None:
    with database.transaction() as session:
        plan_id = make.submit(session, make.make_plan(session)).id

    def rewrite_a_line(session: Session) -> None:
        session.scalars(select(PlanLine).where(PlanLine.plan_id == plan_id)).one().opinion = "改写历史"

    def drop_a_version(session: Session) -> None:
        session.delete(session.get_one(PlanVersion, (plan_id, 1)))

    for change in (rewrite_a_line, drop_a_version):
        with pytest.raises(RuntimeError, match="append-only"), database.transaction() as session:
            change(session)


REVIEWING = ["county.donghu", "county.donghu2", "county.jinxian", "district.nanchang", "province", "county.yujiang"]
STEPS = st.lists(st.tuples(st.sampled_from(sorted(workflow.ACTS)), st.sampled_from(REVIEWING)), max_size=12)


@given(STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_queue_is_exactly_what_may_be_decided(database: Database, steps: list[tuple[str, str]]) -> None:
    """T6, A8: whatever has happened, a plan is in somebody's 待办 if and only if that person's decision is legal."""
    with database.transaction() as session:
        for school in ("school.qingfeng", "school.qiaobei"):
            plan = make.submit(session, make.make_plan(session, make.actor(school)), make.actor(school))
            for name, reviewer in steps:
                who = school if workflow.ACTS[name].by is workflow.By.OWNER else reviewer
                points = [POINT] if name == "return" else ()
                try:
                    plan = act(session, plan, who, name, opinion="意见如下", points=points)
                except (Conflict, NotAllowed, NotFound):
                    continue
            _compare(session, plan)
        session.rollback()


def _compare(session: Session, plan: Plan) -> None:
    state = queries.state_of(session, plan)
    waiting_for = []
    for account in make.province().accounts:
        who = make.actor(account.username)
        in_queue = plan.id in set(session.scalars(queries.to_decide(who).with_only_columns(Plan.id)))
        legal = any(found.decides for found in workflow.open_acts(state, who))
        assert in_queue == legal, account.username
        if in_queue:
            waiting_for.append({post.unit.path for post in who.posts_of(Office.PLAN_REVIEW)})
    if state.status is Status.UNDER_REVIEW:
        assert waiting_for
        assert all(paths == {plan.reviewing_path} for paths in waiting_for)
    else:
        assert not waiting_for


def test_counts_equal_lists(session: Session) -> None:
    for _ in range(3):
        make.submit(session, make.make_plan(session))
    make.make_plan(session)
    for username in ("county.donghu", "district.nanchang", "school.qingfeng"):
        who = make.actor(username)
        for query in (queries.to_decide(who), queries.visible_plans(who)):
            assert queries.count(session, query) == len(session.scalars(query).all())
    assert queries.count(session, queries.to_decide(make.actor("county.donghu"))) == 3
    assert session.scalar(select(PlanLine.id).where(PlanLine.act == "approve")) is None
