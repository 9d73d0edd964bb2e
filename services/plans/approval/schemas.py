"""Bodies that come into the approval API; answers: `answers.py`. Pages use the same schemas for their forms."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import ValidationError, fields, validate

from services.plans import claims, kinds, terms
from services.plans.approval.content import ITEM_KINDS, SECTIONS
from services.plans.categories import TRAINING_LEVELS
from services.plans.workflow import POLICY_CATEGORIES, Status
from shared.schemas import Credits, PageQuery, Schema

INVISIBLE = ("Cc", "Cf", "Zl", "Zp")
"""Unicode categories: control and format characters, separators of lines and paragraphs."""


def is_school_year(value: str) -> None:
    """Refuses what is not a school year, or is so late that the year after it could not be written."""
    year = terms.first_year(value)
    if year is None or year > terms.LAST_YEAR:
        raise ValidationError("学年格式有误，应如 2026-2027。")


class Line(fields.String):
    """A title: without blanks around it, and without characters that cannot be seen or turn the text around."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs).strip()
        if any(unicodedata.category(character) in INVISIBLE for character in text):
            raise ValidationError("含有看不见的控制字符（如换行、方向控制符），请删去后重新填写。")
        return text


class ItemIn(Schema):
    """One planned activity. An `id` of an earlier answer keeps the item the same item."""

    id = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=36))
    kind = fields.String(required=True, validate=validate.OneOf(ITEM_KINDS, ITEM_KINDS.values()))
    title = Line(required=True, validate=validate.Length(1, 100))
    hours = Credits(required=True, validate=validate.Range(0, 5000, min_inclusive=False))
    # From 0.5 on: so the credits of sixty items of 5000 hours stay far below what a column of hundredths holds.
    hours_per_credit = Credits(required=True, validate=validate.Range(Decimal("0.5"), 1000))
    level = fields.String(load_default="", validate=validate.OneOf(["", *TRAINING_LEVELS]))
    held_from = fields.Date(load_default=None, allow_none=True)
    held_to = fields.Date(load_default=None, allow_none=True)
    audience = fields.String(load_default="", validate=validate.Length(max=100))
    responsible = fields.String(load_default="", validate=validate.Length(max=60))
    assessment = fields.String(load_default="", validate=validate.Length(max=2000))
    records = fields.String(load_default="", validate=validate.Length(max=2000))


class ForecastIn(Schema):
    """Who cannot reach the credits, as predicted (FAQ-Q11)."""

    teachers = fields.Integer(required=True, validate=validate.Range(1, 1_000_000))
    shortfall = Credits(required=True, validate=validate.Range(0, 10_000_000, min_inclusive=False))
    basis = fields.String(required=True, validate=validate.Length(2, 2000))


class ClaimIn(Schema):
    """What one teacher asks to have recognised; `person_id` only where the school files it for her."""

    person_id = fields.String(load_default="", validate=validate.Length(max=36))
    category = fields.String(
        required=True,
        validate=validate.OneOf(
            list(claims.categories()),
            error="没有这一认定类别，应为：" + "、".join(one.title for one in claims.categories().values()) + "。",
        ),
    )
    obtained_on = fields.Date(required=True)
    level = fields.String(load_default="", validate=validate.Length(max=20))
    rank = fields.String(load_default="", validate=validate.Length(max=20))
    count = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 500))
    hours = Credits(load_default=None, allow_none=True, validate=validate.Range(0, 1000, min_inclusive=False))
    item_id = fields.String(load_default="", validate=validate.Length(max=36))
    appointed_on = fields.Date(load_default=None, allow_none=True)
    credits = Credits(load_default=None, allow_none=True, validate=validate.Range(0, 36, min_inclusive=False))
    issuer = fields.String(load_default="", validate=validate.Length(max=100))
    document = fields.String(load_default="", validate=validate.Length(max=100))


