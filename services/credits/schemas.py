"""Bodies of the API: what goes out, in the words of the contract. Amounts are strings, dates ISO 8601."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.credits import words
from services.credits.entries import Entry
from services.credits.models import LedgerLine
from services.credits.queries import Freshness, Standing
from shared.schemas import Credits, PageQuery, Schema, paged


class CycleQuery(Schema):
    """Which cycle: the year in which it starts; left out, the one that runs."""

    cycle = fields.Integer(
        load_default=None, validate=validate.Range(2000, 2200), metadata={"description": "周期起始年，如 2023"}
    )


class LedgerQuery(PageQuery, CycleQuery):
    """Query of a ledger."""


class TeachersQuery(PageQuery):
    """Query of the list of teachers."""

    under = fields.String(
        load_default=None, validate=validate.Length(max=120), metadata={"description": "单位路径，含其下级"}
    )


class PartitionSums(Schema):
    """A further division of the credits."""

    title = fields.String()
    counted = fields.Dict(keys=fields.String(), values=Credits())
    shortfall = Credits()


class Explained(Schema):
    """What became of one event."""

    event = fields.String()
    amount = Credits(allow_none=True, metadata={"description": "各项上限之前的学分；null 为待定"})
    counted = Credits()
    sentence = fields.String()
    not_counted_because = fields.String()


class SimulationOut(Schema):
    """The judgement of a history, with every line explained."""

    edition = fields.String()
    cycle = fields.Nested(lambda: CycleOut())
    credits = fields.Dict(keys=fields.String(), values=Credits())
    offset_credits = Credits(metadata={"description": "其中来自冲抵的学分"})
    per_event = fields.Dict(keys=fields.String(), values=Credits())
    per_school_year = fields.Dict(keys=fields.String(), values=Credits())
    status = fields.String()
    shortfall = fields.Dict(keys=fields.String(), values=Credits(allow_none=True))
    partitions = fields.Dict(keys=fields.String(), values=fields.Nested(PartitionSums))
    flags = fields.List(fields.String())
    remarks = fields.List(fields.String(), metadata={"description": "各标记的说明"})
    explanation = fields.List(fields.Nested(Explained))


class CycleOut(Schema):
    """A training cycle."""

    start = fields.Date()
    end = fields.Date()
    title = fields.String()


class BucketOut(Schema):
    """One bucket against its minimum; `required` null: the rule is not known."""

    counted = Credits()
    required = Credits(allow_none=True)
    shortfall = Credits(allow_none=True)
    pending = fields.Integer(metadata={"description": "待定的记录条数"})


class BucketsOut(Schema):
    """The two buckets, which never fill each other."""

    coordinated = fields.Nested(BucketOut)
    self_organized = fields.Nested(BucketOut)


class NoteOut(Schema):
    """A mark and its sentence."""

    flag = fields.String()
    text = fields.String()


class StandingOut(Schema):
    """How a teacher's cycle stands."""

    person_id = fields.String()
    name = fields.String()
    cycle = fields.Nested(CycleOut)
    edition = fields.String()
    buckets = fields.Nested(BucketsOut)
    status = fields.String(metadata={"description": "in_progress | met | not_met | not_assessed | undetermined"})
    flags = fields.List(fields.String())
    notes = fields.List(fields.Nested(NoteOut))
    as_of = fields.AwareDateTime(metadata={"description": "此前的审核都已计入"})


class TeacherOut(Schema):
    """One row of the list of teachers."""

    person_id = fields.String()
    name = fields.String()
    masked_identity = fields.String()
    unit_path = fields.String()
    unit_name = fields.String()
    buckets = fields.Nested(BucketsOut)
    status = fields.String()
    flags = fields.List(fields.String())


class SourceOut(Schema):
    """Where a line comes from."""

    project_id = fields.String(allow_none=True)
    audit_id = fields.String(allow_none=True)
    result_id = fields.String(allow_none=True)
    claim_number = fields.String(allow_none=True, metadata={"description": "认定申请的编号"})


