"""What a letter asks and where it goes: checked against register and roles before anything of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts.identities import Identity
from services.accounts.intake.queries import digits
from services.accounts.kinds import LetterKind, UnitKind
from services.accounts.letters import common_owners, date_refusal
from services.accounts.models import Unit
from services.accounts.queries import find_unit
from services.accounts.roles import ROLES, Role
from shared.actors import Level, ancestors
from shared.database import utc_now
from shared.errors import Invalid
from shared.ui.filters import CHINA


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAsk:
    """One line of the letter: a role for a person."""

    role: str
    person_name: str
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLetter:
    """What the applicant says about the letter."""

    kind: LetterKind
    unit_code: str
    """Code or full name of the unit; of a new county: the code it has been given."""
    unit_name: str
    """Only of a new county, which the register does not know."""
    asks: tuple[NewAsk, ...]
    """At least one (C15)."""
    phone: str
    stamped_by: str
    dated: date
    follows: str | None = None
    """原函号."""


@dataclass(frozen=True, slots=True)
class Destination:
    """For which unit a letter asks, and to whom it goes."""

    unit: Unit | None
    code: str
    name: str
    scope_path: str


def destination(session: Session, new: NewLetter) -> Destination:
    """Checks a letter against register and roles, and says where it goes.

    Raises `Invalid` naming the field. Reads only, so that a file need not be stored for a letter that cannot be.
    """
    roles = [require_role(ask.role, ask_field(place, "role")) for place, ask in enumerate(new.asks)]
    _require_people(new.asks)
    require_date(new.dated)
    if not 7 <= len(digits(new.phone)) <= 15:
        raise Invalid("联系电话有误，请核对。", fields={"phone": ["应为 7 至 15 位数字，可带区号。"]})
    if new.kind is LetterKind.NEW_DISTRICT:
        return _new_county(session, new, roles)
    unit = find_unit(session, new.unit_code)
    if unit is None:
        sentence = "名册中没有这个单位，或同名单位不止一个；请输入名称后从列表中选择，或填写单位代码。"
        raise Invalid(sentence, fields={"unit_code": [sentence]})
    _require_roles(roles, UnitKind(unit.kind), unit.body, unit.parent.body if unit.parent else None)
    return Destination(unit, unit.code, unit.body, unit.authority_path)


def ask_field(place: int, name: str) -> str:
    """What the form calls a field of the ask at that line: the first stands in the form itself."""
    return name if place == 0 else f"further.{place - 1}.{name}"


def _require_people(asks: Sequence[NewAsk]) -> None:
    """Raises `Invalid` where a line says again, or otherwise, what one above it says."""
    names: dict[str, str] = {}
    seen = set()
    for place, ask in enumerate(asks):
        name = "".join(ask.person_name.split())
        if names.setdefault(ask.identity.hash, name) != name:
            sentence = f"同一身份证号在上面写的姓名是“{names[ask.identity.hash]}”，请核对。"
            raise Invalid(sentence, fields={ask_field(place, "person_name"): [sentence]})
        if (ask.role, ask.identity.hash) in seen:
            sentence = "上面已为此人申请这个角色，请删除这一行。"
            raise Invalid(sentence, fields={ask_field(place, "role"): [sentence]})
        seen.add((ask.role, ask.identity.hash))


def _require_roles(roles: Sequence[Role], kind: UnitKind, own: str, parent: str | None) -> None:
    """Raises `Invalid` for a role that a unit of that kind cannot have, or that needs another seal than the first."""
    for place, role in enumerate(roles):
        refusal = role.refusal(kind)
        if not refusal and place and not common_owners(roles[: place + 1], own, parent):
            refusal = f"“{role.title}”与上面的角色须由不同单位盖章，请另提交一份授权函。"
        if refusal:
            raise Invalid(refusal, fields={ask_field(place, "role"): [refusal]})


def require_role(key: str, field: str = "role") -> Role:
    """The role of that key. Raises `Invalid` naming the field."""
    role = ROLES.get(key)
    if role is None:
        titles = "、".join(role.title for role in ROLES.values())
        raise Invalid(f"没有这个角色；可以申请的有：{titles}。", fields={field: ["没有这个角色。"]})
    return role


def require_date(dated: date) -> None:
    """Raises `Invalid` for a date that no letter can bear."""
    refusal = date_refusal(dated, utc_now().astimezone(CHINA).date())
    if refusal:
        raise Invalid(refusal, fields={"dated": [refusal]})


def _new_county(session: Session, new: NewLetter, roles: Sequence[Role]) -> Destination:
    """A county that the register does not know yet: its letter goes to the province (FAQ-Q4)."""
    problems: dict[str, list[str]] = {}
    code = new.unit_code.strip()
    if not (code.isascii() and code.isdigit() and len(code) == 6):
        problems["unit_code"] = ["新设县（区）请填写民政部门公布的 6 位行政区划代码。"]
    if not new.unit_name.strip():
        problems["unit_name"] = ["新设县（区）请写明全称。"]
    for place, role in enumerate(roles):
        if refusal := role.refusal(UnitKind.COUNTY):
            problems[ask_field(place, "role")] = [refusal]
    if problems:
        raise Invalid("新设县（区）的信息不全。", fields=problems)
    if session.scalar(select(Unit.id).where(Unit.code == code)) is not None:
        sentence = "该县（区）已在名册中，请按“新任或更换负责人”提交。"
        raise Invalid(sentence, fields={"kind": [sentence]})
    district = session.scalar(select(Unit).where(Unit.code == code[:4] + "00", Unit.level == Level.DISTRICT))
    if district is None:
        sentence = f"按代码 {code} 找不到所属的设区市，请核对。"
        raise Invalid(sentence, fields={"unit_code": [sentence]})
    return Destination(None, code, new.unit_name.strip(), [*ancestors(district.path)][-1])