class PlanChange(Schema):
    """The working copy of a plan, whole."""

    school_year = fields.String(required=True, validate=is_school_year)
    title = Line(required=True, validate=validate.Length(2, 100))
    aims = fields.String(load_default="", validate=validate.Length(max=4000))
    items = fields.List(fields.Nested(ItemIn), load_default=list, validate=validate.Length(max=60))
    covers = fields.List(
        fields.String(validate=validate.Length(1, 200)), load_default=list, validate=validate.Length(max=60)
    )
    forecast = fields.Nested(ForecastIn, load_default=None, allow_none=True)
    claim = fields.Nested(ClaimIn, load_default=None, allow_none=True)


class PlanIn(PlanChange):
    """A new plan; `unit_code` only where somebody administers several units."""

    kind = fields.String(load_default="school_plan", validate=validate.OneOf(list(kinds.KINDS)))
    unit_code = fields.String(load_default=None, validate=validate.Length(max=20))


class PointIn(Schema):
    """One point of a return, tied to a section, and in it to a field (`items.0.hours`) or an attachment's id."""

    section = fields.String(required=True, validate=validate.OneOf(SECTIONS, SECTIONS.values()))
    field = fields.String(load_default="", validate=validate.Length(max=80))
    text = fields.String(required=True, validate=validate.Length(2, 1000))
    must = fields.Boolean(load_default=True)


class ActIn(Schema):
    """What may come with an act; which of it an act takes and needs stands in its row of the table."""

    opinion = fields.String(load_default="", validate=validate.Length(max=2000))
    points = fields.List(fields.Nested(PointIn), load_default=list, validate=validate.Length(max=60))
    to_stage = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=40))
    days = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 60))
    to = fields.List(
        fields.String(validate=validate.Length(max=36)), load_default=list, validate=validate.Length(max=20)
    )
    blocking = fields.Boolean(load_default=False)
    position = fields.String(load_default="before", validate=validate.OneOf(["before", "after"]))
    agreed = fields.Boolean(load_default=True)
    category = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(list(POLICY_CATEGORIES)))
    document = fields.String(load_default="", validate=validate.Length(max=80))
    line_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=36))


class DecisionIn(Schema):
    """What a reviewer decides: the three acts that decide, under one address."""

    verdict = fields.String(required=True, validate=validate.OneOf(["approve", "return", "refuse"]))
    opinion = fields.String(load_default="", validate=validate.Length(max=2000))
    points = fields.List(fields.Nested(PointIn), load_default=list, validate=validate.Length(max=60))
    to_stage = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=40))
    days = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 60))


class AnswerIn(Schema):
    """What the school says to one point of a return."""

    number = fields.Integer(required=True, validate=validate.Range(1, 60))
    verdict = fields.String(required=True, validate=validate.OneOf(["changed", "explained"]))
    text = fields.String(load_default="", validate=validate.Length(max=1000))


class AnswersIn(Schema):
    """Answers to points of the open return."""

    answers = fields.List(fields.Nested(AnswerIn), required=True, validate=validate.Length(1, 60))


class CopyIn(Schema):
    """Why an approved plan is copied."""

    purpose = fields.String(required=True, validate=validate.OneOf(["amend", "next_year"]))


class FileIn(Schema):
    """A file, as multipart/form-data."""

    file = Upload(required=True)


class PlanQuery(PageQuery):
    """Filters of a list of plans."""

    status = fields.String(load_default=None, validate=validate.OneOf([s.value for s in Status]))
    school_year = fields.String(load_default=None, validate=is_school_year)
    kind = fields.String(load_default=None, validate=validate.OneOf(list(kinds.KINDS)))


class CompareQuery(Schema):
    """Which two versions; `old` may be `last_year`, `new` left out is the last one."""

    old = fields.String(required=True, validate=validate.Regexp(r"([1-9][0-9]{0,3}|last_year)\Z"))
    new = fields.Integer(load_default=None, validate=validate.Range(1, 9999))
