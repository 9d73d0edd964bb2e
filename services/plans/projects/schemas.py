"""Bodies in and out of the projects API. Pages use the same schemas for their forms."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, post_dump, validate

from services.plans.approval.schemas import Line, is_school_year
from services.plans.categories import GENERAL, MAX_PUBLICITY, MODES, PROGRAMMES, STAGES, TRAINING_LEVELS, categories
from services.plans.projects import queries
from shared.schemas import Credits, DerivedNested, DerivedText, Schema

MAX_QUOTAS = 2000


class Programme(fields.String):
    """A special programme that a county may convert otherwise (R-25)."""

    def __init__(self, **settings: Any) -> None:
        one_of = validate.OneOf(PROGRAMMES, PROGRAMMES.values(), error="没有这种专项，请从列出的选择。")
        super().__init__(
            validate=one_of, metadata={"description": "专项：general 一般 | headmaster 校长研修"}, **settings
        )


class QuotaIn(Schema):
    """Seats for one unit of the area and everything under it."""

    unit_code = fields.String(required=True, validate=validate.Length(1, 120), metadata={"description": "代码或路径"})
    seats = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100_000))


class ProjectIn(Schema):
    """A training to publish. `convert` (折算) must be said, so that nobody forgets it (F1)."""

    title = Line(required=True, validate=validate.Length(2, 100))
    category = fields.String(required=True, validate=validate.OneOf(list(categories())))
    mode = fields.String(required=True, validate=validate.OneOf(MODES, MODES.values()))
    convert = fields.Boolean(required=True)
    hours = Credits(required=True, validate=validate.Range(0, 1000, min_inclusive=False))
    school_year = fields.String(required=True, validate=is_school_year)
    held_from = fields.Date(required=True)
    held_to = fields.Date(required=True)
    programme = Programme(load_default=GENERAL)
    level = fields.String(load_default=None, validate=validate.OneOf(TRAINING_LEVELS, TRAINING_LEVELS.values()))
    plan_id = fields.String(load_default=None, validate=validate.Length(max=36))
    plan_item_id = fields.String(load_default=None, validate=validate.Length(max=36))
    organizer_unit_code = fields.String(load_default=None, validate=validate.Length(max=20))
    stages = fields.List(
        fields.String(validate=validate.OneOf(STAGES, STAGES.values())),
        load_default=list,
        metadata={"description": "面向学段；不填：不限"},
    )
    subjects = fields.List(
        Line(validate=validate.Length(1, 40)),
        load_default=list,
        validate=validate.Length(max=50),
        metadata={"description": "面向学科；不填：不限"},
    )
    quotas = fields.List(
        fields.Nested(QuotaIn),
        load_default=list,
        validate=validate.Length(max=MAX_QUOTAS),
        metadata={"description": "名额；不填：不限。填了名额后，没有名额的单位不能报名"},
    )
    publicity_days = fields.Integer(
        load_default=None,
        strict=True,
        validate=validate.Range(0, MAX_PUBLICITY),
        metadata={"description": "公示工作日；不填：按项目类别"},
    )


class PreviewOut(Schema):
    """What one participant who passes will get."""

    credits = Credits(allow_none=True)
    sentence = fields.String()


class CountsOut(Schema):
    """Results by state."""

    entered = fields.Integer()
    audited = fields.Integer()
    audit_revoked = fields.Integer()


class AuditCorrectionOut(Schema):
    """A correction of the project after an audit."""

    at = fields.AwareDateTime()
    by = fields.String(attribute="actor_name")
    body = fields.String()
    outcome = fields.String()


class AuditOut(Schema):
    """One audit, and how far its results are on their way to credits (N8)."""

    audit_id = fields.String(attribute="audit.id")
    number = fields.Integer(attribute="audit.number")
    count = fields.Integer(attribute="audit.count")
    audited_by = fields.String(attribute="audit.audited_by_name")
    body = fields.String(attribute="audit.body")
    audited_at = fields.AwareDateTime(attribute="audit.audited_at")
    revoked_by = fields.String(attribute="audit.revoked_by_name", allow_none=True)
    revoked_at = fields.AwareDateTime(attribute="audit.revoked_at", allow_none=True)
    reason = fields.String(attribute="audit.reason", allow_none=True)
    public_until = fields.AwareDateTime(attribute="audit.public_until", allow_none=True)
    confirmed_at = fields.AwareDateTime(attribute="audit.confirmed_at", allow_none=True)
    sent_at = fields.AwareDateTime(attribute="audit.sent_at", allow_none=True)
    unsent = fields.Integer(metadata={"description": "还没有交给消息服务的消息数"})
    received_at = fields.AwareDateTime(allow_none=True)
    recorded_at = fields.AwareDateTime(allow_none=True)
    current = fields.Integer()
    processed = fields.Integer(metadata={"description": "学分服务已答复的人数"})
    counted = fields.Integer(metadata={"description": "其中得到学分的人数"})
    corrections = fields.List(fields.Nested(AuditCorrectionOut), metadata={"description": "审核后对项目的更正"})


class ProjectRow(Schema):
    """A project in a list."""

    id = fields.String()
    number = fields.String()
    title = fields.String()
    status = fields.String()
    category = fields.String()
    bucket = DerivedText(lambda project: queries.category_of(project).bucket.value)
    level = fields.String()
    mode = fields.String()
    convert = fields.Boolean()
    programme = fields.String()
    hours = Credits()
    hours_per_credit = Credits(allow_none=True)
    school_year = fields.String()
    held_from = fields.Date()
    held_to = fields.Date()
    organizer = fields.String(attribute="organizer_name")
    organizer_path = fields.String()
    authority = fields.String(attribute="authority_name")
    plan_id = fields.String(allow_none=True)
    plan_number = fields.String(allow_none=True)
    plan_item_id = fields.String(allow_none=True)
    published_by = fields.String(attribute="published_by_name")
    published_at = fields.AwareDateTime()
    preview = DerivedNested(PreviewOut, queries.preview_of)
    stages = fields.List(fields.String())
    subjects = fields.List(fields.String())
    covers = fields.List(fields.String())
    publicity_days = fields.Integer()
    correction = fields.Integer()
    version = fields.Integer()


class QuotaOut(Schema):
    """Seats of one unit, and how many are taken."""

    unit_path = fields.String(attribute="quota.unit_path")
    unit = fields.String(attribute="quota.unit_name")
    seats = fields.Integer(attribute="quota.seats")
    taken = fields.Integer()


class ProjectLineOut(Schema):
    """One act in the history of a project."""

    act = fields.String()
    at = fields.AwareDateTime()
    by = fields.String(attribute="actor_name")
    body = fields.String()
    reason = fields.String()
    outcome = fields.String()
    details = fields.Dict(keys=fields.String())

    @post_dump
    def without_person(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Whose account it was is known by name; the person's id is kept for T11 alone."""
        data["details"] = {key: value for key, value in data["details"].items() if key != "by_person"}
        return data


