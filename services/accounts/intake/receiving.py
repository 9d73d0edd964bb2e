"""What an applicant does, who has no account: sends a letter in, and sends it again after 退回补正."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts.access.models import Account, AccountRole
from services.accounts.identities import Identity
from services.accounts.intake.models import Ask, Letter, LetterNumber, Scan
from services.accounts.intake.queries import digits, find_public, look_alikes
from services.accounts.kinds import AccountState, LetterKind, LetterStatus, UnitKind
from services.accounts.letters import Fact, date_refusal, kept_answers
from services.accounts.models import Unit
from services.accounts.operations import note
from services.accounts.queries import find_unit
from services.accounts.roles import ROLES, Role, granting
from services.accounts.scanning import Inspected
from shared import jobs, outbox
from shared.actors import Level, Office, ancestors
from shared.database import new_id, utc_now
from shared.errors import Conflict, Invalid
from shared.ui.filters import CHINA

PREVIEW_JOB = "accounts.make_preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLetter:
    """What the applicant says about the letter."""

    kind: LetterKind
    unit_code: str
    """Code or full name of the unit; of a new county: the code it has been given."""
    unit_name: str
    """Only of a new county, which the register does not know."""
    role: str
    person_name: str
    identity: Identity
    phone: str
    stamped_by: str
    dated: date


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
    role = require_role(new.role)
    _require_date(new.dated)
    if not 7 <= len(digits(new.phone)) <= 15:
        raise Invalid("联系电话有误，请核对。", fields={"phone": ["应为 7 至 15 位数字，可带区号。"]})
    if new.kind is LetterKind.NEW_DISTRICT:
        return _new_county(session, new, role)
    unit = find_unit(session, new.unit_code)
    if unit is None:
        sentence = "名册中没有这个单位，或同名单位不止一个；请输入名称后从列表中选择，或填写单位代码。"
        raise Invalid(sentence, fields={"unit_code": [sentence]})
    refusal = role.refusal(UnitKind(unit.kind))
    if refusal:
        raise Invalid(refusal, fields={"role": [refusal]})
    return Destination(unit, unit.code, unit.body, unit.authority_path)


def receive_letter(session: Session, new: NewLetter, scan: Inspected) -> Letter:
    """Takes a letter in: gives it a number, puts it into a queue, has a preview made. Raises as `destination`."""
    place = destination(session, new)
    now = utc_now()
    role = ROLES[new.role]
    letter = Letter(
        id=new_id(),
        number=_next_number(session, now.astimezone(CHINA).year),
        kind=new.kind.value,
        unit=place.unit,
        unit_code=place.code,
        unit_name=place.name,
        scope_path=place.scope_path,
        handler_path=_handler_path(session, place.scope_path),
        stamped_by=" ".join(new.stamped_by.split()),
        dated=new.dated,
        contact_phone=new.phone.strip(),
        received_at=now,
        needs_second=role.high_privilege,
        version=1,
        round=1,
        status=LetterStatus.RECEIVED.value,
    )
    letter.asks.append(
        Ask(
            role=role.key,
            person_name="".join(new.person_name.split()),
            identity_sealed=new.identity.sealed,
            identity_hash=new.identity.hash,
            identity_masked=new.identity.masked,
        )
    )
    session.add(letter)
    _add_scan(session, letter, scan)
    letter.suspected = bool(look_alikes(session, letter))
    note(session, "letter", letter.id, None, "收到", f"{scan.filename}，{scan.pages} 页", public=True)
    return letter


def resubmit_letter(
    session: Session,
    number: str,
    phone: str,
    scan: Inspected,
    *,
    stamped_by: str | None = None,
    dated: date | None = None,
    person_name: str | None = None,
) -> Letter:
    """Sends a corrected scan after 退回补正; only the checks that failed, or rest on what is new, are open.

    Raises `NotFound` for a wrong number or telephone, `Conflict` when nothing is to be corrected.
    """
    found = find_public(session, number, phone)
    letter = session.scalars(
        select(Letter).where(Letter.id == found.id).with_for_update(of=Letter).execution_options(populate_existing=True)
    ).one()
    if letter.status != LetterStatus.RETURNED:
        raise Conflict(f"{letter.number} 现在是“{LetterStatus(letter.status).label}”，不需要补正。")
    if dated is not None:
        _require_date(dated)
    before = _facts(letter)
    letter.stamped_by = " ".join(stamped_by.split()) if stamped_by else letter.stamped_by
    letter.dated = dated or letter.dated
    if person_name:
        letter.ask.person_name = "".join(person_name.split())
    letter.status = LetterStatus.RECEIVED
    letter.round += 1
    letter.version += 1
    letter.points, letter.correct_by, letter.ready = [], None, False
    letter.confirmed_by = letter.confirmed_by_name = None
    letter.decided_by = letter.decided_by_name = letter.decided_at = None
    _add_scan(session, letter, scan)
    letter.answers = kept_answers(letter.answers, before, _facts(letter))
    letter.remarks = {check: text for check, text in letter.remarks.items() if check in letter.answers}
    text = f"第 {letter.round} 次：{scan.filename}，{scan.pages} 页"
    note(session, "letter", letter.id, None, "补正", text, public=True)
    return letter


def require_role(key: str) -> Role:
    """The role of that key. Raises `Invalid`."""
    role = ROLES.get(key)
    if role is None:
        titles = "、".join(role.title for role in ROLES.values())
        raise Invalid(f"没有这个角色；可以申请的有：{titles}。", fields={"role": ["没有这个角色。"]})
    return role


def _require_date(dated: date) -> None:
    refusal = date_refusal(dated, utc_now().astimezone(CHINA).date())
    if refusal:
        raise Invalid(refusal, fields={"dated": [refusal]})


def _facts(letter: Letter) -> dict[Fact, object]:
    """What the letter says now."""
    return {
        Fact.SCAN: letter.scan.digest,
        Fact.UNIT: (letter.unit_code, letter.unit_name),
        Fact.ROLE: letter.ask.role,
        Fact.PERSON: (letter.ask.person_name, letter.ask.identity_hash),
        Fact.PHONE: letter.contact_phone,
        Fact.STAMPED_BY: letter.stamped_by,
        Fact.DATED: letter.dated,
    }


def _new_county(session: Session, new: NewLetter, role: Role) -> Destination:
    """A county that the register does not know yet: its letter goes to the province (FAQ-Q4)."""
    problems: dict[str, list[str]] = {}
    code = new.unit_code.strip()
    if not (code.isascii() and code.isdigit() and len(code) == 6):
        problems["unit_code"] = ["新设县（区）请填写民政部门公布的 6 位行政区划代码。"]
    if not new.unit_name.strip():
        problems["unit_name"] = ["新设县（区）请写明全称。"]
    refusal = role.refusal(UnitKind.COUNTY)
    if refusal:
        problems["role"] = [refusal]
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


def _next_number(session: Session, year: int) -> str:
    statement: Any = outbox.insert(session, LetterNumber).values(year=year, last=1)  # type: ignore[arg-type]
    statement = statement.on_conflict_do_update(
        index_elements=["year"], set_={"last": LetterNumber.last + 1}
    ).returning(LetterNumber.last)
    return f"L{year}-{session.execute(statement).scalar_one():06d}"


def _handler_path(session: Session, scope_path: str) -> str:
    """The lowest unit from there upwards with an account manager in post; the province if there is none."""
    chain = list(ancestors(scope_path))
    query = (
        select(Unit.path)
        .join(AccountRole, AccountRole.unit_id == Unit.id)
        .join(Account, Account.id == AccountRole.account_id)
        .where(
            Unit.path.in_(chain),
            AccountRole.role.in_(granting(Office.ACCOUNT_MANAGER, "own")),
            AccountRole.held_to.is_(None),
            Account.state == AccountState.ACTIVE,
        )
    )
    managed = set(session.scalars(query))
    return next((path for path in chain if path in managed), chain[-1])


def _add_scan(session: Session, letter: Letter, scan: Inspected) -> None:
    row = Scan(
        id=new_id(),
        round=letter.round,
        digest=scan.digest,
        filename=scan.filename,
        media_type=scan.media_type,
        size=len(scan.data),
        pages=scan.pages,
        uploaded_at=utc_now(),
        preview_state="queued",
    )
    letter.scans.append(row)
    session.flush()
    jobs.run_later(session, PREVIEW_JOB, {"scan_id": row.id})
