"""From a history as people write it down to one that can be evaluated, and back to JSON (`case_schemas.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from services.credits import evaluation, rules, words
from services.credits.edition_files import shipped
from services.credits.editions import Cycle, Edition, Editions, Overlay, parse_school_year, school_year_title
from services.credits.evaluation import Evaluation, Happened, History
from services.credits.judgement import Person
from services.credits.rules import ResultFacts
from shared.errors import Invalid
from shared.events.plans import Bucket

CATEGORIES = {
    "lecture": "training_lecture",
    "degree": "degree_upgrade",
    "master_studio": "workshop",
    "teacher_workshop": "workshop",
    "school_based_training": "school_training",
    "school_based_research": "school_research",
    "competition": "competition_award",
    "probation_training": "new_teacher_training",
}
"""Other words for a category."""
PERSON_KINDS = {"seconded": "seconded_to_authority", "probation": "in_service"}
SCHOOL_KINDS = {"village": "village_school"}


def edition_of(body: Mapping[str, Any], editions: Editions | None = None) -> tuple[Edition, Overlay | None]:
    """The edition that a body names, or the one under the county overlay that it names. Raises `Invalid`.

    `editions`: those to choose from; None: those of the release.
    """
    known = editions or shipped()
    overlay = {overlay.id: overlay for overlay in known.overlays}.get(body["edition"])
    try:
        return known.named(overlay.parent if overlay else body["edition"]), overlay
    except KeyError as error:
        sentence = f"没有规则版本“{body['edition']}”，请核对编号。"
        raise Invalid(sentence, fields={"edition": [sentence]}) from error


def history_of(
    body: Mapping[str, Any], default_cycle: Cycle | None = None, editions: Editions | None = None
) -> History:
    """A loaded body as a history. Raises `Invalid` that names the field: no such edition, no cycle."""
    edition, overlay = edition_of(body, editions)
    cycle = body.get("cycle") or default_cycle or _first_cycle(edition)
    if cycle is None:
        sentence = f"“{edition.title}”没有写明培训周期，请给出 cycle 的 start 和 end。"
        raise Invalid(sentence, fields={"cycle": [sentence]})
    teacher = body["teacher"] or {}
    happened = [_happened(event, teacher, cycle) for event in body["events"]]
    return History(person=_person(teacher), edition=edition, cycle=cycle, overlay=overlay, happened=happened)


def in_scope(edition: Edition, teacher: Mapping[str, Any] | None) -> bool:
    """Whether the edition is about people of that kind."""
    kind = (teacher or {}).get("kind", "in_service")
    return PERSON_KINDS.get(kind, kind) in edition.scope


def steps_of(body: Mapping[str, Any], history: History) -> tuple[History, list[Decimal]]:
    """The history after the steps of its project, and the credits that stand after each of them (FAQ-Q1, R-27).

    `set_conversion_type` only changes the project; it posts when the results are audited anew, or at once where the
    correction is confirmed (`correct_project`, N6).
    """
    project = body["project"]
    convert, mode = project["convert"], _mode(project.get("conversion_type")) or project.get("mode") or "centralized"
    hours, passed, audits, seen = Decimal(0), True, list[Happened](), list[Decimal]()
    category = project["category"]
    level = project.get("level") or category.removesuffix("_training")
    for step in body["steps"]:
        if step["do"] == "enter_result":
            hours, passed = step.get("hours", hours), step.get("result", "pass") == "pass"
        if step["do"] in ("set_conversion_type", "correct_project"):
            convert, mode = True, _mode(step.get("value")) or mode
        standing = bool(audits) and not audits[-1].countered
        if step["do"] in ("revoke_audit", "correct_project"):
            audits = [replace(audit, countered=True) for audit in audits]
        # What is audited already is not audited twice; a correction counts only what is audited.
        if (step["do"], standing) in (("audit_results", False), ("correct_project", True)):
            facts = ResultFacts(
                category=category,
                bucket=words.bucket(category),
                level=level,
                hours=hours,
                passed=passed,
                mode=mode,
                convert=convert,
            )
            audits.append(Happened(id=f"audit-{len(audits) + 1}", facts=facts, held_on=history.cycle.start))
        after = replace(history, happened=[*history.happened, *audits])
        found = evaluation.evaluate(after)
        seen.append(sum((found.counted(bucket) for bucket in Bucket), rules.ZERO))
    return replace(history, happened=[*history.happened, *audits]), seen


def body_of(found: Evaluation, history: History) -> dict[str, Any]:
    """An evaluation in the words of the contract: amounts in credits, sentences in Chinese."""
    judgement = found.judgement
    return {
        "edition": history.edition.id,
        "cycle": history.cycle,
        "credits": {bucket.value: found.counted(bucket) for bucket in Bucket},
        "offset_credits": found.offset_credits,
        "per_event": {told.id: told.counted for told in found.told},
        "per_school_year": {school_year_title(year): amount for year, amount in found.per_school_year.items()},
        "status": judgement.status.value,
        "shortfall": {bucket.value: standing.shortfall for bucket, standing in judgement.buckets.items()},
        "partitions": {
            name: {"title": one.title, "counted": dict(one.counted), "shortfall": one.shortfall}
            for name, one in judgement.partitions.items()
        },
        "flags": list(judgement.flags),
        "remarks": list(judgement.flags.values()),
        "explanation": [
            {
                "event": told.id,
                "amount": told.amount,
                "counted": told.counted,
                "sentence": told.sentence,
                "not_counted_because": told.reason,
            }
            for told in found.told
        ],
    }


def _first_cycle(edition: Edition) -> Cycle | None:
    return edition.cycle_of(edition.cycle.first_start.year) if edition.cycle else None


def _person(teacher: Mapping[str, Any]) -> Person:
    school = teacher.get("school", "primary")
    return Person(
        kind=PERSON_KINDS.get(teacher.get("kind", ""), teacher.get("kind", "in_service")),
        unit_kind=SCHOOL_KINDS.get(school, school),
        hired_on=teacher.get("hired"),
        retires_on=teacher.get("retirement"),
        seconded_from=teacher.get("seconded_from"),
        seconded_to=teacher.get("seconded_to"),
    )


def _happened(event: Mapping[str, Any], teacher: Mapping[str, Any], cycle: Cycle) -> Happened:
    kind = event["type"]
    category = f"{event.get('level', 'county')}_training" if kind == "training" else CATEGORIES.get(kind, kind)
    if category not in words.CATEGORIES:
        sentence = f"没有类别“{kind}”，请核对 {event['id']} 的 type。"
        raise Invalid(sentence, fields={f"events.{event['id']}.type": [sentence]})
    given = event.get("given_credits", event.get("claimed_credits"))
    hours, plan = event.get("hours"), event.get("plan")
    assessed = event.get("studio_assessment") or event.get("result", "pass")
    day = _day(event, cycle)
    facts = ResultFacts(
        category=category,
        bucket=event.get("bucket") or words.bucket(category),
        level=event.get("level", ""),
        hours=hours if hours is not None else rules.ZERO,
        passed=assessed == "pass",
        mode="" if hours is None else event.get("mode", "centralized"),
        plan_status=None if plan in (None, "none") else plan,
        plan_hours_per_credit=event.get("plan_hours_per_credit"),
        programme=event.get("programme"),
        records=event.get("records", "complete") == "complete",
        educational=event.get("subject_area") != "non_educational",
        organizer=event.get("organizer", "school"),
        count=event.get("count"),
        rank=event.get("rank"),
        shared_by=event.get("shared_by", 1),
        given=given,
        obtained_on=event.get("date") if category == "degree_upgrade" else None,
        appointed_on=teacher.get("formal_appointment"),
        in_probation=teacher.get("kind") == "probation",
    )
    return Happened(id=event["id"], facts=facts, held_on=day, recognised=event.get("review", "approved") == "approved")


def _mode(conversion_type: str | None) -> str | None:
    """`hours_online` -> `online`."""
    return conversion_type.removeprefix("hours_") if conversion_type else None


def _day(event: Mapping[str, Any], cycle: Cycle) -> date:
    """The day of an event. Raises `Invalid` where its date lies in another school year than the one that it names."""
    told = parse_school_year(event["school_year"]) if "school_year" in event else None
    day: date = event.get("date") or _last_day(int(told or 0), cycle)
    if told is not None and cycle.school_year_of(day) != told:
        lies_in = school_year_title(cycle.school_year_of(day))
        sentence = f"日期 {day} 属于 {lies_in} 学年，与 school_year 不符；请改正其一，或只写日期（I-01）。"
        raise Invalid(sentence, fields={f"events.{event['id']}.school_year": [sentence]})
    return day


def _last_day(school_year: int, cycle: Cycle) -> date:
    return cycle.start.replace(year=school_year + 1) - timedelta(days=1)
