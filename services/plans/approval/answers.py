"""Answers of the approval API: plans, histories, the desk. What is among reviewers is left out by `views`, not here."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.plans.approval import queries
from services.plans.approval.models import Plan
from services.plans.calendar.rules import in_words
from services.plans.terms import DAY
from shared.schemas import Credits, DerivedNested, DerivedText, Schema


class WorkingTime(fields.String):
    """Working time as people read it, for example `2 个工作日 4 小时`; null where there is none."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else in_words(value)


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
    level = fields.String()
    held_from = fields.Date(allow_none=True)
    held_to = fields.Date(allow_none=True)
    audience = fields.String()
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
    limit_days = fields.Integer(attribute="limit")
    used = WorkingTime()
    opened_at = fields.AwareDateTime(allow_none=True)


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


class ClockOut(Schema):
    """The limit of the present visit to a stage, in working days (N27)."""

    used = WorkingTime()
    paused = WorkingTime()
    limit_days = DerivedText(lambda clock: str(clock.limit // DAY))
    running = fields.Boolean()
    due_at = fields.AwareDateTime(allow_none=True)
    lamp = fields.String()
    missing = fields.String()


class CoverOut(Schema):
    """A further unit of a joint plan."""

    unit_path = fields.String()
    name = fields.String()
    kind = fields.String()


class ForecastOut(Schema):
    """Who cannot reach the credits."""

    teachers = fields.Integer()
    shortfall = Credits()
    basis = fields.String()


class ClaimOut(Schema):
    """What one teacher asks to have recognised, and what it rests on."""

    person_id = fields.String()
    person_name = fields.String()
    category = fields.String()
    category_title = fields.String(attribute="sort.title")
    obtained_on = fields.Date()
    level = fields.String()
    rank = fields.String()
    count = fields.Integer(allow_none=True)
    hours = Credits(allow_none=True)
    item_id = fields.String()
    hours_per_credit = Credits(allow_none=True)
    appointed_on = fields.Date(allow_none=True)
    credits = Credits(allow_none=True, metadata={"description": "申请认定的学分；null 为待定"})
    issuer = fields.String()
    document = fields.String()
    plan_number = fields.String(metadata={"description": "所依据的年度申报方案；空为不需要或没有"})


class RequestOut(Schema):
    """What somebody was asked, among reviewers."""

    id = fields.String()
    kind = fields.String()
    asked = fields.String(attribute="asked_name")
    asked_body = fields.String()
    asked_by = fields.String(attribute="asked_by_name")
    asked_at = fields.AwareDateTime()
    question = fields.String()
    blocking = fields.Boolean()
    position = fields.String()
    agreed = fields.Boolean(allow_none=True)
    answer = fields.String(allow_none=True)
    closed_at = fields.AwareDateTime(allow_none=True)


class ChangeOut(Schema):
    """One field that differs between two versions."""

    place = fields.String()
    label = fields.String()
    before = fields.String()
    after = fields.String()


class AnswerOut(Schema):
    """What the school said to a point; `version`: with which it was, or is to be, sent."""

    version = fields.Integer(attribute="round")
    verdict = fields.String()
    text = fields.String()
    by = fields.String(attribute="by_name")
    at = fields.AwareDateTime()


class PointOut(Schema):
    """One point of a return with its answer, and what has changed at its place."""

    number = fields.Integer(attribute="point.number")
    section = fields.String(attribute="point.section")
    field = fields.String(attribute="point.field")
    place = fields.String(attribute="point.place")
    text = fields.String(attribute="point.text")
    must = fields.Boolean(attribute="point.must")
    late = fields.Boolean(attribute="point.late", metadata={"description": "未一次性告知"})
    answer = fields.Nested(AnswerOut, allow_none=True)
    earlier_answers = DerivedNested(
        AnswerOut, lambda one: one.answers[:-1], many=True, metadata={"description": "随已撤回的版本报送过的答复"}
    )
    changes = fields.List(fields.Nested(ChangeOut))


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
    flags = fields.List(fields.String(), attribute="plan.flags")  # each as often as it was found
    due_at = fields.AwareDateTime(attribute="plan.due_at", allow_none=True)
    superseded_by = fields.String(attribute="plan.superseded_by_id", allow_none=True)
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
    covers = fields.List(fields.Nested(CoverOut), attribute="content.covers")
    forecast = fields.Nested(ForecastOut, attribute="content.forecast", allow_none=True)
    claim = fields.Nested(ClaimOut, attribute="content.claim", allow_none=True)
    amends = fields.String(attribute="plan.amends_id", allow_none=True)
    superseded_by = fields.String(attribute="plan.superseded_by_id", allow_none=True)
    pending = DerivedText(lambda view: view.pending.value if view.pending else "")
    pending_title = fields.String()
    clock = fields.Nested(ClockOut, allow_none=True)
    intact = fields.Boolean(metadata={"description": "内容与报送时逐字一致"})
    open_points = fields.List(fields.Nested(PointOut))
    requests = fields.List(fields.Nested(RequestOut))
    route = fields.List(fields.Nested(StepOut), attribute="steps")
    route_version = fields.String(attribute="plan.route")
    findings = fields.List(fields.Nested(FindingOut))
    acts = fields.List(fields.Nested(ActOut))
    created_at = fields.AwareDateTime(attribute="plan.created_at")
    submitted_at = fields.AwareDateTime(attribute="plan.submitted_at", allow_none=True)
    approved_at = fields.AwareDateTime(attribute="plan.approved_at", allow_none=True)


class LineOut(Schema):
    """One act in the history, as the caller's side sees it."""

    id = fields.String(attribute="line.id")
    at = fields.AwareDateTime(attribute="line.at")
    act = fields.String(attribute="line.act")
    label = fields.String(attribute="act.label")
    actor = fields.String()
    body = fields.String(attribute="line.body")
    stage = fields.String(attribute="line.stage", allow_none=True)
    from_status = fields.String(attribute="line.from_status")
    to_status = fields.String(attribute="line.to_status")
    to_stage = fields.String(attribute="line.to_stage", allow_none=True)
    opinion = fields.String(attribute="line.opinion")
    points = fields.List(fields.Nested(PointOut))
    document = DerivedText(lambda entry: entry.line.details.get("document", ""))
    outcome = fields.String(attribute="line.outcome")
    version = fields.Integer(attribute="line.round")
    digest = fields.String(attribute="line.digest", allow_none=True)
    internal = fields.Boolean(attribute="line.internal")
    corrects = fields.String(attribute="line.strikes_id", allow_none=True)
    struck = fields.Boolean(metadata={"description": "已取回"})
    void_because = fields.String(metadata={"description": "意见已失效的原因；空为有效"})
    took = WorkingTime()


class HistoryOut(Schema):
    """Every act, oldest first."""

    items = fields.List(fields.Nested(LineOut))


class CompareOut(Schema):
    """Every field that differs between two versions."""

    changes = fields.List(fields.Nested(ChangeOut))


class CountOut(Schema):
    """How many a list has."""

    count = fields.Integer()


def unit_of(plan: Plan) -> dict[str, Any]:
    """The submitting unit of a plan."""
    code = plan.unit_path.rstrip("/").rsplit("/", 1)[-1]
    return {"path": plan.unit_path, "code": code, "name": plan.unit_name, "kind": plan.unit_kind}
