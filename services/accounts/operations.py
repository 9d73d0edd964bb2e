"""The register: opening units, saying which body acts for an area, registering people. Also the history of acts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts.identities import Identity
from services.accounts.kinds import PersonKind, UnitKind
from services.accounts.models import HistoryLine, OfficeSeat, Person, Unit
from shared import outbox
from shared.actors import Actor, Level, Office
from shared.database import utc_now
from shared.errors import Invalid
from shared.events.accounts import PeopleChanged, UnitsChanged

T = TypeVar("T")
CHUNK = 500
"""No message carries more records than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUnit:
    """A unit to open. Its path must begin with the path of a unit that is there, or be the province."""

    path: str
    name: str
    level: Level
    kind: UnitKind
    body: str
    phone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """Somebody to register; facts as in `shared.events.accounts.PersonRecord`."""

    name: str
    identity: Identity
    unit_id: str
    kind: PersonKind
    id: str | None = None
    """Given only where others know it already (the sample province)."""
    stage: str | None = None
    subject: str | None = None
    certificate_subject: str | None = None
    hired_on: date | None = None
    formal_appointment_on: date | None = None
    retires_on: date | None = None
    seconded_from: date | None = None
    seconded_to: date | None = None


def open_units(session: Session, new: Sequence[NewUnit]) -> list[Unit]:
    """Opens units, those above before those below, and tells the other services.

    Raises `Invalid` when a unit has nothing above it, or when its code is taken.
    """
    parent_paths = {_parent_path(entry.path) for entry in new}
    known = {unit.path: unit for unit in session.scalars(select(Unit).where(Unit.path.in_(parent_paths)))}
    taken = set(session.scalars(select(Unit.code).where(Unit.code.in_([_code(entry.path) for entry in new]))))
    made = []
    for entry in new:
        code, parent = _code(entry.path), known.get(_parent_path(entry.path))
        if code in taken:
            raise Invalid(f"单位代码 {code} 已在名册中。", fields={"unit_code": ["该代码已在名册中。"]})
        if parent is None and entry.level is not Level.PROVINCE:
            raise Invalid(f"单位 {code} 的上级单位不在名册中，请先开设上级单位。")
        unit = Unit(code=code, parent=parent, **asdict(entry))
        known[unit.path] = unit
        taken.add(code)
        made.append(unit)
    session.add_all(made)
    session.flush()
    for some in chunks(made):
        outbox.publish(session, UnitsChanged(units=[unit.record() for unit in some]))
    return made


def register_people(session: Session, new: Sequence[NewPerson]) -> list[Person]:
    """Puts people into the register and tells the other services. Their identity numbers must be new."""
    made = []
    for entry in new:
        # Not asdict(): it would take the identity apart.
        facts: dict[str, Any] = {name: getattr(entry, name) for name in entry.__slots__}
        identity: Identity = facts.pop("identity")
        if facts["id"] is None:
            del facts["id"]
        person = Person(
            identity_sealed=identity.sealed,
            identity_hash=identity.hash,
            identity_masked=identity.masked,
            **facts,
        )
        made.append(person)
    session.add_all(made)
    session.flush()
    query = select(Unit.id, Unit.path).where(Unit.id.in_({person.unit_id for person in made}))
    paths: dict[str, str] = dict(session.execute(query).all())
    for some in chunks(made):
        outbox.publish(session, PeopleChanged(people=[p.record(paths[p.unit_id]) for p in some]))
    return made


def assign_body(session: Session, area: Unit, office: Office, body: Unit) -> None:
    """Says that `body` acts for the area in this office instead of the area's bureau (FAQ-Q15).

    The caller publishes who holds the office then (`access.holders.publish_holders`).
    """
    seat = session.get(OfficeSeat, (area.id, office.value))
    if seat is None:
        seat = OfficeSeat(area_id=area.id, office=office.value, version=0)
        session.add(seat)
    seat.body_id = body.id
    session.flush()


def note(
    session: Session,
    subject_type: str,
    subject_id: str,
    actor: Actor | None,
    act: str,
    text: str | None = None,
    *,
    public: bool = False,
    body: str | None = None,
) -> None:
    """Adds a line to the history of a letter, an account or a person. `actor` None: the applicant.

    `body`: for whom the actor acts, in full.
    """
    session.add(
        HistoryLine(
            subject_type=subject_type,
            subject_id=subject_id,
            at=utc_now(),
            actor_id=actor.account_id if actor else None,
            actor_name=actor.name if actor else "申请人",
            actor_body=body,
            act=act,
            text=text,
            public=public,
        )
    )


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def _code(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _parent_path(path: str) -> str:
    return path[: -len(_code(path)) - 1]
