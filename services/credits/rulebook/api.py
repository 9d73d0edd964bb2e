"""Rule changes for programs: editions with their figures, drafts, previews, publication. The province's alone."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_smorest import Blueprint

from services.credits.rulebook import operations, queries
from services.credits.rulebook.models import EditionDraft
from services.credits.rulebook.schemas import (
    CopyIn,
    DraftIn,
    DraftOut,
    DraftsPage,
    EditionFiguresOut,
    EditionOut,
    EditionsOut,
    PreviewedPage,
    PreviewedQuery,
    draft_body,
    edition_body,
    figures_body,
    previewed_body,
)
from shared.actors import Office
from shared.schemas import Nothing, PageQuery
from shared.web import actor, allow, expected_version, once, reading, transaction

blp = Blueprint("rulebook_api", __name__, url_prefix="/credits/api/v1/rulebook", description="学分规则的调整（省级）")


@blp.route("/editions", methods=["GET"])
@blp.response(200, EditionsOut)
@allow(Office.CREDIT_ADMIN)
def editions() -> dict[str, Any]:
    """各规则版本，最新的在前"""
    with reading() as session:
        return {"items": [edition_body(one) for one in queries.listed(session, actor())]}


@blp.route("/editions/<edition_id>", methods=["GET"])
@blp.response(200, EditionFiguresOut)
@allow(Office.CREDIT_ADMIN)
def edition(edition_id: str) -> dict[str, Any]:
    """一个规则版本及其全部数值"""
    with reading() as session:
        found = queries.edition(session, actor(), edition_id)
        return figures_body(found, queries.content_of(session, edition_id))


@blp.route("/drafts", methods=["GET"])
@blp.arguments(PageQuery, location="query")
@blp.response(200, DraftsPage)
@allow(Office.CREDIT_ADMIN)
def drafts(query: dict[str, Any]) -> dict[str, Any]:
    """尚未发布的草稿"""
    with reading() as session:
        found = queries.drafts(session, actor(), cursor=query["cursor"], limit=query["limit"])
        return {"items": [draft_body(draft) for draft in found.items], "next": found.next}


@blp.route("/drafts", methods=["POST"])
@blp.arguments(CopyIn)
@blp.response(201, DraftOut)
@allow(Office.CREDIT_ADMIN)
def copy(body: dict[str, Any]) -> Response:
    """以一个规则版本为底本建立草稿"""
    with once() as tx:
        draft = operations.copy(tx.session, actor(), body["edition"])
        return tx.json(DraftOut(), draft_body(draft), 201, version=draft.version)


@blp.route("/drafts/<draft_id>", methods=["GET"])
@blp.response(200, DraftOut)
@allow(Office.CREDIT_ADMIN)
def draft(draft_id: str) -> Response:
    """一份草稿，及其当前版本的预览"""
    with reading() as session:
        return _answer(queries.draft(session, actor(), draft_id))


@blp.route("/drafts/<draft_id>", methods=["PUT"])
@blp.arguments(DraftIn)
@blp.response(200, DraftOut)
@allow(Office.CREDIT_ADMIN)
def save(body: dict[str, Any], draft_id: str) -> Response:
    """修改草稿（整体替换，须带 If-Match）"""
    version = expected_version()
    with transaction() as session:
        changed = body.pop("figures")
        return _answer(operations.save(session, actor(), draft_id, version=version, changed=changed, **body))


@blp.route("/drafts/<draft_id>/preview", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(202, DraftOut)
@allow(Office.CREDIT_ADMIN)
def ask_preview(_: dict[str, Any], draft_id: str) -> Response:
    """在后台预览对全省的影响（须带 If-Match）"""
    with once() as tx:
        found = operations.ask_preview(tx.session, actor(), draft_id, version=expected_version())
        return tx.json(DraftOut(), draft_body(found), 202, version=found.version)


@blp.route("/drafts/<draft_id>/preview/people", methods=["GET"])
@blp.arguments(PreviewedQuery, location="query")
@blp.response(200, PreviewedPage)
@allow(Office.CREDIT_ADMIN)
def previewed(query: dict[str, Any], draft_id: str) -> dict[str, Any]:
    """预览中状态有变化的教师；不给 change 时为抽样教师"""
    with reading() as session:
        found = queries.draft(session, actor(), draft_id)
        rows = queries.previewed(session, found, query["change"], cursor=query["cursor"], limit=query["limit"])
        return {"items": [previewed_body(row) for row in rows.items], "next": rows.next}


@blp.route("/drafts/<draft_id>/publication", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, EditionOut)
@allow(Office.CREDIT_ADMIN)
def publish(_: dict[str, Any], draft_id: str) -> Response:
    """发布（须已预览当前版本，须带 If-Match）；再次发布不产生任何变化"""
    with once() as tx:
        published = operations.publish(tx.session, actor(), draft_id, version=expected_version())
        return tx.json(EditionOut(), edition_body(queries.edition(tx.session, actor(), published.id)))


@blp.route("/drafts/<draft_id>", methods=["DELETE"])
@blp.response(200, DraftOut)
@allow(Office.CREDIT_ADMIN)
def discard(draft_id: str) -> Response:
    """作废草稿（须带 If-Match）"""
    version = expected_version()
    with transaction() as session:
        return _answer(operations.discard(session, actor(), draft_id, version=version))


def _answer(draft: EditionDraft) -> Response:
    response = jsonify(DraftOut().dump(draft_body(draft)))
    response.set_etag(str(draft.version))
    return response
