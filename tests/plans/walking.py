"""All reachable states of a route, by all acts of all kinds of people: what `test_workflow` walks. No database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from services.plans import guards, needs, routes, terms
from services.plans.acts import ACTS, OFFERED
from services.plans.routes import Stage
from services.plans.workflow import (
    Act,
    Asked,
    Brought,
    Decision,
    Need,
    Pending,
    Position,
    State,
    Status,
)
from shared.actors import Actor, Level, Office, Post, Unit
from shared.errors import DomainError

SCHOOL = Unit("36/1/2/3/", "某小学", Level.SCHOOL)
AREAS = {
    Level.COUNTY: Unit("36/1/2/", "某县", Level.COUNTY),
    Level.DISTRICT: Unit("36/1/", "某市", Level.DISTRICT),
    Level.PROVINCE: Unit("36/", "某省", Level.PROVINCE),
}
OWNER = Actor(
    "owner", "p-owner", "校管", (Post(Office.SCHOOL_ADMIN, SCHOOL, "某小学"), Post(Office.TEACHER, SCHOOL, "某小学"))
)


def reviewer(level: Level, name: str) -> Actor:
    """Somebody who reviews at that level."""
    unit = AREAS[level]
    return Actor(f"{name}-{level}", f"p-{name}-{level}", name, (Post(Office.PLAN_REVIEW, unit, unit.name + "教育局"),))


FIRST = {level: reviewer(level, "甲") for level in AREAS}
SECOND = {level: reviewer(level, "乙") for level in AREAS}
SIGNER = "乙"
EVERYBODY = [OWNER, *FIRST.values(), *SECOND.values()]
HERE = [Actor(f"{n}-school", f"p-{n}-school", n, (Post(Office.SCHOOL_ADMIN, SCHOOL, "某小学"),)) for n in ("甲", "乙")]
"""Administrators of the school, who review what a teacher of theirs claims."""
FIRST_AT, SECOND_AT = {**FIRST, Level.SCHOOL: HERE[0]}, {**SECOND, Level.SCHOOL: HERE[1]}
AUTHOR = Actor("author", "p-author", "起草人", FIRST[Level.COUNTY].posts)
START = Position(Status.DRAFT)

# What may be going on at a stage besides the position: opened or not, handed on or not, signers asked or not.
Node = tuple[Position, frozenset[str], bool, str | None, tuple[Asked, ...], Decision | None]


def every_route() -> Iterator[tuple[str, tuple[Stage, ...]]]:
    """All stages of each real route for each affiliation that has any."""
    for key, route in routes.routes().items():
        for affiliation in (Level.COUNTY, Level.DISTRICT, Level.PROVINCE):
            if stages := route.stages_of(affiliation):
                yield f"{key}-{affiliation.value}", stages


ROUTES = dict(every_route())


def at_school(stages: tuple[Stage, ...]) -> bool:
    """Whether the school has a stage of its own: what travels there is a teacher's claim."""
    return any(stage.level is Level.SCHOOL for stage in stages)


def everybody(stages: tuple[Stage, ...]) -> list[Actor]:
    """Everybody who may have to do with it."""
    return [*EVERYBODY, *HERE] if at_school(stages) else EVERYBODY


def state_of(node: Node, stages: tuple[Stage, ...]) -> State:
    """The state that the rules see."""
    position, signed, opened, assignee, asked, last = node
    current = next((stage for stage in stages if stage.name == position.stage), None)
    proposed = position.pending in (Pending.REFUSAL, Pending.VOID)
    first = FIRST_AT[current.level] if current else None
    return State(
        status=position.status,
        stage=position.stage,
        stages=stages,
        unit_path=SCHOOL.path,
        owner=Office.TEACHER if at_school(stages) else Office.SCHOOL_ADMIN,
        person_id="p-owner" if at_school(stages) else None,
        holder="某单位",
        authors=frozenset({"owner", "p-owner", "author", "p-author"}),
        reviewing_path=AREAS.get(current.level, SCHOOL).path if current else None,
        pending=position.pending,
        signed=signed,
        opened=opened,
        assignee=assignee,
        assignee_name="某人",
        proposer=frozenset({first.account_id, str(first.person_id)}) if proposed and first else frozenset(),
        last=last,
        asked=asked,
        recorded=frozenset({"owner"}),
    )


