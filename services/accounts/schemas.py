"""Bodies of the register's API."""

from __future__ import annotations

from marshmallow import fields

from shared.schemas import PageQuery, Schema


class UnitQuery(PageQuery):
    """Query of the list of units."""

    under = fields.String(load_default=None, metadata={"description": "单位代码或路径；只列出其下的单位"})


class UnitOut(Schema):
    """One unit."""

    code = fields.String()
    path = fields.String()
    name = fields.String()
    level = fields.String()
    kind = fields.String()
    body = fields.String(metadata={"description": "代表该单位办事的机构全称"})
    phone = fields.String(allow_none=True)
    active = fields.Boolean()
    version = fields.Integer()
