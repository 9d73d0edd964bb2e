"""N22 and N3: the printed sheet says what the school may read, and its code tells the public what became of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from services.plans.approval import copying, operations, queries, recording, staffing
from services.plans.approval.models import Plan, PlanVersion
from services.plans.printing import assembling, codes
from services.plans.printing.models import PlanSheet
from services.plans.printing.sheet import Sheet, fingerprint
from services.plans.printing.verdict import State, Verdict
from shared.auth import COOKIE
from shared.database import Database
from shared.errors import Conflict
from shared.printing.codes import new_code
from shared.service import Runtime
from tests.plans import builders as make
from tests.plans.papers import pages
from tests.plans.test_pages import Browser

URL = "https://xuefen.example/plans/verify"
POINT = {"section": "items", "field": "items.0.hours", "text": "学时请核对", "must": True}


def act(session: Session, plan: Plan, who: str, name: str, **what: Any) -> Plan:
    """One act on the plan as it is."""
    return operations.perform(session, make.actor(who), plan.id, name, version=plan.version, **what)


def printed(session: Session, plan: Plan) -> PlanSheet:
    """The row of a sheet printed now."""
    draft = assembling.sheet_of(session, plan, verify_url=URL)
    return codes.code_for(session, plan.id, draft.version, fingerprint(draft), make.actor("school.qingfeng"))


def sheet_of(session: Session, plan: Plan) -> Sheet:
    """What a print would say now."""
    return assembling.sheet_of(session, plan, verify_url=URL)


def verdict_of(session: Session, row: PlanSheet) -> Verdict:
    """What the public reads."""
    return assembling.verdict_of(session, row, verify_url=URL)


def submitted(session: Session, **changes: Any) -> Plan:
    """A plan at the county."""
    return make.submit(session, make.make_plan(session, **changes))


def resubmitted(session: Session, plan: Plan, **changes: Any) -> Plan:
    """The school changes fields of the first item, answers the points and submits again."""
    who = make.actor("school.qingfeng")
    for name, value in changes.items():
        setattr(plan.items[0], name, value)
    recording.answer_points(session, who, plan.id, [{"number": 1, "verdict": "explained", "text": "已核对"}])
    return operations.perform(session, who, plan.id, "submit", version=plan.version)


def test_n22_a_box_per_stage_with_what_it_said(session: Session) -> None:
    plan = submitted(session)
    empty = sheet_of(session, plan).boxes
    assert [(box.stage_title, box.state, box.name) for box in empty] == [
        ("县级审核", "待审核", ""),
        ("市级审核", "未到", ""),
        ("省级备案", "未到", ""),
    ]
    act(session, plan, "county.donghu", "approve", opinion="同意，按计划实施")
    sheet = sheet_of(session, plan)
    first = sheet.boxes[0]
    assert (first.state, first.opinion, first.valid, first.version) == ("同意", "同意，按计划实施", "有效", 1)
    assert first.name == make.actor("county.donghu").name
    assert (sheet.heading, sheet.number, sheet.status_title) == (
        "自主培训方案审批单",
        plan.number,
        "审核中（市级审核）",
    )
    assert (sheet.version, sheet.rounds, sheet.digest) == (1, 1, plan.digest)
    assert [item.title for item in sheet.items] == ["新课标专题培训", "读书沙龙"]
    assert sheet.totals.credits == plan.total_credits


def test_n22_what_is_among_reviewers_is_on_no_sheet(session: Session) -> None:
    plan = submitted(session)
    colleague = make.actor("county.donghu2")
    assert colleague.account_id in {t.account_id for t in staffing.candidates(session, plan)}
    act(session, plan, "county.donghu", "consult", opinion="内部征询一下", to=[colleague.account_id])
    act(session, plan, "county.donghu2", "reply", opinion="内部答复")
    act(session, plan, "county.donghu", "refuse", opinion="拟不通过的内部理由")
    said = repr(sheet_of(session, plan))
    assert "内部" not in said
    assert "拟不通过" not in said
    assert sheet_of(session, plan).boxes[0].state == "待审核"


def test_n22_a_return_shows_its_points_and_a_correction_stands_below(session: Session) -> None:
    plan = submitted(session)
    act(session, plan, "county.donghu", "return", points=[POINT])
    line = queries.trail(session, plan)[-1]
    act(session, plan, "county.donghu", "correct", opinion="应为第二项", line_id=line.id)
    sheet = sheet_of(session, plan)
    assert sheet.boxes[0].state == "退回修改"
    assert sheet.boxes[0].opinion == "1. 项目 1“新课标专题培训” · 学时：学时请核对\n更正：应为第二项"
    assert sheet.status_title == "待修改"


def test_n3_an_opinion_that_was_changed_away_shows_so(session: Session) -> None:
    plan = submitted(session)
    act(session, plan, "county.donghu", "approve")
    act(session, plan, "district.nanchang", "return", points=[POINT])
    resubmitted(session, plan, assessment="改为笔试")
    county = sheet_of(session, plan).boxes[0]
    assert county.valid == "意见已失效（第 2 版改动了“项目“新课标专题培训” · 考核办法”）"
    assert county.version == 1
    act(session, plan, "county.donghu", "approve")
    assert sheet_of(session, plan).boxes[0].valid == "有效"
    assert sheet_of(session, plan).boxes[0].version == 2


def test_n2_an_opinion_on_what_did_not_change_stays_good(session: Session) -> None:
    plan = submitted(session)
    act(session, plan, "county.donghu", "approve")
    act(session, plan, "district.nanchang", "return", points=[POINT])
    resubmitted(session, plan, responsible="教研组")
    county = sheet_of(session, plan).boxes[0]
    assert (county.valid, county.version, sheet_of(session, plan).version) == ("有效", 1, 2)


def test_n22_a_code_tells_what_became_of_the_sheet(session: Session) -> None:
    plan = submitted(session)
    act(session, plan, "county.donghu", "approve")
    row = printed(session, plan)
    answer = verdict_of(session, row)
    assert (answer.state, answer.changed, answer.version, answer.current) == (State.VALID, False, 1, 1)
    assert [signer.name for signer in answer.signers] == [make.actor("county.donghu").name[0] + "**"]
    # Printed again it is the same sheet; one more opinion makes another one, and the old one says so.
    assert printed(session, plan).code == row.code
    act(session, plan, "district.nanchang", "return", points=[POINT])
    answer = verdict_of(session, row)
    assert (answer.state, answer.changed, answer.status_title) == (State.VALID, True, "审核中（市级审核）")
    assert printed(session, plan).code != row.code
    resubmitted(session, plan)
    answer = verdict_of(session, row)
    assert (answer.state, answer.label, answer.version) == (State.SUPERSEDED, "已被第 2 版取代", 1)
    assert [signer.stage_title for signer in answer.signers] == ["县级审核"]


def test_n22_an_approval_that_was_taken_back_is_revoked(session: Session) -> None:
    plan = submitted(session)
    before = printed(session, plan)
    act(session, plan, "county.donghu", "approve")
    row = printed(session, plan)
    act(session, plan, "county.donghu", "take_back")
    assert verdict_of(session, row).state is State.REVOKED
    # What was printed before the approval claims nothing that is gone.
    assert verdict_of(session, before).state is State.VALID
    act(session, plan, "county.donghu", "refuse", opinion="不符合要求")
    act(session, plan, "county.donghu2", "confirm_refusal")
    assert verdict_of(session, before).state is State.REVOKED
    assert sheet_of(session, plan).boxes[0].state == "不予通过"
    assert verdict_of(session, printed(session, plan)).state is State.VALID


def test_n22_a_plan_declared_void_verifies_as_void(session: Session) -> None:
    plan = make.approved_plan(session)
    row = printed(session, plan)
    assert verdict_of(session, row).state is State.VALID
    act(session, plan, "school.qingfeng", "ask_void", opinion="培训取消")
    act(session, plan, "county.donghu", "confirm_void", opinion="情况属实")
    answer = verdict_of(session, row)
    assert (answer.state, answer.label) == (State.VOID, "已作废")
    assert sheet_of(session, plan).status_title == "已作废"


def test_n22_an_approved_amendment_takes_the_place_of_the_sheet(session: Session) -> None:
    plan = make.approved_plan(session)
    row = printed(session, plan)
    amendment = copying.copy_plan(session, make.actor("school.qingfeng"), plan.id, "amend")
    amendment.items[0].assessment = "改为笔试"
    make.submit(session, amendment)
    assert verdict_of(session, row).state is State.VALID
    make.approve(session, amendment, "county.donghu", "district.nanchang", "province")
    answer = verdict_of(session, row)
    assert (answer.state, answer.label) == (State.SUPERSEDED, f"已被修订方案 {amendment.number} 取代")
    assert amendment.number in answer.advice
    assert f"已被修订方案 {amendment.number} 取代" in sheet_of(session, plan).status_title
    assert ("修订自", plan.number) in sheet_of(session, amendment).more


def test_n3_the_certificate_of_changed_content_fails(session: Session) -> None:
    plan = make.approved_plan(session)
    row = printed(session, plan)
    version = session.get_one(PlanVersion, (plan.id, 1))
    changed = {**version.content, "title": "改过的方案"}
    session.execute(update(PlanVersion).where(PlanVersion.plan_id == plan.id).values(content=changed))
    session.expire_all()
    assert verdict_of(session, row).state is State.REVOKED
    assert {box.valid for box in sheet_of(session, plan).boxes} == {"意见已失效（内容与报送时的版本不一致）"}


def test_a_plan_never_submitted_has_no_sheet(session: Session) -> None:
    with pytest.raises(Conflict, match="还没有报送"):
        sheet_of(session, make.make_plan(session))


@dataclass
class Site:
    """A browser on a site with one approved plan."""

    browser: Browser
    plan_id: str
    number: str


@pytest.fixture
def site(client: FlaskClient, run: Runtime, database: Database) -> Site:
    """An approved plan, and nobody signed in."""
    with database.transaction() as session:
        plan = make.approved_plan(session)
        return Site(Browser(client, run), plan.id, plan.number)


def test_n22_a_school_prints_and_anybody_verifies(site: Site, database: Database) -> None:
    browser, address = site.browser.sign_in("school.qingfeng"), f"/{site.plan_id}/sheet"
    page = browser.see(address)
    assert "取得核验码" in page
    assert "下载 PDF" not in page
    assert browser.client.get(f"/plans{address}.pdf").status_code == 302
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PlanSheet)) == 0  # looking makes nothing
    for _ in range(2):
        assert browser.send(address, page, {}).status_code == 303
    page = browser.see(address)
    found = re.search(r"\b([2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4})\b", page)
    assert found is not None
    assert "下载 PDF" in page
    answer = browser.client.get(f"/plans{address}.pdf")
    assert answer.mimetype == "application/pdf"
    paper = "".join(pages(answer.data))
    assert found[1] in paper
    assert "/plans/verify" in paper
    browser.client.delete_cookie(COOKIE)
    public = browser.see(f"/verify?code={found[1].lower()}")
    assert "有效" in public
    assert site.number in public
    assert make.actor("county.donghu").name not in public
    assert "核验码输入有误" in browser.see("/verify?code=123")
    assert "查无此码" in browser.see(f"/verify?code={new_code()}")
    assert "xf-notice-title" not in browser.see("/verify")
    assert browser.client.get(f"/plans{address}").status_code == 302


def test_t1_a_sheet_is_for_whoever_sees_the_plan(site: Site) -> None:
    page = site.browser.sign_in("county.jinxian").see("/queue")
    site.browser.see(f"/{site.plan_id}/sheet", 404)
    site.browser.see(f"/{site.plan_id}/sheet.pdf", 404)
    assert site.browser.send(f"/{site.plan_id}/sheet", page, {}).status_code == 404
    assert "县级审核" in site.browser.sign_in("province").see(f"/{site.plan_id}/sheet")
