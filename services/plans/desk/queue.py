"""The reviewers' desk (T6, A8): what I can decide now, what I am asked, what waits for a school, what I have done.

Counts and lists come from the same queries, so that each number equals its list.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session, aliased, defer

from services.plans import routes
from services.plans.approval import queries
from services.plans.approval.models import Plan, PlanAuthor
from services.plans.approval.signatures import DECISIONS
from services.plans.approval.staffing import CLAIM
from services.plans.approval.trail import PlanLine, PlanRequest
from services.plans.workflow import Pending, Status
from shared.actors import Actor, Level, Office, Post
from shared.database import under
from shared.paging import Page, cursor_after, page, place_of

_NARROW = [defer(column) for column in (Plan.aims, Plan.covers, Plan.forecast)]
"""What no list shows is not read: these may be long."""
LAMPS = ("red", "yellow", "")
"""In the order in which a queue shows them: overdue, nearly, the rest; in each the longest at this stage first."""
TABS = {
    "todo": "待办", "claimed": "处理中", "parked": "等省厅意见", "returned": "待学校修改", "done": "已办",
    "copies": "抄送我", "asked": "征询我", "below": "下级超时",
}  # fmt: skip
_ONE_PASS = ("todo", "claimed")
"""Tabs that are counted, like the lamps, in one pass over what waits."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a queue is narrowed to; kept in the page's address (A9)."""

    town: str = ""
    """Path of a unit under which the school lies."""
    unit_kind: str = ""
    flag: str = ""
    fresh: str = ""
    """`new` or `again`."""
    lamp: str = ""
    """`red`, `yellow` or `today`."""
    claimed_by: str = ""
    kind: str = ""
    school_year: str = ""


EVERYTHING = Filters()


@lru_cache(maxsize=64)  # a page asks for it twice, and making it costs more than sending it
def to_decide(actor: Actor) -> Select[Plan]:
    """What the actor can decide now: `guards.post_for` as a query; a test compares the two."""
    posts = actor.posts_of(*routes.deciders())
    mine = [_handed_to(*[post for post in posts if not post.for_account], account=actor.account_id)]
    for post in posts:
        if post.for_account:  # a deputy stays out of what she, or who is absent, has a part in
            mine.append(and_(_handed_to(post, account=actor.account_id), _has_no_part(post.for_account)))
    return select(Plan).where(
        or_(*mine),
        _has_no_part(actor.account_id, actor.person_id),
        ~queries.is_own(actor),
        or_(Plan.pending.is_(None), Plan.pending.in_([Pending.WITHDRAWAL, Pending.VOID, Pending.REFUSAL])),
    )


def parked(actor: Actor) -> Select[Plan]:
    """What waits at my stage for the province's word (N19)."""
    return select(Plan).where(_at_my_stage(actor), Plan.pending == Pending.POLICY)


def claimed(actor: Actor, now: datetime) -> Select[Plan]:
    """What of my queue somebody is working on (A17)."""
    return to_decide(actor).where(Plan.claimed_at > now - CLAIM)


def returned(actor: Actor) -> Select[Plan]:
    """What my stage has sent back and the school is mending."""
    paths = [post.unit.path for post in actor.posts_of(*routes.deciders())]
    return select(Plan).where(Plan.returned_by_path.in_(paths), Plan.status == Status.RETURNED)


def done(actor: Actor) -> Select[Plan]:
    """What I have decided for an area that is still mine, and so may see."""
    return select(Plan).where(Plan.id.in_(_decided(actor)))


def accounts(actor: Actor) -> list[str]:
    """The actor's account, and those for which she stands in as a reviewer."""
    return [actor.account_id, *(p.for_account for p in actor.posts_of(*routes.deciders()) if p.for_account)]


def asked(actor: Actor, *kinds: str) -> Select[Plan]:
    """Where somebody waits for my view or signature, or has sent me a copy to read."""
    mine = select(PlanRequest.plan_id).where(
        PlanRequest.asked_account.in_(accounts(actor)), PlanRequest.closed_at.is_(None), PlanRequest.kind.in_(kinds)
    )
    return select(Plan).where(Plan.id.in_(mine))


