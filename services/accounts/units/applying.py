"""What each change needs to be possible, and what it does on its day. Checked when it is planned and again then."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from services.accounts.access.holders import lock_seats, publish_holders
from services.accounts.access.models import AccountRole
from services.accounts.access.operations import change_rights, end_role
from services.accounts.access.queries import seats_under
from services.accounts.intake.models import Letter
from services.accounts.intake.receiving import handler_path
from services.accounts.kinds import AccountState, LetterStatus, UnitKind
from services.accounts.models import Base, Person, Unit
from services.accounts.operations import NewUnit, chunks, note, open_units
from services.accounts.queries import children
from services.accounts.units.models import ChangeAct, UnitChange
from services.accounts.units.queries import ABOVE, accounts_under, acts_for, held_at, leaving_roles
from shared import outbox
from shared.actors import Actor, Level
from shared.errors import Conflict, Invalid
from shared.events.accounts import PeopleChanged, UnitMoved, UnitsChanged
from shared.moving import rewrite

Step = Callable[[Session, UnitChange], None]
_LEVELS = {UnitKind.PROVINCE: Level.PROVINCE, UnitKind.DISTRICT: Level.DISTRICT, UnitKind.COUNTY: Level.COUNTY}


def check(session: Session, change: UnitChange) -> None:
    """Raises `Invalid` or `Conflict` saying why the change cannot be."""
    if not change.unit.active:
        raise Conflict(f"{change.unit.body}已撤销，不能再办理{ChangeAct(change.act).label}。")
    _CHECKS[ChangeAct(change.act)](session, change)


def carry_out(session: Session, change: UnitChange) -> None:
    """Checks once more and does it, with a line in the history of everybody and everything concerned."""
    check(session, change)
    _EFFECTS[ChangeAct(change.act)](session, change)


def level_of(kind: UnitKind) -> Level:
    """The level of a unit of that kind."""
    return _LEVELS.get(kind, Level.SCHOOL)


def record(session: Session, change: UnitChange, subject: str, subject_id: str, text: str) -> None:
    """A line of the history in the name of who planned the change."""
    planner = Actor(change.planned_by, None, change.planned_by_name, ())
    words = f"{text}（{change.document}，自 {change.in_force_on} 起；{change.reason}）"
    note(session, subject, subject_id, planner, ChangeAct(change.act).label, words, body=change.planned_for)


def _check_open(session: Session, change: UnitChange) -> None:
    kind, code = UnitKind(change.facts["kind"]), change.facts["code"]
    if change.unit.level not in ABOVE[level_of(kind)]:
        raise _wrong("kind", f"{kind.label}不能设在{change.unit.name}之下；请到它的上级单位办理。")
    if session.scalar(select(Unit.id).where(Unit.code == code)) is not None:
        raise _wrong("code", f"单位代码 {code} 已在名册中，请核对。")


def _open(session: Session, change: UnitChange) -> None:
    facts = change.facts
    kind = UnitKind(facts["kind"])
    new = NewUnit(
        path=f"{change.unit.path}{facts['code']}/",
        name=facts["name"],
        level=level_of(kind),
        kind=kind,
        body=facts["body"],
        phone=facts.get("phone"),
    )
    change.other = open_units(session, [new])[0]
    record(session, change, "unit", change.other.id, f"在{change.unit.name}下开设{new.body}（{facts['code']}）")


def _rename(session: Session, change: UnitChange) -> None:
    unit, facts = change.unit, change.facts
    old = {"old_name": unit.name, "old_body": unit.body, "old_phone": unit.phone}
    record(session, change, "unit", unit.id, f"“{unit.body}”更名为“{facts['body']}”")
    unit.name, unit.body, unit.phone = facts["name"], facts["body"], facts.get("phone")
    change.facts = facts | old
    _tell(session, unit)
    publish_holders(session, {(unit.id, seat.as_office) for seat in seats_under(session, unit)})
    # Tokens carry the name.
    change_rights(
        session, [a for a in accounts_under(session, unit.path) if any(h.unit_id == unit.id for h in a.roles)]
    )


def _check_close(session: Session, change: UnitChange) -> None:
    unit = change.unit
    if unit.parent_id is None:
        raise Conflict("省级单位不能撤销。")
    below = session.scalar(select(func.count()).select_from(Unit).where(Unit.parent_id == unit.id, Unit.active)) or 0
    if below:
        raise Conflict(f"{unit.body}还有 {below} 个下属单位，请先调整或撤销下属单位。")
    people = session.scalar(select(func.count()).where(Person.unit_id == unit.id, Person.active)) or 0
    if people:
        raise Conflict(f"{unit.body}还有 {people} 名在册人员，请先调动，或改为“并入”其他单位。")
    _check_body(session, unit)


def _close(session: Session, change: UnitChange) -> None:
    record(session, change, "unit", change.unit.id, f"撤销{change.unit.body}")
    _end_unit(session, change)


def _check_move(session: Session, change: UnitChange) -> None:
    unit, above = change.unit, _other(change)
    if not above.active or unit.parent is None or above.level != unit.parent.level:
        level = Level(unit.parent.level).label if unit.parent else ""
        raise _wrong("code", f"{unit.body}只能调到另一个{level}单位之下；隶属层级改变的，请开设新单位后并入。")
    if above.id == unit.parent_id:
        raise _wrong("code", f"{unit.body}已在{above.name}之下。")
    _check_body(session, unit)


def _move(session: Session, change: UnitChange) -> None:
    unit, above = change.unit, _other(change)
    from_unit, old, new = unit.parent, unit.path, f"{above.path}{unit.code}/"
    assert from_unit is not None
    change.facts = change.facts | {"old_path": old, "new_path": new, "old_parent": from_unit.name}
    record(session, change, "unit", unit.id, f"由{from_unit.name}调整到{above.name}")
    unit.parent = above
    unit.version += 1
    _shift(session, change, old, new)
    # Roles there that count for the unit above, count for another one now.
    seats = {
        (area_id, office)
        for held in session.scalars(select(AccountRole).where(AccountRole.unit_id == unit.id))
        if held.held_to is None and held.rule.area == "parent"
        for office in held.rule.offices
        for area_id in (from_unit.id, above.id)
    }
    publish_holders(session, seats)


def _check_merge(session: Session, change: UnitChange) -> None:
    unit, into = change.unit, _other(change)
    if not into.active or into.level != unit.level or into.id == unit.id:
        raise _wrong("code", f"{unit.body}只能并入另一个{Level(unit.level).label}单位。")
    _check_body(session, unit)


def _merge(session: Session, change: UnitChange) -> None:
    unit, into = change.unit, _other(change)
    record(session, change, "unit", unit.id, f"{unit.body}并入{into.body}")
    record(session, change, "unit", into.id, f"{unit.body}并入本单位")
    for child in children(session, unit):
        old, new = child.path, f"{into.path}{child.code}/"
        child.parent = into
        child.version += 1
        _shift(session, change, old, new)
    people = list(session.scalars(select(Person).where(Person.unit_id == unit.id).order_by(Person.id)))
    for person in people:
        person.unit_id = into.id
        person.version += 1
    session.flush()
    for some in chunks(people):
        outbox.publish(session, PeopleChanged(people=[person.record(into.path) for person in some]))
    _end_unit(session, change)
    _shift(session, change, unit.path, into.path, merged=True)


def _check_handover(session: Session, change: UnitChange) -> None:
    unit, leaver, successor = change.unit, change.account, change.successor
    assert leaver is not None
    held = leaving_roles(held_at(session, leaver.id, unit.id))
    if not held:
        raise _wrong("account_id", f"{leaver.person.name}在{unit.body}没有可以交接的岗位。")
    titles = "、".join(role.rule.title for role in held)
    if successor is None or successor.id == leaver.id:
        raise _wrong("successor_id", f"请选择接手{titles}的人员；没有接任人员的，请先凭授权函为其开通该岗位。")
    taken = {role.role for role in held_at(session, successor.id, unit.id)}
    missing = [role.rule.title for role in held if role.role not in taken]
    if missing or successor.state != AccountState.ACTIVE:
        what = "、".join(missing) if missing else "在岗（账号尚未激活或已停用）"
        raise _wrong(
            "successor_id",
            f"{successor.person.name}在{unit.body}还没有{what}，不能接手。"
            f"{unit.body}不能没有人在岗，请先凭授权函开通接任人员并激活，再办理交接。",
        )


def _handover(session: Session, change: UnitChange) -> None:
    unit, leaver, successor = change.unit, change.account, change.successor
    assert leaver is not None
    assert successor is not None
    held = leaving_roles(held_at(session, leaver.id, unit.id))
    # Two who hand over to each other, or a suspension at the same time: the second finds nobody to hand over to.
    lock_seats(session, {(role.area_id, office) for role in held for office in role.rule.offices})
    session.refresh(successor)
    _check_handover(session, change)
    titles = "、".join(role.rule.title for role in held)
    words = f"{leaver.person.name}将{unit.body}的{titles}及在办事项交给{successor.person.name}"
    for subject, subject_id in (("unit", unit.id), ("account", leaver.id), ("account", successor.id)):
        record(session, change, subject, subject_id, words)
    change.facts = change.facts | {"roles": [role.role for role in held]}
    for role in held:
        end_role(session, role)


def _shift(session: Session, change: UnitChange, old: str, new: str, *, merged: bool = False) -> None:
    """Every path under `old` becomes one under `new`, here and by an event in every other service."""
    rewrite(session, [Base.metadata], old, new, leaving=(Unit.__table__,) if merged else ())
    moved = UnitMoved(
        province_path=old.split("/")[0] + "/",
        old_path=old,
        new_path=new,
        merged=merged,
        document=change.document,
        in_force_on=change.in_force_on,
    )
    outbox.publish(session, moved)
    _follow_letters(session, new)
    # Tokens carry paths.
    change_rights(session, accounts_under(session, new))


def _follow_letters(session: Session, path: str) -> None:
    """Letters of the units that are not done wait with whoever manages the accounts there now."""
    above = aliased(Unit)
    query = (
        select(Letter, above.path)
        .join(Unit, Unit.id == Letter.unit_id)
        .join(above, above.id == Unit.parent_id)
        .where(Unit.path >= path, Unit.path < path[:-1] + "0")
        .where(Letter.status.in_((LetterStatus.RECEIVED, LetterStatus.RETURNED)))
    )
    for letter, scope in session.execute(query).all():
        letter.scope_path, letter.handler_path = scope, handler_path(session, scope)
    session.flush()


def _end_unit(session: Session, change: UnitChange) -> None:
    unit = change.unit
    roles = list(
        session.scalars(select(AccountRole).where(AccountRole.unit_id == unit.id, AccountRole.held_to.is_(None)))
    )
    for held in roles:
        record(session, change, "account", held.account_id, f"{unit.body}的{held.rule.title}随单位撤并结束")
        end_role(session, held)
    unit.active = False
    _tell(session, unit)


def _tell(session: Session, unit: Unit) -> None:
    unit.version += 1
    session.flush()
    outbox.publish(session, UnitsChanged(units=[unit.record()]))


def _check_body(session: Session, unit: Unit) -> None:
    area = acts_for(session, unit)
    if area is not None:
        raise Conflict(f"{unit.body}现在代{area.name}审核，请先改由{area.body}或其他单位审核。")


def _check_nothing(session: Session, change: UnitChange) -> None:
    """A rename is always possible."""


def _other(change: UnitChange) -> Unit:
    if change.other is None:
        raise _wrong("code", "请填写目标单位的代码。")
    return change.other


def _wrong(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: [sentence]})


_CHECKS: Mapping[ChangeAct, Step] = {
    ChangeAct.OPEN: _check_open,
    ChangeAct.RENAME: _check_nothing,
    ChangeAct.MOVE: _check_move,
    ChangeAct.MERGE: _check_merge,
    ChangeAct.CLOSE: _check_close,
    ChangeAct.HANDOVER: _check_handover,
}
_EFFECTS: Mapping[ChangeAct, Step] = {
    ChangeAct.OPEN: _open,
    ChangeAct.RENAME: _rename,
    ChangeAct.MOVE: _move,
    ChangeAct.MERGE: _merge,
    ChangeAct.CLOSE: _close,
    ChangeAct.HANDOVER: _handover,
}
