"""What follows from a history: whose signatures stand, which lines are struck, who decided last, the times. Pure.

Works on rows of the history (`trail.PlanLine`, or as many of its columns), oldest first. Nothing of it is stored
elsewhere, except where a list must be quick; tests compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.plans.workflow import STOPS_CLOCK, Decision, Pending

DECISIONS = ("approve", "return", "refuse")
"""What may be taken back."""
BESIDE = ("open", "copy", "seen", "correct", "remind", "overdue", "release", "rezone")
"""Acts after which the last decision is still the last."""

_UNSIGNS = ("cosign", "recall", "release")
"""Acts that may end an approval before it has left its stage: signed against, or nobody is asked any more to sign."""
STRIKES = ("take_back", *_UNSIGNS)
"""Acts that may cancel a decision: the line that they name no longer stands."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A time during which it lay in one place."""

    visit: int
    """Counts the arrivals at a stage; 0: with the school, or closed."""
    stage: str | None
    start: datetime
    end: datetime | None
    running: bool
    """Whether it counts against the limit."""


def cancelled(rows: Iterable[Any]) -> set[str]:
    """Ids of the lines that were taken back (取回)."""
    return {row.strikes_id for row in rows if row.act == "take_back"}


def struck(rows: Iterable[Any]) -> set[str]:
    """Ids of the decisions that no longer stand because somebody took them back or signed against them."""
    return {row.strikes_id for row in rows if row.strikes_id and row.act in STRIKES}


def standing(rows: Sequence[Any]) -> dict[str, Any]:
    """Stage -> its approval, for every stage whose signature stands (N2)."""
    off = cancelled(rows)
    signed: dict[str, Any] = {}
    for row in rows:
        if row.id in off:
            continue
        if row.act == "approve":
            signed[row.stage] = row
        elif row.act == "return" and row.to_stage:
            signed.pop(row.to_stage, None)
        elif row.act in _UNSIGNS and row.strikes_id:
            signed.pop(row.stage, None)
        elif row.act == "submit":
            for stage in row.details.get("lapsed", ()):
                signed.pop(stage, None)
    return signed


def last_decision(rows: Sequence[Any]) -> Decision | None:
    """The last decision, unless something that counts has happened since."""
    last = next((row for row in reversed(rows) if row.act not in BESIDE), None)
    if last is None or last.act not in DECISIONS:
        return None
    return Decision(last.id, last.act, str(last.stage), last.actor_account, last.unit_path)


def intervals(rows: Sequence[Any]) -> list[Interval]:
    """Every stretch of time in which nothing changed for the clock, oldest first; the last one is open (N27)."""
    found: list[Interval] = []
    visit = visits = 0
    place: tuple[str | None, bool] | None = None
    for row in rows:
        stage = row.to_stage
        running = stage is not None and row.to_pending not in [pending.value for pending in STOPS_CLOCK]
        before = place[0] if place else None
        if (stage, running) == place:
            continue
        if stage is None:
            visit = 0
        elif stage != before or row.to_pending == Pending.VOID:
            visits += 1
            visit = visits
        if found:
            found[-1] = Interval(found[-1].visit, found[-1].stage, found[-1].start, row.at, found[-1].running)
        found.append(Interval(visit, stage, row.at, None, running))
        place = (stage, running)
    return found
