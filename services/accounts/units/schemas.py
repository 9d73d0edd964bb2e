"""Bodies of changes of the tree."""

from __future__ import annotations

from marshmallow import fields, validate

from services.accounts.kinds import UnitKind
from services.accounts.units.models import ChangeAct
from shared.schemas import Schema


class ReasonsIn(Schema):
    """From when, by which document, why."""

    in_force_on = fields.Date(required=True, metadata={"description": "施行日期；今天则当即生效"})
    document = fields.String(required=True, validate=validate.Length(1, 80), metadata={"description": "文号或函号"})
    reason = fields.String(required=True, validate=validate.Length(1, 300))


class HandoverIn(ReasonsIn):
    """One's own handover."""

    successor_id = fields.String(required=True, validate=validate.Length(1, 36))


class ChangeIn(ReasonsIn):
    """One change of a unit; fields that its act does not need are left out."""

    act = fields.Enum(ChangeAct, by_value=True, required=True)
    code = fields.String(
        load_default="",
        validate=validate.Length(max=20),
        metadata={"description": "开设：新单位的代码；区划调整、并入：目标单位的代码"},
    )
    kind = fields.Enum(UnitKind, by_value=True, load_default=None)
    name = fields.String(load_default="", validate=validate.Length(max=120))
    body = fields.String(load_default="", validate=validate.Length(max=120))
    phone = fields.String(load_default="", validate=validate.Length(max=40))
    account_id = fields.String(load_default="", validate=validate.Length(max=36))
    successor_id = fields.String(load_default="", validate=validate.Length(max=36))


class ChangeOut(Schema):
    """One change."""

    id = fields.String()
    act = fields.String()
    state = fields.String()
    in_force_on = fields.Date()
    document = fields.String()
    reason = fields.String()
    unit_code = fields.String(attribute="unit.code")
    other_code = fields.String(attribute="other.code", allow_none=True)
    leaver = fields.String(attribute="account.person.name", allow_none=True)
    successor = fields.String(attribute="successor.person.name", allow_none=True)
    facts = fields.Dict(keys=fields.String())
    planned_by = fields.String(attribute="planned_by_name")
    planned_at = fields.AwareDateTime()
    settled_at = fields.AwareDateTime(allow_none=True)
    error = fields.String(allow_none=True)


class ChangesOut(Schema):
    """What was and will be done to a unit."""

    items = fields.List(fields.Nested(ChangeOut))
