"""Bodies of letters."""

from __future__ import annotations

from flask_smorest.fields import Upload
from marshmallow import fields, validate

from services.accounts.kinds import LetterKind
from services.accounts.letters import Answer
from shared.schemas import PageQuery, Schema

_PHONE = validate.Regexp(r"^[0-9 ()+\-—－]{7,40}$", error="应为 7 至 15 位数字，可带区号。")


def _text(limit: int, missing: str) -> list[validate.Validator]:
    """Something of at most `limit` characters; the sentence `missing` when nothing is there."""
    return [validate.Length(min=1, error=missing), validate.Length(max=limit, error="最多 {max} 个字，请缩短。")]


class LetterForm(Schema):
    """What the applicant says; the scan comes beside it."""

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
    role = fields.String(required=True, validate=_text(40, "请选择角色。"))
    person_name = fields.String(required=True, validate=_text(60, "请填写姓名。"))
    identity_number = fields.String(required=True, validate=_text(40, "请填写身份证号。"))
    phone = fields.String(required=True, validate=_PHONE)
    stamped_by = fields.String(required=True, validate=_text(120, "请填写落款（盖章）单位全称。"))
    dated = fields.Date(required=True)


class LetterFile(Schema):
    """The scan: PDF, JPEG or PNG, up to 20 MB and 10 pages."""

    file = Upload(required=True)


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
    reason = fields.String(allow_none=True)
    checks = fields.List(fields.Nested(CheckLabelOut))
    handler = fields.String(metadata={"description": "受理机构"})
    handler_phone = fields.String(allow_none=True)


class LetterQuery(PageQuery):
    """Query of the queue."""

    status = fields.String(
        load_default="open",
        validate=validate.OneOf(("open", "returned", "suspected", "second", "issued", "refused")),
        metadata={"description": "open 待核验、returned 待补正、suspected 疑似重复、second 待复核、issued、refused"},
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


class LetterOut(LetterItemOut):
    """One letter with its checks."""

    masked_identity = fields.String()
    phone = fields.String()
    round = fields.Integer()
    ready = fields.Boolean()
    confirmed_by = fields.String(allow_none=True)
    decided_by = fields.String(allow_none=True)
    decided_at = fields.AwareDateTime(allow_none=True)
    points = fields.List(fields.Nested(PointOut))
    preview = fields.String(metadata={"description": "queued 预览生成中、ready、failed"})
    scan = fields.Nested(ScanOut)
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


class IssuedAccountOut(Schema):
    """The account that came of a letter."""

    id = fields.String()
    username = fields.String()
    role = fields.String()


class IssuedOut(Schema):
    """What came of issuing."""

    account = fields.Nested(IssuedAccountOut)
    merged = fields.Boolean(metadata={"description": "此前已开通，这次没有新建"})
    message = fields.String()
    activation_url = fields.String(allow_none=True, metadata={"description": "只在开通的当次返回；之后可重发新的"})
    expires_at = fields.AwareDateTime(allow_none=True)
