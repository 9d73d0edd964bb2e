"""One decision as a page (T5, T22, T23, T26, A4, A15, N1): what is shown, what each button does, what comes next."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from services.plans.approval import drafting, operations, recording
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine, PlanRequest
from services.plans.desk import phrases
from shared.database import Database
from tests.plans import builders as make
from tests.plans.acting import act
from tests.plans.desk import CLEAN, POINT, Desk, Put, desk, number_of, shown, waiting

__all__ = ["desk", "waiting"]


def test_after_a_decision_comes_the_next_of_the_filtered_queue(desk: Desk, waiting: Put) -> None:
    ids = waiting(3)
    page = desk.see(f"/{ids[1]}/decide?fresh=new")
    assert f'href="/plans/{ids[2]}/decide?fresh=new" data-key="n"' in page
    answer = desk.decide(ids[1], "?fresh=new", verdict="approve")
    assert answer.headers["Location"] == f"/plans/{ids[2]}/decide?fresh=new"
    page = desk.see(answer.headers["Location"])
    assert "已办理“同意”" in page
    answer = desk.decide(ids[2], "?fresh=new", verdict="approve")
    assert answer.headers["Location"] == f"/plans/{ids[0]}/decide?fresh=new", "from the last to the first"
    answer = desk.decide(ids[0], "?fresh=new", verdict="approve")
    assert answer.headers["Location"] == "/plans/queue?fresh=new"
    assert "没有符合的方案" in desk.see(answer.headers["Location"])


def test_the_decision_just_made_can_be_taken_back(desk: Desk, database: Database, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    desk.decide(plan_id, verdict="approve")
    page = desk.see("/queue")
    assert "对方打开之前可以取回" in page
    answer = desk.send(f"/{plan_id}/desk/take_back", page, {})
    assert answer.headers["Location"] == f"/plans/{plan_id}/decide"
    assert 'value="approve"' in desk.see(answer.headers["Location"])
    assert "对方打开之前可以取回" not in desk.see("/queue"), "said once"
    desk.decide(plan_id, verdict="approve")
    with database.transaction() as session:
        operations.open_plan(session, make.actor("district.nanchang"), plan_id)
    answer = desk.send(f"/{plan_id}/desk/take_back", desk.see("/queue"), {})
    assert answer.status_code == 409
    assert "已经打开" in answer.text


def test_opening_is_told_by_the_page_and_changes_nothing_else(desk: Desk, database: Database, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    page = desk.see(f"/{plan_id}/decide")
    assert f'hx-post="/plans/{plan_id}/opening"' in page
    assert desk.send(f"/{plan_id}/opening", page, {}).status_code == 204
    with database.reading() as session:
        plan = session.get_one(Plan, plan_id)
        assert plan.opened_at is not None
        assert (plan.claimed_by, plan.version) == ("county.donghu", 2)
    assert "正在处理这份方案" not in desk.see(f"/{plan_id}/decide")
    assert "万青禾正在处理这份方案" in desk.sign_in("county.donghu2").see(f"/{plan_id}/decide")


def test_whoever_is_too_late_keeps_the_words_and_reads_who_and_when(
    desk: Desk, database: Database, waiting: Put
) -> None:
    (plan_id,) = waiting(1)
    page = desk.see(f"/{plan_id}/decide")
    with database.transaction() as session:
        plan = session.get_one(Plan, plan_id)
        operations.perform(session, make.actor("county.donghu2"), plan_id, "approve", version=plan.version)
    for values in ({"verdict": "approve", "opinion": "我写了很久"}, {"verdict": "return", "told": "yes", **POINT}):
        answer = desk.send(f"/{plan_id}/decide", page, values)
        assert answer.status_code == 409
        assert re.search(r"已由龚立言于 20\d\d-\d\d-\d\d \d\d:\d\d 办理：同意", answer.text)
        assert values.get("opinion", "请写明记录") in answer.text
    answer = desk.send(f"/{plan_id}/desk/consult", page, {"to": "county.donghu2", "opinion": "问得很仔细"})
    assert answer.status_code == 409
    assert "问得很仔细" in answer.text


def test_a_return_is_told_at_once_and_in_words_of_its_own(desk: Desk, database: Database, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    with database.transaction() as session:
        phrases.keep(session, make.actor("county.donghu2"), text="材料不齐，请补充。", shared=True)
        phrases.keep(session, make.actor("county.donghu2"), text="我自己的常用语。", shared=False)
    page = desk.see(f"/{plan_id}/decide")
    assert 'data-phrase="材料不齐，请补充。"' in page
    assert "我自己的常用语" not in page
    assert '<optgroup label="研修项目 1：新课标专题培训">' in page
    answer = desk.send(f"/{plan_id}/decide", page, {"verdict": "return", **POINT})
    assert answer.status_code == 422
    assert "一次性告知”。" in answer.text
    assert "请写明记录" in answer.text
    stored = {**POINT, "points.0.text": "材料不齐，请补充。"}
    answer = desk.send(f"/{plan_id}/decide", page, {"verdict": "return", "told": "yes", **stored})
    assert answer.status_code == 422
    assert 'id="f-points-0-text-error"' in answer.text
    answer = desk.send(
        f"/{plan_id}/decide", page, {"verdict": "return", "told": "yes", "opinion": "材料不齐，请补充。", **POINT}
    )
    assert 'id="f-opinion-error"' in answer.text
    answer = desk.send(f"/{plan_id}/decide", page, {"verdict": "return", "told": "yes", "days": "5", **POINT})
    assert answer.status_code == 303, answer.text
    with database.reading() as session:
        line = session.scalars(select(PlanLine).where(PlanLine.act == "return")).one()
        assert (line.details["days"], line.points[0].text) == (5, "请写明记录")
    assert desk.decide(waiting(1)[0], verdict="approve", opinion="材料不齐，请补充。").status_code == 303, (
        "an approval may"
    )


def test_points_that_were_typed_and_not_used_do_not_stop_an_approval(desk: Desk, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    assert desk.decide(plan_id, verdict="approve", **POINT).status_code == 303


def test_a_resubmission_shows_answers_with_before_and_after_and_comparisons(desk: Desk, database: Database) -> None:
    school, county = make.actor("school.qingfeng"), make.actor("county.donghu")
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session, items=CLEAN))
        point = {"section": "items", "field": "items.0.records", "text": "请写明照片", "must": True}
        operations.perform(session, county, plan.id, "return", version=plan.version, points=[point])
        items = [{**make.item(level="", records="签到表、照片"), "id": plan.items[0].id}]
        drafting.change_plan(session, school, plan.id, version=plan.version, **make.plan_body(items=items))
        recording.answer_points(session, school, plan.id, [{"number": 1, "verdict": "changed", "text": "已补照片"}])
        make.submit(session, plan)
    page = desk.see(f"/{plan.id}/decide")
    for words in ("对上次修改意见的答复", "请写明照片", "答复：已修改：已补照片", "<del>签到表、讲义、心得</del>",
                  "<ins>签到表、照片</ins>", "与上一版"):  # fmt: skip
        assert words in page, words
    assert "与首报" not in page, "the first is the one before"
    page = desk.see(f"/{plan.id}/decide?compare=previous")
    assert page.count("<ins>签到表、照片</ins>") == 2
    assert "修改稿第 2 版" in desk.see("/queue")


def test_where_it_goes_is_said_before_it_goes(desk: Desk, database: Database, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    assert re.search(r"将送达：南昌市教育局 · 市级审核（\d 人在岗）", desk.see(f"/{plan_id}/decide"))
    with database.transaction() as session:
        plan = make.approve(session, session.get_one(Plan, plan_id), "county.donghu", "district.nanchang")
    page = desk.sign_in("province").see(f"/{plan.id}/decide")
    assert "同意后即为通过" in page
    assert '<option value="county_review">县级审核 · 南昌市东湖区' in page, "may go back to an earlier stage"


ASKED = {
    "transfer": ("county.donghu2", {"opinion": "出差"}),
    "consult": ("district.nanchang", {"opinion": "此形式能否认定", "blocking": "yes"}),
    "add_signer": ("county.donghu2", {"opinion": "请签", "position": "after"}),
    "copy": ("district.nanchang", {}),
    "park": ("", {"opinion": "教学点如何认定", "category": "one_teacher_school"}),
}


@pytest.mark.parametrize("name", ASKED)
def test_everything_under_more_is_a_form_that_works(desk: Desk, database: Database, waiting: Put, name: str) -> None:
    (plan_id,) = waiting(1)
    page = desk.see(f"/{plan_id}/decide")
    form = page.split(f'id="act-{name}"')[1].split("</dialog>")[0]
    whom, values = ASKED[name]
    if whom:
        people = re.findall(r'name="to" value="([^"]+)"', form)
        assert whom in people
        assert "county.donghu" not in people, "nobody asks herself"
        assert name != "transfer" or set(people) == {"county.donghu2", "audit.donghu"}, "only the same office"
    for field in values:
        assert f'name="{field}"' in form
    answer = desk.send(f"/{plan_id}/desk/{name}", page, {"to": whom, **values} if whom else values)
    assert answer.status_code == 303, answer.text
    with database.reading() as session:
        line = session.scalars(select(PlanLine).where(PlanLine.plan_id == plan_id).order_by(PlanLine.id.desc())).first()
        assert line is not None
        assert line.act == name
    if whom:
        answer = desk.send(f"/{plan_id}/desk/{name}", desk.see("/queue?tab=area"), {"opinion": "没有选人"}, version="2")
        assert answer.status_code in (409, 422), "without anybody chosen"
        assert "没有选人" in answer.text


def test_whoever_is_asked_finds_it_and_answers(desk: Desk, database: Database, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    page = desk.see(f"/{plan_id}/decide")
    desk.send(f"/{plan_id}/desk/consult", page, {"to": "district.nanchang", "opinion": "能否认定"})
    desk.send(f"/{plan_id}/desk/copy", page, {"to": "district.nanchang"})
    desk.sign_in("district.nanchang")
    page = desk.see("/queue?tab=asked")
    assert number_of(page, "征询我") == len(shown(page)) == 1
    assert number_of(page, "待办") == 0
    assert "答复" in page
    page = desk.see(f"/{plan_id}/decide?tab=asked")
    assert "能否认定" in page
    assert 'value="approve"' not in page
    answer = desk.send(f"/{plan_id}/desk/reply?tab=asked", page, {"opinion": "可以认定"})
    assert answer.headers["Location"] == "/plans/queue?tab=asked"
    answer = desk.send(f"/{plan_id}/desk/seen?tab=copies", page, {})
    assert answer.headers["Location"] == "/plans/queue?tab=copies"
    with database.reading() as session:
        assert session.scalar(select(func.count()).where(PlanRequest.closed_at.is_(None))) == 0
    assert "可以认定" in desk.sign_in("county.donghu").see(f"/{plan_id}/decide")


def test_a_refusal_waits_for_the_second_person(desk: Desk, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    answer = desk.decide(plan_id, verdict="refuse")
    assert answer.status_code == 422
    assert "须写明理由" in answer.text
    assert desk.decide(plan_id, verdict="refuse", opinion="与学校实际不符").status_code == 303
    assert shown(desk.see("/queue")) == []
    desk.sign_in("county.donghu2")
    assert len(shown(desk.see("/queue"))) == 1
    page = desk.see(f"/{plan_id}/decide")
    assert "复核不予通过" in page
    assert desk.send(f"/{plan_id}/desk/confirm_refusal", page, {}).status_code == 303


def test_a_withdrawal_and_a_void_are_answered_at_the_desk(desk: Desk, database: Database, waiting: Put) -> None:
    school = make.actor("school.qingfeng")
    for name in ("decline_withdrawal", "grant_withdrawal"):
        (plan_id,) = waiting(1)
        with database.transaction() as session:
            plan = operations.open_plan(session, make.actor("county.donghu"), plan_id)
            operations.perform(session, school, plan_id, "ask_withdraw", version=plan.version, opinion="报错了学年")
        page = desk.see(f"/{plan_id}/decide")
        assert "申请撤回，待答复" in page
        assert desk.send(f"/{plan_id}/desk/{name}", page, {"opinion": "知道了"}).status_code == 303
    with database.transaction() as session:
        plan = make.approved_plan(session, school_year="2027-2028")
        operations.perform(session, school, plan.id, "ask_void", version=plan.version, opinion="不再举办")
    page = desk.see(f"/{plan.id}/decide")
    assert desk.send(f"/{plan.id}/desk/confirm_void", page, {"opinion": "同意作废"}).status_code == 303
    with database.reading() as session:
        assert session.get_one(Plan, plan.id).status == "voided"


def test_earlier_decisions_are_at_hand(desk: Desk, database: Database) -> None:
    with database.transaction() as session:
        make.approved_plan(session, title="上一份方案")
        plan = make.submit(session, make.make_plan(session, school_year="2027-2028"))
    page = desk.see(f"/{plan.id}/decide")
    assert "上一份方案" in page
    assert "与上年" in page
    assert "内容完全相同" not in page
    assert "<del>2026-2027</del>" in desk.see(f"/{plan.id}/decide?compare=last_year")


def test_others_see_nothing_and_a_school_has_no_desk(desk: Desk, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    desk.sign_in("county.jinxian")
    desk.see(f"/{plan_id}/decide", 404)
    assert number_of(desk.see("/queue"), "待办") == 0
    assert shown(desk.see("/queue?tab=area")) == []
    page = desk.see("/queue")
    for path in (f"/{plan_id}/opening", f"/{plan_id}/desk/transfer", f"/{plan_id}/decide"):
        assert desk.send(path, page, {"verdict": "approve", "to": "county.jinxian"}, version="2").status_code == 404
    answer = desk.send("/queue/approval", page, {"chosen": f"{plan_id}:2"})
    assert "方案01" not in answer.text
    assert "青枫" not in answer.text
    for who in ("teacher.li", "manager.donghu"):
        desk.sign_in(who).see("/queue", 403)
    # A school's administrator reviews what its teachers claim, and nothing else.
    page = desk.sign_in("school.qingfeng").see("/queue")
    assert number_of(page, "待办") == 0
    assert "代办" not in page
    for path in ("/policy", "/phrases", "/board"):
        desk.see(path, 403)
    assert desk.client.get(f"/plans/{plan_id}/decide").status_code == 302
    desk.sign_in("district.nanchang")
    page = desk.see(f"/{plan_id}/decide")
    assert "督办" in page
    assert 'value="approve"' not in page, "not at that level yet"


def test_no_button_has_the_word_for_everything(desk: Desk, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    for path in ("/queue", f"/{plan_id}/decide", "/deputies", "/policy", "/phrases"):
        page = desk.see(path)
        assert "驳" + "回" not in page
        assert not re.search(r"\d{17}[\dX]", page), "no identity number"


def test_what_was_asked_in_vain_is_recalled_under_more(desk: Desk, database: Database, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    page = desk.see(f"/{plan_id}/decide")
    assert 'id="act-recall"' not in page
    values = {"to": "county.donghu2", "opinion": "请签", "position": "after"}
    desk.send(f"/{plan_id}/desk/add_signer", page, values)
    assert "待加签" in desk.see("/queue")
    assert desk.decide(plan_id, verdict="approve").status_code == 303
    page = desk.see(f"/{plan_id}/decide")
    assert 'value="approve"' not in page
    answer = desk.send(f"/{plan_id}/desk/recall", page, {"opinion": "久未签署"})
    assert answer.headers["Location"] == f"/plans/{plan_id}/decide"
    page = desk.see(f"/{plan_id}/decide")
    assert 'value="approve"' in page, "the stage decides anew"
    assert 'id="act-recall"' not in page


def test_t11_who_has_signed_may_return_it_but_not_approve(desk: Desk, database: Database, waiting: Put) -> None:
    (plan_id,) = waiting()
    with database.transaction() as session:
        plan = session.get_one(Plan, plan_id)
        act(session, plan, "county.donghu2", "add_signer", to=["county.donghu"], opinion="请签署。")
        act(session, plan, "county.donghu", "cosign")
    page = desk.see(f"/{plan_id}/decide")
    assert ("您已在本环节签署" in page, 'value="approve"' in page, 'value="return"' in page) == (True, False, True)
    assert desk.decide(plan_id, verdict="approve").status_code == 403
    assert desk.decide(plan_id, verdict="return", told="yes", **POINT).status_code == 303
