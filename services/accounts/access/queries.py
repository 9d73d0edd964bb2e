"""Reads of access: who may be seen, what an account may do, where a link stands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, selectinload

from services.accounts.access.models import Account, AccountRole, ActivationLink, SignInSession
from services.accounts.kinds import AccountState
from services.accounts.models import OfficeSeat, Person, Unit
from services.accounts.queries import bodies_of
from services.accounts.roles import offices_given
from shared.actors import Actor, Office, Post
from shared.auth import Claims
from shared.database import under_any, utc_now
from shared.errors import NotFound


def digest(token: str) -> str:
    """What is kept of a secret that is itself random."""
    return hashlib.sha256(token.encode()).hexdigest()


def visible_accounts(actor: Actor) -> Select[Account]:
    """Accounts with a role at a unit of the actor's areas, for account managers; for others none."""
    paths = [post.unit.path for post in actor.posts_of(Office.ACCOUNT_MANAGER)]
    held = (
        select(AccountRole.id)
        .join(Unit, Unit.id == AccountRole.unit_id)
        .where(
            AccountRole.account_id == Account.id,
            AccountRole.held_to.is_(None),
            under_any(Unit.path, paths),
        )
    )
    return (
        select(Account)
        .where(exists(held))
        .options(
            selectinload(Account.person),
            selectinload(Account.roles).selectinload(AccountRole.unit).selectinload(Unit.parent),
        )
    )


def get_account(session: Session, actor: Actor, account_id: str, *, lock: bool = False) -> Account:
    """The account, if the actor sees it; locked for a change if asked. Raises `NotFound`."""
    query = visible_accounts(actor).where(Account.id == account_id)
    if lock:
        query = query.with_for_update(of=Account).execution_options(populate_existing=True)
    account = session.scalar(query)
    if account is None:
        raise NotFound()
    return account


def beyond(actor: Actor, account: Account) -> Unit | None:
    """The unit whose post puts the account beyond the actor; None: the account is the actor's to manage.

    The same rule as for letters: a unit's accounts are managed by the level above, never by the unit itself, and a
    teacher here may be an administrator there.
    """
    return next(
        (h.unit for h in account.roles if actor.post_over(h.unit.authority_path, Office.ACCOUNT_MANAGER) is None), None
    )


def accounts_at(session: Session, actor: Actor, unit: Unit) -> list[Account]:
    """The visible accounts that hold a role at exactly this unit, by username."""
    held = select(AccountRole.id).where(
        AccountRole.account_id == Account.id, AccountRole.held_to.is_(None), AccountRole.unit_id == unit.id
    )
    return list(session.scalars(visible_accounts(actor).where(exists(held)).order_by(Account.username)))


def account_of_person(session: Session, person_id: str) -> Account | None:
    """The one account of a person."""
    return session.scalar(select(Account).where(Account.person_id == person_id))


def posts_of(session: Session, account_id: str) -> tuple[Post, ...]:
    """What the account's roles entitle to, in the order in which they were given."""
    query = (
        select(AccountRole)
        .join(Unit, Unit.id == AccountRole.unit_id)
        .where(AccountRole.account_id == account_id, AccountRole.held_to.is_(None), Unit.active)
        .options(selectinload(AccountRole.unit).selectinload(Unit.parent))
        .order_by(AccountRole.held_from, AccountRole.id)
    )
    held = list(session.scalars(query))
    return posts_from(held, bodies_of(session, [role.area_id for role in held]))


def posts_from(held: Iterable[AccountRole], bodies: dict[str, dict[Office, str]]) -> tuple[Post, ...]:
    """The posts that roles give, without a query; units and their parents must be loaded."""
    posts: dict[tuple[Office, str], Post] = {}
    for role in held:
        area = role.unit.parent if role.area_id == role.unit.parent_id else role.unit
        if area is None:
            continue
        # Where nothing is said, the area's own bureau acts.
        acting = dict.fromkeys(Office, area.id) | bodies.get(area.id, {})
        for office in offices_given(role.rule, role.unit_id, acting):
            posts.setdefault((office, area.path), Post(office, area.plain(), role.unit.body))
    return tuple(posts.values())


