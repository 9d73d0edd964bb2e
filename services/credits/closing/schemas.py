"""Bodies of the API of late entries."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.credits.closing.queries import Late
from shared.schemas import Credits, PageQuery, Schema, paged


class LateQuery(PageQuery):
    """Which of them."""

    state = fields.String(load_default="waiting", validate=validate.OneOf(["waiting", "ended"]))


class LateDecisionIn(Schema):
    """The province's decision on one late entry."""

    admit = fields.Boolean(required=True, metadata={"description": "true：准予补记；false：不予补记"})
    document = fields.String(required=True, metadata={"description": "依据的文号"})
    reason = fields.String(required=True, metadata={"description": "理由，教师和学校都会读到"})


class LateOut(Schema):
    """What came when its cycle was closed."""

    id = fields.Integer()
    cycle = fields.Integer(metadata={"description": "已关闭的周期起始年份"})
    person_id = fields.String()
    audit_id = fields.String(allow_none=True)
    result_id = fields.String()
    title = fields.String()
    organizer = fields.String()
    amount = Credits(allow_none=True, metadata={"description": "补记后学分的变化；空：待定"})
    state = fields.String(metadata={"description": "waiting | admitted | dismissed | overtaken"})
    explanation = fields.String()
    document = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    decided_by_name = fields.String(allow_none=True)
    body = fields.String(allow_none=True)
    received_at = fields.AwareDateTime()
    decided_at = fields.AwareDateTime(allow_none=True)


LatePage = paged(LateOut)


def late_body(late: Late) -> dict[str, Any]:
    """A late entry for `LateOut`."""
    own = (
        "id",
        "cycle",
        "person_id",
        "audit_id",
        "result_id",
        "state",
        "document",
        "reason",
        "decided_by_name",
        "body",
    )
    return {
        **{name: getattr(late.entry, name) for name in (*own, "received_at", "decided_at")},
        "title": late.title,
        "organizer": late.organizer,
        "amount": late.amount,
        "explanation": late.entry.told,
    }
