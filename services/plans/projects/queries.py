"""What people see of projects and results. Every read starts from `visible_projects`; auditors' queue: `to_audit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session

from services.plans import terms
from services.plans.categories import Category, Preview, categories, preview
from services.plans.projects.models import (
    UNAUDITED,
    Audit,
    CreditsState,
    Project,
    Result,
    ResultState,
    RosterUpload,
)
from shared.actors import Actor, Office, Post
from shared.database import under, utc_now
from shared.errors import NotFound

PUBLISHERS = (Office.SCHOOL_ADMIN, Office.PROJECT_ADMIN, Office.PROVIDER_ADMIN)


@dataclass(frozen=True, slots=True)
class AuditView:
    """One audit and how far its results have got on the way to credits (N8)."""

    audit: Audit
    recorded: int
    """Results for which credits has answered; only known for the last audit of a result."""
    current: int
    """Results whose last audit this is."""


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


def to_audit(actor: Actor) -> Select[Project]:
    """Projects whose results the actor can audit now: what `audit_results` asks as a query, so counts equal lists."""
    paths = [post.unit.path for post in actor.posts_of(Office.RESULT_AUDIT)]
    waiting = select(Result.id).where(Result.project_id == Project.id, Result.state.in_(UNAUDITED))
    return select(Project).where(
        Project.authority_path.in_(paths),
        Project.held_to <= terms.china_date(utc_now()),
        ~_mine(actor, Project.published_by, Project.published_by_person),
        waiting.exists(),
        ~waiting.where(_mine(actor, Result.entered_by, Result.entered_by_person)).exists(),
    )


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
    """The project, locked until the commit if its results are to be changed. Raises `NotFound`."""
    query = visible_projects(actor).where(Project.id == project_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    project = session.scalar(query)
    if project is None:
        raise NotFound()
    return project


def entering_post(actor: Actor, project: Project) -> Post | None:
    """The post in which the actor may enter results: one that publishes for exactly the organizer."""
    return actor.post_at(project.organizer_path, *PUBLISHERS)


def category_of(project: Project) -> Category:
    """The project's category."""
    return categories()[project.category]


def preview_of(project: Project) -> Preview:
    """What one participant who passes will get."""
    return preview(category_of(project), project.mode, project.hours, project.convert, project.hours_per_credit)


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


def audits(session: Session, project: Project) -> list[AuditView]:
    """Every audit of the project, newest first, with what credits has answered."""
    progress = {
        audit_id: (recorded, current)
        for audit_id, current, recorded in session.execute(
            select(
                Result.audit_id,
                func.count(),
                func.count().filter(Result.credits_state == CreditsState.RECORDED),
            )
            .where(Result.project_id == project.id, Result.audit_id.is_not(None))
            .group_by(Result.audit_id)
        )
    }
    found = session.scalars(select(Audit).where(Audit.project_id == project.id).order_by(Audit.number.desc()))
    return [AuditView(audit, *progress.get(audit.id, (0, 0))) for audit in found]


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


def waiting_results(session: Session, project: Project) -> Sequence[Result]:
    """Results that wait for an audit, grouped by who entered them, in the order of the roster."""
    query = results(project).where(Result.state.in_(UNAUDITED))
    return session.scalars(query.order_by(Result.entered_by, Result.position, Result.id)).all()
