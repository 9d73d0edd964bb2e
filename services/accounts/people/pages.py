"""Pages of the register of people: the list, one person with her history, the whole identity number for a purpose."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.accounts.models import Person
from services.accounts.people import edge, operations
from services.accounts.people.facts import DATES, KINDS, LABELS, STAGES, Purpose, word
from services.accounts.people.queries import KEEPERS, filtered, get_person
from services.accounts.people.schemas import FactsIn, PurposeIn
from services.accounts.queries import history
from shared.actors import Office
from shared.errors import Conflict, DomainError, Invalid, NotFound
from shared.paging import page
from shared.web import actor, allow, expected_version, once, reading, repeatable

bp = Blueprint("accounts_people", __name__)
FILTERS = ("q", "unit", "kind", "stage")


@bp.get("/accounts/people")
@allow(*KEEPERS)
def people() -> str:
    """The people of one's school or area, by name."""
    wanted = {name: request.args.get(name, "").strip() for name in FILTERS}
    error: Invalid | None = None
    with reading() as session:
        try:
            rows = filtered(session, actor(), wanted)
        except Invalid as refused:
            error, wanted = refused, dict.fromkeys(FILTERS, "")
            rows = filtered(session, actor(), wanted)
        found = page(session, rows, [Person.name, Person.id], cursor=request.args.get("cursor"))
        return render_template(
            "accounts/people/list.html",
            found=found,
            wanted=wanted,
            error=error,
            kinds=list(KINDS.items()),
            stages=list(STAGES.items()),
            word=word,
            body=actor().posts_of(*KEEPERS)[0].body,
        )


@bp.post("/accounts/people/search")
@allow(*KEEPERS)
@repeatable("it only looks; an identity number does not belong into an address")
def search() -> Response:
    """Goes to the person with the identity number that was typed."""
    try:
        found = edge.sought(request.form.get("identity_number", ""))
    except (NotFound, Invalid) as error:
        flash(error.detail, "error")
        return redirect(url_for("accounts_people.people"), 303)
    return redirect(url_for("accounts_people.person", person_id=found.id), 303)


@bp.get("/accounts/people/<person_id>")
@allow(*KEEPERS)
def person(person_id: str) -> str:
    """One person: facts, what was done to the record, and the forms."""
    return _render(person_id)


@bp.post("/accounts/people/<person_id>")
@allow(*KEEPERS)
def change(person_id: str) -> Response | tuple[str, int]:
    """Keeps changed facts; what was typed comes back when something is wrong."""
    typed = {name: request.form.get(name, "").strip() for name in (*LABELS, "reason")}
    try:
        with once() as tx:
            body = edge.load(FactsIn(), typed)
            reason = body.pop("reason")
            operations.change_person(tx.session, actor(), person_id, expected_version(), body, reason)
            flash("已保存，其他服务随之更新。", "success")
            return tx.redirect(url_for("accounts_people.person", person_id=person_id))
    except (Conflict, Invalid) as error:
        return _render(person_id, error=error, typed=typed), error.status


@bp.post("/accounts/people/<person_id>/identity")
@allow(*KEEPERS)
@repeatable("each showing is recorded, the second one too; the number must not be kept for replays")
def identity(person_id: str) -> str | tuple[str, int]:
    """Shows the whole identity number on the page that answers, and nowhere else."""
    typed = {"purpose": request.form.get("purpose", ""), "reason": request.form.get("purpose_reason", "").strip()}
    try:
        body = edge.load(PurposeIn(), typed)
        return _render(person_id, shown=edge.shown_identity(person_id, body["purpose"], body["reason"]))
    except Invalid as error:
        return _render(person_id, identity_error=error, typed=typed), error.status


def _render(
    person_id: str,
    *,
    error: DomainError | None = None,
    identity_error: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
    shown: str | None = None,
) -> str:
    with reading() as session:
        found = get_person(session, actor(), person_id)
        kept = {name: getattr(found, name) for name in LABELS}
        return render_template(
            "accounts/people/person.html",
            person=found,
            facts=[(label, word(name, kept[name])) for name, label in LABELS.items()],
            values=typed if error and typed else kept,
            typed=typed or {},
            error=error,
            identity_error=identity_error,
            shown=shown,
            labels=LABELS | {"reason": "修改理由"},
            dates=DATES,
            kinds=list(KINDS.items()),
            stages=list(STAGES.items()),
            purposes=[(one.value, one.label) for one in Purpose],
            history=history(session, "person", found.id),
            own=actor().person_id == found.id,
            sees_credits=actor().holds(Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN),
        )
