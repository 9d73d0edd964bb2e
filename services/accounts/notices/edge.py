"""What API and pages do alike around an address: codes are counted before they are tried or sent."""

from __future__ import annotations

from services.accounts.access.attempts import count_attempt
from shared.actors import Actor
from shared.service import Runtime

CODES = 5
"""Codes mailed for one account within the window of attempts: nobody's mailbox is to be filled from here."""
TRIES = 5
"""Codes tried: of a million possible ones."""


def count_code(run: Runtime, actor: Actor) -> None:
    """Before a code is mailed. Raises `TooMany`."""
    with run.database.transaction() as session:
        count_attempt(session, f"mail-code:{actor.account_id}", CODES, "验证码发送过于频繁。")


def count_try(run: Runtime, actor: Actor) -> None:
    """Before a code is tried. Raises `TooMany`."""
    with run.database.transaction() as session:
        count_attempt(session, f"mail-code-try:{actor.account_id}", TRIES, "验证码多次不正确。")
