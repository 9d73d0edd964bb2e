"""The worked examples of `policy_cases.yaml` that this release covers, through conversion, ledger and judgement.

Left to later issues: items of FAQ-Q9, windows of degrees, decisions about plans and enrolment, the revised edition.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from services.credits.edition_files import shipped
from services.credits.judgement import Person
from services.credits.models import LedgerLine
from services.credits.rules import Conversion, ResultFacts, conversion, refusal
from shared.database import Database
from shared.events.plans import Bucket
from tests.credits.histories import TRIAL, Entered, enter, read
from tests.credits.make import PROJECT, audited, deliver, register_people, result, revoked

CASES = {
    case["id"]: case
    for case in yaml.safe_load((Path(__file__).parent.parent / "data/policy_cases.yaml").read_text("utf-8"))["cases"]
}
COVERED = [
    "PC-01", "PC-02", "PC-04", "PC-05", "PC-06", "PC-09", "PC-14", "PC-25", "PC-26", "PC-29", "PC-30", "PC-31",
    "PC-34", "PC-35", "PC-38", "PC-39", "PC-41", "PC-42", "PC-43", "PC-44", "PC-46", "PC-49", "PC-50", "PC-53",
]  # fmt: skip
SCHOOL_KINDS = {"village": "village_school", "one_teacher_school": "one_teacher_school"}


def school_year_of(event: dict[str, Any]) -> int:
    """The school year of an event, which says it or its date."""
    if "school_year" in event:
        return int(event["school_year"][:4])
    day: date = event["date"]
    return day.year if day.month >= 9 else day.year - 1


def result_facts(event: dict[str, Any]) -> ResultFacts:
    """An event of a case as the facts that conversion takes."""
    kind = event["type"]
    bucket = Bucket.SELF_ORGANIZED if kind in ("school_training", "workshop", "other_school_based") else None
    rate = event.get("plan_hours_per_credit")
    plan = event.get("plan")
    assessed = event.get("studio_assessment") or event.get("result", "pass")
    return ResultFacts(
        hours=Decimal(str(event.get("hours", 0))),
        passed=assessed == "pass",
        level=event.get("level", "county"),
        category=f"{event['level']}_training" if kind == "training" else kind,
        bucket=bucket or Bucket(event.get("bucket", "coordinated")),
        mode=event.get("mode", "centralized"),
        convert=True,
        plan_status=None if plan == "none" else plan,
        plan_hours_per_credit=None if rate is None else Decimal(rate),
        programme=event.get("programme"),
    )


def made_of(event: dict[str, Any], case: dict[str, Any]) -> tuple[ResultFacts, Conversion]:
    """What an event comes to: an award that is given counts unless something forbids it, hours are converted."""
    overlays = {overlay.id: overlay for overlay in shipped().overlays}
    if event["type"] == "degree":
        event = event | {"type": "degree_upgrade", "given_credits": event["claimed_credits"]}
    facts = result_facts(event)
    if "given_credits" in event:
        given = Conversion(Decimal(str(event["given_credits"])), "", "")
        return facts, refusal(facts, TRIAL) or given
    return facts, conversion(facts, TRIAL, overlays.get(case.get("edition", "")))


@pytest.mark.parametrize("case_id", COVERED)
def test_policy_case(common_database: Database, case_id: str) -> None:
    case = CASES[case_id]
    expected = case["expected"]
    made = [made_of(event, case) for event in case.get("events", [])]
    person_id = enter(
        common_database,
        [
            Entered(
                facts.category,
                school_year_of(event),
                converted.amount,
                facts.bucket,
                event.get("date"),
                converted.flag,
            )
            for event, (facts, converted) in zip(case.get("events", []), made, strict=True)
        ],
    )
    teacher = case["teacher"]
    person = Person(
        kind=teacher["kind"],
        unit_kind=SCHOOL_KINDS.get(teacher.get("school", ""), "primary"),
        retires_on=teacher.get("retirement"),
    )
    found = read(common_database, person_id, person)

    sums = {bucket: found.judgement.buckets[bucket].counted for bucket in Bucket}
    if "credits" in expected:
        assert sums == {Bucket(name): Decimal(str(amount)) for name, amount in expected["credits"].items()}
    if "offset_credits" in expected:
        assert (
            sum(found.counted[i] for i, (facts, _) in enumerate(made) if facts.category == "degree_upgrade")
            == (expected["offset_credits"])
        )
    for event, amount in zip(case.get("events", []), found.counted, strict=True):
        if event["id"] in expected.get("per_event", {}):
            assert amount == Decimal(str(expected["per_event"][event["id"]]))
    if "status" in expected:
        assert found.judgement.status == expected["status"]
    for name, amount in expected.get("shortfall", {}).items():
        assert found.judgement.buckets[Bucket(name)].shortfall == Decimal(str(amount))
    # A case names the flags that it is about; a year below the minimum may be flagged besides.
    assert set(expected.get("flags", [])) <= set(found.judgement.flags)
    if expected.get("flags") == []:
        assert all(flag.startswith("ANNUAL_MIN_NOT_MET") for flag in found.judgement.flags)


def test_pc_44_flags_exactly_the_missing_year(common_database: Database) -> None:
    years = [Entered("county_training", 2018, Decimal(13)), Entered("district_training", 2019, Decimal(13))]
    years += [Entered("school_training", year, Decimal(5), Bucket.SELF_ORGANIZED) for year in (2021, 2022)]
    found = read(common_database, enter(common_database, years), Person("in_service", "primary"))
    assert set(found.judgement.flags) == {"ANNUAL_MIN_NOT_MET:2020-2021"}


@pytest.mark.parametrize("case_id", ["PC-36", "PC-37"])
def test_steps_of_a_project(database: Database, case_id: str) -> None:
    """Credits that stand after each step, as the messages of plans bring them (FAQ-Q1)."""
    register_people(database, 1)
    case = CASES[case_id]
    project = replace(PROJECT, convert=case["project"]["convert"])
    hours, attempt, seen = "0", 0, []
    for step in case["steps"]:
        match step["do"]:
            case "enter_result":
                hours = str(step["hours"])
            case "set_conversion_type":
                project = replace(project, convert=True)
            case "audit_results":
                attempt += 1
                results = result(hours=hours, attempt=attempt)
                deliver(database, audited(results, audit_id=f"audit-{attempt}", project=project), 1)
            case "revoke_audit":
                deliver(database, revoked(f"audit-{attempt}"), 2)
        with database.reading() as session:
            seen.append(session.scalar(select(func.sum(LedgerLine.amount))) or Decimal(0))
    assert seen == [Decimal(str(step["expect_credits"])) for step in case["steps"]]
