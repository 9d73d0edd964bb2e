"""Bodies in and out of the roster API."""

from __future__ import annotations

from flask_smorest.fields import Upload
from marshmallow import fields

from shared.schemas import DerivedText, Schema


class RosterQuery(Schema):
    """`dry_run=true` checks and writes no result."""

    dry_run = fields.Boolean(load_default=False)


class RosterIn(Schema):
    """The roster, as multipart/form-data."""

    file = Upload(
        required=True,
        metadata={"description": "名单（.xlsx）：身份证号、姓名、学时、考核结果、出勤（可无）、备注（可无）"},
    )


class ImportIn(Schema):
    """`good_only=true` leaves out the rows with errors; otherwise a roster is imported whole or not at all."""

    good_only = fields.Boolean(load_default=False)


class CellErrorOut(Schema):
    """What is wrong in one cell, or worth knowing."""

    row = fields.Integer()
    cell = fields.String()
    column = fields.String()
    heading = fields.String()
    message = fields.String()


class RosterReport(Schema):
    """An uploaded roster and what its check found; while `state` is `checking` the report is missing.

    `errors` and `warnings` end after the first thousand; the counts count them all, and `error_rows` has every bad row.
    """

    upload_id = fields.String(attribute="id")
    name = fields.String()
    state = DerivedText(lambda upload: _state(upload), metadata={"description": "checking、checked 或 imported"})
    check_job_id = fields.String(allow_none=True)
    import_job_id = fields.String(attribute="job_id", allow_none=True)
    imported_at = fields.AwareDateTime(allow_none=True)
    error_rows = DerivedText(lambda upload: _error_rows(upload), allow_none=True)
    rows = fields.Integer(attribute="report.rows")
    good = fields.Integer(attribute="report.good")
    error_count = fields.Integer(attribute="report.error_count")
    errors = fields.List(fields.Nested(CellErrorOut), attribute="report.errors")
    warning_count = fields.Integer(attribute="report.warning_count")
    warnings = fields.List(fields.Nested(CellErrorOut), attribute="report.warnings")


class JobStarted(Schema):
    """The background job that was started, and the upload that it works on."""

    job_id = fields.String()
    upload_id = fields.String()


def _state(upload: object) -> str:
    if getattr(upload, "imported_at", None):
        return "imported"
    return "checking" if getattr(upload, "report", None) is None else "checked"


def _error_rows(upload: object) -> str | None:
    """Where the workbook of the bad rows is."""
    if getattr(upload, "error_rows_sha256", None) is None:
        return None
    return f"/plans/api/v1/projects/{upload.project_id}/roster/{upload.id}/errors.xlsx"  # type: ignore[attr-defined]
