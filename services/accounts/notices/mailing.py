"""Mails: where they go, what is in them, and when: urgent notices at once, all others in one digest a day.

A mail says titles and where to read on, nothing else of what a notice says.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from email.message import EmailMessage
from itertools import groupby

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from services.accounts.access.models import Account
from services.accounts.access.queries import digest
from services.accounts.kinds import AccountState
from services.accounts.models import Person
from services.accounts.notices.mailer import Mailer, Undeliverable, Unreachable
from services.accounts.notices.models import Mail, MailAddress, MailKind, MailState, Notice
from services.accounts.operations import note
from shared import outbox
from shared.actors import Actor
from shared.database import Database, new_id, utc_now
from shared.errors import Conflict, Invalid
from shared.jobs import run_later
from shared.logs import get_logger
from shared.ui.filters import CHINA

log = get_logger(__name__)

SEND_JOB = "accounts.send_mail"
DIGEST_HOUR = time(8, tzinfo=CHINA)
CODE_LIFETIME = timedelta(minutes=30)
LISTED = 50
"""So many notices are named in one digest; of the rest it gives the number."""
GIVE_UP_AFTER = timedelta(days=1)
PRODUCT = "学分 · 教师培训学分管理"


def ask_address(session: Session, actor: Actor, address: str) -> None:
    """Notes an address and mails a code there; the one before it serves until the new one is confirmed."""
    address = address.strip()
    code = f"{secrets.randbelow(1_000_000):06d}"
    row = _locked(session, actor.account_id)
    if row.address == address:
        words = "这个邮箱已经确认过，无需再次填写。"
        raise Invalid(words, fields={"address": [words]})
    row.wanted, row.code_until = address, utc_now() + CODE_LIFETIME
    row.code_digest = _code_digest(actor.account_id, address, code)
    body = (
        f"您在“{PRODUCT}”填写了这个邮箱，验证码是 {code}，30 分钟内有效。\n如非本人操作，请不必理会，也不要告诉他人。"
    )
    _compose(session, actor.account_id, actor.name, address, MailKind.CODE, "邮箱验证码", body)


def confirm_address(session: Session, actor: Actor, code: str) -> str:
    """The code was right: mail goes there from now on. Returns the address.

    Raises `Conflict` when there is nothing to confirm, `Invalid` for a wrong or old code.
    """
    row = _locked(session, actor.account_id)
    if row.wanted is None or row.code_digest is None or row.code_until is None:
        raise Conflict("没有待确认的邮箱，请先填写邮箱。")
    given = _code_digest(actor.account_id, row.wanted, code.strip())
    if row.code_until <= utc_now() or not secrets.compare_digest(given, row.code_digest):
        words = "验证码不正确或已过期；请核对邮件中的 6 位数字，或重新发送。"
        raise Invalid(words, fields={"code": [words]})
    row.address, row.confirmed_at = row.wanted, utc_now()
    row.wanted = row.code_digest = row.code_until = None
    note(session, "account", actor.account_id, actor, "确认邮箱")
    return str(row.address)


def drop_address(session: Session, actor: Actor) -> None:
    """No mail any more; what is on its way still comes."""
    if session.scalar(
        delete(MailAddress).where(MailAddress.account_id == actor.account_id).returning(MailAddress.account_id)
    ):
        note(session, "account", actor.account_id, actor, "停用邮箱")


def mail_urgent(session: Session, event_id: str, site: str) -> int:
    """Mails at once what one event has told, to those who get mail and have not read it yet."""
    rows = _to_mail(session, Notice.event_id == event_id, Notice.urgent)
    for notice, address, name in rows:
        _mail_notices(session, [notice], address, name, MailKind.URGENT, site)
    return len(rows)


def mail_digests(session: Session, now: datetime, site: str) -> int:
    """From eight o'clock on: one mail to each who has unread notices from before that were not mailed yet.

    Whoever was told in the last moment waits for the next day: never two a day. Returns how many mails.
    """
    eight = datetime.combine(now.astimezone(CHINA).date(), DIGEST_HOUR)
    if now < eight:
        return 0
    rows = _to_mail(session, ~Notice.urgent, Notice.created_at < eight)
    made = 0
    for _, group in groupby(rows, key=lambda row: row[0].account_id):
        some = list(group)
        _, address, name = some[0]
        _mail_notices(session, [notice for notice, _, _ in some], address, name, MailKind.DIGEST, site)
        made += 1
    return made


def send(database: Database, mailer: Mailer | None, sender: str, mail_id: str) -> None:
    """Sends one mail, or marks it as shown where there is no mail server.

    Claimed before it goes: what was in the hands of the server when a process died is not sent again.
    """
    with database.transaction() as session:
        claimed = session.scalar(
            update(Mail)
            .where(Mail.id == mail_id, Mail.state == MailState.WAITING)
            .values(state=MailState.SENDING if mailer else MailState.SHOWN, tries=Mail.tries + 1)
            .returning(Mail)
        )
        if claimed is None or mailer is None:
            return
    state, error = MailState.SENT, None
    try:
        mailer.send(as_message(claimed, sender))
    except Undeliverable as refused:
        state, error = MailState.FAILED, str(refused)
    except Unreachable as away:
        late = claimed.created_at < utc_now() - GIVE_UP_AFTER
        state, error = MailState.FAILED if late else MailState.WAITING, str(away)
    if error:
        log.warning("mail_not_sent", mail_id=mail_id, state=state.value, tries=claimed.tries, error=error)
    with database.transaction() as session:
        mail = session.get_one(Mail, mail_id)
        mail.state, mail.error = state, error
        mail.sent_at = utc_now() if state is MailState.SENT else None
        if state is MailState.WAITING:
            wait = timedelta(minutes=min(2**mail.tries, 60))
            run_later(session, SEND_JOB, {"mail_id": mail_id}, not_before=utc_now() + wait)


def as_message(mail: Mail, sender: str) -> EmailMessage:
    """The mail as it travels."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, mail.address, mail.subject
    message["Date"] = mail.created_at
    # The same at each try, so that a server which has it already may know it.
    message["Message-ID"] = f"<{mail.id}@xuefen.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body, cte="base64")
    return message


