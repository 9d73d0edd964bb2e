"""Keeping stored standings equal to what is computed: for the people of a message, and for everybody.

The figures come from `standing.headline` and `standing.groups` and go from one to the other inside the database. What
stands as it is, is not written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Text,
    and_,
    except_,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    true,
    type_coerce,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from services.credits import in_force, standing
from services.credits.editions import Cycle, Edition
from services.credits.models import LedgerLine
from services.credits.standings.models import RECOMPUTE_JOB, StoredStanding
from shared import outbox
from shared.database import Hundredths, utc_now
from shared.directory import PersonCopy
from shared.events.plans import Bucket
from shared.jobs import run_later

CHUNK = 500
"""People of one statement, where they are named one by one."""

Some = Callable[[Any], ColumnElement[bool]]
"""Column with a person's id -> whether the person is one of those meant."""
_TABLE = cast(Any, StoredStanding.__table__)
_KEYS = ("cycle", "person_id")
_SUMS = tuple(name for bucket in Bucket for name in (bucket.value, f"{bucket.value}_pending"))
_FIGURES = (*_SUMS, "shortfall", "groups", "edition")


def refresh(session: Session, lines: Iterable[tuple[int | None, str]]) -> None:
    """Brings the standings of people up to date whose lines were just written: (cycle, person) of each.

    Two that write lines of one person at the same time do this one after the other, and the second counts what the
    first has committed.
    """
    _compile_nothing(session)
    by_cycle: dict[int, set[str]] = {}
    for number, person_id in lines:
        if number is not None:  # what lies in no cycle is in no standing
            by_cycle.setdefault(number, set()).add(person_id)
    for number, people in sorted(by_cycle.items()):
        found = in_force.editions(session).cycle(number, in_force.today())
        if found is None:
            continue
        edition, cycle = found
        for some in _some(sorted(people)):
            _lock(session, edition, cycle, some)
            session.execute(_stored(session, edition, cycle, named(some)))


def refresh_some(session: Session, edition: Edition, cycle: Cycle, some: Some) -> int:
    """The same for all of some people, with lines or without; returns how many standings have changed.

    The caller holds the lock of the rules, so that nobody writes lines meanwhile: those who do hold it in common.
    """
    _compile_nothing(session)
    changed = [_stored(session, edition, cycle, some), _of_nothing(session, edition, cycle, some)]
    counted = {"preserve_rowcount": True}
    return sum(cast(Any, session.execute(statement, execution_options=counted)).rowcount for statement in changed)


def note_people(session: Session, person_ids: Sequence[str]) -> None:
    """Gives people whom the register has just told of a standing of nothing in the running cycle, if they have none."""
    found = in_force.editions(session).cycle_at(in_force.today())
    if found is not None:
        for some in _some(person_ids):
            complete(session, *found, named(some))


def complete(session: Session, edition: Edition, cycle: Cycle, some: Some) -> None:
    """Adds a standing of nothing for those of some people who have none in the cycle, and no lines."""
    session.execute(_of_nothing(session, edition, cycle, some, only_missing=True))


def recompute_later(session: Session, cycle: int, area: str | None = None, **when: Any) -> str:
    """Starts the job that computes everybody's standing of a cycle anew, or of an area; returns the job's id.

    For a new edition, and for repair. `when`: `not_before`, see `jobs.run_later`.
    """
    return run_later(session, RECOMPUTE_JOB, {"cycle": cycle, "area": area}, **when)


def differences(edition: Edition, cycle: Cycle, some: Some) -> Select[Any]:
    """How many of some people have a stored standing that is not what is computed: one number, 0 expected."""
    computed = _computed(edition, cycle, some).subquery("computed")
    held = select(StoredStanding).where(StoredStanding.cycle == cycle.number, some(StoredStanding.person_id))
    stored = held.subquery("stored")
    nothing = _nothing(edition)
    differ = [
        _or(computed.c[name], nothing[name]).is_distinct_from(stored.c[name]) for name in _FIGURES if name != "groups"
    ]
    if edition.partitions:
        differ.append(computed.c.groups.is_distinct_from(stored.c.groups))
    joined = computed.join(stored, stored.c.person_id == computed.c.person_id, full=True)
    return select(func.count()).select_from(joined).where(or_(*differ))


def named(person_ids: Sequence[str]) -> Some:
    """Those of these ids."""
    return lambda column: column.in_(person_ids)


def _some(person_ids: Sequence[str]) -> list[Sequence[str]]:
    return [person_ids[start : start + CHUNK] for start in range(0, len(person_ids), CHUNK)]


def _compile_nothing(session: Session) -> None:
    """PostgreSQL would make machine code of the many sums, anew for each statement: it takes longer than it saves."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL jit = off"))


def _lock(session: Session, edition: Edition, cycle: Cycle, ids: Sequence[str]) -> None:
    """Holds these people's rows until the transaction ends; who has none gets one of nothing."""
    mine = (StoredStanding.cycle == cycle.number, StoredStanding.person_id.in_(ids))
    query = select(StoredStanding.person_id).where(*mine).order_by(StoredStanding.person_id).with_for_update()
    missing = sorted(set(ids) - set(session.scalars(query)))
    if missing:
        same = _nothing(edition) | {"cycle": cycle.number, "computed_at": utc_now()}
        rows = [{**same, "person_id": person_id} for person_id in missing]
        session.execute(outbox.insert(session, _TABLE).on_conflict_do_nothing(), rows)
        session.scalars(query).all()


