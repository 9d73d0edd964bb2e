"""The tables of credits: audits and corrections as they were told, the append-only ledger, approved plans, people
still unknown.

The ledger is never updated and never deleted from: triggers in the migrations refuse it. A correction is a line
that counters an earlier one and names it.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, foreign, mapped_column, relationship

from shared.database import NAMING, PATHS, Hundredths, IdType, JsonType, PathType, UtcDateTime
from shared.directory import PersonCopy
from shared.outbox import BigId


class Base(DeclarativeBase):
    """Tables that only credits has."""

    metadata = MetaData(naming_convention=NAMING)


class LineKind(StrEnum):
    """Why a ledger line is there."""

    EARNED = "earned"
    """An audited result."""
    REVERSAL = "reversal"
    """Counters the line named in `reverses`; carries its amount with the sign turned."""


class Audit(Base):
    """One audit of results, with the project as it was when the audit happened."""

    __tablename__ = "audits"

    audit_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    project_id: Mapped[str] = mapped_column(IdType, index=True)
    project_number: Mapped[str] = mapped_column(String(40))
    project_title: Mapped[str] = mapped_column(String(200))
    organizer_path: Mapped[str] = mapped_column(PathType, index=True)
    organizer_name: Mapped[str] = mapped_column(String(120))
    mode: Mapped[str] = mapped_column(String(20))
    convert: Mapped[bool] = mapped_column(Boolean)
    held_from: Mapped[date] = mapped_column(Date)
    held_to: Mapped[date] = mapped_column(Date)
    plan_id: Mapped[str | None] = mapped_column(IdType)
    plan_number: Mapped[str | None] = mapped_column(String(40))
    plan_status: Mapped[str | None] = mapped_column(String(20))
    plan_hours_per_credit: Mapped[Decimal | None] = mapped_column(Hundredths)
    audited_at: Mapped[datetime] = mapped_column(UtcDateTime)
    chunks: Mapped[int] = mapped_column(Integer)
    correction: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How many times the project had been corrected when the audit happened (N6)."""
    programme: Mapped[str | None] = mapped_column(String(20))
    """Special programme of the project (R-25); None: none."""
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_reason: Mapped[str | None] = mapped_column(Text)


