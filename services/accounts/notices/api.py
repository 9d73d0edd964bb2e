"""Notices for programs: what the signed-in account has been told, and where its mail goes."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.accounts.notices import edge, mailing, operations, queries
from services.accounts.notices.models import Notice
from services.accounts.notices.schemas import (
    AddressIn,
    AddressOut,
    CodeIn,
    NoticeOut,
    NoticesQuery,
    ReadIn,
    ReadOut,
)
from shared.paging import page
from shared.schemas import Nothing, paged
from shared.web import SIGNED_IN, actor, allow, once, reading, runtime, transaction

blp = Blueprint("accounts_notices_api", __name__, url_prefix="/accounts/api/v1", description="消息")


@blp.route("/notices", methods=["GET"])
@blp.arguments(NoticesQuery, location="query")
@blp.response(200, paged(NoticeOut))
@allow(SIGNED_IN)
def list_notices(query: dict[str, Any]) -> dict[str, Any]:
    """本人的消息：未读在前，新的在前"""
    with reading() as session:
        mine = queries.of_actor(actor())
        if query["unread"]:
            mine = mine.where(Notice.read_at.is_(None))
        keys = [Notice.unread, Notice.id]
        found = page(session, mine, keys, cursor=query["cursor"], limit=query["limit"], descending=True)
        return {"items": [notice_body(notice) for notice in found.items], "next": found.next}


@blp.route("/notices/<int:notice_id>/read", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, NoticeOut)
@allow(SIGNED_IN)
def read_notice(body: dict[str, Any], notice_id: int) -> Response:
    """标为已读"""
    with once() as tx:
        return tx.json(NoticeOut(), notice_body(operations.read_notice(tx.session, actor(), notice_id)))


@blp.route("/notices/read", methods=["POST"])
@blp.arguments(ReadIn)
@blp.response(200, ReadOut)
@allow(SIGNED_IN)
def read_all(body: dict[str, int]) -> Response:
    """把到某一条为止的消息都标为已读"""
    with once() as tx:
        return tx.json(ReadOut(), {"read": operations.read_all(tx.session, actor(), body["up_to"])})


@blp.route("/me/mail-address", methods=["GET"])
@blp.response(200, AddressOut)
@allow(SIGNED_IN)
def show_address() -> dict[str, Any]:
    """本人接收邮件提醒的邮箱"""
    with reading() as session:
        row = queries.mail_address(session, actor().account_id)
        return {"address": row.address if row else None, "wanted": row.wanted if row else None}


@blp.route("/me/mail-address", methods=["POST"])
@blp.arguments(AddressIn)
@blp.response(201, AddressOut)
@allow(SIGNED_IN)
def ask_address(body: dict[str, str]) -> Response:
    """填写邮箱：向其发送验证码，确认后才使用"""
    edge.count_code(runtime(), actor())
    with once() as tx:
        mailing.ask_address(tx.session, actor(), body["address"])
        row = queries.mail_address(tx.session, actor().account_id)
        return tx.json(AddressOut(), {"address": row.address if row else None, "wanted": body["address"].strip()}, 201)


@blp.route("/me/mail-address/confirmation", methods=["POST"])
@blp.arguments(CodeIn)
@blp.response(200, AddressOut)
@allow(SIGNED_IN)
def confirm_address(body: dict[str, str]) -> Response:
    """用验证码确认邮箱"""
    edge.count_try(runtime(), actor())
    with once() as tx:
        return tx.json(
            AddressOut(), {"address": mailing.confirm_address(tx.session, actor(), body["code"]), "wanted": None}
        )


@blp.route("/me/mail-address", methods=["DELETE"])
@blp.response(204)
@allow(SIGNED_IN)
def drop_address() -> None:
    """停用邮箱：不再发送邮件提醒"""
    with transaction() as session:
        mailing.drop_address(session, actor())


def notice_body(notice: Notice) -> dict[str, Any]:
    """A notice as `NoticeOut` shows it; made while the session is open."""
    return {name: getattr(notice, name) for name in NoticeOut().fields}
