"""What an account manager does with a letter: answers the checks, confirms, issues, returns, refuses, downloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts.access.models import Account
from services.accounts.access.operations import give_role, make_account, new_link
from services.accounts.access.queries import account_of_person
from services.accounts.identities import Identity
from services.accounts.intake.models import Ask, Letter, Scan
from services.accounts.intake.queries import facts_of, get_letter
from services.accounts.kinds import AccountState, LetterKind, LetterStatus, PersonKind, UnitKind
from services.accounts.letters import TABLE, Answer, checks_for, failed, obstacles, unknown_checks
from services.accounts.models import Person, Unit
from services.accounts.operations import NewPerson, NewUnit, note, open_units, register_people
from services.accounts.queries import find_unit, history, person_by_hash
from shared import outbox
from shared.actors import Actor, Level
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from shared.events.accounts import AccountIssued
from shared.ui.filters import CHINA, local_time

_DONE = {
    LetterStatus.ISSUED: "开通",
    LetterStatus.RETURNED: "退回补正",
    LetterStatus.REFUSED: "不予受理",
}


@dataclass(frozen=True, slots=True)
class Issued:
    """What came of a letter."""

    letter: Letter
    account: Account
    token: str | None
    """For the one-time link; None when none was made: only its digest is kept, so it cannot be shown again."""
    expires_at: datetime | None
    merged: bool
    """It had been issued before; nothing was made this time (T4)."""

    @property
    def sentence(self) -> str:
        """What the manager reads."""
        if self.merged:
            return f"{decided_sentence(self.letter)}，未重复创建。"
        return f"已开通账号 {self.account.username}。"


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
    _require_open(session, letter, version)
    checks = checks_for(LetterKind(letter.kind), letter.ask.rule)
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
    _require_open(session, letter, version)
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


def issue_account(session: Session, actor: Actor, number: str, version: int) -> Issued:
    """Opens the account that the letter asks for: exactly one, however often this is called (T4).

    A lost account gets a new link instead of a second account. Raises `NotFound`; `Conflict` when a check stands
    against it, a second manager has not confirmed, somebody was faster with something else, or the register
    contradicts the letter.
    """
    letter = get_letter(session, actor, number, lock=True)
    ask = letter.ask
    if letter.status == LetterStatus.ISSUED and ask.account is not None:
        note(session, "letter", letter.id, actor, "已合并", f"{decided_sentence(letter)}，未重复创建")
        return Issued(letter, ask.account, None, None, merged=True)
    _require_open(session, letter, version)
    checks = checks_for(LetterKind(letter.kind), ask.rule)
    against = obstacles(checks, letter.answers, letter.remarks, facts_of(session, letter))
    if against:
        raise Conflict("还不能开通：" + "".join(against), obstacles=against)
    if letter.needs_second and letter.confirmed_by is None:
        raise Conflict("高权限角色须由另一位账号管理员复核后才能开通。")

    unit = letter.unit or _open_county(session, letter)
    # One at a time for a unit: two letters for the same new person must not both register her.
    session.execute(select(Unit.id).where(Unit.id == unit.id).with_for_update())
    person = _person(session, ask, unit)
    account = account_of_person(session, person.id)
    token: str | None = None
    expires_at: datetime | None = None
    if letter.kind == LetterKind.LOST_ACCOUNT:
        if account is None or not any(h.role == ask.role and h.unit_id == unit.id for h in account.roles):
            raise Conflict("该人员在本单位没有这个角色的账号，不是遗失；请退回，改按“新任”或“增加岗位”申请。")
        strong = [held.rule.title for held in account.roles if held.rule.high_privilege]
        if strong and not ask.rule.high_privilege:
            # The link opens the whole account, so the letter must name what takes a call back and a second manager.
            raise Conflict(f"此账号还有高权限角色“{strong[0]}”；请退回，改按该角色提交“账号遗失”的授权函。")
        token, expires_at = new_link(session, account, actor)
    else:
        if account is not None and account.state in (AccountState.SUSPENDED, AccountState.CLOSED):
            state = AccountState(account.state).label
            raise Conflict(f"{person.name}已有账号 {account.username}，但{state}；请先恢复再开通。")
        account = account or make_account(session, person, unit)
        give_role(session, account, ask.role, unit, ask.id)
        if account.state == AccountState.NOT_ACTIVATED:
            token, expires_at = new_link(session, account, actor)
    ask.account = account
    _decide(letter, actor, LetterStatus.ISSUED)
    note(session, "letter", letter.id, actor, "开通", f"账号 {account.username}，{ask.rule.title}", public=True)
    session.flush()
    outbox.publish(
        session,
        AccountIssued(
            account_id=account.id,
            person_id=person.id,
            role=ask.role,
            unit_path=unit.path,
            letter_number=letter.number,
            issued_at=utc_now(),
        ),
    )
    return Issued(letter, account, token, expires_at, merged=False)


def return_letter(
    session: Session, actor: Actor, number: str, version: int, texts: Mapping[str, str] | None = None
) -> Letter:
    """退回补正: tells the applicant exactly what was answered 否, all of it at once (C2, C3).

    `texts` rewords single points. Raises `Conflict` when no check was answered 否, `Invalid` for a point that was not.
    """
    letter = get_letter(session, actor, number, lock=True)
    _require_open(session, letter, version)
    checks = checks_for(LetterKind(letter.kind), letter.ask.rule)
    points = failed(checks, letter.answers, letter.remarks | dict(texts or {}), facts_of(session, letter))
    if not points:
        raise Conflict("没有答“否”的核验项，不能退回补正；请先核验。")
    extra = set(texts or {}) - {point["check"] for point in points}
    if extra:
        words = "只能写明答“否”的核验项。"
        raise Invalid(words, fields={f"points.{key}": [words] for key in sorted(extra)})
    letter.points = points
    letter.correct_by = (utc_now() + timedelta(days=TABLE.correction_days)).astimezone(CHINA).date()
    _decide(letter, actor, LetterStatus.RETURNED)
    text = "\n".join(f"{n}. {point['text']}" for n, point in enumerate(points, start=1))
    note(session, "letter", letter.id, actor, "退回补正", text, public=True)
    return letter


def refuse_letter(session: Session, actor: Actor, number: str, version: int, reason_code: str, text: str) -> Letter:
    """不予受理, for good: a reason from the list and a sentence of its own (C14). Raises `Invalid`, `Conflict`."""
    letter = get_letter(session, actor, number, lock=True)
    _require_open(session, letter, version)
    reason = TABLE.reason(reason_code)
    if reason is None:
        raise Invalid("请从列表中选择原因。", fields={"reason_code": ["请从列表中选择原因。"]})
    if not text.strip():
        raise Invalid("请写明情况，申请人会看到。", fields={"text": ["请写明情况。"]})
    letter.reason_code, letter.reason_text = reason.key, text.strip()
    _decide(letter, actor, LetterStatus.REFUSED)
    words = f"{reason.title}。{letter.reason_text}\n{reason.turn_to}"
    note(session, "letter", letter.id, actor, "不予受理", words, public=True)
    return letter


def record_download(session: Session, actor: Actor, number: str) -> Scan:
    """Notes that the actor takes the original; returns which. Raises `NotFound`."""
    letter = get_letter(session, actor, number)
    note(session, "letter", letter.id, actor, "下载原件", f"第 {letter.scan.round} 次的 {letter.scan.filename}")
    return letter.scan


def decided_sentence(letter: Letter) -> str:
    """该函已于 2026-11-16 09:12 由某某开通: who, when, what (C7, C13)."""
    at = local_time(letter.decided_at)
    return f"该函已于 {at} 由{letter.decided_by_name}{_DONE[LetterStatus(letter.status)]}"


def _require_open(session: Session, letter: Letter, version: int) -> None:
    """Raises `Conflict` that says who was faster, and with what."""
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


def _decide(letter: Letter, actor: Actor, status: LetterStatus) -> None:
    letter.status = status
    letter.decided_by, letter.decided_by_name, letter.decided_at = actor.account_id, actor.name, utc_now()
    letter.version += 1


def _person(session: Session, ask: Ask, unit: Unit) -> Person:
    """Who is meant, by identity number; somebody new is registered."""
    person = person_by_hash(session, ask.identity_hash)
    if person is None:
        identity = Identity(ask.identity_sealed, ask.identity_hash, ask.identity_masked)
        school = unit.level == Level.SCHOOL and unit.kind != UnitKind.PROVIDER
        kind = PersonKind.IN_SERVICE if school else PersonKind.EDUCATION_AUTHORITY_STAFF
        new = NewPerson(name=ask.person_name, identity=identity, unit_id=unit.id, kind=kind)
        return register_people(session, [new])[0]
    if person.name != ask.person_name:
        raise Conflict(
            f"名册中这个身份证号登记的姓名是“{person.name}”，与函中的“{ask.person_name}”不一致；"
            "请退回补正，或先更正名册。"
        )
    return person


def _open_county(session: Session, letter: Letter) -> Unit:
    """The county that a letter sets up (FAQ-Q4); it may be there by now, from another letter."""
    unit = find_unit(session, letter.unit_code)
    if unit is None:
        district = find_unit(session, letter.unit_code[:4] + "00")
        if district is None:
            raise Conflict("所属设区市不在名册中，请先核对单位代码。")
        new = NewUnit(
            path=f"{district.path}{letter.unit_code}/",
            name=letter.unit_name,
            level=Level.COUNTY,
            kind=UnitKind.COUNTY,
            body=letter.stamped_by,
            phone=letter.contact_phone,
        )
        unit = open_units(session, [new])[0]
        note(session, "letter", letter.id, None, "开设单位", f"{unit.name}（{unit.code}）")
    letter.unit = unit
    return unit
