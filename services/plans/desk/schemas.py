"""Bodies in and out of the reviewers' desk: queue, bulk approval, deputies, the province's answers."""

from __future__ import annotations

from marshmallow import fields, validate

from services.plans import kinds
from services.plans.desk import queue
from services.plans.workflow import POLICY_CATEGORIES
from shared.schemas import PageQuery, Schema


class QueueQuery(PageQuery):
    """A tab of the reviewers' desk, and its filters."""

    tab = fields.String(load_default="todo", validate=validate.OneOf(list(queue.TABS)))
    town = fields.String(load_default="", validate=validate.Length(max=200))
    unit_kind = fields.String(load_default="", validate=validate.Length(max=40))
    flag = fields.String(load_default="", validate=validate.Regexp(r"[A-Z_]{0,40}\Z"))
    fresh = fields.String(load_default="", validate=validate.OneOf(["", "new", "again"]))
    lamp = fields.String(load_default="", validate=validate.OneOf(["", "red", "yellow", "today"]))
    claimed_by = fields.String(load_default="", validate=validate.Length(max=36))
    kind = fields.String(load_default="", validate=validate.OneOf(["", *kinds.KINDS]))
    school_year = fields.String(load_default="", validate=validate.Regexp(r"(20[0-9]{2}-20[0-9]{2})?\Z"))


class ChosenIn(Schema):
    """A plan as it was seen."""

    id = fields.String(required=True, validate=validate.Length(max=36))
    version = fields.Integer(required=True, validate=validate.Range(0))


class BulkIn(Schema):
    """Plans to be approved together, each by itself."""

    items = fields.List(fields.Nested(ChosenIn), required=True, validate=validate.Length(1, 100))
    opinion = fields.String(load_default="", validate=validate.Length(max=2000))


class PolicyIn(Schema):
    """The province's answer to a category of cases."""

    category = fields.String(required=True, validate=validate.OneOf(list(POLICY_CATEGORIES)))
    document = fields.String(required=True, validate=validate.Length(max=80))
    text = fields.String(required=True, validate=validate.Length(max=2000))


class DeputyIn(Schema):
    """A deputy for somebody's reviewing post."""

    absent = fields.String(required=True, validate=validate.Length(max=36))
    deputy = fields.String(required=True, validate=validate.Length(max=36))
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    reason = fields.String(required=True, validate=validate.Length(max=200))
    unit_code = fields.String(load_default=None, validate=validate.Length(max=20))


class DeskCountsOut(Schema):
    """The number of every tab and filter of the desk."""

    todo = fields.Integer()
    claimed = fields.Integer()
    parked = fields.Integer()
    returned = fields.Integer()
    done = fields.Integer()
    copies = fields.Integer()
    asked = fields.Integer()
    below = fields.Integer()
    red = fields.Integer()
    yellow = fields.Integer()
    today = fields.Integer()


class OutcomeOut(Schema):
    """What became of one plan of a bulk approval."""

    id = fields.String(attribute="plan_id")
    number = fields.String()
    unit_name = fields.String()
    done = fields.Boolean()
    detail = fields.String()


class BulkOut(Schema):
    """One result for each."""

    items = fields.List(fields.Nested(OutcomeOut))


class PolicyOut(Schema):
    """An answer of the province, and how many cases it settled."""

    id = fields.String()
    category = fields.String()
    document = fields.String()
    text = fields.String()
    settled = fields.Integer()
    by = fields.String(attribute="by_name")
    at = fields.AwareDateTime()


class PolicyListOut(Schema):
    """What waits by category, and what has been answered."""

    waiting = fields.Dict(fields.String(), fields.Integer())
    answers = fields.List(fields.Nested(PolicyOut))


class DeputyOut(Schema):
    """Who stands in for whom."""

    id = fields.String()
    unit_path = fields.String()
    absent = fields.String(attribute="absent_account")
    absent_name = fields.String()
    deputy = fields.String(attribute="deputy_account")
    deputy_name = fields.String()
    first_day = fields.Date()
    last_day = fields.Date()
    reason = fields.String()
    ended_at = fields.AwareDateTime(allow_none=True)


class DeputyListOut(Schema):
    """Present and coming appointments."""

    items = fields.List(fields.Nested(DeputyOut))
