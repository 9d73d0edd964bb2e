"""What is done to accounts: made, given roles, activated, signed in and out, suspended and restored."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from services.accounts.access.holders import lock_seats, others_in_post, publish_holders, seats_of
from services.accounts.access.models import Account, AccountRole, ActivationLink, SignInSession
from services.accounts.access.queries import Link, LinkState, beyond, digest, find_link, get_account, posts_of
from services.accounts.kinds import AccountState
from services.accounts.models import Person, Unit
from services.accounts.operations import note
from shared import audit_trail, outbox
from shared.actors import Actor, Office
from shared.auth import LIFETIME
from shared.database import new_id, utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from shared.events.accounts import AccessEnded, AccessEndReason
from shared.ui.filters import local_time

LINK_LIFETIME = timedelta(hours=48)


def account_to_enter(session: Session, username: str, password_hash: str) -> Account | None:
    """The account, locked, of somebody whose password has just been verified against `password_hash`.

    None when it is not (any longer) to be signed in to, or has another password; `NotAllowed` when it is suspended.
    """
    account = session.scalar(
        select(Account).where(Account.username == username).with_for_update().execution_options(populate_existing=True)
    )
    if account is None or account.password_hash != password_hash:
        return None
    if account.state == AccountState.SUSPENDED:
        # Said only to who knows the password, so that nobody can find out names by asking.
        raise NotAllowed("此账号已停用。如有疑问，请联系为您开通账号的账号管理员。")
    return account if account.state == AccountState.ACTIVE else None


def start_session(
    session: Session, account: Account, client: str, address: str | None, second_step: str | None = None
) -> tuple[Actor, str | None, datetime]:
    """Signs in who has proved to be the account's holder: actor for the token, key of the first role, the end."""
    now = utc_now()
    account.last_sign_in_at = now
    row = SignInSession(
        id=new_id(),
        account_id=account.id,
        started_at=now,
        expires_at=now + LIFETIME,
        client=client[:200],
        address=address,
        second_step=second_step,
    )
    session.add(row)
    actor = actor_of(session, account, row.id)
    audit_trail.record(session, audit_trail.entry_of(actor, "accounts.signed_in", record=f"session={row.id}"))
    return actor, first_role(account), row.expires_at


def renew_session(session: Session, account: Account, session_id: str) -> Actor | None:
    """The actor for a fresh token of a live session whose posts have changed; None when it has just been ended."""
    renewed = session.scalar(
        update(SignInSession)
        .where(SignInSession.id == session_id, SignInSession.ended_at.is_(None))
        .values(expires_at=utc_now() + LIFETIME)
        .returning(SignInSession.id)
    )
    return actor_of(session, account, session_id) if renewed else None


def end_sessions(session: Session, account_id: str, *which: ColumnElement[bool]) -> int:
    """Ends those of the account's sessions for which `which` holds: their tokens are dead in every service.

    Returns how many still lived. Ending one twice changes nothing.
    """
    now = utc_now()
    query = (
        update(SignInSession)
        .where(SignInSession.account_id == account_id, SignInSession.ended_at.is_(None), *which)
        .values(ended_at=now)
        .returning(SignInSession.id, SignInSession.expires_at)
    )
    living = [session_id for session_id, expires_at in session.execute(query) if expires_at > now]
    # Once more: a fresh token may have been signed while this waited for its row.
    dead = utc_now()
    for session_id in living:
        outbox.publish(
            session,
            AccessEnded(account_id=account_id, session_id=session_id, reason=AccessEndReason.SIGNED_OUT, ended_at=dead),
        )
    return len(living)


def make_account(session: Session, person: Person, unit: Unit) -> Account:
    """A new account for a person, named after the unit: its code and a serial number, 3601020001-01."""
    serial = session.scalar(
        update(Unit)
        .where(Unit.id == unit.id)
        .values(account_serial=Unit.account_serial + 1)
        .returning(Unit.account_serial)
    )
    now = utc_now()
    account = Account(
        username=f"{unit.code}-{serial:02d}",
        person=person,
        state=AccountState.NOT_ACTIVATED,
        created_at=now,
        rights_changed_at=now,
    )
    session.add(account)
    session.flush()
    return account


