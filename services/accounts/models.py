"""Tables of the register: units, which body acts for an area, people, and the history of whatever is acted on."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from services.accounts.kinds import AccountState, LetterKind, LetterStatus, PersonKind, UnitKind
from shared.actors import Level, Office
from shared.actors import Unit as PlainUnit
from shared.database import NAMING, IdType, PathType, UtcDateTime, new_id
from shared.events.accounts import PersonPersonal, PersonRecord, UnitRecord
from shared.outbox import BigId

__all__ = [
    "AccountState",
    "Base",
    "HistoryLine",
    "LetterKind",
    "LetterStatus",
    "OfficeSeat",
    "Person",
    "PersonKind",
    "Unit",
    "UnitKind",
    "one_of",
]


class Base(DeclarativeBase):
    """All tables of accounts besides those that every service has."""

    metadata = MetaData(naming_convention=NAMING)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """The constraint that a column holds a member of a closed set."""
    members = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({members})", name=column)


class Unit(Base):
    """A unit of the tree. Its path changes when it is moved, its id never."""

    __tablename__ = "units"
    __table_args__ = (one_of("level", Level), one_of("kind", UnitKind))

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("units.id"), index=True)
    path: Mapped[str] = mapped_column(PathType, unique=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(120), index=True)
    level: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(String(120))
    """Who acts for it, in full: the bureau of an area, the school itself. Stands on its letters and seal."""
    phone: Mapped[str | None] = mapped_column(String(40))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    account_serial: Mapped[int] = mapped_column(Integer, default=0)
    """The number of the last account named after it."""

    parent: Mapped[Unit | None] = relationship(remote_side=[id])

    @property
    def authority_path(self) -> str:
        """Where its letters go and its accounts are managed: the level above; the province has nobody above it."""
        return self.parent.path if self.parent else self.path

    def plain(self) -> PlainUnit:
        """The value that rules and tokens use."""
        return PlainUnit(path=self.path, name=self.name, level=Level(self.level))

    def record(self) -> UnitRecord:
        """What other services are told."""
        return UnitRecord(
            path=self.path,
            version=self.version,
            name=self.name,
            level=Level(self.level),
            kind=self.kind,
            active=self.active,
            phone=self.phone,
        )


class OfficeSeat(Base):
    """One office of one area: which body holds it, and how often its holders have changed."""

    __tablename__ = "office_seats"

    area_id: Mapped[str] = mapped_column(ForeignKey("units.id"), primary_key=True)
    office: Mapped[str] = mapped_column(String(40), primary_key=True)
    body_id: Mapped[str | None] = mapped_column(ForeignKey("units.id"), index=True)
    """The unit that acts instead of the area's own bureau (FAQ-Q15); None: the area itself."""
    version: Mapped[int] = mapped_column(Integer, default=0)
    """Of the last `HoldersChanged` about it. Raising it locks the row, which puts changes in order."""

    @property
    def as_office(self) -> Office:
        """The member of `Office`."""
        return Office(self.office)


class Person(Base):
    """Somebody in the register. Facts are those of `shared.events.accounts.PersonRecord`."""

    __tablename__ = "people"
    __table_args__ = (one_of("kind", PersonKind), Index("ix_people_name", "name", "id"))

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(60))
    identity_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    identity_hash: Mapped[str] = mapped_column(String(64), unique=True)
    identity_masked: Mapped[str] = mapped_column(String(18))
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    stage: Mapped[str | None] = mapped_column(String(20))
    subject: Mapped[str | None] = mapped_column(String(40))
    certificate_subject: Mapped[str | None] = mapped_column(String(40))
    hired_on: Mapped[date | None] = mapped_column(Date)
    formal_appointment_on: Mapped[date | None] = mapped_column(Date)
    retires_on: Mapped[date | None] = mapped_column(Date)
    seconded_from: Mapped[date | None] = mapped_column(Date)
    seconded_to: Mapped[date | None] = mapped_column(Date)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    version: Mapped[int] = mapped_column(Integer, default=1)

    unit: Mapped[Unit] = relationship()

    def record(self, unit_path: str) -> PersonRecord:
        """What other services are told; the path is given, so that many records need no query each."""
        return PersonRecord(
            person_id=self.id,
            version=self.version,
            identity_hash=self.identity_hash,
            unit_path=unit_path,
            kind=self.kind,
            stage=self.stage,
            subject=self.subject,
            hired_on=self.hired_on,
            formal_appointment_on=self.formal_appointment_on,
            retires_on=self.retires_on,
            seconded_from=self.seconded_from,
            seconded_to=self.seconded_to,
            active=self.active,
            personal=PersonPersonal(name=self.name, masked_identity=self.identity_masked),
        )


class HistoryLine(Base):
    """What was done to a letter or an account, by whom. Append-only: lines are never changed or deleted."""

    __tablename__ = "history"
    __table_args__ = (Index("ix_history_subject", "subject_type", "subject_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    subject_type: Mapped[str] = mapped_column(String(20))
    """`letter`, `account`, `person` …"""
    subject_id: Mapped[str] = mapped_column(IdType)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[str | None] = mapped_column(IdType)
    """The account that acted; None: the applicant, who has none."""
    actor_name: Mapped[str] = mapped_column(String(60))
    actor_body: Mapped[str | None] = mapped_column(String(120))
    """For whom the actor acted: the body of the post, in full."""
    act: Mapped[str] = mapped_column(String(20))
    """The Chinese word that people read: 收到, 退回补正, 开通, 已合并, 停用 …"""
    text: Mapped[str | None] = mapped_column(Text)
    public: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether the applicant may read it too."""
