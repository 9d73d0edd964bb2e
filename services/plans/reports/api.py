"""The API of the board and of 抽查."""

from __future__ import annotations

import io
from typing import Any

from flask import Response, send_file
from flask_smorest import Blueprint

from services.plans.approval.api import BINARY, SEE, who
from services.plans.edge import answer, file_store
from services.plans.reports import board, packing, spotchecks
from services.plans.reports.behind import Chosen
from services.plans.reports.entries import entries
from services.plans.reports.models import SpotCheck
from services.plans.reports.schemas import (
    BehindQuery,
    BoardEntryOut,
    BoardOut,
    BoardQuery,
    DrawIn,
    SpotCaseOut,
    SpotCheckOut,
    SpotCheckRow,
    SpotFindingIn,
)
from shared.errors import Conflict
from shared.paging import page
from shared.schemas import Nothing, PageQuery, paged
from shared.web import allow, expected_version, once, reading

blp = Blueprint("reports_api", __name__, url_prefix="/plans/api/v1", description="督办看板、抽查")
EntryPage = paged(BoardEntryOut)
CheckPage = paged(SpotCheckRow)


@blp.route("/board", methods=["GET"])
@blp.arguments(BoardQuery, location="query")
@blp.response(200, BoardOut)
@allow(*SEE)
def show_board(query: dict[str, Any]) -> Response:
    """督办看板：本区域各县区的在途、按时办结率、中位用时、退回率"""
    with reading() as session:
        return answer(BoardOut(), {"items": board.board(session, who(session), Chosen(**query))})


@blp.route("/board/<name>", methods=["GET"])
@blp.arguments(BehindQuery, location="query")
@blp.response(200, EntryPage)
@allow(*SEE)
def show_behind(query: dict[str, Any], name: str) -> Response:
    """看板上一个数字背后的列表，长度与数字相等"""
    cursor, limit = query.pop("cursor"), query.pop("limit")
    with reading() as session:
        return answer(EntryPage(), entries(session, who(session), name, Chosen(**query), cursor=cursor, limit=limit))


@blp.route("/spotchecks", methods=["GET"])
@blp.arguments(PageQuery, location="query")
@blp.response(200, CheckPage)
@allow(*SEE)
def list_checks(query: dict[str, Any]) -> Response:
    """本区域的抽查，新的在前"""
    with reading() as session:
        found = spotchecks.visible_checks(who(session))
        return answer(CheckPage(), page(session, found, [SpotCheck.id], **query, descending=True))


@blp.route("/spotchecks", methods=["POST"])
@blp.arguments(DrawIn)
@blp.response(201, SpotCheckOut)
@allow(*SEE)
def draw(body: dict[str, Any]) -> Response:
    """抽取：同一种子、同一总体，抽到的相同；案卷随后在后台生成"""
    with once() as tx:
        return tx.json(SpotCheckOut(), spotchecks.draw(tx.session, who(tx.session), **body), 201)


@blp.route("/spotchecks/<check_id>", methods=["GET"])
@blp.response(200, SpotCheckOut)
@allow(*SEE)
def show_check(check_id: str) -> Response:
    """一次抽查：种子、总体、案件和登记的结果"""
    with reading() as session:
        return answer(SpotCheckOut(), spotchecks.find_check(session, who(session), check_id))


@blp.route("/spotchecks/<check_id>/packing", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, SpotCheckOut)
@allow(*SEE)
def pack_again(body: dict[str, Any], check_id: str) -> Response:
    """重新生成案卷"""
    with once() as tx:
        return tx.json(SpotCheckOut(), spotchecks.pack_again(tx.session, who(tx.session), check_id))


@blp.route("/spotchecks/<check_id>/cases/<case_id>/findings", methods=["POST"])
@blp.arguments(SpotFindingIn)
@blp.response(201, SpotCaseOut)
@allow(*SEE)
def record(body: dict[str, Any], check_id: str, case_id: str) -> Response:
    """登记抽查结果；再次登记即更正，原记录保留（须带 If-Match：已登记的次数）"""
    version = expected_version()
    with once() as tx:
        case = spotchecks.record(tx.session, who(tx.session), check_id, case_id, version=version, **body)
        return tx.json(SpotCaseOut(), case, 201, version=case.version)


@blp.route("/spotchecks/<check_id>/cases/<case_id>/pack", methods=["GET"])
@blp.response(200, BINARY, content_type="application/zip")
@allow(*SEE)
def download(check_id: str, case_id: str) -> Response:
    """下载案卷（zip）"""
    return send_pack(check_id, case_id)


def send_pack(check_id: str, case_id: str) -> Response:
    """A case's file as a download. Raises `Conflict` while it is being made."""
    with reading() as session:
        case = spotchecks.find_case(session, who(session), check_id, case_id)
        check = session.get_one(SpotCheck, case.check_id)
        name, sha256 = packing.pack_name(check, case), case.pack_sha256
    if sha256 is None:
        raise Conflict("案卷还没有生成完毕，请稍后再下载。")
    content = io.BytesIO(file_store().get(sha256))
    return send_file(content, mimetype=packing.ZIP, as_attachment=True, download_name=name)
