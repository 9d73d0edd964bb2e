"""What people see of submissions. Every read starts from `visible_plans`; queues: `desk`; one plan: `views.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, false, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from services.plans import kinds, routes, workflow
from services.plans.acts import ACTS
from services.plans.approval import content as contents
from services.plans.approval import signatures
from services.plans.approval.models import Plan, PlanAttachment, PlanAuthor, PlanVersion
from services.plans.approval.trail import PlanLine, PlanPoint, PlanRequest
from services.plans.workflow import Asked, Pending, Status
from shared.actors import Actor, Level, Office, ancestors
from shared.database import under
from shared.directory import OfficeCopy, UnitCopy
from shared.errors import Conflict, Invalid, NotFound

# Read at every act: made once, since making a statement anew costs more than sending it.
_TRAIL = select(PlanLine).where(PlanLine.plan_id == bindparam("plan")).order_by(PlanLine.id)
_POINTS = selectinload(PlanLine.points).selectinload(PlanPoint.answers)
_PRESENT = joinedload(Plan.present)
_AUTHORS = select(PlanAuthor.account_id, PlanAuthor.person_id).where(PlanAuthor.plan_id == bindparam("plan"))
_REQUESTS = select(PlanRequest).where(PlanRequest.plan_id == bindparam("plan")).order_by(PlanRequest.id)
ASKING = frozenset(name for name, act in ACTS.items() if act.requests)
"""Acts by which somebody is asked something: without such a line there is no request."""
PROPOSES = {Pending.REFUSAL: ("refuse",), Pending.VOID: ("ask_void", "propose_void")}
"""What is pending -> the acts that propose it, for a second person to confirm."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A plan in one person's list: the same content as in `PlanView`, without reading the version."""

    plan: Plan
    title: str | None
    school_year: str | None
    hours: Decimal | None
    credits: Decimal | None


def visible_plans(actor: Actor) -> Select[Plan]:
    """One's own unit's plans, and for reviewers those of their area that were submitted at least once.

    A school's administrator reviews what its teachers claim; a teacher sees what the school claims for her.
    """
    area: list[ColumnElement[bool]] = [
        and_(under(Plan.unit_path, post.unit.path), Plan.round > 0) for post in actor.posts_of(*routes.deciders())
    ]
    if actor.person_id is not None and actor.holds(Office.TEACHER):
        area.append(and_(Plan.person_id == actor.person_id, Plan.round > 0))
    return select(Plan).where(or_(is_own(actor), *area))


def own_plans(actor: Actor) -> Select[Plan]:
    """The plans of the units for which the actor drafts."""
    return select(Plan).where(is_own(actor))


def is_own(actor: Actor) -> ColumnElement[bool]:
    """Drafted in one of the actor's posts: kind and unit both fit; of a personal kind, the person, wherever she is."""
    own: list[ColumnElement[bool]] = []
    for office in kinds.OWNERS:
        paths = [post.unit.path for post in actor.posts_of(office)]
        if not paths:
            continue
        personal = kinds.owned_by(office, personal=True)
        if of_unit := [kind for kind in kinds.owned_by(office) if kind not in personal]:
            own.append(and_(Plan.unit_path.in_(paths), Plan.kind.in_(of_unit)))
        if personal:
            own.append(and_(Plan.person_id == (actor.person_id or ""), Plan.kind.in_(personal)))
    return or_(false(), *own)


def listed(actor: Actor, plan: Plan) -> Listed:
    """The plan's row: of the working copy for its school, of the last submitted version for everybody else."""
    if is_owner(actor, plan):
        return Listed(plan, plan.title, plan.school_year, plan.total_hours, plan.total_credits)
    return Listed(plan, plan.submitted_title, plan.submitted_year, plan.submitted_hours, plan.submitted_credits)


def of_school_year(actor: Actor, school_year: str) -> ColumnElement[bool]:
    """The filter by the school year that `listed` shows."""
    return case((is_own(actor), Plan.school_year), else_=Plan.submitted_year) == school_year


def count(session: Session, query: Select[Plan]) -> int:
    """How many rows a list has."""
    return session.scalar(select(func.count()).select_from(query.with_only_columns(Plan.id).subquery())) or 0


def count_by_status(session: Session, query: Select[Plan]) -> dict[str, int]:
    """How many rows a list has in each status that occurs."""
    found = query.with_only_columns(Plan.status, func.count()).group_by(Plan.status)
    return {status: number for status, number in session.execute(found)}  # noqa: C416


