"""What API and pages do alike around the slow hashing, which must not happen while a transaction is open."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts import parts
from services.accounts.access import attempts, operations, own, passwords, second_step
from services.accounts.access.models import Account
from services.accounts.access.queries import LinkState, find_link, live_session
from services.accounts.access.refusals import note_refused, noting_refusal
from services.accounts.access.second_step import Due
from services.accounts.kinds import AccountState
from shared.actors import Actor
from shared.auth import Claims
from shared.errors import Invalid, NotSignedIn
from shared.service import Runtime
from shared.web import transaction

REFUSED = "账号或密码不正确。若忘记账号或密码，请提交授权函。"
LOCKED = "连续多次未能登录，此账号已暂时锁定。"
BUSY = "此网络短时间内多次未能登录，已暂停登录。"
CODES_LOCKED = "连续多次输错动态码，已暂时锁定。"
OLD_LOCKED = "连续多次输错密码，已暂时锁定。"
TICKET_LIFETIME = second_step.SETUP_LIFETIME


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in gives."""

    token: str
    expires_at: datetime
    actor: Actor
    role: str | None
    """Key of the first role, as in `roles.toml`."""
    recovery_codes: tuple[str, ...] = ()
    """Where the second step has just been set up; shown once."""


@dataclass(frozen=True, slots=True)
class StepDue:
    """The password was right, and something more is asked before there is a session."""

    due: Due
    ticket: str
    """Says to `pass_second_step` whose password it was; good for ten minutes, and until the password changes."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What an authenticator app is told."""

    username: str
    secret: bytes


def sign_in(run: Runtime, username: str, password: str, client: str, address: str | None) -> SignedIn | StepDue:
    """Signs in, or says which second step is due.

    Raises `NotSignedIn` with the same words, after the same time, for a wrong name and a wrong password; `TooMany` when
    locked out; `NotAllowed` when the password is right but the account suspended.

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
        note_refused(run, username)
        raise NotSignedIn(REFUSED)
    better = hasher.hash(password) if hasher.outdated(kept) else None
    with noting_refusal(run, username), run.database.transaction() as session:
        attempts.forget_attempts(session, pair)
        attempts.uncount_attempt(session, place)
        attempts.uncount_attempt(session, name)
        account = operations.account_to_enter(session, username, kept)
        if account is not None:
            account.password_hash = better or kept
            due = second_step.due(session, account, run.settings.second_factor)
            if due is not None:
                return StepDue(due, _tickets(run).dumps([account.id, _mark(account)]))
            actor, role, expires_at = operations.start_session(session, account, client, address)
    if account is None:
        raise NotSignedIn(REFUSED)
    return SignedIn(parts.signer(run).sign(actor), expires_at, actor, role)


def second_step_due(run: Runtime, ticket: str) -> Setup | None:
    """What to show to somebody whose password was right: what an app is to be told; None: only a code is asked.

    Raises `NotSignedIn` when the ticket is over.
    """
    with run.database.transaction() as session:
        account = _ticket_holder(run, session, ticket)
        return None if second_step.factor_of(session, account.id) else _setup(run, session, account)


def pass_second_step(run: Runtime, ticket: str, code: str, client: str, address: str | None) -> SignedIn:
    """Signs in by the second step, which is set up by this code where there was none.

    Raises `NotSignedIn` when the ticket is over or the code wrong, `Invalid` when the first code of a new app is wrong,
    `TooMany` when locked out.
    """
    with run.database.transaction() as session:
        holder = _ticket_holder(run, session, ticket)
        account_id, username = holder.id, holder.username
    _count_code(run, account_id)
    secrets = parts.factor_secrets(run)
    with noting_refusal(run, username), run.database.transaction() as session:
        account = _ticket_holder(run, session, ticket)
        codes: list[str] = []
        if second_step.factor_of(session, account.id):
            passed = second_step.use_code(session, secrets, account, code)
        else:
            codes, passed = second_step.confirm(session, secrets, account, code), second_step.Passed.APP
        _forget_codes(session, account_id)
        actor, role, expires_at = operations.start_session(session, account, client, address, passed)
    return SignedIn(parts.signer(run).sign(actor), expires_at, actor, role, tuple(codes))


def begin_own_factor(run: Runtime, actor: Actor, password: str, code: str) -> None:
    """Lets somebody who is signed in set up an app, or another: asks for the password, and a code where there is one.

    Raises `Invalid` naming what was wrong, `TooMany` when locked out.
    """
    password_hash = _own_password(run, actor, password, field="own_password")
    with run.database.reading() as session:
        known = second_step.factor_of(session, actor.account_id) is not None
    if known:
        _count_code(run, actor.account_id)
    with transaction() as session:
        account = own.account_of(session, actor)
        if account.password_hash != password_hash:
            raise NotSignedIn("密码刚刚已在别处修改，请重新登录。")
        if second_step.factor_of(session, account.id) is not None:
            if not known:
                raise NotSignedIn("动态口令刚刚已在别处设置，请重新登录。")
            try:
                second_step.use_code(session, parts.factor_secrets(run), account, code)
            except NotSignedIn as error:
                raise Invalid(error.detail, fields={"code": [error.detail]}) from error
            _forget_codes(session, account.id)
        second_step.begin(session, parts.factor_secrets(run), account)


def own_setup(run: Runtime, actor: Actor) -> Setup | None:
    """What the app is told that the actor is setting up; None: nothing is being set up."""
    with run.database.reading() as session:
        factor = second_step.pending(session, actor.account_id)
        if factor is None:
            return None
        username = session.get_one(Account, actor.account_id).username
        return Setup(username, parts.factor_secrets(run).open(factor.secret_sealed))


def confirm_own_factor(run: Runtime, actor: Actor, code: str) -> list[str]:
    """Takes the app into use by its first code; the recovery codes. Raises as `second_step.confirm`, and `TooMany`."""
    _count_code(run, actor.account_id)
    with transaction() as session:
        account = own.account_of(session, actor)
        codes = second_step.confirm(session, parts.factor_secrets(run), account, code)
        own.mark_passed(session, actor, second_step.Passed.APP)
        _forget_codes(session, account.id)
    return codes


def change_password(run: Runtime, actor: Actor, old: str, new: str) -> int:
    """Changes one's own password; how many other sessions ended by it.

    Raises `Invalid` naming `old` or `password`, `TooMany` when locked out.
    """
    old_hash = _own_password(run, actor, old, field="old")
    with run.database.reading() as session:
        username = session.get_one(Account, actor.account_id).username
    passwords.require_good(new, username)
    new_hash = parts.passwords(run).hash(new)
    with transaction() as session:
        return own.change_password(session, actor, old_hash, new_hash)


def renew(run: Runtime, claims: Claims) -> str | None:
    """A fresh token for a live session whose posts have changed since; None when one must sign in anew.

    That is when the session is over, or was begun without the second step that the new posts ask for.
    """
    with run.database.transaction() as session:
        account = live_session(session, claims)
        if account is None:
            return None
        if second_step.lacking(session, account, claims.actor.session_id, run.settings.second_factor):
            return None
        actor = operations.renew_session(session, account, claims.actor.session_id)
        # Signed while the session's row is locked: whoever ends it afterwards ends this token too.
        return parts.signer(run).sign(actor) if actor else None


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
    with transaction() as session:
        return operations.activate(session, token, password_hash).username


def _setup(run: Runtime, session: Session, account: Account) -> Setup:
    secrets = parts.factor_secrets(run)
    factor = second_step.pending(session, account.id) or second_step.begin(session, secrets, account)
    return Setup(account.username, secrets.open(factor.secret_sealed))


def _own_password(run: Runtime, actor: Actor, password: str, *, field: str) -> str:
    """The hash that the actor's own password was just verified against; not within a transaction, since it is slow."""
    guarded = f"own-password:{actor.account_id}"
    with run.database.transaction() as session:
        attempts.count_attempt(session, guarded, attempts.SIGN_IN_LIMIT, OLD_LOCKED)
        kept = session.get_one(Account, actor.account_id).password_hash
    if kept is None or not parts.passwords(run).verify(kept, password):
        why = "密码不正确，请重新输入。"
        raise Invalid(why, fields={field: [why]})
    with run.database.transaction() as session:
        attempts.forget_attempts(session, guarded)
    return kept


