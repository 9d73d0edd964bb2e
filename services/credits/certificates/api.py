"""Papers and workbooks for programs, and the check of a code for everybody."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.credits import files
from services.credits.certificates import operations, queries
from services.credits.certificates.edge import PDF, bare, send_paper, send_workbook, verify_url
from services.credits.certificates.models import CreditPaper, ExportDownload, TeacherExport
from services.credits.certificates.schemas import (
    ExportIn,
    ExportOut,
    ExportsPage,
    PaperIn,
    PaperOut,
    PapersPage,
    VerdictOut,
    VerifyQuery,
    export_body,
    paper_body,
)
from services.credits.certificates.wording import Kind
from services.credits.queries import find_teacher
from shared.actors import Office
from shared.events.plans import Bucket
from shared.paging import page
from shared.schemas import Nothing, PageQuery
from shared.web import ANYONE, actor, allow, once, reading, repeatable
from shared.workbooks import XLSX

blp = Blueprint("certificates_api", __name__, url_prefix="/credits/api/v1", description="学分证明、明细与导出")

BINARY = {"type": "string", "format": "binary"}


@blp.route("/me/papers")
@blp.arguments(PageQuery, location="query")
@blp.response(200, PapersPage)
@allow(Office.TEACHER)
def my_papers(query: dict[str, Any]) -> dict[str, Any]:
    """本人的学分证明和明细，新的在前"""
    return _papers(actor().person_id, query)


@blp.route("/me/papers", methods=["POST"])
@blp.arguments(PaperIn)
@blp.response(201, PaperOut)
@allow(Office.TEACHER)
def make_mine(body: dict[str, Any]) -> Response:
    """出具本人的学分证明或明细；当天内容没有变动的，仍是同一件"""
    return _make(actor().person_id, body)


@blp.route("/teachers/<person_id>/papers")
@blp.arguments(PageQuery, location="query")
@blp.response(200, PapersPage)
@allow(Office.TEACHER, *queries.ADMINS)
def papers(query: dict[str, Any], person_id: str) -> dict[str, Any]:
    """一位教师的学分证明和明细，新的在前"""
    return _papers(person_id, query)


@blp.route("/teachers/<person_id>/papers", methods=["POST"])
@blp.arguments(PaperIn)
@blp.response(201, PaperOut)
@allow(Office.TEACHER, *queries.ADMINS)
def make(body: dict[str, Any], person_id: str) -> Response:
    """由所在学校的管理员出具学分证明或明细"""
    return _make(person_id, body)


@blp.route("/papers/<code>/pdf")
@blp.response(200, BINARY, content_type=PDF)
@allow(Office.TEACHER, *queries.ADMINS)
def download_paper(code: str) -> Response:
    """下载学分证明或明细（PDF）；同一核验码的内容始终相同"""
    return send_paper(code)


@blp.route("/papers/<code>/withdrawal", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, PaperOut)
@allow(Office.TEACHER)
def withdraw(body: dict[str, Any], code: str) -> Response:
    """撤销核验码：只能由本人撤销，撤销后不能恢复"""
    with once() as tx:
        return tx.json(PaperOut(), paper_body(operations.withdraw(tx.session, actor(), bare(code))))


@blp.route("/verification")
@blp.arguments(VerifyQuery, location="query")
@blp.response(200, VerdictOut)
@allow(ANYONE)
def verify(query: dict[str, Any]) -> queries.Verdict:
    """核验：真伪、是否已被更新或撤销；不透露学分"""
    typed = {bucket: query[bucket.value] for bucket in Bucket}
    with reading() as session:
        return queries.verdict(session, query["code"], typed if all(typed.values()) else None)


@blp.route("/exports")
@blp.arguments(PageQuery, location="query")
@blp.response(200, ExportsPage)
@allow(*queries.ADMINS)
def exports(query: dict[str, Any]) -> dict[str, Any]:
    """本辖区（本校）教师学分的导出，新的在前"""
    with reading() as session:
        found = page(session, queries.visible_exports(actor()), [TeacherExport.id], **query, descending=True)
        taken = files.taken(session, ExportDownload.export_id, [one.id for one in found.items])
        items = [export_body(one, taken[one.id][0] if one.id in taken else 0) for one in found.items]
        return {"items": items, "next": found.next}


@blp.route("/exports", methods=["POST"])
@blp.arguments(ExportIn)
@blp.response(201, ExportOut)
@allow(*queries.ADMINS)
def export(body: dict[str, Any]) -> Response:
    """导出教师学分（Excel），在后台生成"""
    with once() as tx:
        made = operations.request_export(tx.session, actor(), body["under"], body["status"])
        return tx.json(ExportOut(), export_body(made), 201)


@blp.route("/exports/<export_id>/downloads", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, BINARY, content_type=XLSX)
@allow(*queries.ADMINS)
@repeatable("每次下载各记一次")
def download(body: dict[str, Any], export_id: str) -> Response:
    """下载导出的文件；谁何时下载会被记录"""
    return send_workbook(export_id)


def _papers(person_id: str | None, query: dict[str, Any]) -> dict[str, Any]:
    with reading() as session:
        find_teacher(session, actor(), person_id)
        mine = queries.visible_papers(actor()).where(CreditPaper.person_id == person_id)
        found = page(session, mine, queries.PAPER_KEYS, **query, descending=True)
        return {"items": [paper_body(paper) for paper in found.items], "next": found.next}


def _make(person_id: str | None, body: dict[str, Any]) -> Response:
    with once() as tx:
        kind = Kind(body["kind"])
        made = operations.make_paper(tx.session, actor(), person_id, kind, body["cycle"], verify_url())
        return tx.json(PaperOut(), paper_body(made), 201)
