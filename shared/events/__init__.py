"""The contracts between services: one module per owner. See `docs/events.md` for the catalogue."""

from shared.events import accounts, credits, plans
from shared.events.base import REGISTRY, Event

__all__ = ["REGISTRY", "Event", "accounts", "credits", "plans"]
