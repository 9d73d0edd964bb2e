"""Reads of letters: who sees which, the queue, what is known about one, and what the applicant may know."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select, tuple_
from sqlalchemy.orm import Session

from services.accounts.access.models import Account
from services.accounts.access.queries import account_of_person, accounts_at
from services.accounts.intake.models import Ask, Letter, Scan
from services.accounts.kinds import LetterKind, LetterStatus
from services.accounts.letters import (
    TABLE,
    Check,
    Facts,
    Hint,
    checks_for,
    common_owners,
    hints,
    sentence,
)
from services.accounts.models import Person, Unit
from services.accounts.queries import person_by_hash
from shared.actors import Actor, Office
from shared.database import under_any, utc_now
from shared.errors import NotFound
from shared.ui.filters import CHINA

RECEIVED = Letter.status == LetterStatus.RECEIVED
_SECOND = and_(RECEIVED, Letter.ready, Letter.needs_second, Letter.confirmed_by.is_(None))
_RETURNED = Letter.status == LetterStatus.RETURNED


def tabs() -> Mapping[str, tuple[str, ColumnElement[bool]]]:
    """The groups of the queue today (C6): each letter is in exactly one, so that every number equals its list."""
    overdue = Letter.correct_by < utc_now().astimezone(CHINA).date()
    return {
        "open": ("可办理", and_(RECEIVED, not_(Letter.suspected), not_(_SECOND))),
        "suspected": ("疑似重复", and_(RECEIVED, Letter.suspected, not_(_SECOND))),
        "second": ("待复核", _SECOND),
        "returned": ("等对方补正", and_(_RETURNED, not_(overdue))),
        "overdue": ("逾期未补正", and_(_RETURNED, overdue)),
        "awaiting_scan": ("待上传扫描件", Letter.status == LetterStatus.AWAITING_SCAN),
        "issued": ("已开通", Letter.status == LetterStatus.ISSUED),
        "refused": ("不予受理", Letter.status == LetterStatus.REFUSED),
        "withdrawn": ("已撤回", Letter.status == LetterStatus.WITHDRAWN),
    }


TABS = tuple(tabs())
"""Their keys, in the order in which the page shows them."""


def visible_letters(actor: Actor) -> Select[Letter]:
    """Letters of units below the actor's areas: a unit's own letters go to the level above it."""
    return select(Letter).where(under_any(Letter.scope_path, _areas(actor)))


def get_letter(session: Session, actor: Actor, number: str, *, lock: bool = False) -> Letter:
    """The letter of that number, if the actor sees it; locked for a change if asked. Raises `NotFound`."""
    query = visible_letters(actor).where(Letter.number == number)
    if lock:
        query = query.with_for_update(of=Letter).execution_options(populate_existing=True)
    letter = session.scalar(query)
    if letter is None:
        raise NotFound()
    return letter


def queue(actor: Actor, tab: str, *, below: bool = False) -> Select[Letter]:
    """The letters of a group that wait with the actor; `below`: also those that wait with offices further down."""
    query = visible_letters(actor).where(tabs()[tab][1])
    return query if below else query.where(Letter.handler_path.in_(_areas(actor)))


def counts(session: Session, actor: Actor, *, below: bool = False) -> dict[str, int]:
    """How many letters each group of the queue holds."""
    query = select(*[func.count().filter(condition) for _, condition in tabs().values()]).where(
        under_any(Letter.scope_path, _areas(actor))
    )
    if not below:
        query = query.where(Letter.handler_path.in_(_areas(actor)))
    row = session.execute(query.select_from(Letter)).one()
    return {tab: int(count) for tab, count in zip(TABS, row, strict=True)}


def waiting(session: Session, actor: Actor) -> int:
    """How many letters the actor can act on now."""
    found = counts(session, actor)
    return found["open"] + found["suspected"] + found["second"]


def look_alikes(session: Session, letter: Letter) -> list[Letter]:
    """Earlier letters with the same file, or for the same unit and role, open or recent (T15). Unscoped.

    A role that everybody at a unit has counts for the same person only.
    """
    since = letter.received_at - timedelta(days=TABLE.recent_days)
    digests = [scan.digest for scan in letter.scans[-1:]]
    same_file = exists().where(Scan.letter_id == Letter.id, Scan.digest.in_(digests))
    asked = or_(
        *[
            and_(Ask.role == ask.role, Ask.identity_hash == ask.identity_hash)
            if ask.rule.everybodys
            else Ask.role == ask.role
            for ask in letter.asks
        ]
    )
    same_ask = and_(
        Letter.unit_code == letter.unit_code,
        Letter.status != LetterStatus.WITHDRAWN,
        exists().where(Ask.letter_id == Letter.id, asked),
        or_(Letter.status.in_((LetterStatus.RECEIVED, LetterStatus.RETURNED)), Letter.received_at >= since),
    )
    query = (
        select(Letter)
        .where(
            Letter.status != LetterStatus.AWAITING_SCAN,
            tuple_(Letter.received_at, Letter.id) < tuple_(letter.received_at, letter.id),
            or_(same_file, same_ask),
        )
        .order_by(Letter.received_at, Letter.id)
        .limit(20)
    )
    return list(session.scalars(query))


def find_public(session: Session, number: str, phone: str) -> Letter:
    """The letter for an applicant who knows its number and the telephone given with it. Raises `NotFound`."""
    letter = session.scalar(select(Letter).where(Letter.number == number.strip().upper()))
    if letter is None or digits(letter.contact_phone) != digits(phone):
        raise NotFound("没有找到：请核对函号与申请时填写的联系电话。")
    return letter


def find_own(session: Session, number: str, phone: str, tail: str) -> Letter:
    """The letter for an applicant who also knows the last four signs of an identity number in it.

    Asked where a name is shown or the letter is undone: telephones of schools are public. Raises `NotFound`.
    """
    letter = find_public(session, number, phone)
    if not any(ask.identity_masked[-4:] == tail.strip().upper() for ask in letter.asks):
        raise NotFound("没有找到：请核对函号、申请时填写的联系电话，以及函中任一人身份证号的后四位。")
    return letter


def position(session: Session, letter: Letter) -> int | None:
    """Its place among the letters that wait with the same office, from 1; None when it does not wait (C4)."""
    if letter.status != LetterStatus.RECEIVED:
        return None
    before = tuple_(Letter.received_at, Letter.id) <= tuple_(letter.received_at, letter.id)
    query = select(func.count()).where(RECEIVED, Letter.handler_path == letter.handler_path, before)
    return session.scalar(query) or 0


def handler(session: Session, letter: Letter) -> Unit:
    """The unit in whose queue the letter waits: its body and telephone are shown to the applicant."""
    return session.scalars(select(Unit).where(Unit.path == letter.handler_path)).one()


@dataclass(frozen=True, slots=True)
class Compared:
    """Two names side by side, each in pieces with whether the piece stands in the other as well."""

    asked: list[tuple[str, bool]]
    known: list[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of the letter: who is asked a role for, against the register."""

    ask: Ask
    person: Person | None
    """Who has this identity number in the register."""
    account: Account | None
    """That person's account."""
    held_already: bool
    """The account has this role at this unit."""
    name: Compared


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that the letter's page shows beside the scan."""

    letter: Letter
    handler: Unit
    checks: list[Check]
    facts: Facts
    hints: Mapping[str, Hint]
    sentences: Mapping[str, str]
    """Check -> what the applicant would be told."""
    unit: Unit | None
    people: list[Asked]
    unit_accounts: list[Account]
    look_alikes: list[Letter]
    """Only those that the actor may see."""
    hidden_look_alikes: int
    others: list[Letter]
    """Other letters of the unit, newest first."""
    stamp: Compared


