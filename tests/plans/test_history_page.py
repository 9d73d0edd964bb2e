"""办理过程: where it is (N7), every act by rounds, what lapsed or was taken back, two versions; the school's side."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.plans.acts import ACTS
from services.plans.approval import operations, recording
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.calendar import queries as calendars
from services.plans.terms import DAY
from shared.database import Database, utc_now
from tests.plans import builders as make
from tests.plans.test_pages import Browser, browser  # noqa: F401  a fixture

SCHOOL, COUNTY, COLLEAGUE = "school.qingfeng", "county.donghu", "county.donghu2"
POINT = {"section": "items", "field": "items.0.hours", "text": "学时与安排不符"}


def act(session: Session, plan: Plan, who: str, name: str, **what: Any) -> Plan:
    """One act of a sample person."""
    return operations.perform(session, make.actor(who), plan.id, name, version=plan.version, **what)


def edit(session: Session, plan: Plan, hours: int) -> None:
    """The school changes the hours of the first item."""
    plan.items[0].hours = hours  # type: ignore[assignment]
    session.flush()


def text_of(page: str) -> str:
    """What a person reads of the main part."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index("<main") : page.index("</main>")]))


def test_the_school_reads_where_it_is(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
    page = text_of(browser.sign_in(SCHOOL).see(f"/{plan.id}"))
    for words in (
        "到哪了", "南昌市东湖区教育体育局", "县级审核", "0791-", "尚未查看", "0 分钟 / 10 个工作日",
        "市级审核 · 南昌市教育局", "审批路线第 1 版", "第 1 次报送",
    ):  # fmt: skip
        assert words in page, words
    with database.transaction() as session:
        operations.open_plan(session, make.actor(COUNTY), plan.id)
    page = text_of(browser.see(f"/{plan.id}"))
    assert re.search(r"已查看 20\d\d-\d\d-\d\d \d\d:\d\d", page)
    assert "万青禾" not in page
    assert "申请撤回" in page


def test_rounds_lapsed_and_taken_back_opinions_and_answers(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
        plan = act(session, plan, COUNTY, "approve", opinion="县里同意第一版")
        plan = act(session, plan, COUNTY, "take_back")
        plan = act(session, plan, COUNTY, "approve", opinion="县里再次同意")
        plan = act(session, plan, "district.nanchang", "return", points=[POINT], days=7)
        edit(session, plan, 30)
        answers = [{"number": 1, "verdict": "changed", "text": "改为 30 学时"}]
        recording.answer_points(session, make.actor(SCHOOL), plan.id, answers)
        plan = act(session, plan, SCHOOL, "submit")
    page = browser.sign_in(SCHOOL).see(f"/{plan.id}")
    words = text_of(page)
    assert words.index("第 1 次报送") < words.index("县里同意第一版") < words.index("第 2 次报送")
    newest = text_of(browser.see(f"/{plan.id}?order=new"))
    assert newest.index("第 2 次报送") < newest.index("第 1 次报送")
    entries = page.split('<li class="xf-entry ')
    struck, again = (next(e for e in entries if text in e) for text in ("县里同意第一版", "县里再次同意"))
    assert "is-void" in struck.split(">")[0]
    assert "已取回" in struck
    assert "is-void" not in again.split(">")[0]
    assert "已失效" in again
    assert "意见已失效：第 2 版改动了项目“新课标专题培训” · 学时" in words
    assert "答复：已修改：改为 30 学时" in words
    assert "20 → 30" in words
    assert "请在 7 个工作日内修改后重报" in words
    assert "退回至：南昌市东湖区青枫小学；重报后回到本环节" in words
    # Each line leads to exactly the version of which it speaks.
    assert f'href="/plans/{plan.id}/versions/1"' in page
    first, second = (text_of(browser.see(f"/{plan.id}/versions/{number}")) for number in (1, 2))
    assert "已被第 2 版取代" in first
    assert "32 学时" in first
    assert "42 学时" in second
    browser.see(f"/{plan.id}/versions/3", 404)
    browser.see(f"/{plan.id}/versions/99999999999999999999", 404)
    browser.sign_in("county.yujiang").see(f"/{plan.id}/versions/1", 404)
    # Withdrawn and answered anew, what went with the second version is still to be read.
    with database.transaction() as session:
        plan = act(session, session.get_one(Plan, plan.id), SCHOOL, "withdraw")
        given = [{"number": 1, "verdict": "explained", "text": "仍按 30 学时"}]
        recording.answer_points(session, make.actor(SCHOOL), plan.id, given)
        act(session, plan, SCHOOL, "submit")
    said = ("答复：说明：仍按 30 学时", "第 2 版（已撤回）的答复：已修改：改为 30 学时")
    for who, path in ((SCHOOL, f"/{plan.id}"), ("district.nanchang", f"/{plan.id}/decide")):
        words = text_of(browser.sign_in(who).see(path))
        assert [one for one in said if one not in words] == []


def test_any_two_versions_are_compared(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
        for hours in (30, 40):
            plan = act(session, plan, COUNTY, "return", points=[POINT])
            edit(session, plan, hours)
            answers = [{"number": 1, "verdict": "changed", "text": ""}]
            recording.answer_points(session, make.actor(SCHOOL), plan.id, answers)
            plan = act(session, plan, SCHOOL, "submit")
    browser.sign_in(SCHOOL)
    page = browser.see(f"/{plan.id}?tab=compare")
    assert '<del class="xf-del">30</del>' in page
    assert '<ins class="xf-ins">40</ins>' in page
    page = browser.see(f"/{plan.id}?tab=compare&old=1&new=3")
    assert '<del class="xf-del">20</del>' in page
    assert "两版内容相同" in browser.see(f"/{plan.id}?tab=compare&old=2&new=2")
    for old, new in (("9", ""), ("x", ""), ("²", ""), ("1", "9"), ("last_year", "")):
        browser.see(f"/{plan.id}?tab=compare&old={old}&new={new}", 404)


def test_last_years_plan_is_compared_with_this_years(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        make.approved_plan(session)
        items = [make.item(title="新课标专题培训", hours=25)]
        plan = make.make_plan(session, school_year="2027-2028", title="新一年的方案", items=items)
        plan = make.submit(session, plan)
    page = browser.sign_in(COUNTY).see(f"/{plan.id}?tab=compare")
    assert '<option value="last_year" selected>上年已通过的方案</option>' in page
    assert '<del class="xf-del">20</del>' in page
    assert '<ins class="xf-ins">25</ins>' in page


def test_opening_a_returned_plan_ends_the_taking_back(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
        plan = act(session, plan, COUNTY, "return", points=[POINT])
    browser.sign_in(COUNTY).see(f"/{plan.id}")
    with database.reading() as session:
        assert session.get_one(Plan, plan.id).opened_at is None
    page = text_of(browser.sign_in(SCHOOL).see(f"/{plan.id}"))
    assert "还有 1 条修改意见没有答复" in page
    with database.reading() as session:
        assert session.get_one(Plan, plan.id).opened_at is not None


def test_a_withdrawal_and_a_voiding_are_asked_for_with_a_reason(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
        operations.open_plan(session, make.actor(COUNTY), plan.id)
        approved = make.approved_plan(session)
    browser.sign_in(SCHOOL)
    page = browser.see(f"/{plan.id}")
    answer = browser.send(f"/{plan.id}/ask_withdraw", page, {"opinion": "缺"})
    assert answer.status_code == 422
    assert 'data-dialog-now="ask_withdraw"' in answer.text
    assert "缺</textarea>" in answer.text
    assert browser.send(f"/{plan.id}/ask_withdraw", page, {"opinion": "字" * 2001}).status_code == 422
    assert browser.send(f"/{plan.id}/ask_withdraw", page, {"opinion": "日期写错了"}).status_code == 303
    page = text_of(browser.see(f"/{plan.id}"))
    assert "申请撤回，待答复" in page
    assert "其间不计办理时限" in page
    page = browser.see(f"/{approved.id}")
    assert browser.send(f"/{approved.id}/ask_void", page, {"opinion": "不再举办"}).status_code == 303
    page = text_of(browser.see(f"/{approved.id}"))
    assert "申请作废，待答复" in page
    assert "由南昌市东湖区教育体育局 · 县级审核答复" in page


def test_a_county_proposes_to_void_what_was_approved_on_false_papers(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.approved_plan(session)
    page = browser.sign_in(COUNTY).see(f"/{plan.id}")
    assert "提出作废" in page
    answer = browser.send(f"/{plan.id}/propose_void", page, {"opinion": "附件系伪造"})
    assert answer.status_code == 303, answer.text
    assert "待第二人复核" in browser.see(f"/{plan.id}")
    page = browser.sign_in("county.donghu2").see(f"/{plan.id}/decide")
    assert "同意作废" in page
    assert browser.send(f"/{plan.id}/desk/confirm_void", page, {"opinion": "属实"}).status_code == 303
    assert "已作废" in browser.sign_in(SCHOOL).see(f"/{plan.id}")


def test_a_slip_is_corrected_by_a_new_line(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
        plan = act(session, plan, COUNTY, "approve", opinion="同意，共 12 课时")
    page = browser.sign_in(COUNTY).see(f"/{plan.id}")
    line = re.findall(r'<option value="([^"]+)">[^<]*同意</option>', page)[0]
    answer = browser.send(f"/{plan.id}/correct", page, {"line_id": line, "opinion": "“课时”应为“学时”"})
    assert answer.status_code == 303, answer.text
    page = browser.sign_in(SCHOOL).see(f"/{plan.id}")
    assert "同意，共 12 课时" in page
    assert "“课时”应为“学时”" in page
    assert f'href="#line-{line}"' in page
    assert f'id="line-{line}"' in page


def test_whoever_waits_long_may_remind(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
    page = browser.sign_in(SCHOOL).see(f"/{plan.id}")
    answer = browser.send(f"/{plan.id}/remind", page, {})
    assert answer.status_code == 303
    assert "还不满 1 个工作日" in browser.see(f"/{plan.id}")
    with database.transaction() as session:
        wait_days(session, plan, 11)
    page = browser.see(f"/{plan.id}")
    assert "已超过办理时限，可以催办" in page
    assert browser.send(f"/{plan.id}/remind", page, {"opinion": "开学在即"}).status_code == 303
    assert "开学在即" in browser.see(f"/{plan.id}")
    page = browser.sign_in("district.nanchang").see(f"/{plan.id}")
    assert "督办" in page
    assert browser.send(f"/{plan.id}/withdraw", page, {}).status_code == 403


def wait_days(session: Session, plan: Plan, days: int) -> None:
    """Lets that many working days pass since the submission, which lies in the past from then on."""
    calendar, start = calendars.calendar(session), utc_now()
    while calendar.elapsed(start, utc_now()) < days * DAY:
        start -= DAY
    session.execute(PlanLine.__table__.update().where(PlanLine.plan_id == plan.id).values(at=start))  # type: ignore[attr-defined]
    session.get_one(Plan, plan.id).entered_at = start


SECRETS: dict[str, tuple[str, dict[str, Any]]] = {
    "转办理由只给内部": ("transfer", {"opinion": "转办理由只给内部", "to": [COLLEAGUE]}),
    "征询问题只给内部": ("consult", {"opinion": "征询问题只给内部", "to": [COLLEAGUE]}),
    "加签问题只给内部": ("add_signer", {"opinion": "加签问题只给内部", "to": [COLLEAGUE]}),
    "抄送说明只给内部": ("copy", {"opinion": "抄送说明只给内部", "to": [COLLEAGUE]}),
    "拟不予通过只给内部": ("refuse", {"opinion": "拟不予通过只给内部"}),
}


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_internal_reaches_the_school(
    browser: Browser,  # noqa: F811
    database: Database,
    call_as: Callable[[str], Any],
    secret: str,
) -> None:
    name, what = SECRETS[secret]
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
        act(session, plan, COUNTY, name, **what)
    label = ACTS[name].label
    reviewer, school = browser.sign_in(COLLEAGUE).see(f"/{plan.id}"), browser.sign_in(SCHOOL).see(f"/{plan.id}")
    assert secret in reviewer
    for inside in (secret, label, "内部", "龚立言", "万青禾", "复核"):
        assert inside not in school, inside
    for tab in ("content", "compare", "files"):
        assert secret not in browser.see(f"/{plan.id}?tab={tab}")
    mine, theirs = (call_as(who) for who in (SCHOOL, COLLEAGUE))
    for path in (f"/plans/{plan.id}", f"/plans/{plan.id}/history", "/plans"):
        assert secret not in mine("GET", path).text
        assert label not in mine("GET", path).text
    assert secret in theirs("GET", f"/plans/{plan.id}/history").text
    among = [line["act"] for line in theirs("GET", f"/plans/{plan.id}/history").json["items"] if line["internal"]]
    assert among == [name]
    assert not [line for line in mine("GET", f"/plans/{plan.id}/history").json["items"] if line["internal"]]
