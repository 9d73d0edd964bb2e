"""What plans tells: where a submission stands, and which results have been audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from shared.actors import Level
from shared.events.base import Event


class Bucket(StrEnum):
    """The two pools of credits that are never interchangeable (R-05, FAQ-Q2)."""

    COORDINATED = "coordinated"
    SELF_ORGANIZED = "self_organized"


@dataclass(frozen=True, kw_only=True)
class StageEntered(Event):
    """A submission has come to a stage. The routing key ends with the level and the code of the reviewing unit.

    No listener: it is there so that a county's own system may bind its own queue, for example to
    `plans.stage_entered.v1.county.360102`.
    """

    name = "plans.stage_entered.v1"
    aggregate = ("plan", "plan_id")
    plan_id: str
    kind: str
    number: str
    school_year: str
    unit_path: str
    stage: str
    level: Level
    reviewing_path: str
    round: int
    version: int
    digest: str
    entered_at: datetime

    @property
    def routing_key(self) -> str:
        """The name, the level and the code of the reviewing unit."""
        code = self.reviewing_path.rstrip("/").rsplit("/", 1)[-1]
        return f"{self.name}.{self.level}.{code}"


@dataclass(frozen=True, kw_only=True)
class PlanDecided(Event):
    """A reviewer has decided at a stage: approved it, returned it with points, or refused it; or it has left a queue
    otherwise: taken back, withdrawn, abandoned by its school, or parked until the province answers.

    No listener: it is there for a county's own system.
    """

    name = "plans.plan_decided.v1"
    aggregate = ("plan", "plan_id")
    plan_id: str
    number: str
    unit_path: str
    stage: str
    verdict: str
    """`approve`, `return`, `refuse`, `take_back`; `withdraw`, `grant_withdrawal`, `abandon` or `park`."""
    status: str
    version: int
    digest: str
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, kw_only=True)
class ApprovedItem:
    """One item of an approved plan."""

    item_id: str
    kind: str
    title: str
    hours: Decimal
    hours_per_credit: Decimal
    credits: Decimal


@dataclass(frozen=True, kw_only=True)
class PlanApproved(Event):
    """The last stage has approved it: credits may now be earned under it (FAQ-Q14)."""

    name = "plans.plan_approved.v1"
    aggregate = ("plan", "plan_id")
    plan_id: str
    kind: str
    number: str
    school_year: str
    unit_path: str
    version: int
    digest: str
    items: list[ApprovedItem]
    approved_at: datetime


@dataclass(frozen=True, kw_only=True)
class ProjectFacts:
    """What conversion needs to know of the project, as it was when the audit happened."""

    project_id: str
    number: str
    title: str
    organizer_path: str
    organizer_name: str
    level: str
    """Training level: `national`, `provincial`, `district`, `county`, `school`."""
    category: str
    """For example `county_training`; the list is `services/plans/categories.toml`."""
    bucket: Bucket
    mode: str
    """`centralized` or `online`."""
    convert: bool
    """Whether 折算 was ticked. Without it an audit yields nothing (FAQ-Q1)."""
    hours_per_credit: Decimal | None
    """The plan's own rate for school-based forms (FAQ-Q10); None: the edition's rate."""
    school_year: str
    held_from: date
    held_to: date
    plan_id: str | None
    plan_number: str | None
    plan_status: str | None
    """`approved` at the time of the audit, or None where no plan is needed."""
    correction: int | None = None
    """How many times the project had been corrected by then (N6); None and 0: never."""


@dataclass(frozen=True, kw_only=True)
class AuditedResult:
    """One person's audited result."""

    result_id: str
    person_id: str
    hours: Decimal
    passed: bool
    attempt: int
    """How many times this result has been audited, this time included: 1, 2, …"""


@dataclass(frozen=True, kw_only=True)
class ResultsAudited(Event):
    """Results of a project were audited. Chunked: at most 500 people in one message."""

    name = "plans.results_audited.v1"
    aggregate = ("audit", "audit_id")
    audit_id: str
    project: ProjectFacts
    chunk: int
    chunks: int
    entered_by: str
    audited_by: str
    audited_at: datetime
    results: list[AuditedResult]


@dataclass(frozen=True, kw_only=True)
class AuditRevoked(Event):
    """An audit was taken back: every credit that it gave is countered, by lines that name the old ones."""

    name = "plans.audit_revoked.v1"
    aggregate = ("audit", "audit_id")
    audit_id: str
    project_id: str
    revoked_by: str
    revoked_at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class ProjectCorrected(Event):
    """Category, conversion or rate of a published project was corrected (FAQ-Q1, R-27, N6).

    The audits stay. Every credit that they gave is countered and given anew by the corrected facts; an audit that this
    message overtakes counts by them as well.
    """

    name = "plans.project_corrected.v1"
    aggregate = ("project", "project_id")
    project_id: str
    correction: int
    """1, 2, …: only the highest counts."""
    project: ProjectFacts
    reason: str
    corrected_by: str
    corrected_at: datetime


@dataclass(frozen=True, kw_only=True)
class PlanEnded(Event):
    """An approved submission is no longer in force: declared void (作废), or replaced by an approved amendment."""

    name = "plans.plan_ended.v1"
    aggregate = ("plan", "plan_id")
    plan_id: str
    number: str
    unit_path: str
    status: str
    """`voided` or `superseded`."""
    superseded_by: str | None
    """The plan that replaces it."""
    reason: str
    ended_at: datetime
