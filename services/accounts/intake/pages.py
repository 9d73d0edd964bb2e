"""The account manager's pages of letters: queue, one letter on one screen, its scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Blueprint, flash, render_template, request, url_for
from flask.wrappers import Response as FlaskResponse
from werkzeug.wrappers import Response

from services.accounts import parts
from services.accounts.access.pages import show_once, take_links
from services.accounts.intake import issuing, operations
from services.accounts.intake.api import preview_response
from services.accounts.intake.models import Letter
from services.accounts.intake.queries import TABS, counts, dossier, get_letter, queue, tabs, waiting
from services.accounts.kinds import AccountState, LetterKind, LetterStatus
from services.accounts.letters import TABLE, checks_for, lateness
from services.accounts.queries import history
from services.accounts.roles import ROLES
from services.accounts.scanning import PHOTOGRAPHS
from shared.actors import Office
from shared.database import utc_now
from shared.errors import DomainError, Invalid, NotFound
from shared.idempotency import Once
from shared.paging import page
from shared.ui.filters import CHINA, local_time
from shared.web import actor, allow, expected_version, once, reading, repeatable, runtime, transaction

bp = Blueprint("accounts_letters", __name__)
SUFFIXES = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png", PHOTOGRAPHS: "zip"}
FILE_KINDS = {"application/pdf": "PDF", "image/jpeg": "JPEG", "image/png": "PNG", PHOTOGRAPHS: "几张照片"}
ANSWERS = (("yes", "是"), ("no", "否"), ("not_applicable", "不适用"))


@bp.get("/accounts/letters")
@allow(Office.ACCOUNT_MANAGER)
def letters() -> str:
    """The queue, in groups; each number equals its list."""
    tab = request.args.get("tab", "open")
    if tab not in TABS:
        raise NotFound()
    below = request.args.get("below") == "yes"
    decided = tab in ("issued", "refused", "withdrawn")
    with reading() as session:
        numbers = counts(session, actor(), below=below)
        found = page(
            session,
            queue(actor(), tab, below=below),
            [Letter.received_at, Letter.id],
            cursor=request.args.get("cursor"),
            limit=30,
            descending=decided,
        )
        return render_template(
            "accounts/letters/queue.html",
            tabs=[
                {"label": label, "href": _queue_href(key, below), "count": numbers[key], "active": key == tab}
                for key, (label, _) in tabs().items()
            ],
            tab=tab,
            below=below,
            other_href=_queue_href(tab, not below),
            found=found,
            now=utc_now(),
            lamps={letter.id: _lamp(letter) for letter in found.items},
            kinds={kind.value: kind.label for kind in LetterKind},
            roles=ROLES,
            body=actor().posts_of(Office.ACCOUNT_MANAGER)[0].body,
        )


@bp.get("/accounts/letters/<number>")
@allow(Office.ACCOUNT_MANAGER)
def letter(number: str) -> str:
    """One letter on one screen: the scan, what was asked against the register, the checks and the act."""
    return _render(number)


@bp.post("/accounts/letters/<number>")
@allow(Office.ACCOUNT_MANAGER)
def act(number: str) -> Response | tuple[str, int]:
    """Keeps the answers and does what the pressed button says, in one transaction."""
    try:
        with once() as tx:
            return _perform(tx, number, request.form.get("act", "save"))
    except NotFound:
        raise
    except DomainError as error:
        return _render(number, error=error), error.status


@bp.get("/accounts/letters/<number>/pages/<int:page_number>")
@allow(Office.ACCOUNT_MANAGER)
def preview(number: str, page_number: int) -> FlaskResponse:
    """A page of the scan, encoded anew."""
    return preview_response(number, page_number)


@bp.post("/accounts/letters/<number>/original")
@allow(Office.ACCOUNT_MANAGER)
@repeatable("each download is recorded, the second one too")
def original(number: str) -> FlaskResponse:
    """The original as it came, always as a download and always recorded."""
    with transaction() as session:
        scan = operations.record_download(session, actor(), number)
    data = parts.letter_store(runtime()).original(scan.digest)
    suffix = SUFFIXES[scan.media_type]
    name = f"{number}.{suffix}"
    return FlaskResponse(
        data,
        mimetype=scan.media_type,
        headers={"Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name)}"},
    )


@bp.get("/accounts/fragments/letters/<number>/scan")
@allow(Office.ACCOUNT_MANAGER)
def scan_fragment(number: str) -> tuple[str, int]:
    """The scan once its preview is there; 286 tells htmx to stop asking."""
    with reading() as session:
        found = get_letter(session, actor(), number)
        if found.scan is None:
            raise NotFound("还没有上传扫描件。")
        text = render_template("accounts/letters/scan.html", letter=found, scan=found.scan)
        return text, 200 if found.scan.preview_state == "queued" else 286


@bp.get("/accounts/fragments/waiting")
@allow(Office.ACCOUNT_MANAGER)
def waiting_fragment() -> str:
    """How many letters wait for the actor, for the home page."""
    with reading() as session:
        first = page(session, queue(actor(), "open"), [Letter.received_at, Letter.id], limit=3)
        return render_template(
            "accounts/letters/waiting.html",
            count=waiting(session, actor()),
            numbers=counts(session, actor()),
            letters=first.items,
            kinds={kind.value: kind.label for kind in LetterKind},
        )


def _perform(tx: Once, number: str, wanted: str) -> Response:
    session, version = tx.session, expected_version()
    found = get_letter(session, actor(), number)
    here = url_for("accounts_letters.letter", number=number)
    if wanted == "confirm":
        operations.confirm_letter(session, actor(), number, version)
        flash("已复核，可以开通。", "success")
        return tx.redirect(here)
    if wanted == "refuse":
        reason, text = request.form.get("reason_code", ""), request.form.get("text", "")
        operations.refuse_letter(session, actor(), number, version, reason, text)
        flash("已作不予受理处理，申请人可凭函号查到原因。", "success")
        return tx.redirect(here)
    if wanted not in ("save", "issue", "return"):
        raise Invalid("没有这个操作，请刷新页面后重试。")
    # A letter that has been issued needs no answers any more: the operation says that nothing was made twice.
    if not (wanted == "issue" and found.status == LetterStatus.ISSUED):
        answers, remarks = _typed(found)
        version = operations.answer_checks(session, actor(), number, version, answers, remarks).version
    if wanted == "issue":
        chosen = {ask.id: request.form.get(f"left_out.{ask.id}", "").strip()[:300] for ask in found.asks}
        left_out = {ask_id: reason for ask_id, reason in chosen.items() if reason}
        issued = issuing.issue_account(session, actor(), number, version, left_out)
        flash(issued.sentence, "warning" if issued.merged else "success")
        for made in issued.accounts:
            if made.token and made.expires_at:
                show_once(made.account, made.token, local_time(made.expires_at))
    elif wanted == "return":
        operations.return_letter(session, actor(), number, version)
        flash("已退回补正，申请人可凭函号查到需要补正的各项。", "success")
    else:
        flash("核验结果已保存。", "success")
    return tx.redirect(here)


def _typed(found: Letter) -> tuple[dict[str, str], dict[str, str]]:
    """Answers and remarks of the form; only members of `ANSWERS` count."""
    answers, remarks = {}, {}
    known = {value for value, _ in ANSWERS}
    for check in checks_for(LetterKind(found.kind), *found.roles):
        answer = request.form.get(f"answer.{check.key}", "")
        if answer in known:
            answers[check.key] = answer
        remarks[check.key] = request.form.get(f"remark.{check.key}", "")[:300]
    return answers, remarks


def _render(number: str, *, error: DomainError | None = None) -> str:
    with reading() as session:
        found = get_letter(session, actor(), number)
        file = dossier(session, actor(), found)
        answers: Mapping[str, Any] = found.answers
        remarks: Mapping[str, Any] = found.remarks
        if error is not None:
            answers, remarks = _typed(found)
        return render_template(
            "accounts/letters/letter.html",
            d=file,
            letter=found,
            answers=answers,
            remarks=remarks,
            error=error,
            typed=request.form,
            choices=ANSWERS,
            history=history(session, "letter", found.id),
            shown_links=take_links(),
            today=utc_now().astimezone(CHINA).date(),
            file_kinds=FILE_KINDS,
            kind=LetterKind(found.kind),
            status=LetterStatus(found.status),
            statuses={status.value: status.label for status in LetterStatus},
            states={state.value: state.label for state in AccountState},
            reasons=[(reason.key, reason.title) for reason in TABLE.reasons],
            reason=TABLE.reason(found.reason_code or ""),
        )


def _lamp(letter: Letter) -> str | None:
    """Yellow or red for a letter that waits here, by its latest scan (C4)."""
    if letter.status != LetterStatus.RECEIVED or letter.scan is None:
        return None
    came = letter.scan.uploaded_at.astimezone(CHINA).date()
    return lateness(came, utc_now().astimezone(CHINA).date())


def _queue_href(tab: str, below: bool) -> str:
    return url_for("accounts_letters.letters", tab=tab, below="yes" if below else None)
