"""What a signature stands for (N2), and that it is about one version (N3, A2, A5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.plans.approval import drafting, queries, recording, signatures
from services.plans.approval.models import Plan, PlanVersion
from services.plans.files import Upload
from shared.database import Database
from shared.errors import Conflict, Invalid
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
    last,
    names,
    offered,
    resubmit,
    returned,
    see,
)  # fmt: skip

ITEMS = make.plan_body()["items"]


def test_n2_an_unchanged_resubmission_goes_to_the_stage_that_returned_it(session: Session) -> None:
    plan = resubmit(session, returned(session, at_district(session), DISTRICT))
    assert (plan.stage, plan.round) == ("district_review", 2)
    assert last(session, plan).details == {}


CHANGES = [
    ({"aims": "换了目标"}, "district_review", None),
    ({"title": "换了名称"}, "district_review", None),
    ({"items": [make.item(responsible="教研组"), ITEMS[1]]}, "district_review", None),
    ({"items": [make.item(records="只有签到表"), ITEMS[1]]}, "county_review", "过程记录要求"),
    ({"items": [make.item(assessment="无"), ITEMS[1]]}, "county_review", "考核办法"),
    ({"items": [make.item(hours=Decimal(30)), ITEMS[1]]}, "county_review", "学时"),
    ({"items": [make.item(kind="school_research"), ITEMS[1]]}, "county_review", "形式"),
    ({"items": [make.item()]}, "county_review", "项目“读书沙龙”"),
    ({"items": [make.item(), ITEMS[1], make.item(title="多出来的")]}, "county_review", "项目“多出来的”"),
]


@pytest.mark.parametrize(("changed", "stage", "label"), CHANGES, ids=lambda value: str(value)[:30])
def test_n2_only_who_signed_what_changed_signs_again(
    session: Session, changed: dict[str, Any], stage: str, label: str | None
) -> None:
    """A2."""
    changed = {**changed, "items": [dict(item) for item in changed["items"]]} if "items" in changed else changed
    plan = resubmit(session, returned(session, at_district(session), DISTRICT), **changed)
    assert plan.stage == stage
    outcome = last(session, plan).outcome
    if label is None:
        assert "重新签署" not in outcome
    else:
        assert "县级审核须重新签署" in outcome
        assert label in outcome


def test_n2_every_stage_whose_fields_changed_signs_again_in_order(session: Session) -> None:
    plan = returned(session, act(session, at_district(session), DISTRICT, "approve"), PROVINCE)
    # The district signs for substance only: changed records are the county's affair.
    plan = resubmit(session, plan, items=[make.item(records="换了"), dict(ITEMS[1])])
    assert plan.stage == "county_review"
    assert act(session, plan, COUNTY, "approve").stage == "province_filing"
    plan = returned(session, plan, PROVINCE)
    plan = resubmit(session, plan, items=[make.item(records="换了", hours=Decimal(40)), dict(ITEMS[1])])
    assert plan.stage == "county_review"
    assert [act(session, plan, who, "approve").stage for who in (COUNTY, DISTRICT)] == [
        "district_review", "province_filing",
    ]  # fmt: skip


def test_n2_files_are_evidence(session: Session) -> None:
    plan = returned(session, at_district(session), DISTRICT)
    upload = Upload("附件.pdf", "application/pdf", b"1", "ab" * 32)
    drafting.attach(session, make.actor(SCHOOL), plan.id, upload)
    plan = make.submit(session, answer(session, plan))
    assert plan.stage == "county_review"
    assert "附件“附件.pdf”" in last(session, plan).outcome


def test_n2_a_withdrawn_submission_keeps_its_signatures_for_what_did_not_change(session: Session) -> None:
    plan = act(session, at_district(session), SCHOOL, "withdraw")
    assert make.submit(session, plan).stage == "district_review"


def test_a5_an_opinion_on_changed_content_has_lapsed_and_says_why(session: Session) -> None:
    plan = returned(session, at_district(session), DISTRICT)
    plan = resubmit(session, plan, items=[make.item(hours=Decimal(30)), dict(ITEMS[1])])
    for who in (SCHOOL, COUNTY):
        entry = next(e for e in see(session, who, plan).entries if e.line.act == "approve")
        assert entry.void_because == "第 2 版改动了项目“新课标专题培训” · 学时"
        assert (entry.line.round, entry.line.digest) != (plan.round, plan.digest)
    plan = act(session, plan, COUNTY, "approve")
    voids = [e.void_because for e in see(session, COUNTY, plan).entries if e.line.act == "approve"]
    assert [bool(void) for void in voids] == [True, False]


TAMPERED = [
    ("title", "另一个名称"),
    ("items", []),
    ("aims", "以课例研究促进课堂改进。 "),
]


@pytest.mark.parametrize(("key", "value"), TAMPERED)
def test_n3_a_version_changed_in_the_database_can_no_longer_be_decided(session: Session, key: str, value: Any) -> None:
    plan = at_district(session)
    tamper(session, plan, **{key: value})
    assert not see(session, DISTRICT, plan).intact
    entry = next(e for e in see(session, DISTRICT, plan).entries if e.line.act == "approve")
    assert entry.void_because == "内容与报送时的版本不一致"
    for name in ("approve", "refuse"):
        with pytest.raises(Conflict, match="意见已失效，不能办理"):
            act(session, plan, DISTRICT, name, opinion="意见")
    assert plan.stage == "district_review"
    # Returned and submitted anew it is whole again: no dead end (A1).
    place = {"section": "basics", "field": "aims", "text": "请重报。"}
    plan = resubmit(session, returned(session, plan, DISTRICT, points=[place]))
    assert see(session, DISTRICT, plan).intact


def test_n3_a_refusal_of_changed_content_cannot_be_confirmed(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "refuse", opinion="不符合政策。")
    tamper(session, plan, title="另一个名称")
    with pytest.raises(Conflict, match="意见已失效"):
        act(session, plan, COUNTY2, "confirm_refusal")
    assert act(session, plan, COUNTY2, "decline_refusal", opinion="先核查。").pending is None


def test_n3_an_approved_plan_that_was_changed_counts_for_nothing(session: Session) -> None:
    plan = make.approved_plan(session)
    assert queries.approved_plan(session, plan.id, plan.kind, plan.unit_path)[0] is plan
    tamper(session, plan, title="另一个名称")
    with pytest.raises(Invalid, match="没有这份有效的方案"):
        queries.approved_plan(session, plan.id, plan.kind, plan.unit_path)


def test_n3_a_new_digest_beside_the_new_content_does_not_help(session: Session) -> None:
    plan = make.approved_plan(session)
    tamper(session, plan, title="另一个名称")
    version = session.get_one(PlanVersion, (plan.id, 1), populate_existing=True)
    digest = queries.contents.digest_of(version.content)
    session.execute(text("UPDATE plan_versions SET digest = :digest"), {"digest": digest})
    session.expire_all()
    assert not queries.is_intact(session, plan)


def tamper(session: Session, plan: Plan, **changed: Any) -> None:
    """The frozen version's JSON, changed behind everybody's back."""
    import json

    version = session.get_one(PlanVersion, (plan.id, plan.round))
    content = json.dumps({**version.content, **changed}, ensure_ascii=False)
    cast = "CAST(:content AS JSONB)" if session.get_bind().dialect.name == "postgresql" else ":content"
    session.execute(
        text(f"UPDATE plan_versions SET content = {cast} WHERE plan_id = :id AND number = :number"),
        {"content": content, "id": plan.id, "number": plan.round},
    )
    session.expire_all()


def test_every_opinion_names_version_and_digest(session: Session) -> None:
    plan = resubmit(session, returned(session, at_county(session)), aims="第二版")
    lines = queries.trail(session, plan)
    versions = {version.number: version.digest for version in queries.versions_of(session, plan)}
    assert [line.round for line in lines] == [1, 1, 2]
    assert all(line.digest == versions[line.round] for line in lines)


def test_history_and_versions_are_append_only(database: Database) -> None:
    """T3."""
    with database.transaction() as session:
        plan_id = returned(session, at_county(session)).id

    def rewrite_a_line(session: Session) -> None:
        queries.trail(session, session.get_one(Plan, plan_id))[0].opinion = "改写历史"

    def rewrite_a_point(session: Session) -> None:
        last(session, session.get_one(Plan, plan_id)).points[0].text = "改写意见"

    def drop_a_version(session: Session) -> None:
        session.delete(session.get_one(PlanVersion, (plan_id, 1)))

    for do in (rewrite_a_line, rewrite_a_point, drop_a_version):
        with pytest.raises(RuntimeError, match="append-only"), database.transaction() as session:
            do(session)


def test_history_keeps_its_order_whatever_the_clock_says(session: Session) -> None:
    """Lines go by their ids: a machine whose clock is behind must not write before what has happened."""
    plan = at_county(session)
    lines = queries.trail(session, plan)
    lines[-1].__dict__["id"] = "ffffffff-0000-7000-8000-0000000000ff"
    assert recording.line_id(lines) == "ffffffff-0000-7000-8000-000000000100"
    assert recording.line_id([]) < recording.line_id(lines)
    assert signatures.standing(lines) == {}
    assert POINT["text"]
    assert "submit" in names(session, plan)
    assert "approve" in offered(session, COUNTY, plan)
