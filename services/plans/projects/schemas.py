"""Bodies in and out of the projects API. Pages use the same schemas for their forms."""

from __future__ import annotations

from flask_smorest.fields import Upload
from marshmallow import fields, validate

from services.plans.approval.schemas import Line, is_school_year
from services.plans.categories import MODES, TRAINING_LEVELS, categories
from services.plans.projects import queries
from shared.schemas import Credits, DerivedNested, DerivedText, Schema


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
    level = fields.String(load_default=None, validate=validate.OneOf(TRAINING_LEVELS, TRAINING_LEVELS.values()))
    plan_id = fields.String(load_default=None, validate=validate.Length(max=36))
    plan_item_id = fields.String(load_default=None, validate=validate.Length(max=36))
    organizer_unit_code = fields.String(load_default=None, validate=validate.Length(max=20))


class PreviewOut(Schema):
    """What one participant who passes will get."""

    credits = Credits(allow_none=True)
    sentence = fields.String()


class CountsOut(Schema):
    """Results by state."""

    entered = fields.Integer()
    audited = fields.Integer()
    audit_revoked = fields.Integer()


class AuditOut(Schema):
    """One audit, and how many of its results credits has taken in."""

    audit_id = fields.String(attribute="audit.id")
    number = fields.Integer(attribute="audit.number")
    count = fields.Integer(attribute="audit.count")
    audited_by = fields.String(attribute="audit.audited_by_name")
    body = fields.String(attribute="audit.body")
    audited_at = fields.AwareDateTime(attribute="audit.audited_at")
    revoked_by = fields.String(attribute="audit.revoked_by_name", allow_none=True)
    revoked_at = fields.AwareDateTime(attribute="audit.revoked_at", allow_none=True)
    reason = fields.String(attribute="audit.reason", allow_none=True)
    current = fields.Integer()
    recorded = fields.Integer()


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


class ProjectOut(ProjectRow):
    """A project with its counts and audits."""

    counts = fields.Nested(CountsOut)
    audits = fields.List(fields.Nested(AuditOut))


class RosterQuery(Schema):
    """`dry_run=true` checks and writes nothing."""

    dry_run = fields.Boolean(load_default=False)


class RosterIn(Schema):
    """The roster, as multipart/form-data."""

    file = Upload(required=True, metadata={"description": "名单（.xlsx）：身份证号、姓名、学时、考核结果、备注"})


class CellErrorOut(Schema):
    """What is wrong in one cell."""

    row = fields.Integer()
    cell = fields.String()
    column = fields.String()
    heading = fields.String()
    message = fields.String()


class RosterReport(Schema):
    """What a check of a roster found. `errors` ends after the first thousand; `error_count` counts them all."""

    rows = fields.Integer()
    good = fields.Integer()
    error_count = fields.Integer()
    errors = fields.List(fields.Nested(CellErrorOut))


class JobStarted(Schema):
    """The background job that was started."""

    job_id = fields.String()


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
