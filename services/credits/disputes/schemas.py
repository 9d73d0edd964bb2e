"""Bodies of the API: disputes, what opens one, and the acts on one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marshmallow import fields, validate

from services.credits.disputes import wording
from services.credits.disputes.models import Dispute, DisputeAct, DisputeFile
from shared.schemas import Credits, PageQuery, Schema, paged


class DisputeIn(Schema):
    """What a dispute is about: a line, a result that is 公示中, or neither: then a training that is missing."""

    line_id = fields.Integer(
        load_default=None, validate=validate.Range(1, 2**63 - 1), metadata={"description": "学分记录的编号"}
    )
    result_id = fields.String(load_default=None, metadata={"description": "公示中成绩的编号"})
    person_id = fields.String(load_default=None, metadata={"description": "参加过但没有记录的：教师；略去为本人"})
    project_number = fields.String(load_default="", validate=validate.Length(max=40))
    project_title = fields.String(load_default="", validate=validate.Length(max=200))
    held_on = fields.Date(load_default=None, metadata={"description": "培训日期"})
    hours = fields.Decimal(load_default=None, places=2, as_string=True, metadata={"description": "学时"})
    text = fields.String(required=True, validate=validate.Length(max=2000), metadata={"description": "异议内容和理由"})
    late_reason = fields.String(
        load_default="", validate=validate.Length(max=1000), metadata={"description": "公示期后提出的原因"}
    )


class AnswerIn(Schema):
    """An answer with its reasons."""

    upheld = fields.Boolean(required=True, metadata={"description": "异议是否成立"})
    text = fields.String(required=True, validate=validate.Length(max=2000), metadata={"description": "理由"})
    remedy = fields.String(
        load_default=None,
        validate=validate.OneOf(list(wording.REMEDIES), error="没有这种更正方式。"),
        metadata={"description": "成立时如何更正：revoke | correct | register；认定申请：void | reclaim"},
    )


class ForwardIn(Schema):
    """To whom, and why."""

    to = fields.String(required=True, validate=validate.Length(max=120), metadata={"description": "接收单位的路径"})
    reason = fields.String(required=True, validate=validate.Length(max=2000))


class WithdrawIn(Schema):
    """Why, if she wants to say so."""

    text = fields.String(load_default="", validate=validate.Length(max=2000))


class SettleIn(Schema):
    """The line that put it right, or why there is none."""

    line_id = fields.Integer(load_default=None, validate=validate.Range(1, 2**63 - 1))
    note = fields.String(load_default="", validate=validate.Length(max=2000))


class DisputesQuery(PageQuery):
    """Which list."""

    show = fields.String(
        load_default="waiting",
        validate=validate.OneOf(["waiting", "overdue", "upheld", "all"], error="没有这个列表。"),
        metadata={"description": "waiting 待答复 | overdue 超期 | upheld 待更正 | all 全部可见"},
    )


class ActOut(Schema):
    """One act."""

    act = fields.String()
    at = fields.AwareDateTime()
    by_name = fields.String()
    body = fields.String()
    text = fields.String()
    outcome = fields.String()


class FileOut(Schema):
    """A piece of evidence."""

    id = fields.String()
    name = fields.String()
    media_type = fields.String()
    size = fields.Integer()


class DisputeOut(Schema):
    """One dispute in a list."""

    id = fields.Integer()
    kind = fields.String(metadata={"description": "line | provisional | missing"})
    state = fields.String(metadata={"description": "open | upheld | settled | rejected | withdrawn"})
    person_id = fields.String()
    line_id = fields.Integer(allow_none=True)
    result_id = fields.String(allow_none=True)
    project_id = fields.String(allow_none=True)
    project_number = fields.String()
    project_title = fields.String()
    organizer_name = fields.String()
    held_on = fields.Date()
    hours = Credits(allow_none=True)
    text = fields.String()
    late_reason = fields.String(allow_none=True)
    handling_path = fields.String()
    due_on = fields.Date(metadata={"description": "应于此日前答复"})
    opened_at = fields.AwareDateTime()
    remedy = fields.String(allow_none=True)
    answer = fields.String(allow_none=True)
    answered_by_name = fields.String(allow_none=True)
    answered_body = fields.String(allow_none=True)
    answered_at = fields.AwareDateTime(allow_none=True)
    settled_line_id = fields.Integer(allow_none=True, metadata={"description": "更正它的记录"})
    version = fields.Integer()


class DisputeDetail(DisputeOut):
    """One dispute with everything that was done."""

    acts = fields.List(fields.Nested(ActOut))
    files = fields.List(fields.Nested(FileOut))


DisputesPage = paged(DisputeOut)


def dispute_body(dispute: Dispute) -> dict[str, Any]:
    """A dispute for `DisputeOut`."""
    return {name: getattr(dispute, name) for name in DisputeOut().fields}


def detail_body(dispute: Dispute, acts: Iterable[DisputeAct], files: Iterable[DisputeFile]) -> dict[str, Any]:
    """A dispute for `DisputeDetail`."""
    return dispute_body(dispute) | {"acts": list(acts), "files": list(files)}
