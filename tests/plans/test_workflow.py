"""The rules, walked: every reachable state of every route, with all acts of all kinds of people. No database."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.plans import guards, kinds
from services.plans.acts import ACTS, OFFERED
from services.plans.routes import Stage
from services.plans.workflow import (
    CLOSED,
    STATUS_TITLES,
    WITH_SCHOOL,
    Act,
    Brought,
    By,
    Need,
    Pending,
    Position,
    Status,
)
from shared.actors import Actor, Level, Office
from shared.errors import Conflict, NotAllowed
from tests.plans.walking import (
    AREAS,
    AUTHOR,
    EVERYBODY,
    FIRST,
    OWNER,
    ROUTES,
    START,
    Node,
    at_school,
    everybody,
    reachable,
    state_of,
)


@pytest.mark.parametrize("name", ROUTES)
def test_a1_every_state_is_in_exactly_one_queue_or_with_the_school_or_closed(name: str) -> None:
    stages = ROUTES[name]
    for node in reachable(name):
        state = state_of(node, stages)
        deciding = {"approve", "confirm_refusal", "grant_withdrawal", "confirm_void", "resume", "cosign"}
        queues = {
            post.unit.level
            for who in everybody(stages)
            for act in guards.open_acts(OFFERED, state, who)
            if act.name in deciding and (post := guards.post_for(act, state, who))
        }
        if state.stage is None:
            assert not queues, node
            assert state.status in CLOSED | WITH_SCHOOL
            assert state.pending is None
        else:
            assert state.current is not None
            assert queues == {state.current.level}, node


@pytest.mark.parametrize("silent", [False, True], ids=["all answer", "whoever is asked never answers"])
@pytest.mark.parametrize("name", ROUTES)
def test_a1_a18_there_is_no_dead_end(name: str, silent: bool) -> None:
    leads = reachable(name)
    if silent:
        leads = {node: [step for step in found if step[0].by is not By.ASKED] for node, found in leads.items()}
    ends = {node for node in leads if node[0].status in CLOSED and node[0].pending is None}
    back: dict[Node, set[Node]] = {}
    for node, found in leads.items():
        for *_, following in found:
            back.setdefault(following, set()).add(node)
    can_end, to_do = set(ends), list(ends)
    while to_do:
        for node in back.get(to_do.pop(), set()) - can_end:
            can_end.add(node)
            to_do.append(node)
    assert can_end == set(leads)
    assert {node[0].status for node in ends} == CLOSED


@pytest.mark.parametrize("name", ROUTES)
def test_a18_terminal_states_are_closed_and_each_has_one_way_in(name: str) -> None:
    into: dict[Status, set[str]] = {}
    for node, found in reachable(name).items():
        if node[0].status in CLOSED:
            assert {act.name for act, *_ in found} <= {
                "ask_void", "propose_void", "confirm_void", "decline_void", "open", "correct",
            }  # fmt: skip
        for act, _, following in found:
            if following[0].status != node[0].status and following[0].status in CLOSED:
                into.setdefault(following[0].status, set()).add(act.name)
    assert into[Status.REFUSED] == {"confirm_refusal"}
    assert into[Status.WITHDRAWN] == {"abandon"}
    assert into[Status.VOIDED] == {"confirm_void"}
    # The last approval, the last signature after it; or a school that submits what all have signed already.
    assert into[Status.APPROVED] <= {"approve", "cosign", "submit"}
    assert "approve" in into[Status.APPROVED]


@pytest.mark.parametrize("name", ROUTES)
def test_approved_means_that_every_stage_has_signed(name: str) -> None:
    every = {stage.name for stage in ROUTES[name]}
    for node in reachable(name):
        if node[0].status is Status.APPROVED:
            assert node[1] == every
        elif node[0].status is Status.UNDER_REVIEW and node[0].pending is not Pending.COSIGN:
            assert node[0].stage not in node[1]


@pytest.mark.parametrize("name", ROUTES)
def test_t11_no_act_of_an_author_or_on_ones_own_plan_ever_works(name: str) -> None:
    review = [act for act in OFFERED.values() if act.by in (By.REVIEWER, By.COLLEAGUE, By.SECOND)]
    review.append(ACTS["cosign"])
    everywhere = tuple(post for who in FIRST.values() for post in who.posts)
    lent = tuple(replace(post, for_account="author", for_name="起草人") for post in everywhere)
    people = [
        Actor("author", None, "本人", everywhere),
        Actor("another", "p-author", "另一账号", everywhere),
        # Of a plan whoever drafts for the school, of a claim the teacher herself.
        Actor("stranger", "p-owner" if at_school(ROUTES[name]) else None, "本校管理员", (*everywhere, *OWNER.posts)),
        Actor("deputy", None, "代办人", lent),
    ]
    for node in reachable(name):
        state = state_of(node, ROUTES[name])
        asked = tuple(replace(a, account_id=who.account_id) for a in state.asked for who in people[:3])
        for who in people:
            for act in review:
                assert guards.post_for(act, replace(state, asked=asked), who) is None, (act.name, node)


@pytest.mark.parametrize("name", ROUTES)
def test_only_the_stage_itself_decides(name: str) -> None:
    for node in reachable(name):
        state = state_of(node, ROUTES[name])
        for act in (ACTS["approve"], ACTS["return"], ACTS["confirm_refusal"], ACTS["grant_withdrawal"]):
            for level, who in FIRST.items():
                if state.current is None or state.current.level is not level:
                    assert guards.post_for(act, state, who) is None
            assert guards.post_for(act, state, OWNER) is None


made_up_routes = st.lists(st.sampled_from(list(AREAS)), min_size=1, max_size=4).map(
    lambda levels: tuple(
        Stage(f"stage_{n}", f"第{n}级", level, Office.PLAN_REVIEW, "review", (Level.COUNTY,), 10, ("substance",))
        for n, level in enumerate(levels)
    )
)


@given(made_up_routes)
def test_approval_takes_as_many_agreements_as_there_are_stages(stages: tuple[Stage, ...]) -> None:
    node: Node = (START, frozenset(), False, None, (), None)
    state = state_of(node, stages)
    position, passed = ACTS["submit"].leads(state, Brought()), []
    while position.status is Status.UNDER_REVIEW:
        state = replace(state, status=position.status, stage=position.stage, signed=frozenset(passed))
        passed.append(str(position.stage))
        position = ACTS["approve"].leads(state, Brought())
    assert passed == [stage.name for stage in stages]
    assert position == Position(Status.APPROVED)


@pytest.mark.parametrize("act", OFFERED.values(), ids=lambda act: act.name)
def test_t5_an_act_starts_only_where_its_row_says_and_says_so(act: Act) -> None:
    stages = next(iter(ROUTES.values()))
    for status, pending, who in product(Status, [None, *Pending], EVERYBODY):
        stage = stages[0].name if status is Status.UNDER_REVIEW else None
        state = state_of((Position(status, stage, pending), frozenset(), False, None, (), None), stages)
        allowed = status in act.starts and pending in act.pending
        assert guards.starts(act, state) == allowed
        if allowed:
            continue
        with pytest.raises(Conflict) as caught:
            guards.guard(act, state, who)
        assert STATUS_TITLES[status] in caught.value.detail
        assert caught.value.detail.endswith("。")
        assert caught.value.extra["status_now"] == status


def test_who_may_not_is_told_why() -> None:
    stages = ROUTES["school_plan.v1-county"]
    review: Node = (Position(Status.UNDER_REVIEW, stages[0].name), frozenset(), False, None, (), None)
    state = state_of(review, stages)
    refusal = state_of((replace(review[0], pending=Pending.REFUSAL), *review[1:]), stages)
    handed = replace(state, assignee="somebody", assignee_name="某人")
    own = Actor("x", None, "两岗", (*FIRST[Level.COUNTY].posts, *OWNER.posts))
    for act, where, who, words in (
        ("withdraw", state, FIRST[Level.COUNTY], "只有申报单位的管理员可以撤回"),
        ("approve", state, AUTHOR, "回避"),
        ("approve", state, own, "申报单位的管理员，此方案须由其他人审核"),
        ("approve", handed, FIRST[Level.COUNTY], "已转办给某人"),
        ("approve", state, FIRST[Level.DISTRICT], "不在您的审核环节"),
        ("confirm_refusal", refusal, FIRST[Level.COUNTY], "须由第二人复核"),
        ("take_back", state, FIRST[Level.COUNTY], "只有作出上一次办理的人"),
        ("reply", state, FIRST[Level.COUNTY], "没有请您办理"),
        ("correct", state, FIRST[Level.COUNTY], "只能更正自己的记录"),
    ):
        with pytest.raises(NotAllowed, match=words):
            guards.guard(ACTS[act], where, who)


def test_rows_are_whole() -> None:
    for act in ACTS.values():
        assert act.starts
        assert act.label
        assert act.by is By.SYSTEM or act.refusal.endswith("。")
        assert act.by is not By.OWNER or not act.decides
        assert set(act.needs) <= set(Need)
    assert {kind.owner for kind in kinds.KINDS.values()} == set(kinds.OWNERS)
