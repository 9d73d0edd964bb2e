"""Pages of the yearly collection: upload and check, then the deliberate import."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from services.accounts.people import collecting, edge
from services.accounts.people.queries import KEEPERS
from shared.errors import Invalid, TooLarge
from shared.web import actor, allow, once, reading

bp = Blueprint("accounts_collecting", __name__, url_prefix="/accounts/people/collections")


@bp.get("")
@allow(*KEEPERS)
def start() -> str:
    """What is collected of whom, the template, the upload."""
    with reading() as session:
        return render_template("accounts/people/collection.html", unit=collecting.home(session, actor()), kept=None)


@bp.post("")
@allow(*KEEPERS)
def send() -> AnyResponse:
    """Checks a workbook; the import is a second, deliberate press."""
    try:
        found = edge.checked(request.files.get("file"))
        with once() as tx:
            kept = found.keep(tx.session)
            return tx.redirect(url_for("accounts_collecting.show", collection_id=kept.id))
    except (Invalid, TooLarge) as error:
        flash(error.detail, "error")
        return redirect(url_for("accounts_collecting.start"), 303)


@bp.get("/<collection_id>")
@allow(*KEEPERS)
def show(collection_id: str) -> str:
    """One workbook: what its check found, and how far its import is."""
    with reading() as session:
        kept = collecting.find(session, actor(), collection_id)
        return render_template("accounts/people/collection.html", unit=kept.unit, kept=kept)


@bp.post("/<collection_id>/import")
@allow(*KEEPERS)
def start_import(collection_id: str) -> AnyResponse:
    """Starts the import; only of the good rows, if that was said."""
    here = url_for("accounts_collecting.show", collection_id=collection_id)
    try:
        with once() as tx:
            good_only = request.form.get("good_only") == "yes"
            collecting.start_import(tx.session, actor(), collection_id, good_only=good_only)
            return tx.redirect(here)
    except Invalid as error:
        flash(error.detail, "error")
        return redirect(here, 303)


@bp.get("/<collection_id>/errors.xlsx")
@allow(*KEEPERS)
def errors(collection_id: str) -> Response:
    """The rows with errors, to be corrected and uploaded again."""
    return edge.send_errors(collection_id)


@bp.get("/template.xlsx")
@allow(*KEEPERS)
def template() -> Response:
    """An empty workbook."""
    return edge.send_template()
