"""What the reviewers' queue shows of each plan: one page of rows from a fixed number of statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from services.plans import claims, kinds, routes, terms
from services.plans.approval import clock, queries, signatures
from services.plans.approval.deputies import Deputy
from services.plans.approval.models import Plan
from services.plans.approval.staffing import CLAIM
from services.plans.approval.trail import PlanLine, PlanRequest
from services.plans.approval.words import UNIT_KINDS, marks
from services.plans.calendar.queries import calendar
from services.plans.calendar.rules import days, in_words
from services.plans.categories import BUCKETS
from services.plans.desk import bulk, queue
from services.plans.workflow import PENDING_TITLES, Pending, Status
from shared.actors import Actor, Level, ancestors
from shared.database import under
from shared.directory import OfficeCopy, UnitCopy
from shared.events.plans import Bucket

LAMP_WORDS = {"red": "超时", "yellow": "即将到期", "": ""}
_LINE = (
    PlanLine.id, PlanLine.plan_id, PlanLine.act, PlanLine.at, PlanLine.stage, PlanLine.to_stage, PlanLine.to_pending,
    PlanLine.internal, PlanLine.body, PlanLine.actor_name, PlanLine.for_name, PlanLine.opinion,
)  # fmt: skip
"""As much of a line as the clock and the list need; the lines themselves would bring points and answers along."""


@dataclass(frozen=True, slots=True)
class Row:
    """One plan as a line of the queue."""

    listed: queries.Listed
    county: str
    kind: str
    """小学, 村小, …"""
    lamp: str
    fresh: str
    """新报, 修改稿第 2 版."""
    last: Any
    """The last official line; None if there is none."""
    used: str
    """3/10 个工作日（暂停 2 个工作日）; empty where no clock runs."""
    missing: str
    """The sentence for a year without calendar."""
    handler: str
    request: PlanRequest | None
    """What I am asked about it."""
    waits: str
    """征询中, 待加签: what my stage waits for before it can decide; empty if for nothing."""
    bulk: bool
    """May be approved together with others."""
    marks: Sequence[str]
    """What the checks found, in words: what deserves a look."""

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.listed.plan

    @property
    def bucket(self) -> str:
        """统筹 or 自主, what its credits would be: a fallback scheme the former, any other plan the latter."""
        claim = claims.load(self.plan.claim)
        if claim is not None:
            return BUCKETS[claim.sort.bucket]
        return BUCKETS[Bucket.COORDINATED if kinds.KINDS[self.plan.kind].forecast else Bucket.SELF_ORGANIZED]


@dataclass(frozen=True, slots=True)
class Area:
    """The actor's own units, who reviews there, who stands in for whom today, and the units below by path."""

    units: Mapping[str, str]
    below: Sequence[tuple[str, str]]
    people: Mapping[str, str]
    """Account -> name of everybody in post at the actor's own units."""
    deputies: Sequence[Deputy] = field(default=())


def area_of(session: Session, actor: Actor, now: datetime) -> Area:
    """What the head and the filters of the queue need, in one statement."""
    posts = actor.posts_of(*routes.deciders())
    own, today = [post.unit.path for post in posts], terms.china_date(now)
    wide = [post.unit.path for post in posts if post.unit.level in (Level.PROVINCE, Level.DISTRICT)]
    lower = [and_(under(UnitCopy.path, path), UnitCopy.level.in_([Level.DISTRICT, Level.COUNTY])) for path in wide]
    mine = UnitCopy.path.in_(own)
    query = (
        select(UnitCopy.path, UnitCopy.name, OfficeCopy.holders, Deputy)
        .outerjoin(
            OfficeCopy,
            and_(mine, OfficeCopy.unit_path == UnitCopy.path, OfficeCopy.office.in_(routes.deciders())),
        )
        .outerjoin(
            Deputy,
            and_(
                mine,
                Deputy.unit_path == UnitCopy.path,
                Deputy.ended_at.is_(None),
                Deputy.first_day <= today,
                Deputy.last_day >= today,
            ),
        )
        .where(or_(mine, *lower))
        .order_by(UnitCopy.path)
    )
    units: dict[str, str] = {}
    people: dict[str, str] = {}
    standing: dict[str, Deputy] = {}
    for path, name, holders, deputy in session.execute(query):
        units[path] = name
        people |= {holder["account_id"]: holder["name"] for holder in holders or ()}
        if deputy is not None:
            standing[deputy.id] = deputy
    return Area(units, [(path, name) for path, name in units.items() if path not in own], people, [*standing.values()])


def last_done(session: Session, actor: Actor) -> datetime | None:
    """When the actor last decided anything."""
    return session.scalar(
        select(func.max(PlanLine.at)).where(
            PlanLine.actor_account == actor.account_id, PlanLine.act.in_(signatures.DECISIONS)
        )
    )


