"""Tables of access: accounts, their roles, sessions, second steps, one-time links, counters of failed attempts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.accounts.kinds import AccountState
from services.accounts.models import Base, Person, Unit, one_of
from services.accounts.roles import ROLES, Role
from shared.database import IdType, UtcDateTime, new_id


class Account(Base):
    """What one person signs in by: one account each, whatever the number of roles (T4)."""

    __tablename__ = "accounts"
    __table_args__ = (one_of("state", AccountState),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    username: Mapped[str] = mapped_column(String(60), unique=True)
    """In lower case; signing in does not care."""
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), unique=True)
    state: Mapped[str] = mapped_column(String(20), default=AccountState.NOT_ACTIVATED)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    """Argon2id; None until the person has set a password."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rights_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Tokens issued before this say what is no longer so; a live session gets a new one."""
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    person: Mapped[Person] = relationship()
    roles: Mapped[list[AccountRole]] = relationship(
        primaryjoin="and_(AccountRole.account_id == Account.id, AccountRole.held_to.is_(None))",
        order_by="AccountRole.held_from, AccountRole.id",
        viewonly=True,
    )


class AccountRole(Base):
    """That an account holds a role at a unit, from when, until when, and by which letter."""

    __tablename__ = "account_roles"
    __table_args__ = (
        Index(
            "ix_account_roles_held",
            "account_id",
            "role",
            "unit_id",
            unique=True,
            sqlite_where=text("held_to IS NULL"),
            postgresql_where=text("held_to IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    role: Mapped[str] = mapped_column(String(40))
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    ask_id: Mapped[str | None] = mapped_column(IdType, unique=True)
    """What a letter asked for and this answers. Unique: one ask, one grant, however often it is pressed."""
    held_from: Mapped[datetime] = mapped_column(UtcDateTime)
    held_to: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: still held."""

    account: Mapped[Account] = relationship()
    unit: Mapped[Unit] = relationship()

    @property
    def rule(self) -> Role:
        """The role as `roles.toml` has it."""
        return ROLES[self.role]

    @property
    def area_id(self) -> str:
        """The unit for which the role's offices hold: the holder's own, or the one above it."""
        if self.rule.area == "parent" and self.unit.parent_id is not None:
            return self.unit.parent_id
        return self.unit_id


class SignInSession(Base):
    """One sign-in on one device. The token in the browser names it; ending the row ends the token."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    client: Mapped[str] = mapped_column(String(200))
    """What the browser or program calls itself."""
    address: Mapped[str | None] = mapped_column(String(45))
    """Where from, as the network says; the owner alone sees it."""
    second_step: Mapped[str | None] = mapped_column(String(10))
    """How the second step was passed: `app`, `recovery`; None: by the password alone."""


class ActivationLink(Base):
    """A one-time link by which a person sets the password. Only a digest of it is kept (T13)."""

    __tablename__ = "activation_links"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a later link, or a suspension, put an end to it."""

    account: Mapped[Account] = relationship()


class Attempt(Base):
    """How often something guarded was tried within the present window; survives a restart."""

    __tablename__ = "attempts"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """A digest: people sometimes type their password where the name belongs."""
    count: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SecondFactor(Base):
    """The authenticator app (TOTP, RFC 6238) of an account: the second step of signing in. Kept when it is over."""

    __tablename__ = "second_factors"
    __table_args__ = (
        Index(
            "ix_second_factors_in_use",
            "account_id",
            unique=True,
            sqlite_where=text("confirmed_at IS NOT NULL AND ended_at IS NULL"),
            postgresql_where=text("confirmed_at IS NOT NULL AND ended_at IS NULL"),
        ),
        Index("ix_second_factors_account_id", "account_id"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its first right code came; None: shown, but not in use."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When another took its place, or a manager reset it."""
    last_step: Mapped[int] = mapped_column(Integer, default=0)
    """The latest interval of 30 seconds whose code was used: no code of it or before it counts again."""


class RecoveryCode(Base):
    """A code for the day on which the telephone is lost. Only its digest is kept; it works once."""

    __tablename__ = "recovery_codes"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    factor_id: Mapped[str] = mapped_column(ForeignKey("second_factors.id"), index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
