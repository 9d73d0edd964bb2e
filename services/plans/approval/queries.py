"""What people see of submissions. Every read starts from `visible_plans`; the queue is `to_decide`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select, tuple_
from sqlalchemy.orm import Session

from services.plans import routes, workflow
from services.plans.approval import content as contents
from services.plans.approval.models import Plan, PlanAttachment, PlanAuthor, PlanLine, PlanVersion
from services.plans.workflow import Status
from shared import directory
from shared.actors import Actor, Level, Office, ancestors
from shared.database import under
from shared.directory import UnitCopy
from shared.errors import Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Step:
    """One stage on the route bar."""

    stage: str
    title: str
    level: Level
    unit: str
    body: str
    phone: str | None
    state: str
    """`done`, `current`, `todo`, `returned` or `refused`."""
    by: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as one person sees it."""

    plan: Plan
    content: contents.Content
    """The working copy for its school while it is there; the frozen version for everybody else."""
    findings: Sequence[contents.Finding]
    steps: Sequence[Step]
    acts: Sequence[workflow.Act]
    """What this person can do now."""
    editable: bool

    @property
    def status_title(self) -> str:
        """审核中（县级审核）, 待修改, …"""
        return status_title(self.plan)


@dataclass(frozen=True, slots=True)
class Listed:
    """A plan in one person's list: the same content as in `PlanView`, without reading the version."""

    plan: Plan
    title: str | None
    school_year: str | None
    hours: Decimal | None
    credits: Decimal | None


def visible_plans(actor: Actor) -> Select[Plan]:
    """A school's own plans, and for reviewers those of their area that were submitted at least once."""
    own: list[ColumnElement[bool]] = [Plan.unit_path == post.unit.path for post in actor.posts_of(Office.SCHOOL_ADMIN)]
    area: list[ColumnElement[bool]] = [
        and_(under(Plan.unit_path, post.unit.path), Plan.round > 0) for post in actor.posts_of(Office.PLAN_REVIEW)
    ]
    return select(Plan).where(or_(false(), *own, *area))


def own_plans(actor: Actor) -> Select[Plan]:
    """The plans of the schools that the actor administers."""
    paths = [post.unit.path for post in actor.posts_of(Office.SCHOOL_ADMIN)]
    return visible_plans(actor).where(Plan.unit_path.in_(paths))


def listed(actor: Actor, plan: Plan) -> Listed:
    """The plan's row: of the working copy for its school, of the last submitted version for everybody else."""
    if is_owner(actor, plan):
        return Listed(plan, plan.title, plan.school_year, plan.total_hours, plan.total_credits)
    return Listed(plan, plan.submitted_title, plan.submitted_year, plan.submitted_hours, plan.submitted_credits)


def of_school_year(actor: Actor, school_year: str) -> ColumnElement[bool]:
    """The filter by the school year that `listed` shows."""
    own = Plan.unit_path.in_([post.unit.path for post in actor.posts_of(Office.SCHOOL_ADMIN)])
    return case((own, Plan.school_year), else_=Plan.submitted_year) == school_year


def to_decide(actor: Actor) -> Select[Plan]:
    """What the actor can decide now (T6, A8): `workflow.post_for` as a query; a test compares the two."""
    posts = [(post.office.value, post.unit.path) for post in actor.posts]
    me = [PlanAuthor.account_id == actor.account_id]
    if actor.person_id is not None:
        me.append(PlanAuthor.person_id == actor.person_id)
    mine = select(PlanAuthor.plan_id).where(PlanAuthor.plan_id == Plan.id, or_(*me)).exists()
    return select(Plan).where(
        Plan.status == Status.UNDER_REVIEW,
        tuple_(Plan.reviewing_office, Plan.reviewing_path).in_(posts) if posts else false(),
        ~mine,
    )


def count(session: Session, query: Select[Plan]) -> int:
    """How many rows a list has."""
    return session.scalar(select(func.count()).select_from(query.with_only_columns(Plan.id).subquery())) or 0


def count_by_status(session: Session, query: Select[Plan]) -> dict[str, int]:
    """How many rows a list has in each status that occurs."""
    found = query.with_only_columns(Plan.status, func.count()).group_by(Plan.status)
    return {status: number for status, number in session.execute(found)}  # noqa: C416


