"""Events from other services, and the operation that each calls. Facts about units and people are never from there:
accounts is where the others have them from. What happened elsewhere, it tells those who have to know.
"""

from __future__ import annotations

from services.accounts.notices import following
from shared.events.credits import CreditsRecorded
from shared.events.plans import PlanDecided, PlanEnded, StageEntered
from shared.inbox import Handlers

HANDLERS: Handlers = {
    StageEntered: following.stage_entered,
    PlanDecided: following.plan_decided,
    PlanEnded: following.plan_ended,
    CreditsRecorded: following.credits_recorded,
}
