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


def _area(level: Level, path: str) -> str:
    """`county.360102`: by which a unit's own system selects."""
    return f"{level}.{path.rstrip('/').rsplit('/', 1)[-1]}"


@dataclass(frozen=True, kw_only=True)
class StageEntered(Event):
    """A submission has come to a stage, or back into its queue after it was parked: then `entered_at` is still that of
    the visit. The routing key ends with the level and the code of the reviewing unit.

    accounts tells those in post whose turn it is; a county's own system may bind its own queue, for example to
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
    office: str | None = None
    """Who decides there (`shared.actors.Office`)."""
    title: str | None = None

    @property
    def routing_key(self) -> str:
        """The name, the level and the code of the reviewing unit."""
        return f"{self.name}.{_area(self.level, self.reviewing_path)}"


@dataclass(frozen=True, kw_only=True)
class PlanDecided(Event):
    """A reviewer has decided at a stage: approved it, returned it with points, or refused it; or it has left a queue
    otherwise: taken back, withdrawn, abandoned by its school, or parked until the province answers. The routing key
    ends with the level and the code of the unit whose stage it was.

    accounts tells whose submission it is; a county's own system binds for example
    `plans.plan_decided.v1.county.360102`; `plans.plan_decided.v1.#` is everybody's, and what was given up at nobody's
    stage.
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
    level: Level | None = None
    """Of the stage; null: it was at none."""
    reviewing_path: str | None = None
    """The unit whose stage it was, also where somebody above confirmed a refusal; null: it was at none."""
    title: str | None = None
    filing_office: str | None = None
    """Office of the submitting unit whose submission it is; null: it is one person's own."""
    person_id: str | None = None
    """Claims: the teacher for whom it is."""
    reason: str | None = None
    """What the reviewer wrote to whose submission it is, of a return or a refusal."""

    @property
    def routing_key(self) -> str:
        """The name, and where it was at a stage the level and the code of the unit."""
        if self.level is None or self.reviewing_path is None:
            return self.name
        return f"{self.name}.{_area(self.level, self.reviewing_path)}"


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
    covers: list[str] | None = None
    """Paths of the village schools for which a joint plan speaks as well (FAQ-Q14)."""


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
    programme: str | None = None
    """What a county may convert otherwise: `headmaster` (R-25); None and `general`: nothing special."""


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
class ResultsInPublicity(Event):
    """Audited results are 公示中: shown, and not final (N46). Chunked: at most 500 people in one message.

    `ResultsAudited` follows when the period is over, or `PublicityEnded` when the audit is taken back before.
    """

    name = "plans.results_in_publicity.v1"
    aggregate = ("audit", "audit_id")
    audit_id: str
    project: ProjectFacts
    chunk: int
    chunks: int
    entered_by: str
    audited_by: str
    audited_at: datetime
    public_until: datetime
    results: list[AuditedResult]


@dataclass(frozen=True, kw_only=True)
class PublicityEnded(Event):
    """The audit of results that were 公示中 was taken back: they never became final."""

    name = "plans.publicity_ended.v1"
    aggregate = ("audit", "audit_id")
    audit_id: str
    project_id: str
    ended_by: str
    ended_by_name: str
    ended_at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class AuditSummary:
    """One audit as plans knows it, for comparison."""

    audit_id: str
    project_id: str
    number: str
    title: str
    organizer_path: str
    organizer_name: str
    audited_at: datetime
    sent_at: datetime
    """When the last message about it was written."""
    revoked: bool
    results: int
    digest: str
    """SHA-256 of its results in order, each as `result_id:attempt` and a line feed; empty once it was taken back."""
    answered: int
    """Results for which credits has answered."""
    credits: Decimal
    """The sum of what it answered."""


@dataclass(frozen=True, kw_only=True)
class AuditsSummary(Event):
    """Every audit of a day that was told to credits, so that both sides can be compared (N8, B1).

    A day is told in chunks in the order of the audits' ids; this one has all behind `after` up to `upto` (null: to the
    end). What credits has of that day in between and is not named here, plans does not know.
    """

    name = "plans.audits_summary.v1"
    day: date
    """In China, by the time of the audit."""
    told_at: datetime
    after: str
    upto: str | None
    audits: list[AuditSummary]


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
    title: str | None = None
    filing_office: str | None = None
    """As in `PlanDecided`."""
    person_id: str | None = None
