"""Two projections of one history (A16): what is among reviewers never reaches the school. And T3, 更正."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import operations, queries, views
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.plans import builders as make
from tests.plans.acting import (
    AUDIT,
    COUNTY,
    COUNTY2,
    DISTRICT,
    SCHOOL,
    act,
    at_county,
    at_district,
    in_post,
    last,
    names,
    see,
)
from tests.plans.conftest import Caller

SECRET = "只在审核人之间说的话"
INTERNAL = ["transfer", "consult", "reply", "add_signer", "cosign", "copy", "seen", "refuse", "decline_refusal"]


def test_a16_the_schools_payload_has_nothing_of_what_is_among_reviewers(call_as: Callable[[str], Caller]) -> None:
    """Every internal act with an opinion, through the API; the school's answers are searched for a trace of any."""
    school, county, second, third = (call_as(who) for who in (SCHOOL, COUNTY, COUNTY2, AUDIT))
    from tests.plans.test_api import submitted

    plan = submitted(call_as)
    path = f"/plans/{plan['id']}"

    def does(who: Caller, name: str, **more: Any) -> None:
        version = who("GET", path).json["version"]
        answer = who("POST", f"{path}/acts/{name}", version=version, json=more)
        assert answer.status_code == 200, (name, answer.json)

    does(county, "consult", to=[COUNTY2], opinion=SECRET)
    does(second, "reply", opinion=SECRET)
    does(county, "add_signer", to=[COUNTY2], opinion=SECRET)
    does(second, "cosign", opinion=SECRET)
    does(county, "copy", to=[COUNTY2], opinion=SECRET)
    does(second, "seen", opinion=SECRET)
    does(county, "transfer", to=[AUDIT], opinion=SECRET)
    does(third, "refuse", opinion=SECRET)
    does(county, "decline_refusal", opinion=SECRET)
    line = next(one for one in county("GET", f"{path}/history").json["items"] if one["act"] == "consult")
    does(county, "correct", line_id=line["id"], opinion=SECRET)
    inside = county("GET", f"{path}/history").json["items"]
    assert [one["act"] for one in inside] == [
        "submit", "consult", "reply", "add_signer", "cosign", "copy", "seen", "transfer", "refuse", "decline_refusal",
        "correct",
    ]  # fmt: skip
    assert county("GET", path).json["requests"]
    for address in (path, f"{path}/history", "/plans"):
        told = json.dumps(school("GET", address).json, ensure_ascii=False)
        for trace in (SECRET, "龚立言", "闵若愚", "征询", "加签", "拟不予通过", "转办", "抄送"):
            assert trace not in told, (address, trace)
    assert [one["act"] for one in school("GET", f"{path}/history").json["items"]] == ["submit"]
    stale = school("POST", f"{path}/acts/remind", version=1, json={})
    assert (stale.status_code, "万青禾" in stale.text or "龚立言" in stale.text) == (409, False)


def test_a16_while_a_refusal_waits_the_school_sees_under_review(session: Session) -> None:
    in_post(session, make.DONGHU, COUNTY)
    plan = act(session, at_county(session), COUNTY, "refuse", opinion=SECRET)
    operations.open_plan(session, make.actor(DISTRICT), plan.id)
    view = see(session, SCHOOL, plan)
    assert (view.status_title, view.pending, view.requests) == ("审核中（县级审核）", None, ())
    assert [e.line.act for e in view.entries] == ["submit"]
    assert see(session, DISTRICT, plan).pending == "refusal"
    with pytest.raises(Conflict) as caught:
        act(session, plan, SCHOOL, "withdraw")
    assert "拟不予通过" not in caught.value.detail


def test_a16_reviewers_of_the_submitting_side_are_outside(session: Session) -> None:
    """A county's scheme is judged by its district: the county's own reviewers do not read what is said there."""
    from tests.plans.test_schemes import submitted_scheme

    plan = submitted_scheme(session)
    in_post(session, make.NANCHANG, DISTRICT, make.reviewer(make.NANCHANG, "district.second", "p", "市里另一人"))
    plan = act(session, plan, DISTRICT, "refuse", opinion=SECRET)
    only_reviews = make.reviewer(make.DONGHU, "county.only")
    for who in (COUNTY, COUNTY2, only_reviews):
        assert all(e.line.opinion != SECRET for e in see(session, who, plan).entries)
        assert see(session, who, plan).pending is None
    assert any(e.line.opinion == SECRET for e in see(session, DISTRICT, plan).entries)


def test_t3_every_line_says_who_where_when_from_where_to_where_and_on_what(session: Session) -> None:
    plan = at_district(session)
    line = last(session, plan)
    assert (line.actor_name, line.body, line.stage, line.from_status, line.to_status, line.to_stage) == (
        "万青禾", "南昌市东湖区教育体育局", "county_review", "under_review", "under_review", "district_review",
    )  # fmt: skip
    assert line.at.utcoffset() is not None
    assert (line.round, line.digest) == (1, plan.digest)


def test_t3_a_correction_is_a_new_line_on_ones_own(session: Session) -> None:
    plan = act(session, at_county(session), COUNTY, "approve", opinion="同意，学时 30。")
    line = last(session, plan)
    with pytest.raises(NotAllowed, match="只能更正自己的记录"):
        act(session, plan, COUNTY2, "correct", line_id=line.id, opinion="更正")
    other = last(session, at_county(session))
    for wrong in (None, "none", other.id):
        with pytest.raises(Invalid, match="请指明要更正的记录"):
            act(session, plan, COUNTY, "correct", line_id=wrong, opinion="更正")
    with pytest.raises(NotAllowed, match="只能更正自己的记录"):
        act(session, plan, SCHOOL, "correct", line_id=line.id, opinion="更正")
    plan = act(session, plan, COUNTY, "correct", line_id=line.id, opinion="应为学时 20。")
    assert (last(session, plan).strikes_id, line.opinion) == (line.id, "同意，学时 30。")
    # It neither takes the approval back nor keeps its maker from doing so.
    assert not next(e for e in see(session, SCHOOL, plan).entries if e.line.id == line.id).struck
    assert last(session, plan).internal is False
    assert act(session, plan, COUNTY, "take_back").stage == "county_review"


def test_t1_another_area_reads_nothing(session: Session) -> None:
    plan = at_county(session)
    for who in (
        "county.yujiang",
        "district.yingtan",
        "county.jinxian",
        "school.chenghu",
        "teacher.li",
        "school.qiaobei",
    ):
        for name in ("approve", "remind", "correct", "seen", "withdraw"):
            with pytest.raises(NotFound):
                act(session, plan, who, name, opinion="意见")
        with pytest.raises(NotFound):
            operations.open_plan(session, make.actor(who), plan.id)
    assert names(session, plan) == ["submit"]


def test_acts_of_the_system_are_nobodys(session: Session) -> None:
    plan = at_county(session)
    for name in ("open", "overdue", "release"):
        for who in (SCHOOL, COUNTY, AUDIT):
            with pytest.raises(NotFound):
                act(session, plan, who, name)
    assert views.history(session, make.actor(COUNTY), plan)[0].line.act == "submit"
    assert queries.is_intact(session, plan)
