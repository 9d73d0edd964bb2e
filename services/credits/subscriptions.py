"""What credits listens to, and the operation that each message calls."""

from __future__ import annotations

from services.credits import operations
from shared import directory
from shared.events.accounts import PeopleChanged
from shared.events.plans import AuditRevoked, PlanApproved, PlanEnded, ProjectCorrected, ResultsAudited
from shared.inbox import Handlers

HANDLERS: Handlers = {
    **directory.HANDLERS,
    PeopleChanged: operations.note_people,
    PlanApproved: operations.note_plan,
    PlanEnded: operations.end_plan,
    ResultsAudited: operations.record_audit,
    AuditRevoked: operations.counter_audit,
    ProjectCorrected: operations.correct_project,
}