class ProjectCorrection(Base):
    """One correction of a published project with its facts from then on; of several, the highest counts (N6)."""

    __tablename__ = "project_corrections"

    project_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    correction: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    facts: Mapped[dict[str, Any]] = mapped_column(JsonType)
    """`shared.events.plans.ProjectFacts` as JSON."""
    reason: Mapped[str] = mapped_column(Text)
    corrected_by: Mapped[str] = mapped_column(IdType)
    corrected_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LedgerLine(Base):
    """One entry of the ledger. Written once, for ever."""

    __tablename__ = "ledger_lines"
    __table_args__ = (
        CheckConstraint("kind IN ('earned', 'reversal')", name="kind"),
        CheckConstraint("bucket IN ('coordinated', 'self_organized')", name="bucket"),
        CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="reversal_names_its_line"),
        CheckConstraint("CASE WHEN kind = 'reversal' THEN amount <= 0 ELSE amount >= 0 END", name="sign"),
        CheckConstraint("hours >= 0", name="hours"),
        # A result gives credits once per audit, correction and change of the rules, however often it is told; a line is
        # countered once.
        UniqueConstraint("result_id", "attempt", "kind", "correction", "adjustment"),
        UniqueConstraint("reverses"),
        # Covers the standing: one range for a teacher, one range for a whole cycle.
        Index(
            "ix_ledger_lines_standing",
            "cycle",
            "person_id",
            "bucket",
            "category",
            "school_year",
            "amount",
            "kind",
            "units",
        ),
        Index("ix_ledger_lines_person_id_id", "person_id", "id"),
        Index("ix_ledger_lines_audit_id", "audit_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(10))
    person_id: Mapped[str] = mapped_column(IdType)
    cycle: Mapped[int | None] = mapped_column(SmallInteger)
    """Year in which the training cycle starts; None: the date lies in no cycle of any edition."""
    school_year: Mapped[int] = mapped_column(SmallInteger)
    """Year in which the school year starts: 2026 for 2026-2027."""
    bucket: Mapped[str] = mapped_column(String(20))
    category: Mapped[str] = mapped_column(String(40))
    level: Mapped[str] = mapped_column(String(20))
    audit_id: Mapped[str | None] = mapped_column(IdType, ForeignKey("audits.audit_id"))
    result_id: Mapped[str | None] = mapped_column(IdType)
    attempt: Mapped[int | None] = mapped_column(Integer)
    correction: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """The correction of the project that this line follows (N6); 0: none, but the audit itself or its taking back."""
    adjustment: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Number of the published edition whose adjustment this line is (N5); 0: of none."""
    passed: Mapped[bool | None] = mapped_column(Boolean)
    """None on lines from before it was kept: see `passed_as_told`."""
    hours: Mapped[Decimal | None] = mapped_column(Hundredths)
    amount: Mapped[Decimal | None] = mapped_column(Hundredths)
    """Credits before any ceiling; None: not known until the province decides (待定)."""
    units: Mapped[int | None] = mapped_column(Integer)
    """Of an item (FAQ-Q9): what the line adds to what its school year needs; `amount` is then its share of the credit,
    for information, and the item counts when the year has enough."""
    rule: Mapped[str] = mapped_column(String(20))
    edition: Mapped[str | None] = mapped_column(String(40))
    overlay: Mapped[str | None] = mapped_column(String(40))
    flag: Mapped[str | None] = mapped_column(String(40))
    """A mark of `rules.conversion`, for example `PLAN_MISSING`."""
    sentence: Mapped[str] = mapped_column(Text)
    entered_by: Mapped[str] = mapped_column(IdType)
    """Account that entered the result; its name is in the copy of the office holders."""
    audited_by: Mapped[str] = mapped_column(IdType)
    """Account that audited it; on a counter-line, the one that took the audit back or corrected the project."""
    reverses: Mapped[int | None] = mapped_column(BigId, ForeignKey("ledger_lines.id"))
    effective_on: Mapped[date] = mapped_column(Date)
    """Last day of the training: the order in which lines fill a ceiling."""
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)

    audit: Mapped[Audit | None] = relationship(lazy="raise")
    claim: Mapped[RecognisedClaim | None] = relationship(
        primaryjoin="RecognisedClaim.claim_id == foreign(LedgerLine.result_id)", viewonly=True, lazy="raise"
    )
    """What was recognised, where the line comes from no audit (T19)."""
    person: Mapped[PersonCopy | None] = relationship(
        PersonCopy,
        primaryjoin=lambda: PersonCopy.person_id == foreign(LedgerLine.person_id),
        viewonly=True,
        lazy="raise",
    )
    """None: the register does not know her."""

    @property
    def source_title(self) -> str:
        """The project's title, or what was claimed; both loaded with the line."""
        return self.audit.project_title if self.audit else self.claim.title if self.claim else ""

    @property
    def organizer(self) -> str:
        """Who organised the project, or the school of the claim; both loaded with the line."""
        return self.audit.organizer_name if self.audit else self.claim.unit_name if self.claim else ""

    @property
    def passed_as_told(self) -> bool | None:
        """Whether the assessment was passed; None where an old line does not tell, because nothing was converted."""
        if self.passed is not None or self.edition is None or self.flag == "CONVERSION_NOT_CHOSEN":
            return self.passed
        return self.flag != "NOT_PASSED"


class ApprovedPlan(Base):
    """A school's plan as it was approved: what its self-organised trainings rest on (FAQ-Q14).

    One that has ended stays, and so does what was earned under it.
    """

    __tablename__ = "approved_plans"

    plan_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    number: Mapped[str] = mapped_column(String(40))
    school_year: Mapped[str] = mapped_column(String(9))
    unit_path: Mapped[str] = mapped_column(PathType, index=True)
    version: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(80))
    items: Mapped[list[dict[str, Any]]] = mapped_column(JsonType)
    """`shared.events.plans.ApprovedItem` as JSON, in the order of the plan."""
    covers: Mapped[list[str]] = mapped_column(JsonType, default=list, server_default="[]", info=PATHS)
    """Paths of the further schools for which it speaks; none also where it was approved before that was told."""
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(20), default="approved", server_default="approved")
    """`approved`, or as it ended: `voided`, `superseded`."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_reason: Mapped[str | None] = mapped_column(Text)
    superseded_by: Mapped[str | None] = mapped_column(IdType)
    """The plan that replaces it."""


class Exemption(Base):
    """A time in which nothing is asked of somebody, by a document (T17).

    It is ended by its last day, or withdrawn before it begins, and never deleted.
    """

    __tablename__ = "exemptions"
    __table_args__ = (
        CheckConstraint("kind IN ('probation', 'secondment', 'administration', 'leave', 'other')", name="kind"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="order"),
        Index("ix_exemptions_person_id_starts_on", "person_id", "starts_on"),
    )

    id: Mapped[str] = mapped_column(IdType, primary_key=True)
    person_id: Mapped[str] = mapped_column(IdType)
    kind: Mapped[str] = mapped_column(String(20))
    """A key of `exempting.EXEMPTIONS`."""
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    """The last day; None: until further notice."""
    document: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(Text)
    entered_by: Mapped[str] = mapped_column(IdType)
    entered_by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    """On whose behalf."""
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_by_name: Mapped[str | None] = mapped_column(String(60))
    """Who set the last day afterwards."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_reason: Mapped[str | None] = mapped_column(Text)
    withdrawn_by_name: Mapped[str | None] = mapped_column(String(60))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Taken away before it had begun: it never holds."""
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)


class FormerUnit(Base):
    """A unit at which somebody was until the register told of another (T18)."""

    __tablename__ = "former_units"
    __table_args__ = (Index("ix_former_units_unit_path_person_id", "unit_path", "person_id"),)

    person_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    """Of the register's record with which she moved."""
    unit_path: Mapped[str] = mapped_column(PathType)
    left_on: Mapped[date] = mapped_column(Date)
    """The day on which it was told here: the register has no other."""


class RecognisedClaim(Base):
    """A claim that was recognised (认定申请, T19): what its line in the ledger rests on."""

    __tablename__ = "recognised_claims"

    claim_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    """Also `result_id` of its lines."""
    number: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(100))
    unit_path: Mapped[str] = mapped_column(PathType)
    unit_name: Mapped[str] = mapped_column(String(120))
    evidence: Mapped[list[str]] = mapped_column(JsonType)
    """Names of what was attached."""
    based_on_number: Mapped[str | None] = mapped_column(String(40))
    """The school's plan; None: none is needed."""
    approved_body: Mapped[str] = mapped_column(String(120))
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    facts: Mapped[dict[str, Any]] = mapped_column(JsonType)
    """`shared.events.plans_claims.ClaimApproved` as JSON."""
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_reason: Mapped[str | None] = mapped_column(Text)


class UnknownPerson(Base):
    """Somebody whom lines name and the register does not (yet): shown as 待核对 until accounts tells of them."""

    __tablename__ = "unknown_people"

    person_id: Mapped[str] = mapped_column(IdType, primary_key=True)
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
