"""Who may do which act, and the sentence for who may not. Pure; `queries.to_decide` asks the same in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.plans.routes import Stage
from services.plans.workflow import PENDING_TITLES, SEEN_BY_SCHOOL, Act, Asked, By, Need, State, status_title
from shared.actors import Actor, Level, Office, Post
from shared.errors import Conflict, NotAllowed


def post_for(act: Act, state: State, actor: Actor) -> Post | None:
    """The post in which the actor may do this, leaving the state aside; None: it is not the actor's to do."""
    return _WHOSE[act.by](act, state, actor)


def is_author(state: State, actor: Actor) -> bool:
    """Whether the actor drafted, edited or submitted it: by account, or as the same person with another account."""
    return bool({actor.account_id, actor.person_id} & state.authors)


def own_post(state: State, actor: Actor) -> Post | None:
    """The post in which the actor drafts it: for its unit, or for herself, wherever she may teach by now (T18)."""
    post = actor.post_at(state.unit_path, state.owner)
    if state.person_id is None:
        return post
    return post or next(iter(actor.posts_of(state.owner)), None) if state.person_id == actor.person_id else None


def is_own(state: State, actor: Actor) -> bool:
    """Whether the actor drafts for the submitting unit: nobody decides for both sides (T11)."""
    return own_post(state, actor) is not None


def has_signed(state: State, actor: Actor) -> bool:
    """Whether the actor has signed this visit, by whatever post, or a deputy has in her name."""
    return bool({actor.account_id, actor.person_id} & state.signers)


def starts(act: Act, state: State) -> bool:
    """Whether the state allows the act."""
    return state.status in act.starts and state.pending in act.pending


def request_for(act: Act, state: State, actor: Actor) -> Asked | None:
    """The open request that the actor may answer: her own, or that of somebody for whom she stands in.

    A deputy answers neither what she asked herself, nor signs what the absent one has a part in; nobody signs who has
    signed this visit, or in whose name it was signed (T11).
    """
    absent = _stands_in_for(actor)
    if act.signs:
        if has_signed(state, actor):
            return None
        absent -= state.authors | state.signers
    mine = [a for a in state.asked if a.kind == act.answers and a.agreed is None]
    own = next((a for a in mine if a.account_id == actor.account_id), None)
    return own or next((a for a in mine if a.account_id in absent and a.asked_by != actor.account_id), None)


def open_acts(acts: Mapping[str, Act], state: State, actor: Actor) -> tuple[Act, ...]:
    """What the actor can do now, in the order of the table."""
    return tuple(
        act
        for act in acts.values()
        if starts(act, state)
        and not (Need.UNOPENED in act.needs and state.opened)
        and not (Need.OPENED in act.needs and not state.seen)
        and not (Need.SILENT in act.needs and not any(a.waiting for a in state.asked))
        and not (Need.IN_FORCE in act.needs and state.superseded)
        and post_for(act, state, actor)
    )


def guard(act: Act, state: State, actor: Actor, noun: str = "方案") -> Post:
    """The post in which the actor does it. Raises `Conflict` for the state, `NotAllowed` for the person."""
    if not starts(act, state):
        title = status_title(state.status, state.current.title if state.current else "")
        owner = is_own(state, actor)
        if state.pending and (state.pending in SEEN_BY_SCHOOL or not owner):
            title += f"，{PENDING_TITLES[state.pending]}"
        detail = act.refusal.format(state=title, holder=state.holder, noun=noun)
        raise Conflict(detail, status_now=state.status.value)
    post = post_for(act, state, actor)
    if post is not None:
        return post
    if act.by is By.OWNER:
        whose = "申报单位的管理员" if state.person_id is None else "申请人本人"
        raise NotAllowed(f"只有{whose}可以{act.label}。")
    if act.by is By.SIGNATORY and not (is_author(state, actor) or is_own(state, actor)):
        raise NotAllowed(f"只有此{noun}各审核环节的审核人可以{act.label}。")
    if act.by is By.DECIDER:
        raise NotAllowed("只有作出上一次办理的人可以取回。")
    if act.by is By.RECORDER:
        raise NotAllowed("只能更正自己的记录。")
    if act.signs and {actor.account_id, actor.person_id, *_stands_in_for(actor)} & state.signers:
        raise NotAllowed(f"此{noun}在本环节已有您的签署（本人所签，或代办时所签），另一签署须由其他人作出。")
    if act.by is By.ASKED:
        raise NotAllowed("没有请您办理的征询、加签或抄送，或已经办理。")
    if is_author(state, actor):
        raise NotAllowed(f"您起草、修改或报送过此{noun}，须由其他人审核（回避）。")
    if is_own(state, actor):
        raise NotAllowed(f"您是申报单位的管理员，此{noun}须由其他人审核（回避）。")
    if act.by is By.SECOND and {actor.account_id, actor.person_id} & state.proposer:
        raise NotAllowed("您提出了此意见，须由第二人复核。")
    if state.assignee is not None and post_for_colleague(act, state, actor) is not None:
        raise NotAllowed(f"此{noun}已转办给{state.assignee_name}；如需您办理，请先转办。")
    raise NotAllowed(f"此{noun}现由{state.holder}办理，不在您的审核环节。")


