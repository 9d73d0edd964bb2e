"""What plans tells of claims (认定申请): what has been recognised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from shared.events.base import Event
from shared.events.plans import Bucket


@dataclass(frozen=True, kw_only=True)
class ClaimApproved(Event):
    """The last stage has recognised what a teacher claims (认定申请, T19): credits checks its rules and posts one line.

    When it is declared void, `plans.plan_ended.v1` says so and the line is countered.
    """

    name = "plans.claim_approved.v1"
    aggregate = ("plan", "plan_id")
    plan_id: str
    number: str
    school_year: str
    unit_path: str
    unit_name: str
    version: int
    digest: str
    person_id: str
    title: str
    category: str
    """For example `degree_upgrade`; the list is `services/plans/claims.toml`."""
    bucket: Bucket
    level: str
    """`master`, `county`, …; empty where there is none."""
    rank: str
    count: int | None
    """Of what is counted: lessons, lectures."""
    hours: Decimal | None
    hours_per_credit: Decimal | None
    """Of the item of the school's plan under which it was held (FAQ-Q10)."""
    credits: Decimal | None
    """Recognised, where no edition has a figure; null: 待定."""
    obtained_on: date
    appointed_on: date | None
    """Formal appointment, where the rule asks for it (FAQ-Q5)."""
    issuer: str
    document: str
    evidence: list[str]
    """Names of the attachments."""
    based_on_id: str | None
    """The school's approved plan (FAQ-Q9); null: none is needed."""
    based_on_number: str | None
    filed_by: str
    approved_by: str
    approved_body: str
    approved_at: datetime