def below(actor: Actor, now: datetime) -> Select[Plan]:
    """Overdue at a level below mine: what the level above is told (T21)."""
    areas = [
        and_(under(Plan.reviewing_path, post.unit.path), Plan.reviewing_path != post.unit.path)  # type: ignore[arg-type]
        for post in actor.posts_of(Office.PLAN_REVIEW)
        if post.unit.level is not Level.COUNTY  # below which nobody reviews
    ]
    return select(Plan).where(or_(false(), *areas), Plan.due_at <= now, Plan.status == Status.UNDER_REVIEW)


def tab(actor: Actor, name: str, now: datetime) -> Select[Plan]:
    """The query of a tab."""
    made = {
        "todo": lambda: to_decide(actor),
        "claimed": lambda: claimed(actor, now),
        "parked": lambda: parked(actor),
        "returned": lambda: returned(actor),
        "done": lambda: done(actor),
        "copies": lambda: asked(actor, "copy"),
        "asked": lambda: asked(actor, "consult", "cosign"),
        "below": lambda: below(actor, now),
    }
    return made[name]()


def narrowed(query: Select[Plan], chosen: Filters, now: datetime, tonight: datetime) -> Select[Plan]:
    """The query with the filters; `tonight`: end of today in China."""
    conditions: list[ColumnElement[bool]] = []
    if chosen.town:
        conditions.append(under(Plan.unit_path, chosen.town))
    if chosen.unit_kind:
        conditions.append(Plan.unit_kind == chosen.unit_kind)
    if chosen.kind:
        conditions.append(Plan.kind == chosen.kind)
    if chosen.school_year:
        conditions.append(Plan.submitted_year == chosen.school_year)
    if chosen.fresh:
        conditions.append(Plan.round == 1 if chosen.fresh == "new" else Plan.round > 1)
    if chosen.claimed_by:
        conditions.append(Plan.claimed_by == chosen.claimed_by)
    if chosen.flag:
        conditions.append(has_flag(chosen.flag))
    if chosen.lamp:
        conditions.append(_today(now, tonight) if chosen.lamp == "today" else lamp_is(chosen.lamp, now))
    return query.where(*conditions)


def has_flag(code: str) -> ColumnElement[bool]:
    """Whether the checks found that."""
    # JSON as text on both databases: a code never contains another one's quotes.
    return cast(Plan.flags, Text).like(f'%"{code}"%')


def by_lamp(session: Session, query: Select[Plan], now: datetime, *, cursor: str | None, limit: int) -> Page[Plan]:
    """One page: red, yellow, the rest; in each the longest at this stage first. The cursor names the lamp.

    One statement: the places are found in the index alone, and of the rows only the page's are read.
    """
    keys: list[Any] = [Plan.entered_at, Plan.id]
    lamp = case((lamp_is("red", now), 0), (lamp_is("yellow", now), 1), else_=2).label("lamp")
    number, _, rest = (cursor or "").partition(".")
    if rest:
        reached = int(number) if number in ("0", "1", "2") else 0
        after = and_(lamp == reached, tuple_(*keys) > tuple_(*place_of(rest, keys)))
        query = query.where(or_(lamp > reached, after))
    places = query.with_only_columns(Plan.id, lamp).order_by(lamp, *keys).limit(limit + 1).subquery()
    every = select(Plan, places.c.lamp).join(places, places.c.id == Plan.id).options(*_NARROW)
    found = session.execute(every.order_by(places.c.lamp, *keys)).all()
    rows = [plan for plan, _ in found[:limit]]
    more = f"{found[limit - 1][1]}.{cursor_after(rows[-1], keys)}" if len(found) > limit else None
    return Page(rows, more)


def listing(
    session: Session, query: Select[Plan], name: str, now: datetime, *, cursor: str | None, limit: int
) -> Page[Plan]:
    """One page of a tab, in that tab's order."""
    if name in ("todo", "claimed"):
        return by_lamp(session, query, now, cursor=cursor, limit=limit)
    return page(session, query.options(*_NARROW), [Plan.id], cursor=cursor, limit=limit, descending=True)


def lamp_is(lamp: str, now: datetime) -> ColumnElement[bool]:
    """Whether a plan's lamp is that one now."""
    if lamp == "red":
        return Plan.due_at <= now
    yellow = and_(Plan.warn_at <= now, Plan.due_at > now)
    return yellow if lamp == "yellow" else or_(Plan.due_at.is_(None), Plan.warn_at > now)


def _today(now: datetime, tonight: datetime) -> ColumnElement[bool]:
    return and_(Plan.due_at > now, Plan.due_at <= tonight)


