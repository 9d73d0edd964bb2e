"""What people see of projects and results. Every read starts from `visible_projects`; auditors' queue: `to_audit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session

from services.plans import terms
from services.plans.approval.models import Plan
from services.plans.categories import Category, Preview, categories, preview
from services.plans.projects import history
from services.plans.projects.models import (
    STATUS_TITLES,
    UNAUDITED,
    Audit,
    CreditsState,
    Project,
    ProjectLine,
    ProjectStatus,
    Quota,
    Result,
    ResultState,
    RosterUpload,
)
from services.plans.workflow import Status
from shared.actors import Actor, Office, Post
from shared.database import under, utc_now
from shared.directory import PersonCopy
from shared.errors import Conflict, NotFound
from shared.ui.filters import local_time

PUBLISHERS = history.PUBLISHERS


def visible_projects(actor: Actor) -> Select[Project]:
    """Schools and providers: their own. Authorities: those that they, or an authority below them, answer for."""
    own: list[ColumnElement[bool]] = [
        Project.organizer_path == post.unit.path for post in actor.posts_of(Office.SCHOOL_ADMIN, Office.PROVIDER_ADMIN)
    ]
    area: list[ColumnElement[bool]] = [
        under(Project.authority_path, post.unit.path)
        for post in actor.posts_of(Office.PROJECT_ADMIN, Office.RESULT_AUDIT)
    ]
    return select(Project).where(or_(false(), *own, *area))


def listed_projects(actor: Actor) -> Select[Project]:
    """What lists show: deleted projects keep their page, and stand in no list (T8)."""
    return visible_projects(actor).where(Project.status != ProjectStatus.DELETED.value)


def to_audit(actor: Actor) -> Select[Project]:
    """Projects whose results the actor can audit now: what `audit_results` asks as a query, so counts equal lists."""
    paths = [post.unit.path for post in actor.posts_of(Office.RESULT_AUDIT)]
    waiting = select(Result.id).where(Result.project_id == Project.id, Result.state.in_(UNAUDITED))
    uploaded = waiting.join(RosterUpload, RosterUpload.id == Result.upload_id)
    voided = select(Plan.id).where(Plan.id == Project.plan_id, Plan.status == Status.VOIDED.value)
    return select(Project).where(
        Project.status == ProjectStatus.PUBLISHED.value,
        Project.authority_path.in_(paths),
        Project.held_to <= terms.china_date(utc_now()),
        ~_mine(actor, Project.published_by, Project.published_by_person),
        ~voided.exists(),
        ~_corrections(actor).where(ProjectLine.project_id == Project.id).exists(),
        waiting.exists(),
        ~waiting.where(_mine(actor, Result.entered_by, Result.entered_by_person)).exists(),
        ~uploaded.where(_mine(actor, RosterUpload.uploaded_by, RosterUpload.uploaded_by_person)).exists(),
    )


def has_corrected(session: Session, actor: Actor, project: Project) -> bool:
    """Whether the actor has corrected category or conversion, with whichever account: then somebody else audits."""
    return session.scalar(_corrections(actor).where(ProjectLine.project_id == project.id).limit(1)) is not None


def _corrections(actor: Actor) -> Select[str]:
    person = ProjectLine.details["by_person"].as_string()
    return select(ProjectLine.id).where(ProjectLine.act == "correct", _mine(actor, ProjectLine.actor_account, person))


def _mine(actor: Actor, account: Any, person: Any) -> ColumnElement[bool]:
    """Done by this account, or by the same person with another one (T11). Never NULL, so that it can be negated."""
    by_account: ColumnElement[bool] = account == actor.account_id
    if actor.person_id is None:
        return by_account
    return or_(by_account, and_(person.is_not(None), person == actor.person_id))


def count(session: Session, query: Select[Project]) -> int:
    """How many rows a list has."""
    return session.scalar(select(func.count()).select_from(query.with_only_columns(Project.id).subquery())) or 0


def find_project(session: Session, actor: Actor, project_id: str, *, lock: bool = False) -> Project:
    """The project; `lock`: to be changed, so it is locked until the commit, and must be open.

    Raises `NotFound`; to change a project that was deleted or declared void, `Conflict` (T8).
    """
    query = visible_projects(actor).where(Project.id == project_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    project = session.scalar(query)
    if project is None:
        raise NotFound()
    if lock:
        require_open(session, project)
    return project


def require_open(session: Session, project: Project) -> None:
    """That the project was neither deleted nor declared void. Raises `Conflict` that says by whom and when (T8)."""
    if project.status == ProjectStatus.PUBLISHED:
        return
    line = history.last(session, project, "void", "delete")
    who = f"由{line.actor_name}于 {local_time(line.at)} " if line else ""
    raise Conflict(
        f"此项目已{who}{STATUS_TITLES[ProjectStatus(project.status)].removeprefix('已')}，不能再办理；如需继续，请另行发布。",
        decided_by=line.actor_name if line else None,
        decided_at=line.at.isoformat() if line else None,
        verdict=line.act if line else None,
    )


def plan_voided(session: Session, project: Project, *, lock: bool = False) -> str | None:
    """Why nothing more comes into a project whose plan was declared void; None: it was not, or is only superseded.

    `lock`: what is said holds until the commit.
    """
    query = select(Plan.status).where(Plan.id == project.plan_id)
    status = session.scalar(query.with_for_update(read=True) if lock else query)
    if status != Status.VOIDED:
        return None
    return f"所依据的方案 {project.plan_number} 已作废，不能再导入名单或审核成绩；已计入的学分不变。"


def require_plan(session: Session, project: Project, *, lock: bool = False) -> None:
    """That its plan was not declared void. Raises `Conflict`; what was credited before stays."""
    sentence = plan_voided(session, project, lock=lock)
    if sentence:
        raise Conflict(sentence)


def entering_post(actor: Actor, project: Project) -> Post | None:
    """The post in which the actor may enter results: one that publishes for exactly the organizer."""
    return actor.post_at(project.organizer_path, *PUBLISHERS)


def category_of(project: Project) -> Category:
    """The project's category."""
    return categories()[project.category]


