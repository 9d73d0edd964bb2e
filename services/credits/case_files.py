"""`xuefen credits evaluate`: the credits' part of each case of a file in the format of `policy_cases.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError

from services.credits import cases, evaluation
from services.credits.case_schemas import CaseSchema, CycleSchema, ignored
from services.credits.editions import Cycle
from shared.errors import Invalid
from shared.tables import flatten

Case = Mapping[str, Any]


def evaluate(case: Case, defaults: Case) -> dict[str, Any]:
    """One case's credits, status, shortfall and flags as JSON; nothing for a case in which nothing happens to anybody.

    A case that leaves something out takes it from `defaults`. Raises `ValueError` in Chinese that names the fields.
    """
    if not {"events", "project"} & case.keys() or case.get("teacher", {}) is None:
        return {}
    try:
        body = CaseSchema().load({"edition": defaults.get("edition", "jx-2018-trial"), **case})
        default_cycle: Cycle | None = CycleSchema().load(_dates(defaults["cycle"])) if "cycle" in defaults else None
        found = _evaluated(body, case, default_cycle)
    except ValidationError as error:
        raise ValueError("；".join(f"{where}：{what}" for where, what in flatten(error.messages))) from error
    except Invalid as error:
        raise ValueError("；".join(f"{where}：{what[0]}" for where, what in error.fields.items())) from error
    unread = ignored(dict(case))
    return found | ({"ignored": unread} if unread else {})


def _evaluated(body: dict[str, Any], case: Case, default_cycle: Cycle | None) -> dict[str, Any]:
    edition = cases.edition_of(body)[0]
    scope = {"in_scope": cases.in_scope(edition, body["teacher"])}
    if "cycle" in case and case["cycle"] is None:
        return {"edition": edition.id, **scope}  # nothing is judged where no cycle is known
    history = cases.history_of(body, default_cycle)
    steps: dict[str, Any] = {}
    if body.get("project") and body.get("steps"):
        history, seen = cases.steps_of(body, history)
        steps = {"steps": seen}
    found = cases.body_of(evaluation.evaluate(history), history)
    following = evaluation.following(history)
    if any(one.held_on > history.cycle.end for one in history.happened):
        later = cases.body_of(evaluation.evaluate(following), following)
        told = {name: later[name] for name in ("credits", "offset_credits", "status", "flags")}
        steps |= {"next_cycle": {"start": following.cycle.start.isoformat(), **told}}
    plain: dict[str, Any] = _plain(found | scope | steps)
    return plain


def _plain(value: Any) -> Any:
    """Amounts as numbers and days as text, as such files write them."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, Cycle):
        return {"start": value.start.isoformat(), "end": value.end.isoformat()}
    return float(value) if isinstance(value, Decimal) else value


def _dates(cycle: Case) -> dict[str, str]:
    return {name: str(day) for name, day in cycle.items()}
