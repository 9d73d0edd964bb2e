"""Pages of sign-in with its second step, of activation, and the acts on accounts that the page of units offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from flask import Blueprint, flash, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from services.accounts.access import edge, operations, own, second_step, totp
from services.accounts.access.models import Account
from services.accounts.access.queries import Link, find_link
from shared.actors import Actor, Office
from shared.auth import COOKIE
from shared.errors import DomainError, NotFound, NotSignedIn
from shared.printing import qr
from shared.ui.filters import local_time
from shared.web import ANYONE, actor, allow, once, reading, repeatable, runtime, safe_next, transaction

bp = Blueprint("accounts_access", __name__)
Page = str | Response | tuple[str, int]


@bp.get("/accounts/sign-in")
@allow(ANYONE)
def sign_in_form() -> Page:
    """The form; or straight on for somebody whose session lives, with a fresh token if posts have changed."""
    target = safe_next(request.args.get("next"))
    token = request.cookies.get(COOKIE)
    if token:
        try:
            fresh = edge.renew(runtime(), runtime().verifier.verify(token))
        except NotSignedIn:
            fresh = None
        if fresh is not None:
            return _with_cookie(redirect(target), fresh)
    return render_template("accounts/sign_in.html", target=target, username="", error=None)


@bp.post("/accounts/sign-in")
@allow(ANYONE)
@repeatable("a second sign-in makes a second session and nothing else")
def sign_in() -> Page:
    """Signs in and goes on to where the person wanted."""
    target = safe_next(request.form.get("next"))
    username = request.form.get("username", "")
    try:
        done = edge.sign_in(
            runtime(), username, request.form.get("password", ""), request.user_agent.string, request.remote_addr
        )
    except DomainError as error:
        page = render_template("accounts/sign_in.html", target=target, username=username, error=error)
        return page, error.status
    session.clear()
    if isinstance(done, edge.StepDue):
        session["first_step"], session["next"] = done.ticket, target
        return redirect(url_for("accounts_access.second_step_form"), 303)
    return _with_cookie(redirect(target), done.token)


@bp.get("/accounts/sign-in/second-step")
@allow(ANYONE)
def second_step_form() -> Page:
    """Asks for a code of the app; or shows how to set one up, for who must have it and has not."""
    return _second_step()


@bp.post("/accounts/sign-in/second-step")
@allow(ANYONE)
@repeatable("a code counts once, and recovery codes must not be kept for replays")
def pass_second_step() -> Page:
    """Signs in by the code; a new app's recovery codes are shown on the way, once."""
    try:
        done = edge.pass_second_step(
            runtime(),
            session.get("first_step", ""),
            request.form.get("code", ""),
            request.user_agent.string,
            request.remote_addr,
        )
    except DomainError as error:
        return _second_step(error)
    target = safe_next(session.get("next"))
    session.clear()
    if done.recovery_codes:
        return _with_cookie(recovery_codes_page(done.recovery_codes, target), done.token)
    return _with_cookie(redirect(target, 303), done.token)


@bp.post("/accounts/sign-out")
@allow(ANYONE)
@repeatable("ending a session twice changes nothing")
def sign_out() -> Response:
    """Ends the session, in every service; harmless for somebody who is not signed in."""
    try:
        with transaction() as tx:
            own.sign_out(tx, actor())
        flash("已退出登录。", "success")
    except NotSignedIn:
        flash("您已经退出登录。", "info")
    answer = redirect(url_for("accounts_access.sign_in_form"))
    answer.delete_cookie(COOKIE, path="/")
    return answer


@bp.get("/accounts/activate/<token>")
@allow(ANYONE)
def activate_form(token: str) -> Page:
    """The form to set a password; or why the link does not work, and whom to call."""
    with reading() as tx:
        link = find_link(tx, token)
    return _activation(link, None)


@bp.post("/accounts/activate/<token>")
@allow(ANYONE)
@repeatable("the link itself works once")
def activate(token: str) -> Page:
    """Sets the password; from then on the person can sign in."""
    password = request.form.get("password", "")
    with reading() as tx:
        link = find_link(tx, token)
    if password != request.form.get("again", ""):
        return _activation(link, {"again": ["两次输入的密码不一致，请重新输入。"]})
    try:
        username = edge.set_password(runtime(), token, password)
    except DomainError as error:
        if not error.fields:
            raise
        return _activation(link, dict(error.fields))
    flash(f"密码已设好，请用账号 {username} 登录。", "success")
    return redirect(url_for("accounts_access.sign_in_form"))


