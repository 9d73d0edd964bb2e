"""The province decides a question of the register (N19): one decision, for everybody whom it concerns."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.credits import in_force
from services.credits.in_force import PolicyDecision, PublishedEdition
from services.credits.pending import queries
from services.credits.rulebook.queries import province_post
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import Conflict, Invalid
from shared.ui.filters import local_time


def decide(
    session: Session,
    actor: Actor,
    policy: str,
    *,
    document: str,
    text: str,
    effective_on: date,
    ends_interim: bool,
    edition: str | None = None,
) -> PolicyDecision:
    """Settles a question: everybody whom it concerns reads the decision, and the interim treatment may end with it.

    `edition`: the published edition that follows from it, if one does. Nothing in the ledger changes: a standing is
    worked out from what holds on the day. Raises `NotAllowed` for anybody but the province's, `NotFound`, `Invalid`
    naming fields, `Conflict` for one that is decided.
    """
    post = province_post(actor)
    question, before = queries.one(session, policy)
    in_force.lock_rules(session)
    before = before or session.scalar(select(PolicyDecision).where(PolicyDecision.policy == policy))
    if before is not None:
        raise Conflict(
            f"“{question.title}”已由{before.body}的{before.decided_by_name}于 {local_time(before.decided_at)} 明确"
            f"（{before.document}）；需要变更的，请发布新的规则版本。"
        )
    wrong: dict[str, list[str]] = {}
    if not 4 <= len(document.strip()) <= 80:
        wrong["document"] = ["请填写文号，如“赣教师字〔2026〕12号”。"]
    if not 2 <= len(text.strip()) <= 1000:
        wrong["text"] = ["请写明省厅的意见，最多 1000 字；教师在自己的页面上会读到。"]
    running = in_force.editions(session).cycle_at(in_force.today())
    if running is None or effective_on < running[1].start:
        wrong["effective_on"] = ["施行日期不能早于本周期起始：已结束的周期不再变动。"]
    known = select(PublishedEdition.id).where(PublishedEdition.id == edition)
    if edition and session.scalar(known) is None:
        wrong["edition"] = ["没有这个已发布的规则版本。"]
    if wrong:
        raise Invalid("还不能登记，请按提示补充。", fields=wrong)
    decision = PolicyDecision(
        policy=policy,
        document=document.strip(),
        text=text.strip().rstrip("。"),
        effective_on=effective_on,
        ends_interim=ends_interim,
        edition=edition or None,
        decided_by=actor.account_id,
        decided_by_name=actor.name,
        body=post.body,
        decided_at=utc_now(),
    )
    session.add(decision)
    session.flush()
    in_force.forget(session)
    return decision
