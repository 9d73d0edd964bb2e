"""Background work of credits, and its schedule."""

from __future__ import annotations

from shared import retention
from shared.jobs import Jobs

PRUNE_JOB = "credits.prune"

JOBS: Jobs = {PRUNE_JOB: retention.prune}
"""Name of the job -> function."""
SCHEDULE = {PRUNE_JOB: retention.DAILY}
"""Job -> seconds between two runs."""
