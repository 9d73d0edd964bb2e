"""What the rules of plans say of a case: a plan that is filed, or somebody who is to be registered for a project.

The same checks, routes and eligibility as everywhere in this service; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from services.plans import kinds, routes, terms
from services.plans.approval import checks
from services.plans.approval.content import Content, Item
from services.plans.projects import eligibility
from shared.actors import Level

PLATFORM = "platform"
_PROVINCE, _SCHOOL = "/somewhere", "/somewhere/school"


def decide(case: Mapping[str, Any]) -> dict[str, Any]:
    """`plan_decision` or `enrolment`, with `flags`, for a case that has `plan` or `enrolment`; else nothing.

    Raises `ValueError` in Chinese where a plan says something that no plan can say.
    """
    teacher = case.get("teacher") or {}
    if case.get("plan"):
        return _plan(case["plan"])
    if case.get("enrolment"):
        return _enrolment(teacher, case["enrolment"])
    if teacher.get("kind") == "contracted_pre_graduation":
        return {"enrolment": "defer", "flags": []}
    return {}


def _plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Filed elsewhere than on the platform it is no submission (FAQ-Q15); filed, the checks look at it first."""
    if plan.get("channel", PLATFORM) != PLATFORM:
        return {"plan_decision": "not_submitted", "flags": ["NOT_ON_PLATFORM"]}
    kind = plan.get("kind", "school_plan")
    if kind not in kinds.KINDS:
        raise ValueError(f"plan.kind：没有申报类型“{kind}”，应为 {'、'.join(kinds.KINDS)} 之一。")
    if kind == "fallback_scheme":
        return _scheme(plan)
    year = str(plan.get("school_year", ""))
    items = tuple(_item(number, mode, year) for number, mode in enumerate(plan.get("modes") or []))
    content = Content(
        kind=kind, unit_path=_SCHOOL, school_year=year, title=str(plan.get("id", "")), aims="—", items=items,
        attachments=(), covers=(), forecast=None,
    )  # fmt: skip
    # As of the first day of its own year: whether a year is over is not what a case asks.
    around = checks.Surroundings(today=terms.bounds(year)[0], unit_kind="")
    blocking = sorted({finding.code for finding in checks.check(content, around) if finding.blocking})
    return {"plan_decision": "return_for_revision" if blocking else "accept", "flags": blocking}


def _item(number: int, mode: Mapping[str, Any], year: str) -> Item:
    first, last = terms.bounds(year)
    try:
        rate = Decimal(str(mode["hours_per_credit"]))
    except (KeyError, InvalidOperation) as error:
        raise ValueError(f"plan.modes.{number}.hours_per_credit：请填写每学分多少学时，如 10。") from error
    return Item(
        id=str(number),
        kind="other",
        title=str(mode.get("name", number)),
        hours=Decimal(str(mode.get("hours", rate))),
        hours_per_credit=rate,
        held_from=first,
        held_to=last,
        responsible="—",
        assessment="—",
        records="—",
    )


def _scheme(plan: Mapping[str, Any]) -> dict[str, Any]:
    """It may run once it is filed with the authority that its route names (FAQ-Q11): its superior, nobody else."""
    proposer = _level(plan.get("proposer", "county_authority"))
    route = routes.route_in_force("fallback_scheme", _year_start(plan), _PROVINCE)
    above = list(Level)[list(Level).index(proposer) + 1 :] if proposer else []
    with_whom = {stage.level for stage in route.stages_of(above[0])} if above else set()
    if _level(plan.get("filed_with")) in with_whom:
        return {"plan_decision": "may_run", "flags": []}
    return {"plan_decision": "may_not_run", "flags": ["FALLBACK_NOT_FILED"]}


def _level(authority: Any) -> Level | None:
    """District for `district_authority`."""
    name = str(authority or "").removesuffix("_authority").removesuffix("_bureau")
    return Level(name) if name in {level.value for level in Level} else None


def _year_start(plan: Mapping[str, Any]) -> date:
    return terms.bounds(str(plan.get("school_year", "2018-2019")))[0]


@dataclass(frozen=True, slots=True)
class _Teacher:
    unit_path: str
    stage: str | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class _Project:
    stages: list[str]
    subjects: list[str]
    organizer_path: str = _PROVINCE
    organizer_name: str = ""
    authority_name: str = ""
    area_path: str = _PROVINCE
    covers: list[str] = field(default_factory=list)


def _enrolment(teacher: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """By present work; the subject may have changed, the school stage must match (FAQ-Q19)."""
    if teacher.get("kind") == "contracted_pre_graduation":
        return {"enrolment": "defer", "flags": []}
    person = _Teacher(_SCHOOL, teacher.get("stage"), teacher.get("teaches"))
    stages, subjects = asked.get("project_stage"), asked.get("project_subject")
    project = _Project([stages] if stages else [], [subjects] if subjects else [])
    flags = []
    if eligibility.reasons(person, _Project(project.stages, [])):
        flags.append("STAGE_MISMATCH")
    if eligibility.reasons(person, _Project([], project.subjects)):
        flags.append("SUBJECT_MISMATCH")
    return {"enrolment": "reject" if flags else "accept", "flags": flags}
