"""Schemas of histories as people write them down: the body of a simulation, and the cases of `policy_cases.yaml`.

Words that a case may use are checked one by one, so that a slip of the pen is told by its field and never guessed at.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import EXCLUDE, ValidationError, fields, post_load, pre_load, validate, validates_schema

from services.credits import words
from services.credits.editions import Cycle, parse_school_year
from shared.events.plans import Bucket
from shared.schemas import Credits, Schema

LEVELS = ("national", "provincial", "district", "county", "school")
CREDITS = validate.Range(min=0, max=1000, error="学分须在 0 到 1000 之间。")
HOURS = validate.Range(min=0, max=10_000, error="学时须在 0 到 10000 之间。")
FIRST, LAST, LONGEST = 1950, 2100, 10
"""Years that a history may name, and how many a cycle may have: the statement has columns for each."""
CONVERSIONS = tuple(f"hours_{mode}" for mode in words.MODES)
STEPS = ("enter_result", "audit_results", "revoke_audit", "set_conversion_type", "correct_project")


def _word(*words_: str, **options: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(words_, error=f"应为 {'、'.join(words_)} 之一。"), **options)


class EventSchema(Schema):
    """One thing that happened: `{id, date | school_year, type, …}`."""

    id = fields.String(required=True, validate=validate.Length(1, 60))
    date = fields.Date()
    school_year = fields.String()
    type = fields.String(required=True)
    level = _word(*LEVELS, "")
    bucket = fields.Enum(Bucket, by_value=True)
    mode = _word("centralized", "online")
    programme = fields.String()
    hours = Credits(validate=HOURS)
    count = fields.Integer(validate=validate.Range(0, 10_000, error="次数须在 0 到 10000 之间。"))
    given_credits = Credits(validate=CREDITS, allow_none=True)
    claimed_credits = Credits(validate=CREDITS, allow_none=True)
    rank = fields.String()
    shared_by = fields.Integer(validate=validate.Range(1, 1000))
    result = _word("pass", "fail")
    studio_assessment = _word("pass", "fail")
    review = fields.String()
    plan = fields.String(allow_none=True)
    plan_hours_per_credit = Credits(
        validate=validate.Range(min=0, max=1000, min_inclusive=False, error="每学分的学时须大于 0，不超过 1000。")
    )
    records = _word("complete", "incomplete", "missing", "none")
    subject_area = fields.String()
    organizer = fields.String()

    @validates_schema
    def dated(self, data: dict[str, Any], **_: Any) -> None:
        """It has a date or a school year."""
        if "date" not in data and "school_year" not in data:
            raise ValidationError({"date": ["请写明日期（date）或学年（school_year）。"]})
        try:
            year = parse_school_year(data.get("school_year", "2018-2019"))
        except ValueError as error:
            raise ValidationError({"school_year": ["学年应写作 2019-2020。"]}) from error
        for name, told in (("school_year", year), ("date", data["date"].year if "date" in data else FIRST)):
            if not FIRST <= told <= LAST:
                raise ValidationError({name: [f"年份须在 {FIRST} 到 {LAST} 之间，请核对。"]})


class TeacherSchema(Schema):
    """Who it is about."""

    kind = fields.String(load_default="in_service")
    school = fields.String()
    formal_appointment = fields.Date()
    hired = fields.Date()
    retirement = fields.Date()
    seconded_from = fields.Date()
    seconded_to = fields.Date()
    county = fields.String()
    role = fields.String()
    certificate = fields.Boolean()
    certificate_subject = fields.String()
    teaches = fields.String()
    stage = fields.String()


class CycleSchema(Schema):
    """`{start, end}`: both days belong to it."""

    start = fields.Date(required=True)
    end = fields.Date(required=True)

    @post_load
    def build(self, data: dict[str, date], **_: Any) -> Cycle:
        """The cycle."""
        if data["end"] <= data["start"]:
            raise ValidationError({"end": ["周期的结束日期须晚于开始日期。"]})
        if data["start"].year < FIRST or data["end"].year > LAST:
            raise ValidationError({"start": [f"周期须在 {FIRST} 到 {LAST} 年之间，请核对。"]})
        if data["end"].year - data["start"].year > LONGEST:
            raise ValidationError({"end": [f"一个周期最长 {LONGEST} 年，请核对。"]})
        if (data["start"].month, data["start"].day) == (2, 29):
            raise ValidationError({"start": ["周期不能从 2 月 29 日开始，请核对。"]})
        return Cycle(data["start"].year, data["start"], data["end"])


class StepSchema(Schema):
    """One step of a project's results."""

    do = _word(*STEPS, required=True)
    hours = Credits(validate=HOURS)
    result = _word("pass", "fail")
    value = _word(*CONVERSIONS, allow_none=True)
    expect_credits = fields.Decimal()


class ProjectSchema(Schema):
    """A project whose results are registered step by step."""

    id = fields.String()
    category = _word(*words.CATEGORIES, required=True)
    conversion_type = _word(*CONVERSIONS, allow_none=True)
    convert = fields.Boolean(load_default=True)
    level = _word(*LEVELS)
    mode = _word("centralized", "online")


class HistorySchema(Schema):
    """A whole history: the body of a simulation, and those keys of a case that say what happened."""

    edition = fields.String(load_default="jx-2018-trial")
    cycle = fields.Nested(CycleSchema, allow_none=True)
    teacher = fields.Nested(TeacherSchema, load_default=dict, allow_none=True)
    events = fields.List(fields.Nested(EventSchema), load_default=list, validate=validate.Length(max=500))
    project = fields.Nested(ProjectSchema)
    steps = fields.List(fields.Nested(StepSchema), validate=validate.Length(max=20))

    @pre_load
    def numbers(self, data: Any, **_: Any) -> Any:
        """YAML has read dates and numbers already; the schema reads them as text."""
        return _as_text(data)

    @validates_schema
    def named_once(self, data: dict[str, Any], **_: Any) -> None:
        """What is answered of each event is told by its id; the audits of the steps have ids as well."""
        seen = {f"audit-{number}" for number, _ in enumerate(data.get("steps", []), 1)}
        wrong = dict[int, Any]()
        for number, event in enumerate(data.get("events", [])):
            if event["id"] in seen:
                wrong[number] = {"id": [f"编号“{event['id']}”重复，每一项的 id 须各不相同。"]}
            seen.add(event["id"])
        if wrong:
            raise ValidationError({"events": wrong})


class CaseSchema(HistorySchema):
    """A case of the file; what it is not about is left to others (`plan`, `enrolment`), what is unknown is named."""

    class Meta:
        unknown = EXCLUDE

    id = fields.String(required=True)
    teacher = fields.Nested(TeacherSchema, load_default=dict, allow_none=True, unknown=EXCLUDE)
    events = fields.List(fields.Nested(EventSchema, unknown=EXCLUDE), load_default=list)


def ignored(case: dict[str, Any]) -> list[str]:
    """Keys of a case's teacher and events that say nothing to the rules, such as a misspelt one."""
    found = [f"teacher.{key}" for key in case.get("teacher") or {} if key not in TeacherSchema().fields]
    for event in case.get("events") or []:
        found += [f"events.{event.get('id')}.{key}" for key in event if key not in EventSchema().fields]
    return found


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value
