"""Bodies of the API: audits as both sides know them."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.credits.deliveries import wording
from services.credits.deliveries.models import AuditDelivery
from shared.schemas import Credits, PageQuery, Schema, paged


class DeliveriesQuery(PageQuery):
    """Which audits."""

    cause = fields.String(
        load_default="",
        validate=validate.OneOf(["", "any", *wording.CAUSES], error="没有这种差异。"),
        metadata={"description": "只列这种差异；any 为全部差异"},
    )


class DeliveryOut(Schema):
    """One audit: sent, received, entered, with times, and the cause of a difference."""

    audit_id = fields.String()
    project_id = fields.String()
    project_number = fields.String()
    project_title = fields.String()
    organizer_name = fields.String()
    audited_at = fields.AwareDateTime()
    sent_at = fields.AwareDateTime(allow_none=True, metadata={"description": "null 为培训项目中没有此次审核"})
    received_at = fields.AwareDateTime(allow_none=True)
    recorded_at = fields.AwareDateTime(allow_none=True)
    revoked = fields.Boolean()
    sent = fields.Integer(metadata={"description": "送出的成绩条数"})
    posted = fields.Integer(metadata={"description": "已入账的成绩条数"})
    parked = fields.Integer(metadata={"description": "暂存的消息条数"})
    unregistered = fields.Integer(metadata={"description": "待核对人员的记录条数"})
    answered = fields.Integer(metadata={"description": "培训项目已收到答复的条数"})
    credits = Credits()
    answered_credits = Credits()
    cause = fields.String(allow_none=True, metadata={"description": "差异原因；null 为一致"})
    told_at = fields.AwareDateTime()
    checked_at = fields.AwareDateTime()
    asked_at = fields.AwareDateTime(allow_none=True)
    asked_by_name = fields.String(allow_none=True)


class CountsOut(Schema):
    """How many audits, and of them with each cause."""

    audits = fields.Integer()
    differing = fields.Integer()
    causes = fields.Dict(keys=fields.String(), values=fields.Integer())
    told_at = fields.AwareDateTime(allow_none=True, metadata={"description": "培训项目最近一次汇总的时间"})


DeliveriesPage = paged(DeliveryOut)


def delivery_body(row: AuditDelivery) -> dict[str, Any]:
    """An audit for `DeliveryOut`."""
    return {name: getattr(row, name) for name in DeliveryOut().fields}
