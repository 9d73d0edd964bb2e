"""A service's own copy of what accounts knows: units, people, offices, and whose access has ended.

Copies come by events and never go back; the highest version of each record wins, so messages may come twice or
late. accounts itself has the originals and does not use these tables.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, Integer, MetaData, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from shared.actors import Level, Office, Unit
from shared.auth import Claims
from shared.database import NAMING, IdType, JsonType, PathType, UtcDateTime
from shared.errors import Invalid
from shared.events.accounts import AccessEnded, HoldersChanged, PeopleChanged, UnitsChanged
from shared.inbox import Handlers
from shared.outbox import insert


class DirectoryBase(DeclarativeBase):
    """Tables of the copies."""

    metadata = MetaData(naming_convention=NAMING)


class UnitCopy(DirectoryBase):
    """A unit as accounts last told it."""

    __tablename__ = "directory_units"

    path: Mapped[str] = mapped_column(PathType, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(120))
    level: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(String(40))
    active: Mapped[bool] = mapped_column(Boolean)
    phone: Mapped[str | None] = mapped_column(String(40))

    def as_unit(self) -> Unit:
        """The plain value that rules use."""
        return Unit(path=self.path, name=self.name, level=Level(self.level))


class PersonCopy(DirectoryBase):
    """A person as accounts last told it."""

    __tablename__ = "directory_people"

    person_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    identity_hash: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(60))
    masked_identity: Mapped[str] = mapped_column(String(18))
    unit_path: Mapped[str] = mapped_column(PathType, index=True)
    kind: Mapped[str] = mapped_column(String(40))
    stage: Mapped[str | None] = mapped_column(String(20))
    subject: Mapped[str | None] = mapped_column(String(40))
    hired_on: Mapped[date | None] = mapped_column(Date)
    formal_appointment_on: Mapped[date | None] = mapped_column(Date)
    retires_on: Mapped[date | None] = mapped_column(Date)
    seconded_from: Mapped[date | None] = mapped_column(Date)
    seconded_to: Mapped[date | None] = mapped_column(Date)
    active: Mapped[bool] = mapped_column(Boolean)


class OfficeCopy(DirectoryBase):
    """Who is in post for one office of one area."""

    __tablename__ = "directory_offices"

    unit_path: Mapped[str] = mapped_column(PathType, primary_key=True)
    office: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    body: Mapped[str] = mapped_column(String(120))
    holders: Mapped[list[dict[str, Any]]] = mapped_column(JsonType)
    """`[{"account_id": …, "person_id": …, "name": …}]`."""


class AccessEnd(DirectoryBase):
    """Tokens made before `ended_at` are dead: of an account (`account:…`) or of one session (`session:…`)."""

    __tablename__ = "directory_access_ends"

    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)


def unit(session: Session, path: str) -> UnitCopy:
    """The unit at `path`. Raises `Invalid` when this service has not (yet) heard of it."""
    found = session.get(UnitCopy, path)
    if found is None:
        raise Invalid(f"单位“{path}”不在名册中，请核对；若刚刚新设，请稍后再试。")
    return found


def office(session: Session, path: str, office: Office) -> OfficeCopy | None:
    """The office of exactly that area if somebody is in post, or None."""
    found = session.get(OfficeCopy, (path, office.value))
    return found if found is not None and found.holders else None


def people_by_hash(session: Session, hashes: list[str]) -> dict[str, PersonCopy]:
    """Active people by the keyed hash of their identity number; those not in the register are absent."""
    found: dict[str, PersonCopy] = {}
    for start in range(0, len(hashes), 500):
        query = select(PersonCopy).where(PersonCopy.identity_hash.in_(hashes[start : start + 500]), PersonCopy.active)
        found.update({person.identity_hash: person for person in session.scalars(query)})
    return found


def access_is_good(session: Session, claims: Claims) -> bool:
    """False once accounts has said that this token's account or session has ended."""
    keys = [f"account:{claims.actor.account_id}", f"session:{claims.actor.session_id}"]
    ends = session.scalars(select(AccessEnd.ended_at).where(AccessEnd.key.in_(keys)))
    return all(claims.issued_at > ended_at for ended_at in ends)


def apply_units(session: Session, event: UnitsChanged) -> None:
    """Takes units over."""
    _upsert(session, UnitCopy, [asdict(record) for record in event.units], ["path"])


def apply_people(session: Session, event: PeopleChanged) -> None:
    """Takes people over."""
    rows = [asdict(record) for record in event.people]
    for row in rows:
        row |= row.pop("personal")
    _upsert(session, PersonCopy, rows, ["person_id"])


def apply_holders(session: Session, event: HoldersChanged) -> None:
    """Takes office holders over."""
    _upsert(session, OfficeCopy, [asdict(record) for record in event.offices], ["unit_path", "office"])


def apply_access_end(session: Session, event: AccessEnded) -> None:
    """Notes that tokens are dead from now on."""
    key = f"session:{event.session_id}" if event.session_id else f"account:{event.account_id}"
    row = session.get(AccessEnd, key)
    if row is None:
        session.add(AccessEnd(key=key, ended_at=event.ended_at))
    else:
        row.ended_at = max(row.ended_at, event.ended_at)


HANDLERS: Handlers = {
    UnitsChanged: apply_units,
    PeopleChanged: apply_people,
    HoldersChanged: apply_holders,
    AccessEnded: apply_access_end,
}
"""What a service that keeps these copies adds to its subscriptions."""


def _upsert(session: Session, model: Any, rows: list[dict[str, Any]], keys: list[str]) -> None:
    """Inserts or replaces rows whose version is higher than what is held."""
    if not rows:
        return
    statement = insert(session, model)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    statement = statement.on_conflict_do_update(
        index_elements=keys, set_=changed, where=statement.excluded.version > model.version
    )
    session.execute(statement, rows)
    # Messages are applied several in one transaction: what an earlier one has loaded is read anew.
    for held in [held for held in session.identity_map.values() if isinstance(held, model)]:
        session.expire(held)
