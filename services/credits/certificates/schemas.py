"""Bodies of the API: papers, workbooks, and what the public is told of a code."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.credits import words
from services.credits.certificates.models import CreditPaper, TeacherExport
from services.credits.certificates.wording import Kind
from shared.printing.codes import TYPED, grouped
from shared.schemas import Schema, paged

_CODE = {"description": "核验码，如 7KQ2-M9XA-4TRP"}


class PaperIn(Schema):
    """Which paper to make."""

    kind = fields.String(
        required=True,
        validate=validate.OneOf([kind.value for kind in Kind], error="出具种类应为学分证明或学分明细。"),
        metadata={"description": "certificate 学分证明 | statement 学分明细"},
    )
    cycle = fields.Integer(
        load_default=None, validate=validate.Range(2000, 2200), metadata={"description": "周期起始年；略去为当前周期"}
    )


class PaperOut(Schema):
    """One paper."""

    code = fields.String(metadata=_CODE)
    kind = fields.String()
    person_id = fields.String()
    cycle = fields.Integer()
    made_by_name = fields.String()
    made_at = fields.AwareDateTime()
    withdrawn_at = fields.AwareDateTime(allow_none=True, metadata={"description": "本人撤销的时间；null 为未撤销"})


class VerifyQuery(Schema):
    """What somebody reads on a paper."""

    code = fields.String(required=True, validate=validate.Length(max=TYPED), metadata=_CODE)
    coordinated = fields.String(
        load_default="", validate=validate.Length(max=12), metadata={"description": "纸面上的统筹计入学分"}
    )
    self_organized = fields.String(
        load_default="", validate=validate.Length(max=12), metadata={"description": "纸面上的自主计入学分"}
    )


class VerdictOut(Schema):
    """What became of a code; of the person only the masked name, of the credits nothing."""

    state = fields.String(
        metadata={"description": "genuine | superseded | changed | withdrawn | broken | unknown | mistyped"}
    )
    code = fields.String()
    heading = fields.String()
    name = fields.String(metadata={"description": "姓名，隐去名字"})
    cycle = fields.String()
    made_at = fields.AwareDateTime(allow_none=True)
    withdrawn_at = fields.AwareDateTime(allow_none=True)
    agrees = fields.Boolean(allow_none=True, metadata={"description": "所填学分与平台存档是否一致；null 为没有核对"})


class ExportIn(Schema):
    """Which teachers."""

    under = fields.String(
        load_default=None, validate=validate.Length(max=120), metadata={"description": "单位路径，含其下级"}
    )
    status = fields.String(
        load_default=None,
        validate=validate.OneOf(list(words.STATUSES), error="没有这种状态。"),
        metadata={"description": "只要这种状态的教师"},
    )


class ExportOut(Schema):
    """One workbook."""

    id = fields.String()
    area_path = fields.String()
    area_name = fields.String()
    cycle = fields.Integer()
    status = fields.String(allow_none=True)
    made_by_name = fields.String()
    made_at = fields.AwareDateTime()
    job_id = fields.String(allow_none=True)
    rows = fields.Integer(allow_none=True)
    finished_at = fields.AwareDateTime(allow_none=True, metadata={"description": "null 为正在生成"})
    downloads = fields.Integer(metadata={"description": "被下载的次数"})


PapersPage = paged(PaperOut)
ExportsPage = paged(ExportOut)


def paper_body(paper: CreditPaper) -> dict[str, Any]:
    """A paper for `PaperOut`."""
    told = {name: getattr(paper, name) for name in PaperOut().fields if name != "code"}
    return {**told, "code": grouped(paper.code)}


def export_body(export: TeacherExport, downloads: int = 0) -> dict[str, Any]:
    """A workbook for `ExportOut`."""
    told = {name: getattr(export, name) for name in ExportOut().fields if name != "downloads"}
    return {**told, "downloads": downloads}
