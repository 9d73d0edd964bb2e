"""Planning a change of the tree, taking it back, and doing what is due. At once when its day is today."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts.access.models import Account
from services.accounts.access.queries import get_account
from services.accounts.kinds import UnitKind
from services.accounts.models import Unit
from services.accounts.operations import note
from services.accounts.queries import find_unit, get_unit
from services.accounts.units.applying import carry_out, check
from services.accounts.units.models import ChangeAct, ChangeState, UnitChange
from services.accounts.units.queries import (
    MANAGER,
    get_change,
    held_at,
    leaving_roles,
    may_manage,
    successors,
    today,
)
from shared.actors import Actor
from shared.database import new_id, utc_now
from shared.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound

FARTHEST = timedelta(days=731)
_MOVING = (ChangeAct.MOVE, ChangeAct.MERGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChange:
    """What somebody asks for. Only what the act needs is looked at."""

    act: ChangeAct
    in_force_on: date
    document: str
    reason: str
    code: str = ""
    """Opening: of the new unit. Move, merge: of the unit to which it goes."""
    kind: UnitKind | None = None
    name: str = ""
    body: str = ""
    phone: str = ""
    account_id: str = ""
    successor_id: str = ""


def plan_change(session: Session, actor: Actor, code: str, version: int, new: NewChange) -> UnitChange:
    """Plans a change of the unit of that code, or makes it at once if its day is today.

    The level above the unit decides; of an opening, whoever manages the accounts of the area; of a move or merge,
    whoever manages both places. A handover is also the leaver's own (`hand_over`).
    Raises `NotFound`, `NotAllowed`, `Invalid` naming the field, `Conflict` when somebody changed the unit meanwhile.
    """
    unit = _locked(session, get_unit(session, actor, code, MANAGER))
    if new.act is ChangeAct.HANDOVER:
        leaver = get_account(session, actor, new.account_id)
        if not may_manage(actor, leaver):
            raise NotAllowed(f"此账号由{unit.body}的上级账号管理员办理交接，或由本人在“岗位交接”中办理。")
        return _plan(session, actor, unit, new, leaver=leaver)
    area = unit.path if new.act is ChangeAct.OPEN else unit.authority_path
    if actor.post_over(area, MANAGER) is None:
        raise NotAllowed(f"{unit.body}由其上级单位的账号管理员办理{new.act.label}。")
    if unit.version != version:
        raise Conflict("该单位刚刚有变更，请刷新后核对最新情况再办理。")
    other = None
    if new.act in _MOVING:
        other = find_unit(session, new.code)
        if other is None:
            raise _wrong("code", "名册中没有这个单位，请填写目标单位的代码。")
        place = other.path if new.act is ChangeAct.MOVE else other.authority_path
        if actor.post_over(place, MANAGER) is None:
            raise NotAllowed(f"{other.name}不在您的管辖范围内，请由两地共同的上级账号管理员办理。")
    return _plan(session, actor, unit, new, other=other)


def hand_over(session: Session, actor: Actor, code: str, new: NewChange) -> UnitChange:
    """The actor hands her own offices at a unit to a colleague who holds the same there (T12)."""
    unit = session.scalar(select(Unit).where(Unit.code == code, Unit.active))
    if unit is None or not leaving_roles(held_at(session, actor.account_id, unit.id)):
        raise NotFound()
    return _plan(session, actor, _locked(session, unit), new, leaver=session.get_one(Account, actor.account_id))


def withdraw_change(session: Session, actor: Actor, change_id: str, reason: str) -> UnitChange:
    """Takes back what is planned. Raises `Conflict` when it is done already."""
    change = get_change(session, actor, change_id, lock=True)
    unit = change.unit
    own = change.account_id == actor.account_id
    area = unit.path if change.act == ChangeAct.OPEN else unit.authority_path
    if not own and actor.post_over(area, MANAGER) is None:
        raise NotAllowed(f"{unit.body}由其上级单位的账号管理员办理。")
    if change.state != ChangeState.PLANNED:
        raise Conflict(f"该变更{ChangeState(change.state).label}，不能取消。")
    if not reason.strip():
        raise _wrong("reason", "请写明取消的理由。")
    change.state, change.settled_at = ChangeState.WITHDRAWN, utc_now()
    words = f"取消自 {change.in_force_on} 起的{ChangeAct(change.act).label}（{change.document}）：{reason.strip()}"
    note(session, "unit", unit.id, actor, "取消变更", words, body=_body(actor, unit))
    return change


def do_due(session: Session, change_id: str) -> None:
    """Makes a planned change whose day has come. What it needs may be so no longer: raises `DomainError` then."""
    change = session.scalar(
        select(UnitChange)
        .where(UnitChange.id == change_id)
        .with_for_update(of=UnitChange)
        .execution_options(populate_existing=True)
    )
    if change is not None and change.state == ChangeState.PLANNED and change.in_force_on <= today():
        _locked(session, change.unit)
        _do(session, change)


def note_failure(session: Session, change_id: str, error: DomainError) -> None:
    """Says at a planned change why it could not be made on its day; it is planned anew or given up."""
    change = session.get_one(UnitChange, change_id, with_for_update=True)
    if change.state == ChangeState.PLANNED:
        change.state, change.settled_at, change.error = ChangeState.FAILED, utc_now(), error.detail
        words = f"{ChangeAct(change.act).label}（{change.document}）未能生效：{error.detail}"
        note(session, "unit", change.unit_id, Actor("system", None, "系统", ()), "未能生效", words)


def _plan(
    session: Session,
    actor: Actor,
    unit: Unit,
    new: NewChange,
    *,
    other: Unit | None = None,
    leaver: Account | None = None,
) -> UnitChange:
    if not today() <= new.in_force_on <= today() + FARTHEST:
        sentence = "施行日期应在今天至两年之内；补办以前的变更请填今天，并在理由中写明原日期。"
        raise _wrong("in_force_on", sentence)
    for field, words, text in (("document", "文号", new.document), ("reason", "理由", new.reason)):
        if not text.strip():
            raise _wrong(field, f"请写明{words}。")
    successor = None
    if leaver is not None:
        # Only somebody of the unit is found: ids of others say nothing.
        offered = {account.id: account for account in successors(session, leaver.id, unit.id)}
        successor = offered.get(new.successor_id)
    change = UnitChange(
        id=new_id(),
        act=new.act.value,
        unit=unit,
        other=other,
        account=leaver,
        successor=successor,
        facts=_facts(new, unit),
        in_force_on=new.in_force_on,
        document=new.document.strip(),
        reason=new.reason.strip(),
        planned_at=utc_now(),
        planned_by=actor.account_id,
        planned_by_name=actor.name,
        planned_for=_body(actor, unit),
        state=ChangeState.PLANNED.value,
    )
    with session.no_autoflush:
        check(session, change)
    session.add(change)
    session.flush()
    if change.in_force_on <= today():
        _do(session, change)
    else:
        words = f"定于 {change.in_force_on} 办理{new.act.label}（{change.document}）：{change.reason}"
        note(session, "unit", unit.id, actor, "预定变更", words, body=change.planned_for)
    return change


def _do(session: Session, change: UnitChange) -> None:
    carry_out(session, change)
    change.state, change.settled_at = ChangeState.DONE, utc_now()
    session.flush()


def _facts(new: NewChange, unit: Unit) -> dict[str, Any]:
    if new.act not in (ChangeAct.OPEN, ChangeAct.RENAME):
        return {}
    name, body = new.name.strip(), new.body.strip() or new.name.strip()
    if not name:
        raise _wrong("name", "请填写单位名称。")
    facts: dict[str, Any] = {"name": name, "body": body, "phone": new.phone.strip() or None}
    if new.act is ChangeAct.RENAME:
        return facts
    code = new.code.strip()
    if re.fullmatch(r"[0-9]{4,18}", code) is None:
        raise _wrong("code", "单位代码应为 4 至 18 位数字，例如 3601020001。")
    if new.kind is None:
        raise _wrong("kind", "请选择单位类型。")
    return facts | {"code": code, "kind": new.kind.value}


def _body(actor: Actor, unit: Unit) -> str:
    post = actor.post_over(unit.authority_path, MANAGER) or actor.post_over(unit.path, *[p.office for p in actor.posts])
    return post.body if post else unit.body


def _locked(session: Session, unit: Unit) -> Unit:
    """One change of a unit at a time."""
    query = select(Unit).where(Unit.id == unit.id).with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one()


def _wrong(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: [sentence]})
