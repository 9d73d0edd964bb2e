"""Auditing results, taking an audit back, and what credits answers. Credits follow from audits alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from services.plans import terms
from services.plans.projects import history, publicity, queries, telling
from services.plans.projects.models import UNAUDITED, Audit, CreditsState, Project, Result, ResultState
from services.plans.projects.queries import Waiting
from shared.actors import Actor, Office, Post
from shared.database import new_id, utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from shared.events.credits import CreditsRecorded
from shared.ui.filters import local_time


def audit_results(session: Session, actor: Actor, project_id: str, *, version: int | None = None) -> Audit:
    """Audits everything that waits in the project, and tells credits: at once, or after the project's 公示 (N46).

    `version`: of the project as the auditor has seen it; left out, the present one. Raises what `check_audit` raises,
    and `Conflict` when somebody changed the project meanwhile, or the calendar has no data for the end of the 公示.
    """
    project = queries.find_project(session, actor, project_id, lock=True)
    if version is not None:
        history.require_version(session, project, version)
    queries.require_plan(session, project, lock=True)
    post, waiting = check_audit(session, actor, project)
    now = utc_now()
    number = session.scalar(select(func.count()).select_from(Audit).where(Audit.project_id == project.id)) or 0
    audit = Audit(
        id=new_id(),
        project_id=project.id,
        number=number + 1,
        count=sum(line.count for line in waiting),
        chunks=0,
        audited_by=actor.account_id,
        audited_by_name=actor.name,
        body=post.body,
        audited_at=now,
        public_until=publicity.public_until(session, project, now),
        event_ids=[],
    )
    session.add(audit)
    session.flush()
    session.execute(
        update(Result)
        .where(Result.project_id == project.id, Result.state.in_(UNAUDITED))
        .values(
            **telling.UNKNOWN,
            state=ResultState.AUDITED.value,
            attempt=Result.attempt + 1,
            audit_id=audit.id,
            credits_state=CreditsState.NONE.value,
        )
        .execution_options(synchronize_session=False)
    )
    if audit.public_until is None:
        telling.tell_audit(session, project, audit, now)
        what = "已送学分服务折算。"
    else:
        telling.tell_publicity(session, project, audit, audit.public_until)
        what = f"公示 {project.publicity_days} 个工作日，至 {local_time(audit.public_until)}，期满无异议即确认。"
    history.record(
        session,
        project,
        actor,
        "audit",
        outcome=f"第 {audit.number} 次审核，{audit.count} 人；{what}",
        details={"audit_id": audit.id},
        post=post,
    )
    return audit


def check_audit(session: Session, actor: Actor, project: Project) -> tuple[Post, list[Waiting]]:
    """The post in which the actor may audit what waits now, and what waits; the page asks the same for its button.

    Raises `NotAllowed` for who is not the auditor, or published, corrected, uploaded or entered it (T11); `Conflict`
    for a project that is closed or whose plan is void, before the training's last day, and when nothing waits.
    """
    queries.require_open(session, project)
    post = guard_audit(session, actor, project)
    queries.require_plan(session, project)
    if project.held_to > terms.china_date(utc_now()):
        raise Conflict(f"培训于 {project.held_to} 结束，结束之日起才能审核成绩。")
    waiting = queries.waiting_results(session, project)
    if not waiting:
        raise Conflict(_nothing_waits(session, project))
    if any(
        _is_me(actor, line.entered_by, line.entered_by_person)
        or _is_me(actor, line.uploaded_by, line.uploaded_by_person)
        for line in waiting
    ):
        raise NotAllowed("待审核的成绩中有您本人登记的，须由其他人审核（回避）。")
    return post, waiting


def revoke_audit(session: Session, actor: Actor, project_id: str, audit_id: str, *, reason: str) -> Audit:
    """Takes an audit back (取消审核): credits counters what it gave, and the results wait again.

    During 公示 credits has counted nothing yet, and is told only that the 公示 has ended (N46).
    Raises `Invalid` without a reason, `Conflict` when it was taken back already, saying by whom and when.
    """
    project = queries.find_project(session, actor, project_id, lock=True)
    post = guard_audit(session, actor, project)
    audit = queries.find_audit(session, project, audit_id)
    if audit.revoked_at is not None:
        raise Conflict(
            f"已由{audit.revoked_by_name}于 {local_time(audit.revoked_at)} 取消审核，无需再次办理。",
            decided_by=audit.revoked_by_name,
            decided_at=audit.revoked_at.isoformat(),
            verdict="revoke",
        )
    reason = reason.strip()
    if len(reason) < 2:
        raise Invalid("取消审核须写明原因。", fields={"reason": ["请写明原因。"]})
    take_back(session, actor, audit, reason, utc_now())
    what = "已计入的学分由学分服务冲回" if audit.confirmed_at else "公示终止，未产生学分"
    history.record(
        session,
        project,
        actor,
        "revoke",
        reason=reason,
        outcome=f"第 {audit.number} 次审核，{audit.count} 人；{what}。",
        details={"audit_id": audit.id},
        post=post,
    )
    return audit


def take_back(session: Session, actor: Actor, audit: Audit, reason: str, now: datetime) -> None:
    """Marks an audit that stands as taken back, and tells credits. Its project is locked and the guards have passed."""
    audit.revoked_by_name, audit.revoked_at, audit.reason = actor.name, now, reason
    telling.tell_revocation(session, audit, actor.account_id, now)


def record_credits(session: Session, event: CreditsRecorded) -> None:
    """Takes in what credits says an audit came to, so that the roster shows 已计入.

    An answer to an earlier audit, or one from before the audit was taken back, is out of date: it changes nothing.
    """
    audit = session.get(Audit, event.audit_id)
    if audit is not None:
        # As whoever audits, takes back or corrects does: first the project, then its results, so that none of them
        # waits for another in a circle.
        session.execute(select(Project.id).where(Project.id == audit.project_id).with_for_update())
        session.refresh(audit)
    if audit is None or event.revoked != (audit.revoked_at is not None) or not event.results:
        return
    session.execute(
        update(Result.__table__)  # type: ignore[arg-type]
        .where(Result.id == bindparam("which"), Result.audit_id == event.audit_id)
        .values(
            credits=bindparam("amount", type_=Result.credits.type),
            explanation=bindparam("sentence"),
            credits_state=CreditsState.RECORDED.value,
            received_at=event.received_at,
            recorded_at=event.recorded_at,
        ),
        [{"which": row.result_id, "amount": row.credits, "sentence": row.explanation} for row in event.results],
    )


def guard_audit(session: Session, actor: Actor, project: Project) -> Post:
    """The post in which the actor audits: RESULT_AUDIT of exactly the project's authority.

    Raises `NotAllowed`, also for who published or corrected the project (T11).
    """
    post = actor.post_at(project.authority_path, Office.RESULT_AUDIT)
    if post is None:
        raise NotAllowed(f"此项目的成绩由{project.authority_name}审核，不在您的岗位范围。")
    if is_publisher(actor, project):
        raise NotAllowed("此项目由您发布，成绩须由其他人审核（回避）。")
    if queries.has_corrected(session, actor, project):
        raise NotAllowed("此项目的类别与折算由您更正过，成绩须由其他人审核（回避）。")
    return post


def is_publisher(actor: Actor, project: Project) -> bool:
    """Whether the actor published it, with whichever account: then somebody else audits (T11)."""
    return _is_me(actor, project.published_by, project.published_by_person)


def _is_me(actor: Actor, account_id: str, person_id: str | None) -> bool:
    return account_id == actor.account_id or (person_id is not None and person_id == actor.person_id)


def _nothing_waits(session: Session, project: Project) -> str:
    last = session.scalar(select(Audit).where(Audit.project_id == project.id).order_by(Audit.number.desc()).limit(1))
    if last is None:
        return "还没有登记成绩，请先导入名单。"
    return f"没有待审核的成绩：已由{last.audited_by_name}于 {local_time(last.audited_at)} 审核 {last.count} 人。"