def give_role(session: Session, account: Account, role: str, unit: Unit, ask_id: str | None = None) -> None:
    """Gives the account a role at a unit. Signed-in sessions get tokens that say so; the offices are told.

    Raises `Conflict` when the account holds it already.
    """
    held = select(AccountRole.id).where(
        AccountRole.account_id == account.id,
        AccountRole.role == role,
        AccountRole.unit_id == unit.id,
        AccountRole.held_to.is_(None),
    )
    if session.scalar(held) is not None:
        raise Conflict(f"账号 {account.username} 已有该单位的这个岗位；若是忘记账号或密码，请按“账号遗失”办理。")
    session.add(AccountRole(account_id=account.id, role=role, unit_id=unit.id, ask_id=ask_id, held_from=utc_now()))
    session.flush()
    if account.state == AccountState.ACTIVE:
        _end_access(session, account, AccessEndReason.RIGHTS_CHANGED)
        publish_holders(session, seats_of(session, account.id))
    session.expire(account, ["roles"])


def end_role(session: Session, held: AccountRole) -> None:
    """Ends a role that an account holds: its offices are told, its sessions get tokens without it."""
    seats = {(held.area_id, office) for office in held.rule.offices}
    held.held_to = utc_now()
    session.flush()
    session.expire(held.account, ["roles"])
    change_rights(session, [held.account])
    publish_holders(session, seats)


def change_rights(session: Session, accounts: Iterable[Account]) -> None:
    """What the tokens of these accounts say is no longer so: live sessions get new ones."""
    for account in accounts:
        if account.state == AccountState.ACTIVE:
            _end_access(session, account, AccessEndReason.RIGHTS_CHANGED)


def new_link(session: Session, account: Account, actor: Actor) -> tuple[str, datetime]:
    """A one-time link for the account: the token (never kept) and its end. Earlier links die (T13).

    Raises `NotAllowed` when the account is not the actor's to manage, `Conflict` when it is suspended or closed.
    """
    _require_managed(actor, account)
    if account.state not in (AccountState.NOT_ACTIVATED, AccountState.ACTIVE):
        raise Conflict(f"账号 {account.username} {AccountState(account.state).label}，请先恢复再发激活链接。")
    token, now = secrets.token_urlsafe(32), utc_now()
    revoke_links(session, account.id)
    link = ActivationLink(account_id=account.id, digest=digest(token), created_at=now, expires_at=now + LINK_LIFETIME)
    session.add(link)
    note(session, "account", account.id, actor, "发激活链接", f"有效期至 {local_time(link.expires_at)}")
    return token, link.expires_at


def resend_link(session: Session, actor: Actor, account_id: str) -> tuple[Account, str, datetime]:
    """A new link for an account that was issued but not yet activated; the old one is dead from now on.

    Raises `Conflict` for an account in use: who holds its link holds the account, so it takes a letter (FAQ-Q3) and,
    for roles of high privilege, a second manager.
    """
    account = get_account(session, actor, account_id, lock=True)
    if account.state == AccountState.ACTIVE:
        raise Conflict(f"账号 {account.username} 已激活，不再重发链接；忘记账号或密码的，请按“账号遗失”提交授权函。")
    return account, *new_link(session, account, actor)


def activate(session: Session, token: str, password_hash: str) -> Account:
    """Sets the password by a one-time link. Raises `NotFound`, or `Conflict` when the link is no longer good."""
    link = find_link(session, token)
    now = utc_now()
    used = session.execute(
        update(ActivationLink)
        .where(
            ActivationLink.id == link.id,
            ActivationLink.used_at.is_(None),
            ActivationLink.revoked_at.is_(None),
            ActivationLink.expires_at > now,
        )
        .values(used_at=now)
        .returning(ActivationLink.id)
    ).first()
    account = session.scalars(select(Account).where(Account.id == link.account_id).with_for_update()).one()
    session.refresh(account)
    if used is None or account.state not in (AccountState.NOT_ACTIVATED, AccountState.ACTIVE):
        raise dead_link(find_link(session, token))
    first = account.state == AccountState.NOT_ACTIVATED
    account.password_hash, account.state = password_hash, AccountState.ACTIVE
    holder = Actor(account.id, account.person_id, account.person.name, ())
    note(session, "account", account.id, holder, "激活" if first else "重设密码")
    if first:
        publish_holders(session, seats_of(session, account.id))
    else:
        # Whoever knew the old password is shut out with it.
        shut_out(session, account, AccessEndReason.SIGNED_OUT)
    return account


