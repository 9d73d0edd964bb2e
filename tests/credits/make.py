"""Builders for tests of credits: messages with good defaults, people, sign-ins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from shared import inbox
from shared.actors import Actor, Level, Office, Post, Unit
from shared.auth import COOKIE, TokenSigner
from shared.database import Database, new_id
from shared.directory import OfficeCopy, PersonCopy, UnitCopy
from shared.events.base import Event
from shared.events.plans import AuditedResult, AuditRevoked, Bucket, ProjectCorrected, ProjectFacts, ResultsAudited
from shared.service import Runtime

COUNTY = "360000/360100/360102/"
SCHOOL = COUNTY + "3601020001/"
OTHER_COUNTY = "360000/360600/360603/"
OTHER_SCHOOL = OTHER_COUNTY + "3606030001/"
UNITS = {
    "360000/": ("江西省", Level.PROVINCE, "province"),
    COUNTY: ("东湖区", Level.COUNTY, "county"),
    SCHOOL: ("城南小学", Level.SCHOOL, "primary"),
    OTHER_COUNTY: ("余江区", Level.COUNTY, "county"),
    OTHER_SCHOOL: ("锦江小学", Level.SCHOOL, "primary"),
}

PROJECT = ProjectFacts(
    project_id="project-1",
    number="XM2026-0001",
    title="骨干教师课堂教学研修",
    organizer_path=COUNTY,
    organizer_name="南昌市东湖区教育体育局",
    level="county",
    category="county_training",
    bucket=Bucket.COORDINATED,
    mode="centralized",
    convert=True,
    hours_per_credit=None,
    school_year="2026-2027",
    held_from=date(2026, 10, 9),
    held_to=date(2026, 10, 18),
    plan_id=None,
    plan_number=None,
    plan_status=None,
)
"""A county training of the present school year, face to face."""

SCHOOL_PROJECT = replace(
    PROJECT,
    project_id="project-2",
    number="XM2026-0002",
    title="集体备课与课例研讨",
    organizer_path=SCHOOL,
    organizer_name="城南小学",
    level="school",
    category="other_school_based",
    bucket=Bucket.SELF_ORGANIZED,
    hours_per_credit=Decimal(10),
    plan_id="plan-1",
    plan_number="FA2026-0001",
    plan_status="approved",
)
"""A school's own training under its approved plan."""


def result(number: int = 1, *, hours: str = "60", passed: bool = True, attempt: int = 1) -> AuditedResult:
    """The audited result of person number `number`."""
    return AuditedResult(
        result_id=f"result-{number}",
        person_id=f"person-{number}",
        hours=Decimal(hours),
        passed=passed,
        attempt=attempt,
    )


def audited(
    *results: AuditedResult,
    audit_id: str = "audit-1",
    project: ProjectFacts = PROJECT,
    chunk: int = 1,
    chunks: int = 1,
) -> ResultsAudited:
    """One chunk of an audit."""
    return ResultsAudited(
        audit_id=audit_id,
        project=project,
        chunk=chunk,
        chunks=chunks,
        entered_by="account-enters",
        audited_by="account-audits",
        audited_at=datetime(2026, 11, 20, 1, 12, tzinfo=UTC),
        results=list(results) or [result()],
    )


def revoked(audit_id: str = "audit-1", *, reason: str = "学时登记有误") -> AuditRevoked:
    """An audit taken back."""
    return AuditRevoked(
        audit_id=audit_id,
        project_id="project-1",
        revoked_by="account-audits",
        revoked_at=datetime(2026, 11, 21, 1, 0, tzinfo=UTC),
        reason=reason,
    )


def corrected(
    correction: int = 1, project: ProjectFacts = PROJECT, *, reason: str = "发布时漏选折算"
) -> ProjectCorrected:
    """A project corrected for the time number `correction`."""
    return ProjectCorrected(
        project_id=project.project_id,
        correction=correction,
        project=replace(project, correction=correction),
        reason=reason,
        corrected_by="account-enters",
        corrected_at=datetime(2026, 11, 22, 2, 30, tzinfo=UTC),
    )


def envelope(event: Event, version: int, *, event_id: str | None = None) -> dict[str, Any]:
    """A message as it travels; `version` numbers those of one aggregate."""
    kind, name = event.aggregate or ("message", "")
    return {
        "event_id": event_id or new_id(),
        "name": event.name,
        "aggregate_type": kind,
        "aggregate_id": str(getattr(event, name)) if name else new_id(),
        "aggregate_version": version,
        "occurred_at": datetime.now(UTC).isoformat(),
        "headers": {},
        "payload": event.dump(),
    }


def deliver(database: Database, event: Event, version: int = 1, *, event_id: str | None = None) -> inbox.Outcome:
    """Takes a message in, as bus and dispatcher do."""
    from services.credits.subscriptions import HANDLERS

    return inbox.receive(database, "credits", HANDLERS, envelope(event, version, event_id=event_id))


def register_people(database: Database, *numbers: int, unit_path: str = SCHOOL, **facts: Any) -> None:
    """Puts units and people into the service's copies, as accounts would tell them."""
    with database.transaction() as session:
        for path, (name, level, kind) in UNITS.items():
            session.merge(
                UnitCopy(
                    path=path, version=1, name=name, level=level.value, kind=kind, active=True, phone="0791-00000102"
                )
            )
        for number in numbers:
            session.merge(person(number, unit_path=unit_path, **facts))
        session.merge(
            OfficeCopy(
                unit_path=COUNTY,
                office=Office.RESULT_AUDIT.value,
                version=1,
                body="南昌市东湖区教育体育局",
                holders=[
                    {"account_id": "account-enters", "person_id": None, "name": "万青禾"},
                    {"account_id": "account-audits", "person_id": None, "name": "闵若愚"},
                ],
            )
        )


def person(number: int, *, unit_path: str = SCHOOL, **facts: Any) -> PersonCopy:
    """A teacher in service."""
    values: dict[str, Any] = {
        "version": 1,
        "identity_hash": f"hash-{number}",
        "name": f"教师{number}",
        "masked_identity": "360102********001X",
        "kind": "in_service",
        "stage": "primary",
        "subject": "语文",
        "hired_on": date(2012, 9, 1),
        "formal_appointment_on": date(2013, 9, 1),
        "retires_on": date(2050, 9, 1),
        "seconded_from": None,
        "seconded_to": None,
        "active": True,
    }
    return PersonCopy(person_id=f"person-{number}", unit_path=unit_path, **(values | facts))


def post(office: Office, path: str) -> Post:
    """An office over the unit at `path`."""
    name, level, _ = UNITS[path]
    return Post(office, Unit(path, name, level), name)


def teacher(number: int = 1, path: str = SCHOOL) -> Actor:
    """Person number `number` signed in as a teacher."""
    return Actor(f"account-{number}", f"person-{number}", f"教师{number}", (post(Office.TEACHER, path),), "s")


def admin(office: Office = Office.CREDIT_ADMIN, path: str = COUNTY) -> Actor:
    """Somebody who looks after the credits of an area."""
    return Actor("account-admin", None, "龚立言", (post(office, path),), "s")


def bearer(run: Runtime, actor: Actor) -> dict[str, str]:
    """Headers of a program that acts for `actor`."""
    return {"Authorization": f"Bearer {TokenSigner(run.settings.token_dir).sign(actor)}"}


def cookie(run: Runtime, actor: Actor) -> tuple[str, str]:
    """Name and value of the session cookie of `actor`."""
    return COOKIE, TokenSigner(run.settings.token_dir).sign(actor)