def seats_under(session: Session, unit: Unit) -> list[OfficeSeat]:
    """The offices of exactly this area that somebody has ever held or been named for."""
    query = select(OfficeSeat).where(OfficeSeat.area_id == unit.id).order_by(OfficeSeat.office)
    return list(session.scalars(query))


def session_is_good(session: Session, claims: Claims) -> bool:
    """Whether the session behind a token lives, its account is active, and its posts are still what it says."""
    found = live_session(session, claims)
    return found is not None and claims.issued_at > found.rights_changed_at


def live_session(session: Session, claims: Claims) -> Account | None:
    """The account of a token whose session lives, even if its posts have changed since; None otherwise."""
    query = (
        select(Account)
        .join(SignInSession, SignInSession.account_id == Account.id)
        .where(
            SignInSession.id == claims.actor.session_id,
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > utc_now(),
            Account.id == claims.actor.account_id,
            Account.state == AccountState.ACTIVE,
        )
    )
    return session.scalar(query)


class LinkState(StrEnum):
    """What a one-time link is worth."""

    GOOD = "good"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link as its holder sees it."""

    id: str
    state: LinkState
    account_id: str
    username: str
    person_name: str
    expires_at: datetime
    call_body: str
    """Whom to call when it does not work: the authority above the unit."""
    call_phone: str | None


def find_link(session: Session, token: str) -> Link:
    """The link of that token, in whatever state. Raises `NotFound` when there never was one."""
    row = session.scalar(select(ActivationLink).where(ActivationLink.digest == digest(token)))
    if row is None:
        raise NotFound("没有这个激活链接，请核对地址是否完整；若仍打不开，请联系为您开通账号的管理员重发。")
    account = row.account
    unit = account.roles[0].unit if account.roles else account.person.unit
    above = unit.parent or unit
    state = LinkState.GOOD
    if row.used_at is not None:
        state = LinkState.USED
    elif row.revoked_at is not None or account.state in (AccountState.SUSPENDED, AccountState.CLOSED):
        state = LinkState.REVOKED
    elif row.expires_at <= utc_now():
        state = LinkState.EXPIRED
    return Link(
        id=row.id,
        state=state,
        account_id=account.id,
        username=account.username,
        person_name=account.person.name,
        expires_at=row.expires_at,
        call_body=above.body,
        call_phone=above.phone,
    )


def newest_links(session: Session, account_ids: Iterable[str]) -> dict[str, ActivationLink]:
    """The latest link of each account that ever had one."""
    query = (
        select(ActivationLink)
        .where(ActivationLink.account_id.in_(list(account_ids)))
        .order_by(ActivationLink.created_at)
    )
    return {link.account_id: link for link in session.scalars(query)}


def holders_at(session: Session, area: Unit) -> dict[Office, list[tuple[str, str]]]:
    """Who is in post for exactly this area: office -> (name, body), active accounts only."""
    query = (
        select(AccountRole, Person.name)
        .join(Unit, Unit.id == AccountRole.unit_id)
        .join(Account, Account.id == AccountRole.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(
            AccountRole.held_to.is_(None),
            Account.state == AccountState.ACTIVE,
            (Unit.id == area.id) | (Unit.parent_id == area.id),
        )
        .options(selectinload(AccountRole.unit).selectinload(Unit.parent))
        .order_by(Person.name)
    )
    bodies = bodies_of(session, [area.id])
    found: dict[Office, list[tuple[str, str]]] = {}
    for role, name in session.execute(query):
        for post in posts_from([role], bodies):
            if post.unit.path == area.path:
                found.setdefault(post.office, []).append((name, post.body))
    return found
