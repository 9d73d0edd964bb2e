"""The second step of signing in: an authenticator app set up, codes used once, the whole reset by a manager.

Account managers and the provincial office must have one where the installation says so; everybody may.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from services.accounts.access import totp
from services.accounts.access.models import Account, RecoveryCode, SecondFactor, SignInSession
from services.accounts.access.operations import require_reason, shut_out
from services.accounts.access.queries import digest, get_account, posts_of
from services.accounts.operations import note
from services.accounts.sealing import Sealer
from shared.actors import Actor, Level, Office, Post
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed, NotSignedIn
from shared.events.accounts import AccessEndReason
from shared.settings import SecondFactor as Policy

SETUP_LIFETIME = timedelta(minutes=10)
WRONG = "动态码不正确，或已用过；请等应用显示下一个动态码再输入，也可输入一个没有用过的恢复码。"


class Due(StrEnum):
    """What is still asked of somebody whose password was right."""

    CODE = "code"
    SETUP = "setup"


class Passed(StrEnum):
    """How the second step was passed."""

    APP = "app"
    RECOVERY = "recovery"

    @property
    def label(self) -> str:
        """The Chinese words that people read."""
        return {Passed.APP: "动态码", Passed.RECOVERY: "恢复码"}[self]


def must_have_one(posts: Iterable[Post], policy: Policy) -> bool:
    """Whether these posts are held by nobody without a second step."""
    return policy is Policy.REQUIRED and any(
        post.office is Office.ACCOUNT_MANAGER or post.unit.level is Level.PROVINCE for post in posts
    )


def due(session: Session, account: Account, policy: Policy) -> Due | None:
    """What comes after the right password; None: nothing."""
    if factor_of(session, account.id) is not None:
        return Due.CODE
    return Due.SETUP if must_have_one(posts_of(session, account.id), policy) else None


def lacking(session: Session, account: Account, session_id: str, policy: Policy) -> bool:
    """Whether a session was begun by the password alone, and the account's posts now ask for more."""
    passed = session.scalar(select(SignInSession.second_step).where(SignInSession.id == session_id))
    return passed is None and must_have_one(posts_of(session, account.id), policy)


def factor_of(session: Session, account_id: str) -> SecondFactor | None:
    """The factor in use."""
    return session.scalar(
        select(SecondFactor).where(
            SecondFactor.account_id == account_id,
            SecondFactor.confirmed_at.is_not(None),
            SecondFactor.ended_at.is_(None),
        )
    )


def with_factor(session: Session, accounts: Sequence[Account]) -> list[Account]:
    """Those of the accounts that have one in use."""
    query = select(SecondFactor.account_id).where(
        SecondFactor.account_id.in_([account.id for account in accounts]),
        SecondFactor.confirmed_at.is_not(None),
        SecondFactor.ended_at.is_(None),
    )
    found = set(session.scalars(query))
    return [account for account in accounts if account.id in found]


def codes_left(session: Session, account_id: str) -> int:
    """How many recovery codes were not used yet."""
    query = (
        select(func.count())
        .select_from(RecoveryCode)
        .join(SecondFactor, SecondFactor.id == RecoveryCode.factor_id)
        .where(
            SecondFactor.account_id == account_id,
            SecondFactor.confirmed_at.is_not(None),
            SecondFactor.ended_at.is_(None),
            RecoveryCode.used_at.is_(None),
        )
    )
    return session.scalar(query) or 0


def pending(session: Session, account_id: str) -> SecondFactor | None:
    """The factor that is being set up: shown within the last minutes, and not yet confirmed."""
    return session.scalar(
        select(SecondFactor)
        .where(
            SecondFactor.account_id == account_id,
            SecondFactor.confirmed_at.is_(None),
            SecondFactor.ended_at.is_(None),
            SecondFactor.created_at > utc_now() - SETUP_LIFETIME,
        )
        .order_by(SecondFactor.created_at.desc(), SecondFactor.id)
        .limit(1)
    )


def begin(session: Session, sealer: Sealer, account: Account) -> SecondFactor:
    """A fresh secret, to be shown and then confirmed; whatever was being set up before is over."""
    _end(session, account.id, SecondFactor.confirmed_at.is_(None))
    factor = SecondFactor(
        account_id=account.id, secret_sealed=sealer.seal(totp.new_secret()), created_at=utc_now(), last_step=0
    )
    session.add(factor)
    session.flush()
    return factor


