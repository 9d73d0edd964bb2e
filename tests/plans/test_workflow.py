"""The table of acts, walked for whatever routes and acts there are: no dead end, never in two queues."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.plans import routes, workflow
from services.plans.routes import Stage
from services.plans.workflow import ACTS, CLOSED, WITH_SCHOOL, Act, Brought, By, Need, Position, State, Status
from shared.actors import Actor, Level, Office, Post, Unit
from shared.errors import Conflict, Invalid, NotAllowed

SCHOOL = Unit("36/1/2/3/", "某小学", Level.SCHOOL)
AREAS = {
    Level.COUNTY: Unit("36/1/2/", "某县", Level.COUNTY),
    Level.DISTRICT: Unit("36/1/", "某市", Level.DISTRICT),
    Level.PROVINCE: Unit("36/", "某省", Level.PROVINCE),
}
OWNER = Actor("owner", "p0", "校管", (Post(Office.SCHOOL_ADMIN, SCHOOL, "某小学"),))
REVIEWERS = {
    level: Actor(f"reviewer-{level}", f"p-{level}", "审核人", (Post(Office.PLAN_REVIEW, unit, unit.name + "教育局"),))
    for level, unit in AREAS.items()
}
START = Position(Status.DRAFT)


def stage(number: int, level: Level) -> Stage:
    """A stage of a made-up route."""
    return Stage(f"stage_{number}", f"第{number}级", level, Office.PLAN_REVIEW, "review", (Level.COUNTY,))


made_up_routes = st.lists(st.sampled_from(list(AREAS)), min_size=1, max_size=4).map(
    lambda levels: tuple(stage(number, level) for number, level in enumerate(levels))
)


def state_at(position: Position, stages: tuple[Stage, ...], decided: bool = False) -> State:
    """The state at a position, with the reviewing unit that follows from the stage."""
    current = next((s for s in stages if s.name == position.stage), None)
    return State(
        status=position.status,
        stage=position.stage,
        stages=stages,
        return_stage=position.return_stage,
        unit_path=SCHOOL.path,
        reviewing_path=AREAS[current.level].path if current else None,
        holder="某单位",
        authors=frozenset({"owner", "p0"}),
        decided_since_submission=decided,
    )


def reachable(stages: tuple[Stage, ...]) -> dict[Position, set[Position]]:
    """Every position that acts can lead to from a draft, with where each leads."""
    found: dict[Position, set[Position]] = {}
    to_do = [START]
    while to_do:
        position = to_do.pop()
        if position in found:
            continue
        state = state_at(position, stages)
        found[position] = {act.leads(state) for act in ACTS.values() if position.status in act.starts}
        to_do += found[position]
    return found


@given(made_up_routes)
def test_every_reachable_state_is_in_exactly_one_queue_or_with_the_school_or_closed(stages: tuple[Stage, ...]) -> None:
    for position in reachable(stages):
        state = state_at(position, stages)
        queues = [
            level for level, who in REVIEWERS.items() if any(act.decides for act in workflow.open_acts(state, who))
        ]
        mine = [act for act in workflow.open_acts(state, OWNER) if act.starts <= WITH_SCHOOL]
        if position.status in CLOSED:
            assert not queues
            assert not workflow.open_acts(state, OWNER)
            assert position.stage is None
        elif position.status in WITH_SCHOOL:
            assert not queues
            assert mine
            assert position.stage is None
        else:
            assert state.current is not None
            assert queues == [state.current.level]


@given(made_up_routes)
def test_there_is_no_dead_end(stages: tuple[Stage, ...]) -> None:
    leads = reachable(stages)
    ends = {position for position in leads if position.status in CLOSED}
    can_end = set(ends)
    while True:
        more = {position for position, following in leads.items() if following & can_end} - can_end
        if not more:
            break
        can_end |= more
    assert can_end == set(leads)
    assert {position.status for position in ends} == CLOSED


@given(made_up_routes)
def test_approval_takes_as_many_agreements_as_there_are_stages(stages: tuple[Stage, ...]) -> None:
    position = ACTS["submit"].leads(state_at(START, stages))
    passed = []
    while position.status is Status.UNDER_REVIEW:
        passed.append(position.stage)
        position = ACTS["approve"].leads(state_at(position, stages))
    assert passed == [s.name for s in stages]
    assert position == Position(Status.APPROVED)


@given(made_up_routes, st.data())
def test_a_resubmission_goes_to_the_stage_that_returned_it(stages: tuple[Stage, ...], data: st.DataObject) -> None:
    at = Position(Status.UNDER_REVIEW, data.draw(st.sampled_from([s.name for s in stages])))
    returned = ACTS["return"].leads(state_at(at, stages))
    assert returned.status is Status.RETURNED
    assert ACTS["submit"].leads(state_at(returned, stages)) == at


def test_every_real_route_is_walked_too() -> None:
    for route in routes.routes().values():
        for affiliation in (Level.COUNTY, Level.DISTRICT, Level.PROVINCE):
            stages = route.stages_of(affiliation)
            assert {p.status for p in reachable(stages)} == set(Status)


@pytest.mark.parametrize("act", ACTS.values(), ids=lambda act: act.name)
@pytest.mark.parametrize("status", Status)
def test_an_act_starts_only_where_its_row_says(act: Act, status: Status) -> None:
    stages = tuple(stage(n, level) for n, level in enumerate(AREAS))
    position = Position(status, "stage_0" if status is Status.UNDER_REVIEW else None)
    actor = OWNER if act.by is By.OWNER else REVIEWERS[Level.COUNTY]
    state = state_at(position, stages)
    if status in act.starts:
        assert workflow.guard(act, state, actor).unit in (SCHOOL, AREAS[Level.COUNTY])
    else:
        with pytest.raises(Conflict) as caught:
            workflow.guard(act, state, actor)
        assert workflow.STATUS_TITLES[status] in caught.value.detail
        assert caught.value.extra["status_now"] == status


REVIEW = state_at(Position(Status.UNDER_REVIEW, "stage_0"), (stage(0, Level.COUNTY), stage(1, Level.PROVINCE)))


@pytest.mark.parametrize("name", [act.name for act in ACTS.values() if act.decides])
def test_nobody_decides_what_they_had_a_hand_in(name: str) -> None:
    county = REVIEWERS[Level.COUNTY]
    for author in (county.account_id, str(county.person_id)):
        with pytest.raises(NotAllowed, match="回避"):
            workflow.guard(ACTS[name], replace(REVIEW, authors=frozenset({author})), county)


@pytest.mark.parametrize("who", [OWNER, REVIEWERS[Level.DISTRICT], REVIEWERS[Level.PROVINCE]])
def test_only_the_stage_itself_decides(who: Actor) -> None:
    with pytest.raises(NotAllowed):
        workflow.guard(ACTS["approve"], REVIEW, who)


def test_the_school_of_another_plan_cannot_submit() -> None:
    other = Actor("x", None, "别校", (Post(Office.SCHOOL_ADMIN, Unit("36/1/2/4/", "别校", Level.SCHOOL), "别校"),))
    with pytest.raises(NotAllowed, match="学校管理员"):
        workflow.guard(ACTS["submit"], state_at(START, REVIEW.stages), other)


MISSING = [
    ("return", Brought(opinion="请修改"), Invalid, "points"),
    ("refuse", Brought(opinion=" "), Invalid, "opinion"),
    ("approve", Brought(points=1), Invalid, "points"),
    ("submit", Brought(findings={"aims": ["请填写。"]}, flags=("AIMS_MISSING",)), Invalid, "aims"),
    ("submit", Brought(unstaffed=("某县无人在岗。",)), Conflict, None),
]


@pytest.mark.parametrize(("name", "brought", "error", "field"), MISSING)
def test_what_is_missing_is_named(name: str, brought: Brought, error: type[Exception], field: str | None) -> None:
    with pytest.raises(error) as caught:
        workflow.require(ACTS[name], REVIEW, brought)
    if field:
        assert field in caught.value.fields  # type: ignore[attr-defined]


def test_taking_back_ends_with_the_first_decision() -> None:
    workflow.require(ACTS["withdraw"], REVIEW, Brought())
    with pytest.raises(Conflict, match="已有审核意见"):
        workflow.require(ACTS["withdraw"], replace(REVIEW, decided_since_submission=True), Brought())


def test_rows_are_whole() -> None:
    for act in ACTS.values():
        assert act.label != "驳回"
        assert act.starts
        assert not act.starts & CLOSED
        assert "{state}" in act.refusal
        if act.by is By.OWNER:
            assert not act.decides
        assert set(act.needs) <= set(Need)
