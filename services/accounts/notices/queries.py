"""Reads of notices: who is to be told, what somebody has been told, which mails there are."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, selectinload

from services.accounts.access.models import Account, AccountRole
from services.accounts.access.queries import posts_from, visible_accounts
from services.accounts.kinds import AccountState
from services.accounts.models import Unit
from services.accounts.notices.models import Mail, MailAddress, Notice
from services.accounts.queries import bodies_of
from services.accounts.roles import ROLES
from shared.actors import Actor, Office


def in_post(session: Session, path: str, office: Office) -> list[str]:
    """Accounts of those who hold the office for exactly the unit at `path` and can sign in."""
    area = session.scalar(select(Unit).where(Unit.path == path))
    if area is None:
        return []
    roles = [role.key for role in ROLES.values() if office in role.offices]
    query = (
        select(AccountRole)
        .join(Unit, Unit.id == AccountRole.unit_id)
        .join(Account, Account.id == AccountRole.account_id)
        .where(
            AccountRole.held_to.is_(None),
            AccountRole.role.in_(roles),
            Account.state == AccountState.ACTIVE,
            (Unit.id == area.id) | (Unit.parent_id == area.id),
        )
        .options(selectinload(AccountRole.unit).selectinload(Unit.parent))
        .order_by(AccountRole.account_id)
    )
    bodies = bodies_of(session, [area.id])
    return list(
        dict.fromkeys(
            held.account_id
            for held in session.scalars(query)
            for post in posts_from([held], bodies)
            if post.office is office and post.unit.path == path
        )
    )


def accounts_of_people(session: Session, person_ids: Iterable[str]) -> dict[str, str]:
    """Person -> account, of those who have one that is in use."""
    ids = list(dict.fromkeys(person_ids))
    found: dict[str, str] = {}
    for start in range(0, len(ids), 500):
        query = select(Account.person_id, Account.id).where(
            Account.person_id.in_(ids[start : start + 500]), Account.state == AccountState.ACTIVE
        )
        found |= dict(session.execute(query).all())
    return found


def gets_mail(session: Session, account_ids: Iterable[str]) -> bool:
    """Whether any of the accounts has a confirmed address."""
    ids = list(account_ids)
    return any(
        session.scalar(
            select(MailAddress.account_id)
            .where(MailAddress.account_id.in_(ids[start : start + 500]), MailAddress.confirmed_at.is_not(None))
            .limit(1)
        )
        for start in range(0, len(ids), 500)
    )


def unit_name(session: Session, path: str) -> str:
    """How the unit at `path` is called; empty where there is none."""
    return session.scalar(select(Unit.name).where(Unit.path == path)) or ""


def last_occasion(session: Session, about: str) -> str | None:
    """Of what anybody was told last about it."""
    return session.scalar(select(Notice.occasion).where(Notice.about == about).order_by(Notice.id.desc()).limit(1))


def of_actor(actor: Actor) -> Select[Notice]:
    """What the actor has been told: nobody sees another's."""
    return select(Notice).where(Notice.account_id == actor.account_id)


def count_unread(session: Session, actor: Actor) -> int:
    """How many of them are unread."""
    query = select(func.count()).where(Notice.account_id == actor.account_id, Notice.read_at.is_(None))
    return int(session.scalar(query) or 0)


def mail_address(session: Session, account_id: str) -> MailAddress | None:
    """Where the account gets mail, if it has ever said so."""
    return session.get(MailAddress, account_id)


def visible_mails(actor: Actor) -> Select[Mail]:
    """The actor's own mails, and those of the accounts that the actor manages."""
    managed = visible_accounts(actor).with_only_columns(Account.id).options()
    return (
        select(Mail)
        .where(or_(Mail.account_id == actor.account_id, Mail.account_id.in_(managed)))
        .options(selectinload(Mail.account).selectinload(Account.person))
    )
