"""Bodies of letters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import fields, pre_load, validate

from services.accounts.intake.queries import TABS, tabs
from services.accounts.kinds import LetterKind
from services.accounts.letters import Answer
from shared.parsing import form_rows
from shared.schemas import PageQuery, Schema

_PHONE = validate.Regexp(r"^[0-9 ()+\-—－]{7,40}$", error="应为 7 至 15 位数字，可带区号。")


def _text(limit: int, missing: str) -> list[validate.Validator]:
    """Something of at most `limit` characters; the sentence `missing` when nothing is there."""
    return [validate.Length(min=1, error=missing), validate.Length(max=limit, error="最多 {max} 个字，请缩短。")]


class FurtherForm(Schema):
    """A further person or role in the same letter."""

    role = fields.String(required=True, validate=_text(40, "请选择角色。"))
    person_name = fields.String(required=True, validate=_text(60, "请填写姓名。"))
    identity_number = fields.String(required=True, validate=_text(40, "请填写身份证号。"))


class LetterForm(FurtherForm):
    """What the applicant says; the scan comes beside it. The first person stands in the form itself."""

    kind = fields.Enum(
        LetterKind,
        by_value=True,
        required=True,
        error_messages={"unknown": "请选择事由。", "required": "请选择事由。"},
    )
    unit_code = fields.String(
        required=True,
        validate=_text(140, "请填写单位名称或代码。"),
        metadata={"description": "单位代码，或名册中的全称；新设县（区）填 6 位行政区划代码"},
    )
    unit_name = fields.String(
        load_default="", validate=validate.Length(max=120), metadata={"description": "仅新设县（区）填写"}
    )
    further = fields.List(
        fields.Nested(FurtherForm),
        load_default=list,
        validate=validate.Length(max=9, error="一份授权函最多写 10 项，请分开提交。"),
        metadata={"description": "同一函中的其他人员或角色；表单字段名如 further.0.role"},
    )
    phone = fields.String(required=True, validate=_PHONE)
    stamped_by = fields.String(required=True, validate=_text(120, "请填写落款（盖章）单位全称。"))
    dated = fields.Date(required=True)
    follows = fields.String(
        load_default=None,
        validate=validate.Regexp(r"^L\d{4}-\d{6}$", error="应如 L2026-000123；没有原函可不填。"),
        metadata={"description": "原函号：原函逾期未补正等，重新申请时填写"},
    )

    @pre_load
    def _rows(self, form: Any, **_: Any) -> Any:
        """A form has no lists: `further.0.role=…` becomes one. JSON is left as it is."""
        if not isinstance(form, Mapping):
            return form
        lines = {name: value for name, value in form.items() if name.startswith("further.") and isinstance(value, str)}
        plain = {name: value for name, value in form.items() if name not in lines}
        return plain | {"further": form_rows(lines, "further")} if lines else plain


class LetterFile(Schema):
    """The scan: a PDF, or JPEG or PNG photographs in order; up to 20 MB and 10 pages together."""

    file = fields.List(
        Upload(),
        required=True,
        validate=validate.Length(min=1, error="请选择扫描件。"),
        metadata={"description": "一个 PDF，或一至十张 JPEG、PNG 照片（按页序）；合计不超过 20 MB、10 页"},
    )


class CorrectionForm(Schema):
    """What may be corrected with a new scan after 退回补正."""

    phone = fields.String(required=True, validate=_PHONE)
    stamped_by = fields.String(load_default=None, validate=validate.Length(max=120))
    dated = fields.Date(load_default=None, allow_none=True)
    person_name = fields.String(load_default=None, validate=validate.Length(max=60))


class StatusIn(Schema):
    """What an applicant asks with."""

    number = fields.String(required=True, validate=validate.Length(1, 20))
    phone = fields.String(required=True, validate=validate.Length(1, 40))


class OwnIn(StatusIn):
    """What an applicant shows the letter to be her own with."""

    identity_tail = fields.String(
        required=True,
        validate=validate.Regexp(r"^ *\d{3}[\dXx] *$", error="应为身份证号的后四位。"),
        metadata={"description": "函中任一人身份证号的后四位"},
    )


class WithdrawIn(OwnIn):
    """Taking a letter back."""

    reason = fields.String(load_default="", validate=validate.Length(max=300))


class OutcomeOut(Schema):
    """What came of one line of a letter; the name masked."""

    role = fields.String()
    person = fields.String()
    outcome = fields.String()


class PointOut(Schema):
    """One thing to correct."""

    check = fields.String()
    label = fields.String()
    text = fields.String()


class CheckLabelOut(Schema):
    """What will be checked, for the applicant."""

    id = fields.String(attribute="key")
    label = fields.String()


class LetterStatusOut(Schema):
    """What the applicant may know."""

    number = fields.String()
    status = fields.String()
    status_title = fields.String()
    kind = fields.String()
    unit_name = fields.String()
    received_at = fields.AwareDateTime()
    version = fields.Integer()
    points = fields.List(fields.Nested(PointOut))
    correct_by = fields.Date(allow_none=True)
    overdue = fields.Boolean(metadata={"description": "补正期限已过，须重新申请"})
    reason = fields.String(allow_none=True)
    asks = fields.List(fields.Nested(OutcomeOut))
    position = fields.Integer(allow_none=True, metadata={"description": "在受理机构待办中的位次；不在待办为空"})
    working_days = fields.Integer(metadata={"description": "办理时限（工作日）"})
    may_withdraw = fields.Boolean()
    checks = fields.List(fields.Nested(CheckLabelOut))
    handler = fields.String(metadata={"description": "受理机构"})
    handler_phone = fields.String(allow_none=True)


class LetterQuery(PageQuery):
    """Query of the queue."""

    status = fields.String(
        load_default="open",
        validate=validate.OneOf(TABS),
        metadata={"description": "；".join(f"{key} {label}" for key, (label, _) in tabs().items())},
    )
    below = fields.Boolean(load_default=False, metadata={"description": "是否含由下级机构受理的函"})


class CheckOut(Schema):
    """One check and how it was answered."""

    id = fields.String()
    label = fields.String()
    required = fields.Boolean()
    answer = fields.String(allow_none=True)
    remark = fields.String(allow_none=True)
    sentence = fields.String(metadata={"description": "答“否”时告知申请人的话"})
    hint = fields.String(allow_none=True)


class ScanOut(Schema):
    """The scan that counts."""

    digest = fields.String()
    filename = fields.String()
    media_type = fields.String()
    size = fields.Integer()
    pages = fields.Integer()


class LetterItemOut(Schema):
    """A letter in the queue."""

    number = fields.String()
    kind = fields.String()
    status = fields.String()
    version = fields.Integer()
    unit_code = fields.String()
    unit_name = fields.String()
    stamped_by = fields.String()
    dated = fields.Date()
    received_at = fields.AwareDateTime()
    role = fields.String()
    person_name = fields.String()
    suspected = fields.Boolean()
    needs_second = fields.Boolean()


class AskOut(Schema):
    """One line of a letter: a role for a person, and what came of it."""

    id = fields.String()
    role = fields.String()
    person_name = fields.String()
    masked_identity = fields.String()
    outcome = fields.String()


class LetterOut(LetterItemOut):
    """One letter with its checks."""

    masked_identity = fields.String()
    asks = fields.List(fields.Nested(AskOut))
    follows = fields.String(allow_none=True, metadata={"description": "原函号"})
    phone = fields.String()
    round = fields.Integer()
    ready = fields.Boolean()
    confirmed_by = fields.String(allow_none=True)
    decided_by = fields.String(allow_none=True)
    decided_at = fields.AwareDateTime(allow_none=True)
    points = fields.List(fields.Nested(PointOut))
    preview = fields.String(metadata={"description": "none 没有扫描件、queued 预览生成中、ready、failed"})
    scan = fields.Nested(ScanOut, allow_none=True)
    checks = fields.List(fields.Nested(CheckOut))
    duplicates = fields.List(fields.String())


class AnswersIn(Schema):
    """Answers to the checks; the whole of them each time."""

    answers = fields.Dict(
        keys=fields.String(),
        values=fields.Enum(Answer, by_value=True),
        required=True,
    )
    remarks = fields.Dict(
        keys=fields.String(), values=fields.String(validate=validate.Length(max=300)), load_default=dict
    )


class ReturnIn(Schema):
    """Own words for single points; left out: the sentences of the checks."""

    points = fields.Dict(
        keys=fields.String(), values=fields.String(validate=validate.Length(1, 300)), load_default=dict
    )


class RefuseIn(Schema):
    """Why for good: a reason from the list, and a sentence."""

    reason_code = fields.String(required=True, validate=validate.Length(1, 40))
    text = fields.String(required=True, validate=validate.Length(1, 300))


class IssueIn(Schema):
    """Lines of the letter that are not granted, if any."""

    left_out = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=validate.Length(1, 300)),
        load_default=dict,
        metadata={"description": "不开通的项（asks 的 id）及理由，申请人会看到"},
    )


class IssuedAccountOut(Schema):
    """The account that came of one line of a letter."""

    id = fields.String()
    username = fields.String()
    role = fields.String()


class IssuedLineOut(IssuedAccountOut):
    """The same with its one-time link; one link for an account, however many lines it has."""

    activation_url = fields.String(allow_none=True)
    expires_at = fields.AwareDateTime(allow_none=True)


class IssuedOut(Schema):
    """What came of issuing."""

    account = fields.Nested(IssuedAccountOut, metadata={"description": "第一项的账号；全部见 accounts"})
    accounts = fields.List(fields.Nested(IssuedLineOut))
    merged = fields.Boolean(metadata={"description": "此前已开通，这次没有新建"})
    message = fields.String()
    activation_url = fields.String(allow_none=True, metadata={"description": "只在开通的当次返回；之后可重发新的"})
    expires_at = fields.AwareDateTime(allow_none=True)