def _stored(session: Session, edition: Edition, cycle: Cycle, some: Some) -> Any:
    """The statement that stores what is computed of some people's lines, where it is not there already."""
    computed = _computed(edition, cycle, some).subquery("computed")
    values = {name: computed.c[name] for name in _FIGURES if name in computed.c}
    statement = _insert(session, cycle, select(computed), values)
    changed = {name: statement.excluded[name] for name in (*values, "computed_at")}
    # Not by a join with the table: with what the planner knows of one just filled, that may take for ever.
    differ = or_(*[getattr(StoredStanding, name).is_distinct_from(statement.excluded[name]) for name in values])
    return statement.on_conflict_do_update(index_elements=_KEYS, set_=changed, where=differ)


def _of_nothing(session: Session, edition: Edition, cycle: Cycle, some: Some, *, only_missing: bool = False) -> Any:
    """The statement that gives people without lines a standing of nothing by this edition.

    Without `only_missing` it comes after `_stored`: what is then not of this edition has no line.
    """
    nothing = _nothing(edition)
    held = select(StoredStanding.person_id).where(StoredStanding.cycle == cycle.number, some(StoredStanding.person_id))
    empty = and_(*[getattr(StoredStanding, name) == nothing[name] for name in _SUMS])
    right = and_(
        StoredStanding.edition == edition.id, or_(not_(empty), StoredStanding.shortfall == nothing["shortfall"])
    )
    left_out = held if only_missing else held.where(right)
    rest = except_(select(PersonCopy.person_id).where(some(PersonCopy.person_id)), left_out).subquery("rest")
    # Asked one by one, of the few who are left: the database would otherwise read everybody's lines for it.
    line = select(LedgerLine.id).where(LedgerLine.cycle == cycle.number, LedgerLine.person_id == rest.c.person_id)
    people = select(rest.c.person_id).where(line.limit(1).scalar_subquery().is_(None)).subquery("people")
    values = {name: literal(value, getattr(StoredStanding, name).type) for name, value in nothing.items()}
    statement = _insert(session, cycle, select(people), values)
    if only_missing:
        return statement.on_conflict_do_nothing()
    changed = {name: statement.excluded[name] for name in (*values, "computed_at")}
    return statement.on_conflict_do_update(index_elements=_KEYS, set_=changed)


def _insert(session: Session, cycle: Cycle, source: Select[Any], values: Mapping[str, ColumnElement[Any]]) -> Any:
    """`INSERT … SELECT` of these values for the people of `source`."""
    person_id = source.selected_columns["person_id"]
    query = source.with_only_columns(
        literal(cycle.number, StoredStanding.cycle.type),
        person_id,
        *values.values(),
        literal(utc_now(), StoredStanding.computed_at.type),
    ).where(true())  # otherwise SQLite takes the ON that follows for a join's
    return outbox.insert(session, _TABLE).from_select([*_KEYS, *values, "computed_at"], query)


def _computed(edition: Edition, cycle: Cycle, some: Some) -> Select[Any]:
    """Person and figures as stored, of those of some people who have lines; `groups` only where there are any."""
    mine = some(LedgerLine.person_id)
    sums = standing.headline(edition, cycle, mine).subquery("sums")
    lacks: list[Any] = [literal(Decimal(0), Hundredths())]
    for bucket in Bucket:
        minimum = edition.minimum(bucket)
        if minimum is not None:
            lacks.append(standing.lacking(sums.c[bucket.value], minimum))
    columns = [sums.c.person_id, *[sums.c[name] for name in _SUMS]]
    columns += [
        type_coerce(standing.total(lacks), Integer).label("shortfall"),
        literal(edition.id, String()).label("edition"),
    ]
    groups = standing.groups(edition, cycle, mine)
    if groups is None:
        return select(*columns)
    divided = groups.subquery("divided")
    named = [column for column in divided.c if column.key != "person_id"]
    return select(*columns, _as_json(named).label("groups")).select_from(
        sums.outerjoin(divided, divided.c.person_id == sums.c.person_id)
    )


def _nothing(edition: Edition) -> dict[str, Any]:
    """The figures of somebody without lines."""
    minimums = [minimum.value for bucket in Bucket if (minimum := edition.minimum(bucket)) is not None]
    sums: dict[str, Any] = {name: 0 if name.endswith("_pending") else Decimal(0) for name in _SUMS}
    return sums | {"shortfall": int(sum(minimums, Decimal(0)) * 100), "edition": edition.id}


def _or(column: ColumnElement[Any], value: Any) -> ColumnElement[Any]:
    return func.coalesce(column, literal(value, column.type))


def _as_json(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """`{"area/x": 600, …}`, by adding up text: the two databases call their functions for it differently."""
    joined: Any = literal("{", String())
    for number, column in enumerate(columns):
        joined = joined + literal(f'{", " if number else ""}"{column.key}": ', String()) + sql_cast(column, String())
    return type_coerce(joined + literal("}", String()), Text())
