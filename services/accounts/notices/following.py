"""Which events people are told of, and whom: only those whose turn it is, or whose matter it was (A10)."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from services.accounts.notices import queries
from services.accounts.notices.operations import settle, tell
from shared.actors import Office
from shared.events.credits import CreditsRecorded
from shared.events.plans import PlanDecided, PlanEnded, StageEntered

VERDICTS = {
    ("return", "returned"): "returned",
    ("refuse", "refused"): "refused",
    ("approve", "approved"): "approved",
    ("take_back", "under_review"): "taken_back",
}
"""(verdict, status after it) -> occasion; what is not here ended at nobody's expense, or goes on to the next stage."""

OUTCOMES = ("returned", "refused", "approved")


def stage_entered(session: Session, event: StageEntered) -> None:
    """To those in post at exactly the unit and office whose turn it is."""
    settle(session, event.plan_id, "stage_entered")
    if event.office is None:
        return  # from before events said so
    values = {
        "plan_id": event.plan_id,
        "number": event.number,
        "title": event.title or event.number,
        "unit": queries.unit_name(session, event.unit_path),
    }
    accounts = queries.in_post(session, event.reviewing_path, Office(event.office))
    tell(session, _event_id(), "stage_entered", dict.fromkeys(accounts, values), about=event.plan_id)


def plan_decided(session: Session, event: PlanDecided) -> None:
    """To whose submission it is; and nobody else needs to look at it any more."""
    settle(session, event.plan_id, "stage_entered")
    occasion = VERDICTS.get((event.verdict, event.status))
    if occasion == "taken_back" and queries.last_occasion(session, event.plan_id) not in OUTCOMES:
        return  # what was taken back only led to the next stage, and they were never told of it
    if occasion is not None:
        _tell_owner(session, event, occasion, event.reason or "")


def plan_ended(session: Session, event: PlanEnded) -> None:
    """To whose submission it was, when it is declared void; an amendment that replaces it is their own doing."""
    settle(session, event.plan_id, "stage_entered")
    if event.status == "voided":
        _tell_owner(session, event, "voided", event.reason)


def credits_recorded(session: Session, event: CreditsRecorded) -> None:
    """To each teacher whose ledger has a new line."""
    lines: dict[str, list[str]] = {}
    for result in event.results:
        lines.setdefault(result.person_id, []).append(result.explanation)
    accounts = queries.accounts_of_people(session, lines)
    occasion = "credits_revoked" if event.revoked else "credits_recorded"
    told = {account_id: {"lines": "\n".join(lines[person_id])} for person_id, account_id in accounts.items()}
    tell(session, _event_id(), occasion, told)


def _tell_owner(session: Session, event: PlanDecided | PlanEnded, occasion: str, reason: str) -> None:
    accounts = []
    if event.filing_office is not None:
        accounts = queries.in_post(session, event.unit_path, Office(event.filing_office))
    if event.person_id is not None:
        accounts += queries.accounts_of_people(session, [event.person_id]).values()
    values = {
        "plan_id": event.plan_id,
        "number": event.number,
        "title": event.title or event.number,
        "reason": f"意见：{reason}" if reason else "",
    }
    tell(session, _event_id(), occasion, dict.fromkeys(accounts, values), about=event.plan_id)


def _event_id() -> str:
    """Of the message at hand, as the inbox has bound it: the same each time the message comes."""
    return str(structlog.contextvars.get_contextvars()["causation_id"])
