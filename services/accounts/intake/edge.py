"""What API and pages do alike with an uploaded file: everything that may refuse it comes before it is stored."""

from __future__ import annotations

from typing import Any

from flask import g, request
from werkzeug.datastructures import FileStorage

from services.accounts import parts, scanning
from services.accounts.access.attempts import STATUS_LIMIT, UPLOAD_LIMIT, count_attempt, forget_attempts
from services.accounts.access.models import Account
from services.accounts.intake.models import Letter
from services.accounts.intake.operations import Issued
from services.accounts.intake.queries import Dossier, find_public, handler
from services.accounts.intake.receiving import NewLetter, destination
from services.accounts.intake.schemas import ScanOut
from services.accounts.kinds import LetterKind, LetterStatus
from services.accounts.letters import TABLE, checks_for
from shared.errors import Invalid
from shared.uploads import MAX_SIZE
from shared.web import reading, runtime, transaction


def new_letter(form: dict[str, Any]) -> NewLetter:
    """The letter of a checked form; its identity number is sealed here and goes no further in the clear.

    Raises `Invalid` for the identity number, the unit, the role, the telephone or the date.
    """
    new = NewLetter(
        kind=form["kind"],
        unit_code=form["unit_code"],
        unit_name=form["unit_name"],
        role=form["role"],
        person_name=form["person_name"],
        identity=parts.identities(runtime()).take(form["identity_number"]),
        phone=form["phone"],
        stamped_by=form["stamped_by"],
        dated=form["dated"],
    )
    with reading() as session:
        destination(session, new)
    return new


def take_scan(upload: FileStorage | None) -> scanning.Inspected:
    """Opens an uploaded scan in the child process and stores it.

    Raises `Invalid`, `TooLarge`, or `TooMany` when a stranger sends too many; then nothing is stored.
    """
    if upload is None or not upload.filename:
        raise Invalid("请选择扫描件。", fields={"file": ["请选择扫描件。"]})
    if g.actor is None:
        with transaction() as session:
            count_attempt(session, f"upload:{request.remote_addr}", UPLOAD_LIMIT, "此网络短时间内上传过多。")
    scan = scanning.inspect(upload.stream.read(MAX_SIZE + 1), upload.filename)
    parts.letter_store(runtime()).keep(scan)
    return scan


def ask_status(number: str, phone: str) -> dict[str, Any]:
    """What the applicant may know of a letter. Guessing telephone numbers is throttled per letter."""
    guarded = f"letter-status:{number.strip().upper()}"
    with transaction() as session:
        count_attempt(session, guarded, STATUS_LIMIT, "此函号查询次数过多。")
    with transaction() as session:
        letter = find_public(session, number, phone)
        forget_attempts(session, guarded)
        office = handler(session, letter)
        return status_body(letter) | {"handler": office.body, "handler_phone": office.phone}


def status_body(letter: Letter) -> dict[str, Any]:
    """A letter as `LetterStatusOut` shows it, without the office."""
    reason = TABLE.reason(letter.reason_code or "")
    checks = checks_for(LetterKind(letter.kind), letter.ask.rule)
    return {
        "number": letter.number,
        "status": letter.status,
        "status_title": LetterStatus(letter.status).label,
        "kind": letter.kind,
        "kind_title": LetterKind(letter.kind).label,
        "unit_name": letter.unit_name,
        "received_at": letter.received_at,
        "version": letter.version,
        "round": letter.round,
        "checks": checks,
        "points": letter.points,
        "correct_by": letter.correct_by,
        "reason": f"{reason.title}。{letter.reason_text}{reason.turn_to}" if reason else None,
        "decided_at": letter.decided_at,
    }


def item_body(letter: Letter) -> dict[str, Any]:
    """A letter as `LetterItemOut` shows it."""
    return {
        "number": letter.number,
        "kind": letter.kind,
        "status": letter.status,
        "version": letter.version,
        "unit_code": letter.unit_code,
        "unit_name": letter.unit_name,
        "stamped_by": letter.stamped_by,
        "dated": letter.dated,
        "received_at": letter.received_at,
        "role": letter.ask.role,
        "person_name": letter.ask.person_name,
        "suspected": letter.suspected,
        "needs_second": letter.needs_second,
    }


def letter_body(found: Dossier) -> dict[str, Any]:
    """A letter as `LetterOut` shows it."""
    letter = found.letter
    return item_body(letter) | {
        "masked_identity": letter.ask.identity_masked,
        "phone": letter.contact_phone,
        "round": letter.round,
        "ready": letter.ready,
        "confirmed_by": letter.confirmed_by_name,
        "decided_by": letter.decided_by_name,
        "decided_at": letter.decided_at,
        "points": letter.points,
        "preview": letter.scan.preview_state,
        "scan": {name: getattr(letter.scan, name) for name in ScanOut().fields},
        "checks": [
            {
                "id": check.key,
                "label": check.label,
                "required": check.required,
                "answer": letter.answers.get(check.key),
                "remark": letter.remarks.get(check.key),
                "sentence": found.sentences[check.key],
                "hint": found.hints[check.key].text if check.key in found.hints else None,
            }
            for check in found.checks
        ],
        "duplicates": [other.number for other in found.look_alikes],
    }


def issued_body(issued: Issued) -> dict[str, Any]:
    """What came of issuing, as `IssuedOut` shows it; without the link, which is shown once only."""
    account: Account = issued.account
    return {
        "account": {"id": account.id, "username": account.username, "role": issued.letter.ask.role},
        "merged": issued.merged,
        "message": issued.sentence,
        "activation_url": None,
        "expires_at": issued.expires_at,
    }
