"""What happens to an open dispute: it is answered, forwarded, withdrawn, and closed once the correction has come.

A dispute that was upheld changes no credits by itself: it names what is to be done, and who audits does it.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.credits.disputes import parties, queries, wording
from services.credits.disputes.models import Dispute, State
from services.credits.disputes.parties import HANDLERS
from services.credits.disputes.recording import due_on, named, record
from services.credits.models import LedgerLine
from shared.actors import SYSTEM, Actor, Post
from shared.database import utc_now
from shared.directory import UnitCopy
from shared.errors import Conflict, Invalid, NotAllowed
from shared.jobs import Job
from shared.ui.filters import local_time

SETTLE_JOB = "credits.settle_disputes"


def answer(
    session: Session, actor: Actor, dispute_id: int, version: int, *, upheld: bool, text: str, remedy: str | None = None
) -> Dispute:
    """Answers a dispute once and for all, with reasons; one that is upheld names what is to be done.

    Raises `NotAllowed` for who is not in post there, or involved (回避); `Invalid` without reasons or remedy;
    `Conflict` once it was answered, saying by whom and when.
    """
    dispute = _open_one(session, actor, dispute_id, version)
    post = _handler(session, actor, dispute)
    wrong: dict[str, list[str]] = {}
    if len(text.strip()) < 5:
        wrong["text"] = ["请写明答复的理由，不少于 5 个字。"]
    if upheld and remedy not in wording.remedies_of(dispute):
        wrong["remedy"] = ["异议成立的，请从列出的更正方式中选择。"]
    if wrong:
        raise Invalid("还不能答复，请按提示补充。", fields=wrong)
    dispute.state = (State.UPHELD if upheld else State.REJECTED).value
    dispute.remedy = remedy if upheld else None
    dispute.answer, dispute.answered_at = text.strip(), utc_now()
    dispute.answered_by_name, dispute.answered_body = named(actor, post), post.body
    dispute.open_key = None
    outcome = f"待更正：{wording.REMEDIES[str(remedy)]}。" if upheld else "记录不变。"
    record(session, dispute, actor, post.body, "uphold" if upheld else "reject", text.strip(), outcome, post)
    return dispute


def forward(session: Session, actor: Actor, dispute_id: int, version: int, *, to: str, reason: str) -> Dispute:
    """Hands a dispute to another authority over the training; the limit begins anew. Who is involved may do that, too.

    Raises `NotAllowed` for who is not in post there, `Invalid` naming the field, `Conflict` once it was answered.
    """
    dispute = _open_one(session, actor, dispute_id, version)
    post = _post(actor, dispute)
    units = {unit.path: unit for unit in forwardable(session, dispute)}
    wrong: dict[str, list[str]] = {}
    if to not in units:
        wrong["to"] = ["请从列出的单位中选择；没有在岗人员的单位不能接收。"]
    if len(reason.strip()) < 2:
        wrong["reason"] = ["转办须写明原因。"]
    if wrong:
        raise Invalid("还不能转办，请按提示补充。", fields=wrong)
    dispute.handling_path, dispute.due_on = to, due_on()
    outcome = f"转至{units[to].name}，{dispute.due_on} 前答复。"
    record(session, dispute, actor, post.body, "forward", reason.strip(), outcome, post)
    return dispute


def withdraw(session: Session, actor: Actor, dispute_id: int, version: int, *, text: str) -> Dispute:
    """The teacher takes her dispute back. Raises `NotAllowed` for others, `Conflict` once it was answered."""
    dispute = _open_one(session, actor, dispute_id, version)
    if actor.person_id != dispute.person_id:
        raise NotAllowed("异议只能由教师本人撤回。")
    dispute.state, dispute.open_key = State.WITHDRAWN.value, None
    record(session, dispute, actor, "本人", "withdraw", text.strip(), "记录不变。")
    return dispute


def settle(session: Session, actor: Actor, dispute_id: int, version: int, *, line_id: int | None, note: str) -> Dispute:
    """Closes a dispute that was upheld by hand, naming the line that put it right, or saying why there is none.

    Raises `NotAllowed`, `Conflict` unless the correction is awaited, `Invalid` for a line of somebody else, or one that
    came of something else.
    """
    dispute = _seen(session, actor, dispute_id, version)
    post = _handler(session, actor, dispute)
    if dispute.state != State.UPHELD:
        raise Conflict(f"这件异议现在是“{wording.STATES[dispute.state]}”，不在等待更正。")
    if line_id is None and len(note.strip()) < 5:
        raise Invalid("没有更正记录的，须写明原因。", fields={"note": ["请写明为何没有更正记录。"]})
    if line_id is not None:
        line = session.get(LedgerLine, line_id)
        said = ""
        if line is None or line.person_id != dispute.person_id or line.recorded_at <= dispute.opened_at:
            said = "应为该教师在异议提出之后入账的记录编号。"
        elif not queries.concerns(session, dispute, line):
            said = f"第 {line_id} 号记录与{_matter(dispute)}无关；没有相关记录的，此项不填，在“说明”中写明原因。"
        if said:
            raise Invalid("更正记录不对，请核对。", fields={"line_id": [said]})
    _settled(session, dispute, actor, post.body, line_id, note.strip(), post)
    return dispute


def settle_due(session: Session) -> int:
    """Closes every dispute whose correction has come; returns how many. Safe to run at any time."""
    done, last = 0, 0
    upheld = select(Dispute).where(Dispute.state == State.UPHELD).order_by(Dispute.id).limit(500)
    while waiting := session.scalars(upheld.where(Dispute.id > last).with_for_update(skip_locked=True)).all():
        last = waiting[-1].id
        for dispute in waiting:
            line_id = queries.correcting_line(session, dispute)
            if line_id is not None:
                _settled(session, dispute, SYSTEM, "系统", line_id, "")
                done += 1
    return done


def settle_disputes(job: Job) -> None:
    """The scheduled job of `settle_due`."""
    with job.effect() as session:
        settle_due(session)


def forwardable(session: Session, dispute: Dispute) -> list[UnitCopy]:
    """The other authorities that may answer it, and in which somebody may."""
    out = parties.involved(session, dispute)
    units = [unit for unit in parties.authorities(session, dispute) if unit.path != dispute.handling_path]
    return parties.staffed(session, units, out)


def why_not_answer(session: Session, actor: Actor, dispute: Dispute) -> str | None:
    """The sentence that keeps the actor from answering; None: nothing does. The page asks the same."""
    post = actor.post_at(dispute.handling_path, *HANDLERS)
    if post is None:
        return "这件异议不在您的岗位范围。"
    if parties.involved(session, dispute).names(actor, post):
        return "这件异议涉及的成绩由您登记、审核或更正，或由您提出，须由其他人答复（回避）；可以转办。"
    return None


def _seen(session: Session, actor: Actor, dispute_id: int, version: int) -> Dispute:
    """The dispute, locked; `version` as the actor has seen it."""
    dispute = queries.find_dispute(session, actor, dispute_id, lock=True)
    if dispute.version != version:
        last = queries.acts(session, dispute)[-1]
        raise Conflict(
            f"已由{last.by_name}于 {local_time(last.at)} 办理（{wording.ACTS[last.act]}），请查看最新情况。",
            decided_by=last.by_name,
            decided_at=last.at.isoformat(),
            verdict=last.act,
        )
    return dispute


def _open_one(session: Session, actor: Actor, dispute_id: int, version: int) -> Dispute:
    dispute = _seen(session, actor, dispute_id, version)
    if dispute.state != State.OPEN:
        raise Conflict(f"这件异议现在是“{wording.STATES[dispute.state]}”，不能再办理。")
    return dispute


def _post(actor: Actor, dispute: Dispute) -> Post:
    post = actor.post_at(dispute.handling_path, *HANDLERS)
    if post is None:
        raise NotAllowed("这件异议由其他单位办理，不在您的岗位范围。")
    return post


def _handler(session: Session, actor: Actor, dispute: Dispute) -> Post:
    refused = why_not_answer(session, actor, dispute)
    if refused is not None:
        raise NotAllowed(refused)
    return _post(actor, dispute)


def _matter(dispute: Dispute) -> str:
    """What a line must be about to put it right, in words."""
    if dispute.of_claim:
        return f"认定申请 {dispute.project_number} 及同一类别的认定"
    return f"项目 {dispute.project_number}" if dispute.project_number else f"{dispute.held_on} 的培训"


def _settled(
    session: Session,
    dispute: Dispute,
    actor: Actor,
    body: str,
    line_id: int | None,
    text: str,
    post: Post | None = None,
) -> None:
    dispute.state, dispute.settled_line_id = State.SETTLED.value, line_id
    outcome = f"已由第 {line_id} 号记录更正。" if line_id is not None else "没有更正记录。"
    record(session, dispute, actor, body, "settle", text, outcome, post)
