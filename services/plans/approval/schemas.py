"""Bodies in and out of the approval API. Pages use the same schemas for their forms."""

from __future__ import annotations

import unicodedata
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import ValidationError, fields, validate

from services.plans import terms, workflow
from services.plans.approval import queries
from services.plans.approval.content import ITEM_KINDS, SECTIONS
from services.plans.approval.models import Plan
from shared.schemas import Credits, DerivedNested, DerivedText, PageQuery, Schema

INVISIBLE = ("Cc", "Cf", "Zl", "Zp")
"""Unicode categories: control and format characters, separators of lines and paragraphs."""


def is_school_year(value: str) -> None:
    """Refuses what is not a school year."""
    if terms.first_year(value) is None:
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
    hours_per_credit = Credits(required=True, validate=validate.Range(0, 1000, min_inclusive=False))
    held_from = fields.Date(load_default=None, allow_none=True)
    held_to = fields.Date(load_default=None, allow_none=True)
    responsible = fields.String(load_default="", validate=validate.Length(max=60))
    assessment = fields.String(load_default="", validate=validate.Length(max=2000))
    records = fields.String(load_default="", validate=validate.Length(max=2000))


class PlanChange(Schema):
    """The working copy of a plan, whole."""

    school_year = fields.String(required=True, validate=is_school_year)
    title = Line(required=True, validate=validate.Length(2, 100))
    aims = fields.String(load_default="", validate=validate.Length(max=4000))
    items = fields.List(fields.Nested(ItemIn), load_default=list, validate=validate.Length(max=60))


class PlanIn(PlanChange):
    """A new plan; `unit_code` only where somebody administers several schools."""

    unit_code = fields.String(load_default=None, validate=validate.Length(max=20))


class PointIn(Schema):
    """One point of a return, tied to a section, and in it to a field (`items.0.hours`) or an attachment's id."""

    section = fields.String(required=True, validate=validate.OneOf(SECTIONS, SECTIONS.values()))
    field = fields.String(load_default="", validate=validate.Length(max=80))
    text = fields.String(required=True, validate=validate.Length(2, 1000))
    must = fields.Boolean(load_default=True)


class DecisionIn(Schema):
    """What a reviewer decides."""

    verdict = fields.String(
        required=True, validate=validate.OneOf([act.name for act in workflow.ACTS.values() if act.decides])
    )
    opinion = fields.String(load_default="", validate=validate.Length(max=2000))
    points = fields.List(fields.Nested(PointIn), load_default=list, validate=validate.Length(max=60))


class FileIn(Schema):
    """A file, as multipart/form-data."""

    file = Upload(required=True)


class PlanQuery(PageQuery):
    """Filters of a list of plans."""

    status = fields.String(load_default=None, validate=validate.OneOf([s.value for s in workflow.Status]))
    school_year = fields.String(load_default=None, validate=is_school_year)


class UnitOut(Schema):
    """The submitting unit."""

    path = fields.String()
    code = fields.String()
    name = fields.String()
    kind = fields.String()


class ItemOut(Schema):
    """One item with the credits that follow from it."""

    id = fields.String()
    kind = fields.String()
    kind_title = fields.String()
    title = fields.String()
    hours = Credits()
    hours_per_credit = Credits()
    credits = Credits()
    held_from = fields.Date(allow_none=True)
    held_to = fields.Date(allow_none=True)
    responsible = fields.String()
    assessment = fields.String()
    records = fields.String()


class AttachmentOut(Schema):
    """A file; fetched at `attachments/<id>`."""

    id = fields.String()
    name = fields.String()
    media_type = fields.String()
    size = fields.Integer()
    sha256 = fields.String()


class AttachedOut(AttachmentOut):
    """A file that was just added, and the plan's new version."""

    plan_id = fields.String()
    version = fields.Integer()


class TotalsOut(Schema):
    """Hours and credits of all items together."""

    hours = Credits()
    credits = Credits()


class StageOut(Schema):
    """The stage at which a plan is."""

    name = fields.String()
    title = fields.String()
    level = fields.String()
    act = fields.String()


class StepOut(Schema):
    """One stage of the route."""

    stage = fields.String()
    title = fields.String()
    level = fields.String()
    unit = fields.String()
    body = fields.String()
    phone = fields.String(allow_none=True)
    state = fields.String()
    by = fields.String(allow_none=True)
    at = fields.AwareDateTime(allow_none=True)


