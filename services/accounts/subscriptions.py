"""Events from other services. accounts listens to nobody yet: it is where the others' facts come from."""

from __future__ import annotations

from shared.inbox import Handlers

HANDLERS: Handlers = {}
