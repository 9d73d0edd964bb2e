"""开通: one account for each line of a letter, exactly once (T4, C15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts.access.models import Account
from services.accounts.access.operations import give_role, make_account, new_link
from services.accounts.access.queries import account_of_person
from services.accounts.identities import Identity
from services.accounts.intake.models import Ask, Letter
from services.accounts.intake.operations import decide, decided_sentence, require_open
from services.accounts.intake.queries import facts_of, get_letter
from services.accounts.kinds import AccountState, LetterKind, LetterStatus, PersonKind, UnitKind
from services.accounts.letters import checks_for, obstacles
from services.accounts.models import Person, Unit
from services.accounts.operations import NewPerson, NewUnit, note, open_units, register_people
from services.accounts.queries import find_unit, person_by_hash
from shared import outbox
from shared.actors import Actor, Level
from shared.database import utc_now
from shared.errors import Conflict, Invalid
from shared.events.accounts import AccountIssued


@dataclass(frozen=True, slots=True)
class IssuedAccount:
    """What came of one line of a letter."""

    ask: Ask
    account: Account
    token: str | None
    """For the one-time link; None when none was made: only its digest is kept, so it cannot be shown again."""
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Issued:
    """What came of a letter."""

    letter: Letter
    accounts: list[IssuedAccount]
    """One for each line that was granted, in order."""
    merged: bool
    """It had been issued before; nothing was made this time (T4)."""

    @property
    def sentence(self) -> str:
        """What the manager reads."""
        if self.merged:
            return f"{decided_sentence(self.letter)}，未重复创建。"
        names = dict.fromkeys(made.account.username for made in self.accounts)
        return f"已开通账号 {'、'.join(names)}。"


def issue_account(
    session: Session, actor: Actor, number: str, version: int, left_out: Mapping[str, str] | None = None
) -> Issued:
    """Opens the accounts that the letter asks for: one for each line, however often this is called (T4, C15).

    `left_out`: id of a line that is not granted -> why. A lost account gets a new link instead of a second account.
    Raises `NotFound`; `Invalid` for such a line without a reason; `Conflict` when a check stands against it, a second
    manager has not confirmed, somebody was faster with something else, or the register contradicts the letter.
    """
    letter = get_letter(session, actor, number, lock=True)
    if letter.status == LetterStatus.ISSUED:
        note(session, "letter", letter.id, actor, "已合并", f"{decided_sentence(letter)}，未重复创建")
        made = [IssuedAccount(ask, ask.account, None, None) for ask in letter.asks if ask.account]
        return Issued(letter, made, merged=True)
    require_open(session, letter, version)
    checks = checks_for(LetterKind(letter.kind), *letter.roles)
    against = obstacles(checks, letter.answers, letter.remarks, facts_of(session, letter))
    if against:
        raise Conflict("还不能开通：" + "".join(against), obstacles=against)
    if letter.needs_second and letter.confirmed_by is None:
        raise Conflict("高权限角色须由另一位账号管理员复核后才能开通。")

    granted = _granted(letter, left_out or {})
    unit = letter.unit or _open_county(session, letter)
    # One at a time for a unit: two letters for the same new person must not both register her.
    session.execute(select(Unit.id).where(Unit.id == unit.id).with_for_update())
    decide(letter, actor, LetterStatus.ISSUED)
    wanting: set[str] = set()
    for ask in granted:
        if _grant(session, ask, unit, granted):
            wanting.add(_account(ask).id)
        text = f"账号 {_account(ask).username}，{ask.rule.title}"
        note(session, "letter", letter.id, actor, "开通", text, public=True)
    for ask in letter.asks:
        if ask.left_out:
            note(session, "letter", letter.id, actor, "部分未开通", f"{ask.rule.title}：{ask.left_out}", public=True)
    session.flush()
    made = []
    for ask in granted:
        account = _account(ask)
        # One link for an account, whatever it is given: a second would kill the first.
        link = new_link(session, account, actor) if account.id in wanting else (None, None)
        wanting.discard(account.id)
        made.append(IssuedAccount(ask, account, *link))
        outbox.publish(
            session,
            AccountIssued(
                account_id=account.id,
                person_id=account.person_id,
                role=ask.role,
                unit_path=unit.path,
                letter_number=letter.number,
                issued_at=utc_now(),
            ),
        )
    return Issued(letter, made, merged=False)


def _granted(letter: Letter, left_out: Mapping[str, str]) -> list[Ask]:
    """The lines that are granted; the others are marked with why not. Raises `Invalid`, `Conflict`."""
    unknown = set(left_out) - {ask.id for ask in letter.asks}
    if unknown:
        raise Invalid("函中没有这一项。", fields={f"left_out.{key}": ["函中没有这一项。"] for key in sorted(unknown)})
    for ask in letter.asks:
        ask.left_out = left_out.get(ask.id, "").strip() or None
        if ask.id in left_out and ask.left_out is None:
            words = "请写明这一项为什么不开通，申请人会看到。"
            raise Invalid(words, fields={f"left_out.{ask.id}": [words]})
    granted = [ask for ask in letter.asks if ask.left_out is None]
    if not granted:
        raise Conflict("没有一项要开通；请退回补正，或不予受理。")
    return granted


def _grant(session: Session, ask: Ask, unit: Unit, granted: Sequence[Ask]) -> bool:
    """Gives one line its account; whether that account needs a link now. Raises `Conflict`."""
    person = _person(session, ask, unit)
    account = account_of_person(session, person.id)
    if ask.letter.kind == LetterKind.LOST_ACCOUNT:
        if account is None or not any(h.role == ask.role and h.unit_id == unit.id for h in account.roles):
            raise Conflict("该人员在本单位没有这个角色的账号，不是遗失；请退回，改按“新任”或“增加岗位”申请。")
        strong = [held.rule.title for held in account.roles if held.rule.high_privilege]
        named = any(other.rule.high_privilege for other in granted if other.identity_hash == ask.identity_hash)
        if strong and not named:
            # The link opens the whole account, so the letter must name what takes a call back and a second manager.
            raise Conflict(f"此账号还有高权限角色“{strong[0]}”；请退回，改按该角色提交“账号遗失”的授权函。")
        ask.account = account
        return True
    if account is not None and account.state in (AccountState.SUSPENDED, AccountState.CLOSED):
        state = AccountState(account.state).label
        raise Conflict(f"{person.name}已有账号 {account.username}，但{state}；请先恢复再开通。")
    account = account or make_account(session, person, unit)
    give_role(session, account, ask.role, unit, ask.id)
    ask.account = account
    return account.state == AccountState.NOT_ACTIVATED


def _account(ask: Ask) -> Account:
    """The account of a line that has been granted."""
    if ask.account is None:
        raise RuntimeError("a granted line has its account")
    return ask.account


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