def confirm(session: Session, sealer: Sealer, account: Account, code: str) -> list[str]:
    """Takes the pending factor into use, in place of an earlier one, by its first code; its ten recovery codes.

    The account must be locked. Raises `Invalid` when the code is wrong, `Conflict` when nothing is being set up.
    """
    factor = pending(session, account.id)
    if factor is None:
        raise Conflict("设置动态口令已超过 10 分钟或已在别处完成，请重新开始。")
    step = totp.matching_step(sealer.open(factor.secret_sealed), totp.plain(code), utc_now())
    if step is None:
        why = "动态码不正确：请确认手机时间准确，并输入应用现在显示的 6 位数字。"
        raise Invalid(why, fields={"code": [why]})
    replaced = _end(session, account.id, SecondFactor.confirmed_at.is_not(None))
    factor.confirmed_at, factor.last_step = utc_now(), step
    codes = [totp.recovery_code() for _ in range(totp.RECOVERY_CODES)]
    session.add_all(RecoveryCode(digest=digest(totp.plain(code)), factor_id=factor.id) for code in codes)
    holder = Actor(account.id, account.person_id, account.person.name, ())
    note(session, "account", account.id, holder, "更换动态口令" if replaced else "设置动态口令")
    session.flush()
    return codes


def use_code(session: Session, sealer: Sealer, account: Account, code: str) -> Passed:
    """Uses up a code of the app, or a recovery code. Raises `NotSignedIn` when it is neither, or was used before."""
    factor = factor_of(session, account.id)
    if factor is None:
        raise Conflict("此账号的动态口令刚刚被重置，请重新登录。")
    typed, now = totp.plain(code), utc_now()
    step = totp.matching_step(sealer.open(factor.secret_sealed), typed, now)
    if step is not None:
        # In one statement: two who send the same code at once do not both come in.
        used = session.scalar(
            update(SecondFactor)
            .where(SecondFactor.id == factor.id, SecondFactor.last_step < step)
            .values(last_step=step)
            .returning(SecondFactor.id)
        )
        passed = Passed.APP
    else:
        used = session.scalar(
            update(RecoveryCode)
            .where(
                RecoveryCode.digest == digest(typed),
                RecoveryCode.factor_id == factor.id,
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=now)
            .returning(RecoveryCode.factor_id)
        )
        passed = Passed.RECOVERY
    if used is None:
        raise NotSignedIn(WRONG)
    if passed is Passed.RECOVERY:
        left = codes_left(session, account.id)
        holder = Actor(account.id, account.person_id, account.person.name, ())
        note(session, "account", account.id, holder, "用恢复码", f"还剩 {left} 个")
    return passed


def may_reset(actor: Actor, account: Account) -> bool:
    """Whether the actor manages the accounts of every unit of the account, from above or as its second manager."""
    return account.id != actor.account_id and all(
        actor.post_over(held.unit.authority_path, Office.ACCOUNT_MANAGER)
        or actor.post_at(held.unit.path, Office.ACCOUNT_MANAGER)
        for held in account.roles
    )


def reset(session: Session, actor: Actor, account_id: str, reason: str) -> Account:
    """Takes somebody's second step away, whose telephone and recovery codes are lost; the next sign-in sets up another.

    She is signed out everywhere. Raises `NotAllowed` for one's own account or one that is not the actor's to manage,
    `Conflict` when there is none.
    """
    account = get_account(session, actor, account_id, lock=True)
    if account.id == actor.account_id:
        raise NotAllowed("不能重置自己的动态口令；请用恢复码登录后更换，或请另一位账号管理员办理。")
    if not may_reset(actor, account):
        raise NotAllowed("此账号的动态口令请由该单位的另一位账号管理员，或上级账号管理员重置。")
    if not _end(session, account.id, SecondFactor.confirmed_at.is_not(None)):
        raise Conflict(f"账号 {account.username} 没有设置动态口令，无需重置。")
    shut_out(session, account, AccessEndReason.SIGNED_OUT)
    note(session, "account", account.id, actor, "重置动态口令", require_reason(reason))
    return account


def _end(session: Session, account_id: str, *which: ColumnElement[bool]) -> bool:
    query = (
        update(SecondFactor)
        .where(SecondFactor.account_id == account_id, SecondFactor.ended_at.is_(None), *which)
        .values(ended_at=utc_now())
        .returning(SecondFactor.id)
    )
    return bool(list(session.scalars(query)))
