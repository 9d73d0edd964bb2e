"""Policy editions: which figures hold, since when, by which source. Plain data, so that pure rules may use it.

Figures that nobody knows are absent; asking for one raises `PolicyPending`. `edition_files.py` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from shared.errors import PolicyPending
from shared.events.plans import Bucket


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the rules, and where it comes from."""

    value: Decimal
    rule: str
    grade: str
    """`A`, `A-`, `B`, or `C` for a reading of ours (see `spec/policy.md`, section 0)."""
    source: str
    flag: str | None = None
    """The mark on a standing that this figure has cut (caps only)."""

    @property
    def assumed(self) -> bool:
        """Whether this is our reading until the province says more: shown as 暂定."""
        return self.grade == "C"


@dataclass(frozen=True, slots=True)
class Rate:
    """Hours for one credit, by training level and mode."""

    level: str
    mode: str
    hours_per_credit: Figure


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A category whose conversion is not known yet."""

    category: str
    question: str
    """Number of the open question in `spec/policy.md`, for example U-02."""
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A flag and the sentence that people read."""

    flag: str
    words: str


@dataclass(frozen=True, slots=True)
class PlanNeeded:
    """What gives credits only under a plan in one of `states`; for a whole bucket or for one category."""

    states: list[str]
    rule: str
    missing: Mark
    not_passed: Mark
    source: str
    bucket: Bucket | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Pot:
    """Categories that share a ceiling, by school year and by cycle. A category is in one pot at most."""

    id: str
    title: str
    categories: list[str]
    cap_year: Figure | None = None
    cap_cycle: Figure | None = None


@dataclass(frozen=True, slots=True)
class PersonRule:
    """People who are judged otherwise: `when` names facts of theirs, see `rules.fits`."""

    when: dict[str, str | bool]
    status: str
    flag: str
    words: str
    source: str
    bucket: Bucket | None = None
    """None: the whole judgement."""


@dataclass(frozen=True, slots=True)
class GapRule:
    """A mark on who is short of a bucket's minimum and has nothing of the categories in `without`."""

    bucket: Bucket
    without: list[str]
    flag: str
    words: str


@dataclass(frozen=True, slots=True)
class LevelMix:
    """A mark on who fills a bucket from one kind of training alone (R-06)."""

    bucket: Bucket
    kinds: list[list[str]]
    flag: str
    words: str


@dataclass(frozen=True, slots=True)
class Minimums:
    """What a cycle asks for, in credits; None: not known."""

    coordinated: Figure | None = None
    self_organized: Figure | None = None
    total: Figure | None = None
    per_year: Figure | None = None


@dataclass(frozen=True, slots=True)
class CycleRule:
    """Where cycles begin and how long they are (R-01, I-01)."""

    first_start: date
    years: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """One training cycle. `number` is the calendar year in which it starts, and its name in the database."""

    number: int
    start: date
    end: date

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
    minimums: Minimums = field(default_factory=Minimums)
    rates: list[Rate] = field(default_factory=list)
    undetermined: list[Undetermined] = field(default_factory=list)
    plan_rate_floor: Figure | None = None
    """The easiest rate that a school's plan may propose, in hours for one credit (R-24)."""
    plans_needed: list[PlanNeeded] = field(default_factory=list)
    pots: list[Pot] = field(default_factory=list)
    persons: list[PersonRule] = field(default_factory=list)
    gaps: list[GapRule] = field(default_factory=list)
    level_mix: LevelMix | None = None

    def in_force(self, day: date) -> bool:
        """Whether it holds on `day`."""
        if self.effective_from is None:
            return False
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)

    def rate(self, level: str, mode: str, category: str) -> Figure:
        """Hours for one credit. Raises `PolicyPending` where the province has not told."""
        unknown = next((u for u in self.undetermined if u.category == category), None)
        if unknown is not None:
            raise PolicyPending(unknown.words, rule=unknown.question)
        found = next((r.hours_per_credit for r in self.rates if (r.level, r.mode) == (level, mode)), None)
        if found is None:
            raise PolicyPending("此级别和形式的培训如何折算，现行规则没有规定", rule="U-07")
        return found

    def minimum(self, bucket: Bucket) -> Figure | None:
        """Credits asked for in a bucket per cycle; None: not known."""
        return self.minimums.coordinated if bucket is Bucket.COORDINATED else self.minimums.self_organized

    def pot_of(self, category: str) -> Pot | None:
        """The pot whose ceiling the category shares, if any."""
        return next((pot for pot in self.pots if category in pot.categories), None)

    def cycle_of(self, school_year: int) -> Cycle | None:
        """The cycle in which a school year lies; None before the first one (R-01)."""
        if self.cycle is None or school_year < self.cycle.first_start.year:
            return None
        first, years = self.cycle.first_start, self.cycle.years
        number = first.year + (school_year - first.year) // years * years
        start = first.replace(year=number)
        return Cycle(number, start, first.replace(year=number + years) - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Factor:
    """What a county multiplies the hours of a programme by."""

    programme: str
    mode: str
    factor: Figure


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


@dataclass(frozen=True, slots=True)
class Editions:
    """All editions and overlays."""

    editions: tuple[Edition, ...]
    overlays: tuple[Overlay, ...]

    def on(self, day: date) -> Edition | None:
        """The edition in force on `day`."""
        return next((edition for edition in self.editions if edition.in_force(day)), None)

    def named(self, edition_id: str) -> Edition:
        """The edition of that id. Raises `KeyError`."""
        return {edition.id: edition for edition in self.editions}[edition_id]

    def overlay(self, edition: Edition, organizer_path: str) -> Overlay | None:
        """The county's overlay for a training organised by the unit at `organizer_path`, if there is one."""
        codes = organizer_path.split("/")
        return next((o for o in self.overlays if o.parent == edition.id and o.region in codes), None)

    def cycle(self, number: int) -> tuple[Edition, Cycle] | None:
        """The cycle that starts in the year `number`, with the edition in force on its first day."""
        for edition in self.editions:
            found = edition.cycle_of(number)
            if found is not None and found.number == number and edition.in_force(found.start):
                return edition, found
        return None

    def cycle_at(self, day: date) -> tuple[Edition, Cycle] | None:
        """The cycle that runs on `day`; None before the first."""
        return next((pair for pair in self.cycles_until(day) if not pair[1].ended(day)), None)

    def cycles_until(self, day: date) -> list[tuple[Edition, Cycle]]:
        """Every cycle that has begun by `day`, newest first."""
        starts = [e.cycle.first_start.year for e in self.editions if e.cycle is not None]
        numbers = range(min(starts, default=day.year), day.year + 1)
        found = [pair for number in numbers if (pair := self.cycle(number)) and pair[1].start <= day]
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