def rows_of(
    session: Session, actor: Actor, plans: Sequence[Plan], area: Area, now: datetime, *, asked: Sequence[str] = ()
) -> list[Row]:
    """The rows for a page of plans: their histories in one statement; `asked`: with what of that I am asked."""
    histories: dict[str, list[Any]] = {plan.id: [] for plan in plans}
    if plans:
        query = select(*_LINE).where(PlanLine.plan_id.in_(list(histories))).order_by(PlanLine.id)
        for line in session.execute(query):
            histories[line.plan_id].append(line)
    requests: dict[str, PlanRequest] = {}
    if asked:
        mine = select(PlanRequest).where(
            PlanRequest.asked_account.in_(queue.accounts(actor)),
            PlanRequest.closed_at.is_(None),
            PlanRequest.kind.in_(asked),
            PlanRequest.plan_id.in_(list(histories)),
        )
        requests = {request.plan_id: request for request in session.scalars(mine)}
    working = calendar(session)
    waits = _waits(session, actor, plans, histories)
    return [
        _row(actor, plan, histories[plan.id], area, working, now, requests.get(plan.id), waits.get(plan.id, ""))
        for plan in plans
    ]


def _waits(
    session: Session, actor: Actor, plans: Sequence[Plan], histories: Mapping[str, Sequence[Any]]
) -> dict[str, str]:
    """Plan -> 征询中 or 待加签, where somebody has to answer before my stage can decide."""
    own = {post.unit.path for post in actor.posts_of(*routes.deciders())}
    mine = [plan.id for plan in plans if plan.status == Status.UNDER_REVIEW and plan.reviewing_path in own]
    # Whoever was asked anything, a line says so.
    ids = [plan_id for plan_id in mine if any(line.act in queries.ASKING for line in histories[plan_id])]
    if not ids:
        return {}
    query = select(PlanRequest.plan_id, PlanRequest.kind).where(
        PlanRequest.plan_id.in_(ids),
        PlanRequest.closed_at.is_(None),
        or_(PlanRequest.blocking, PlanRequest.kind == "cosign"),
    )
    return {plan_id: "征询中" if kind == "consult" else "待加签" for plan_id, kind in session.execute(query)}


def _row(
    actor: Actor,
    plan: Plan,
    lines: list[Any],
    area: Area,
    working: Any,
    now: datetime,
    request: PlanRequest | None,
    waits: str,
) -> Row:
    official = [line for line in lines if not line.internal and line.act not in signatures.BESIDE]
    used, missing = _used(plan, lines, working, now)
    own = {post.unit.path for post in actor.posts_of(*routes.deciders())}
    county = next((area.units[path] for path in ancestors(plan.unit_path) if path in area.units), "")
    return Row(
        listed=queries.listed(actor, plan),
        county=county,
        kind=UNIT_KINDS.get(plan.unit_kind, ""),
        lamp=queue.lamp_of(plan, now),
        fresh="新报" if plan.round == 1 else f"修改稿第 {plan.round} 版",
        last=official[-1] if official else None,
        used=used,
        missing=missing,
        # Who of another unit has it in hand is that unit's affair.
        handler=handler(plan, now) if plan.reviewing_path in own else queries.status_title(plan),
        request=request,
        waits=waits,
        bulk=plan.status == Status.UNDER_REVIEW and plan.pending is None and not waits and not bulk.flagged(plan),
        marks=marks(flag for flag in plan.flags if flag not in bulk.HARMLESS),
    )


def handler(plan: Plan, now: datetime) -> str:
    """Who has it in hand (A17): a hint for colleagues."""
    words = f"转办给{plan.assignee_name}" if plan.assignee_name else ""
    if plan.claimed_at is not None and plan.claimed_at > now - CLAIM:
        minutes = int((now - plan.claimed_at) / timedelta(minutes=1))
        doing = f"处理中：{plan.claimed_by_name} " + (f"{minutes} 分钟前" if minutes else "刚刚")
        return f"{words}；{doing}" if words else doing
    if plan.pending is not None:
        return words or PENDING_TITLES[Pending(plan.pending)]
    return words or "未认领"


def _used(plan: Plan, lines: Sequence[Any], working: Any, now: datetime) -> tuple[str, str]:
    stage = queries.stage_of(plan)
    found = clock.clock_of(lines, stage, working, now) if stage and plan.status == Status.UNDER_REVIEW else None
    if found is None:
        return "", ""
    if found.missing:
        return "", found.missing
    return clock_words(found), ""


def clock_words(found: clock.Clock) -> str:
    """3/10 个工作日（暂停 2 个工作日）."""
    words = f"{days(found.used)}/{days(found.limit)} 个工作日"
    return words + (f"（暂停 {in_words(found.paused)}）" if found.paused else "")