def lamp_of(plan: Plan, now: datetime) -> str:
    """The same of a plan that has been read."""
    if plan.due_at is None:
        return ""
    return "red" if plan.due_at <= now else "yellow" if plan.warn_at and plan.warn_at <= now else ""


def counts(
    session: Session, actor: Actor, now: datetime, tonight: datetime, chosen: Filters = EVERYTHING
) -> dict[str, int]:
    """The number of every tab and filter of the strip under the other filters, in one statement."""
    chosen = replace(chosen, lamp="")
    others = {name: narrowed(tab(actor, name, now), chosen, now, tonight) for name in TABS if name not in _ONE_PASS}
    numbers = {
        name: query.with_only_columns(func.count(), maintain_column_froms=True) for name, query in others.items()
    }
    if chosen == EVERYTHING:
        # The history alone says how many: years of work need not be looked up plan by plan.
        numbers["done"] = select(func.count()).select_from(_decided(actor).distinct().subquery())
    every = narrowed(to_decide(actor), chosen, now, tonight).with_only_columns(
        func.count().label("todo"),
        func.count().filter(Plan.claimed_at > now - CLAIM).label("claimed"),
        *[func.count().filter(lamp_is(lamp, now)).label(lamp) for lamp in LAMPS if lamp],
        func.count().filter(_today(now, tonight)).label("today"),
        *[number.correlate(None).scalar_subquery().label(name) for name, number in numbers.items()],
        maintain_column_froms=True,
    )
    return dict(session.execute(every).mappings().one())


def _decided(actor: Actor) -> Select[str]:
    """Ids of the plans of `done`, as often as the actor decided on each."""
    areas = [under(PlanLine.unit_path, post.unit.path) for post in actor.posts_of(*routes.deciders())]
    return select(PlanLine.plan_id).where(
        PlanLine.actor_account == actor.account_id,
        PlanLine.act.in_([*DECISIONS, "confirm_refusal", "confirm_void", "cosign"]),
        or_(false(), *areas),
    )


def _at_my_stage(actor: Actor) -> ColumnElement[bool]:
    posts = [(post.office.value, post.unit.path) for post in actor.posts_of(*routes.deciders())]
    return tuple_(Plan.reviewing_office, Plan.reviewing_path).in_(posts) if posts else false()


def _handed_to(*posts: Post, account: str) -> ColumnElement[bool]:
    """At the stage of these posts, and handed to nobody else; what was proposed is anybody's to confirm."""
    places = [(post.office.value, post.unit.path) for post in posts]
    to = [account, *(post.for_account for post in posts if post.for_account)]
    return and_(
        tuple_(Plan.reviewing_office, Plan.reviewing_path).in_(places) if places else false(),
        or_(Plan.assignee_id.is_(None), Plan.assignee_id.in_(to), Plan.pending.in_(list(queries.PROPOSES))),
    )


def _has_no_part(account: str, person: str | None = None) -> ColumnElement[bool]:
    """Neither drafted it nor proposed what is to be confirmed (T11)."""
    by = [PlanAuthor.account_id == account] + ([PlanAuthor.person_id == person] if person else [])
    # A short list, made once; asked plan by plan, or of all plans, it would cost as much as the queue itself.
    drafted = Plan.id.in_(select(PlanAuthor.plan_id).where(or_(*by)))
    # Not "unless pending and proposed": with nothing pending that is unknown to the database, and hides the plan.
    unproposed = or_(
        Plan.pending.is_(None), Plan.pending.not_in(queries.PROPOSES), ~Plan.id.in_(_proposals(account, person))
    )
    return and_(~drafted, unproposed)


def _proposals(account: str, person: str | None) -> Select[str]:
    """Ids of what waits for a second person to confirm what they proposed: the last such line is theirs."""
    pending, acts = aliased(Plan), [act for proposing in queries.PROPOSES.values() for act in proposing]
    last = (
        select(PlanLine.id)
        .where(PlanLine.plan_id == pending.id, PlanLine.act.in_(acts))
        .order_by(PlanLine.id.desc())
        .limit(1)
        .correlate(pending)
        .scalar_subquery()
    )
    by = [PlanLine.actor_account == account] + ([PlanLine.actor_person == person] if person else [])
    query = select(pending.id).join(PlanLine, PlanLine.id == last)
    return query.where(pending.pending.in_(list(queries.PROPOSES)), or_(*by))
