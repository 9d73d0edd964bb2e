"""区划调整: from that day the new county's queue holds what the old one had; signatures and history stay (N42)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval.models import Plan
from services.plans.approval.operations import perform
from services.plans.approval.trail import PlanLine
from services.plans.projects.models import Project
from services.plans.subscriptions import HANDLERS
from shared import directory
from shared.actors import Actor, Level, Office, Post, Unit
from shared.errors import DomainError
from shared.events.accounts import HolderPersonal, HoldersChanged, OfficeRecord, UnitMoved, UnitRecord, UnitsChanged
from shared.outbox import OutboxRow
from tests.plans import builders

OLD_COUNTY, NEW_COUNTY = "360000/360100/360102/", "360000/360100/360199/"
SCHOOL = "3601020001/"


def move(session: Session) -> None:
    """The sample school of 东湖区 goes to a new county with a reviewer."""
    county = UnitRecord(path=NEW_COUNTY, version=1, name="新湖区", level=Level.COUNTY, kind="county", active=True)
    directory.apply_units(session, UnitsChanged(units=[county]))
    holder = HolderPersonal(account_id="new-reviewer", person_id="new-person", name="新审核人")
    offices = [
        OfficeRecord(unit_path=NEW_COUNTY, office=office, version=1, body="南昌市新湖区教育体育局", holders=[holder])
        for office in (Office.PLAN_REVIEW, Office.RESULT_AUDIT)
    ]
    directory.apply_holders(session, HoldersChanged(offices=offices))
    session.flush()
    event = UnitMoved(
        province_path="360000/",
        old_path=OLD_COUNTY + SCHOOL,
        new_path=NEW_COUNTY + SCHOOL,
        merged=False,
        document="赣民〔2026〕1号",
        in_force_on=date(2026, 3, 1),
    )
    HANDLERS[UnitMoved](session, event)


def test_n42_the_new_county_has_what_waited_at_the_old_one(session: Session) -> None:
    waiting, further = (builders.make_plan(session, title=title) for title in ("在县里", "在市里"))
    for plan in (waiting, further):
        builders.submit(session, plan)
    builders.approve(session, further, "county.donghu")
    plan = builders.approved_plan(session, title="已通过")
    project = builders.make_project(
        session,
        builders.actor("school.qingfeng"),
        category="school_training",
        plan_id=plan.id,
        plan_item_id=plan.items[0].id,
        hours=plan.items[0].hours,
    )
    signed = session.scalars(select(PlanLine.body).where(PlanLine.plan_id == further.id, PlanLine.act == "approve"))
    before = (signed.all(), waiting.entered_at, waiting.due_at, further.version)
    ids = (waiting.id, further.id, project.id)
    move(session)

    waiting, further = (session.get_one(Plan, plan_id) for plan_id in ids[:2])
    assert (waiting.unit_path, waiting.reviewing_path) == (NEW_COUNTY + SCHOOL, NEW_COUNTY)
    assert further.reviewing_path == "360000/360100/"
    query = select(PlanLine.body).where(PlanLine.plan_id == further.id, PlanLine.act == "approve")
    assert (session.scalars(query).all(), waiting.entered_at, waiting.due_at, further.version) == before
    line = session.scalars(select(PlanLine).where(PlanLine.plan_id == waiting.id, PlanLine.act == "rezone")).one()
    assert line.outcome.startswith("依据赣民〔2026〕1号，自 2026-03-01 起，由南昌市东湖区")
    moved = session.get_one(Project, ids[2])
    assert (moved.organizer_path, moved.authority_path) == (NEW_COUNTY + SCHOOL, NEW_COUNTY)
    told = session.scalars(select(OutboxRow).where(OutboxRow.name == "plans.stage_entered.v1")).all()
    assert told[-1].payload["reviewing_path"] == NEW_COUNTY

    with pytest.raises(DomainError):
        builders.approve(session, waiting, "county.donghu")
    post = Post(Office.PLAN_REVIEW, Unit(NEW_COUNTY, "新湖区", Level.COUNTY), "南昌市新湖区教育体育局")
    new = Actor("new-reviewer", "new-person", "新审核人", (post,))
    perform(session, new, waiting.id, "approve", version=waiting.version, opinion="同意。")
    assert waiting.reviewing_path == "360000/360100/"
