"""The register of people for programs: `/accounts/api/v1/people`."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import RAISE

from services.accounts.models import Person
from services.accounts.people import collecting, edge, operations, transferring
from services.accounts.people.models import Collection, Transfer
from services.accounts.people.queries import KEEPERS, filtered, get_person
from services.accounts.people.schemas import (
    AwayIn,
    CollectionIn,
    CollectionOut,
    FactsIn,
    HereIn,
    IdentityIn,
    IdentityOut,
    ImportIn,
    PeopleQuery,
    PersonHistoryOut,
    PersonOut,
    PurposeIn,
    TransferOut,
    WhyIn,
    history_body,
)
from shared.paging import page
from shared.schemas import Nothing, PageQuery, paged
from shared.web import actor, allow, expected_version, once, reading, repeatable, transaction
from shared.workbooks import XLSX

blp = Blueprint("accounts_people_api", __name__, url_prefix="/accounts/api/v1", description="教师名册")
FILE = {"type": "string", "format": "binary"}


@blp.route("/people", methods=["GET"])
@blp.arguments(PeopleQuery, location="query")
@blp.response(200, paged(PersonOut))
@allow(*KEEPERS)
def list_people(query: dict[str, Any]) -> dict[str, Any]:
    """列出本校（管辖范围内）的人员；证件号码只显示首尾几位"""
    with reading() as session:
        rows = filtered(session, actor(), query)
        found = page(session, rows, [Person.name, Person.id], cursor=query["cursor"], limit=query["limit"])
        return {"items": found.items, "next": found.next}


@blp.route("/people/search", methods=["POST"])
@blp.arguments(IdentityIn)
@blp.response(200, PersonOut)
@allow(*KEEPERS)
@repeatable("it only looks; an identity number does not belong into an address")
def search(body: dict[str, str]) -> Person:
    """按完整身份证号在管辖范围内查找"""
    return edge.sought(body["identity_number"])


@blp.route("/people/<person_id>", methods=["GET"])
@blp.response(200, PersonHistoryOut)
@allow(*KEEPERS)
def show_person(person_id: str) -> dict[str, Any]:
    """查看一人的信息和历史（含每次查看证件号码的记录）"""
    with reading() as session:
        return history_body(session, get_person(session, actor(), person_id))


@blp.route("/people/<person_id>", methods=["PUT"])
@blp.arguments(FactsIn)
@blp.response(200, PersonOut)
@allow(*KEEPERS)
def change_person(body: dict[str, Any], person_id: str) -> tuple[Person, int, dict[str, str]]:
    """修改一人的信息，须写明理由（须带 If-Match）；其他服务随之更新"""
    reason = body.pop("reason")
    with transaction() as session:
        changed = operations.change_person(session, actor(), person_id, expected_version(), body, reason)
        return changed, 200, {"ETag": f'"{changed.version}"'}


@blp.route("/people/<person_id>/identity", methods=["POST"])
@blp.arguments(PurposeIn)
@blp.response(200, IdentityOut)
@allow(*KEEPERS)
@repeatable("each showing is recorded, the second one too; the number must not be kept for replays")
def show_identity(body: dict[str, Any], person_id: str) -> dict[str, str]:
    """查看完整身份证号，须写明用途和事由；每次查看都有记录"""
    return {"identity_number": edge.shown_identity(person_id, body["purpose"], body["reason"])}


@blp.route("/people-collections", methods=["POST"])
@blp.arguments(CollectionIn, location="files", unknown=RAISE)
@blp.arguments(Nothing, location="form", content_type="multipart/form-data")
@blp.response(201, CollectionOut)
@allow(*KEEPERS)
def send_collection(sent: dict[str, Any], form: dict[str, Any]) -> Response:
    """上传采集表并检查（试导入），不改变名册；2000 行以上在后台检查"""
    found = edge.checked(sent["file"])
    with once() as tx:
        return tx.json(CollectionOut(), found.keep(tx.session), 201)


@blp.route("/people-collections/template.xlsx", methods=["GET"])
@blp.response(200, FILE, content_type=XLSX)
@allow(*KEEPERS)
def collection_template() -> Response:
    """采集表模板，各列均为文本格式"""
    return edge.send_template()


@blp.route("/people-collections/<collection_id>", methods=["GET"])
@blp.response(200, CollectionOut)
@allow(*KEEPERS)
def show_collection(collection_id: str) -> Collection:
    """本人上传的一份采集表和检查结果"""
    with reading() as session:
        return collecting.find(session, actor(), collection_id)


@blp.route("/people-collections/<collection_id>/import", methods=["POST"])
@blp.arguments(ImportIn)
@blp.response(202, CollectionOut)
@allow(*KEEPERS)
def start_import(body: dict[str, Any], collection_id: str) -> Response:
    """导入检查过的采集表；good_only=true 时只导入无误的行"""
    with once() as tx:
        return tx.json(CollectionOut(), collecting.start_import(tx.session, actor(), collection_id, **body), 202)


@blp.route("/people-collections/<collection_id>/errors.xlsx", methods=["GET"])
@blp.response(200, FILE, content_type=XLSX)
@allow(*KEEPERS)
def collection_errors(collection_id: str) -> Response:
    """有错误的行（原有各列，另加“错误原因”），改正后可直接重新上传"""
    return edge.send_errors(collection_id)


@blp.route("/transfers", methods=["GET"])
@blp.arguments(PageQuery, location="query")
@blp.response(200, paged(TransferOut))
@allow(*KEEPERS)
def list_transfers(query: dict[str, Any]) -> dict[str, Any]:
    """本校（管辖范围内）的调入和调出，新发起的在前"""
    with reading() as session:
        keys = [Transfer.asked_at, Transfer.id]
        rows = transferring.visible_transfers(actor())
        found = page(session, rows, keys, cursor=query["cursor"], limit=query["limit"], descending=True)
        return {"items": found.items, "next": found.next}


@blp.route("/transfers", methods=["POST"])
@blp.arguments(HereIn)
@blp.response(201, TransferOut)
@allow(*KEEPERS)
def ask_here(body: dict[str, Any]) -> Response:
    """由调入单位发起：须填写此人的身份证号和姓名；对方确认之前什么都不改变"""
    identity_hash = edge.sought_hash(body.pop("identity_number"))
    with once() as tx:
        made = transferring.ask_here(tx.session, actor(), identity_hash, **body)
        return tx.json(TransferOut(), made, 201)


@blp.route("/people/<person_id>/transfers", methods=["POST"])
@blp.arguments(AwayIn)
@blp.response(201, TransferOut)
@allow(*KEEPERS)
def ask_away(body: dict[str, Any], person_id: str) -> Response:
    """由调出单位发起；对方确认之前什么都不改变"""
    with once() as tx:
        return tx.json(TransferOut(), transferring.ask_away(tx.session, actor(), person_id, **body), 201)


@blp.route("/transfers/<transfer_id>/confirm", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, TransferOut)
@allow(*KEEPERS)
def confirm_transfer(body: dict[str, Any], transfer_id: str) -> Response:
    """由另一方确认；到调动日期生效"""
    with once() as tx:
        return tx.json(TransferOut(), transferring.confirm(tx.session, actor(), transfer_id))


@blp.route("/transfers/<transfer_id>/refuse", methods=["POST"])
@blp.arguments(WhyIn)
@blp.response(200, TransferOut)
@allow(*KEEPERS)
def refuse_transfer(body: dict[str, str], transfer_id: str) -> Response:
    """由另一方说明理由不同意"""
    with once() as tx:
        return tx.json(TransferOut(), transferring.refuse(tx.session, actor(), transfer_id, **body))


@blp.route("/transfers/<transfer_id>/withdraw", methods=["POST"])
@blp.arguments(WhyIn)
@blp.response(200, TransferOut)
@allow(*KEEPERS)
def withdraw_transfer(body: dict[str, str], transfer_id: str) -> Response:
    """由发起方在生效之前撤回"""
    with once() as tx:
        return tx.json(TransferOut(), transferring.withdraw(tx.session, actor(), transfer_id, **body))
