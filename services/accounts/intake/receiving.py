"""What an applicant does, who has no account: asks for a letter or sends one in, sends its scan, withdraws it."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts.access.models import Account, AccountRole
from services.accounts.intake.models import Ask, Letter, LetterNumber, Scan
from services.accounts.intake.placing import NewLetter, destination, require_date
from services.accounts.intake.queries import find_own, find_public, look_alikes
from services.accounts.kinds import AccountState, LetterStatus
from services.accounts.letters import Fact, kept_answers
from services.accounts.models import Unit
from services.accounts.operations import note
from services.accounts.roles import ROLES, granting
from services.accounts.scanning import Inspected
from shared import jobs, outbox
from shared.actors import Office, ancestors
from shared.database import new_id, utc_now
from shared.errors import Conflict, Invalid
from shared.ui.filters import CHINA

PREVIEW_JOB = "accounts.make_preview"


APPLICANT = "申请人"
OPEN = (LetterStatus.AWAITING_SCAN, LetterStatus.RECEIVED, LetterStatus.RETURNED)
"""While it stands there, the applicant may withdraw it (C5)."""


def receive_letter(session: Session, new: NewLetter, scan: Inspected | None) -> Letter:
    """Takes a letter in: gives it a number, puts it into a queue, has a preview made. Raises as `destination`.

    Without a scan it is a request (T14): it has a number, to be printed on the letter, and waits for the scan.
    """
    place = destination(session, new)
    now = utc_now()
    letter = Letter(
        id=new_id(),
        number=_next_number(session, now.astimezone(CHINA).year),
        kind=new.kind.value,
        unit=place.unit,
        unit_code=place.code,
        unit_name=place.name,
        scope_path=place.scope_path,
        handler_path=handler_path(session, place.scope_path),
        stamped_by=" ".join(new.stamped_by.split()),
        dated=new.dated,
        contact_phone=new.phone.strip(),
        received_at=now,
        needs_second=any(ROLES[ask.role].high_privilege for ask in new.asks),
        version=1,
        round=1,
        status=LetterStatus.RECEIVED if scan else LetterStatus.AWAITING_SCAN,
        follows=new.follows,
    )
    letter.asks += [
        Ask(
            place=line,
            role=ask.role,
            person_name="".join(ask.person_name.split()),
            identity_sealed=ask.identity.sealed,
            identity_hash=ask.identity.hash,
            identity_masked=ask.identity.masked,
        )
        for line, ask in enumerate(new.asks)
    ]
    session.add(letter)
    if scan is None:
        session.flush()
        note(session, "letter", letter.id, None, "申请", LetterStatus.AWAITING_SCAN.label, public=True)
        return letter
    _add_scan(session, letter, scan)
    letter.suspected = bool(look_alikes(session, letter))
    note(session, "letter", letter.id, None, "收到", f"{scan.filename}，{scan.pages} 页", public=True)
    return letter


def require_scan_wanted(letter: Letter) -> None:
    """Raises `Conflict` when no scan is waited for, saying what to do instead."""
    if letter.overdue(utc_now().astimezone(CHINA).date()):
        raise Conflict(
            f"{letter.number} 的补正期限 {letter.correct_by} 已过，不能再补正；"
            f"请重新提交申请，并在“原函号”一栏填写 {letter.number}。"
        )
    if letter.status not in (LetterStatus.AWAITING_SCAN, LetterStatus.RETURNED):
        raise Conflict(f"{letter.number} 现在是“{LetterStatus(letter.status).label}”，不需要补正。")


def send_scan(
    session: Session,
    number: str,
    phone: str,
    scan: Inspected,
    *,
    stamped_by: str | None = None,
    dated: date | None = None,
    person_name: str | None = None,
) -> Letter:
    """Brings the scan that a request waits for, or a corrected one after 退回补正.

    After a correction only the checks that failed, or rest on what is new, are open. Raises `NotFound` for a wrong
    number or telephone, `Conflict` when no scan is waited for or the days to correct are over.
    """
    letter = _locked(session, find_public(session, number, phone))
    require_scan_wanted(letter)
    if dated is not None:
        require_date(dated)
    if person_name and len({ask.identity_hash for ask in letter.asks}) > 1:
        sentence = "此函为多人申请，姓名有误请撤回后重新提交。"
        raise Invalid(sentence, fields={"person_name": [sentence]})
    first = letter.status == LetterStatus.AWAITING_SCAN
    before = _facts(letter)
    letter.stamped_by = " ".join(stamped_by.split()) if stamped_by else letter.stamped_by
    letter.dated = dated or letter.dated
    for ask in letter.asks if person_name else ():
        ask.person_name = "".join((person_name or "").split())
    letter.status = LetterStatus.RECEIVED
    letter.version += 1
    if first:
        letter.received_at = utc_now()
        _add_scan(session, letter, scan)
        letter.suspected = bool(look_alikes(session, letter))
        note(session, "letter", letter.id, None, "收到", f"{scan.filename}，{scan.pages} 页", public=True)
        return letter
    letter.round += 1
    letter.points, letter.correct_by, letter.ready = [], None, False
    letter.confirmed_by = letter.confirmed_by_name = None
    letter.decided_by = letter.decided_by_name = letter.decided_at = None
    _add_scan(session, letter, scan)
    letter.answers = kept_answers(letter.answers, before, _facts(letter))
    letter.remarks = {check: text for check, text in letter.remarks.items() if check in letter.answers}
    text = f"第 {letter.round} 次：{scan.filename}，{scan.pages} 页"
    note(session, "letter", letter.id, None, "补正", text, public=True)
    return letter


def withdraw_letter(session: Session, number: str, phone: str, tail: str, reason: str) -> Letter:
    """The applicant takes the letter back, as long as nothing is decided (C5); again changes nothing.

    Raises `NotFound` as `find_own`, `Conflict` when it is too late.
    """
    letter = _locked(session, find_own(session, number, phone, tail))
    if letter.status == LetterStatus.WITHDRAWN:
        return letter
    if letter.status not in OPEN:
        raise Conflict(f"{letter.number} 现在是“{LetterStatus(letter.status).label}”，不能撤回。")
    letter.status = LetterStatus.WITHDRAWN
    letter.version += 1
    letter.decided_by, letter.decided_by_name, letter.decided_at = None, APPLICANT, utc_now()
    note(session, "letter", letter.id, None, "撤回", reason.strip(), public=True)
    return letter


def _locked(session: Session, found: Letter) -> Letter:
    query = select(Letter).where(Letter.id == found.id).with_for_update(of=Letter)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _facts(letter: Letter) -> dict[Fact, object]:
    """What the letter says now."""
    return {
        Fact.SCAN: letter.scan and letter.scan.digest,
        Fact.UNIT: (letter.unit_code, letter.unit_name),
        Fact.ROLE: [ask.role for ask in letter.asks],
        Fact.PERSON: [(ask.person_name, ask.identity_hash) for ask in letter.asks],
        Fact.PHONE: letter.contact_phone,
        Fact.STAMPED_BY: letter.stamped_by,
        Fact.DATED: letter.dated,
    }


def _next_number(session: Session, year: int) -> str:
    statement: Any = outbox.insert(session, LetterNumber).values(year=year, last=1)  # type: ignore[arg-type]
    statement = statement.on_conflict_do_update(
        index_elements=["year"], set_={"last": LetterNumber.last + 1}
    ).returning(LetterNumber.last)
    return f"L{year}-{session.execute(statement).scalar_one():06d}"


def handler_path(session: Session, scope_path: str) -> str:
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
