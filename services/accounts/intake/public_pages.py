"""The applicant's pages, who has no account: asking for a letter, sending it in, how it stands, correcting it."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from flask.wrappers import Response as AnyResponse
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from services.accounts.intake import edge, receiving
from services.accounts.intake.schemas import CorrectionForm, LetterForm
from services.accounts.kinds import LetterKind
from services.accounts.queries import suggest_units
from services.accounts.roles import ROLES
from shared.database import utc_now
from shared.errors import DomainError, Invalid
from shared.parsing import form_rows
from shared.tables import flatten
from shared.ui.filters import CHINA
from shared.web import ANYONE, allow, once, reading, repeatable

bp = Blueprint("accounts_public", __name__)
_OWN = ("csrf_token", "idempotency_key")


@bp.get("/accounts/letters/new")
@allow(ANYONE)
def new() -> str:
    """The form, with what the letter must say."""
    return _form({}, None)


@bp.post("/accounts/letters/new")
@allow(ANYONE)
def send() -> Response | tuple[str, int]:
    """Takes the letter in, or with the other button the request for one (T14).

    What is wrong is said beside each field and nothing typed is lost.
    """
    files = request.files.getlist("file")
    try:
        new_letter = edge.new_letter(_load(LetterForm(), skip=("act",)))
        if request.form.get("act") == "request":
            if any(file.filename for file in files):
                sentence = "已选了扫描件，请按“提交”；还没有盖章的，请先不选文件。"
                raise Invalid(sentence, fields={"file": [sentence]})
            edge.count_stranger()
            scan = None
        else:
            scan = edge.take_scan(files)
        with once() as tx:
            letter = receiving.receive_letter(tx.session, new_letter, scan)
            page = "received" if scan else "requested"
            return tx.redirect(url_for(f"accounts_public.{page}", number=letter.number))
    except DomainError as error:
        return _form(request.form, error), error.status


@bp.get("/accounts/letters/received/<number>")
@allow(ANYONE)
def received(number: str) -> str:
    """The number to keep. Shows nothing of the letter: whoever types an address here learns nothing."""
    return render_template("accounts/letters/received.html", number=_number(number))


@bp.get("/accounts/letters/requested/<number>")
@allow(ANYONE)
def requested(number: str) -> str:
    """The number of a request, and the letter to print; shows nothing of it either."""
    return render_template("accounts/letters/requested.html", number=_number(number), typed={}, errors={})


@bp.post("/accounts/letters/paper")
@allow(ANYONE)
@repeatable("it only prints; the counter of tries counts each on purpose")
def paper() -> AnyResponse | tuple[str, int]:
    """The letter as PDF. A POST, so that telephone and identity number stay out of addresses and logs."""
    form = request.form
    try:
        return edge.pdf_answer(*edge.own_paper(*_own()))
    except DomainError as error:
        page = render_template(
            "accounts/letters/requested.html",
            number=_number(form.get("number", "")),
            typed=form,
            error=error,
            errors={},
        )
        return page, error.status


@bp.post("/accounts/letters/withdrawal")
@allow(ANYONE)
def withdraw() -> Response | tuple[str, int]:
    """Takes a letter back while that works (C5)."""
    found: dict[str, Any] | None = None
    try:
        found = edge.ask_status(request.form.get("number", ""), request.form.get("phone", ""))
        edge.require_own(*_own())
        with once() as tx:
            letter = receiving.withdraw_letter(tx.session, *_own(), request.form.get("reason", "")[:300])
            flash(f"{letter.number} 已撤回。", "success")
            return tx.redirect(url_for("accounts_public.status_form", number=letter.number))
    except DomainError as error:
        return _status(request.form, found, error), error.status


@bp.get("/accounts/letters/status")
@allow(ANYONE)
def status_form() -> str:
    """Asks for number and telephone."""
    return _status({"number": request.args.get("number", "")}, None, None)


@bp.post("/accounts/letters/status")
@allow(ANYONE)
@repeatable("it only asks; the counter of tries counts each on purpose")
def status() -> tuple[str, int] | str:
    """How the letter stands. A POST, so that the telephone number stays out of addresses and logs."""
    try:
        found = edge.ask_status(request.form.get("number", ""), request.form.get("phone", ""))
    except DomainError as error:
        return _status(request.form, None, error), error.status
    return _status(request.form, found, None)


@bp.post("/accounts/letters/correction")
@allow(ANYONE)
def correct() -> Response | tuple[str, int]:
    """Takes the scan in that a request waits for, or a corrected one after 退回补正."""
    number = request.form.get("number", "")
    found: dict[str, Any] | None = None
    try:
        found = edge.ask_status(number, request.form.get("phone", ""))
        form = _load(CorrectionForm(), skip=("number",))
        edge.want_scan(number, form["phone"])
        scan = edge.take_scan(request.files.getlist("file"))
        with once() as tx:
            letter = receiving.send_scan(tx.session, number, scan=scan, **form)
            return tx.redirect(url_for("accounts_public.received", number=letter.number))
    except DomainError as error:
        return _status(request.form, found, error), error.status


@bp.get("/accounts/fragments/unit-options")
@allow(ANYONE)
def unit_options() -> str:
    """Units that fit what has been typed, for the list under the field; names of schools are public."""
    with reading() as session:
        units = suggest_units(session, request.args.get("unit_code", ""))
        return render_template("accounts/letters/unit_options.html", units=units)


def _number(typed: str) -> str:
    """The number of a letter as it must look; nothing where it does not."""
    return typed if re.fullmatch(r"L\d{4}-\d{6}", typed) else ""


def _own() -> tuple[str, str, str]:
    """What a letter is shown to be one's own with."""
    form = request.form
    return form.get("number", ""), form.get("phone", ""), form.get("identity_tail", "")


def _load(schema: Any, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    """The form as the schema makes it. Raises `Invalid` with the fields."""
    typed = {name: value for name, value in request.form.items() if name not in (*_OWN, *skip) and value.strip()}
    try:
        loaded: dict[str, Any] = schema.load(typed)
    except ValidationError as error:
        fields: dict[str, list[str]] = {}
        for name, sentence in flatten(error.messages):
            fields.setdefault(name, []).append(sentence)
        raise Invalid("请按下列提示改正。", fields=fields) from error
    return loaded


def _form(typed: Any, error: DomainError | None) -> str:
    return render_template(
        "accounts/letters/new.html",
        typed=typed,
        further=form_rows(typed, "further"),
        error=error,
        errors=dict(error.fields) if error else {},
        today=utc_now().astimezone(CHINA).date().isoformat(),
        kinds=[(kind.value, kind.label) for kind in LetterKind],
        roles=[(role.key, role.title) for role in ROLES.values()],
    )


def _status(typed: Any, found: dict[str, Any] | None, error: DomainError | None) -> str:
    return render_template(
        "accounts/letters/status.html",
        typed=typed,
        found=found,
        error=error,
        errors=dict(error.fields) if error else {},
    )
