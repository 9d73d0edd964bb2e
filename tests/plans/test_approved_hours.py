"""A plan item's hours are given once to each teacher (FAQ-Q9); and what follows when the plan is declared void (T5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import copying
from services.plans.approval.models import Plan
from services.plans.projects import auditing, correcting, queries
from services.plans.projects.models import Project
from services.plans.rosters import importing
from shared.errors import Conflict, Invalid
from tests.plans import builders as make
from tests.plans.acting import COUNTY, act

SCHOOL, AUDITOR = make.actor("school.qingfeng"), make.actor("audit.donghu")
KEY = make.IDENTITY_KEY.encode()


def rows(hours: int, count: int = 2, result: str = "合格") -> list[list[Any]]:
    """Good rows of the demo school's teachers."""
    found = [p for p in make.teachers(200) if p.unit_path == make.QINGFENG][:count]
    return [[p.identity, p.name, hours, result, ""] for p in found]


def project_under(session: Session, plan: Plan, hours: int, item: int = 0) -> Project:
    """A project of the demo school under an item."""
    category = ("school_training", "other_school_based")[item]
    chosen = plan.items[item]
    return make.make_project(
        session, SCHOOL, category=category, hours=Decimal(hours), plan_id=plan.id, plan_item_id=chosen.id
    )


def errors(session: Session, project: Project, sent: list[list[Any]]) -> list[tuple[str, str]]:
    """What a check finds: cell and sentence."""
    found = importing.check_roster(session, project, make.upload(make.workbook(sent)), KEY).report()
    return [(error["cell"], error["message"]) for error in found["errors"]]


def test_one_item_gives_its_hours_once_to_each_teacher(session: Session) -> None:
    """20 hours are approved."""
    plan = make.approved_plan(session)
    first, second = project_under(session, plan, 20), project_under(session, plan, 20)
    make.bring_in(session, first, rows(12, 1), SCHOOL)
    assert errors(session, second, rows(8)) == []
    (found,) = errors(session, second, rows(9))
    assert found[0] == "C2"
    assert f"{first.number}（12 学时）" in found[1]
    assert "超过批准的 20 学时" in found[1]
    assert errors(session, second, rows(20, 1, "不合格")) == [], "who failed has got nothing"
    make.bring_in(session, first, rows(20, 1), SCHOOL)
    assert [cell for cell, _ in errors(session, second, rows(8))] == ["C2"], "its own row is no other project"
    assert errors(session, project_under(session, plan, 12, item=1), rows(12)) == [], "another item"


def test_an_amendment_is_the_same_item_and_next_year_is_not(session: Session) -> None:
    old = make.approved_plan(session)
    first = project_under(session, old, 20)
    make.bring_in(session, first, rows(20, 1), SCHOOL)
    draft = copying.copy_plan(session, SCHOOL, old.id, "amend")
    draft.items[0].hours = Decimal(30)
    draft = make.approve(session, make.submit(session, draft), COUNTY, "district.nanchang", "province")
    second = project_under(session, draft, 30)
    assert errors(session, second, rows(10)) == []
    assert [cell for cell, _ in errors(session, second, rows(11))] == ["C2"]
    make.bring_in(session, second, rows(10), SCHOOL)
    assert errors(session, first, rows(20, 1)) == [], "the amendment has approved 30"
    first.school_year = "2025-2026"
    session.flush()
    assert errors(session, second, rows(30)) == []


def test_the_import_looks_again_for_hours_that_came_in_meanwhile(session: Session) -> None:
    plan = make.approved_plan(session)
    first, second = project_under(session, plan, 20), project_under(session, plan, 20)
    upload = make.upload(make.workbook(rows(20)))
    found = importing.check_roster(session, second, upload, KEY)
    kept = importing.keep_roster(session, SCHOOL, second.id, upload, found.report())
    make.bring_in(session, first, rows(20), SCHOOL)
    with pytest.raises(Conflict, match=f"第 2 行：.*{first.number}"):
        importing.import_roster(session, kept, found)
    assert make.results(session, second) == []


def test_a_correction_does_not_get_round_it(session: Session) -> None:
    items = [make.item(), make.item(title="第二个专题")]
    plan = make.approved_plan(session, items=items)
    one, other = project_under(session, plan, 20), make.make_project(
        session, SCHOOL, category="school_training", hours=Decimal(20), plan_id=plan.id, plan_item_id=plan.items[1].id
    )  # fmt: skip
    for project in (one, other):
        make.bring_in(session, project, rows(20, 1), SCHOOL)
    with pytest.raises(Invalid) as caught:
        correcting.correct_project(
            session, SCHOOL, other.id, version=other.version, plan_item_id=plan.items[0].id, reason="项目选错"
        )
    assert one.number in caught.value.fields["plan_item_id"][0]


def test_t5_a_void_plan_takes_no_rosters_and_no_audits(session: Session) -> None:
    plan = make.approved_plan(session)
    project = project_under(session, plan, 20)
    project.held_to = project.held_from
    upload = make.upload(make.workbook(rows(20)))
    found = importing.check_roster(session, project, upload, KEY)
    kept = importing.keep_roster(session, SCHOOL, project.id, upload, found.report())
    make.bring_in(session, project, rows(20, 1), SCHOOL)
    assert queries.count(session, queries.to_audit(AUDITOR)) == 1
    plan = act(session, plan, SCHOOL, "ask_void", opinion="培训取消。")
    act(session, plan, COUNTY, "confirm_void", opinion="同意。")
    for attempt in (
        lambda: importing.keep_roster(session, SCHOOL, project.id, upload, found.report()),
        lambda: importing.start_import(session, SCHOOL, project.id, kept.id),
        lambda: importing.import_roster(session, kept, found),
        lambda: auditing.audit_results(session, AUDITOR, project.id),
    ):
        with pytest.raises(Conflict, match=f"方案 {plan.number} 已作废"):
            attempt()
    assert queries.count(session, queries.to_audit(AUDITOR)) == 0
    assert len(make.results(session, project)) == 1