def brought(act: Act, state: State, who: Actor) -> list[Brought]:
    """Everything that may be brought so that the needs are met, apart from what the state itself forbids."""
    full = Brought(opinion="意见", points=1 if Need.POINTS in act.needs else 0, targets=1, seconds=1, category="other",
                   waited=3 * terms.DAY)  # fmt: skip
    if act.name == "return":
        names = [stage.name for stage in state.stages]
        earlier = names[: names.index(str(state.stage))] if state.stage in names else []
        return [full, *(replace(full, to_stage=name) for name in earlier)]
    if act.name == "propose_void":
        found = guards.void_stage(state, who)
        return [replace(full, to_stage=found[1].name if found else None)]
    if act.name == "submit":
        return [full]
    if act.name == "cosign":
        request = next((a for a in state.asked if a.kind == "cosign" and a.agreed is None), None)
        return [replace(full, agreed=agreed, request=request) for agreed in (True, False)]
    return [full]


def after(node: Node, stages: tuple[Stage, ...], act: Act, who: Actor, given: Brought) -> Iterator[Node]:
    """What follows: as `operations.carry_out` does it, in the large."""
    state = state_of(node, stages)
    position, signed, opened, assignee, asked, _ = (act.leads(state, given), *node[1:])
    last = None
    if act.name == "approve":
        signed = signed | {str(state.stage)}
    if act.name in ("approve", "return", "refuse"):
        last = Decision("line", act.name, str(state.stage), who.account_id, str(state.reviewing_path))
    if act.name == "return" and given.to_stage:
        signed = signed - {given.to_stage}
    if act.name == "take_back" and state.last and state.last.act == "approve":
        signed = signed - {state.last.stage}
    if state.pending is Pending.COSIGN and (act.name == "recall" or (act.name == "cosign" and not given.agreed)):
        signed = signed - {str(state.stage)}
    moved = position != node[0]
    arrives = position.stage is not None and (position.stage != state.stage or state.reviewing_path is None)
    if arrives or position.stage is None:
        opened, assignee, asked = False, None, ()
    if position.pending in (Pending.REFUSAL, Pending.COSIGN) and moved:
        opened = False
    if act.name == "transfer" and state.current:
        first, second = FIRST_AT[state.current.level].account_id, SECOND_AT[state.current.level].account_id
        assignee = first if second in state.signers else second
    if act.name in ("add_signer", "consult") and state.current and state.current.level is Level.SCHOOL:
        return  # of a school nobody is asked
    if act.name == "add_signer" and state.current:
        signer = SECOND[state.current.level]
        if signer.account_id in state.signers:
            return
        others = tuple(a for a in asked if a.account_id != signer.account_id)
        for place in ("before", "after"):
            yield position, signed, opened, assignee, (*others, _asked(signer, place)), last
        return
    if act.name == "consult" and state.current:
        signer = SECOND[state.current.level]
        yield position, signed, opened, assignee, (*(a for a in asked if a.kind != "consult"), _view(signer)), last
        return
    if act.name == "cosign" and given.agreed and assignee == who.account_id:
        assignee = None
    if act.name in ("cosign", "reply"):
        asked = tuple(
            replace(a, agreed=given.agreed) if a.kind == act.answers and a.agreed is None else a for a in asked
        )
    if act.name == "recall":
        asked = tuple(a for a in asked if not a.waiting)
    if act.name == "submit":
        for lapse in (frozenset[str](), *(frozenset({name}) for name in signed)):
            kept = signed - lapse
            yield act.leads(replace(state, signed=kept), given), kept, False, None, (), None
        return
    yield position, signed, opened, assignee, asked, last


def _asked(signer: Actor, position: str) -> Asked:
    return Asked("request", "cosign", signer.account_id, signer.name, False, position, None)


def _view(asked: Actor) -> Asked:
    return Asked("view", "consult", asked.account_id, asked.name, True, "", None)


def steps(node: Node, stages: tuple[Stage, ...]) -> Iterator[tuple[Act, Actor, Node]]:
    """Everything that anybody can do from there."""
    state = state_of(node, stages)
    for who in everybody(stages):
        for act in guards.open_acts(OFFERED, state, who):
            for bring in brought(act, state, who):
                try:
                    needs.require(act, state, bring)
                except DomainError:
                    continue
                for following in after(node, stages, act, who, bring):
                    yield act, who, following
    # Somebody looks at it.
    if state.reviewing_path or state.status is Status.RETURNED:
        yield ACTS["open"], OWNER, (node[0], node[1], True, *node[3:])


@cache
def reachable(name: str) -> dict[Node, list[tuple[Act, Actor, Node]]]:
    """Every node that acts can lead to from a draft, with what leads on from it."""
    found: dict[Node, list[tuple[Act, Actor, Node]]] = {}
    to_do: list[Node] = [(START, frozenset(), False, None, (), None)]
    while to_do:
        node = to_do.pop()
        if node in found:
            continue
        found[node] = list(steps(node, ROUTES[name]))
        to_do += [following for *_, following in found[node]]
    return found
