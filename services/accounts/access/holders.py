"""Who is in post: told to the other services whenever it changes.

In post is who can sign in: somebody who has not activated, or is suspended, must not keep a plan waiting.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from services.accounts.access.models import Account, AccountRole
from services.accounts.access.queries import posts_from
from services.accounts.kinds import AccountState
from services.accounts.models import OfficeSeat, Unit
from services.accounts.operations import chunks
from services.accounts.queries import bodies_of
from shared import outbox
from shared.actors import Office
from shared.events.accounts import HolderPersonal, HoldersChanged, OfficeRecord

Seats = set[tuple[str, Office]]
"""Offices as (id of the area, office)."""


def seats_of(session: Session, account_id: str) -> Seats:
    """The offices that the account's roles give."""
    query = (
        select(AccountRole)
        .where(AccountRole.account_id == account_id, AccountRole.held_to.is_(None))
        .options(selectinload(AccountRole.unit))
    )
    return {(held.area_id, office) for held in session.scalars(query) for office in held.rule.offices}


def lock_seats(session: Session, seats: Iterable[tuple[str, Office]]) -> dict[tuple[str, Office], OfficeSeat]:
    """Raises the version of each office. Whoever else changes its holders waits until this transaction ends.

    Always in the same order, so that two changes cannot wait for each other.
    """
    ordered = sorted(seats)
    if not ordered:
        return {}
    upsert = outbox.insert(session, OfficeSeat)  # type: ignore[arg-type]  # any mapped class will do
    statement = upsert.on_conflict_do_update(
        index_elements=["area_id", "office"], set_={"version": OfficeSeat.version + 1}
    )
    session.execute(
        statement, [{"area_id": area_id, "office": office.value, "version": 1} for area_id, office in ordered]
    )
    query = (
        select(OfficeSeat)
        .where(OfficeSeat.area_id.in_({area_id for area_id, _ in ordered}))
        .execution_options(populate_existing=True)
    )
    found = {(seat.area_id, seat.as_office): seat for seat in session.scalars(query)}
    return {key: found[key] for key in ordered}


def publish_holders(session: Session, seats: Iterable[tuple[str, Office]]) -> None:
    """Tells who holds these offices now. Call it after the change, inside its transaction."""
    session.flush()
    locked = lock_seats(session, seats)
    area_ids = {area_id for area_id, _ in locked}
    areas = {unit.id: unit for unit in session.scalars(select(Unit).where(Unit.id.in_(area_ids)))}
    bodies = bodies_of(session, area_ids)
    holders: dict[tuple[str, Office], dict[str, HolderPersonal]] = {key: {} for key in locked}
    area_by_path = {unit.path: unit.id for unit in areas.values()}
    query = (
        select(AccountRole)
        .join(Account, Account.id == AccountRole.account_id)
        .join(Unit, Unit.id == AccountRole.unit_id)
        .where(
            AccountRole.held_to.is_(None),
            Account.state == AccountState.ACTIVE,
            Unit.id.in_(area_ids) | Unit.parent_id.in_(area_ids),
        )
        .options(
            selectinload(AccountRole.unit).selectinload(Unit.parent),
            selectinload(AccountRole.account).selectinload(Account.person),
        )
        .order_by(AccountRole.held_from, AccountRole.id)
    )
    for held in session.scalars(query):
        for post in posts_from([held], bodies):
            key = (area_by_path.get(post.unit.path, ""), post.office)
            if key in holders:
                holders[key][held.account_id] = HolderPersonal(
                    account_id=held.account_id, person_id=held.account.person_id, name=held.account.person.name
                )
    named = session.scalars(select(Unit).where(Unit.id.in_({i for b in bodies.values() for i in b.values()})))
    body_names = {unit.id: unit.body for unit in named}
    records = [
        OfficeRecord(
            unit_path=areas[area_id].path,
            office=office,
            version=seat.version,
            body=body_names.get(seat.body_id or "", areas[area_id].body),
            holders=list(holders[(area_id, office)].values()),
        )
        for (area_id, office), seat in locked.items()
    ]
    for some in chunks(records):
        outbox.publish(session, HoldersChanged(offices=some))


def others_in_post(session: Session, account: Account, role: str, unit_id: str) -> bool:
    """Whether another active account holds the same role at the same unit."""
    query = (
        select(AccountRole.id)
        .join(Account, Account.id == AccountRole.account_id)
        .where(
            AccountRole.role == role,
            AccountRole.unit_id == unit_id,
            AccountRole.held_to.is_(None),
            AccountRole.account_id != account.id,
            Account.state == AccountState.ACTIVE,
        )
    )
    return session.scalar(query.limit(1)) is not None
