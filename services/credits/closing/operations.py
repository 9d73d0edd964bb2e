"""The provincial office admits what came too late for a closed cycle (补记), or dismisses it: once (B6)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from services.credits import keeping, ledger
from services.credits.closing import queries
from services.credits.closing.queries import Late
from services.credits.keeping import ADMITTED, DISMISSED, WAITING, LateEntry
from services.credits.models import LedgerLine, LineKind
from services.credits.rulebook.queries import province_post
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import Conflict, Invalid
from shared.ui.filters import local_time


def decide(session: Session, actor: Actor, entry_id: int, *, admit: bool, document: str, reason: str) -> Late:
    """Enters the lines of a late entry, naming the document, or leaves them out for good; the roster is told.

    Raises `NotAllowed` for anybody but the province's, `NotFound`, `Invalid` naming fields, and `Conflict` for one that
    has ended, or whose result has a line that still counts.
    """
    post = province_post(actor)
    found = queries.find(session, actor, entry_id)
    entry = found.entry
    ledger.lock_projects(session, found.project_id or entry.result_id)
    session.refresh(entry, with_for_update=True)
    if entry.state != WAITING:
        by = f"由{entry.decided_by_name}于 {local_time(entry.decided_at)} 办理：" if entry.decided_by_name else ""
        raise Conflict(f"已{by or '不需要办理：'}{entry.told}")
    wrong: dict[str, list[str]] = {}
    if not 4 <= len(document.strip()) <= 80:
        wrong["document"] = ["请填写依据的文号，如“赣教师字〔2026〕12号”，4 至 80 字。"]
    if not 2 <= len(reason.strip()) <= 1000:
        wrong["reason"] = ["请写明理由，2 至 1000 字；教师和学校都会读到。"]
    if wrong:
        raise Invalid("还不能办理，请按提示补充。", fields=wrong)
    entry.document, entry.reason = document.strip(), reason.strip().rstrip("。")
    entry.decided_by, entry.decided_by_name, entry.body = actor.account_id, actor.name, post.body
    entry.decided_at = utc_now()
    if admit:
        _enter(session, entry)
    entry.state = ADMITTED if admit else DISMISSED
    session.flush()
    _tell(session, entry)
    return found


def _enter(session: Session, entry: LateEntry) -> None:
    """Raises `Conflict` where the result would count twice, or be countered twice."""
    rows = keeping.lines_of(entry)
    countered = [row["reverses"] for row in rows if row.get("reverses") is not None]
    if done := session.scalar(select(LedgerLine).where(LedgerLine.reverses.in_(countered)).limit(1)):
        raise Conflict(f"第 {done.reverses} 号记录已由第 {done.id} 号记录冲正，不能再补记；请选择“不予补记”。")
    counter = aliased(LedgerLine)
    standing = select(LedgerLine.id).where(
        LedgerLine.result_id == entry.result_id,
        LedgerLine.kind == LineKind.EARNED,
        LedgerLine.id.not_in(countered),
        ~select(counter.id).where(counter.reverses == LedgerLine.id).exists(),
    )
    if entry.kind == LineKind.EARNED and (other := session.scalar(standing.limit(1))) is not None:
        raise Conflict(f"这一成绩的第 {other} 号记录仍在计入；请先办理对它的冲正，否则学分会重复。")
    named = {"recorded_at": utc_now()}
    ledger.write(
        session, *[[row | named | {"sentence": f"补记（{entry.document}）：{row['sentence']}"}] for row in rows]
    )


def _tell(session: Session, entry: LateEntry) -> None:
    if entry.audit_id is None:  # a claim's: nobody waits for it
        return
    kind = LineKind(entry.kind)
    results = ledger.entered(session, entry.audit_id, [entry.result_id], kind)
    ledger.tell(session, entry.audit_id, 1, results, entry.received_at, revoked=kind is LineKind.REVERSAL)
