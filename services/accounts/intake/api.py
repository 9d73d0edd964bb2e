"""Letters for programs: anyone may send one in and ask for its status; account managers deal with them."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.accounts import parts
from services.accounts.access.api import activation_url, with_secret
from services.accounts.intake import edge, issuing, operations, receiving
from services.accounts.intake.models import Letter
from services.accounts.intake.queries import dossier, get_letter, queue
from services.accounts.intake.schemas import (
    AnswersIn,
    CorrectionForm,
    IssuedOut,
    IssueIn,
    LetterFile,
    LetterForm,
    LetterItemOut,
    LetterOut,
    LetterQuery,
    LetterStatusOut,
    OwnIn,
    RefuseIn,
    ReturnIn,
    StatusIn,
    WithdrawIn,
)
from shared.actors import Office
from shared.errors import NotFound
from shared.idempotency import Once
from shared.paging import page
from shared.schemas import Nothing, paged
from shared.web import ANYONE, actor, allow, expected_version, once, reading, repeatable, runtime, transaction

blp = Blueprint("accounts_letters_api", __name__, url_prefix="/accounts/api/v1", description="授权函")


@blp.route("/letters", methods=["POST"])
@blp.arguments(LetterForm, location="form")
@blp.arguments(LetterFile, location="files")
@blp.response(201, LetterStatusOut)
@allow(ANYONE)
def receive(form: dict[str, Any], files: dict[str, Any]) -> Response:
    """提交授权函扫描件，取得函号。"""
    new = edge.new_letter(form)
    scan = edge.take_scan(files["file"])
    with once() as tx:
        letter = receiving.receive_letter(tx.session, new, scan)
        return _status(tx, letter, 201)


@blp.route("/letters/requests", methods=["POST"])
@blp.arguments(LetterForm)
@blp.response(201, LetterStatusOut)
@allow(ANYONE)
def request_letter(form: dict[str, Any]) -> Response:
    """登记申请，取得函号；预填授权函打印盖章后，凭函号和电话上传扫描件。"""
    new = edge.new_letter(form)
    edge.count_stranger()
    with once() as tx:
        return _status(tx, receiving.receive_letter(tx.session, new, None), 201)


@blp.route("/letters/paper", methods=["POST"])
@blp.arguments(OwnIn)
@blp.response(200, content_type="application/pdf")
@allow(ANYONE)
@repeatable("it only prints; a POST, so that telephone and identity number stay out of addresses and logs")
def letter_paper(body: dict[str, str]) -> Response:
    """预填的授权函（PDF，带二维码），供打印盖章。"""
    name, data = edge.own_paper(body["number"], body["phone"], body["identity_tail"])
    return edge.pdf_answer(name, data)


@blp.route("/letters/withdrawal", methods=["POST"])
@blp.arguments(WithdrawIn)
@blp.response(200, LetterStatusOut)
@allow(ANYONE)
def withdraw(body: dict[str, str]) -> Response:
    """申请人撤回尚未办结的申请。"""
    own = body["number"], body["phone"], body["identity_tail"]
    edge.require_own(*own)
    with once() as tx:
        return _status(tx, receiving.withdraw_letter(tx.session, *own, body["reason"]), 200)


@blp.route("/letters/<number>/resubmission", methods=["POST"])
@blp.arguments(CorrectionForm, location="form")
@blp.arguments(LetterFile, location="files")
@blp.response(200, LetterStatusOut)
@allow(ANYONE)
def resubmit(form: dict[str, Any], files: dict[str, Any], number: str) -> Response:
    """上传盖章扫描件：登记申请之后，或补正之后。"""
    edge.want_scan(number, form["phone"])
    scan = edge.take_scan(files["file"])
    with once() as tx:
        return _status(tx, receiving.send_scan(tx.session, number, scan=scan, **form), 200)


@blp.route("/letters/status", methods=["POST"])
@blp.arguments(StatusIn)
@blp.response(200, LetterStatusOut)
@allow(ANYONE)
@repeatable("it only asks; a POST, so that the telephone number stays out of addresses and logs")
def status(body: dict[str, str]) -> dict[str, Any]:
    """凭函号和联系电话查询办理情况。"""
    return edge.ask_status(body["number"], body["phone"])


@blp.route("/letters", methods=["GET"])
@blp.arguments(LetterQuery, location="query")
@blp.response(200, paged(LetterItemOut))
@allow(Office.ACCOUNT_MANAGER)
def list_letters(query: dict[str, Any]) -> dict[str, Any]:
    """列出待办或已办的授权函。"""
    with reading() as session:
        found = page(
            session,
            queue(actor(), query["status"], below=query["below"]),
            [Letter.received_at, Letter.id],
            cursor=query["cursor"],
            limit=query["limit"],
        )
        return {"items": [edge.item_body(letter) for letter in found.items], "next": found.next}


@blp.route("/letters/<number>", methods=["GET"])
@blp.response(200, LetterOut)
@allow(Office.ACCOUNT_MANAGER)
def show(number: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """查看一件授权函及其核验项。"""
    with reading() as session:
        letter = get_letter(session, actor(), number)
        return edge.letter_body(dossier(session, actor(), letter)), 200, {"ETag": f'"{letter.version}"'}


@blp.route("/letters/<number>/pages/<int:page_number>", methods=["GET"])
@blp.response(200, content_type="image/jpeg")
@allow(Office.ACCOUNT_MANAGER)
def preview(number: str, page_number: int) -> Response:
    """扫描件某一页的预览图（重新编码，最长边 1600 像素）。"""
    return preview_response(number, page_number)


@blp.route("/letters/<number>/checks", methods=["PUT"])
@blp.arguments(AnswersIn)
@blp.response(200, LetterOut)
@allow(Office.ACCOUNT_MANAGER)
def answer(body: dict[str, Any], number: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """填写核验结果（须带 If-Match）。"""
    with transaction() as session:
        letter = operations.answer_checks(session, actor(), number, expected_version(), **body)
        session.flush()
        return edge.letter_body(dossier(session, actor(), letter)), 200, {"ETag": f'"{letter.version}"'}


@blp.route("/letters/<number>/confirm", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, LetterOut)
@allow(Office.ACCOUNT_MANAGER)
def confirm(body: dict[str, Any], number: str) -> Response:
    """由另一位账号管理员复核（须带 If-Match）。"""
    with once() as tx:
        return _letter(tx, operations.confirm_letter(tx.session, actor(), number, expected_version()))


@blp.route("/letters/<number>/issue", methods=["POST"])
@blp.arguments(IssueIn)
@blp.response(200, IssuedOut)
@allow(Office.ACCOUNT_MANAGER)
def issue(body: dict[str, Any], number: str) -> Response:
    """开通账号，一项一个结果（须带 If-Match）；重复提交不会重复创建。"""
    with once() as tx:
        issued = issuing.issue_account(tx.session, actor(), number, expected_version(), body["left_out"])
        shown = edge.issued_body(issued)
        answer = tx.json(IssuedOut(), shown, version=issued.letter.version)
        links = [activation_url(made.token) if made.token else None for made in issued.accounts]
        told = IssuedOut().dump(shown)["accounts"]
        told = [account | {"activation_url": link} for account, link in zip(told, links, strict=True)]
        return with_secret(answer, activation_url=links[0], accounts=told)


@blp.route("/letters/<number>/return", methods=["POST"])
@blp.arguments(ReturnIn)
@blp.response(200, LetterOut)
@allow(Office.ACCOUNT_MANAGER)
def send_back(body: dict[str, Any], number: str) -> Response:
    """退回补正：告知所有答“否”的核验项（须带 If-Match）。"""
    with once() as tx:
        letter = operations.return_letter(tx.session, actor(), number, expected_version(), body["points"])
        return _letter(tx, letter)


@blp.route("/letters/<number>/refuse", methods=["POST"])
@blp.arguments(RefuseIn)
@blp.response(200, LetterOut)
@allow(Office.ACCOUNT_MANAGER)
def refuse(body: dict[str, str], number: str) -> Response:
    """不予受理（须带 If-Match）。"""
    with once() as tx:
        return _letter(tx, operations.refuse_letter(tx.session, actor(), number, expected_version(), **body))


def preview_response(number: str, page_number: int) -> Response:
    """A page of the scan, if the actor sees the letter. Raises `NotFound`, also while it is being made."""
    with reading() as session:
        scan = get_letter(session, actor(), number).scan
        if scan is None or scan.preview_state != "ready" or not 1 <= page_number <= scan.pages:
            raise NotFound("没有这一页的预览。")
        digest = scan.digest
    image = parts.letter_store(runtime()).preview(digest, page_number)
    # Named by its content, but who may see it can change: only this browser, and not for long.
    return Response(image, mimetype="image/jpeg", headers={"Cache-Control": "private, max-age=300"})


def _letter(tx: Once, letter: Letter) -> Response:
    tx.session.flush()
    body = edge.letter_body(dossier(tx.session, actor(), letter))
    return tx.json(LetterOut(), body, version=letter.version)


def _status(tx: Once, letter: Letter, code: int) -> Response:
    tx.session.flush()
    return tx.json(LetterStatusOut(), edge.status_body(tx.session, letter), code)
