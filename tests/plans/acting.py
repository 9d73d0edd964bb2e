"""How tests act on submissions: one act of the table, answers to points, a moment of working time later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import time_machine
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval import deputies, drafting, operations, queries, recording, upkeep, views
from services.plans.approval.deputies import Deputy
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.approval.views import PlanView
from services.plans.terms import china_date
from shared.actors import Actor, Office
from shared.database import utc_now
from shared.events.accounts import HolderPersonal, HoldersChanged, OfficeRecord
from shared.outbox import OutboxRow
from tests.plans import builders as make

SCHOOL = "school.qingfeng"
COUNTY, COUNTY2, AUDIT = "county.donghu", "county.donghu2", "audit.donghu"
"""The three who review for 东湖区."""
DISTRICT, PROVINCE = "district.nanchang", "province"
POINT = {"section": "items", "field": "items.1.records", "text": "请写明过程记录。", "must": True}
REASON = "意见如下。"


def as_actor(who: str | Actor) -> Actor:
    """A sample username, or an actor as it is."""
    return make.actor(who) if isinstance(who, str) else who


def act(session: Session, plan: Plan, who: str | Actor, name: str, **more: Any) -> Plan:
    """One act on the present version, or on `version`."""
    version = more.pop("version", plan.version)
    return operations.perform(session, as_actor(who), plan.id, name, version=version, **more)


def at_county(session: Session, **changes: Any) -> Plan:
    """A plan of the demo school that waits at the county."""
    return make.submit(session, make.make_plan(session, **changes))


def at_district(session: Session, **changes: Any) -> Plan:
    """A plan of the demo school that waits at the district."""
    return make.approve(session, at_county(session, **changes), COUNTY)


def returned(session: Session, plan: Plan, who: str = COUNTY, points: Sequence[Any] = (POINT,), **more: Any) -> Plan:
    """Returned with points."""
    return act(session, plan, who, "return", points=list(points), **more)


def answer(session: Session, plan: Plan, who: str | Actor = SCHOOL, verdict: str = "changed") -> Plan:
    """Every point of the open return answered."""
    line = recording.open_return(plan, queries.trail(session, plan))
    assert line is not None
    answers = [{"number": point.number, "verdict": verdict, "text": "已按意见办理。"} for point in line.points]
    return recording.answer_points(session, as_actor(who), plan.id, answers)


def change(session: Session, plan: Plan, **changes: Any) -> Plan:
    """The school changes its working copy; items stay the same items."""
    items = changes.pop("items", None) or [make.item(), {**make.plan_body()["items"][1]}]
    for item, old in zip(items, plan.items, strict=False):
        item.setdefault("id", old.id)
    body = make.plan_body(items=items, **changes)
    return drafting.change_plan(session, make.actor(SCHOOL), plan.id, version=plan.version, **body)


def resubmit(session: Session, plan: Plan, **changes: Any) -> Plan:
    """Answers every point, changes what is named, submits."""
    if changes:
        plan = change(session, plan, **changes)
    return make.submit(session, answer(session, plan))


def see(session: Session, who: str | Actor, plan: Plan) -> PlanView:
    """The plan as somebody sees it."""
    actor = as_actor(who)
    return views.view(session, actor, queries.find_plan(session, actor, plan.id))


def offered(session: Session, who: str | Actor, plan: Plan) -> list[str]:
    """Names of the acts that somebody is offered."""
    return [act.name for act in see(session, who, plan).acts]


def last(session: Session, plan: Plan) -> PlanLine:
    """The last line of the history."""
    return queries.trail(session, plan)[-1]


def names(session: Session, plan: Plan) -> list[str]:
    """The acts of the history."""
    return [line.act for line in queries.trail(session, plan)]


def events(session: Session, name: str = "") -> list[dict[str, Any]]:
    """Payloads of what was published, in order; `name`: of one event only."""
    query = select(OutboxRow).where(OutboxRow.kind == "event").order_by(OutboxRow.id)
    return [row.payload for row in session.scalars(query) if name in ("", row.name)]


def in_post(
    session: Session, path: str, *holders: str | Actor, version: int = 2, office: Office = Office.PLAN_REVIEW
) -> None:
    """Who holds the office there from now on, as accounts would tell it."""
    people = [as_actor(who) for who in holders]
    record = OfficeRecord(
        unit_path=path,
        office=office,
        version=version,
        body=make.units()[path].body,
        holders=[HolderPersonal(account_id=a.account_id, person_id=a.person_id, name=a.name) for a in people],
    )
    upkeep.apply_holders(session, HoldersChanged(offices=[record]))


def stand_in(session: Session, absent: str, deputy: str, by: str = "manager.donghu", **more: Any) -> Deputy:
    """Names a deputy for these days; 熊知秋, who manages accounts, audits results as well, or she could not be one."""
    if deputy == "manager.donghu":
        in_post(session, make.DONGHU, deputy, office=Office.RESULT_AUDIT)
    today = china_date(utc_now())
    days = {"first_day": today, "last_day": today, "reason": "出差"}
    return deputies.appoint(session, make.actor(by), absent=absent, deputy=deputy, **{**days, **more})


@contextmanager
def at(text: str) -> Iterator[datetime]:
    """That moment in China; the clock stands."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    with time_machine.travel(moment, tick=False):
        yield moment
