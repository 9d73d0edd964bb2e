"""Pages of transfers: started here or there, confirmed by the other side."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.accounts.people import edge, transferring
from services.accounts.people.facts import TransferState
from services.accounts.people.models import Transfer
from services.accounts.people.queries import KEEPERS
from services.accounts.people.schemas import AwayIn, HereIn
from shared.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from shared.paging import page
from shared.web import actor, allow, once, reading

bp = Blueprint("accounts_transfers", __name__, url_prefix="/accounts/people")
HERE = {"identity_number": "身份证号", "name": "姓名", "to_unit": "调入单位", "on": "调动日期", "reason": "依据"}


@bp.get("/transfers")
@allow(*KEEPERS)
def transfers() -> str:
    """All of one's school or area, the newest first, with what is to be done."""
    return _render()


@bp.post("/transfers")
@allow(*KEEPERS)
def ask_here() -> Response | tuple[str, int]:
    """Starts one to a unit of one's own; what was typed comes back when something is wrong."""
    typed = {name: request.form.get(name, "").strip() for name in HERE}
    try:
        body = edge.load(HereIn(), typed)
        identity_hash = edge.sought_hash(body.pop("identity_number"))
        with once() as tx:
            transferring.ask_here(tx.session, actor(), identity_hash, **body)
            flash("已发起调入，等待对方单位确认。", "success")
            return tx.redirect(url_for("accounts_transfers.transfers"))
    except (Conflict, Invalid, NotAllowed, NotFound) as error:
        return _render(error=error, typed=typed), error.status


@bp.post("/<person_id>/transfers")
@allow(*KEEPERS)
def ask_away(person_id: str) -> Response:
    """Starts one away from here."""
    typed = {name: request.form.get(name, "").strip() for name in ("to_unit", "on", "reason")}
    try:
        with once() as tx:
            transferring.ask_away(tx.session, actor(), person_id, **edge.load(AwayIn(), typed))
            flash("已发起调出，等待对方单位确认。", "success")
            return tx.redirect(url_for("accounts_transfers.transfers"))
    except (Conflict, Invalid, NotAllowed) as error:
        flash("；".join(sentence for some in error.fields.values() for sentence in some) or error.detail, "error")
        return redirect(url_for("accounts_people.person", person_id=person_id), 303)


@bp.post("/transfers/<transfer_id>")
@allow(*KEEPERS)
def act(transfer_id: str) -> Response:
    """Confirms, refuses or withdraws, as the pressed button says."""
    reason, here = request.form.get("reason", ""), url_for("accounts_transfers.transfers")
    try:
        with once() as tx:
            match request.form.get("act"):
                case "confirm":
                    done = transferring.confirm(tx.session, actor(), transfer_id)
                case "refuse":
                    done = transferring.refuse(tx.session, actor(), transfer_id, reason)
                case "withdraw":
                    done = transferring.withdraw(tx.session, actor(), transfer_id, reason)
                case _:
                    raise Invalid("没有这个操作，请刷新页面后重试。")
            flash(f"{done.person.name}的调动：{TransferState(done.state).label}。", "success")
            return tx.redirect(here)
    except (Conflict, Invalid, NotAllowed) as error:
        flash(error.detail, "error")
        return redirect(here, 303)


def _render(*, error: DomainError | None = None, typed: Mapping[str, str] | None = None) -> str:
    with reading() as session:
        keys = [Transfer.asked_at, Transfer.id]
        rows = transferring.visible_transfers(actor())
        found = page(session, rows, keys, cursor=request.args.get("cursor"), descending=True)
        return render_template(
            "accounts/people/transfers.html",
            found=found,
            states={state.value: state.label for state in TransferState},
            answers={one.id for one in found.items if transferring.may_answer(actor(), one)},
            withdraws={one.id for one in found.items if transferring.may_withdraw(actor(), one)},
            error=error,
            typed=typed or {"to_unit": actor().posts_of(*KEEPERS)[0].unit.code},
            labels=HERE,
        )
