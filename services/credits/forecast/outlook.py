"""What a teacher can still earn under the ceilings, as pure functions over the edition and her lines (N15).

Only what has a ceiling can be foretold. Trainings by quota have none: they are said to have none, and never guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.credits import words
from services.credits.clauses import Pot
from services.credits.editions import Cycle, Edition
from services.credits.judgement import Judgement, Part
from services.credits.telling import missing
from shared.events.plans import Bucket

ZERO = Decimal("0.0")
OPEN = frozenset({"fallback_training", "full_staff_training"})
"""What an authority runs for all its teachers: fallback and full-staff training are one concept (FAQ-Q11)."""
BY_QUOTA = ("national_training", "provincial_training", "district_training", "county_training")
"""What not everybody can go to (FAQ-Q12)."""


@dataclass(frozen=True, slots=True)
class Room:
    """What one ceiling leaves: of a pot, or of an item that counts once a year."""

    title: str
    category: str
    """Of what it holds, or one of several."""
    bucket: Bucket
    used_year: Decimal
    cap_year: Decimal | None
    used_cycle: Decimal
    cap_cycle: Decimal | None
    year: Decimal
    """Credits that can still be earned in the present school year."""
    cycle: Decimal
    """The same until the end of the cycle."""
    item: bool = False

    @property
    def ceilings(self) -> str:
        """本学年 1.5/1.5，本周期 3.0/7.5."""
        spans = (("本学年", self.used_year, self.cap_year), ("本周期", self.used_cycle, self.cap_cycle))
        return "，".join(f"{span} {words.credits(a)}/{words.credits(b)}" for span, a, b in spans if b is not None)


@dataclass(frozen=True, slots=True)
class Source:
    """A part of a bucket, for the reader's information."""

    title: str
    counted: Decimal
    ceilings: str = ""


def years_left(cycle: Cycle, day: date) -> int:
    """School years of the cycle after the present one; a cycle that is over has none, and no present one either."""
    return max(cycle.school_years.stop - 1 - cycle.school_year_of(day), 0)


def is_open(pot: Pot) -> bool:
    """Whether everybody can fill it up."""
    return set(pot.categories) <= OPEN


def pots_at(edition: Edition, day: date) -> list[Pot]:
    """The ceilings that hold on `day`."""
    return [pot for pot in edition.pots if pot.until is None or day < pot.until]


def rooms(edition: Edition, cycle: Cycle, day: date, parts: Sequence[Part]) -> list[Room]:
    """What every ceiling and item leaves on `day`; nothing once the cycle is over."""
    if cycle.ended(day):
        return []
    present, later = cycle.school_year_of(day), years_left(cycle, day)

    def used(categories: Collection[str], year: int | None = None) -> Decimal:
        mine = (p.counted for p in parts if p.category in categories and year in (None, p.school_year))
        return sum(mine, ZERO)

    found = []
    for pot in pots_at(edition, day):
        now, whole = used(pot.categories, present), used(pot.categories)
        a_year = pot.cap_year.value if pot.cap_year else None
        a_cycle = pot.cap_cycle.value if pot.cap_cycle else None
        of_cycle = None if a_cycle is None else max(a_cycle - whole, ZERO)
        of_year = of_cycle if a_year is None else max(a_year - now, ZERO)
        if of_year is None:
            continue  # a pot without any ceiling
        by_years = of_year if a_year is None else of_year + a_year * later
        until_end = by_years if of_cycle is None else min(by_years, of_cycle)
        first = pot.categories[0]
        sums = (now, a_year, whole, a_cycle, min(of_year, until_end), until_end)
        found.append(Room(pot.title, first, words.bucket(first), *sums))
    for item in edition.items:
        credit, now = item.credit.value, used([item.category], present)
        left = max(credit - now, ZERO)
        sums = (now, credit, used([item.category]), None, left, left + credit * later)
        found.append(Room(item.title, item.category, words.bucket(item.category), *sums, item=True))
    return found


def sources(edition: Edition, cycle: Cycle, day: date, parts: Sequence[Part]) -> list[Source]:
    """The parts of the coordinated credits, with their ceilings: 国培·省培·市县·全员·冲抵, and the rest."""
    groups: dict[str, Collection[str]] = {
        "国培": ["national_training"],
        "省培": ["provincial_training"],
        "市县": ["district_training", "county_training"],
        "全员": OPEN,
        "冲抵": edition.offsets,
    }
    counted = dict.fromkeys((*groups, "其他"), ZERO)
    for part in parts:
        if part.bucket is Bucket.COORDINATED:
            title = next((t for t, c in groups.items() if part.category in c), "其他")
            counted[title] += part.counted
    ceilings: dict[str, list[str]] = {}
    for room in rooms(edition, cycle, day, parts):
        shown = next((t for t, c in groups.items() if room.category in c), None)
        if shown is not None:
            ceilings.setdefault(shown, []).append(f"{room.title}{room.ceilings}")
    return [
        Source(title, total, "；".join(ceilings.get(title, [])))
        for title, total in counted.items()
        if total or title != "其他"
    ]


def told(judgement: Judgement, edition: Edition, cycle: Cycle, day: date, parts: Sequence[Part]) -> list[str]:
    """One passage per bucket: what is missing, and what can still be earned this year and until the end of the cycle.

    Nothing where nothing is asked; only what is missing where the cycle is over.
    """
    every = rooms(edition, cycle, day, parts)
    passages = []
    for sentence, (bucket, standing) in zip(missing(judgement), judgement.buckets.items(), strict=False):
        mine = [room for room in every if room.bucket is bucket]
        more = _still(mine, bucket, edition) if standing.shortfall and not cycle.ended(day) else ""
        passages.append(sentence + more)
    return passages


def _still(mine: Sequence[Room], bucket: Bucket, edition: Edition) -> str:
    clauses = []
    for room in mine:
        if room.item:
            continue
        if room.cycle == 0:
            clauses.append(f"{room.title}已满（{room.ceilings}）")
        elif room.cap_year is None:
            clauses.append(f"{room.title}本周期最多再得 {words.credits(room.cycle)}")
        else:
            until = f"，到周期末最多再得 {words.credits(room.cycle)}" if room.cycle != room.year else ""
            clauses.append(f"今年{room.title}最多再得 {words.credits(room.year)}{until}")
    items = [room for room in mine if room.item]
    if items:
        open_now = [room for room in items if room.year]
        year, cycle = (sum((getattr(room, name) for room in items), ZERO) for name in ("year", "cycle"))
        which = "、".join(room.title for room in open_now) or "、".join(room.title for room in items)
        each = f"今年{which}最多再得 {words.credits(year)}" if open_now else f"今年{which}已满"
        clauses.append(f"{each}，到周期末最多再得 {words.credits(cycle)}")
    under_ceilings = {category for pot in edition.pots for category in pot.categories}
    free = [words.category(category) for category in BY_QUOTA if category not in under_ceilings]
    if bucket is Bucket.COORDINATED and free:
        clauses.append(f"{'、'.join(free)}没有上限，以实际名额为准")
    elif bucket is Bucket.SELF_ORGANIZED:
        clauses.append("其他校本研修按本校通过的方案，没有上限")
    return "；".join(clauses) + "。" if clauses else ""
