"""What an account manager does with a letter: answers the checks, confirms, returns, refuses, downloads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

from services.accounts.intake.models import Letter, Scan
from services.accounts.intake.queries import facts_of, get_letter
from services.accounts.kinds import LetterKind, LetterStatus
from services.accounts.letters import TABLE, Answer, checks_for, failed, obstacles, unknown_checks
from services.accounts.operations import note
from services.accounts.queries import history
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.ui.filters import CHINA, local_time

_DONE = {
    LetterStatus.ISSUED: "开通",
    LetterStatus.RETURNED: "退回补正",
    LetterStatus.REFUSED: "不予受理",
    LetterStatus.WITHDRAWN: "撤回",
}


def answer_checks(
    session: Session,
    actor: Actor,
    number: str,
    version: int,
    answers: Mapping[str, str],
    remarks: Mapping[str, str],
) -> Letter:
    """Keeps the answers to the checks. A change takes back the second person's confirmation.

    Raises `NotFound`, `Conflict` when somebody was faster, `Invalid` for a check that this letter is not asked.
    """
    letter = get_letter(session, actor, number, lock=True)
    require_open(session, letter, version)
    checks = checks_for(LetterKind(letter.kind), *letter.roles)
    unknown = unknown_checks(checks, [*answers, *remarks])
    if unknown:
        raise Invalid("没有这个核验项。", fields={f"answers.{key}": ["没有这个核验项。"] for key in unknown})
    answers = {key: str(answer) for key, answer in answers.items()}
    remarks = {key: text.strip() for key, text in remarks.items() if text.strip()}
    if letter.answers == answers and letter.remarks == remarks:
        return letter
    letter.answers, letter.remarks = answers, remarks
    letter.ready = not obstacles(checks, letter.answers, letter.remarks, facts_of(session, letter))
    letter.checked_by, letter.checked_by_name = actor.account_id, actor.name
    letter.confirmed_by = letter.confirmed_by_name = None
    letter.version += 1
    no = sum(answer == Answer.NO for answer in letter.answers.values())
    note(session, "letter", letter.id, actor, "核验", f"已核验 {len(answers)} 项，其中“否” {no} 项")
    return letter


def confirm_letter(session: Session, actor: Actor, number: str, version: int) -> Letter:
    """A second account manager agrees with the checks (复核). Raises `NotAllowed` for whoever answered them."""
    letter = get_letter(session, actor, number, lock=True)
    require_open(session, letter, version)
    if not letter.needs_second:
        raise Conflict("该角色不需要复核。")
    if not letter.ready:
        raise Conflict("核验还没有完成，不能复核。")
    if letter.checked_by == actor.account_id:
        raise NotAllowed("核验人不能自己复核；请由另一位账号管理员办理。")
    letter.confirmed_by, letter.confirmed_by_name = actor.account_id, actor.name
    letter.version += 1
    note(session, "letter", letter.id, actor, "复核同意")
    return letter


def return_letter(
    session: Session, actor: Actor, number: str, version: int, texts: Mapping[str, str] | None = None
) -> Letter:
    """退回补正: tells the applicant exactly what was answered 否, all of it at once (C2, C3).

    `texts` rewords single points. Raises `Conflict` when no check was answered 否, `Invalid` for a point that was not.
    """
    letter = get_letter(session, actor, number, lock=True)
    require_open(session, letter, version)
    checks = checks_for(LetterKind(letter.kind), *letter.roles)
    points = failed(checks, letter.answers, letter.remarks | dict(texts or {}), facts_of(session, letter))
    if not points:
        raise Conflict("没有答“否”的核验项，不能退回补正；请先核验。")
    extra = set(texts or {}) - {point["check"] for point in points}
    if extra:
        words = "只能写明答“否”的核验项。"
        raise Invalid(words, fields={f"points.{key}": [words] for key in sorted(extra)})
    letter.points = points
    letter.correct_by = (utc_now() + timedelta(days=TABLE.correction_days)).astimezone(CHINA).date()
    decide(letter, actor, LetterStatus.RETURNED)
    text = "\n".join(f"{n}. {point['text']}" for n, point in enumerate(points, start=1))
    note(session, "letter", letter.id, actor, "退回补正", text, public=True)
    return letter


def refuse_letter(session: Session, actor: Actor, number: str, version: int, reason_code: str, text: str) -> Letter:
    """不予受理, for good: a reason from the list and a sentence of its own (C14). Raises `Invalid`, `Conflict`."""
    letter = get_letter(session, actor, number, lock=True)
    require_open(session, letter, version)
    reason = TABLE.reason(reason_code)
    if reason is None:
        raise Invalid("请从列表中选择原因。", fields={"reason_code": ["请从列表中选择原因。"]})
    if not text.strip():
        raise Invalid("请写明情况，申请人会看到。", fields={"text": ["请写明情况。"]})
    letter.reason_code, letter.reason_text = reason.key, text.strip()
    decide(letter, actor, LetterStatus.REFUSED)
    words = f"{reason.title}。{letter.reason_text}\n{reason.turn_to}"
    note(session, "letter", letter.id, actor, "不予受理", words, public=True)
    return letter


def record_download(session: Session, actor: Actor, number: str) -> Scan:
    """Notes that the actor takes the original; returns which. Raises `NotFound`."""
    letter = get_letter(session, actor, number)
    if letter.scan is None:
        raise NotFound("还没有上传扫描件。")
    note(session, "letter", letter.id, actor, "下载原件", f"第 {letter.scan.round} 次的 {letter.scan.filename}")
    return letter.scan


def decided_sentence(letter: Letter) -> str:
    """该函已于 2026-11-16 09:12 由某某开通: who, when, what (C7, C13)."""
    at = local_time(letter.decided_at)
    return f"该函已于 {at} 由{letter.decided_by_name}{_DONE[LetterStatus(letter.status)]}"


def require_open(session: Session, letter: Letter, version: int) -> None:
    """Raises `Conflict` that says who was faster, and with what."""
    if letter.status == LetterStatus.AWAITING_SCAN:
        raise Conflict("该函还没有上传盖章扫描件，不能办理。")
    if letter.status != LetterStatus.RECEIVED:
        raise Conflict(
            f"{decided_sentence(letter)}。",
            decided_by=letter.decided_by_name,
            decided_at=letter.decided_at.isoformat() if letter.decided_at else None,
            verdict=letter.status,
        )
    if letter.version != version:
        last = history(session, "letter", letter.id)[-1]
        raise Conflict(
            f"该函已由{last.actor_name}于 {local_time(last.at)} 更新（{last.act}），请看过最新情况后再办理。",
            decided_by=last.actor_name,
            decided_at=last.at.isoformat(),
            verdict=None,
        )


def decide(letter: Letter, actor: Actor, status: LetterStatus) -> None:
    """Writes down who decided what, and when."""
    letter.status = status
    letter.decided_by, letter.decided_by_name, letter.decided_at = actor.account_id, actor.name, utc_now()
    letter.version += 1
