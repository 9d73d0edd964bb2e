"""The contracts between services: modules of one owner begin with its name. See `docs/events.md` for the catalogue."""

from shared.events import accounts, credits, plans, plans_claims
from shared.events.base import REGISTRY, Event

__all__ = ["REGISTRY", "Event", "accounts", "credits", "plans", "plans_claims"]