def find_plan(session: Session, actor: Actor, plan_id: str, *, lock: bool = False) -> Plan:
    """The plan, locked until the commit if it is to be changed. Raises `NotFound` outside what the actor may see."""
    query = visible_plans(actor).where(Plan.id == plan_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    plan = session.scalar(query)
    if plan is None:
        raise NotFound()
    return plan


def state_of(session: Session, plan: Plan) -> workflow.State:
    """What the rules need to know of the plan."""
    authors = session.execute(
        select(PlanAuthor.account_id, PlanAuthor.person_id).where(PlanAuthor.plan_id == plan.id)
    ).all()
    lines = select(PlanLine.id).where(
        PlanLine.plan_id == plan.id, PlanLine.round == plan.round, PlanLine.stage.is_not(None)
    )
    decided = plan.status == Status.UNDER_REVIEW and session.scalar(lines.limit(1)) is not None
    return workflow.State(
        status=Status(plan.status),
        stage=plan.stage,
        stages=stages_of(plan),
        return_stage=plan.return_stage,
        unit_path=plan.unit_path,
        reviewing_path=plan.reviewing_path,
        holder=holder(session, plan),
        authors=frozenset(value for row in authors for value in row if value),
        decided_since_submission=decided,
    )


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
    office = session.get(directory.OfficeCopy, (plan.reviewing_path, plan.reviewing_office))
    unit = session.get(UnitCopy, plan.reviewing_path)
    body = office.body if office else unit.name if unit else "上级单位"
    stage = stage_of(plan)
    return f"{body} · {stage.title}" if stage else body


def reviewing_units(session: Session, unit_path: str) -> dict[Level, UnitCopy]:
    """The units above a school by level, as far as this service has heard of them."""
    above = list(ancestors(unit_path))[1:]
    return {Level(unit.level): unit for unit in session.scalars(select(UnitCopy).where(UnitCopy.path.in_(above)))}


def versions_of(session: Session, plan: Plan) -> list[PlanVersion]:
    """Every frozen version, oldest first."""
    query = select(PlanVersion).where(PlanVersion.plan_id == plan.id).order_by(PlanVersion.number)
    return list(session.scalars(query))


def history(session: Session, plan: Plan) -> list[PlanLine]:
    """Every act, oldest first. The plan must have come from `visible_plans`."""
    return list(session.scalars(select(PlanLine).where(PlanLine.plan_id == plan.id).order_by(PlanLine.id)))


def last_lines(session: Session, plan_ids: Sequence[str]) -> dict[str, PlanLine]:
    """The last act of each of a page of plans."""
    newest = select(func.max(PlanLine.id)).where(PlanLine.plan_id.in_(plan_ids)).group_by(PlanLine.plan_id)
    return {line.plan_id: line for line in session.scalars(select(PlanLine).where(PlanLine.id.in_(newest)))}


def is_owner(actor: Actor, plan: Plan) -> bool:
    """Whether the actor administers the plan's school."""
    return actor.post_at(plan.unit_path, Office.SCHOOL_ADMIN) is not None


def content_for(session: Session, actor: Actor, plan: Plan) -> contents.Content:
    """The working copy for its school, the last submitted version for everybody else."""
    if is_owner(actor, plan):
        return plan.content()
    return frozen(session, plan)


def frozen(session: Session, plan: Plan) -> contents.Content:
    """The last submitted version, as it was."""
    return contents.load(session.get_one(PlanVersion, (plan.id, plan.round)).content)


def find_attachment(session: Session, actor: Actor, plan_id: str, attachment_id: str) -> PlanAttachment:
    """A file of a visible plan: for its school any, for reviewers those of submitted versions. Raises `NotFound`."""
    plan = find_plan(session, actor, plan_id)
    file = session.get(PlanAttachment, attachment_id)
    if file is None or file.plan_id != plan.id:
        raise NotFound()
    if is_owner(actor, plan):
        return file
    submitted = {a["id"] for version in versions_of(session, plan) for a in version.content["attachments"]}
    if file.id not in submitted:
        raise NotFound()
    return file


def view(session: Session, actor: Actor, plan: Plan) -> PlanView:
    """Everything that a page or an answer shows of one plan."""
    state = state_of(session, plan)
    content = content_for(session, actor, plan)
    return PlanView(
        plan=plan,
        content=content,
        findings=contents.check(content, plan.unit_kind),
        steps=steps(session, plan),
        acts=workflow.open_acts(state, actor),
        editable=state.status in workflow.WITH_SCHOOL and is_owner(actor, plan),
    )


def steps(session: Session, plan: Plan) -> list[Step]:
    """The route bar: each stage with the unit's name, how far the plan is, and who passed it."""
    units = reviewing_units(session, plan.unit_path)
    stages = stages_of(plan)
    lines = history(session, plan)
    refused_at = lines[-1].stage if lines and plan.status == Status.REFUSED else None
    marked = plan.stage or refused_at or (plan.return_stage if plan.status == Status.RETURNED else None)
    at = next((number for number, stage in enumerate(stages) if stage.name == marked), None)
    words = {Status.UNDER_REVIEW: "current", Status.RETURNED: "returned", Status.REFUSED: "refused"}
    found = []
    for number, stage in enumerate(stages):
        if plan.status == Status.APPROVED or (at is not None and number < at):
            state = "done"
        else:
            state = words[Status(plan.status)] if number == at else "todo"
        unit = units.get(stage.level)
        office = session.get(directory.OfficeCopy, (unit.path, stage.office.value)) if unit else None
        passed: Any = next((line for line in reversed(lines) if line.stage == stage.name), None)
        shown = passed if state in ("done", "returned", "refused") else None
        found.append(
            Step(
                stage=stage.name,
                title=stage.title,
                level=stage.level,
                unit=unit.name if unit else "",
                body=office.body if office else unit.name if unit else "未在名册中",
                phone=unit.phone if unit else None,
                state=state,
                by=shown.actor_name if shown else None,
                at=shown.at if shown else None,
            )
        )
    return found


def approved_plan(session: Session, plan_id: str, kind: str, unit_path: str) -> tuple[Plan, contents.Content]:
    """An approved submission of exactly that unit with the content that was approved. Raises `Invalid`."""
    plan = session.scalar(
        select(Plan).where(
            Plan.id == plan_id, Plan.kind == kind, Plan.unit_path == unit_path, Plan.status == Status.APPROVED
        )
    )
    if plan is None:
        sentence = "没有这份已通过的方案：须是本单位的方案，并已由各级审核通过（问答第 14 问）。"
        raise Invalid(sentence, fields={"plan_id": [sentence]})
    return plan, frozen(session, plan)
