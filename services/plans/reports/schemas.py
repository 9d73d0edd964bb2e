"""Bodies in and out of the board and of 抽查."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from marshmallow import fields, validate

from services.plans import kinds
from services.plans.calendar.rules import in_words
from services.plans.reports import spotchecks
from services.plans.reports.behind import LEVELS, LISTS
from services.plans.reports.board import Row
from shared.schemas import DerivedText, PageQuery, Schema

_YEAR = validate.Regexp(r"(20[0-9]{2}-20[0-9]{2})?\Z")
_PATH = validate.Regexp(r"([0-9A-Za-z]{1,20}/){0,6}\Z")


class BoardQuery(Schema):
    """What the board is narrowed to."""

    school_year = fields.String(load_default="", validate=_YEAR)
    kind = fields.String(load_default="", validate=validate.OneOf(["", *kinds.KINDS]))
    level = fields.String(load_default="", validate=validate.OneOf(["", *[level.value for level in LEVELS]]))


class BehindQuery(BoardQuery, PageQuery):
    """The list behind a number of the board."""

    region = fields.String(load_default="", validate=_PATH)


class DrawIn(Schema):
    """What is to be drawn."""

    school_year = fields.String(
        required=True, validate=validate.Regexp(r"20[0-9]{2}-20[0-9]{2}\Z", error="请选择学年。")
    )
    kind = fields.String(load_default="", validate=validate.OneOf(["", *kinds.KINDS]))
    area = fields.String(load_default="", validate=_PATH)
    count = fields.Integer(required=True, validate=validate.Range(1, spotchecks.MOST))
    seed = fields.String(required=True, validate=validate.Length(1, 40))
    purpose = fields.String(required=True, validate=validate.Length(2, 500))


class SpotFindingIn(Schema):
    """What was found in a case."""

    verdict = fields.String(required=True, validate=validate.OneOf(list(spotchecks.VERDICTS)))
    text = fields.String(load_default="", validate=validate.Length(max=2000))


BoardCountsOut = Schema.from_dict(
    {name: fields.Integer(metadata={"description": title}) for name, title in LISTS.items()}, name="BoardCountsOut"
)
"""Every number of a row; the list of each is at `board/<name>`."""


class BoardRowOut(Schema):
    """One county; or a district or the province for what it runs itself."""

    path = fields.String()
    name = fields.String(attribute="title")
    above = fields.String()
    counts = fields.Nested(BoardCountsOut)
    in_time = fields.Float(allow_none=True, metadata={"description": "按时办结率，0 至 1"})
    return_rate = fields.Float(allow_none=True, metadata={"description": "退回率"})
    again_rate = fields.Float(allow_none=True, metadata={"description": "二次退回率"})
    median_county = DerivedText(lambda row: _median(row, 0), allow_none=True)
    median_district = DerivedText(lambda row: _median(row, 1), allow_none=True)
    median_province = DerivedText(lambda row: _median(row, 2), allow_none=True)
    oldest = DerivedText(
        lambda row: row.oldest.id if row.oldest else None,
        allow_none=True,
        metadata={"description": "在途且未暂停计时的方案中到达最早的"},
    )
    oldest_since = fields.AwareDateTime(allow_none=True)


class BoardOut(Schema):
    """A row for every county of the area."""

    items = fields.List(fields.Nested(BoardRowOut))


class BoardEntryOut(Schema):
    """One line of a list behind a number."""

    plan_id = fields.String(attribute="plan.id")
    number = fields.String(attribute="plan.number")
    unit_name = fields.String(attribute="plan.unit_name")
    title = fields.String(attribute="plan.submitted_title")
    what = fields.String()
    at = fields.AwareDateTime(allow_none=True)
    body = fields.String()
    took = fields.String()


class SpotFindingOut(Schema):
    """A finding; a later one corrects the one before."""

    number = fields.Integer()
    verdict = fields.String()
    text = fields.String()
    by = fields.String(attribute="by_name")
    body = fields.String()
    at = fields.AwareDateTime()


class SpotCaseOut(Schema):
    """A case of a draw."""

    id = fields.String()
    position = fields.Integer()
    plan_id = fields.String()
    plan_number = fields.String()
    plan_title = fields.String()
    unit_name = fields.String()
    round = fields.Integer()
    digest = fields.String()
    pack_sha256 = fields.String(allow_none=True)
    pack_size = fields.Integer(allow_none=True)
    packed_at = fields.AwareDateTime(allow_none=True)
    version = fields.Integer(metadata={"description": "已登记的次数，用于 If-Match"})
    findings = fields.List(fields.Nested(SpotFindingOut))


class SpotCheckRow(Schema):
    """A draw in a list."""

    id = fields.String()
    number = fields.String()
    body = fields.String()
    area_path = fields.String()
    area_name = fields.String()
    school_year = fields.String()
    kind = fields.String()
    seed = fields.String()
    wanted = fields.Integer()
    population = fields.Integer()
    population_digest = fields.String()
    purpose = fields.String()
    drawn_by = fields.String(attribute="drawn_by_name")
    drawn_at = fields.AwareDateTime()


class SpotCheckOut(SpotCheckRow):
    """A draw with its cases."""

    cases = fields.List(fields.Nested(SpotCaseOut))
    pack_job_id = fields.String(allow_none=True)


def _median(row: Row, place: int) -> Any:
    speed = row.speeds.get(LEVELS[place])
    return in_words(timedelta(minutes=speed.minutes)) if speed else None
