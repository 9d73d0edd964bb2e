"""Bodies of the API of exemptions and of those who have left."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.credits.employment.queries import Left
from services.credits.exempting import EXEMPTIONS
from services.credits.models import Exemption, LedgerLine
from shared.schemas import Credits, PageQuery, Schema, paged


class ExemptionIn(Schema):
    """A time in which nothing is asked of somebody."""

    kind = fields.String(required=True, validate=validate.OneOf(list(EXEMPTIONS)))
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(load_default=None, allow_none=True, metadata={"description": "最后一天；空为至另有通知"})
    document = fields.String(required=True, validate=validate.Length(2, 80), metadata={"description": "文号"})
    reason = fields.String(required=True, validate=validate.Length(2, 500))


class EndIn(Schema):
    """Its last day."""

    ends_on = fields.Date(required=True)
    reason = fields.String(required=True, validate=validate.Length(2, 500))


class ExemptionWithdrawIn(Schema):
    """Why it is taken away."""

    reason = fields.String(required=True, validate=validate.Length(2, 500))


class ExemptionsQuery(PageQuery):
    """Query of the exemptions of an area."""

    holding = fields.Date(load_default=None, metadata={"description": "只列这一天有效的"})


class ExemptionOut(Schema):
    """An exemption."""

    id = fields.String()
    person_id = fields.String()
    kind = fields.String()
    title = fields.String()
    starts_on = fields.Date()
    ends_on = fields.Date(allow_none=True)
    document = fields.String()
    reason = fields.String()
    body = fields.String()
    entered_by = fields.String()
    entered_at = fields.AwareDateTime()
    ended_by = fields.String(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    ended_reason = fields.String(allow_none=True)
    withdrawn_by = fields.String(allow_none=True)
    withdrawn_at = fields.AwareDateTime(allow_none=True, metadata={"description": "开始之前已撤销，不再有效"})
    withdrawn_reason = fields.String(allow_none=True)


class LeftOut(Schema):
    """Somebody who has left a unit of the reader's."""

    person_id = fields.String()
    name = fields.String()
    masked_identity = fields.String()
    unit_name = fields.String(metadata={"description": "原单位"})
    left_on = fields.Date()


class LeftLineOut(Schema):
    """One record of a training that the reader's unit ran."""

    id = fields.Integer()
    project_title = fields.String()
    organizer = fields.String()
    effective_on = fields.Date()
    hours = Credits(allow_none=True)
    amount = Credits(allow_none=True)
    explanation = fields.String()


ExemptionsPage = paged(ExemptionOut)
LeftPage = paged(LeftOut)
LeftLinesPage = paged(LeftLineOut)


def exemption_body(one: Exemption) -> dict[str, Any]:
    """An exemption for `ExemptionOut`."""
    names = ("id", "person_id", "kind", "starts_on", "ends_on", "document", "reason", "body", "entered_at", "ended_at")
    told = {name: getattr(one, name) for name in (*names, "ended_reason", "withdrawn_at", "withdrawn_reason")}
    who = {"entered_by": one.entered_by_name, "ended_by": one.ended_by_name, "withdrawn_by": one.withdrawn_by_name}
    return told | who | {"title": EXEMPTIONS[one.kind][0]}


def left_body(one: Left) -> dict[str, Any]:
    """Somebody who has left for `LeftOut`."""
    names = ("person_id", "name", "masked_identity")
    told = {name: getattr(one.person, name) for name in names}
    return told | {"unit_name": one.unit.name if one.unit else "", "left_on": one.left_on}


def left_line_body(line: LedgerLine) -> dict[str, Any]:
    """A line for `LeftLineOut`: nothing of it that follows from her other lines."""
    told = {name: getattr(line, name) for name in ("id", "effective_on", "hours", "amount")}
    audit = line.audit
    return told | {
        "project_title": audit.project_title if audit else "",
        "organizer": audit.organizer_name if audit else "",
        "explanation": line.sentence,
    }
