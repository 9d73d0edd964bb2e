"""How a teacher's cycle is judged, as pure functions over sums and lines: status, shortfall, marks.

The two buckets never fill each other (R-05). Who is judged otherwise, and which marks there are, is in the edition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import combinations

from services.credits import words
from services.credits.clauses import Figure, Partition, PersonRule
from services.credits.editions import Cycle, Edition, school_year_title
from services.credits.exempting import Exempted, exempting, paused
from shared.events.plans import Bucket

ZERO = Decimal("0.0")
ANNUAL = "ANNUAL_MIN_NOT_MET:"
"""What the mark of a school year below the yearly minimum begins with."""


class Status(StrEnum):
    """How a cycle stands. Only `met` and `not_met` are final; a running cycle is `in_progress` until it is met."""

    IN_PROGRESS = "in_progress"
    MET = "met"
    NOT_MET = "not_met"
    NOT_ASSESSED = "not_assessed"
    """Nothing is asked of this person."""
    UNDETERMINED = "undetermined"
    """Asked, but the province has not decided the rule."""


@dataclass(frozen=True, slots=True)
class Person:
    """The facts of a teacher that the judgement looks at."""

    kind: str
    unit_kind: str | None
    hired_on: date | None = None
    retires_on: date | None = None
    seconded_from: date | None = None
    seconded_to: date | None = None
    exemptions: tuple[Exempted, ...] = ()


@dataclass(frozen=True, slots=True)
class BucketSum:
    """The headline of one bucket."""

    counted: Decimal
    pending: int
    """Lines whose amount is not known yet."""


@dataclass(frozen=True, slots=True)
class Part:
    """One line as it counts: what the flags are read from."""

    bucket: Bucket
    category: str
    effective_on: date
    school_year: int
    amount: Decimal
    within_year: Decimal
    counted: Decimal
    flag: str | None


@dataclass(frozen=True, slots=True)
class BucketStanding:
    """One bucket against its minimum."""

    counted: Decimal
    required: Decimal | None
    """None: not known."""
    shortfall: Decimal | None
    pending: int


@dataclass(frozen=True, slots=True)
class PartitionStanding:
    """A further division of the credits: what each part has, and what they lack together after all covers."""

    title: str
    counted: Mapping[str, Decimal]
    """Group -> credits."""
    shortfall: Decimal


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a teacher's cycle stands, with marks: code and sentence."""

    status: Status
    buckets: Mapping[Bucket, BucketStanding]
    flags: Mapping[str, str]
    partitions: Mapping[str, PartitionStanding] = field(default_factory=dict)
    paused: str = ""
    """暂停（借调 2026-09-01 起）: what the requirement is while dates of the person's own hold."""


def judge(
    person: Person,
    sums: Mapping[Bucket, BucketSum],
    edition: Edition,
    cycle: Cycle,
    today: date,
    parts: Sequence[Part] | None = None,
    groups: Mapping[str, Decimal] | None = None,
) -> Judgement:
    """Judges a cycle as of `today`: at its end, or as it stands while it runs.

    `parts` are the lines behind the sums; without them only the marks that follow from the person are set. `groups`
    are the sums of the edition's partitions, as `standing.groups` names them.
    """
    buckets = {b: _against(sums.get(b, BucketSum(ZERO, 0)), edition.minimum(b)) for b in Bucket}
    ended = cycle.ended(today)
    day = min(today, cycle.end)
    special = [rule for rule in edition.persons if fits(rule, person, cycle, day)]
    special += [exempting(one) for one in person.exemptions if one.holds(day)][:1]
    partitions = {one.id: _divided(one, groups or {}) for one in edition.partitions}
    divided = any(one.shortfall > 0 for one in partitions.values())
    status = _status(buckets, special, edition, divided=divided, ended=ended)
    flags = {rule.flag: rule.words for rule in special}
    if parts is not None:
        flags |= _part_flags(parts, edition)
        if status is not Status.NOT_ASSESSED:
            flags |= _level_mix_flag(parts, buckets, edition)
            flags |= _gap_flags(parts, buckets, edition) if ended else {}
            flags |= _annual_flags(parts, edition, person, cycle, day if not ended else None)
    return Judgement(status, buckets, flags, partitions, _paused(person, day))


def fits(rule: PersonRule, person: Person, cycle: Cycle, day: date) -> bool:
    """Whether a rule about people is about this one on `day`; all that it names must be so."""
    dated = person.seconded_from is not None
    facts: dict[str, str | bool | None] = {
        "kind": person.kind,
        "unit_kind": person.unit_kind,
        # They return in the middle of a cycle (P-21): where dates are known, the dates decide.
        "seconded": (person.seconded_from or day) <= day <= (person.seconded_to or day)
        if dated
        else person.kind == "seconded_to_authority",
        "retires_in_cycle": person.retires_on is not None and person.retires_on <= cycle.end,
    }
    return all(facts[name] == value for name, value in rule.when.items())


def _paused(person: Person, day: date) -> str:
    for one in person.exemptions:
        if one.holds(day):
            return paused(one)
    since, until = person.seconded_from, person.seconded_to
    seconded = since is not None and since <= day <= (until or day)
    return paused(Exempted("secondment", since, until, "")) if seconded and since else ""


def _against(total: BucketSum, minimum: Figure | None) -> BucketStanding:
    required = minimum.value + ZERO if minimum else None
    shortfall = max(required - total.counted, ZERO) if required is not None else None
    return BucketStanding(total.counted + ZERO, required, shortfall, total.pending)