def _to_mail(session: Session, *which: object) -> Sequence[tuple[Notice, str, str]]:
    """Notices to mail with address and name, by account: unread, never mailed, told since it is confirmed."""
    query = (
        select(Notice, MailAddress.address, Person.name)
        .join(MailAddress, MailAddress.account_id == Notice.account_id)
        .join(Account, Account.id == Notice.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(
            *which,  # type: ignore[arg-type]
            Notice.mail_id.is_(None),
            Notice.read_at.is_(None),
            Notice.created_at >= MailAddress.confirmed_at,
            Account.state == AccountState.ACTIVE,
        )
        .order_by(Notice.account_id, Notice.id)
        .with_for_update(of=Notice)
    )
    return [(notice, str(address), name) for notice, address, name in session.execute(query)]


def _mail_notices(
    session: Session, notices: Sequence[Notice], address: str, name: str, kind: MailKind, site: str
) -> None:
    subject = notices[0].title
    if kind is MailKind.DIGEST:
        subject = f"{len(notices)} 条新消息"
        lines = [f"{number}. {notice.title}" for number, notice in enumerate(notices[:LISTED], start=1)]
        if len(notices) > LISTED:
            lines.append(f"……共 {len(notices)} 条")
        body = "\n".join([*lines, "", f"请登录查看：{site}/accounts/notices"])
    else:
        body = f"{notices[0].title}\n\n请登录办理：{site}{notices[0].link}"
    mail_id = _compose(session, notices[0].account_id, name, address, kind, subject, body)
    for notice in notices:
        notice.mail_id = mail_id


def _compose(
    session: Session, account_id: str, name: str, address: str, kind: MailKind, subject: str, body: str
) -> str:
    """Writes a mail and has it sent by a job."""
    mail_id = new_id()
    foot = f"—— {PRODUCT}\n此邮件由系统发出，请勿回复。在“消息”页可以更换或停用邮箱。"
    session.add(
        Mail(
            id=mail_id,
            account_id=account_id,
            address=address,
            kind=kind,
            subject=f"【学分】{subject}",
            body=f"{name}：\n\n{body}\n\n{foot}\n",
            created_at=utc_now(),
        )
    )
    run_later(session, SEND_JOB, {"mail_id": mail_id})
    return mail_id


def _locked(session: Session, account_id: str) -> MailAddress:
    """The account's row, made if need be; two requests at once take turns."""
    session.execute(outbox.insert(session, MailAddress).values(account_id=account_id).on_conflict_do_nothing())  # type: ignore[arg-type]
    return session.scalars(select(MailAddress).where(MailAddress.account_id == account_id).with_for_update()).one()


def _code_digest(account_id: str, address: str, code: str) -> str:
    return digest(f"mail-code:{account_id}:{address}:{code}")
