"""A school's draft: content, items, attachments, numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import drafting, queries
from services.plans.files import Upload
from shared import directory
from shared.errors import Conflict, Invalid, NotFound
from tests.plans import builders as make
from tests.plans.acting import POINT, act, answer


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
    plan = make.submit(session, answer(session, plan))
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


def test_a_new_plan_makes_up_no_ids(session: Session) -> None:
    """Two items of one id, or an id that a point's place could be mistaken for, are items with ids of their own."""
    known = make.make_plan(session).items[0].id
    for given in (["x", "x"], ["", ""], [known, known], ["a.hours", "a"], ["0", "0"]):
        plan = make.make_plan(session, items=[make.item(id=one, title=f"项目{n}") for n, one in enumerate(given)])
        ids = [item.id for item in plan.items]
        assert len(set(ids)) == 2
        assert not {"x", "", "a.hours", "a", "0"} & set(ids)


def test_q14_a_central_school_plans_for_village_schools_of_its_county_and_nobody_else(session: Session) -> None:
    central = next(unit for unit in make.units().values() if unit.kind == "central_school")
    who = make.school_admin(central.path, "central")
    near = drafting.coverable(session, directory.unit(session, central.path))
    assert near
    assert {unit.kind for unit in near} <= {"village_school", "one_teacher_school"}
    plan = make.make_plan(session, who, covers=[near[0].path, near[0].path])
    assert [cover["name"] for cover in plan.covers] == [near[0].name]
    for stranger in (make.QINGFENG, make.DONGHU, "nowhere/", central.path):
        with pytest.raises(Invalid) as caught:
            make.make_plan(session, who, covers=[stranger])
        assert list(caught.value.fields) == ["covers"]
    with pytest.raises(Invalid, match="有内容需要改正"):
        make.make_plan(session, covers=[near[0].path])