def post_for_colleague(act: Act, state: State, actor: Actor) -> Post | None:
    """A post of the stage's office for exactly the unit that has it, and no part in drafting it."""
    return _post_at_stage(state, actor, state.authors)


def void_stage(state: State, actor: Actor) -> tuple[Post, Stage] | None:
    """The post in which the actor may propose 作废, and the stage whose second person confirms it.

    That is the post's own stage; for a school's, where there may be no second, the one above it.
    """
    if is_own(state, actor) or is_author(state, actor):
        return None
    for stage in reversed(state.stages):
        for post in actor.posts_of(stage.office):
            here = post.unit.level is stage.level and state.unit_path.startswith(post.unit.path)
            if here and post.for_account not in state.authors:
                above = [other for other in state.stages if other.level is not Level.SCHOOL]
                return post, above[0] if stage.level is Level.SCHOOL else stage
    return None


def _post_at_stage(state: State, actor: Actor, out: frozenset[str]) -> Post | None:
    """Such a post, unless the actor, or for whom a deputy stands in, is one of `out`."""
    if state.current is None or state.reviewing_path is None or is_own(state, actor):
        return None
    if {actor.account_id, actor.person_id} & out:
        return None
    path, office = state.reviewing_path, state.current.office
    return next((p for p in actor.posts_of(office) if p.unit.path == path and p.for_account not in out), None)


def _stands_in_for(actor: Actor) -> set[str]:
    """Accounts of the absent for whom the actor is a deputy."""
    return {post.for_account for post in actor.posts_of(Office.PLAN_REVIEW) if post.for_account}


def _owner(act: Act, state: State, actor: Actor) -> Post | None:
    return own_post(state, actor)


def _reviewer(act: Act, state: State, actor: Actor) -> Post | None:
    out = state.authors | state.signers if act.signs else state.authors
    post = _post_at_stage(state, actor, out)
    if post is None or state.assignee is None or state.assignee == actor.account_id:
        return post
    if state.assignee in out:
        return None
    # Handed to somebody who is absent: the deputy's post names whom it stands for.
    posts = actor.posts_of(state.current.office) if state.current else ()
    return next((p for p in posts if p.unit.path == state.reviewing_path and p.for_account == state.assignee), None)


def _second(act: Act, state: State, actor: Actor) -> Post | None:
    # Nor does a deputy confirm what was proposed by the one for whom she stands in.
    return _post_at_stage(state, actor, state.authors | state.proposer)


def _decider(act: Act, state: State, actor: Actor) -> Post | None:
    if state.last is None or state.last.account_id != actor.account_id:
        return None
    return actor.post_at(state.last.unit_path, *(stage.office for stage in state.stages))


def _signatory(act: Act, state: State, actor: Actor) -> Post | None:
    found = void_stage(state, actor)
    return found[0] if found else None


def _asked(act: Act, state: State, actor: Actor) -> Post | None:
    if act.signs and (is_author(state, actor) or is_own(state, actor)):
        return None
    request, posts = request_for(act, state, actor), actor.posts_of(Office.PLAN_REVIEW)
    if request is None:
        return None
    standing_in = "" if request.account_id == actor.account_id else request.account_id
    fitting = [post for post in posts if post.for_account == standing_in]
    # By the post by which she was asked; without it any other: she was asked by name.
    return next((post for post in fitting if post.unit.path == request.path), next(iter(fitting or posts), None))


def _above(act: Act, state: State, actor: Actor) -> Post | None:
    path = state.reviewing_path
    if path is None:
        return None
    posts = actor.posts_of(Office.PLAN_REVIEW)
    return next((p for p in posts if path.startswith(p.unit.path) and p.unit.path != path), None)


def _recorder(act: Act, state: State, actor: Actor) -> Post | None:
    if actor.account_id not in state.recorded:
        return None
    return _owner(act, state, actor) or next(iter(actor.posts_of(*{s.office for s in state.stages})), None)


def _province(act: Act, state: State, actor: Actor) -> Post | None:
    return next((p for p in actor.posts_of(Office.PLAN_REVIEW) if p.unit.level is Level.PROVINCE), None)


_WHOSE: dict[By, Callable[[Act, State, Actor], Post | None]] = {
    By.OWNER: _owner,
    By.REVIEWER: _reviewer,
    By.COLLEAGUE: post_for_colleague,
    By.SECOND: _second,
    By.SIGNATORY: _signatory,
    By.DECIDER: _decider,
    By.ASKED: _asked,
    By.OWNER_OR_ABOVE: lambda act, state, actor: _owner(act, state, actor) or _above(act, state, actor),
    By.PROVINCE: _province,
    By.RECORDER: _recorder,
    By.SYSTEM: lambda act, state, actor: None,
}
