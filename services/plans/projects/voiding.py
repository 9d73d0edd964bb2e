"""Taking a project away (FAQ-Q6, T8): deleted while nothing was registered in it, declared void (作废) afterwards."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.plans.projects import auditing, history, queries
from services.plans.projects.models import Audit, Project, ProjectStatus, Result
from shared.actors import Actor, Post
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed


def delete_project(session: Session, actor: Actor, project_id: str, *, version: int, reason: str = "") -> Project:
    """Removes a project without results from all lists; its page says who deleted it and when.

    Raises `NotAllowed` for others than the organizer, `Conflict` when results were registered: it can be declared void.
    """
    project, post = _find(session, actor, project_id, version)
    registered = count_results(session, project)
    if registered:
        raise Conflict(f"此项目已登记 {registered} 人的成绩，不能删除；请改用“作废”，并写明原因。")
    project.status = ProjectStatus.DELETED.value
    history.record(
        session, project, actor, "delete", reason=reason.strip(), outcome="项目没有成绩，已删除。", post=post
    )
    return project


def void_project(session: Session, actor: Actor, project_id: str, *, version: int, reason: str) -> Project:
    """Declares a project void: every audit that stands is taken back, so that credits counters what it gave.

    Raises `Invalid` without a reason, `NotAllowed` for others than the organizer, `Conflict` when nothing was
    registered (it can be deleted) or somebody was faster.
    """
    project, post = _find(session, actor, project_id, version)
    reason = reason.strip()
    if len(reason) < 2:
        raise Invalid("作废项目须写明原因。", fields={"reason": ["请写明原因。"]})
    registered = count_results(session, project)
    if not registered:
        raise Conflict("此项目还没有登记成绩，请直接删除。")
    now = utc_now()
    standing = session.scalars(
        select(Audit).where(Audit.project_id == project.id, Audit.revoked_at.is_(None)).order_by(Audit.number)
    ).all()
    for audit in standing:
        auditing.take_back(session, actor, audit, f"项目作废：{reason}"[:500], now)
    people = sum(audit.count for audit in standing)
    project.status = ProjectStatus.VOIDED.value
    history.record(
        session,
        project,
        actor,
        "void",
        reason=reason,
        outcome=f"已登记 {registered} 人；取消 {len(standing)} 次审核（{people} 人），已计入的学分由学分服务冲回。",
        details={"audits": [audit.id for audit in standing]},
        post=post,
    )
    return project


def count_results(session: Session, project: Project) -> int:
    """How many people are registered in the project, in whatever state."""
    return session.scalar(select(func.count()).select_from(Result).where(Result.project_id == project.id)) or 0


def _find(session: Session, actor: Actor, project_id: str, version: int) -> tuple[Project, Post]:
    project = queries.find_project(session, actor, project_id, lock=True)
    post = queries.entering_post(actor, project)
    if post is None:
        raise NotAllowed(f"只有组织单位（{project.organizer_name}）的管理员可以删除或作废项目。")
    history.require_version(session, project, version)
    return project, post
