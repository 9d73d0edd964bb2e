"""The reviewers' desk: 待办 is what I can decide now (T6, A7, A8); tabs, lamps, filters and their numbers (A9, T23)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from services.plans import guards
from services.plans.acts import OFFERED
from services.plans.approval import clock, deputies, operations, queries, signatures
from services.plans.approval.models import Plan
from services.plans.calendar.queries import calendar
from services.plans.desk import precedents, queue
from services.plans.terms import tonight
from services.plans.workflow import Pending, Status
from shared.actors import Office
from shared.database import Database, utc_now
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.plans import builders as make
from tests.plans.acting import (
    AUDIT,
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
    returned,
    stand_in,
)

DECIDES = {"approve", "confirm_refusal", "grant_withdrawal", "confirm_void"}
"""Acts of which one is open exactly where something waits for a decision."""
PEOPLE = [SCHOOL, COUNTY, COUNTY2, AUDIT, DISTRICT, PROVINCE, "manager.donghu", "county.jinxian"]
STEPS = st.lists(st.integers(0, 10_000), max_size=14)
"""Each picks one of all acts that somebody is offered at that moment."""


@given(STEPS, st.booleans())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a8_the_queue_is_exactly_what_may_be_decided(database: Database, steps: list[int], deputy: bool) -> None:
    """Whatever has happened, a plan is in somebody's 待办 if and only if that person's decision is legal."""
    with database.transaction() as session:
        if deputy:
            stand_in(session, COUNTY, "manager.donghu")
        plan = at_county(session)
        for number in steps:
            plan = attempt(session, plan, number)
        compare(session, plan)
        session.rollback()


def attempt(session: Session, plan: Plan, number: int, people: Sequence[str] = PEOPLE) -> Plan:
    """One of the acts that these people are offered, or a look; nothing where a need is not met."""
    state = queries.state_of(session, plan)
    actors = [deputies.acting(session, make.actor(who)) for who in people]
    offers = [(who, act.name) for who in actors for act in guards.open_acts(OFFERED, state, who)]
    offers += [(who, "open") for who in actors[:3]]
    actor, name = offers[number % len(offers)]
    to = PEOPLE[number % 7]
    what: dict[str, Any] = {"opinion": "意见如下。", "category": "other", "agreed": number % 3 > 0}
    what["position"], what["blocking"] = ("after", "before")[number % 2], number % 5 == 0
    what["points"] = [POINT] if name == "return" else []
    what["to"] = [to] if name in ("consult", "transfer", "copy", "add_signer") else []
    what["to_stage"] = "county_review" if name == "return" and number % 2 else None
    try:
        with session.begin_nested():
            if name == "open":
                return operations.open_plan(session, actor, plan.id)
            if name == "submit" and plan.status == Status.RETURNED:
                answer(session, plan)
            return operations.perform(session, actor, plan.id, name, version=plan.version, **what)
    except (Conflict, Invalid, NotAllowed, NotFound):
        return session.get_one(Plan, plan.id, populate_existing=True)


def compare(session: Session, plan: Plan) -> None:
    """Queue and rules; who has it; stored columns and what the history says."""
    lines = queries.trail(session, plan)
    state = queries.state_of(session, plan, lines)
    waiting = []
    for account in make.province().accounts:
        who = deputies.acting(session, make.actor(account.username))
        in_queue = plan.id in set(session.scalars(queue.to_decide(who).with_only_columns(Plan.id)))
        legal = bool(DECIDES & {found.name for found in guards.open_acts(OFFERED, state, who)})
        assert in_queue == legal, account.username
        if in_queue:
            waiting.append({post.unit.path for post in who.posts_of(Office.PLAN_REVIEW)})
        now = utc_now()
        counts = queue.counts(session, who, now, tonight(now))
        for name in queue.TABS if account.username in PEOPLE[:5] else ():
            assert counts[name] == len(list(session.scalars(queue.tab(who, name, now)))), (account.username, name)
    assert all(plan.reviewing_path in paths for paths in waiting)
    if plan.stage is not None and plan.pending not in (Pending.COSIGN, Pending.POLICY):
        assert waiting
    elif plan.pending not in (Pending.COSIGN, Pending.POLICY):
        assert not waiting
    told = [line for line in lines if line.act not in ("answer",)][-1]
    assert (plan.status, plan.stage, plan.pending) == (told.to_status, told.to_stage, told.to_pending)
    stage = queries.stage_of(plan)
    found = clock.clock_of(lines, stage, calendar(session), plan.changed_at) if stage else None
    if plan.due_at is None or found is None or found.due_at is None:
        assert plan.due_at == (found.due_at if found else None)
    else:
        assert abs(plan.due_at - found.due_at) < timedelta(seconds=1)
    if plan.stage and plan.status == Status.UNDER_REVIEW and plan.pending != Pending.COSIGN:
        assert plan.stage not in signatures.standing(lines)
    if plan.status not in (Status.DRAFT, Status.RETURNED, Status.WITHDRAWN):
        assert plan.content().digest() == plan.digest


def test_t6_each_number_is_the_length_of_its_list(session: Session) -> None:
    plans = [at_county(session) for _ in range(3)]
    act(session, at_county(session), COUNTY, "approve")
    returned(session, plans[0])
    act(session, plans[1], COUNTY, "park", category="other", opinion="请示。")
    act(session, plans[2], COUNTY, "consult", to=[COUNTY2], opinion="请看。")
    act(session, plans[2], COUNTY, "copy", to=[COUNTY2])
    now = utc_now()
    county, other = (queue.counts(session, make.actor(who), now, tonight(now)) for who in (COUNTY, COUNTY2))
    assert {name: county[name] for name in ("todo", "parked", "returned", "done", "asked", "copies")} == {
        "todo": 1, "parked": 1, "returned": 1, "done": 2, "asked": 0, "copies": 0,
    }  # fmt: skip
    assert {name: other[name] for name in ("todo", "done", "asked", "copies")} == {
        "todo": 1, "done": 0, "asked": 1, "copies": 1,
    }  # fmt: skip


def test_a7_what_a_colleague_decided_is_not_my_own_work(session: Session) -> None:
    plan = at_district(session)
    for who, mine in ((COUNTY, [plan]), (COUNTY2, [])):
        assert list(session.scalars(queue.done(make.actor(who)))) == mine


def test_t6_the_queue_is_paged_by_lamp_and_arrival(session: Session) -> None:
    plans = [at_county(session) for _ in range(7)]
    now = utc_now()
    for plan, days in ((plans[6], -1), (plans[5], -2), (plans[4], 1)):
        plan.due_at, plan.warn_at = now + timedelta(days=days), now - timedelta(days=3)
    session.flush()
    seen: list[str] = []
    cursor = None
    while True:
        rows = queue.listing(session, queue.to_decide(make.actor(COUNTY)), "todo", now, cursor=cursor, limit=2)
        seen += [plan.id for plan in rows.items]
        cursor = rows.next
        if cursor is None:
            break
    assert seen == [plans[n].id for n in (5, 6, 4, 0, 1, 2, 3)]


def test_a9_filters_narrow_the_same_query(session: Session) -> None:
    first, second = at_county(session), at_county(session, items=[make.item()], school_year="2027-2028")
    now = utc_now()
    cases = [
        (queue.Filters(flag="OWN_STANDARD"), [first]),
        (queue.Filters(school_year="2027-2028"), [second]),
        (queue.Filters(town=make.QINGFENG), [first, second]),
        (queue.Filters(town="360000/360100/360124/"), []),
        (queue.Filters(kind="fallback_scheme"), []),
        (queue.Filters(fresh="new"), [first, second]),
        (queue.Filters(fresh="again"), []),
        (queue.Filters(lamp="red"), []),
        (queue.Filters(unit_kind="village_school"), []),
    ]
    for chosen, wanted in cases:
        query = queue.narrowed(queue.to_decide(make.actor(COUNTY)), chosen, now, tonight(now))
        assert list(session.scalars(query.order_by(Plan.id))) == wanted, chosen


def test_t1_a_list_totals_what_one_can_open(session: Session) -> None:
    mine = at_county(session)
    who = make.actor("school.qiaobei")
    other = make.submit(session, make.make_plan(session, who), who)
    draft = make.make_plan(session)
    for account in make.province().accounts:
        actor = make.actor(account.username)
        listed = {plan.id for plan in session.scalars(queries.visible_plans(actor))}
        opened = set()
        for plan in (mine, other, draft):
            try:
                opened.add(queries.find_plan(session, actor, plan.id).id)
            except NotFound:
                continue
        assert listed == opened
        assert queries.count(session, queries.visible_plans(actor)) == len(opened)


def test_t23_precedents_are_the_last_five_of_the_school_and_of_the_form(session: Session) -> None:
    old = [act(session, at_county(session), COUNTY, "approve", opinion=f"第 {n} 份") for n in range(6)]
    who = make.actor("school.qiaobei")
    far = make.submit(session, make.make_plan(session, who), who)
    act(session, far, "county.jinxian", "approve", opinion="外县的意见")
    plan = at_county(session)
    found = precedents.of_school(session, make.actor(COUNTY), plan)
    assert [other.id for _, other in found] == [p.id for p in reversed(old)][:5]
    assert found[0][0].opinion == "第 5 份"
    # Of other schools: only those of my area, and with a standard of their own.
    assert precedents.of_form(session, make.actor(COUNTY), plan) == []
    near = make.school_admin("360000/360100/360102/3601020002/")
    theirs = make.submit(session, make.make_plan(session, near), near)
    act(session, theirs, COUNTY, "approve", opinion="自定标准可行")
    assert [line.opinion for line, _ in precedents.of_form(session, make.actor(COUNTY), plan)] == ["自定标准可行"]
    with pytest.raises(NotFound):
        queries.find_plan(session, make.actor("county.yujiang"), plan.id)
