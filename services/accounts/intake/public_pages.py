"""The applicant's pages, who has no account: sending a letter in, asking how it stands, correcting it."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from services.accounts.intake import edge, receiving
from services.accounts.intake.schemas import CorrectionForm, LetterForm
from services.accounts.kinds import LetterKind
from services.accounts.queries import suggest_units
from services.accounts.roles import ROLES
from shared.errors import DomainError, Invalid
from shared.tables import flatten
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
    """Takes the letter in; what is wrong is said beside each field and nothing typed is lost."""
    try:
        new_letter = edge.new_letter(_load(LetterForm()))
        scan = edge.take_scan(request.files.get("file"))
        with once() as tx:
            letter = receiving.receive_letter(tx.session, new_letter, scan)
            return tx.redirect(url_for("accounts_public.received", number=letter.number))
    except DomainError as error:
        return _form(request.form, error), error.status


@bp.get("/accounts/letters/received/<number>")
@allow(ANYONE)
def received(number: str) -> str:
    """The number to keep. Shows nothing of the letter: whoever types an address here learns nothing."""
    return render_template(
        "accounts/letters/received.html", number=number if re.fullmatch(r"L\d{4}-\d{6}", number) else ""
    )


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
    """Takes a corrected scan in after 退回补正."""
    number = request.form.get("number", "")
    found: dict[str, Any] | None = None
    try:
        found = edge.ask_status(number, request.form.get("phone", ""))
        form = _load(CorrectionForm(), skip=("number",))
        scan = edge.take_scan(request.files.get("file"))
        with once() as tx:
            letter = receiving.resubmit_letter(tx.session, number, scan=scan, **form)
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
        error=error,
        errors=dict(error.fields) if error else {},
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
