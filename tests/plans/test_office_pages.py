"""Deputies (A12), the answers of the province (N19) and stored sentences as pages."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from services.plans.approval.deputies import Deputy
from services.plans.approval.trail import PlanLine
from services.plans.desk import phrases
from services.plans.terms import china_date
from shared.actors import Office
from shared.database import Database, utc_now
from tests.plans import builders as make
from tests.plans.acting import in_post
from tests.plans.desk import Desk, Put, desk, number_of, shown, waiting

__all__ = ["desk", "waiting"]


def test_a_deputy_is_named_acts_and_is_seen(desk: Desk, database: Database, waiting: Put) -> None:
    (plan_id,) = waiting(1)
    audits = next(post for post in make.actor("county.donghu").posts if post.office is Office.RESULT_AUDIT)
    manager = make.actor("manager.donghu")
    manager = replace(manager, posts=(*manager.posts, audits))
    with database.transaction() as session:
        in_post(session, make.DONGHU, "county.donghu", manager, office=Office.RESULT_AUDIT)
    today = china_date(utc_now())
    page = desk.see("/deputies")
    assert 'value="county.donghu2"' in page
    values = {
        "absent": "county.donghu",
        "deputy": "manager.donghu",
        "first_day": str(today),
        "last_day": str(today - timedelta(days=1)),
        "reason": "出差",
        "unit_code": "360102",
    }
    answer = desk.send("/deputies", page, values)
    assert answer.status_code == 422
    assert "结束日期不能早于" in answer.text
    assert 'value="出差"' in answer.text
    answer = desk.send("/deputies", page, {**values, "last_day": str(today + timedelta(days=3))})
    assert answer.status_code == 303, answer.text
    assert "代办期间" in desk.see("/queue")
    desk.sign_in(manager)
    page = desk.see("/queue")
    assert shown(page) == ["方案01"]
    assert "您正代万青禾办理" in page
    assert desk.decide(plan_id, verdict="approve").status_code == 303
    with database.reading() as session:
        line = session.scalars(select(PlanLine).where(PlanLine.act == "approve")).one()
        assert line.actor_words.endswith("（代万青禾）")
        deputy = session.scalars(select(Deputy)).one()
    page = desk.sign_in("district.nanchang").see("/deputies")
    assert desk.send(f"/deputies/{deputy.id}/end", page, {}).status_code == 404
    page = desk.sign_in("county.donghu").see("/deputies")
    assert desk.send(f"/deputies/{deputy.id}/end", page, {}).status_code == 303
    assert "现在没有代办" in desk.see("/deputies")
    desk.sign_in(manager).see("/queue", 403)


def test_the_account_manager_names_deputies_for_others(desk: Desk) -> None:
    page = desk.sign_in("manager.donghu").see("/deputies")
    absent = page.split('name="absent"')[1].split("</select>")[0]
    assert set(re.findall(r'value="([^"]+)"', absent)) == {"county.donghu", "county.donghu2", "audit.donghu"}


def test_one_answer_of_the_province_lets_a_category_go_on(desk: Desk, database: Database, waiting: Put) -> None:
    ids = waiting(2)
    for plan_id in ids:
        page = desk.see(f"/{plan_id}/decide")
        values = {"opinion": "教学点如何认定", "category": "one_teacher_school"}
        assert desk.send(f"/{plan_id}/desk/park", page, values).status_code == 303
    page = desk.see("/policy")
    assert "由谁答复" in page
    assert number_of(desk.see("/queue"), "等省厅意见") == 2
    assert "恢复办理" in desk.see(f"/{ids[0]}/decide?tab=parked")
    page = desk.sign_in("province").see("/policy")
    assert re.search(r"一人一校.*?<strong>2</strong>", page, re.S)
    answer = desk.send("/policy", page, {"category": "one_teacher_school", "document": "赣", "text": "按联合体认定。"})
    assert answer.status_code == 422
    assert "按联合体认定。" in answer.text
    values = {"category": "one_teacher_school", "document": "赣教师字〔2026〕12号", "text": "按联合体认定。"}
    assert desk.send("/policy", page, values).status_code == 303
    assert "赣教师字〔2026〕12号" in desk.see("/policy")
    desk.sign_in("county.donghu")
    assert len(shown(desk.see("/queue"))) == 2
    assert desk.send("/policy", desk.see("/policy"), values).status_code == 403


def test_phrases_are_kept_and_taken_out_of_use(desk: Desk, database: Database) -> None:
    page = desk.see("/phrases")
    assert desk.send("/phrases", page, {"text": "内容完整，同意。", "shared": "yes"}).status_code == 303
    assert desk.send("/phrases", page, {"text": "只给我自己。"}).status_code == 303
    assert desk.send("/phrases", page, {"text": "内容完整，同意。", "shared": "yes"}).status_code == 409
    assert desk.send("/phrases", page, {"text": "短" * 201}).status_code == 422
    page = desk.sign_in("county.donghu2").see("/phrases")
    assert "内容完整，同意。" in page
    assert "只给我自己" not in page
    with database.reading() as session:
        own = session.scalars(select(phrases.Phrase).where(phrases.Phrase.account_id.is_not(None))).one()
        shared = session.scalars(select(phrases.Phrase).where(phrases.Phrase.account_id.is_(None))).one()
    assert desk.send(f"/phrases/{own.id}/end", page, {}).status_code == 404
    assert desk.send(f"/phrases/{shared.id}/end", page, {}).status_code == 303
    assert "内容完整" not in desk.sign_in("county.donghu").see("/phrases")