def facts_of(session: Session, letter: Letter, look_alike_numbers: tuple[str, ...] | None = None) -> Facts:
    """What the sentences and rules need to know."""
    if look_alike_numbers is None:
        look_alike_numbers = tuple(other.number for other in look_alikes(session, letter))
    unit = letter.unit
    own = unit.body if unit else letter.stamped_by
    parent = unit.parent.body if unit and unit.parent else None
    return Facts(
        stamped_by=letter.stamped_by,
        register_name=own if unit else letter.unit_name,
        stamp_owners=common_owners(letter.roles, own, parent),
        role="、".join(role.title for role in letter.roles),
        dated=letter.dated,
        received=letter.received_at.astimezone(CHINA).date(),
        duplicates=look_alike_numbers,
        person="、".join(dict.fromkeys(ask.person_name for ask in letter.asks)),
        handler=handler(session, letter).body,
    )


def dossier(session: Session, actor: Actor, letter: Letter) -> Dossier:
    """Everything for the page of one letter, which the actor has been found to see."""
    alike = look_alikes(session, letter)
    visible = set(session.scalars(_ids(visible_letters(actor)).where(Letter.id.in_([a.id for a in alike]))))
    shown = [other for other in alike if other.id in visible]
    facts = facts_of(session, letter, tuple(other.number for other in shown) or (("别处的函",) if alike else ()))
    checks = checks_for(LetterKind(letter.kind), *letter.roles)
    others = (
        visible_letters(actor)
        .where(Letter.unit_code == letter.unit_code, Letter.id != letter.id)
        .order_by(Letter.received_at.desc())
        .limit(5)
    )
    return Dossier(
        letter=letter,
        handler=handler(session, letter),
        checks=checks,
        facts=facts,
        hints=hints(facts, letter.contact_phone),
        sentences={check.key: sentence(check, facts) for check in checks},
        unit=letter.unit,
        people=[_asked(session, ask) for ask in letter.asks],
        unit_accounts=accounts_at(session, actor, letter.unit) if letter.unit else [],
        look_alikes=shown,
        hidden_look_alikes=len(alike) - len(shown),
        others=list(session.scalars(others)),
        stamp=_compare(letter.stamped_by, _nearest(letter.stamped_by, facts.stamp_owners)),
    )