class LineOut(Schema):
    """One ledger line and what of it counts."""

    id = fields.Integer()
    kind = fields.String(metadata={"description": "earned | reversal"})
    state = fields.String(
        metadata={"description": "counted | partly_counted | not_counted | pending | reversed | reversal"}
    )
    school_year = fields.String()
    bucket = fields.String()
    category = fields.String()
    project_title = fields.String()
    organizer = fields.String()
    hours = Credits(allow_none=True)
    amount = Credits(allow_none=True)
    counted = Credits()
    not_counted_reason = fields.String()
    explanation = fields.String()
    edition = fields.String(allow_none=True)
    overlay = fields.String(allow_none=True)
    rule = fields.String()
    flag = fields.String(allow_none=True)
    reverses = fields.Integer(allow_none=True)
    correction = fields.Integer(metadata={"description": "由项目的第几次更正产生；0 表示由审核产生"})
    adjustment = fields.Integer(metadata={"description": "由第几次规则调整产生；0 表示不是"})
    source = fields.Nested(SourceOut)
    effective_on = fields.Date()
    audited_at = fields.AwareDateTime(allow_none=True)
    received_at = fields.AwareDateTime()
    recorded_at = fields.AwareDateTime()


class UnknownLineOut(Schema):
    """A line whose person the register does not know, or that lies in no cycle (待核对)."""

    id = fields.Integer()
    person_id = fields.String()
    project_title = fields.String()
    organizer = fields.String()
    amount = Credits(allow_none=True)
    explanation = fields.String()
    to_check = fields.String(metadata={"description": "待核对的原因"})
    recorded_at = fields.AwareDateTime()


LedgerPage = paged(LineOut)
TeachersPage = paged(TeacherOut)
UnknownLinesPage = paged(UnknownLineOut)


def standing_body(standing: Standing, fresh: Freshness) -> dict[str, Any]:
    """A standing for `StandingOut`."""
    return {
        "person_id": standing.person.person_id,
        "name": standing.person.name,
        "cycle": standing.cycle,
        "edition": standing.edition.id,
        "buckets": standing.judgement.buckets,
        "status": standing.judgement.status.value,
        "flags": list(standing.judgement.flags),
        "notes": [{"flag": flag, "text": text} for flag, text in standing.judgement.flags.items()],
        "as_of": fresh.as_of,
    }


def teacher_body(standing: Standing) -> dict[str, Any]:
    """A standing for `TeacherOut`."""
    person = standing.person
    return {
        "person_id": person.person_id,
        "name": person.name,
        "masked_identity": person.masked_identity,
        "unit_path": person.unit_path,
        "unit_name": standing.unit.name if standing.unit else "",
        "buckets": standing.judgement.buckets,
        "status": standing.judgement.status.value,
        "flags": list(standing.judgement.flags),
    }


def line_body(entry: Entry) -> dict[str, Any]:
    """A ledger line for `LineOut`."""
    line, audit = entry.line, entry.audit
    return {
        **_columns(line, "id", "kind", "bucket", "category", "hours", "amount", "edition", "overlay", "rule", "flag"),
        **_columns(line, "reverses", "correction", "adjustment", "effective_on", "received_at", "recorded_at"),
        "state": entry.state,
        "school_year": entry.school_year,
        "project_title": entry.source_title,
        "organizer": entry.organizer,
        "counted": entry.counted,
        "not_counted_reason": entry.reason,
        "explanation": line.sentence,
        "source": {
            "project_id": audit.project_id if audit else None,
            "audit_id": line.audit_id,
            "result_id": line.result_id,
            "claim_number": entry.claim.number if entry.claim else None,
        },
        "audited_at": audit.audited_at if audit else None,
    }


def unknown_body(line: LedgerLine) -> dict[str, Any]:
    """A line for `UnknownLineOut`."""
    return {
        **_columns(line, "id", "person_id", "amount", "recorded_at"),
        "to_check": words.to_check(known=line.person is not None, dated=line.cycle is not None),
        "project_title": line.source_title,
        "organizer": line.organizer,
        "explanation": line.sentence,
    }


def _columns(line: LedgerLine, *names: str) -> dict[str, Any]:
    return {name: getattr(line, name) for name in names}
