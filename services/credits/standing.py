"""The one definition of a standing: grouped sums under layered ceilings, compiled from an edition to SQL.

`headline()` gives the sums of one teacher and of a whole cycle alike; `counted_lines()` splits the same sums over the
lines, by window sums in the order (effective_on, id). The sum of `counted` over a teacher's lines is therefore always
the headline. All arithmetic is in integer hundredths.

A line and its reversal are in the same group and cancel there, so the headline needs no join to leave them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
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
    select,
    type_coerce,
)
from sqlalchemy.orm import aliased

from services.credits.editions import Edition, Figure
from services.credits.models import LedgerLine, LineKind
from shared.database import Hundredths
from shared.events.plans import Bucket

Amount = ColumnElement[Decimal]


def headline(edition: Edition, cycle: int, *where: ColumnElement[bool]) -> Select[Any]:
    """One row per person: `person_id`, per bucket `<bucket>` (credits that count) and `<bucket>_pending` (lines).

    `where` narrows it to some people, by conditions on `LedgerLine.person_id`; without it, everybody in the cycle.
    """
    pending = case((LedgerLine.amount.is_not(None), 0), (LedgerLine.kind == LineKind.EARNED, 1), else_=-1)
    lines = (
        select(
            LedgerLine.person_id,
            LedgerLine.bucket,
            _pot(edition).label("pot"),
            LedgerLine.school_year,
            LedgerLine.amount,
            pending.label("pending"),
        )
        .where(LedgerLine.cycle == cycle, *where)
        .subquery("lines")
    )
    years = _grouped(lines, ["person_id", "bucket", "pot", "school_year"], lines.c.amount)
    within_year = _capped(years.c.total, years, _caps(edition, "cap_year"))
    pots = _grouped(years, ["person_id", "bucket", "pot"], within_year)
    counted = _capped(pots.c.total, pots, _caps(edition, "cap_cycle"))
    columns: list[ColumnElement[Any]] = [pots.c.person_id]
    for bucket in Bucket:
        mine = pots.c.bucket == bucket.value
        columns.append(_sum(case((mine, counted), else_=literal(Decimal(0), Hundredths()))).label(bucket.value))
        columns.append(func.sum(case((mine, pots.c.pending), else_=0)).label(f"{bucket.value}_pending"))
    return select(*columns).group_by(pots.c.person_id)


def counted_lines(edition: Edition, cycle: int, *where: ColumnElement[bool]) -> Subquery:
    """One row per line that stands (not countered, amount known): `id`, `within_year`, `counted`.

    `within_year` is what the ceiling of the school year leaves of the amount, `counted` what the ceiling of the
    cycle leaves of that.
    """
    counter = aliased(LedgerLine)
    lines = (
        select(
            LedgerLine.id,
            LedgerLine.person_id,
            LedgerLine.bucket,
            _pot(edition).label("pot"),
            LedgerLine.school_year,
            LedgerLine.effective_on,
            LedgerLine.amount.label("offered"),
        )
        .where(
            LedgerLine.cycle == cycle,
            LedgerLine.kind == LineKind.EARNED,
            LedgerLine.amount.is_not(None),
            ~select(counter.id).where(counter.reverses == LedgerLine.id).exists(),
            *where,
        )
        .subquery("lines")
    )
    years = _filled(lines, ["person_id", "bucket", "pot", "school_year"], _caps(edition, "cap_year"), "within_year")
    pots = _filled(years, ["person_id", "bucket", "pot"], _caps(edition, "cap_cycle"), "counted")
    return select(pots.c.id, pots.c.offered_before.label("within_year"), pots.c.offered.label("counted")).subquery(
        "counted_lines"
    )


def _pot(edition: Edition) -> ColumnElement[str]:
    """The pot whose ceiling a line shares; everything without a ceiling is in one pot without a name."""
    whens = [(LedgerLine.category.in_(pot.categories), literal(pot.id, String())) for pot in edition.pots]
    return case(*whens, else_=literal("", String())) if whens else literal("", String())


def _caps(edition: Edition, name: str) -> Mapping[str, Figure]:
    """Pot -> its ceiling of that name, where it has one."""
    return {pot.id: cap for pot in edition.pots if (cap := getattr(pot, name)) is not None}


def _capped(amount: Amount, layer: Subquery, caps: Mapping[str, Figure]) -> Amount:
    """The lesser of `amount` and the ceiling of its pot."""
    ceilings = [(cap.value, and_(layer.c.pot == pot, amount > cap.value)) for pot, cap in caps.items()]
    whens = [(above, literal(value, Hundredths())) for value, above in ceilings]
    return case(*whens, else_=amount) if whens else amount


def _grouped(layer: Subquery, keys: list[str], amount: Amount) -> Subquery:
    """`amount` and the pending lines summed up by `keys`."""
    columns = [layer.c[key] for key in keys]
    total = _sum(func.coalesce(amount, literal(Decimal(0), Hundredths()))).label("total")
    return select(*columns, total, func.sum(layer.c.pending).label("pending")).group_by(*columns).subquery()


def _filled(layer: Subquery, keys: list[str], caps: Mapping[str, Figure], name: str) -> Subquery:
    """Fills each ceiling line by line: `offered` becomes what this line adds below it, the former one is kept."""
    sums = select(
        layer,
        func.sum(layer.c.offered)
        .over(partition_by=[layer.c[key] for key in keys], order_by=[layer.c.effective_on, layer.c.id])
        .label("so_far"),
    ).subquery(f"{name}_sums")
    before = type_coerce(sums.c.so_far - sums.c.offered, Hundredths())
    added = _capped(sums.c.so_far, sums, caps) - _capped(before, sums, caps)
    kept = [column for column in sums.c if column.key not in ("so_far", "offered", "offered_before")]
    return select(
        *kept, sums.c.offered.label("offered_before"), type_coerce(added, Hundredths()).label("offered")
    ).subquery(name)


def _sum(amount: Any) -> Any:
    """The sum of hundredths as an integer: PostgreSQL would make it Numeric, which is slow to add up again."""
    return type_coerce(cast(func.sum(amount), Integer), Hundredths())