def preview_of(project: Project) -> Preview:
    """What one participant who passes will get."""
    return preview(
        category_of(project),
        project.mode,
        project.hours,
        project.convert,
        project.hours_per_credit,
        project.programme,
        project.organizer_path,
    )


def results(project: Project) -> Select[Result]:
    """All results of a project that was found through `find_project`; order by `RESULT_KEYS`."""
    return select(Result).where(Result.project_id == project.id)


RESULT_KEYS = (Result.position, Result.id)


def result_counts(session: Session, project: Project) -> dict[str, int]:
    """How many results are in each state; states without any are 0."""
    rows = session.execute(
        select(Result.state, func.count()).where(Result.project_id == project.id).group_by(Result.state)
    )
    return {state.value: 0 for state in ResultState} | {state: number for state, number in rows}  # noqa: C416


def find_audit(session: Session, project: Project, audit_id: str) -> Audit:
    """An audit of that project. Raises `NotFound`."""
    audit = session.scalar(select(Audit).where(Audit.id == audit_id, Audit.project_id == project.id))
    if audit is None:
        raise NotFound()
    return audit


def find_upload(session: Session, project: Project, upload_id: str) -> RosterUpload:
    """An uploaded roster of that project. Raises `NotFound`."""
    query = select(RosterUpload).where(RosterUpload.id == upload_id, RosterUpload.project_id == project.id)
    upload = session.scalar(query)
    if upload is None:
        raise NotFound()
    return upload


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many results wait for an audit that the same people brought in."""

    entered_by: str
    entered_by_person: str | None
    """Who imported them."""
    uploaded_by: str
    uploaded_by_person: str | None
    """Who uploaded the file."""
    count: int


def waiting_results(session: Session, project: Project) -> list[Waiting]:
    """What waits for an audit, by who brought it in; empty: nothing."""
    who = (
        Result.entered_by,
        Result.entered_by_person,
        RosterUpload.uploaded_by,
        RosterUpload.uploaded_by_person,
    )
    query = (
        select(*who, func.count())
        .join(RosterUpload, RosterUpload.id == Result.upload_id)
        .where(Result.project_id == project.id, Result.state.in_(UNAUDITED))
        .group_by(*who)
    )
    return [Waiting(*row) for row in session.execute(query)]


def registered_by_unit(session: Session, project: Project) -> dict[str, int]:
    """How many people of each unit have a result in the project, by unit path: what seats are counted against."""
    query = (
        select(PersonCopy.unit_path, func.count())
        .join(Result, Result.person_id == PersonCopy.person_id)
        .where(Result.project_id == project.id)
        .group_by(PersonCopy.unit_path)
    )
    return {path: number for path, number in session.execute(query)}  # noqa: C416


@dataclass(frozen=True, slots=True)
class Seats:
    """Seats of one unit, and how many are taken."""

    quota: Quota
    taken: int


def seats(session: Session, project: Project) -> list[Seats]:
    """The project's seats, by unit."""
    if not project.quotas:
        return []
    by_unit = registered_by_unit(session, project)
    return [
        Seats(quota, sum(number for path, number in by_unit.items() if path.startswith(quota.unit_path)))
        for quota in project.quotas
    ]


def credits_words(result: Result) -> str:
    """How far a result has got on its way to credits, as people read it (N8)."""
    if result.credits_state == CreditsState.SENT:
        return "已送出"
    if result.credits_state == CreditsState.RECORDED:
        if result.state == ResultState.AUDIT_REVOKED:
            return "已冲回"
        return "已计入" if result.credits else "已处理，未产生学分"
    return ""