def digits(phone: str) -> str:
    """A telephone number without what people write between the digits."""
    return "".join(character for character in phone if character.isdigit())


def differences(asked: str, known: str) -> list[tuple[str, bool]]:
    """`asked` in pieces, each with whether it stands so in `known`: for highlighting character by character."""
    asked = "".join(asked.split())
    matcher = difflib.SequenceMatcher(None, asked, "".join(known.split()), autojunk=False)
    pieces, at = [], 0
    for block in matcher.get_matching_blocks():
        if block.a > at:
            pieces.append((asked[at : block.a], False))
        if block.size:
            pieces.append((asked[block.a : block.a + block.size], True))
        at = block.a + block.size
    return pieces


def _areas(actor: Actor) -> list[str]:
    return [post.unit.path for post in actor.posts_of(Office.ACCOUNT_MANAGER)]


def _ids(query: Select[Letter]) -> Select[str]:
    return query.with_only_columns(Letter.id)


def _asked(session: Session, ask: Ask) -> Asked:
    person = person_by_hash(session, ask.identity_hash)
    account = account_of_person(session, person.id) if person else None
    return Asked(
        ask=ask,
        person=person,
        account=account,
        held_already=account is not None
        and any(held.role == ask.role and held.unit_id == ask.letter.unit_id for held in account.roles),
        name=_compare(ask.person_name, person.name if person else ask.person_name),
    )


def _compare(asked: str, known: str) -> Compared:
    return Compared(differences(asked, known), differences(known, asked))


def _nearest(name: str, owners: tuple[str, ...]) -> str:
    """The owner that `name` is most like: differences are shown against that one."""
    return max(owners, key=lambda owner: difflib.SequenceMatcher(None, name, owner).ratio(), default=name)