def _divided(partition: Partition, sums: Mapping[str, Decimal]) -> PartitionStanding:
    """What a partition lacks when every surplus has gone where it may: exact for any covers.

    Of whichever parts one looks at, no more can be filled than those have to give that may give to one of them; the
    worst choice of parts is what stays open (the cut that limits the flow).
    """
    counted = {group.id: sums.get(f"{partition.id}/{group.id}", ZERO) + ZERO for group in partition.groups}
    over = {group.id: counted[group.id] - group.minimum.value for group in partition.groups}
    short = [name for name, amount in over.items() if amount < 0]
    open_at_worst = ZERO
    for size in range(1, len(short) + 1):
        for chosen in combinations(short, size):
            givers = {cover.giver for cover in partition.covers if cover.taker in chosen}
            given = sum((max(over[giver], ZERO) for giver in givers), ZERO)
            open_at_worst = max(open_at_worst, -sum((over[name] for name in chosen), ZERO) - given)
    return PartitionStanding(partition.title, counted, open_at_worst)


def _status(
    buckets: Mapping[Bucket, BucketStanding],
    special: Sequence[PersonRule],
    edition: Edition,
    *,
    divided: bool,
    ended: bool,
) -> Status:
    if any(rule.bucket is None and rule.status == Status.NOT_ASSESSED for rule in special):
        return Status.NOT_ASSESSED
    unruled = {rule.bucket or bucket for rule in special for bucket in Bucket if rule.status == Status.UNDETERMINED}
    short = {bucket for bucket, standing in buckets.items() if standing.shortfall != 0}
    unknown = {b for b in short if buckets[b].required is None or (ended and buckets[b].pending)}
    total = edition.minimums.total
    if not short and (divided or (total and sum(b.counted for b in buckets.values()) < total.value)):
        short = set(Bucket)
    if not short:
        return Status.MET
    if short - unruled - unknown:
        return Status.NOT_MET if ended else Status.IN_PROGRESS
    return Status.UNDETERMINED


def _part_flags(parts: Sequence[Part], edition: Edition) -> dict[str, str]:
    """Ceilings that cut something, and lines that came to nothing."""
    flags: dict[str, str] = {}
    for part in parts:
        if part.flag:
            flags[part.flag] = _line_words(part.flag, edition)
        pot = edition.pot_of(part.category, part.effective_on)
        if pot is None:
            continue
        for cap, cut in (
            (pot.cap_year, part.within_year < part.amount),
            (pot.cap_cycle, part.counted < part.within_year),
        ):
            if cap and cap.flag and cut:
                flags[cap.flag] = f"{pot.title}已达上限 {words.credits(cap.value)} 学分，超出部分不计入。"
    return flags


def _level_mix_flag(
    parts: Sequence[Part], buckets: Mapping[Bucket, BucketStanding], edition: Edition
) -> dict[str, str]:
    """A full bucket that comes from one kind of training alone: an advisory, never a block (R-06)."""
    mix = edition.level_mix
    if mix is None or buckets[mix.bucket].shortfall != 0:
        return {}
    counting = {part.category for part in parts if part.bucket is mix.bucket and part.counted > 0}
    return {mix.flag: mix.words} if counting and any(counting <= set(kind) for kind in mix.kinds) else {}


def _gap_flags(parts: Sequence[Part], buckets: Mapping[Bucket, BucketStanding], edition: Edition) -> dict[str, str]:
    """A shortfall that the province may yet make good (P-12): judged all the same."""
    counting = {part.category for part in parts if part.counted > 0}
    return {
        gap.flag: gap.words for gap in edition.gaps if buckets[gap.bucket].shortfall and not counting & set(gap.without)
    }


LINE_FLAGS = {
    "CONVERSION_NOT_CHOSEN": "有培训发布时未选择折算，没有产生学分。",
    "NOT_PASSED": "有培训考核不合格，没有产生学分。",
    "PLAN_STANDARD_BELOW_COUNTY": "有自主培训的方案标准低于县级标准，没有产生学分。",
    "NOT_RECOGNISED": "有记录尚未审核认定，暂不计学分。",
    "PENDING_RATE": "有培训的折算标准省厅尚未明确，待定，不算您的缺欠。",
}
"""What `rules.conversion` marks a line with; marks about plans have their words in the edition."""


def _line_words(flag: str, edition: Edition) -> str:
    marks: dict[str, str] = {excluded.flag: excluded.words for excluded in edition.excluded}
    for needed in edition.plans_needed:
        marks |= {mark.flag: mark.words for mark in (needed.missing, needed.not_passed, needed.records) if mark}
    for window in edition.windows:
        marks |= {mark.flag: mark.words for mark in (window.outside_cycle, window.before_appointment)}
    return LINE_FLAGS.get(flag) or f"有记录未计学分：{marks.get(flag, '见该条说明')}。"


def _annual_flags(
    parts: Sequence[Part], edition: Edition, person: Person, cycle: Cycle, day: date | None
) -> dict[str, str]:
    """Each school year below the yearly minimum that is over on `day` (None: all are). A remark only (R-08, I-12)."""
    minimum = edition.minimums.per_year
    if minimum is None:
        return {}
    first = cycle.school_year_of(person.hired_on) if person.hired_on else cycle.number
    present = cycle.school_year_of(day) if day else cycle.school_years.stop
    flags = {}
    for year in cycle.school_years:
        earned = sum((part.counted for part in parts if part.school_year == year), ZERO)
        if first <= year < present and earned < minimum.value:
            title = school_year_title(year)
            flags[f"{ANNUAL}{title}"] = (
                f"{title} 学年计入 {words.credits(earned)} 学分，不足每年 {words.plain(minimum.value)} 学分；"
                "仅作提示，不影响达标判断。"
            )
    return flags
