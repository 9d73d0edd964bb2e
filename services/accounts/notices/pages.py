"""Pages of notices: the list, the count in the head of every page, where mail goes, and the mails."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from services.accounts.notices import edge, mailing, operations, queries
from services.accounts.notices.models import Mail, MailKind, MailState, Notice
from services.accounts.notices.schemas import AddressIn, CodeIn
from shared.errors import DomainError, NotFound
from shared.paging import page
from shared.tables import flatten
from shared.web import SIGNED_IN, actor, allow, once, reading, runtime, safe_next

bp = Blueprint("accounts_notices", __name__, url_prefix="/accounts")
Page = str | Response


@bp.get("/notices")
@allow(SIGNED_IN)
def notices() -> str:
    """What I have been told: unread first, newest first."""
    with reading() as session:
        keys = [Notice.unread, Notice.id]
        found = page(
            session, queries.of_actor(actor()), keys, cursor=request.args.get("cursor"), limit=30, descending=True
        )
        return render_template(
            "accounts/notices/list.html",
            rows=found.items,
            next_cursor=found.next,
            unread=queries.count_unread(session, actor()),
            up_to=max((notice.id for notice in found.items), default=0),
            # Nothing is hidden: where mails are not sent, they can be read.
            shown_mails=not runtime().settings.smtp_url,
        )


@bp.get("/fragments/unread")
@allow(SIGNED_IN)
def unread() -> str:
    """How many are unread, for the head of every page."""
    with reading() as session:
        return render_template("accounts/notices/unread.html", count=queries.count_unread(session, actor()))


@bp.post("/notices/<int:notice_id>/read")
@allow(SIGNED_IN)
def read(notice_id: int) -> Response:
    """Marks one as read; 打开 goes on to where it is dealt with."""
    with once() as tx:
        notice = operations.read_notice(tx.session, actor(), notice_id)
        back = url_for(".notices")
        return tx.redirect(safe_next(notice.link, back) if request.form.get("open") == "yes" else back)


@bp.post("/notices/read")
@allow(SIGNED_IN)
def read_all() -> Response:
    """Marks as read all that had come when the page was shown."""
    up_to = request.form.get("up_to", "")
    with once() as tx:
        number = operations.read_all(tx.session, actor(), int(up_to) if up_to.isdecimal() and len(up_to) < 19 else 0)
        flash(f"已将 {number} 条消息标为已读。", "success")
        return tx.redirect(url_for(".notices"))


@bp.get("/notices/mail")
@allow(SIGNED_IN)
def mail() -> Page:
    """Where my mail goes."""
    return _mail()


@bp.post("/notices/mail")
@allow(SIGNED_IN)
def ask_address() -> Page:
    """Mails a code to a new address."""
    typed = request.form.get("address", "").strip()
    try:
        body = AddressIn().load({"address": typed})
        edge.count_code(runtime(), actor())
        with once() as tx:
            mailing.ask_address(tx.session, actor(), body["address"])
            flash(f"验证码已发往 {typed}，请在 30 分钟内填写。", "success")
            return tx.redirect(url_for(".mail"))
    except (ValidationError, DomainError) as error:
        return _failed(error, typed)


@bp.post("/notices/mail/confirm")
@allow(SIGNED_IN)
def confirm_address() -> Page:
    """Confirms it by the code."""
    try:
        body = CodeIn().load({"code": request.form.get("code", "")})
        edge.count_try(runtime(), actor())
        with once() as tx:
            address = mailing.confirm_address(tx.session, actor(), body["code"])
            flash(f"邮箱 {address} 已确认，今后的邮件提醒发往这里。", "success")
            return tx.redirect(url_for(".mail"))
    except (ValidationError, DomainError) as error:
        return _failed(error)


@bp.post("/notices/mail/drop")
@allow(SIGNED_IN)
def drop_address() -> Page:
    """No mail any more."""
    with once() as tx:
        mailing.drop_address(tx.session, actor())
        flash("已停用邮箱，不再发送邮件提醒；站内消息不受影响。", "success")
        return tx.redirect(url_for(".mail"))


@bp.get("/notices/mails")
@allow(SIGNED_IN)
def mails() -> str:
    """已发邮件（演示）: what would have been sent if there were a mail server; mine, and of accounts that I manage."""
    if runtime().settings.smtp_url:
        raise NotFound("邮件已由邮件服务器发出，这里不再展示。")
    with reading() as session:
        found = page(
            session,
            queries.visible_mails(actor()),
            [Mail.created_at, Mail.id],
            cursor=request.args.get("cursor"),
            limit=30,
            descending=True,
        )
        return render_template(
            "accounts/notices/mails.html",
            rows=found.items,
            next_cursor=found.next,
            kinds={kind.value: kind.label for kind in MailKind},
            states={state.value: state.label for state in MailState},
        )


def _mail(errors: dict[str, Any] | None = None, detail: str = "", typed: str = "") -> str:
    with reading() as session:
        return render_template(
            "accounts/notices/mail.html",
            address=queries.mail_address(session, actor().account_id),
            shown_mails=not runtime().settings.smtp_url,
            errors=errors or {},
            detail=detail,
            typed=typed,
        )


def _failed(error: ValidationError | DomainError, typed: str = "") -> Response:
    """The form again, with what is wrong."""
    if isinstance(error, ValidationError):
        wrong = {name: [sentence] for name, sentence in flatten(error.messages)}
        return make_response(_mail(wrong, typed=typed), 422)
    fields = {name: list(sentences) for name, sentences in error.fields.items()}
    return make_response(_mail(fields, error.detail, typed), error.status)