class ProjectHistoryOut(Schema):
    """The whole history, oldest first."""

    items = fields.List(fields.Nested(ProjectLineOut))


class ProjectOut(ProjectRow):
    """A project with its seats, counts and audits."""

    quotas = fields.List(fields.Nested(QuotaOut))

    counts = fields.Nested(CountsOut)
    audits = fields.List(fields.Nested(AuditOut))


class JobOut(Schema):
    """How far a job is."""

    id = fields.String()
    state = fields.String()
    done = fields.Integer()
    total = fields.Integer(allow_none=True)
    result = fields.Dict(keys=fields.String(), allow_none=True)
    error = fields.String(allow_none=True)


class ResultOut(Schema):
    """One person's result."""

    result_id = fields.String(attribute="id")
    name = fields.String()
    masked_identity = fields.String()
    hours = Credits()
    passed = fields.Boolean()
    note = fields.String()
    state = fields.String()
    attempt = fields.Integer()
    audit_id = fields.String(allow_none=True)
    credits = Credits(allow_none=True)
    credits_state = fields.String()
    explanation = fields.String(allow_none=True)


class AuditedOut(Schema):
    """An audit that was just made, or taken back."""

    audit_id = fields.String(attribute="id")
    number = fields.Integer()
    count = fields.Integer()
    audited_at = fields.AwareDateTime()
    revoked_at = fields.AwareDateTime(allow_none=True)


class RevocationIn(Schema):
    """Why an audit is taken back."""

    reason = fields.String(required=True, validate=validate.Length(2, 500))


class ReasonIn(Schema):
    """Why a project is taken away."""

    reason = fields.String(load_default="", validate=validate.Length(max=500))


class CorrectionChanges(Schema):
    """What is to be corrected; what is left out stays."""

    category = fields.String(validate=validate.OneOf(list(categories())))
    mode = fields.String(validate=validate.OneOf(MODES, MODES.values()))
    convert = fields.Boolean()
    programme = Programme()
    plan_id = fields.String(validate=validate.Length(max=36))
    plan_item_id = fields.String(validate=validate.Length(max=36))


class CorrectionIn(CorrectionChanges):
    """The same, with the reason."""

    reason = fields.String(required=True, validate=validate.Length(2, 500))


class ConversionOut(Schema):
    """What a project is worth."""

    category = fields.String()
    level = fields.String()
    mode = fields.String()
    convert = fields.Boolean()
    programme = fields.String()
    hours_per_credit = Credits(allow_none=True)
    plan_id = fields.String(allow_none=True)
    plan_item_id = fields.String(allow_none=True)


class AffectedOut(Schema):
    """One person's credits before and after."""

    result_id = fields.String()
    name = fields.String()
    masked_identity = fields.String()
    hours = Credits()
    passed = fields.Boolean()
    present = Credits(allow_none=True)
    future = Credits(allow_none=True)


class CorrectionOut(Schema):
    """What a correction would do. `people` ends after the first thousand; `count` counts them all."""

    version = fields.Integer()
    before = fields.Nested(ConversionOut)
    after = fields.Nested(ConversionOut)
    preview = fields.Nested(PreviewOut)
    count = fields.Integer()
    people = fields.List(fields.Nested(AffectedOut))


class LateAuditOut(AuditOut):
    """An audit that credits has not answered in time, and why."""

    project_id = fields.String(attribute="audit.project_id")
    cause = fields.String()