def dead_link(link: Link) -> Conflict:
    """The error that says why a link is no longer good, and whom to call (C10)."""
    why = {
        LinkState.USED: "已使用过；如已设好密码，请直接登录",
        LinkState.EXPIRED: "已超过 48 小时，失效了",
    }.get(link.state, "已作废（已另发新链接，或账号已停用）")
    phone = f"（电话 {link.call_phone}）" if link.call_phone else ""
    return Conflict(f"这个激活链接{why}。需要重发请联系{link.call_body}{phone}。", link_state=link.state.value)


def suspend(session: Session, actor: Actor, account_id: str, reason: str) -> Account:
    """Shuts an account out of every service until it is restored.

    Raises `NotAllowed` for one's own account or one that is not the actor's to manage, `Conflict` when it is not in
    use, or is the last account manager of a unit (T12).
    """
    account = get_account(session, actor, account_id, lock=True)
    if account.id == actor.account_id:
        raise NotAllowed("不能停用自己的账号；请由另一位账号管理员办理。")
    _require_managed(actor, account)
    if account.state not in (AccountState.ACTIVE, AccountState.NOT_ACTIVATED):
        raise Conflict(f"账号 {account.username} {AccountState(account.state).label}，无需再停用。")
    seats = seats_of(session, account.id)
    # Locked before counting: two managers who suspend each other must not both succeed.
    lock_seats(session, seats)
    if account.state == AccountState.ACTIVE:
        for held in account.roles:
            if Office.ACCOUNT_MANAGER in held.rule.offices and not others_in_post(
                session, account, held.role, held.unit_id
            ):
                raise Conflict(
                    f"{account.person.name}是{held.unit.body}唯一在岗的账号管理员，请先开通接任的账号管理员再停用。"
                )
    account.state = AccountState.SUSPENDED
    revoke_links(session, account.id)
    shut_out(session, account, AccessEndReason.SUSPENDED)
    note(session, "account", account.id, actor, "停用", require_reason(reason))
    publish_holders(session, seats)
    return account


def restore(session: Session, actor: Actor, account_id: str, reason: str) -> Account:
    """Lets a suspended account sign in again. Raises `Conflict` when it is not suspended."""
    account = get_account(session, actor, account_id, lock=True)
    _require_managed(actor, account)
    if account.state != AccountState.SUSPENDED:
        raise Conflict(f"账号 {account.username} {AccountState(account.state).label}，不是停用状态。")
    account.state = AccountState.ACTIVE if account.password_hash else AccountState.NOT_ACTIVATED
    note(session, "account", account.id, actor, "恢复", require_reason(reason))
    publish_holders(session, seats_of(session, account.id))
    return account


def actor_of(session: Session, account: Account, session_id: str) -> Actor:
    """Who a token of this account speaks of."""
    return Actor(
        account_id=account.id,
        person_id=account.person_id,
        name=account.person.name,
        posts=posts_of(session, account.id),
        session_id=session_id,
    )


def first_role(account: Account) -> str | None:
    """Key of the role that the account was given first, as in `roles.toml`."""
    return account.roles[0].role if account.roles else None


def _require_managed(actor: Actor, account: Account) -> None:
    unit = beyond(actor, account)
    if unit is not None:
        raise NotAllowed(f"此账号有{unit.body}的岗位，请由该单位的上级账号管理员办理。")


def require_reason(text: str) -> str:
    """The reason without blanks at its ends. Raises `Invalid` when there is none."""
    if not text.strip():
        raise Invalid("请写明理由。", fields={"reason": ["请写明理由。"]})
    return text.strip()


def revoke_links(session: Session, account_id: str) -> None:
    """Puts an end to the one-time links that were sent."""
    session.execute(
        update(ActivationLink)
        .where(
            ActivationLink.account_id == account_id,
            ActivationLink.used_at.is_(None),
            ActivationLink.revoked_at.is_(None),
        )
        .values(revoked_at=utc_now())
    )


def shut_out(session: Session, account: Account, reason: AccessEndReason) -> None:
    """Ends every session of the account."""
    session.execute(
        update(SignInSession)
        .where(SignInSession.account_id == account.id, SignInSession.ended_at.is_(None))
        .values(ended_at=utc_now())
    )
    _end_access(session, account, reason)


def _end_access(session: Session, account: Account, reason: AccessEndReason) -> None:
    """Tokens made until now are dead in every service."""
    account.rights_changed_at = utc_now()
    outbox.publish(session, AccessEnded(account_id=account.id, reason=reason, ended_at=account.rights_changed_at))
