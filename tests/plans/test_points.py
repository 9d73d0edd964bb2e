"""一次性告知 (N1, A1, A4, A6): points of a return, their answers, and what could have been said before."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import drafting, operations, queries, recording
from services.plans.files import Upload
from shared.errors import Conflict, Invalid, NotAllowed
from tests.plans import builders as make
from tests.plans.acting import (
    COUNTY,
    COUNTY2,
    DISTRICT,
    POINT,
    PROVINCE,
    SCHOOL,
    act,
    answer,
    at_county,
    at_district,
    change,
    last,
    names,
    resubmit,
    returned,
    see,
)  # fmt: skip

HOURS = {"section": "items", "field": "items.0.hours", "text": "学时与安排不符。", "must": True}
AIMS = {"section": "basics", "field": "aims", "text": "目标过于笼统。", "must": False}


def test_n1_a_return_needs_a_point_that_is_tied_to_something(session: Session) -> None:
    plan = at_county(session)
    with pytest.raises(Invalid, match="至少列出一条修改意见") as caught:
        act(session, plan, COUNTY, "return", opinion="请修改")
    assert list(caught.value.fields) == ["points"]
    for wrong in ({"field": "items.9.hours"}, {"field": "items.0.colour"}, {"section": "attachments", "field": "x"}):
        with pytest.raises(Invalid, match="没有对应到方案中的位置") as caught:
            act(session, plan, COUNTY, "return", points=[POINT, {**POINT, **wrong}])
        assert list(caught.value.fields) == ["points.1.field"]
    assert (plan.status, names(session, plan)) == ("under_review", ["submit"])
    plan = returned(session, plan, points=[POINT, HOURS, AIMS])
    points = last(session, plan).points
    assert [(p.number, p.must, p.late) for p in points] == [(1, True, False), (2, True, False), (3, False, False)]
    assert points[0].place == "项目 2“读书沙龙” · 过程记录要求"


def test_n1_points_are_tied_to_files_and_to_whole_sections(session: Session) -> None:
    plan = make.make_plan(session)
    upload = Upload("方案.pdf", "application/pdf", b"1", "ab" * 32)
    file = drafting.attach(session, make.actor(SCHOOL), plan.id, upload)
    plan = make.submit(session, plan)
    point = {"section": "attachments", "field": file.id, "text": "请盖章。", "must": True}
    whole = {"section": "items", "field": "", "text": "请合并。", "must": True}
    plan = returned(session, plan, points=[point, whole])
    assert [p.place for p in last(session, plan).points] == ["附件“方案.pdf”", "研修项目"]
    drafting.detach(session, make.actor(SCHOOL), plan.id, file.id, version=plan.version)
    plan = make.submit(session, answer(session, plan))
    entry = next(e for e in see(session, COUNTY, plan).entries if e.line.act == "return")
    assert [(c.label, c.after) for c in entry.points[0].changes] == [("附件“方案.pdf”", "")]
    assert not entry.points[1].changes


def test_n1_the_school_cannot_resubmit_before_every_point_is_answered(session: Session) -> None:
    plan = returned(session, at_county(session), points=[POINT, HOURS])
    school = make.actor(SCHOOL)
    with pytest.raises(Invalid, match=r"第 1、2 条修改意见还没有答复") as caught:
        make.submit(session, plan)
    assert list(caught.value.fields) == ["answers.1", "answers.2"]
    recording.answer_points(session, school, plan.id, [{"number": 2, "verdict": "explained", "text": "属实。"}])
    with pytest.raises(Invalid, match=r"第 1 条修改意见还没有答复"):
        make.submit(session, plan)
    for wrong, sentence in (
        ({"number": 3, "verdict": "changed"}, "没有第 3 条意见"),
        ({"number": 1, "verdict": "explained", "text": " "}, "请写明情况"),
    ):
        with pytest.raises(Invalid) as caught:
            recording.answer_points(session, school, plan.id, [wrong])
        assert sentence in caught.value.fields[f"answers.{wrong['number']}"][0]
    recording.answer_points(session, school, plan.id, [{"number": 1, "verdict": "changed"}])
    plan = make.submit(session, plan)
    assert plan.stage == "county_review"


def test_n1_the_reviewer_sees_point_answer_and_before_and_after(session: Session) -> None:
    """A4."""
    plan = returned(session, at_county(session), points=[POINT, HOURS])
    plan = resubmit(session, plan, items=[make.item(hours=Decimal(30)), make.plan_body()["items"][1]])
    entry = next(e for e in see(session, COUNTY, plan).entries if e.line.act == "return")
    first, second = entry.points
    assert (first.point.answer.verdict, first.changes) == ("changed", [])
    assert [(c.before, c.after) for c in second.changes] == [("20", "30")]
    assert {p.point.answer.round for p in entry.points} == {2}


def test_n1_a_later_point_on_what_had_not_changed_is_reported(session: Session) -> None:
    """Not what was raised before, not what has changed since, not what another stage asks for the first time."""
    plan = returned(session, at_county(session), points=[POINT])
    plan = resubmit(session, plan, aims="更具体的目标，分年级列出。")
    plan = returned(session, plan, points=[POINT, AIMS, HOURS])
    assert [(p.lasting.rpartition(".")[2], p.late) for p in last(session, plan).points] == [
        ("records", False), ("aims", False), ("hours", True),
    ]  # fmt: skip
    plan = act(session, resubmit(session, plan), COUNTY, "approve")
    plan = returned(session, plan, DISTRICT, points=[{**HOURS, "field": "items.1.hours"}])
    assert [p.late for p in last(session, plan).points] == [False]


def test_n1_a_point_follows_its_item_when_items_before_it_come(session: Session) -> None:
    plan = returned(session, at_county(session), points=[{**POINT, "field": "items.0.records"}])
    old = [item.id for item in plan.items]
    items = [make.item(title="新的一项"), make.item(id=old[0]), {**make.plan_body()["items"][1], "id": old[1]}]
    body = make.plan_body(items=items)
    drafting.change_plan(session, make.actor(SCHOOL), plan.id, version=plan.version, **body)
    plan = make.submit(session, answer(session, plan))
    plan = returned(
        session, plan, points=[{**POINT, "field": "items.1.records"}, {**POINT, "field": "items.0.records"}]
    )
    # Item 1 is the one of which it was said before; item 0 is new.
    assert [p.late for p in last(session, plan).points] == [False, False]
    plan = returned(session, resubmit(session, plan), points=[{**POINT, "field": "items.2.records"}])
    assert [p.late for p in last(session, plan).points] == [True]


def test_n1_a_return_that_was_taken_back_counts_as_not_made(session: Session) -> None:
    plan = returned(session, at_county(session))
    plan = act(session, plan, COUNTY, "take_back")
    plan = returned(session, plan, points=[HOURS])
    assert [p.late for p in last(session, plan).points] == [False]
    view = see(session, SCHOOL, plan)
    assert [a.point.text for a in view.open_points] == [HOURS["text"]]


def test_a1_a_return_to_an_earlier_stage_comes_back_by_itself(session: Session) -> None:
    plan = act(session, at_district(session), DISTRICT, "approve")
    with pytest.raises(Invalid, match="本路线上更早的环节"):
        returned(session, plan, PROVINCE, to_stage="province_filing")
    with pytest.raises(Invalid, match="本路线上更早的环节"):
        returned(session, plan, PROVINCE, to_stage="nowhere")
    plan = returned(session, plan, PROVINCE, to_stage="county_review")
    assert (plan.status, plan.stage, plan.reviewing_path) == ("under_review", "county_review", make.DONGHU)
    with pytest.raises(Invalid, match="更早的环节"):
        returned(session, plan, COUNTY, to_stage="district_review")
    # Only the county signs again: the district's signature stands (A2).
    plan = act(session, plan, COUNTY, "approve")
    assert plan.stage == "province_filing"


def test_a3_while_with_the_school_no_reviewer_can_act(session: Session) -> None:
    plan = returned(session, at_county(session))
    for name in ("approve", "refuse", "park", "consult", "transfer"):
        with pytest.raises(Conflict, match=r"待修改.*青枫小学"):
            act(session, plan, COUNTY, name, opinion="意见", category="other")
    assert see(session, COUNTY2, plan).acts == ()


def test_a6_one_opinion_for_each_decision(session: Session) -> None:
    plan = returned(session, at_county(session), opinion="第一次意见")
    plan = returned(session, resubmit(session, plan), opinion="第二次意见")
    assert [line.opinion for line in queries.trail(session, plan) if line.act == "return"] == [
        "第一次意见",
        "第二次意见",
    ]


def test_answers_are_the_schools_and_only_while_it_mends(session: Session) -> None:
    plan = at_county(session)
    given = [{"number": 1, "verdict": "changed"}]
    with pytest.raises(Conflict, match="没有需要答复"):
        recording.answer_points(session, make.actor(SCHOOL), plan.id, given)
    plan = returned(session, plan)
    with pytest.raises(NotAllowed, match="申报单位"):
        recording.answer_points(session, make.actor(COUNTY), plan.id, given)


def test_what_the_school_has_begun_to_mend_cannot_be_taken_back_from_under_its_hands(session: Session) -> None:
    for mend in (lambda plan: change(session, plan, aims="正在修改"), lambda plan: answer(session, plan)):
        plan = mend(returned(session, at_county(session)))
        with pytest.raises(Conflict, match="已经打开，不能取回"):
            act(session, plan, COUNTY, "take_back")
    plan = returned(session, at_county(session))
    operations.open_plan(session, make.actor(SCHOOL), plan.id)
    with pytest.raises(Conflict, match="已经打开，不能取回"):
        act(session, plan, COUNTY, "take_back")
    # Before that it can, and the reviewer has what was submitted.
    plan = act(session, returned(session, at_county(session)), COUNTY, "take_back")
    assert plan.content().digest() == plan.digest