@bp.post("/accounts/accounts/<account_id>/suspend")
@allow(Office.ACCOUNT_MANAGER)
def suspend(account_id: str) -> Page:
    """Shuts an account out of every service."""
    return _change(account_id, operations.suspend, "已停用账号 {}，各服务 5 秒内不再接受其登录。")


@bp.post("/accounts/accounts/<account_id>/restore")
@allow(Office.ACCOUNT_MANAGER)
def restore(account_id: str) -> Page:
    """Lets it sign in again."""
    return _change(account_id, operations.restore, "已恢复账号 {}。")


@bp.post("/accounts/accounts/<account_id>/second-step/reset")
@allow(Office.ACCOUNT_MANAGER)
def reset_second_step(account_id: str) -> Page:
    """Takes the second step of somebody away who has lost telephone and recovery codes."""
    return _change(account_id, second_step.reset, "已重置账号 {} 的动态口令，下次登录时重新设置。")


@bp.post("/accounts/accounts/<account_id>/activation-links")
@allow(Office.ACCOUNT_MANAGER)
def resend_link(account_id: str) -> Page:
    """Makes a new one-time link and shows it once on the page that follows."""
    back = safe_next(request.form.get("back"), url_for("accounts_pages.units"))
    try:
        with once() as tx:
            account, token, expires_at = operations.resend_link(tx.session, actor(), account_id)
            show_once(account, token, local_time(expires_at))
            return tx.redirect(back)
    except NotFound:
        raise
    except DomainError as error:
        flash(error.detail, "error")
        return redirect(back, 303)


def show_once(account: Account, token: str, until: str) -> None:
    """Keeps a one-time link for the very next page of this browser, and nowhere else."""
    shown = {
        "username": account.username,
        "name": account.person.name,
        "url": runtime().settings.public_url + url_for("accounts_access.activate_form", token=token),
        "until": until,
    }
    session["links"] = [*session.get("links", []), shown]


def take_links() -> list[dict[str, str]]:
    """The links of `show_once`, the first time they are asked for."""
    links: list[dict[str, str]] = session.pop("links", [])
    return links


def setup_facts(setup: edge.Setup) -> dict[str, str]:
    """What the part `second_step_setup.html` shows of a secret."""
    picture = quote(qr.svg(totp.address(setup.secret, setup.username)))
    return {"qr": f"data:image/svg+xml,{picture}", "secret": totp.shown(setup.secret)}


def recovery_codes_page(codes: Sequence[str], target: str) -> Response:
    """The recovery codes, on the one page that ever shows them."""
    return make_response(render_template("accounts/recovery_codes.html", codes=codes, target=target))


def _second_step(error: DomainError | None = None) -> Page:
    try:
        setup = edge.second_step_due(runtime(), session.get("first_step", ""))
    except NotSignedIn as over:
        target = safe_next(session.pop("next", None))
        session.pop("first_step", None)
        flash(over.detail, "error")
        return redirect(url_for("accounts_access.sign_in_form", next=target), 303)
    page = render_template(
        "accounts/second_step.html", setup=setup_facts(setup) if setup else None, error=error.detail if error else None
    )
    return page, error.status if error else 200


def _change(account_id: str, operation: Callable[[Any, Actor, str, str], Account], done: str) -> Page:
    back = safe_next(request.form.get("back"), url_for("accounts_pages.units"))
    try:
        with once() as tx:
            account = operation(tx.session, actor(), account_id, request.form.get("reason", ""))
            flash(done.format(account.username), "success")
            return tx.redirect(back)
    except NotFound:
        raise
    except DomainError as error:
        flash(error.detail, "error")
        return redirect(back, 303)


def _activation(link: Link, errors: dict[str, Any] | None) -> Page:
    page = render_template("accounts/activate.html", link=link, errors=errors)
    return page, 422 if errors else 200 if link.state == "good" else 410


def _with_cookie(answer: Response, token: str) -> Response:
    """Without an end of its own: the browser forgets it when it closes, for school computers are shared."""
    answer.set_cookie(COOKIE, token, httponly=True, samesite="Lax", secure=runtime().settings.secure_cookies, path="/")
    return answer
