"""What accounts tells: the tree of units, who is who, who holds which office, whose access has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from shared.actors import Level, Office
from shared.events.base import Event


@dataclass(frozen=True, kw_only=True)
class UnitRecord:
    """One unit as it stands. `version` grows with each change; a copy keeps the highest."""

    path: str
    version: int
    name: str
    level: Level
    kind: str
    """A value of `services.accounts.models.UnitKind`, for example `village_school`."""
    active: bool
    phone: str | None = None


@dataclass(frozen=True, kw_only=True)
class UnitsChanged(Event):
    """Units were opened or changed; at most 500 in one message."""

    name = "accounts.units_changed.v1"
    units: list[UnitRecord]


@dataclass(frozen=True, kw_only=True)
class UnitMoved(Event):
    """A unit and all under it has another path from now on (区划调整), or was merged into another unit.

    Every service gives its rows the new path (`shared.moving`); no message of its own tells the units, people and
    offices under it. Moves are applied in the order in which they happened.
    """

    name = "accounts.unit_moved.v1"
    aggregate = ("tree", "province_path")
    province_path: str
    old_path: str
    new_path: str
    merged: bool
    """The unit itself stays behind, closed; its people and what was under way are at `new_path`."""
    document: str
    """文号, for the histories."""
    in_force_on: date


@dataclass(frozen=True, kw_only=True)
class PersonPersonal:
    """What identifies the person to a reader; left out of logs."""

    name: str
    masked_identity: str
    """For example `360102********001X`."""


@dataclass(frozen=True, kw_only=True)
class PersonRecord:
    """One person as known to the register. `version` grows with each change; a copy keeps the highest."""

    person_id: str
    version: int
    identity_hash: str
    """Keyed hash of the identity number (`shared.identity.identity_hash`): rosters match by it."""
    unit_path: str
    kind: str
    """`in_service`, `education_authority_staff`, `seconded_to_authority`, `contracted_pre_graduation`."""
    stage: str | None
    """School stage taught now: `kindergarten`, `primary`, `junior`, `senior`, `vocational`."""
    subject: str | None
    hired_on: date | None
    formal_appointment_on: date | None
    retires_on: date | None
    seconded_from: date | None
    seconded_to: date | None
    active: bool
    personal: PersonPersonal


@dataclass(frozen=True, kw_only=True)
class PeopleChanged(Event):
    """People were registered or changed; at most 500 in one message."""

    name = "accounts.people_changed.v1"
    people: list[PersonRecord]


@dataclass(frozen=True, kw_only=True)
class HolderPersonal:
    """Who holds the office; left out of logs."""

    account_id: str
    person_id: str | None
    name: str


@dataclass(frozen=True, kw_only=True)
class OfficeRecord:
    """One office of one area with everybody in post. An empty list: nobody is."""

    unit_path: str
    office: Office
    version: int
    body: str
    """The body that acts, in full: the bureau, or the county training school (FAQ-Q15)."""
    holders: list[HolderPersonal]


@dataclass(frozen=True, kw_only=True)
class HoldersChanged(Event):
    """Somebody took or left an office; at most 500 offices in one message."""

    name = "accounts.holders_changed.v1"
    offices: list[OfficeRecord]


class AccessEndReason(StrEnum):
    """Why tokens stopped being good."""

    SUSPENDED = "suspended"
    SIGNED_OUT = "signed_out"
    RIGHTS_CHANGED = "rights_changed"


@dataclass(frozen=True, kw_only=True)
class AccessEnded(Event):
    """Tokens of the account issued before `ended_at` are dead, or only those of one session.

    Every service refuses them from the moment it has this. Published when an account is suspended, when somebody
    signs out, and when the offices of an account change.
    """

    name = "accounts.access_ended.v1"
    account_id: str
    session_id: str | None = None
    reason: AccessEndReason
    ended_at: datetime


@dataclass(frozen=True, kw_only=True)
class AccountIssued(Event):
    """An account came to be from an authorization letter.

    No listener: services learn of the new holder by `HoldersChanged`; this is for systems outside.
    """

    name = "accounts.account_issued.v1"
    aggregate = ("account", "account_id")
    account_id: str
    person_id: str | None
    role: str
    unit_path: str
    letter_number: str
    issued_at: datetime
