"""Tables of notices: what somebody is told, where mail goes, and the mails."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint, case, text
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from services.accounts.access.models import Account
from services.accounts.models import Base, one_of
from shared.database import IdType, UtcDateTime, new_id
from shared.outbox import BigId


class Notice(Base):
    """Something that one account is told, once for each event."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("event_id", "account_id"),
        Index(
            "ix_notices_unread",
            "account_id",
            "id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
        Index("ix_notices_account", "account_id", "id"),
        Index("ix_notices_about", "about", "occasion"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    event_id: Mapped[str] = mapped_column(IdType)
    occasion: Mapped[str] = mapped_column(String(30))
    """Key in `notices.toml`."""
    about: Mapped[str | None] = mapped_column(IdType)
    """What it is about, so that it is done with when that is: id of a submission."""
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    link: Mapped[str] = mapped_column(String(200))
    urgent: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mail_id: Mapped[str | None] = mapped_column(IdType)
    """The mail that says it; a notice is mailed once or never."""

    unread: Mapped[int] = column_property(case((read_at.is_(None), 1), else_=0))
    """1 or 0: unread ones come first."""


class MailAddress(Base):
    """Where somebody gets mail: used only once it is confirmed by a code that was sent there."""

    __tablename__ = "mail_addresses"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    address: Mapped[str | None] = mapped_column(String(120))
    """The confirmed one; None: no mail."""
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """What is older is not mailed."""
    wanted: Mapped[str | None] = mapped_column(String(120))
    """Entered and not yet confirmed; until then the old one serves."""
    code_digest: Mapped[str | None] = mapped_column(String(64))
    code_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[Account] = relationship()


class MailKind(StrEnum):
    """Why a mail is sent."""

    CODE = "code"
    URGENT = "urgent"
    DIGEST = "digest"

    @property
    def label(self) -> str:
        """The Chinese words."""
        return {"code": "验证码", "urgent": "即时", "digest": "每日汇总"}[self.value]


class MailState(StrEnum):
    """How far a mail is."""

    WAITING = "waiting"
    SENDING = "sending"
    """In the hands of the mail server; a process killed here leaves it so: better no mail than two."""
    SENT = "sent"
    SHOWN = "shown"
    """There is no mail server: it is on the page of mails only."""
    FAILED = "failed"

    @property
    def label(self) -> str:
        """The Chinese words."""
        return {
            "waiting": "待发送",
            "sending": "发送中（若中断不再重发）",
            "sent": "已发送",
            "shown": "未发送，仅展示",
            "failed": "未能送达",
        }[self.value]


class Mail(Base):
    """One mail to one person, as it was composed."""

    __tablename__ = "mails"
    __table_args__ = (one_of("kind", MailKind), one_of("state", MailState), Index("ix_mails_account", "account_id"))

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    address: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(240))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    state: Mapped[str] = mapped_column(String(10), default=MailState.WAITING)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(String(200))
    """Why the last try failed, in short."""

    account: Mapped[Account] = relationship()
