"""Bodies of the API of forecasts."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.credits.forecast.models import MadeForecast
from services.credits.forecast.queries import BEYOND, SHORT, Chosen, Row
from shared.events.plans import Bucket
from shared.schemas import Credits, PageQuery, Schema, paged


class ListIn(Schema):
    """Which list of which unit."""

    under = fields.String(
        load_default=None, validate=validate.Length(max=120), metadata={"description": "学校或县（市、区）的路径"}
    )
    status = fields.String(
        load_default=BEYOND,
        validate=validate.OneOf([BEYOND, SHORT]),
        metadata={"description": "beyond：按上限也达不到；short：还有差额"},
    )
    bucket = fields.String(
        load_default=None, allow_none=True, validate=validate.OneOf([bucket.value for bucket in Bucket])
    )


class ListQuery(PageQuery, ListIn):
    """Query of a list."""


class SchemeIn(Schema):
    """The county whose scheme is started."""

    under = fields.String(load_default=None, validate=validate.Length(max=120))


class OutlookOut(Schema):
    """One bucket of one teacher."""

    short = Credits(metadata={"description": "还差"})
    room = Credits(metadata={"description": "面向全体的途径按上限还可得"})
    beyond = Credits(metadata={"description": "按上限仍差"})


class RowOut(Schema):
    """One teacher."""

    person_id = fields.String()
    name = fields.String()
    masked_identity = fields.String()
    unit_path = fields.String()
    unit_name = fields.String()
    coordinated = fields.Nested(OutlookOut)
    self_organized = fields.Nested(OutlookOut)


class MadeOut(Schema):
    """A list that was made, or is being made."""

    id = fields.String()
    unit_path = fields.String()
    unit_name = fields.String()
    school_year = fields.String()
    status = fields.String()
    bucket = fields.String(allow_none=True)
    scheme = fields.Boolean(metadata={"description": "是否据此起草托底方案"})
    rows = fields.Integer(allow_none=True)
    credits = Credits(allow_none=True)
    basis = fields.String(allow_none=True)
    job_id = fields.String()
    made_at = fields.AwareDateTime()
    made_by = fields.String()
    finished_at = fields.AwareDateTime(allow_none=True)


RowsPage = paged(RowOut)
MadePage = paged(MadeOut)


def chosen_of(body: dict[str, Any]) -> Chosen:
    """The list that a loaded body names."""
    return Chosen(body["status"], Bucket(body["bucket"]) if body["bucket"] else None)


def row_body(row: Row) -> dict[str, Any]:
    """One teacher for `RowOut`."""
    names = ("person_id", "name", "masked_identity", "unit_path")
    told = {name: getattr(row.person, name) for name in names}
    return told | {"unit_name": row.unit.name if row.unit else "", **{b.value: one for b, one in row.buckets.items()}}


def made_body(made: MadeForecast) -> dict[str, Any]:
    """A list for `MadeOut`."""
    names = ("id", "unit_path", "unit_name", "school_year", "status", "bucket", "scheme", "rows", "credits", "basis")
    told = {name: getattr(made, name) for name in (*names, "job_id", "made_at", "finished_at")}
    return told | {"made_by": made.made_by_name}
