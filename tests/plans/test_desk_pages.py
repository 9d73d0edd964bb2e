"""The reviewers' queue as a page (T6, T20, A8, A9, A17): numbers are lists, filters hold."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from services.plans.approval import operations
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.terms import china_date, tonight
from shared.database import Database, utc_now
from tests.plans import builders as make
from tests.plans.desk import Desk, Put, counted, desk, number_of, set_plan, shown, waiting

__all__ = ["desk", "waiting"]
MOST = 8
"""Statements of one look at the queue, who is signed in included."""


@pytest.mark.parametrize("who", ["county.donghu", "district.nanchang"])
def test_the_queue_asks_the_database_the_same_for_one_and_for_twenty_rows(
    desk: Desk, database: Database, waiting: Put, who: str
) -> None:
    numbers = []
    for more in (1, 29):
        for plan_id in waiting(more):
            if who == "district.nanchang":
                with database.transaction() as session:
                    make.approve(session, session.get_one(Plan, plan_id), "county.donghu")
        desk.sign_in(who).see("/queue")  # what is kept in memory is there now
        with counted(database) as sent:
            page = desk.see("/queue")
        numbers.append(len(sent))
        assert number_of(page, "待办") == (1 if more == 1 else 30)
    assert len(shown(page)) == 20
    assert numbers[0] == numbers[1] <= MOST, sent


def test_each_number_equals_its_list_and_filters_hold_everywhere(desk: Desk, database: Database, waiting: Put) -> None:
    ids = waiting(6)
    now = utc_now()
    set_plan(database, ids[3], due_at=now - timedelta(hours=1), warn_at=now - timedelta(days=2))
    set_plan(database, ids[4], due_at=now + timedelta(days=2), warn_at=now - timedelta(hours=1))
    end = tonight(now)
    set_plan(database, ids[5], due_at=now + (end - now) / 2, warn_at=now - timedelta(hours=1))
    with database.transaction() as session:
        county = make.actor("county.donghu")
        plan = session.get_one(Plan, ids[0])
        parked = {"opinion": "教学点如何认定", "category": "one_teacher_school"}
        operations.perform(session, county, plan.id, "park", version=plan.version, **parked)
        plan = session.get_one(Plan, ids[1])
        points = [{"section": "basics", "field": "aims", "text": "请写得具体", "must": True}]
        operations.perform(session, county, plan.id, "return", version=plan.version, points=points)
        operations.open_plan(session, make.actor("county.donghu2"), ids[2])
    page = desk.see("/queue")
    assert shown(page) == ["方案04", "方案05", "方案06", "方案03"], "red, yellow (longest here first), the rest"
    tabs = {
        "待办": "",
        "处理中": "tab=claimed",
        "待学校修改": "tab=returned",
        "已办": "tab=done",
        "抄送我": "tab=copies",
        "征询我": "tab=asked",
        "超时": "lamp=red",
        "即将到期": "lamp=yellow",
        "今日到期": "lamp=today",
    }
    for extra in ("", "fresh=new", "fresh=again", f"school_year={make.YEAR}", "unit_kind=village_school"):
        filtered = desk.see(f"/queue?{extra}")
        for title, query in tabs.items():
            listed = desk.see(f"/queue?{query}&{extra}")
            assert number_of(filtered, title) == len(shown(listed)), (extra, title)
    assert number_of(page, "处理中") == 1
    assert "处理中：龚立言 刚刚" in page
    assert "龚立言" not in desk.sign_in("district.nanchang").see("/queue?tab=area"), "another unit's affair"
    desk.sign_in("county.donghu")
    assert len(shown(desk.see("/queue?tab=parked"))) == 1
    assert number_of(page, "超时") == 1
    assert "下级超时" not in page, "a county has nothing below it"
    # Links of tabs and rows carry the filters; what is no filter is left out.
    page = desk.see("/queue?fresh=new&nonsense=1&lamp=purple&tab=nowhere")
    assert "nonsense" not in page
    assert "fresh=new" in page.split("处理中")[0]
    assert re.search(r"/decide\?fresh=new", page)


def test_pages_of_the_queue_hold_everything_once_in_order(desk: Desk, database: Database, waiting: Put) -> None:
    ids = waiting(45)
    now = utc_now()
    for plan_id in ids[40:]:
        set_plan(database, plan_id, due_at=now - timedelta(hours=1), warn_at=now - timedelta(days=2))
    found, page = [], desk.see("/queue?fresh=new")
    while True:
        found += shown(page)
        following = re.search(r'rel="next" href="\?([^"]+)"', page)
        if following is None:
            break
        assert "fresh=new" in following[1]
        page = desk.see("/queue?" + following[1].replace("&amp;", "&"))
    assert found == [f"方案{n:02d}" for n in [*range(41, 46), *range(1, 41)]]


def test_the_queue_says_what_a_reviewer_looks_for(desk: Desk, database: Database) -> None:
    with database.transaction() as session:
        village = next(unit for unit in make.units().values() if unit.kind == "village_school")
        plan = make.make_plan(session, make.school_admin(village.path, "village"))
        make.submit(session, plan, make.school_admin(village.path, "village"))
        county = make.reviewer("/".join(village.path.split("/")[:3]) + "/", "somebody-else")
    page = desk.sign_in(county).see("/queue")
    for words in (
        village.name,
        "村小",
        plan.number,
        "其他形式 1",
        "新报",
        "学校",
        "0/10 个工作日",
        "未认领",
        "县级审核",
    ):
        assert words in page, words
    assert 'name="chosen"' not in page, "with something to look at it is not approved together with others"


def test_an_empty_queue_says_when_and_who(desk: Desk, database: Database, waiting: Put) -> None:
    assert "没有待办" in desk.see("/queue")
    assert "最近一次办理" not in desk.see("/queue")
    (plan_id,) = waiting(1)
    assert desk.decide(plan_id, verdict="approve").status_code == 303
    page = desk.see("/queue")
    assert f"最近一次办理：{china_date(utc_now())}" in page
    assert "本级在岗审核人 3 名" in page


def test_approving_together_tells_each_result(desk: Desk, database: Database) -> None:
    ids = []
    with database.transaction() as session:
        for code in ("3601020001", "3601020002", "3601020003"):  # of one school they would be doublets
            who = make.school_admin(f"{make.DONGHU}{code}/", f"admin-{code}")
            ids.append(make.submit(session, make.make_plan(session, who, items=[make.item(level="")]), who).id)
    page = desk.see("/queue")
    chosen = re.findall(r'name="chosen" value="([^"]+)"', page)
    assert [value.split(":")[0] for value in chosen] == ids
    with database.transaction() as session:
        plan = session.get_one(Plan, ids[1])
        operations.perform(session, make.actor("county.donghu2"), plan.id, "approve", version=plan.version)
    answer = desk.send("/queue/approval", page, {"chosen": chosen, "opinion": "符合要求"})
    assert answer.status_code == 200
    assert "2 成功，1 未办理" in answer.text
    assert "已由龚立言于" in answer.text
    with database.reading() as session:
        lines = list(session.scalars(select(PlanLine).where(PlanLine.act == "approve").order_by(PlanLine.id)))
        assert [(line.plan_id, line.opinion) for line in lines[1:]] == [(ids[0], "符合要求"), (ids[2], "符合要求")]
    assert desk.send("/queue/approval", page, {"opinion": "符合要求"}).status_code == 303, "nothing was ticked"


def test_what_has_marks_is_refused_when_sent_all_the_same(desk: Desk, database: Database) -> None:
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
    answer = desk.send("/queue/approval", desk.see("/calendar"), {"chosen": f"{plan.id}:{plan.version}"})
    assert "0 成功，1 未办理" in answer.text
    assert "请逐件办理" in answer.text
