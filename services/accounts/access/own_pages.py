"""The page 我的登录: one's own sessions, password and second step."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.accounts.access import edge, own, second_step
from services.accounts.access.models import Account
from services.accounts.access.pages import recovery_codes_page, setup_facts
from shared.errors import DomainError
from shared.web import SIGNED_IN, actor, allow, once, reading, repeatable, runtime

bp = Blueprint("accounts_own", __name__, url_prefix="/accounts/mine")
Page = str | Response | tuple[str, int]
AGAIN = "a password or code in it is checked anew each time, and must not be kept for replays"


@bp.get("")
@allow(SIGNED_IN)
def mine() -> Page:
    """Where one is signed in, and what one signs in with."""
    return _mine()


@bp.post("/sessions/<session_id>/end")
@allow(SIGNED_IN)
def end_session(session_id: str) -> Page:
    """Ends one of one's own sessions, in every service."""
    with once() as tx:
        own.end_one(tx.session, actor(), session_id)
        flash("已结束该次登录，各服务 5 秒内不再接受。", "success")
        return tx.redirect(url_for("accounts_own.mine"))


@bp.post("/sessions/end-others")
@allow(SIGNED_IN)
def end_others() -> Page:
    """Ends all of one's sessions but this."""
    with once() as tx:
        count = own.end_others(tx.session, actor())
        flash(f"已结束其他 {count} 次登录，各服务 5 秒内不再接受。" if count else "没有其他登录。", "success")
        return tx.redirect(url_for("accounts_own.mine"))


@bp.post("/password")
@allow(SIGNED_IN)
@repeatable(AGAIN)
def change_password() -> Page:
    """Changes one's password; all other sessions end."""
    new = request.form.get("password", "")
    if new != request.form.get("again", ""):
        return _mine({"again": ["两次输入的密码不一致，请重新输入。"]}), 422
    try:
        count = edge.change_password(runtime(), actor(), request.form.get("old", ""), new)
    except DomainError as error:
        return _refused(error)
    flash(f"密码已修改，其他 {count} 次登录已结束。" if count else "密码已修改。", "success")
    return redirect(url_for("accounts_own.mine"), 303)


@bp.post("/second-step")
@allow(SIGNED_IN)
@repeatable(AGAIN)
def begin() -> Page:
    """Begins to set up an app, or another one."""
    try:
        edge.begin_own_factor(runtime(), actor(), request.form.get("own_password", ""), request.form.get("code", ""))
    except DomainError as error:
        return _refused(error)
    return redirect(url_for("accounts_own.set_up"), 303)


@bp.get("/second-step")
@allow(SIGNED_IN)
def set_up() -> Page:
    """Shows the secret that was begun with."""
    return _set_up()


@bp.post("/second-step/confirm")
@allow(SIGNED_IN)
@repeatable(AGAIN)
def confirm() -> Page:
    """Takes the app into use by its first code, and shows the recovery codes once."""
    try:
        codes = edge.confirm_own_factor(runtime(), actor(), request.form.get("code", ""))
    except DomainError as error:
        return _set_up(error)
    return recovery_codes_page(codes, url_for("accounts_own.mine"))


def _set_up(error: DomainError | None = None) -> Page:
    setup = edge.own_setup(runtime(), actor())
    if setup is None:
        flash(error.detail if error else "请先输入密码，再设置动态口令。", "error" if error else "info")
        return redirect(url_for("accounts_own.mine"), 303)
    page = render_template("accounts/own_setup.html", setup=setup_facts(setup), error=error.detail if error else None)
    return page, error.status if error else 200


def _refused(error: DomainError) -> Page:
    return _mine(dict(error.fields) or {"": [error.detail]}), error.status


def _mine(errors: dict[str, Any] | None = None) -> str:
    with reading() as session:
        return render_template(
            "accounts/mine.html",
            username=session.get_one(Account, actor().account_id).username,
            sessions=own.living_sessions(session, actor()),
            factor=second_step.factor_of(session, actor().account_id),
            codes_left=second_step.codes_left(session, actor().account_id),
            required=second_step.must_have_one(actor().posts, runtime().settings.second_factor),
            passed={way.value: way.label for way in second_step.Passed},
            errors=errors,
        )
