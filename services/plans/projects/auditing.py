"""Auditing results, taking an audit back, auditing anew, and what credits answers. Credits follow from audits alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from services.plans import terms
from services.plans.projects import queries
from services.plans.projects.models import UNAUDITED, Audit, CreditsState, Project, Result, ResultState
from shared import outbox
from shared.actors import Actor, Office, Post
from shared.database import new_id, utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from shared.events.credits import CreditsRecorded
from shared.events.plans import AuditedResult, AuditRevoked, ProjectFacts, ResultsAudited
from shared.ui.filters import local_time

CHUNK = 500
"""People in one message at most."""


def audit_results(session: Session, actor: Actor, project_id: str) -> Audit:
    """Audits everything that waits in the project, and tells credits.

    Raises `NotAllowed` for who is not the auditor, or published or entered it (T11); `Conflict` before the training's
    last day, and when nothing waits, which is what the slower of two auditors reads.
    """
    project = queries.find_project(session, actor, project_id, lock=True)
    post = guard_audit(actor, project)
    if project.held_to > terms.china_date(utc_now()):
        raise Conflict(f"培训于 {project.held_to} 结束，结束之日起才能审核成绩。")
    waiting = queries.waiting_results(session, project)
    if not waiting:
        raise Conflict(_nothing_waits(session, project))
    if any(_is_me(actor, result.entered_by, result.entered_by_person) for result in waiting):
        raise NotAllowed("待审核的成绩中有您本人登记的，须由其他人审核（回避）。")
    chunks = list(_chunks(waiting))
    now = utc_now()
    number = session.scalar(select(func.count()).select_from(Audit).where(Audit.project_id == project.id)) or 0
    audit = Audit(
        id=new_id(),
        project_id=project.id,
        number=number + 1,
        count=len(waiting),
        chunks=len(chunks),
        audited_by=actor.account_id,
        audited_by_name=actor.name,
        body=post.body,
        audited_at=now,
    )
    session.add(audit)
    session.flush()
    # The messages are made of the rows as they were read: the update below must not expire them.
    events = [
        ResultsAudited(
            audit_id=audit.id,
            project=_facts(project),
            chunk=chunk,
            chunks=len(chunks),
            entered_by=rows[0].entered_by,
            audited_by=actor.account_id,
            audited_at=now,
            results=[
                AuditedResult(
                    result_id=row.id,
                    person_id=row.person_id,
                    hours=row.hours,
                    passed=row.passed,
                    attempt=row.attempt + 1,
                )
                for row in rows
            ],
        )
        for chunk, rows in enumerate(chunks, start=1)
    ]
    session.execute(
        update(Result)
        .where(Result.project_id == project.id, Result.state.in_(UNAUDITED))
        .values(
            state=ResultState.AUDITED.value,
            attempt=Result.attempt + 1,
            audit_id=audit.id,
            credits=None,
            credits_state=CreditsState.SENT.value,
            explanation=None,
        )
        .execution_options(synchronize_session=False)
    )
    for event in events:
        outbox.publish(session, event)
    return audit


def revoke_audit(session: Session, actor: Actor, project_id: str, audit_id: str, *, reason: str) -> Audit:
    """Takes an audit back (取消审核): credits counters what it gave, and the results wait again.

    Raises `Invalid` without a reason, `Conflict` when it was taken back already, saying by whom and when.
    """
    project = queries.find_project(session, actor, project_id, lock=True)
    guard_audit(actor, project)
    audit = queries.find_audit(session, project, audit_id)
    if audit.revoked_at is not None:
        raise Conflict(
            f"已由{audit.revoked_by_name}于 {local_time(audit.revoked_at)} 取消审核，无需再次办理。",
            decided_by=audit.revoked_by_name,
            decided_at=audit.revoked_at.isoformat(),
            verdict="revoke",
        )
    if len(reason.strip()) < 2:
        raise Invalid("取消审核须写明原因。", fields={"reason": ["请写明原因。"]})
    now = utc_now()
    audit.revoked_by_name, audit.revoked_at, audit.reason = actor.name, now, reason.strip()
    session.execute(
        update(Result)
        .where(Result.audit_id == audit.id, Result.state == ResultState.AUDITED)
        .values(state=ResultState.AUDIT_REVOKED.value, credits_state=CreditsState.SENT.value)
        .execution_options(synchronize_session=False)
    )
    outbox.publish(
        session,
        AuditRevoked(
            audit_id=audit.id,
            project_id=project.id,
            revoked_by=actor.account_id,
            revoked_at=now,
            reason=reason.strip(),
        ),
    )
    session.flush()
    return audit


def record_credits(session: Session, event: CreditsRecorded) -> None:
    """Takes in what credits says an audit came to, so that the roster shows 已计入.

    An answer to an earlier audit, or one from before the audit was taken back, is out of date: it changes nothing.
    """
    audit = session.get(Audit, event.audit_id)
    if audit is None or event.revoked != (audit.revoked_at is not None) or not event.results:
        return
    session.execute(
        update(Result.__table__)  # type: ignore[arg-type]
        .where(Result.id == bindparam("which"), Result.audit_id == event.audit_id)
        .values(
            credits=bindparam("amount", type_=Result.credits.type),
            explanation=bindparam("sentence"),
            credits_state=CreditsState.RECORDED.value,
        ),
        [{"which": row.result_id, "amount": row.credits, "sentence": row.explanation} for row in event.results],
    )


def guard_audit(actor: Actor, project: Project) -> Post:
    """The post in which the actor audits: RESULT_AUDIT of exactly the project's authority. Raises `NotAllowed`."""
    post = actor.post_at(project.authority_path, Office.RESULT_AUDIT)
    if post is None:
        raise NotAllowed(f"此项目的成绩由{project.authority_name}审核，不在您的岗位范围。")
    if _is_me(actor, project.published_by, project.published_by_person):
        raise NotAllowed("此项目由您发布，成绩须由其他人审核（回避）。")
    return post


def _is_me(actor: Actor, account_id: str, person_id: str | None) -> bool:
    return account_id == actor.account_id or (person_id is not None and person_id == actor.person_id)


def _nothing_waits(session: Session, project: Project) -> str:
    last = session.scalar(select(Audit).where(Audit.project_id == project.id).order_by(Audit.number.desc()).limit(1))
    if last is None:
        return "还没有登记成绩，请先导入名单。"
    return f"没有待审核的成绩：已由{last.audited_by_name}于 {local_time(last.audited_at)} 审核 {last.count} 人。"


def _chunks(results: Sequence[Result]) -> Iterator[list[Result]]:
    """At most `CHUNK` people, all entered by the same account."""
    for _, group in groupby(results, key=lambda result: result.entered_by):
        rows = list(group)
        for start in range(0, len(rows), CHUNK):
            yield rows[start : start + CHUNK]


def _facts(project: Project) -> ProjectFacts:
    facts: dict[str, Any] = {
        name: getattr(project, name)
        for name in (
            "number", "title", "organizer_path", "organizer_name", "level", "category", "mode", "convert",
            "hours_per_credit", "school_year", "held_from", "held_to", "plan_id", "plan_number",
        )
    }  # fmt: skip
    return ProjectFacts(
        project_id=project.id,
        bucket=queries.category_of(project).bucket,
        # A project under a plan was published only because the plan was approved, and approved plans stay so.
        plan_status="approved" if project.plan_id else None,
        **facts,
    )
