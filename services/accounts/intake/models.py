"""Tables of letters: the letter, whom it asks an account for, its scans, and the numbers given out."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.accounts.access.models import Account
from services.accounts.kinds import LetterKind, LetterStatus
from services.accounts.models import Base, Unit, one_of
from services.accounts.roles import ROLES, Role
from shared.database import IdType, JsonType, PathType, UtcDateTime, new_id


class Letter(Base):
    """One authorization letter and where it stands. Its history is in `HistoryLine`."""

    __tablename__ = "letters"
    __table_args__ = (
        one_of("kind", LetterKind),
        one_of("status", LetterStatus),
        Index("ix_letters_handler", "handler_path", "status", "received_at"),
        Index("ix_letters_scope", "scope_path", "status", "received_at"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    """函号, L2026-000123."""
    kind: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20), default=LetterStatus.RECEIVED)
    version: Mapped[int] = mapped_column(Integer, default=1)
    round: Mapped[int] = mapped_column(Integer, default=1)
    """How many times it has been sent in: 1, and one more after each 退回补正."""
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("units.id"), index=True)
    """None: a county that is to be set up by this letter (FAQ-Q4)."""
    unit_code: Mapped[str] = mapped_column(String(20))
    unit_name: Mapped[str] = mapped_column(String(120))
    """As the register had it on arrival, or as the letter names the new county."""
    scope_path: Mapped[str] = mapped_column(PathType)
    """The unit above the one that asks: whoever manages accounts there or higher sees the letter."""
    handler_path: Mapped[str] = mapped_column(PathType)
    """The lowest of those that has an account manager in post: in whose queue it waits."""
    stamped_by: Mapped[str] = mapped_column(String(120))
    dated: Mapped[date] = mapped_column(Date)
    contact_phone: Mapped[str] = mapped_column(String(40))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)

    answers: Mapped[dict[str, str]] = mapped_column(JsonType, default=dict)
    """Check -> `yes`, `no`, `not_applicable`."""
    remarks: Mapped[dict[str, str]] = mapped_column(JsonType, default=dict)
    """Check -> what the manager wrote; for a 否 it is what the applicant is told."""
    ready: Mapped[bool] = mapped_column(Boolean, default=False)
    """Every check is answered as it must be for issuing."""
    suspected: Mapped[bool] = mapped_column(Boolean, default=False)
    """It looked like another letter when it came (T15)."""
    needs_second: Mapped[bool] = mapped_column(Boolean, default=False)
    """A second account manager must confirm before an account is issued (high-privilege roles)."""
    checked_by: Mapped[str | None] = mapped_column(IdType)
    checked_by_name: Mapped[str | None] = mapped_column(String(60))
    confirmed_by: Mapped[str | None] = mapped_column(IdType)
    confirmed_by_name: Mapped[str | None] = mapped_column(String(60))
    decided_by: Mapped[str | None] = mapped_column(IdType)
    decided_by_name: Mapped[str | None] = mapped_column(String(60))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    points: Mapped[list[dict[str, str]]] = mapped_column(JsonType, default=list)
    """What must be corrected after 退回补正: `[{"check", "label", "text"}]`."""
    correct_by: Mapped[date | None] = mapped_column(Date)
    reason_code: Mapped[str | None] = mapped_column(String(40))
    reason_text: Mapped[str | None] = mapped_column(Text)
    follows: Mapped[str | None] = mapped_column(String(20))
    """原函号: the letter that this one comes instead of, as the applicant says."""

    unit: Mapped[Unit | None] = relationship()
    asks: Mapped[list[Ask]] = relationship(back_populates="letter", order_by="Ask.place", lazy="selectin")
    scans: Mapped[list[Scan]] = relationship(back_populates="letter", order_by="Scan.round", lazy="selectin")

    @property
    def roles(self) -> list[Role]:
        """The roles that are asked for, each once."""
        return list(dict.fromkeys(ask.rule for ask in self.asks))

    @property
    def scan(self) -> Scan | None:
        """The scan that counts: the latest; None while it is waited for."""
        return self.scans[-1] if self.scans else None

    def overdue(self, today: date) -> bool:
        """逾期未补正: it was returned, and the days to correct it are over."""
        return self.status == LetterStatus.RETURNED and self.correct_by is not None and self.correct_by < today


class Ask(Base):
    """That a letter asks for a role for a person, and what came of it: each has an outcome of its own (C15)."""

    __tablename__ = "letter_asks"
    __table_args__ = (
        # One account per letter, role and person, whoever presses how often (T4).
        UniqueConstraint("letter_id", "role", "identity_hash"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    letter_id: Mapped[str] = mapped_column(ForeignKey("letters.id"))
    place: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Its line in the letter, from 0."""
    role: Mapped[str] = mapped_column(String(40))
    person_name: Mapped[str] = mapped_column(String(60))
    identity_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    identity_hash: Mapped[str] = mapped_column(String(64), index=True)
    identity_masked: Mapped[str] = mapped_column(String(18))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    """None until it is issued."""
    left_out: Mapped[str | None] = mapped_column(Text)
    """Why this line alone was not granted although the letter was; None: it was, or nothing is decided."""

    letter: Mapped[Letter] = relationship(back_populates="asks")
    account: Mapped[Account | None] = relationship()

    @property
    def rule(self) -> Role:
        """The role as `roles.toml` has it."""
        return ROLES[self.role]

    @property
    def outcome(self) -> str:
        """What came of this line, in words."""
        if self.account_id:
            return "已开通"
        return f"未开通：{self.left_out}" if self.left_out else LetterStatus(self.letter.status).label


class Scan(Base):
    """A scanned file of a letter. The file is in the store under its digest; earlier rounds are kept."""

    __tablename__ = "letter_scans"
    __table_args__ = (
        UniqueConstraint("letter_id", "round"),
        CheckConstraint("preview_state IN ('queued', 'ready', 'failed')", name="preview_state"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    letter_id: Mapped[str] = mapped_column(ForeignKey("letters.id"))
    round: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64), index=True)
    filename: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(40))
    size: Mapped[int] = mapped_column(Integer)
    pages: Mapped[int] = mapped_column(Integer)
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    preview_state: Mapped[str] = mapped_column(String(10), default="queued")
    preview_error: Mapped[str | None] = mapped_column(Text)

    letter: Mapped[Letter] = relationship(back_populates="scans")


class LetterNumber(Base):
    """The last number given out in a year. Raising it locks the row, so that no number is given twice."""

    __tablename__ = "letter_numbers"

    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(Integer)
