"""A school's draft: content, items, attachments, numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import drafting, operations, queries
from services.plans.approval.models import Plan
from services.plans.files import Upload
from shared.actors import Actor
from shared.errors import Conflict, Invalid, NotFound
from tests.plans import builders as make

POINT = {"section": "items", "field": "items.1.records", "text": "请写明过程记录。", "must": True}


def act(session: Session, plan: Plan, who: str | Actor, name: str, **more: Any) -> Plan:
    """One act on the present version."""
    actor = make.actor(who) if isinstance(who, str) else who
    return operations.perform(session, actor, plan.id, name, version=more.pop("version", plan.version), **more)


def test_a_plan_under_review_cannot_be_edited(session: Session) -> None:
    school = make.actor("school.qingfeng")
    plan = make.submit(session, make.make_plan(session))
    with pytest.raises(Conflict, match="审核中（县级审核）"):
        drafting.change_plan(session, school, plan.id, version=plan.version, **make.plan_body())
    with pytest.raises(Conflict, match="审核中"):
        drafting.attach(session, school, plan.id, Upload("a.pdf", "application/pdf", b"x", "ab" * 32))


def test_attachments_belong_to_the_version_they_were_submitted_with(session: Session) -> None:
    school, county = make.actor("school.qingfeng"), make.actor("county.donghu")
    plan = make.make_plan(session)
    first = drafting.attach(session, school, plan.id, Upload("甲.pdf", "application/pdf", b"1", "ab" * 32))
    with pytest.raises(Invalid, match="内容相同"):
        drafting.attach(session, school, plan.id, Upload("乙.pdf", "application/pdf", b"1", "ab" * 32))
    plan = act(session, make.submit(session, plan), county, "return", points=[POINT])
    digest = plan.digest
    drafting.detach(session, school, plan.id, first.id, version=plan.version)
    second = drafting.attach(session, school, plan.id, Upload("丙.pdf", "application/pdf", b"2", "cd" * 32))
    assert queries.find_attachment(session, county, plan.id, first.id).name == "甲.pdf"
    with pytest.raises(NotFound):
        queries.find_attachment(session, county, plan.id, second.id)
    plan = make.submit(session, plan)
    assert plan.digest != digest
    assert queries.find_attachment(session, county, plan.id, second.id).name == "丙.pdf"


def test_an_item_keeps_its_identity_when_the_form_names_it(session: Session) -> None:
    school = make.actor("school.qingfeng")
    plan = make.make_plan(session)
    kept, dropped = plan.items[0].id, plan.items[1].id
    body = make.plan_body(items=[make.item(title="新的一项"), make.item(id=kept, hours=Decimal(30))])
    plan = drafting.change_plan(session, school, plan.id, version=plan.version, **body)
    assert [item.id for item in plan.items][1] == kept
    assert dropped not in {item.id for item in plan.items}
    assert (plan.total_hours, plan.total_credits) == (50, 5)
    foreign = make.plan_body(items=[make.item(id=make.make_plan(session).items[0].id)])
    plan = drafting.change_plan(session, school, plan.id, version=plan.version, **foreign)
    assert plan.items[0].id != foreign["items"][0]["id"]


def test_numbers_run_by_school_and_year(session: Session) -> None:
    assert [make.make_plan(session).number for _ in range(2)] == ["F2026-3601020001-01", "F2026-3601020001-02"]
    assert make.make_plan(session, school_year="2027-2028").number == "F2027-3601020001-01"
