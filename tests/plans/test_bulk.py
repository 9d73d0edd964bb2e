"""批量同意 (T20): each plan by itself, one opinion line and one result for each, never what is marked."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import queries
from services.plans.approval.models import Plan
from services.plans.desk import bulk, rows
from shared.database import utc_now
from shared.errors import Invalid
from tests.plans import builders as make
from tests.plans.acting import COUNTY, COUNTY2, REASON, act, at_county, at_district, events, last, names


def plain(session: Session) -> Plan:
    """A plan without any mark that waits at the county."""
    return at_county(session, items=[make.item()])


def plain_of(session: Session, code: str) -> Plan:
    """The same of another school of the county: two of one school and year would be marked as doubled."""
    who = make.school_admin(f"{make.DONGHU}{code}/", f"admin-{code}")
    return make.submit(session, make.make_plan(session, who, items=[make.item()]), who)


def chosen(*plans: Plan) -> list[dict[str, object]]:
    """As the page sends them."""
    return [{"id": plan.id, "version": plan.version} for plan in plans]


def test_t20_each_gets_its_own_line_and_event(session: Session) -> None:
    plans = [plain(session), plain_of(session, "3601020002")]
    found = bulk.approve_all(session, make.actor(COUNTY), chosen(*plans), "符合要求。")
    assert [outcome.done for outcome in found] == [True, True]
    assert {outcome.detail for outcome in found} == {"审核中（市级审核）"}
    for plan in plans:
        assert (last(session, plan).act, last(session, plan).opinion) == ("approve", "符合要求。")
    assert len(events(session, "plans.plan_decided.v1")) == 2


def test_t20_what_is_marked_or_pending_or_somewhere_else_is_told_and_the_rest_goes_on(session: Session) -> None:
    good, marked = plain_of(session, "3601020002"), at_county(session)
    assert marked.flags
    waiting = act(session, plain_of(session, "3601020003"), COUNTY2, "refuse", opinion=REASON)
    gone = at_district(session, school_year="2027-2028")
    stale = plain_of(session, "3601020004")
    strange = make.actor("school.qiaobei")
    foreign = make.submit(session, make.make_plan(session, strange), strange)
    items = [
        *chosen(good, marked, waiting, gone, foreign),
        {"id": stale.id, "version": 1},
        {"id": "none", "version": 1},
    ]
    found = {o.plan_id: o for o in bulk.approve_all(session, make.actor(COUNTY), items, "")}
    assert [plan_id for plan_id, outcome in found.items() if outcome.done] == [good.id]
    for plan, words in (
        (marked, "系统检查有需关注的事项，请逐件办理"),
        (waiting, "系统检查" if bulk.flagged(waiting) else "待第二人复核"),
        (gone, "请逐件办理" if bulk.flagged(gone) else "市级审核"),
        (stale, "已由"),
    ):
        assert words in found[plan.id].detail
        assert names(session, plan).count("approve") == (1 if plan is gone else 0)
    # What lies elsewhere is not told apart from what is not there (T1).
    assert (found[foreign.id].number, found[foreign.id].detail) == ("", found["none"].detail)
    assert queries.trail(session, good)[-1].act == "approve"


def test_t20_the_first_of_two_that_look_alike_is_not_approved_unseen_either(session: Session) -> None:
    first = plain(session)
    assert not first.flags
    plain(session)
    found = bulk.approve_all(session, make.actor(COUNTY), chosen(first), "")
    assert [(outcome.done, outcome.detail) for outcome in found] == [(False, "系统检查有需关注的事项，请逐件办理。")]


def test_t20_what_waits_for_a_view_is_told_and_shown_so(session: Session) -> None:
    consulted, signing = plain(session), plain_of(session, "3601020002")
    act(session, consulted, COUNTY, "consult", to=[COUNTY2], opinion=REASON, blocking=True)
    act(session, signing, COUNTY, "add_signer", to=[COUNTY2], opinion=REASON)
    me, now = make.actor(COUNTY), utc_now()
    shown = rows.rows_of(session, me, [consulted, signing], rows.area_of(session, me, now), now)
    assert [(row.waits, row.bulk) for row in shown] == [("征询中", False), ("待加签", False)]
    found = bulk.approve_all(session, me, chosen(consulted, signing), "")
    assert [outcome.done for outcome in found] == [False, False]


@pytest.mark.parametrize("ids", [[], ["a", "a"], [str(n) for n in range(101)]])
def test_t20_one_to_a_hundred_different_ones(session: Session, ids: list[str]) -> None:
    with pytest.raises(Invalid, match="1 至 100 份互不相同的方案"):
        bulk.approve_all(session, make.actor(COUNTY), [{"id": one, "version": 1} for one in ids], "")
