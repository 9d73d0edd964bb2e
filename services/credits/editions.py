"""Policy editions: which figures hold, since when, by which source. Plain data, so that pure rules may use it.

Figures that nobody knows are absent; asking for one raises `PolicyPending`. `edition_files.py` reads them, `clauses.py`
has their parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from services.credits.clauses import (
    Award,
    Excluded,
    Factor,
    Figure,
    GapRule,
    Item,
    LevelMix,
    Minimums,
    Partition,
    PersonRule,
    PlanNeeded,
    Pot,
    Rate,
    Undetermined,
    Window,
)
from shared.errors import PolicyPending
from shared.events.plans import Bucket

CLOSES_AFTER = Figure(
    Decimal(91), "B6", "C", "our safeguard: trainings of the last summer are audited by 30 November (decision 0033)"
)
"""Days after its last day on which a cycle closes, where an edition does not say."""


@dataclass(frozen=True, slots=True)
class CycleRule:
    """Where cycles begin and how long they are (R-01, I-01), and when they close (B6)."""

    first_start: date
    years: int
    closes_after: Figure = CLOSES_AFTER


@dataclass(frozen=True, slots=True)
class Cycle:
    """One training cycle. `number` is the calendar year in which it starts, and its name in the database."""

    number: int
    start: date
    end: date
    closes_after: int = int(CLOSES_AFTER.value)
    """Days after its end in which something may still enter it."""

    @property
    def closes_on(self) -> date:
        """The last day on which something enters it."""
        return self.end + timedelta(days=self.closes_after)

    def closed(self, today: date) -> bool:
        """Whether nothing enters it any more, but by a document (B6)."""
        return today > self.closes_on

    @property
    def title(self) -> str:
        """2023—2028 周期."""
        return f"{self.start.year}—{self.end.year} 周期"

    @property
    def school_years(self) -> range:
        """The school years in it, each by the calendar year in which it starts."""
        return range(self.number, self.end.year)

    def school_year_of(self, day: date) -> int:
        """The school year in which `day` lies, counted by this cycle's border days."""
        begins = (self.start.month, self.start.day)
        return day.year if (day.month, day.day) >= begins else day.year - 1

    def ended(self, today: date) -> bool:
        """Whether it is over."""
        return today > self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One version of the rules."""

    id: str
    title: str
    document: str
    effective_from: date | None = None
    """None: not in force."""
    effective_to: date | None = None
    """The last day; None: until further notice."""
    cycle: CycleRule | None = None
    scope: list[str] = field(default_factory=list)
    """Kinds of people to whom it applies; of the others nothing is asked."""
    minimums: Minimums = field(default_factory=Minimums)
    rates: list[Rate] = field(default_factory=list)
    undetermined: list[Undetermined] = field(default_factory=list)
    plan_rate_floor: Figure | None = None
    """The easiest rate that a school's plan may propose, in hours for one credit (R-24)."""
    plans_needed: list[PlanNeeded] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    offsets: list[str] = field(default_factory=list)
    """Categories that are offsets (冲抵): told apart inside the coordinated credits (R-50, R-54)."""
    pots: list[Pot] = field(default_factory=list)
    persons: list[PersonRule] = field(default_factory=list)
    gaps: list[GapRule] = field(default_factory=list)
    level_mix: LevelMix | None = None
    partitions: list[Partition] = field(default_factory=list)

    def in_force(self, day: date) -> bool:
        """Whether it holds on `day`."""
        if self.effective_from is None:
            return False
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)

    def rate(self, level: str, mode: str, category: str) -> Figure:
        """Hours for one credit. Raises `PolicyPending` where the province has not told."""
        self._refuse_unknown(category)
        found = next((r.hours_per_credit for r in self.rates if (r.level, r.mode) == (level, mode)), None)
        if found is None:
            raise PolicyPending("此级别和形式的培训如何折算，现行规则没有规定", rule="U-07")
        return found

    def award(self, category: str, level: str, rank: str | None) -> Award:
        """The fixed credits for something proved. Raises `PolicyPending` where the province has not told.

        What is said of just this level and rank comes before what is said of all.
        """
        mine = (award for award in self.awards if award.category == category)
        fitting = [award for award in mine if award.level in (None, level) and award.rank in (None, rank)]
        if fitting:
            return max(fitting, key=lambda award: (award.level is not None) + (award.rank is not None))
        self._refuse_unknown(category)
        raise PolicyPending("这一事项计多少学分，现行规则没有规定", rule="U-05")

    def item(self, category: str) -> Item | None:
        """The item that the category is, if it is counted and not timed."""
        return next((item for item in self.items if item.category == category), None)

    def unknown(self, category: str) -> Undetermined | None:
        """What the province has not told of a category; None: nothing, or the category is not open."""
        found = next((one for one in self.undetermined if one.category == category), None)
        if found is not None and any(award.category == category for award in self.awards):
            return replace(found, words="其他级别、层次或等次计多少学分，省厅尚未公布")
        return found

    def _refuse_unknown(self, category: str) -> None:
        unknown = self.unknown(category)
        if unknown is not None:
            raise PolicyPending(unknown.words, rule=unknown.question)

    def minimum(self, bucket: Bucket) -> Figure | None:
        """Credits asked for in a bucket per cycle; None: not known."""
        return self.minimums.coordinated if bucket is Bucket.COORDINATED else self.minimums.self_organized

    def pot_of(self, category: str, day: date) -> Pot | None:
        """The pot whose ceiling something of that category shares that was earned on `day`, if any."""
        return next(
            (pot for pot in self.pots if category in pot.categories and (pot.until is None or day < pot.until)), None
        )

    def cycle_of(self, school_year: int) -> Cycle | None:
        """The cycle in which a school year lies; None before the first one (R-01)."""
        if self.cycle is None or school_year < self.cycle.first_start.year:
            return None
        first, years = self.cycle.first_start, self.cycle.years
        number = first.year + (school_year - first.year) // years * years
        start = first.replace(year=number)
        end = first.replace(year=number + years) - timedelta(days=1)
        return Cycle(number, start, end, int(self.cycle.closes_after.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What one county converts otherwise than its parent edition."""

    id: str
    title: str
    document: str
    parent: str
    region: str
    """Code of the area; the overlay holds for what is organised there."""
    factors: list[Factor] = field(default_factory=list)


class Reach(StrEnum):
    """How far back a change of the rules reaches: the province says so when it publishes."""

    FORWARD = "forward"
    """What is held from its date on converts by it; the running cycle keeps its minimums and ceilings."""
    CURRENT_CYCLE = "current_cycle"
    """Besides, the running cycle is judged by it from its date on; what is converted stays."""
    CYCLE_START = "cycle_start"
    """Besides, what the running cycle has is converted anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """An edition that the province published in the place of another (N5)."""

    number: int
    """Editions are published one after the other; of several that hold, the last one does."""
    edition: Edition
    root: str
    """The edition of the release in whose place it stands, itself or after others."""
    effective_from: date
    reach: Reach

    def reaches_into(self, cycle: Cycle | None) -> bool:
        """Whether that cycle runs on its date."""
        return cycle is not None and cycle.start <= self.effective_from <= cycle.end

    def converts(self, day: date, cycle: Cycle | None) -> bool:
        """Whether something held on `day` that counts in `cycle` is converted by it."""
        return day >= self.effective_from or (self.reach is Reach.CYCLE_START and self.reaches_into(cycle))

    def judges(self, cycle: Cycle, as_of: date) -> bool:
        """Whether `cycle`, looked at on `as_of`, is judged by it. A cycle over before its date never is."""
        if cycle.start >= self.effective_from:
            return True
        return self.reach is not Reach.FORWARD and self.reaches_into(cycle) and as_of >= self.effective_from


@dataclass(frozen=True, slots=True)
class Editions:
    """All editions and overlays: those of the release, and what the province has published since."""

    editions: tuple[Edition, ...]
    overlays: tuple[Overlay, ...]
    amendments: tuple[Amendment, ...] = ()
    """In the order of publication."""

    def on(self, day: date, school_year: int | None = None) -> Edition | None:
        """The edition by which something held on `day` is converted; `school_year`: the one in which it counts."""
        root = next((edition for edition in self.editions if edition.in_force(day)), None)
        if root is None:
            return None
        cycle = root.cycle_of(school_year) if school_year is not None else None
        holding = (a.edition for a in reversed(self.amendments) if a.root == root.id and a.converts(day, cycle))
        return next(holding, root)

    def named(self, edition_id: str) -> Edition:
        """The edition of that id. Raises `KeyError`."""
        every = [*self.editions, *(amendment.edition for amendment in self.amendments)]
        return {edition.id: edition for edition in every}[edition_id]

    def root_of(self, edition_id: str) -> str:
        """The edition of the release in whose place that one stands; one of the release is its own."""
        return next((a.root for a in self.amendments if a.edition.id == edition_id), edition_id)

    def overlay(self, edition: Edition, organizer_path: str) -> Overlay | None:
        """The county's overlay for a training organised by the unit at `organizer_path`, if there is one."""
        codes, root = organizer_path.split("/"), self.root_of(edition.id)
        return next((o for o in self.overlays if o.parent == root and o.region in codes), None)

    def cycle(self, number: int, as_of: date = date.max) -> tuple[Edition, Cycle] | None:
        """The cycle that starts in the year `number`, with the edition by which it is judged on `as_of`.

        That is the one in force on its first day, or the last one published since that reaches into it.
        """
        for root in self.editions:
            found = root.cycle_of(number)
            if found is not None and found.number == number and root.in_force(found.start):
                judging = (a.edition for a in reversed(self.amendments) if a.root == root.id and a.judges(found, as_of))
                return next(judging, root), found
        return None

    def cycle_at(self, day: date) -> tuple[Edition, Cycle] | None:
        """The cycle that runs on `day`; None before the first."""
        return next((pair for pair in self.cycles_until(day) if not pair[1].ended(day)), None)

    def cycles_until(self, day: date) -> list[tuple[Edition, Cycle]]:
        """Every cycle that has begun by `day`, newest first."""
        starts = [e.cycle.first_start.year for e in self.editions if e.cycle is not None]
        numbers = range(min(starts, default=day.year), day.year + 1)
        found = [pair for number in numbers if (pair := self.cycle(number, day)) and pair[1].start <= day]
        return found[::-1]


def school_year_title(school_year: int) -> str:
    """2026-2027 for 2026."""
    return f"{school_year}-{school_year + 1}"


def parse_school_year(text: str) -> int:
    """2026 for 2026-2027. Raises `ValueError`."""
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and int(last) == int(first) + 1):
        raise ValueError(f"{text} is not a school year such as 2026-2027")
    return int(first)
