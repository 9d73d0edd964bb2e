"""The history of a project: one line per act, appended with the act itself; and who was faster, read out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.projects.models import Project, ProjectLine
from shared.actors import SYSTEM, Actor, Office, Post
from shared.database import new_id, utc_now
from shared.errors import Conflict
from shared.ui.filters import local_time

PUBLISHERS = (Office.SCHOOL_ADMIN, Office.PROJECT_ADMIN, Office.PROVIDER_ADMIN)
"""Offices that publish trainings and enter their results."""


@dataclass(frozen=True, slots=True)
class Act:
    """How an act reads in the history, and whether it makes another version of the project."""

    title: str
    tone: str = "neutral"
    changes: bool = True


ACTS = {
    "publish": Act("发布项目", "info"),
    "import": Act("导入名单", "info"),
    "audit": Act("审核成绩", "good"),
    "confirm": Act("公示期满，成绩确认", "good"),
    "revoke": Act("取消审核", "warn"),
    "correct": Act("更正类别与折算", "warn"),
    "redeliver": Act("重新送达", changes=False),
    "void": Act("作废项目", "bad"),
    "delete": Act("删除项目", "bad"),
}


def record(
    session: Session,
    project: Project,
    actor: Actor,
    act: str,
    *,
    reason: str = "",
    outcome: str = "",
    details: dict[str, Any] | None = None,
    post: Post | None = None,
) -> ProjectLine:
    """Appends a line and counts the change. The project is locked or new.

    `post`: in which the actor acted; left out, the one at the organizer or at the authority. `details` is JSON.
    """
    post = post or acting_post(actor, project)
    if post:
        unit_path, body = post.unit.path, post.body
    elif actor == SYSTEM:
        unit_path, body = None, SYSTEM.name
    else:  # a job works in the name of who started it, without the posts
        unit_path, body = project.organizer_path, project.organizer_name
    line = ProjectLine(
        id=new_id(),
        project_id=project.id,
        act=act,
        at=utc_now(),
        actor_account=actor.account_id,
        actor_name=actor.name,
        unit_path=unit_path,
        body=body,
        reason=reason,
        outcome=outcome,
        details=details or {},
    )
    session.add(line)
    # A new project begins as version 1, and its publication is that version.
    if ACTS[act].changes and act != "publish":
        project.version += 1
    session.flush()
    return line


def acting_post(actor: Actor, project: Project) -> Post | None:
    """The post in which the actor has to do with the project: as its organizer, or as its auditor."""
    return actor.post_at(project.organizer_path, *PUBLISHERS) or actor.post_at(
        project.authority_path, Office.RESULT_AUDIT
    )


def lines(session: Session, project: Project) -> Sequence[ProjectLine]:
    """The whole history, oldest first."""
    query = select(ProjectLine).where(ProjectLine.project_id == project.id).order_by(ProjectLine.at, ProjectLine.id)
    return session.scalars(query).all()


def last(session: Session, project: Project, *acts: str) -> ProjectLine | None:
    """The last line of one of these acts."""
    query = select(ProjectLine).where(ProjectLine.project_id == project.id, ProjectLine.act.in_(acts))
    return session.scalar(query.order_by(ProjectLine.at.desc(), ProjectLine.id.desc()).limit(1))


def require_version(session: Session, project: Project, version: int) -> None:
    """Two people at once: the project is locked, so whoever comes second sees here that the first was faster.

    Raises `Conflict` that says who did what, and when (T2).
    """
    if project.version == version:
        return
    line = last(session, project, *(name for name, act in ACTS.items() if act.changes))
    done = f"已由{line.actor_name}于 {local_time(line.at)} 办理：{ACTS[line.act].title}。" if line else "项目已有变化。"
    raise Conflict(
        f"{done}请查看最新内容后再办理。",
        decided_by=line.actor_name if line else None,
        decided_at=line.at.isoformat() if line else None,
        verdict=line.act if line else None,
        version=project.version,
    )
