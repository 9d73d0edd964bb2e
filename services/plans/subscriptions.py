"""What plans listens to: units, people and offices (accounts), and what an audit came to (credits)."""

from __future__ import annotations

from services.plans.approval.forecasts import note_forecast
from services.plans.approval.upkeep import apply_holders
from services.plans.projects.auditing import record_credits
from services.plans.projects.moving import follow_move
from services.plans.projects.reconciling import send_again
from shared import directory
from shared.events.accounts import HoldersChanged, UnitMoved
from shared.events.credits import CreditsRecorded, ForecastMade, RedeliveryWanted
from shared.inbox import Handlers
from shared.moving import following

_HANDLERS: Handlers = {
    **directory.HANDLERS,
    UnitMoved: follow_move,
    HoldersChanged: apply_holders,
    CreditsRecorded: record_credits,
    RedeliveryWanted: send_again,
    ForecastMade: note_forecast,
}
HANDLERS: Handlers = following(_HANDLERS)
"""Event -> what is done with it, in the transaction of its inbox row."""
