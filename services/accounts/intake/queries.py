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
    hints,
    sentence,
    stamp_owners,
)
from services.accounts.models import Person, Unit
from services.accounts.queries import person_by_hash
from shared.actors import Actor, Office
from shared.database import under_any
from shared.errors import NotFound
from shared.ui.filters import CHINA

RECEIVED = Letter.status == LetterStatus.RECEIVED
_SECOND = and_(RECEIVED, Letter.ready, Letter.needs_second, Letter.confirmed_by.is_(None))
TABS: Mapping[str, tuple[str, ColumnElement[bool]]] = {
    "open": ("待核验", and_(RECEIVED, not_(Letter.suspected), not_(_SECOND))),
    "returned": ("待补正", Letter.status == LetterStatus.RETURNED),
    "suspected": ("疑似重复", and_(RECEIVED, Letter.suspected, not_(_SECOND))),
    "second": ("待复核", _SECOND),
    "issued": ("已开通", Letter.status == LetterStatus.ISSUED),
    "refused": ("不予受理", Letter.status == LetterStatus.REFUSED),
}
"""The groups of the queue: each letter is in exactly one, so that every number equals its list."""


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
    query = visible_letters(actor).where(TABS[tab][1])
    return query if below else query.where(Letter.handler_path.in_(_areas(actor)))


def counts(session: Session, actor: Actor, *, below: bool = False) -> dict[str, int]:
    """How many letters each group of the queue holds."""
    query = select(*[func.count().filter(condition) for _, condition in TABS.values()]).where(
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
    """Earlier letters with the same file, or for the same unit, role and person, open or recent (T15). Unscoped."""
    since = letter.received_at - timedelta(days=TABLE.recent_days)
    ask = letter.ask
    same_file = exists().where(Scan.letter_id == Letter.id, Scan.digest == letter.scan.digest)
    same_ask = and_(
        Letter.unit_code == letter.unit_code,
        exists().where(Ask.letter_id == Letter.id, Ask.role == ask.role, Ask.identity_hash == ask.identity_hash),
        or_(Letter.status.in_((LetterStatus.RECEIVED, LetterStatus.RETURNED)), Letter.received_at >= since),
    )
    query = (
        select(Letter)
        .where(tuple_(Letter.received_at, Letter.id) < tuple_(letter.received_at, letter.id), or_(same_file, same_ask))
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


def handler(session: Session, letter: Letter) -> Unit:
    """The unit in whose queue the letter waits: its body and telephone are shown to the applicant."""
    return session.scalars(select(Unit).where(Unit.path == letter.handler_path)).one()


@dataclass(frozen=True, slots=True)
class Compared:
    """Two names side by side, each in pieces with whether the piece stands in the other as well."""

    asked: list[tuple[str, bool]]
    known: list[tuple[str, bool]]


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
    person: Person | None
    """Who has this identity number in the register."""
    account: Account | None
    """That person's account."""
    unit_accounts: list[Account]
    look_alikes: list[Letter]
    """Only those that the actor may see."""
    hidden_look_alikes: int
    others: list[Letter]
    """Other letters of the unit, newest first."""
    stamp: Compared
    name: Compared


def facts_of(session: Session, letter: Letter, look_alike_numbers: tuple[str, ...] | None = None) -> Facts:
    """What the sentences and rules need to know."""
    if look_alike_numbers is None:
        look_alike_numbers = tuple(other.number for other in look_alikes(session, letter))
    unit, ask = letter.unit, letter.ask
    own = unit.body if unit else letter.stamped_by
    parent = unit.parent.body if unit and unit.parent else None
    return Facts(
        stamped_by=letter.stamped_by,
        register_name=own if unit else letter.unit_name,
        stamp_owners=stamp_owners(ask.rule, own, parent),
        role=ask.rule.title,
        dated=letter.dated,
        received=letter.received_at.astimezone(CHINA).date(),
        duplicates=look_alike_numbers,
        person=ask.person_name,
        handler=handler(session, letter).body,
    )


def dossier(session: Session, actor: Actor, letter: Letter) -> Dossier:
    """Everything for the page of one letter, which the actor has been found to see."""
    alike = look_alikes(session, letter)
    visible = set(session.scalars(_ids(visible_letters(actor)).where(Letter.id.in_([a.id for a in alike]))))
    shown = [other for other in alike if other.id in visible]
    facts = facts_of(session, letter, tuple(other.number for other in shown) or (("别处的函",) if alike else ()))
    checks = checks_for(LetterKind(letter.kind), letter.ask.rule)
    person = person_by_hash(session, letter.ask.identity_hash)
    account = account_of_person(session, person.id) if person else None
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
        person=person,
        account=account,
        unit_accounts=accounts_at(session, actor, letter.unit) if letter.unit else [],
        look_alikes=shown,
        hidden_look_alikes=len(alike) - len(shown),
        others=list(session.scalars(others)),
        stamp=_compare(letter.stamped_by, _nearest(letter.stamped_by, facts.stamp_owners)),
        name=_compare(letter.ask.person_name, person.name if person else letter.ask.person_name),
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


def _compare(asked: str, known: str) -> Compared:
    return Compared(differences(asked, known), differences(known, asked))


def _nearest(name: str, owners: tuple[str, ...]) -> str:
    """The owner that `name` is most like: differences are shown against that one."""
    return max(owners, key=lambda owner: difflib.SequenceMatcher(None, name, owner).ratio(), default=name)
