"""What API and pages do alike with an uploaded file: everything that may refuse it comes before it is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from flask import Response, g, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from services.accounts import parts, scanning
from services.accounts.access.attempts import STATUS_LIMIT, UPLOAD_LIMIT, count_attempt, forget_attempts
from services.accounts.intake import paper
from services.accounts.intake.issuing import Issued
from services.accounts.intake.models import Letter
from services.accounts.intake.placing import NewAsk, NewLetter, ask_field, destination
from services.accounts.intake.queries import Dossier, find_own, find_public, handler, position
from services.accounts.intake.receiving import OPEN, require_scan_wanted
from services.accounts.intake.schemas import ScanOut
from services.accounts.kinds import LetterKind, LetterStatus
from services.accounts.letters import TABLE, checks_for
from shared.database import utc_now
from shared.errors import Conflict, Invalid
from shared.printing.names import mask
from shared.ui.filters import CHINA
from shared.uploads import MAX_SIZE
from shared.web import counting, reading, runtime


def new_letter(form: dict[str, Any]) -> NewLetter:
    """The letter of a checked form; its identity numbers are sealed here and go no further in the clear.

    Raises `Invalid` for the identity numbers, the unit, the roles, the telephone or the date.
    """
    identities = parts.identities(runtime())
    new = NewLetter(
        kind=form["kind"],
        unit_code=form["unit_code"],
        unit_name=form["unit_name"],
        asks=tuple(
            NewAsk(
                role=row["role"],
                person_name=row["person_name"],
                identity=identities.take(row["identity_number"], field=ask_field(place, "identity_number")),
            )
            for place, row in enumerate([form, *form["further"]])
        ),
        phone=form["phone"],
        stamped_by=form["stamped_by"],
        dated=form["dated"],
        follows=form["follows"],
    )
    with reading() as session:
        destination(session, new)
    return new


def take_scan(uploads: Sequence[FileStorage]) -> scanning.Inspected:
    """Opens an uploaded scan, one file or several photographs, in the child process and stores it.

    Raises `Invalid`, `TooLarge`, or `TooMany` when a stranger sends too many; then nothing is stored.
    """
    chosen = [upload for upload in uploads if upload.filename]
    if not chosen:
        raise Invalid("请选择扫描件。", fields={"file": ["请选择扫描件。"]})
    count_stranger()
    scan = scanning.inspect_together([(one.stream.read(MAX_SIZE + 1), one.filename or "") for one in chosen])
    parts.letter_store(runtime()).keep(scan)
    return scan


def count_stranger() -> None:
    """Counts what somebody without an account sends in. Raises `TooMany`."""
    if g.actor is None:
        with counting() as session:
            count_attempt(session, f"upload:{request.remote_addr}", UPLOAD_LIMIT, "此网络短时间内提交过多。")


@contextmanager
def guarded(number: str, known: str = "status") -> Iterator[Session]:
    """A look-up of a letter by what somebody has `known` of it: counted before it is tried, which throttles guessing.

    The counter of that is cleared when the look-up succeeds. Raises `TooMany`.
    """
    what = f"letter-{known}:{number.strip().upper()}"
    with counting() as session:
        count_attempt(session, what, STATUS_LIMIT, "此函号查询次数过多。")
    with counting() as session:
        yield session
        forget_attempts(session, what)


def ask_status(number: str, phone: str) -> dict[str, Any]:
    """What the applicant may know of a letter. Guessing telephone numbers is throttled per letter."""
    with guarded(number) as session:
        return status_body(session, find_public(session, number, phone))


def want_scan(number: str, phone: str) -> None:
    """Raises as `ask_status`, and `Conflict` when no scan of this letter is waited for: before a file is stored."""
    with guarded(number) as session:
        letter = find_public(session, number, phone)
    require_scan_wanted(letter)


def own_paper(number: str, phone: str, tail: str) -> tuple[str, bytes]:
    """The letter to print, stamp and scan, as PDF, with the name of the file. Raises `NotFound`, `Conflict`."""
    require_own(number, phone, tail)
    with reading() as session:
        letter = find_own(session, number, phone, tail)
        if letter.status not in OPEN:
            raise Conflict(f"{letter.number} 现在是“{LetterStatus(letter.status).label}”，不再需要打印授权函。")
        words = paper.words(letter, handler(session, letter), runtime().settings.public_url)
        printed_at = letter.received_at.replace(microsecond=0)
    return f"授权函-{letter.number}.pdf", paper.pdf(words, printed_at)


def pdf_answer(name: str, data: bytes) -> Response:
    """A PDF to save, which nobody keeps on the way."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Cache-Control": "no-store",
    }
    return Response(data, mimetype="application/pdf", headers=headers)


def require_own(number: str, phone: str, tail: str) -> None:
    """Raises `NotFound` as `find_own`; guessing is throttled."""
    with guarded(number, "own") as session:
        find_own(session, number, phone, tail)


def status_body(session: Session, letter: Letter) -> dict[str, Any]:
    """A letter as `LetterStatusOut` shows it."""
    reason = TABLE.reason(letter.reason_code or "")
    checks = checks_for(LetterKind(letter.kind), *letter.roles)
    office = handler(session, letter)
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
        "overdue": letter.overdue(utc_now().astimezone(CHINA).date()),
        "position": position(session, letter),
        "working_days": TABLE.working_days,
        "may_withdraw": letter.status in OPEN,
        "one_person": len({ask.identity_hash for ask in letter.asks}) == 1,
        "asks": [
            # The number can be guessed and telephones are public, so names are not told in full.
            {"role": ask.rule.title, "person": mask(ask.person_name), "outcome": ask.outcome}
            for ask in letter.asks
        ],
        "handler": office.body,
        "handler_phone": office.phone,
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
        "role": letter.asks[0].role,
        "person_name": letter.asks[0].person_name,
        "suspected": letter.suspected,
        "needs_second": letter.needs_second,
    }


def letter_body(found: Dossier) -> dict[str, Any]:
    """A letter as `LetterOut` shows it."""
    letter = found.letter
    return item_body(letter) | {
        "masked_identity": letter.asks[0].identity_masked,
        "asks": [
            {
                "id": ask.id,
                "role": ask.role,
                "person_name": ask.person_name,
                "masked_identity": ask.identity_masked,
                "outcome": ask.outcome,
            }
            for ask in letter.asks
        ],
        "follows": letter.follows,
        "phone": letter.contact_phone,
        "round": letter.round,
        "ready": letter.ready,
        "confirmed_by": letter.confirmed_by_name,
        "decided_by": letter.decided_by_name,
        "decided_at": letter.decided_at,
        "points": letter.points,
        "preview": letter.scan.preview_state if letter.scan else "none",
        "scan": letter.scan and {name: getattr(letter.scan, name) for name in ScanOut().fields},
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
    """What came of issuing, as `IssuedOut` shows it; without the links, which are shown once only."""
    accounts = [
        {
            "id": made.account.id,
            "username": made.account.username,
            "role": made.ask.role,
            "activation_url": None,
            "expires_at": made.expires_at,
        }
        for made in issued.accounts
    ]
    first = accounts[0]
    return {
        "account": first,
        "accounts": accounts,
        "merged": issued.merged,
        "message": issued.sentence,
        "activation_url": None,
        "expires_at": first["expires_at"],
    }
