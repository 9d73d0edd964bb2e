"""The rules of policy.md once more, in plain Python and apart from the engine: what each thing in a history counts.

Written from sections 1.2 to 1.8 of policy.md alone: nothing here knows of editions, pots or SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

CYCLE = (date(2018, 9, 1), date(2023, 8, 31))
SELF_ORGANIZED = {"school_training", "lesson_observation", "open_class", "training_lecture"}
UNKNOWN = {"full_staff_training"}
"""Nobody knows yet what it gives (U-02)."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that happened, as people would tell it."""

    kind: str
    on: date
    level: str = "county"
    mode: str = "centralized"
    hours: Decimal = Decimal(0)
    count: int = 0
    given: Decimal | None = None
    passed: bool = True
    plan: str | None = None
    rate: Decimal | None = None
    records: bool = True
    headmaster: bool = False
    countered: bool = False

    @property
    def year(self) -> int:
        """The school year, by the calendar year in which it starts (I-01)."""
        return self.on.year if self.on.month >= 9 else self.on.year - 1


@dataclass(frozen=True, slots=True)
class Somebody:
    """A teacher."""

    kind: str = "in_service"
    school: str = "primary"
    appointed: date | None = None
    retires: date | None = None
    county: str = ""


def counted(things: list[Thing], who: Somebody) -> list[Decimal | None]:
    """Per thing what counts of it; None: nobody knows yet (待定)."""
    found: list[Decimal | None] = [Decimal(0)] * len(things)
    fallback_year: dict[int, Decimal] = {}
    fallback, degrees = Decimal("7.5"), Decimal(8)
    items: dict[tuple[str, int], int] = {}
    for index in sorted(range(len(things)), key=lambda number: (things[number].on, number)):
        thing = things[index]
        if thing.countered:
            continue
        if thing.kind in ("lesson_observation", "open_class", "training_lecture"):
            found[index] = _item(thing, items)
            continue
        amount = _alone(thing, who)
        if amount is not None and thing.kind == "fallback_training":  # FAQ-Q12, I-11
            left = fallback_year.get(thing.year, Decimal("1.5"))
            amount = min(amount, left, fallback)
            fallback_year[thing.year], fallback = left - amount, fallback - amount
        elif amount is not None and thing.kind == "degree_upgrade":  # R-52, I-07
            amount = min(amount, degrees)
            degrees -= amount
        found[index] = amount
    return found


def status(things: list[Thing], found: list[Decimal | None], who: Somebody) -> str:
    """The judgement at the end of the cycle (R-03, R-04, R-05, R-09, section 5)."""
    if who.kind in ("education_authority_staff", "seconded_to_authority"):  # FAQ-Q20, Q21
        return "not_assessed"
    if who.retires is not None and who.retires <= CYCLE[1]:
        return "not_assessed"
    open_rules = short = False
    for self_organized, minimum in ((False, 26), (True, 10)):
        mine = [
            (thing, amount)
            for thing, amount in zip(things, found, strict=True)
            if (thing.kind in SELF_ORGANIZED) is self_organized and not thing.countered
        ]
        if sum(amount or 0 for _, amount in mine) >= minimum:
            continue
        unknown = any(amount is None for _, amount in mine)
        if unknown or (self_organized and who.school == "one_teacher_school"):  # FAQ-Q18
            open_rules = True
        else:
            short = True
    return "not_met" if short else "undetermined" if open_rules else "met"


def _alone(thing: Thing, who: Somebody) -> Decimal | None:
    """What it comes to before what others share with it."""
    if not thing.passed:
        return Decimal(0)
    easier = thing.rate is not None and thing.rate < 10
    if thing.kind == "school_training" and (thing.plan != "approved" or not thing.records or easier):
        return Decimal(0)  # FAQ-Q9, Q10, Q14
    if thing.kind == "fallback_training" and thing.plan not in ("filed", "approved"):  # FAQ-Q11, I-15
        return Decimal(0)
    if thing.kind == "degree_upgrade":  # FAQ-Q5, R-51, R-53
        if not CYCLE[0] <= thing.on <= CYCLE[1] or (who.appointed is not None and thing.on < who.appointed):
            return Decimal(0)
        return thing.given
    if thing.given is not None:
        return thing.given
    if thing.kind in UNKNOWN:
        return None
    hours = thing.hours
    if thing.headmaster and who.county == "yujiang" and thing.mode == "centralized":
        hours /= 2
    rate = thing.rate if thing.kind == "school_training" else Decimal(10 if thing.mode == "centralized" else 20)
    assert rate is not None
    return (hours / rate).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)  # R-28 (I-03, I-04)


def _item(thing: Thing, items: dict[tuple[str, int], int]) -> Decimal:
    """One credit for the first time that a school year has enough of a kind (FAQ-Q9, I-08, I-09)."""
    if thing.plan != "approved" or not thing.records:
        return Decimal(0)
    halves = thing.count if thing.level == "school" else 2 * thing.count
    need, done = (20, thing.count) if thing.kind == "lesson_observation" else (2, halves)
    before = items.get((thing.kind, thing.year), 0)
    items[thing.kind, thing.year] = before + done
    return Decimal(1 if before < need <= before + done else 0)
