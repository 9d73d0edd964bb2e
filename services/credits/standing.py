"""The one definition of a standing: grouped sums under layered ceilings, compiled from an edition to SQL.

`headline()` gives the sums of one teacher and of a whole cycle alike; `counted_lines()` splits the same sums over the
lines, by window sums in the order (effective_on, id). The sum of `counted` over a teacher's lines is therefore always
the headline. All arithmetic is in integer hundredths.

Every line is in one pot: under a ceiling, as an item that must be reached, or without any rule. What a pot lets
through is a function of its sums (`Pot.of_year`, `Pot.of_cycle`); of a line it lets through what the sums with it let
through beyond those without it.

The headline is one pass over the index in its order: a column of sums for each pot (and school year, where the year
matters), and the ceilings on the few rows that come out. Layers of `GROUP BY` would sort and count every line again
for each layer. A line and its reversal are in the same column and cancel there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    select,
    type_coerce,
)
from sqlalchemy.orm import aliased

from services.credits.clauses import Figure, Group, Item
from services.credits.editions import Cycle, Edition
from services.credits.models import LedgerLine, LineKind
from shared.database import Hundredths
from shared.events.plans import Bucket

Amount = ColumnElement[Decimal]
_NOTHING = literal(Decimal(0), Hundredths())


@dataclass(frozen=True, slots=True)
class Pot:
    """Lines of one bucket that are counted together, and what their sums let through."""

    name: str
    holds: ColumnElement[bool]
    """Which lines; no line is in two pots."""
    cap_year: Figure | None = None
    cap_cycle: Figure | None = None
    item: Item | None = None

    @property
    def yearly(self) -> bool:
        """Whether it is summed up by school years."""
        return self.cap_year is not None or self.item is not None

    def of_year(self, amount: Amount, units: Any) -> Amount:
        """What one school year lets through: the credit of an item that is reached, or no more than the ceiling."""
        if self.item is not None:
            needed, credit = int(self.item.needed.value), literal(self.item.credit.value, Hundredths())
            return case((units >= needed, credit), else_=_NOTHING)
        return _at_most(self.cap_year, amount)

    def of_cycle(self, amount: Amount, _: Any = None) -> Amount:
        """What the cycle lets through of what its years let through."""
        return _at_most(self.cap_cycle, amount)


def headline(edition: Edition, cycle: Cycle, *where: ColumnElement[bool]) -> Select[Any]:
    """One row per person: `person_id`, per bucket `<bucket>` (credits that count) and `<bucket>_pending` (lines).

    `where` narrows it to some people, by conditions on `LedgerLine.person_id`; without it, everybody in the cycle.
    """
    pots = _pots(edition)
    sign = case((LedgerLine.kind == LineKind.EARNED, 1), else_=-1)
    columns: list[ColumnElement[Any]] = [
        _sum(LedgerLine.amount, *_outside(edition, pots)).label("free"),
        _count(sign, LedgerLine.amount.is_(None)).label("pending"),
    ]
    for pot in pots:
        summed: Any = LedgerLine.amount
        mine = [pot.holds]
        if pot.item is not None:
            summed = LedgerLine.units * sign
            mine.append(LedgerLine.amount.is_not(None))
        if pot.yearly:
            # The year comes first: it is quicker to compare than a category, and mostly another.
            columns += [
                _sum(summed, LedgerLine.school_year == year, *mine).label(f"{pot.name}_{year}")
                for year in cycle.school_years
            ]
        else:
            columns.append(_sum(summed, *mine).label(pot.name))
    sums = (
        select(LedgerLine.person_id, LedgerLine.bucket, *columns)
        .where(LedgerLine.cycle == cycle.number, *where)
        .group_by(LedgerLine.person_id, LedgerLine.bucket)
        .subquery("sums")
    )
    counted = total([_or_nothing(sums.c.free), *[_counted(pot, sums, cycle) for pot in pots]])
    buckets = select(sums.c.person_id, sums.c.bucket, sums.c.pending, counted.label("counted")).subquery("buckets")
    headlines: list[ColumnElement[Any]] = []
    for bucket in Bucket:
        its = buckets.c.bucket == bucket.value
        headlines.append(_or_nothing(_sum(buckets.c.counted, its)).label(bucket.value))
        headlines.append(func.coalesce(_count(buckets.c.pending, its), 0).label(f"{bucket.value}_pending"))
    return select(buckets.c.person_id, *headlines).group_by(buckets.c.person_id)


def counted_lines(edition: Edition, cycle: Cycle, *where: ColumnElement[bool]) -> Subquery:
    """One row per line that stands (not countered, amount known): `id`, `within_year`, `counted`.

    `within_year` is what the rules of the school year leave of the amount, `counted` what the ceiling of the cycle
    leaves of that.
    """
    pots = _pots(edition)
    counter = aliased(LedgerLine)
    lines = (
        select(
            LedgerLine.id,
            LedgerLine.person_id,
            LedgerLine.bucket,
            _pot_of(pots).label("pot"),
            LedgerLine.school_year,
            LedgerLine.effective_on,
            func.coalesce(LedgerLine.units, 0).label("units"),
            LedgerLine.amount.label("offered"),
        )
        .where(
            LedgerLine.cycle == cycle.number,
            LedgerLine.kind == LineKind.EARNED,
            LedgerLine.amount.is_not(None),
            ~select(counter.id).where(counter.reverses == LedgerLine.id).exists(),
            *where,
        )
        .subquery("lines")
    )
    by_year: dict[str, Rule] = {pot.name: pot.of_year for pot in pots if pot.yearly}
    by_cycle: dict[str, Rule] = {pot.name: pot.of_cycle for pot in pots if pot.cap_cycle is not None}
    keys = ["person_id", "bucket", "pot"]
    years = _filled(lines, [*keys, "school_year"], by_year, "within_year")
    cycles = _filled(years, keys, by_cycle, "counted")
    return select(
        cycles.c.id, cycles.c.offered_before.label("within_year"), cycles.c.offered.label("counted")
    ).subquery("counted_lines")


def groups(edition: Edition, cycle: Cycle, *where: ColumnElement[bool]) -> Select[Any] | None:
    """One row per person: `person_id` and per partition and group `<partition>/<group>`; None without partitions.

    From the lines, not from the grouped sums: a ceiling may cut across the groups of a partition.
    """
    if not edition.partitions:
        return None
    counted = counted_lines(edition, cycle, *where)
    columns: list[Any] = [LedgerLine.person_id]
    for partition in edition.partitions:
        for group in partition.groups:
            mine = [_in_group(group)]
            if partition.bucket is not None:
                mine.append(LedgerLine.bucket == partition.bucket.value)
            in_it = _sum(case((and_(*mine), counted.c.counted), else_=_NOTHING))
            columns.append(in_it.label(f"{partition.id}/{group.id}"))
    return select(*columns).join(counted, counted.c.id == LedgerLine.id).group_by(LedgerLine.person_id)


def _in_group(group: Group) -> ColumnElement[bool]:
    return LedgerLine.category.in_(group.categories) if group.categories else LedgerLine.level.in_(group.levels)


def _pots(edition: Edition) -> list[Pot]:
    """The pots of an edition. A category under a ceiling that is an item too is one where the ceiling does not hold."""
    pots: list[Pot] = []
    for number, pot in enumerate(edition.pots):
        holds: ColumnElement[bool] = LedgerLine.category.in_(pot.categories)
        if pot.until is not None:
            holds = and_(holds, LedgerLine.effective_on < pot.until)
        pots.append(Pot(f"pot_{number}", holds, pot.cap_year, pot.cap_cycle))
    for number, item in enumerate(edition.items):
        both = zip(edition.pots, pots, strict=False)
        above = [not_(made.holds) for pot, made in both if item.category in pot.categories]
        pots.append(Pot(f"item_{number}", and_(LedgerLine.category == item.category, *above), item=item))
    return pots


def _outside(edition: Edition, pots: list[Pot]) -> list[ColumnElement[bool]]:
    """Which lines are in no pot: what has a ceiling for ever is one list of categories, soon looked through."""
    dated = [not_(made.holds) for pot, made in zip(edition.pots, pots, strict=False) if pot.until is not None]
    ruled = [category for pot in edition.pots if pot.until is None for category in pot.categories]
    ruled += [item.category for item in edition.items]
    return dated + ([LedgerLine.category.not_in(ruled)] if ruled else [])


def _pot_of(pots: list[Pot]) -> ColumnElement[str]:
    """The pot of a line; everything without a rule is in one pot without a name."""
    whens = [(pot.holds, literal(pot.name, String())) for pot in pots]
    return case(*whens, else_=literal("", String())) if whens else literal("", String())


def _at_most(cap: Figure | None, amount: Amount) -> Amount:
    if cap is None:
        return amount
    ceiling = literal(cap.value, Hundredths())
    return case((amount > ceiling, ceiling), else_=amount)


Rule = Callable[[Amount, Any], Amount]
"""Amount and units summed up -> what they let through."""


def _through(pot: ColumnElement[str], amount: Amount, units: Any, rules: Mapping[str, Rule]) -> Amount:
    """What the pots let through of their sums; `rules` by the name of the pot."""
    whens = [(pot == name, rule(amount, units)) for name, rule in rules.items()]
    return case(*whens, else_=amount) if whens else amount


def _filled(layer: Subquery, keys: list[str], rules: Mapping[str, Rule], name: str) -> Subquery:
    """Fills each pot line by line: `offered` becomes what a line adds to what is let through, the former is kept."""

    def so_far(name: str) -> Any:
        keyed, ordered = [layer.c[key] for key in keys], [layer.c.effective_on, layer.c.id]
        return func.sum(layer.c[name]).over(partition_by=keyed, order_by=ordered)

    sums = select(
        *layer.c,
        so_far("offered").label("so_far"),
        cast(so_far("units"), Integer).label("units_so_far"),
    ).subquery(f"{name}_sums")
    before = type_coerce(sums.c.so_far - sums.c.offered, Hundredths())
    with_it = _through(sums.c.pot, sums.c.so_far, sums.c.units_so_far, rules)
    without = _through(sums.c.pot, before, sums.c.units_so_far - sums.c.units, rules)
    kept = [c for c in sums.c if c.key not in ("so_far", "units_so_far", "offered", "offered_before")]
    return select(
        *kept, sums.c.offered.label("offered_before"), type_coerce(with_it - without, Hundredths()).label("offered")
    ).subquery(name)


def _counted(pot: Pot, sums: Subquery, cycle: Cycle) -> Amount:
    """What a pot lets through of the columns that `headline` has made for it."""
    if not pot.yearly:
        return pot.of_cycle(_or_nothing(sums.c[pot.name]))
    years = [_or_nothing(sums.c[f"{pot.name}_{year}"]) for year in cycle.school_years]
    return pot.of_cycle(total([pot.of_year(year, type_coerce(year, Integer)) for year in years]))


def total(amounts: list[Amount]) -> Amount:
    """The sum of several columns of one row."""
    return type_coerce(reduce(add, amounts), Hundredths())


def lacking(amount: Amount, minimum: Figure) -> Amount:
    """What an amount lacks of a minimum; nothing where it reaches it."""
    required = literal(minimum.value, Hundredths())
    return case((amount < required, type_coerce(required - amount, Hundredths())), else_=_NOTHING)


def _or_nothing(amount: Any) -> Amount:
    return func.coalesce(amount, _NOTHING)


def _sum(amount: Any, *where: ColumnElement[bool]) -> Any:
    """The sum of the hundredths of the rows that fit."""
    return type_coerce(_count(amount, *where), Hundredths())


def _count(number: Any, *where: ColumnElement[bool]) -> Any:
    """The sum as an integer: PostgreSQL would make it Numeric, which is slow to add up again."""
    added = func.sum(number)
    return cast(added.filter(*where) if where else added, Integer)
