"""Background work of credits, and its schedule."""

from __future__ import annotations

from services.credits import files
from services.credits.certificates.exporting import export_teachers
from services.credits.certificates.operations import EXPORT_JOB
from services.credits.deliveries.operations import COMPARE_JOB, compare_audits
from services.credits.disputes.operations import SETTLE_JOB, settle_disputes
from services.credits.forecast import making
from services.credits.forecast.operations import MAKE_JOB
from services.credits.rulebook import adjusting, preview
from services.credits.rulebook.operations import ADJUST_JOB, PREVIEW_JOB
from services.credits.standings import upkeep
from services.credits.standings.models import CHECK_JOB, RECOMPUTE_JOB
from shared.jobs import Jobs
from shared.retention import DAILY

PRUNE_JOB = "credits.prune"

JOBS: Jobs = {
    PRUNE_JOB: files.prune,
    PREVIEW_JOB: preview.preview,
    ADJUST_JOB: adjusting.adjust,
    EXPORT_JOB: export_teachers,
    MAKE_JOB: making.make,
    SETTLE_JOB: settle_disputes,
    COMPARE_JOB: compare_audits,
    RECOMPUTE_JOB: upkeep.recompute,
    CHECK_JOB: upkeep.check,
}
"""Name of the job -> function."""
SCHEDULE = {PRUNE_JOB: DAILY, CHECK_JOB: DAILY, SETTLE_JOB: 300.0, COMPARE_JOB: 600.0}
"""Job -> seconds between two runs."""
