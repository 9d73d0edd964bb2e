"""Reads of changes: what is planned or done, who may plan it, who could take an office over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, selectinload

from services.accounts.access.models import Account, AccountRole
from services.accounts.access.queries import beyond
from services.accounts.kinds import AccountState
from services.accounts.models import OfficeSeat, Person, Unit
from services.accounts.queries import get_unit
from services.accounts.units.models import ChangeState, UnitChange
from shared.actors import Actor, Level, Office, Post
from shared.database import under, under_any, utc_now
from shared.errors import NotFound
from shared.ui.filters import CHINA

MANAGER = Office.ACCOUNT_MANAGER
ABOVE = {
    Level.SCHOOL: (Level.COUNTY, Level.DISTRICT, Level.PROVINCE),
    Level.COUNTY: (Level.DISTRICT,),
    Level.DISTRICT: (Level.PROVINCE,),
    Level.PROVINCE: (),
}
"""Level of a unit -> levels at which the unit above it may be."""


def today() -> date:
    """The day in China."""
    return utc_now().astimezone(CHINA).date()


def managing_post(actor: Actor, path: str) -> Post | None:
    """The actor's post of account manager over the area at `path`, or None."""
    return actor.post_over(path, MANAGER)


def changes_at(session: Session, actor: Actor, unit: Unit) -> list[UnitChange]:
    """What was and will be done to a unit that the actor manages, newest first."""
    get_unit(session, actor, unit.code, MANAGER)
    query = (
        select(UnitChange)
        .where(or_(UnitChange.unit_id == unit.id, UnitChange.other_id == unit.id))
        .order_by(UnitChange.id.desc())
        .limit(100)
    )
    return list(session.scalars(query))


def get_change(session: Session, actor: Actor, change_id: str, *, lock: bool = False) -> UnitChange:
    """A change at a unit of the actor's areas, or one of the actor's own. Raises `NotFound`."""
    paths = [post.unit.path for post in actor.posts_of(MANAGER)]
    query = (
        select(UnitChange)
        .join(Unit, Unit.id == UnitChange.unit_id)
        .where(
            UnitChange.id == change_id,
            or_(under_any(Unit.path, paths), UnitChange.account_id == actor.account_id),
        )
    )
    if lock:
        query = query.with_for_update(of=UnitChange).execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None:
        raise NotFound()
    return found


def own_changes(session: Session, actor: Actor) -> list[UnitChange]:
    """The handovers of the actor, given and taken, newest first."""
    query = (
        select(UnitChange)
        .where(or_(UnitChange.account_id == actor.account_id, UnitChange.successor_id == actor.account_id))
        .order_by(UnitChange.id.desc())
        .limit(50)
    )
    return list(session.scalars(query))


def due(session: Session) -> list[str]:
    """Ids of the changes whose day has come, in the order of their days."""
    query = select(UnitChange.id).where(UnitChange.state == ChangeState.PLANNED, UnitChange.in_force_on <= today())
    return list(session.scalars(query.order_by(UnitChange.in_force_on, UnitChange.id)))


def held_at(session: Session, account_id: str, unit_id: str) -> list[AccountRole]:
    """The roles that an account holds at exactly this unit."""
    query = (
        select(AccountRole)
        .where(AccountRole.account_id == account_id, AccountRole.unit_id == unit_id, AccountRole.held_to.is_(None))
        .options(selectinload(AccountRole.unit), selectinload(AccountRole.account))
        .order_by(AccountRole.held_from, AccountRole.id)
    )
    return list(session.scalars(query))


def successors(session: Session, account_id: str, unit_id: str) -> list[Account]:
    """Who could take over all that the account holds at the unit: in post there with the same roles, by name."""
    roles = {held.role for held in held_at(session, account_id, unit_id) if not _lasting(held)}
    if not roles:
        return []
    holders = (
        select(AccountRole.account_id)
        .where(AccountRole.unit_id == unit_id, AccountRole.role.in_(roles), AccountRole.held_to.is_(None))
        .group_by(AccountRole.account_id)
        .having(func.count() == len(roles))
    )
    query = (
        select(Account)
        .join(Person, Person.id == Account.person_id)
        .where(Account.id.in_(holders), Account.id != account_id, Account.state == AccountState.ACTIVE)
        .options(selectinload(Account.person))
        .order_by(Person.name, Account.username)
    )
    return list(session.scalars(query))


def leaving_roles(held: Sequence[AccountRole]) -> list[AccountRole]:
    """Those that a handover ends: being a teacher of the unit is no office to hand over."""
    return [role for role in held if not _lasting(role)]


def accounts_under(session: Session, path: str) -> list[Account]:
    """Active accounts with a role at or under the path."""
    held = (
        select(AccountRole.account_id)
        .join(Unit, Unit.id == AccountRole.unit_id)
        .where(AccountRole.held_to.is_(None), under(Unit.path, path))
    )
    query = select(Account).where(Account.id.in_(held), Account.state == AccountState.ACTIVE).order_by(Account.id)
    return list(session.scalars(query))


def accounts_at(session: Session, unit: Unit) -> list[Account]:
    """Active accounts with a role at exactly this unit."""
    held = select(AccountRole.account_id).where(AccountRole.held_to.is_(None), AccountRole.unit_id == unit.id)
    query = select(Account).where(Account.id.in_(held), Account.state == AccountState.ACTIVE).order_by(Account.id)
    return list(session.scalars(query))


def acts_for(session: Session, unit: Unit) -> Unit | None:
    """The area for which the unit acts as body instead of the area's own bureau (FAQ-Q15), if any."""
    query = select(Unit).join(OfficeSeat, OfficeSeat.area_id == Unit.id)
    return session.scalar(query.where(OfficeSeat.body_id == unit.id, OfficeSeat.area_id != unit.id).limit(1))


def may_manage(actor: Actor, account: Account) -> bool:
    """Whether the account is the actor's to manage."""
    return beyond(actor, account) is None


def _lasting(held: AccountRole) -> bool:
    return set(held.rule.offices) == {Office.TEACHER}
