"""Bodies of the API of pending policy."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.credits.in_force import PolicyDecision
from services.credits.pending.queries import Concerned, Registered
from shared.schemas import Schema, paged


class DecisionIn(Schema):
    """The province's decision on one question."""

    document = fields.String(required=True, metadata={"description": "文号"})
    text = fields.String(required=True, metadata={"description": "教师读到的意见"})
    effective_on = fields.Date(required=True)
    ends_interim = fields.Boolean(required=True, metadata={"description": "施行之日起，临时办法是否终止"})
    edition = fields.String(
        load_default=None, validate=validate.Length(max=40), metadata={"description": "由此发布的规则版本"}
    )


class DecisionOut(Schema):
    """A decision."""

    document = fields.String()
    text = fields.String()
    effective_on = fields.Date()
    ends_interim = fields.Boolean()
    edition = fields.String(allow_none=True)
    decided_by = fields.String()
    decided_at = fields.AwareDateTime()


class QuestionOut(Schema):
    """A question of the register."""

    id = fields.String()
    title = fields.String()
    faq = fields.String()
    question = fields.String()
    interim = fields.String(metadata={"description": "明确之前的临时办法"})
    opened_on = fields.Date()
    review_on = fields.Date()
    people = fields.Integer(metadata={"description": "本辖区涉及的教师人数"})
    decision = fields.Nested(DecisionOut, allow_none=True)


class RegisterOut(Schema):
    """The whole register."""

    items = fields.List(fields.Nested(QuestionOut))


class ConcernedOut(Schema):
    """A teacher whom a question concerns."""

    person_id = fields.String()
    name = fields.String()
    masked_identity = fields.String()
    unit_path = fields.String()
    unit_name = fields.String()


ConcernedPage = paged(ConcernedOut)


def question_body(one: Registered) -> dict[str, Any]:
    """A question for `QuestionOut`."""
    names = ("id", "title", "faq", "question", "interim", "opened_on", "review_on")
    told = {name: getattr(one.question, name) for name in names}
    return told | {"people": one.people, "decision": decision_body(one.decision) if one.decision else None}


def decision_body(row: PolicyDecision) -> dict[str, Any]:
    """A decision for `DecisionOut`."""
    names = ("document", "text", "effective_on", "ends_interim", "edition", "decided_at")
    return {name: getattr(row, name) for name in names} | {"decided_by": row.decided_by_name}


def concerned_body(one: Concerned) -> dict[str, Any]:
    """A teacher for `ConcernedOut`."""
    names = ("person_id", "name", "masked_identity", "unit_path")
    return {name: getattr(one.person, name) for name in names} | {"unit_name": one.unit.name if one.unit else ""}
