"""The sample province, for the `xuefen` command: loaded in one transaction, by the operations that people use."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts import parts
from services.accounts.access.holders import Seats, publish_holders
from services.accounts.access.models import Account, AccountRole
from services.accounts.kinds import AccountState, PersonKind, UnitKind
from services.accounts.models import Unit
from services.accounts.operations import NewPerson, NewUnit, assign_body, open_units, register_people
from services.accounts.roles import ROLES
from services.accounts.sample import SampleProvince, sample_province
from shared.database import utc_now
from shared.service import Runtime


def load_sample(run: Runtime) -> bool:
    """Loads units, people and sign-ins of the sample province, whole or not at all.

    False when there are units already: then nothing is done.
    """
    with run.database.reading() as session:
        if session.scalar(select(Unit.id).limit(1)) is not None:
            return False
    sample = sample_province()
    # One hash for the one password, with the real parameters; before the transaction, since it is slow.
    password_hash = parts.passwords(run).hash(sample.password)
    with run.database.transaction() as session:
        _load(session, run, sample, password_hash)
    return True


def sample_sign_ins() -> list[tuple[str, str, str, str, str]]:
    """(role title, username, password, name, unit name) of every sample sign-in, for the table that is printed."""
    sample = sample_province()
    people = {person.person_id: person for person in sample.people}
    units = {unit.path: unit for unit in sample.units}
    return [
        (
            ROLES[account.role].title,
            account.username,
            sample.password,
            people[account.person_id].name,
            units[account.unit_path].body,
        )
        for account in sample.accounts
    ]


def _load(session: Session, run: Runtime, sample: SampleProvince, password_hash: str) -> None:
    made = open_units(
        session,
        [
            NewUnit(
                path=unit.path,
                name=unit.name,
                level=unit.level,
                kind=UnitKind(unit.kind),
                body=unit.body,
                phone=unit.phone,
            )
            for unit in sample.units
        ],
    )
    units = {unit.path: unit for unit in made}
    identities = parts.identities(run)
    register_people(
        session,
        [
            NewPerson(
                id=person.person_id,
                name=person.name,
                identity=identities.take(person.identity),
                unit_id=units[person.unit_path].id,
                kind=PersonKind(person.kind),
                stage=person.stage,
                subject=person.subject,
                certificate_subject=person.certificate_subject,
                hired_on=person.hired_on,
                formal_appointment_on=person.formal_appointment_on,
                retires_on=person.retires_on,
                seconded_from=person.seconded_from,
                seconded_to=person.seconded_to,
            )
            for person in sample.people
        ],
    )
    seats: Seats = set()
    for body in sample.bodies:
        area = units[body.area_path]
        assign_body(session, area, body.office, units[body.body_path])
        seats.add((area.id, body.office))
    now = utc_now()
    for entry in sample.accounts:
        account = Account(
            username=entry.username,
            person_id=entry.person_id,
            state=AccountState.ACTIVE,
            password_hash=password_hash,
            created_at=now,
            rights_changed_at=now,
        )
        held = AccountRole(account=account, role=entry.role, unit=units[entry.unit_path], held_from=now)
        session.add(held)
        session.flush()
        seats |= {(held.area_id, office) for office in held.rule.offices}
    publish_holders(session, seats)
