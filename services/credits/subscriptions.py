"""What credits listens to, and the operation that each message calls."""

from __future__ import annotations

from services.credits import operations
from services.credits.claims import operations as claims
from services.credits.deliveries import operations as deliveries
from services.credits.employment import operations as employment
from services.credits.moving import follow_move
from services.credits.publicity import operations as publicity
from shared import directory
from shared.events.accounts import PeopleChanged, UnitMoved
from shared.events.plans import (
    AuditRevoked,
    AuditsSummary,
    PlanApproved,
    PlanEnded,
    ProjectCorrected,
    PublicityEnded,
    ResultsAudited,
    ResultsInPublicity,
)
from shared.events.plans_claims import ClaimApproved
from shared.inbox import Handlers
from shared.moving import following

_HANDLERS: Handlers = {
    **directory.HANDLERS,
    UnitMoved: follow_move,
    PeopleChanged: employment.note_people,
    PlanApproved: operations.note_plan,
    ClaimApproved: claims.record_claim,
    PlanEnded: claims.end_plan,
    ResultsAudited: operations.record_audit,
    AuditRevoked: operations.counter_audit,
    ProjectCorrected: operations.correct_project,
    ResultsInPublicity: publicity.note_publicity,
    PublicityEnded: publicity.end_publicity,
    AuditsSummary: deliveries.note_summary,
}
HANDLERS: Handlers = following(_HANDLERS)
"""Event -> what is done with it, in the transaction of its inbox row."""
