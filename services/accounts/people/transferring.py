"""Transfers (T18): one side starts, the other confirms, and on the day the person moves. Until then nothing changes."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased, contains_eager

from services.accounts.access.models import Account, AccountRole
from services.accounts.access.operations import end_role, give_role
from services.accounts.models import Person, Unit
from services.accounts.operations import note
from services.accounts.people.facts import TransferState
from services.accounts.people.models import Transfer
from services.accounts.people.operations import guard_others, tell, today
from services.accounts.people.queries import KEEPERS, areas, get_person, plain_name
from services.accounts.queries import find_unit, person_by_hash
from shared.actors import SYSTEM, Actor
from shared.database import under_any, utc_now
from shared.errors import Conflict, Invalid, NotAllowed, NotFound

OPEN = (TransferState.ASKED.value, TransferState.CONFIRMED.value)
FARTHEST = timedelta(days=366)
"""How far from today the day of a transfer may lie."""
FOLLOWS = "teacher"
"""The one role that goes with a person; what somebody administers stays where it is, for a handover (T12)."""


def visible_transfers(actor: Actor) -> Select[Transfer]:
    """Those of which the actor keeps one side, with the person and both units."""
    source, target = aliased(Unit), aliased(Unit)
    return (
        select(Transfer)
        .join(Transfer.person)
        .join(source, Transfer.from_unit)
        .join(target, Transfer.to_unit)
        .options(
            contains_eager(Transfer.person),
            contains_eager(Transfer.from_unit.of_type(source)),
            contains_eager(Transfer.to_unit.of_type(target)),
        )
        .where(or_(under_any(source.path, areas(actor)), under_any(target.path, areas(actor))))
    )


def ask_away(session: Session, actor: Actor, person_id: str, to_unit: str, on: date, reason: str) -> Transfer:
    """Started by the school where the person is. `to_unit`: code or name. Raises `NotFound`, `Invalid`, `Conflict`."""
    person = get_person(session, actor, person_id, lock=True)
    unit = find_unit(session, to_unit)
    if unit is None:
        raise _wrong("to_unit", "调入单位不在名册中，请填写单位代码或全称。")
    return _ask(session, actor, person, unit, unit, on, reason)


def ask_here(
    session: Session, actor: Actor, identity_hash: str, name: str, to_unit: str, on: date, reason: str
) -> Transfer:
    """Started by the school to which the person goes, who knows her number and name.

    Raises `NotFound` in the same words whether the number or the name is not known, `Invalid`, `Conflict`.
    """
    unit = find_unit(session, to_unit)
    if unit is None or not unit.path.startswith(tuple(areas(actor))):
        raise _wrong("to_unit", "调入单位不在您的管辖范围内，请填写单位代码或全称。")
    found = person_by_hash(session, identity_hash)
    if found is None or not found.active or plain_name(found.name) != plain_name(name):
        raise NotFound("没有找到此人：请核对身份证号和姓名；尚未登记的人员请通过信息采集登记。")
    person = session.get_one(Person, found.id, with_for_update=True, populate_existing=True)
    return _ask(session, actor, person, unit, person.unit, on, reason)


def confirm(session: Session, actor: Actor, transfer_id: str) -> Transfer:
    """Confirmed by the side that was asked; it happens at once if its day has come, else on that day.

    Raises `NotFound`, `NotAllowed` (not the side that was asked; who started it; the teacher herself), `Conflict`.
    """
    transfer = _answering(session, actor, transfer_id)
    transfer.state = TransferState.CONFIRMED
    transfer.answered_by_name, transfer.answered_at = actor.name, utc_now()
    _note(session, transfer, actor, "确认调动", f"自 {transfer.on} 起生效。")
    if transfer.on <= today():
        _move(session, transfer, actor)
    return transfer


def refuse(session: Session, actor: Actor, transfer_id: str, reason: str) -> Transfer:
    """Refused by the side that was asked. Raises `NotFound`, `NotAllowed`, `Conflict`, `Invalid`."""
    return _end(session, actor, _answering(session, actor, transfer_id), TransferState.REFUSED, "不同意调动", reason)


def withdraw(session: Session, actor: Actor, transfer_id: str, reason: str) -> Transfer:
    """Taken back by the side that started it, until its day. Raises as `refuse` does."""
    transfer = _locked(session, actor, transfer_id)
    if transfer.state not in OPEN:
        raise _over(transfer)
    if not may_withdraw(actor, transfer):
        raise NotAllowed("只有发起调动的单位可以撤回。")
    return _end(session, actor, transfer, TransferState.WITHDRAWN, "撤回调动", reason)


def may_answer(actor: Actor, transfer: Transfer) -> bool:
    """Whether the actor is of the side that is asked, and neither started it nor is the teacher."""
    side = transfer.to_unit if transfer.asked_of_id == transfer.to_unit_id else transfer.from_unit
    involved = actor.account_id == transfer.asked_by or actor.person_id in (
        transfer.person_id,
        transfer.asked_by_person,
    )
    return transfer.state == TransferState.ASKED and not involved and _of(actor, side)


def may_withdraw(actor: Actor, transfer: Transfer) -> bool:
    """Whether the actor is of the side that started it, before its day."""
    side = transfer.from_unit if transfer.asked_of_id == transfer.to_unit_id else transfer.to_unit
    return transfer.state in OPEN and _of(actor, side)


def move_due(session: Session) -> int:
    """Carries out the confirmed transfers whose day has come; returns how many."""
    query = select(Transfer).where(Transfer.state == TransferState.CONFIRMED, Transfer.on <= today())
    due = session.scalars(query.order_by(Transfer.id).with_for_update()).all()
    for transfer in due:
        _move(session, transfer, SYSTEM)
    return len(due)


def _ask(
    session: Session, actor: Actor, person: Person, to_unit: Unit, asked_of: Unit, on: date, reason: str
) -> Transfer:
    guard_others(actor, person)
    if to_unit.id == person.unit_id:
        raise _wrong("to_unit", f"{person.name}已在{to_unit.name}，无需调动。")
    if abs(on - today()) > FARTHEST:
        raise _wrong("on", f"调动日期 {on} 距今超过一年，请核对。")
    if not reason.strip():
        raise _wrong("reason", "请写明调动依据（文号或理由）。")
    query = select(Transfer.id).where(Transfer.person_id == person.id, Transfer.state.in_(OPEN))
    if session.scalar(query) is not None:
        raise Conflict(f"{person.name}已有一项没有办完的调动，请先办结或撤回。")
    transfer = Transfer(
        person=person,
        from_unit=person.unit,
        to_unit=to_unit,
        asked_of_id=asked_of.id,
        on=on,
        state=TransferState.ASKED,
        reason=reason.strip(),
        asked_by=actor.account_id,
        asked_by_person=actor.person_id,
        asked_by_name=actor.name,
        asked_at=utc_now(),
    )
    session.add(transfer)
    session.flush()
    text = f"{transfer.from_unit.name} → {to_unit.name}，自 {on} 起。依据：{transfer.reason}"
    _note(session, transfer, actor, "发起调动", text)
    return transfer


def _move(session: Session, transfer: Transfer, actor: Actor) -> None:
    """The person is of the other unit from now on; so is what she signs in for as a teacher."""
    person = session.get_one(Person, transfer.person_id, with_for_update=True, populate_existing=True)
    person.unit = transfer.to_unit
    transfer.state = TransferState.DONE
    tell(session, person)
    held = select(AccountRole).join(Account).where(Account.person_id == person.id, AccountRole.held_to.is_(None))
    for role in session.scalars(held.where(AccountRole.role == FOLLOWS, AccountRole.unit_id == transfer.from_unit_id)):
        end_role(session, role)
        give_role(session, role.account, FOLLOWS, transfer.to_unit)
    _note(session, transfer, actor, "调动", f"{transfer.from_unit.name} → {transfer.to_unit.name}")


def _end(session: Session, actor: Actor, transfer: Transfer, state: TransferState, act: str, reason: str) -> Transfer:
    if not reason.strip():
        raise _wrong("reason", "请写明理由。")
    transfer.state, transfer.answer = state, reason.strip()
    transfer.answered_by_name, transfer.answered_at = actor.name, utc_now()
    _note(session, transfer, actor, act, f"理由：{transfer.answer}")
    return transfer


def _answering(session: Session, actor: Actor, transfer_id: str) -> Transfer:
    transfer = _locked(session, actor, transfer_id)
    if transfer.state != TransferState.ASKED:
        raise _over(transfer)
    if not may_answer(actor, transfer):
        raise NotAllowed("调动须由另一方确认：发起人和本人不能办理，请由对方单位的管理员或其上级办理。")
    return transfer


def _locked(session: Session, actor: Actor, transfer_id: str) -> Transfer:
    query = visible_transfers(actor).where(Transfer.id == transfer_id)
    found = session.scalar(query.with_for_update(of=Transfer).execution_options(populate_existing=True))
    if found is None:
        raise NotFound()
    return found


def _of(actor: Actor, unit: Unit) -> bool:
    return actor.post_over(unit.path, *KEEPERS) is not None


def _over(transfer: Transfer) -> Conflict:
    return Conflict(f"这项调动{TransferState(transfer.state).label}，不能再办理；请刷新页面查看。")


def _note(session: Session, transfer: Transfer, actor: Actor, act: str, text: str) -> None:
    sides = (transfer.from_unit.path, transfer.to_unit.path)
    post = next(filter(None, (actor.post_over(path, *KEEPERS) for path in sides)), None)
    note(session, "person", transfer.person_id, actor, act, text, body=post.body if post else None)


def _wrong(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: [sentence]})
