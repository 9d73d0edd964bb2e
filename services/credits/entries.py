"""One line of a teacher's ledger as it is shown: what of it counts, and the words for what does not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.credits import rules, words
from services.credits.editions import Edition, school_year_title
from services.credits.judgement import Part
from services.credits.models import ApprovedPlan, Audit, LedgerLine, LineKind, ProjectCorrection, RecognisedClaim
from shared.events.plans import Bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A ledger line with its audit, its plan, the correction that it follows, and what the ceilings leave of it."""

    line: LedgerLine
    audit: Audit | None
    plan: ApprovedPlan | None
    correction: ProjectCorrection | None
    """The correction of the project that the line follows (N6)."""
    counted: Decimal
    within_year: Decimal
    countered_by: int | None
    """The line that counters this one."""
    corrected: bool
    """Whether that line follows a correction of the project, not the taking back of the audit."""
    adjusted: bool
    """Whether that line follows a change of the rules (N5)."""
    edition: Edition
    claim: RecognisedClaim | None = None
    """What was recognised, where the line comes from no audit (T19)."""

    @property
    def stands(self) -> bool:
        """Whether the line is neither a counter-line nor countered."""
        return self.line.kind == LineKind.EARNED and self.countered_by is None

    @property
    def state(self) -> str:
        """`counted`, `partly_counted`, `not_counted`, `pending`, `reversed` or `reversal`."""
        if self.line.kind == LineKind.REVERSAL:
            return "reversal"
        if self.countered_by is not None:
            return "reversed"
        if self.line.amount is None:
            return "pending"
        if self.counted == 0:
            return "not_counted"
        return "counted" if self.counted == self.line.amount else "partly_counted"

    @property
    def reason(self) -> str:
        """Why the line, or a part of it, does not count; empty where all of it does."""
        if self.line.kind == LineKind.REVERSAL:
            return f"冲正第 {self.line.reverses} 号记录"
        if self.countered_by is not None:
            ended = "认定已作废" if self.claim else "原审核已撤回"
            cause = "规则已调整" if self.adjusted else "项目已更正" if self.corrected else ended
            return f"{cause}，已由第 {self.countered_by} 号记录冲正"
        amount = self.line.amount
        if self.line.cycle is None:
            return f"{words.NO_CYCLE}，待核对，暂不计入"
        if amount is None:
            return "政策待定，暂不计入"
        if amount == 0:
            return self.line.sentence
        category, day = self.line.category, self.line.effective_on
        return rules.cut_reason(self.edition, category, day, amount, self.within_year, self.counted)

    @property
    def plan_number(self) -> str | None:
        """Number of the plan that the line rests on, as corrected; None: no plan is needed."""
        if self.correction is not None:
            number: str | None = self.correction.facts["plan_number"]
            return number
        if self.claim is not None:
            return self.claim.based_on_number
        return self.audit.plan_number if self.audit else None

    @property
    def source_title(self) -> str:
        """The project's title, or what was claimed; empty where neither is known."""
        return self.audit.project_title if self.audit else self.claim.title if self.claim else ""

    @property
    def organizer(self) -> str:
        """Who organised the project, or the school of the claim."""
        return self.audit.organizer_name if self.audit else self.claim.unit_name if self.claim else ""

    @property
    def school_year(self) -> str:
        """2026-2027."""
        return school_year_title(self.line.school_year)

    @property
    def category_title(self) -> str:
        """县级培训 for `county_training`."""
        return words.category(self.line.category)

    @property
    def bucket_title(self) -> str:
        """统筹 or 自主."""
        return words.BUCKETS[self.line.bucket]

    def as_part(self) -> Part:
        """What the flags of a standing are read from."""
        return Part(
            bucket=Bucket(self.line.bucket),
            category=self.line.category,
            effective_on=self.line.effective_on,
            school_year=self.line.school_year,
            amount=self.line.amount or rules.ZERO,
            within_year=self.within_year,
            counted=self.counted,
            flag=self.line.flag,
        )
