"""What API and pages do alike around the slow hashing, which must not happen while a transaction is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from services.accounts import parts
from services.accounts.access import attempts, operations, passwords
from services.accounts.access.models import Account
from services.accounts.access.queries import LinkState, find_link, live_session
from shared.actors import Actor
from shared.auth import Claims
from shared.errors import NotSignedIn
from shared.service import Runtime

REFUSED = "账号或密码不正确。若忘记账号或密码，请提交授权函。"
LOCKED = "连续多次未能登录，此账号已暂时锁定。"
BUSY = "此网络短时间内多次未能登录，已暂停登录。"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in gives."""

    token: str
    expires_at: datetime
    actor: Actor
    role: str | None
    """Key of the first role, as in `roles.toml`."""


def sign_in(run: Runtime, username: str, password: str, client: str, address: str | None) -> SignedIn:
    """Signs in. Raises `NotSignedIn` with the same words, after the same time, for a wrong name and a wrong password;
    `TooMany` when locked out; `NotAllowed` when the password is right but the account suspended.

    Failures count for name and address together, so that nobody locks out others, and more loosely for each alone.
    """
    username = username.strip().lower()
    pair, place, name = f"sign-in:{username}@{address}", f"sign-in-from:{address}", f"sign-in:{username}"
    hasher = parts.passwords(run)
    with run.database.transaction() as session:
        # In this order: who is locked out already does not use up what others share.
        attempts.count_attempt(session, pair, attempts.SIGN_IN_LIMIT, LOCKED)
        attempts.count_attempt(session, place, attempts.ADDRESS_LIMIT, BUSY)
        attempts.count_attempt(session, name, attempts.NAME_LIMIT, LOCKED)
        kept = session.scalar(select(Account.password_hash).where(Account.username == username))
    good = hasher.verify(kept, password)
    if not good or kept is None:
        raise NotSignedIn(REFUSED)
    better = hasher.hash(password) if hasher.outdated(kept) else None
    with run.database.transaction() as session:
        attempts.forget_attempts(session, pair)
        attempts.uncount_attempt(session, place)
        attempts.uncount_attempt(session, name)
        started = operations.start_session(session, username, client, better_hash=better)
    if started is None:
        raise NotSignedIn(REFUSED)
    actor, role, expires_at = started
    return SignedIn(parts.signer(run).sign(actor), expires_at, actor, role)


def renew(run: Runtime, claims: Claims) -> str | None:
    """A fresh token for a live session whose posts have changed since; None when the session is over."""
    with run.database.transaction() as session:
        account = live_session(session, claims)
        if account is None:
            return None
        actor = operations.renew_session(session, account, claims.actor.session_id)
    return parts.signer(run).sign(actor)


def set_password(run: Runtime, token: str, password: str) -> str:
    """Activates by a one-time link; returns the username.

    Raises `NotFound`, `Invalid` when the password is too weak, `Conflict` when the link is no longer good.
    """
    with run.database.reading() as session:
        link = find_link(session, token)
    if link.state is not LinkState.GOOD:
        raise operations.dead_link(link)
    passwords.require_good(password, link.username)
    password_hash = parts.passwords(run).hash(password)
    with run.database.transaction() as session:
        return operations.activate(session, token, password_hash).username
