"""批量同意 (T20): each plan by itself, with its own opinion line and its own result; never a return or a refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from services.plans.approval import looking, operations, queries
from services.plans.approval.models import Plan
from shared.actors import Actor
from shared.errors import Conflict, DomainError, Invalid

LIMIT = 100
HARMLESS = frozenset({"VILLAGE_SCHOOL"})
"""Marks that say what it is, not that something deserves a look."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one plan."""

    plan_id: str
    number: str
    unit_name: str
    done: bool
    detail: str


def flagged(plan: Plan) -> bool:
    """Whether the checks marked anything that a person should look at."""
    return bool(set(plan.flags) - HARMLESS)


def deserves_a_look(session: Session, plan: Plan) -> bool:
    """The same as of now: what was submitted since may be a doublet of this plan, which had no mark till then."""
    live = {finding.code for finding in looking.findings(session, plan, queries.frozen(session, plan))}
    return flagged(plan) or bool(live - HARMLESS)


def approve_all(session: Session, actor: Actor, items: Sequence[Mapping[str, Any]], opinion: str) -> list[Outcome]:
    """Approves each `{id, version}` that has no mark; what cannot be approved is told, the others go on.

    Raises `Invalid` for too many, or for the same plan twice.
    """
    ids = [item["id"] for item in items]
    if not ids or len(ids) > LIMIT or len(set(ids)) != len(ids):
        raise Invalid(f"请选择 1 至 {LIMIT} 份互不相同的方案。", fields={"items": [f"请选择 1 至 {LIMIT} 份方案。"]})
    found = []
    # In the order of ids, so that two people who choose the same plans never wait for each other in a circle.
    for item in sorted(items, key=lambda item: item["id"]):
        try:
            with session.begin_nested():
                plan = queries.find_plan(session, actor, item["id"], lock=True)
                number, name = plan.number, plan.unit_name
                if deserves_a_look(session, plan):
                    raise Conflict("系统检查有需关注的事项，请逐件办理。")
                operations.perform(session, actor, plan.id, "approve", version=item["version"], opinion=opinion)
                found.append(Outcome(plan.id, number, name, True, queries.status_title(plan)))
        except DomainError as error:
            refused = session.get(Plan, item["id"]) if error.status != 404 else None
            number, name = (refused.number, refused.unit_name) if refused else ("", "")
            found.append(Outcome(item["id"], number, name, False, error.detail))
    return found
