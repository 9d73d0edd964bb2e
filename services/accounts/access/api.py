"""Sign-in, activation and accounts for programs."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request, url_for
from flask_smorest import Blueprint
from sqlalchemy import select

from services.accounts.access import edge, operations, own, second_step
from services.accounts.access.models import Account, AccountRole, SignInSession
from services.accounts.access.queries import get_account, visible_accounts
from services.accounts.access.schemas import (
    AccountOut,
    AccountQuery,
    ActivatedOut,
    CredentialsIn,
    LinkOut,
    NewPasswordIn,
    OwnSessionsOut,
    PasswordIn,
    ReasonIn,
    SessionOut,
    SignedInAccountOut,
)
from services.accounts.models import Unit
from services.accounts.queries import get_unit
from shared.actors import Actor, Office
from shared.database import under
from shared.errors import NotAllowed, NotSignedIn
from shared.paging import page
from shared.schemas import Nothing, paged
from shared.web import ANYONE, SIGNED_IN, actor, allow, once, reading, repeatable, runtime, transaction

blp = Blueprint("accounts_access_api", __name__, url_prefix="/accounts/api/v1", description="登录与账号")


@blp.route("/sessions", methods=["POST"])
@blp.arguments(CredentialsIn)
@blp.response(201, SessionOut)
@allow(ANYONE)
@repeatable("a second sign-in makes a second session and nothing else; tokens must not be kept for replays")
def sign_in(body: dict[str, str]) -> dict[str, Any]:
    """登录，取得令牌；已设置动态口令的账号须同时填 code。"""
    client, address = request.user_agent.string, request.remote_addr
    done = edge.sign_in(runtime(), body["username"], body["password"], client, address)
    if isinstance(done, edge.StepDue):
        if done.due is second_step.Due.SETUP:
            raise NotAllowed(
                "此账号须先设置动态口令：请在网页登录一次，按提示设置后再用程序登录。", second_step="setup"
            )
        if not body["code"]:
            raise NotSignedIn("此账号已设置动态口令，请在 code 中填写动态码或恢复码。", second_step="code")
        done = edge.pass_second_step(runtime(), done.ticket, body["code"], client, address)
    return {"token": done.token, "expires_at": done.expires_at, "account": signed_in_body(done.actor, done.role)}


@blp.route("/sessions/current", methods=["GET"])
@blp.response(200, SignedInAccountOut)
@allow(SIGNED_IN)
def current_session() -> dict[str, Any]:
    """查看当前登录者及其岗位。"""
    with reading() as session:
        account = session.get(Account, actor().account_id)
        return signed_in_body(actor(), operations.first_role(account) if account else None)


@blp.route("/sessions/current", methods=["DELETE"])
@blp.response(204)
@allow(SIGNED_IN)
def sign_out() -> None:
    """退出登录；令牌在各服务中随即失效。"""
    with transaction() as session:
        own.sign_out(session, actor())


@blp.route("/sessions", methods=["GET"])
@blp.response(200, OwnSessionsOut)
@allow(SIGNED_IN)
def own_sessions() -> dict[str, Any]:
    """列出本人当前有效的登录。"""
    with reading() as session:
        return {"items": [session_body(row) for row in own.living_sessions(session, actor())]}


@blp.route("/sessions/<session_id>", methods=["DELETE"])
@blp.response(204)
@allow(SIGNED_IN)
def end_session(session_id: str) -> None:
    """结束本人的一次登录；各服务 5 秒内不再接受其令牌。"""
    with transaction() as session:
        own.end_one(session, actor(), session_id)


@blp.route("/password", methods=["PUT"])
@blp.arguments(NewPasswordIn)
@blp.response(204)
@allow(SIGNED_IN)
def change_password(body: dict[str, str]) -> None:
    """修改本人密码；其他登录随即失效。"""
    edge.change_password(runtime(), actor(), body["old"], body["password"])


@blp.route("/activations/<token>", methods=["POST"])
@blp.arguments(PasswordIn)
@blp.response(201, ActivatedOut)
@allow(ANYONE)
@repeatable("the link itself works once")
def activate(body: dict[str, str], token: str) -> dict[str, str]:
    """用一次性激活链接设置密码。"""
    return {"username": edge.set_password(runtime(), token, body["password"])}


@blp.route("/accounts", methods=["GET"])
@blp.arguments(AccountQuery, location="query")
@blp.response(200, paged(AccountOut))
@allow(Office.ACCOUNT_MANAGER)
def list_accounts(query: dict[str, Any]) -> dict[str, Any]:
    """列出管辖范围内的账号。"""
    with reading() as session:
        accounts = visible_accounts(actor())
        if query["under"]:
            code = query["under"].rstrip("/").rsplit("/", 1)[-1]
            top = get_unit(session, actor(), code, Office.ACCOUNT_MANAGER)
            held = (
                select(AccountRole.account_id)
                .join(Unit, Unit.id == AccountRole.unit_id)
                .where(AccountRole.held_to.is_(None), under(Unit.path, top.path))
            )
            accounts = accounts.where(Account.id.in_(held))
        if query["state"]:
            accounts = accounts.where(Account.state == query["state"])
        found = page(session, accounts, [Account.username], cursor=query["cursor"], limit=query["limit"])
        return {"items": [account_body(account) for account in found.items], "next": found.next}


@blp.route("/accounts/<account_id>", methods=["GET"])
@blp.response(200, AccountOut)
@allow(Office.ACCOUNT_MANAGER)
def show_account(account_id: str) -> dict[str, Any]:
    """查看一个账号。"""
    with reading() as session:
        return account_body(get_account(session, actor(), account_id))


@blp.route("/accounts/<account_id>/suspend", methods=["POST"])
@blp.arguments(ReasonIn)
@blp.response(200, AccountOut)
@allow(Office.ACCOUNT_MANAGER)
def suspend(body: dict[str, str], account_id: str) -> Response:
    """停用账号：各服务 5 秒内不再接受其登录。"""
    with once() as tx:
        account = operations.suspend(tx.session, actor(), account_id, body["reason"])
        return tx.json(AccountOut(), account_body(account))


@blp.route("/accounts/<account_id>/restore", methods=["POST"])
@blp.arguments(ReasonIn)
@blp.response(200, AccountOut)
@allow(Office.ACCOUNT_MANAGER)
def restore(body: dict[str, str], account_id: str) -> Response:
    """恢复停用的账号。"""
    with once() as tx:
        account = operations.restore(tx.session, actor(), account_id, body["reason"])
        return tx.json(AccountOut(), account_body(account))


@blp.route("/accounts/<account_id>/second-step/reset", methods=["POST"])
@blp.arguments(ReasonIn)
@blp.response(200, AccountOut)
@allow(Office.ACCOUNT_MANAGER)
def reset_second_step(body: dict[str, str], account_id: str) -> Response:
    """重置他人的动态口令：其所有登录失效，下次登录时重新设置。"""
    with once() as tx:
        account = second_step.reset(tx.session, actor(), account_id, body["reason"])
        return tx.json(AccountOut(), account_body(account))


@blp.route("/accounts/<account_id>/activation-links", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(201, LinkOut)
@allow(Office.ACCOUNT_MANAGER)
def resend_link(body: dict[str, Any], account_id: str) -> Response:
    """为尚未激活的账号重发激活链接；原链接作废。"""
    with once() as tx:
        _, token, expires_at = operations.resend_link(tx.session, actor(), account_id)
        answer = tx.json(LinkOut(), {"activation_url": None, "expires_at": expires_at}, 201)
        return with_secret(answer, activation_url=activation_url(token))


def signed_in_body(who: Actor, role: str | None) -> dict[str, Any]:
    """Somebody signed in as `SignedInAccountOut` shows it."""
    return {
        "id": who.account_id,
        "name": who.name,
        "role": role,
        "posts": [
            {
                "office": post.office.value,
                "unit_path": post.unit.path,
                "unit_name": post.unit.name,
                "level": post.unit.level.value,
                "body": post.body,
            }
            for post in who.posts
        ],
    }


def session_body(row: SignInSession) -> dict[str, Any]:
    """One of the caller's own sessions as `OwnSessionOut` shows it."""
    return {
        "id": row.id,
        "current": row.id == actor().session_id,
        "started_at": row.started_at,
        "expires_at": row.expires_at,
        "client": row.client,
        "address": row.address,
        "second_step": row.second_step,
    }


def account_body(account: Account) -> dict[str, Any]:
    """An account as `AccountOut` shows it."""
    return {
        "id": account.id,
        "username": account.username,
        "name": account.person.name,
        "masked_identity": account.person.identity_masked,
        "state": account.state,
        "roles": [
            {
                "role": held.role,
                "title": held.rule.title,
                "unit_code": held.unit.code,
                "unit_name": held.unit.body,
            }
            for held in account.roles
        ],
        "last_sign_in_at": account.last_sign_in_at,
    }


def activation_url(token: str) -> str:
    """The whole address of a one-time link."""
    return runtime().settings.public_url + url_for("accounts_access.activate_form", token=token)


def with_secret(answer: Response, **secret: object) -> Response:
    """The answer with what only the first caller gets.

    Answers are kept for replays of an Idempotency-Key; a one-time link must not be kept anywhere in the clear.
    """
    answer.set_data(json.dumps({**json.loads(answer.get_data()), **secret}, ensure_ascii=False))
    return answer
