"""The clauses of a policy edition, each as its table in the TOML file says it. Plain data, for pure rules.

A figure that nobody knows is absent; what depends on it is 待定.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

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
    records: Mark | None = None
    """What has a plan but no process records (FAQ-Q9: 有计划、有过程记录); None: no records are asked for."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """What gives nothing: `when` names facts of the training, all of which must be so (see `rules.refusal`)."""

    when: dict[str, str | bool]
    rule: str
    flag: str
    words: str
    source: str


@dataclass(frozen=True, slots=True)
class Window:
    """Something that counts only in the cycle in which it was obtained, and only after formal appointment (FAQ-Q5)."""

    category: str
    rule: str
    outside_cycle: Mark
    before_appointment: Mark
    source: str


@dataclass(frozen=True, slots=True)
class Item:
    """What is counted, not timed: it gives its credit once a school year, if enough was done in that year (FAQ-Q9)."""

    category: str
    title: str
    unit: str
    """Measure word: 节, 次."""
    needed: Figure
    """Units in one school year."""
    credit: Figure
    weights: dict[str, int] = field(default_factory=dict)
    """Training level -> units that one is worth; 1 at levels that are not named."""

    @property
    def pot(self) -> str:
        """The name under which its lines are summed up."""
        return f"item:{self.category}"

    def units(self, count: int, level: str) -> int:
        """What so many are worth at a level."""
        return count * self.weights.get(level, 1)


@dataclass(frozen=True, slots=True)
class Award:
    """A fixed number of credits for something that is proved, not taught: by level and rank where these are named."""

    category: str
    credits: Figure
    level: str | None = None
    rank: str | None = None
    split: bool = False
    """Shared in equal parts among those who did it together."""


@dataclass(frozen=True, slots=True)
class Pot:
    """Categories that share a ceiling, by school year and by cycle. A category is in one pot at most."""

    id: str
    title: str
    categories: list[str]
    cap_year: Figure | None = None
    cap_cycle: Figure | None = None
    until: date | None = None
    """First day on which the ceiling no longer holds: what was earned before stays under it. None: it holds on."""


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
class Group:
    """One part of a partition: by category or by training level."""

    id: str
    title: str
    minimum: Figure
    categories: list[str] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cover:
    """What one group has beyond its minimum may fill another's shortfall; never back, unless that is named too."""

    giver: str
    taker: str


@dataclass(frozen=True, slots=True)
class Partition:
    """A further division of the same credits, each part with a minimum. Several may cross: each is judged by itself."""

    id: str
    title: str
    groups: list[Group]
    covers: list[Cover] = field(default_factory=list)
    bucket: Bucket | None = None
    """None: of all credits."""


@dataclass(frozen=True, slots=True)
class Minimums:
    """What a cycle asks for, in credits; None: not known."""

    coordinated: Figure | None = None
    self_organized: Figure | None = None
    total: Figure | None = None
    per_year: Figure | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """What a county multiplies the hours of a programme by."""

    programme: str
    mode: str
    factor: Figure
