"""Changes of a unit, and the handover of one's own offices, as pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy import select
from werkzeug.wrappers import Response

from services.accounts.access.models import Account
from services.accounts.access.queries import accounts_at
from services.accounts.kinds import UnitKind
from services.accounts.models import Unit
from services.accounts.queries import get_unit, history
from services.accounts.units import operations
from services.accounts.units.models import ChangeAct, ChangeState
from services.accounts.units.queries import (
    MANAGER,
    changes_at,
    held_at,
    leaving_roles,
    may_manage,
    own_changes,
    successors,
    today,
)
from services.accounts.units.schemas import ChangeIn, HandoverIn
from shared.actors import Level, Office
from shared.errors import DomainError, Invalid, NotFound
from shared.schemas import Schema
from shared.tables import flatten
from shared.web import SIGNED_IN, actor, allow, expected_version, once, reading

bp = Blueprint("accounts_changes", __name__, url_prefix="/accounts")
Page = str | Response | tuple[str, int]
_WORDS = {
    "acts": {act.value: act.label for act in ChangeAct},
    "states": {state.value: state.label for state in ChangeState},
}


@bp.get("/units/<code>/changes")
@allow(Office.ACCOUNT_MANAGER)
def unit_changes(code: str) -> Page:
    """What was and will be done to a unit, and the forms for more."""
    return _unit(code, {"act": request.args.get("act", "")}, None)


@bp.post("/units/<code>/changes")
@allow(Office.ACCOUNT_MANAGER)
def plan_change(code: str) -> Page:
    """Plans a change, or makes it at once."""
    try:
        new = _load(ChangeIn())
        with once() as tx:
            change = operations.plan_change(tx.session, actor(), code, expected_version(), new)
            flash(_done(change), "success")
            stays = change.state == ChangeState.PLANNED or new.act not in (ChangeAct.CLOSE, ChangeAct.MERGE)
            where = code if stays or change.unit.parent is None else change.unit.parent.code
            return tx.redirect(url_for("accounts_changes.unit_changes", code=where))
    except NotFound:
        raise
    except DomainError as error:
        return _unit(code, request.form.to_dict(), error), error.status


@bp.get("/handover")
@allow(SIGNED_IN)
def handover() -> Page:
    """One's own offices, colleagues who could take them over, handovers so far."""
    return _handover({"unit": request.args.get("unit", "")}, None)


@bp.post("/handover/<code>")
@allow(SIGNED_IN)
def hand_over(code: str) -> Page:
    """Hands one's offices at a unit to a colleague."""
    try:
        new = _load(HandoverIn(), act=ChangeAct.HANDOVER)
        with once() as tx:
            flash(_done(operations.hand_over(tx.session, actor(), code, new)), "success")
            return tx.redirect(url_for("accounts_changes.handover"))
    except NotFound:
        raise
    except DomainError as error:
        return _handover(request.form.to_dict() | {"unit": code}, error), error.status


@bp.post("/unit-changes/<change_id>/withdraw")
@allow(SIGNED_IN)
def withdraw_change(change_id: str) -> Page:
    """Takes back what is planned."""
    try:
        with once() as tx:
            change = operations.withdraw_change(tx.session, actor(), change_id, request.form.get("reason", ""))
            flash("已取消，不再生效。", "success")
            return tx.redirect(_back(change))
    except NotFound:
        raise
    except DomainError as error:
        flash(error.detail, "error")
        return redirect(url_for("accounts_pages.home"), 303)


def _back(change: Any) -> str:
    if change.account_id == actor().account_id:
        return url_for("accounts_changes.handover")
    return url_for("accounts_changes.unit_changes", code=change.unit.code)


def _done(change: Any) -> str:
    words = ChangeAct(change.act).label
    if change.state == ChangeState.DONE:
        return f"{words}已生效。"
    return f"{words}已预定，自 {change.in_force_on} 起生效；此前可以取消。"


def _load(schema: Schema, **more: Any) -> operations.NewChange:
    """The form as the API would take it. Raises `Invalid` naming the fields."""
    given = {name: value.strip() for name, value in request.form.items() if name in schema.fields and value.strip()}
    try:
        return operations.NewChange(**schema.load(given), **more)
    except ValidationError as error:
        fields: dict[str, list[str]] = {}
        for name, sentence in flatten(error.messages):
            fields.setdefault(name, []).append(sentence)
        raise Invalid("请核对标出的各项后重新提交。", fields=fields) from error


def _unit(code: str, typed: dict[str, str], error: DomainError | None) -> str:
    with reading() as session:
        unit = get_unit(session, actor(), code, MANAGER)
        accounts = [account for account in accounts_at(session, actor(), unit) if may_manage(actor(), account)]
        leavers = {a.id: a for a in accounts if leaving_roles(held_at(session, a.id, unit.id))}
        offered = {account_id: successors(session, account_id, unit.id) for account_id in leavers}
        offers = _offers(unit, handover=bool(leavers))
        return render_template(
            "accounts/units/changes.html",
            unit=unit,
            offers=offers,
            act=typed["act"] if typed.get("act") in offers else "",
            changes=changes_at(session, actor(), unit),
            lines=history(session, "unit", unit.id),
            leavers=_options(leavers.values()),
            successors=_options({a.id: a for some in offered.values() for a in some}.values()),
            kinds=[(kind.value, kind.label) for kind in UnitKind if kind is not UnitKind.PROVINCE],
            today=today(),
            typed=typed,
            error=error,
            **_WORDS,
        )


def _offers(unit: Unit, *, handover: bool) -> list[str]:
    """What the actor may do with the unit."""
    acts = [ChangeAct.OPEN] if unit.level != Level.SCHOOL else []
    if actor().post_over(unit.authority_path, MANAGER) is not None:
        acts.append(ChangeAct.RENAME)
        if unit.level != Level.PROVINCE:
            acts += [ChangeAct.MOVE, ChangeAct.MERGE, ChangeAct.CLOSE]
    return [act.value for act in (*acts, *([ChangeAct.HANDOVER] if handover else []))]


def _options(accounts: Iterable[Account]) -> list[tuple[str, str]]:
    return [(account.id, f"{account.person.name}（{account.username}）") for account in accounts]


def _handover(typed: dict[str, str], error: DomainError | None) -> str:
    with reading() as session:
        me = session.get_one(Account, actor().account_id)
        units = {held.unit_id: held.unit for held in me.roles}
        places = [
            (unit, leaving, _options(successors(session, me.id, unit.id)))
            for unit in session.scalars(select(Unit).where(Unit.id.in_(units), Unit.active).order_by(Unit.path))
            if (leaving := leaving_roles(held_at(session, me.id, unit.id)))
        ]
        return render_template(
            "accounts/units/handover.html",
            places=places,
            changes=own_changes(session, actor()),
            today=today(),
            typed=typed,
            error=error,
            **_WORDS,
        )
