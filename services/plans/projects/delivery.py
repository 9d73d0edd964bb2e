"""The way of audited results to credits (N8): 审核通过 → 已送出 → 已送达 → 已计入, with times; and sending again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from services.plans.projects import history, queries
from services.plans.projects.models import Audit, CreditsState, Project, ProjectLine, Result
from shared import outbox
from shared.actors import Actor, Post
from shared.database import utc_now
from shared.errors import Conflict, NotAllowed
from shared.outbox import OutboxRow, OutboxTodo
from shared.ui.filters import local_time

LATE = timedelta(minutes=2)
"""Longer than credits needs on a good day: from then on somebody should look."""
PAUSE = timedelta(minutes=1)
"""Between two times that an audit is sent again: long enough for the answer to the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """One audit and how far its results have got."""

    audit: Audit
    current: int
    """Results whose last audit this is."""
    processed: int
    """Those of them for which credits has answered."""
    counted: int
    """Those that came to credits: not the failed ones, nor those without 折算."""
    received_at: datetime | None
    """When credits had the last message that it answered (已送达)."""
    recorded_at: datetime | None
    """When it had entered the last of them."""
    unsent: int
    """Messages that the broker does not have yet."""
    corrections: Sequence[ProjectLine]
    """Corrections of the project since, while the audit stood: nobody audited them (ADR 22)."""

    @property
    def public(self) -> bool:
        """公示中."""
        ended = self.audit.confirmed_at or self.audit.revoked_at
        return self.audit.public_until is not None and ended is None

    @property
    def waits(self) -> bool:
        """Whether credits still owes an answer."""
        return self.audit.sent_at is not None and self.processed < self.current

    @property
    def progress(self) -> str:
        """已处理 counts everybody who was answered, 计入 only who got credits; as people read it."""
        if self.audit.revoked_at is not None:
            return f"{self.current} 人中 {self.processed} 人已冲回"
        return f"{self.current} 人中 {self.processed} 人已处理，其中 {self.counted} 人计入学分"

    @property
    def cause(self) -> str:
        """Why results are still unanswered, as people read it."""
        if self.unsent:
            return f"未送出：{self.unsent} 条消息还没有交给消息服务，恢复后会自动送出。"
        return "已送出未答复：消息服务已收下，学分服务还没有答复；可稍候，或重新送达。"


def audits(session: Session, project: Project) -> list[AuditView]:
    """Every audit of the project, newest first."""
    found = session.scalars(select(Audit).where(Audit.project_id == project.id).order_by(Audit.number.desc()))
    return views(session, found.all())


def views(session: Session, audits: Sequence[Audit]) -> list[AuditView]:
    """The audits with their progress, by three queries however many there are."""
    ids = [audit.id for audit in audits]
    recorded = Result.credits_state == CreditsState.RECORDED.value
    progress: dict[str | None, Sequence[Any]] = {
        row[0]: row[1:]
        for row in session.execute(
            select(
                Result.audit_id,
                func.count(),
                func.count().filter(recorded),
                func.count().filter(recorded, Result.credits > 0),
                func.max(Result.received_at),
                func.max(Result.recorded_at),
            )
            .where(Result.audit_id.in_(ids))
            .group_by(Result.audit_id)
        )
    }
    unsent = _unsent(session, [event_id for audit in audits for event_id in audit.event_ids])
    corrected: dict[str, list[ProjectLine]] = {}
    for line in session.scalars(
        select(ProjectLine)
        .where(ProjectLine.project_id.in_({audit.project_id for audit in audits}), ProjectLine.act == "correct")
        .order_by(ProjectLine.at, ProjectLine.id)
    ):
        corrected.setdefault(line.project_id, []).append(line)
    found = []
    for audit in audits:
        current, processed, counted, received_at, recorded_at = progress.get(audit.id, (0, 0, 0, None, None))
        found.append(
            AuditView(
                audit=audit,
                current=current,
                processed=processed,
                counted=counted,
                received_at=received_at,
                recorded_at=recorded_at,
                unsent=len(unsent & set(audit.event_ids)),
                corrections=[
                    line
                    for line in corrected.get(audit.project_id, ())
                    if audit.audited_at <= line.at and (audit.revoked_at is None or line.at < audit.revoked_at)
                ],
            )
        )
    return found


def late_audits(actor: Actor) -> Select[Audit]:
    """Audits of the actor's area that credits has not answered in time; none on a good day."""
    unanswered = select(Result.audit_id).where(Result.credits_state == CreditsState.SENT.value)
    mine = queries.visible_projects(actor).with_only_columns(Project.id)
    return select(Audit).where(Audit.id.in_(unanswered), Audit.sent_at < utc_now() - LATE, Audit.project_id.in_(mine))


def redeliver(session: Session, actor: Actor, project_id: str, audit_id: str) -> Audit:
    """Sends every message about an audit again, in order (重新送达). Safe to press twice: credits drops what it has.

    Raises `NotAllowed` for others than auditor and organizer, `Conflict` when there is nothing to send, nothing left
    of it in the outbox's log, or it was sent again less than `PAUSE` ago.
    """
    project = queries.find_project(session, actor, project_id)
    post = history.acting_post(actor, project)
    if post is None:
        raise NotAllowed("只有组织单位和成绩审核单位可以重新送达。")
    audit = queries.find_audit(session, project, audit_id)
    if audit.sent_at is None:
        raise Conflict("此次审核尚未送出（公示中或公示期间已取消），不需要重新送达。")
    # Whoever presses at the same moment waits here, and then sees the first one's line.
    session.execute(select(Project.id).where(Project.id == project.id).with_for_update())
    last = sent_lately(session, project, audit)
    if last is not None:
        raise Conflict(
            f"已由{last.actor_name}于 {local_time(last.at)} 重新送达；一分钟内只能重新送达一次，请稍后查看答复。",
            decided_by=last.actor_name,
            decided_at=last.at.isoformat(),
            verdict="redeliver",
        )
    if not send(session, project, audit, actor, post):
        raise Conflict("此次审核的消息已超过保留期限，不能再送；如学分仍未计入，请取消审核后重新审核。")
    return audit


def send(session: Session, project: Project, audit: Audit, actor: Actor, post: Post) -> bool:
    """Queues every message about the audit again and records it; False where none is left in the outbox's log."""
    sent = [event_id for event_id in audit.event_ids if outbox.requeue(session, event_id)]
    if not sent:
        return False
    history.record(
        session,
        project,
        actor,
        "redeliver",
        outcome=f"第 {audit.number} 次审核的 {len(sent)} 条消息重新送出，已处理过的不会重复计入。",
        details={"audit_id": audit.id},
        post=post,
    )
    return True


def sent_lately(session: Session, project: Project, audit: Audit) -> ProjectLine | None:
    """The line of the last time that the audit was sent again, if that was less than `PAUSE` ago."""
    recent = session.scalars(
        select(ProjectLine)
        .where(
            ProjectLine.project_id == project.id,
            ProjectLine.act == "redeliver",
            ProjectLine.at > utc_now() - PAUSE,
        )
        .order_by(ProjectLine.at.desc())
    )
    return next((line for line in recent if line.details.get("audit_id") == audit.id), None)


def _unsent(session: Session, event_ids: Iterable[str]) -> set[str]:
    """Those messages that the outbox still has to hand over."""
    ids = list(event_ids)
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        query = select(OutboxRow.event_id).join(OutboxTodo, OutboxTodo.outbox_id == OutboxRow.id)
        found.update(session.scalars(query.where(OutboxRow.event_id.in_(ids[start : start + 500]))))
    return found
