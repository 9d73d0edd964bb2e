"""What somebody does with her own sign-ins: sees them, ends them, changes her password."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.accounts.access.models import Account, SignInSession
from services.accounts.access.operations import end_sessions, revoke_links
from services.accounts.kinds import AccountState
from services.accounts.operations import note
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import Conflict, NotFound, NotSignedIn


def living_sessions(session: Session, actor: Actor) -> list[SignInSession]:
    """The actor's own sessions that have not ended, newest first."""
    query = select(SignInSession).where(
        SignInSession.account_id == actor.account_id,
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > utc_now(),
    )
    return list(session.scalars(query.order_by(SignInSession.started_at.desc(), SignInSession.id)))


def sign_out(session: Session, actor: Actor) -> None:
    """Ends the session that the actor is using."""
    end_sessions(session, actor.account_id, SignInSession.id == actor.session_id)


def end_one(session: Session, actor: Actor, session_id: str) -> None:
    """Ends one of the actor's sessions; once more changes nothing. Raises `NotFound` when it is somebody else's."""
    own = (SignInSession.id == session_id, SignInSession.account_id == actor.account_id)
    if session.scalar(select(SignInSession.id).where(*own)) is None:
        raise NotFound()
    end_sessions(session, actor.account_id, SignInSession.id == session_id)


def end_others(session: Session, actor: Actor) -> int:
    """Ends all of the actor's sessions but the one in use; how many there were."""
    return end_sessions(session, actor.account_id, SignInSession.id != actor.session_id)


def mark_passed(session: Session, actor: Actor, passed: str) -> None:
    """Notes that the session in use has passed a second step."""
    session.execute(update(SignInSession).where(SignInSession.id == actor.session_id).values(second_step=passed))


def account_of(session: Session, actor: Actor) -> Account:
    """The actor's own account, locked for a change. Raises `NotSignedIn` when it is no longer in use."""
    account = session.scalar(
        select(Account)
        .where(Account.id == actor.account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if account is None or account.state != AccountState.ACTIVE:
        raise NotSignedIn("登录已失效，请重新登录。")
    return account


def change_password(session: Session, actor: Actor, old_hash: str, new_hash: str) -> int:
    """Sets the new password of whoever knew the old one (`old_hash`, just verified). All other sessions end.

    Returns how many. Raises `Conflict` when the password was changed at the same time.
    """
    account = account_of(session, actor)
    if account.password_hash != old_hash:
        raise Conflict("密码刚刚已在别处修改，请用新密码重试。")
    account.password_hash = new_hash
    revoke_links(session, account.id)
    note(session, "account", account.id, actor, "修改密码")
    return end_others(session, actor)