class FindingOut(Schema):
    """What a check found; blocking ones stand in the way of submission."""

    code = fields.String()
    field = fields.String()
    message = fields.String()
    blocking = fields.Boolean()


class ActOut(Schema):
    """Something that the caller can do now."""

    name = fields.String()
    label = fields.String()


class PlanRow(Schema):
    """A plan in a list, with the content that the caller sees of it."""

    id = fields.String(attribute="plan.id")
    kind = fields.String(attribute="plan.kind")
    number = fields.String(attribute="plan.number")
    status = fields.String(attribute="plan.status")
    status_title = DerivedText(lambda row: queries.status_title(row.plan))
    stage = DerivedNested(StageOut, lambda row: queries.stage_of(row.plan), allow_none=True)
    version = fields.Integer(attribute="plan.version")
    round = fields.Integer(attribute="plan.round")
    digest = fields.String(attribute="plan.digest", allow_none=True)
    unit = DerivedNested(UnitOut, lambda row: unit_of(row.plan))
    school_year = fields.String()
    title = fields.String()
    totals = DerivedNested(TotalsOut, lambda row: row)
    flags = fields.List(fields.String(), attribute="plan.flags")
    created_at = fields.AwareDateTime(attribute="plan.created_at")
    submitted_at = fields.AwareDateTime(attribute="plan.submitted_at", allow_none=True)
    entered_at = fields.AwareDateTime(attribute="plan.entered_at", allow_none=True)
    approved_at = fields.AwareDateTime(attribute="plan.approved_at", allow_none=True)


class PlanOut(Schema):
    """A plan as the caller sees it: the working copy for its school, the submitted version for reviewers."""

    id = fields.String(attribute="plan.id")
    kind = fields.String(attribute="plan.kind")
    number = fields.String(attribute="plan.number")
    status = fields.String(attribute="plan.status")
    status_title = fields.String()
    stage = DerivedNested(StageOut, lambda view: queries.stage_of(view.plan), allow_none=True)
    version = fields.Integer(attribute="plan.version", metadata={"description": "随每次变动增加，用于 If-Match"})
    round = fields.Integer(attribute="plan.round", metadata={"description": "报送次数，即已冻结的版本号"})
    digest = fields.String(attribute="plan.digest", allow_none=True)
    unit = DerivedNested(UnitOut, lambda view: unit_of(view.plan))
    school_year = fields.String(attribute="content.school_year")
    title = fields.String(attribute="content.title")
    aims = fields.String(attribute="content.aims")
    items = fields.List(fields.Nested(ItemOut), attribute="content.items")
    attachments = fields.List(fields.Nested(AttachmentOut), attribute="content.attachments")
    totals = fields.Nested(TotalsOut, attribute="content")
    route = fields.List(fields.Nested(StepOut), attribute="steps")
    route_version = fields.String(attribute="plan.route")
    findings = fields.List(fields.Nested(FindingOut))
    acts = fields.List(fields.Nested(ActOut))
    created_at = fields.AwareDateTime(attribute="plan.created_at")
    submitted_at = fields.AwareDateTime(attribute="plan.submitted_at", allow_none=True)
    approved_at = fields.AwareDateTime(attribute="plan.approved_at", allow_none=True)


class PointOut(Schema):
    """One point of a return."""

    number = fields.Integer()
    section = fields.String()
    field = fields.String()
    place = fields.String()
    text = fields.String()
    must = fields.Boolean()


class LineOut(Schema):
    """One act in the history."""

    at = fields.AwareDateTime()
    act = fields.String()
    label = DerivedText(lambda line: workflow.ACTS[line.act].label)
    actor = fields.String(attribute="actor_name")
    body = fields.String()
    stage = fields.String(allow_none=True)
    from_status = fields.String()
    to_status = fields.String()
    to_stage = fields.String(allow_none=True)
    opinion = fields.String()
    points = fields.List(fields.Nested(PointOut))
    outcome = fields.String()
    version = fields.Integer(attribute="round")
    digest = fields.String(allow_none=True)


class HistoryOut(Schema):
    """Every act, oldest first."""

    items = fields.List(fields.Nested(LineOut))


class CountOut(Schema):
    """How many a list has."""

    count = fields.Integer()


def unit_of(plan: Plan) -> dict[str, Any]:
    """The submitting unit of a plan."""
    code = plan.unit_path.rstrip("/").rsplit("/", 1)[-1]
    return {"path": plan.unit_path, "code": code, "name": plan.unit_name, "kind": plan.unit_kind}