def find_plan(session: Session, actor: Actor, plan_id: str, *, lock: bool = False) -> Plan:
    """The plan, locked until the commit if it is to be changed. Raises `NotFound` outside what the actor may see."""
    plan = session.scalar(_one_visible(actor, lock), {"plan": plan_id})
    if plan is None:
        raise NotFound()
    return plan


@lru_cache(maxsize=256)  # making it costs as much as sending it
def _one_visible(actor: Actor, lock: bool) -> Select[Plan]:
    query = visible_plans(actor).where(Plan.id == bindparam("plan"))
    if lock:
        # What is decided is the frozen version: it comes in the same statement.
        query = query.options(_PRESENT).with_for_update(of=Plan).execution_options(populate_existing=True)
    return query


def trail(session: Session, plan: Plan, *, points: bool = True) -> list[PlanLine]:
    """Every act of a plan that came from `visible_plans`, oldest first; `points`: with what returns ask for."""
    query = _TRAIL.options(_POINTS) if points else _TRAIL
    return list(session.scalars(query, {"plan": plan.id}))


def state_of(session: Session, plan: Plan, lines: Sequence[Any] | None = None) -> workflow.State:
    """What the rules need to know of the plan; `lines`: its history, where it has been read already."""
    lines = trail(session, plan) if lines is None else lines
    authors = session.execute(_AUTHORS, {"plan": plan.id}).all()
    proposes = PROPOSES.get(Pending(plan.pending), ()) if plan.pending else ()
    proposer = next((_who(li.actor_account, li.actor_person) for li in reversed(lines) if li.act in proposes), _who())
    signed = signatures.standing(lines)
    approval = signed[str(plan.stage)] if plan.pending == Pending.COSIGN else None
    approver = (approval.actor_account, approval.actor_person, approval.for_account) if approval else ()
    return workflow.State(
        status=Status(plan.status),
        stage=plan.stage,
        stages=stages_of(plan),
        unit_path=plan.unit_path,
        owner=kinds.KINDS[plan.kind].owner,
        person_id=plan.person_id if kinds.KINDS[plan.kind].personal else None,
        holder=holder(session, plan),
        authors=frozenset(value for row in authors for value in row if value),
        reviewing_path=plan.reviewing_path,
        pending=Pending(plan.pending) if plan.pending else None,
        signed=frozenset(signed),
        opened=plan.opened_at is not None,
        assignee=plan.assignee_id,
        assignee_name=plan.assignee_name or "",
        proposer=proposer,
        approver=_who(*approver),
        last=signatures.last_decision(lines),
        # Whoever was asked anything, a line says so.
        asked=tuple(_asked(session, plan, lines)) if any(line.act in ASKING for line in lines) else (),
        superseded=plan.superseded_by_id is not None,
        recorded=frozenset(line.actor_account for line in lines),
    )


def _who(*known: str | None) -> frozenset[str]:
    return frozenset(one for one in known if one)


def requests_of(session: Session, plan: Plan) -> list[PlanRequest]:
    """Everything that people were asked about the plan, oldest first."""
    return list(session.scalars(_REQUESTS, {"plan": plan.id}))


def _asked(session: Session, plan: Plan, lines: Sequence[Any]) -> list[Asked]:
    """Requests that count: those of the present visit, and whatever is still open."""
    found, by = [], {line.id: line.actor_account for line in lines}
    replied = [line for line in lines if "request" in line.details]
    replies = {line.details["request"]: _who(line.actor_account, line.actor_person) for line in replied}
    for row in requests_of(session, plan):
        answered = row.closed_why == "answered"
        if row.closed_at is not None and not (answered and row.entered_at == plan.entered_at):
            continue
        agreed = row.agreed if row.kind == "cosign" else (True if answered else None)
        asked = (row.asked_account, row.asked_name, row.blocking, row.position)
        who = replies.get(row.id, frozenset())
        found.append(Asked(row.id, row.kind, *asked, agreed, by.get(row.line_id, ""), row.asked_path, who))
    return found


def stages_of(plan: Plan) -> tuple[routes.Stage, ...]:
    """The stages of the plan's route version."""
    return routes.routes()[plan.route].stages_of(Level(plan.affiliation))


def stage_of(plan: Plan) -> routes.Stage | None:
    """The present stage; None unless under review."""
    return next((stage for stage in stages_of(plan) if stage.name == plan.stage), None)


