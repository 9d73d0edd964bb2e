"""Bodies of the API: results that are 公示中."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.credits.publicity.queries import Provisional
from shared.schemas import Credits, Schema, paged


class ProvisionalOut(Schema):
    """A result that is 公示中 and counts nowhere."""

    result_id = fields.String()
    audit_id = fields.String()
    project_id = fields.String()
    project_number = fields.String()
    project_title = fields.String()
    organizer = fields.String()
    school_year = fields.String()
    bucket = fields.String()
    category = fields.String()
    hours = Credits()
    amount = Credits(allow_none=True, metadata={"description": "确认后预计折算；null 为待定。不计入达标"})
    explanation = fields.String()
    audited_at = fields.AwareDateTime()
    public_until = fields.AwareDateTime(metadata={"description": "公示期满时间"})


ProvisionalPage = paged(ProvisionalOut)


def provisional_body(one: Provisional) -> dict[str, Any]:
    """A result for `ProvisionalOut`."""
    project, result = one.project, one.result
    return {
        "result_id": result.result_id,
        "audit_id": result.audit_id,
        "project_id": project.project_id,
        "project_number": project.number,
        "project_title": project.title,
        "organizer": project.organizer_name,
        "school_year": one.school_year,
        "bucket": project.bucket.value,
        "category": project.category,
        "hours": result.hours,
        "amount": one.amount,
        "explanation": one.sentence,
        "audited_at": one.audit.audited_at,
        "public_until": one.until,
    }