def _count_code(run: Runtime, account_id: str) -> None:
    """In a transaction of its own, so that a wrong code counts. Only who knows the password gets as far as this."""
    with run.database.transaction() as session:
        attempts.count_attempt(session, f"second-step:{account_id}", attempts.SIGN_IN_LIMIT, CODES_LOCKED)


def _forget_codes(session: Session, account_id: str) -> None:
    attempts.forget_attempts(session, f"second-step:{account_id}")


def _tickets(run: Runtime) -> URLSafeTimedSerializer:
    """Signs tickets with a key that accounts alone has."""
    key = hmac.digest(run.settings.encryption_key, b"xuefen first step of a sign-in v1", "sha256")
    return URLSafeTimedSerializer(key, salt="first step")


def _ticket_holder(run: Runtime, session: Session, ticket: str) -> Account:
    """The account, locked, whose password was right. Raises `NotSignedIn` when the ticket is over."""
    over = NotSignedIn("登录已超过 10 分钟没有完成，请重新输入账号和密码。")
    try:
        account_id, mark = _tickets(run).loads(ticket, max_age=int(TICKET_LIFETIME.total_seconds()))
    except BadData as error:
        raise over from error
    account = session.scalar(
        select(Account).where(Account.id == account_id).with_for_update().execution_options(populate_existing=True)
    )
    if account is None or account.state != AccountState.ACTIVE or _mark(account) != mark:
        raise over
    return account


def _mark(account: Account) -> str:
    """Changes with the password, and tells nothing of it."""
    return hashlib.sha256((account.password_hash or "").encode()).hexdigest()[:16]