def status_title(plan: Plan) -> str:
    """The state word that people read."""
    stage = stage_of(plan)
    return workflow.status_title(plan.status, stage.title if stage else "")


def holder(session: Session, plan: Plan) -> str:
    """Who has the plan now, as people read it."""
    if plan.reviewing_path is None:
        return plan.unit_name
    office = session.get(OfficeCopy, (plan.reviewing_path, plan.reviewing_office))
    unit = session.get(UnitCopy, plan.reviewing_path) if office is None else None
    body = office.body if office else unit.name if unit else "上级单位"
    stage = stage_of(plan)
    return f"{body} · {stage.title}" if stage else body


def reviewing_units(session: Session, unit_path: str) -> dict[Level, UnitCopy]:
    """The units above a unit by level, as far as this service has heard of them; a school is its own lowest."""
    units = [session.get(UnitCopy, path) for path in ancestors(unit_path)]
    known = {Level(unit.level): unit for unit in units if unit is not None}
    return {level: unit for level, unit in known.items() if level is Level.SCHOOL or unit.path != unit_path}


def versions_of(session: Session, plan: Plan) -> list[PlanVersion]:
    """Every frozen version, oldest first."""
    query = select(PlanVersion).where(PlanVersion.plan_id == plan.id).order_by(PlanVersion.number)
    return list(session.scalars(query))


def last_lines(session: Session, plan_ids: Sequence[str]) -> dict[str, PlanLine]:
    """The last official act of each of a page of plans, looks and reminders aside."""
    newest = (
        select(func.max(PlanLine.id))
        .where(PlanLine.plan_id.in_(plan_ids), ~PlanLine.internal, PlanLine.act.not_in(signatures.BESIDE))
        .group_by(PlanLine.plan_id)
    )
    return {line.plan_id: line for line in session.scalars(select(PlanLine).where(PlanLine.id.in_(newest)))}


def is_owner(actor: Actor, plan: Plan) -> bool:
    """Whether the actor drafts for the plan's unit, or files it for herself."""
    sort = kinds.KINDS[plan.kind]
    if sort.personal:
        return actor.person_id == plan.person_id and actor.holds(sort.owner)
    return actor.post_at(plan.unit_path, sort.owner) is not None


def content_for(session: Session, actor: Actor, plan: Plan) -> contents.Content:
    """The working copy for its school, the last submitted version for everybody else."""
    if is_owner(actor, plan):
        return plan.content()
    return frozen(session, plan)


def frozen(session: Session, plan: Plan) -> contents.Content:
    """The last submitted version, as it was."""
    return contents.load(session.get_one(PlanVersion, (plan.id, plan.round)).content)


def is_intact(session: Session, plan: Plan) -> bool:
    """Whether the frozen version is, sign by sign, what was submitted and signed (N3)."""
    version = session.get(PlanVersion, (plan.id, plan.round))
    return version is not None and contents.digest_of(version.content) == plan.digest == version.digest


def find_attachment(session: Session, actor: Actor, plan_id: str, attachment_id: str) -> PlanAttachment:
    """A file of a visible plan: for its school any, for reviewers those of submitted versions. Raises `NotFound`."""
    plan = find_plan(session, actor, plan_id)
    file = session.get(PlanAttachment, attachment_id)
    if file is None or file.plan_id != plan.id:
        raise NotFound()
    if is_owner(actor, plan):
        return file
    submitted = {a["id"]: a["sha256"] for version in versions_of(session, plan) for a in version.content["attachments"]}
    if file.id not in submitted:
        raise NotFound()
    if submitted[file.id] != file.sha256:
        raise Conflict(f"附件“{file.name}”与报送时的版本不一致，各级意见已失效；请联系省级管理员核查。")
    return file


def approved_plan(session: Session, plan_id: str, kind: str, unit_path: str) -> tuple[Plan, contents.Content]:
    """An approved submission of exactly that unit with the content that was approved. Raises `Invalid`."""
    plan = session.scalar(
        select(Plan).where(
            Plan.id == plan_id,
            Plan.kind == kind,
            Plan.unit_path == unit_path,
            Plan.status == Status.APPROVED,
            Plan.superseded_by_id.is_(None),
        )
    )
    if plan is None or not is_intact(session, plan):
        sentence = "没有这份有效的方案：须是本单位的方案，由各级审核通过，未作废、未被修订取代（问答第 14 问）。"
        raise Invalid(sentence, fields={"plan_id": [sentence]})
    return plan, frozen(session, plan)
