"""The ledger of a cycle as a draft would convert it, in a database in memory (N5): what is there is only read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Column, MetaData, NullPool, Table, create_engine, delete, select
from sqlalchemy.orm import Session, aliased

from services.credits.editions import Cycle, Editions
from services.credits.models import LedgerLine, LineKind
from services.credits.rulebook import adjusting

SUMMED = (
    "id", "kind", "person_id", "cycle", "school_year", "bucket", "category", "level", "amount", "units", "reverses",
    "effective_on",
)  # fmt: skip
"""What the statement of every standing reads; it fails by name where another column is missing."""
DECIDING = (
    "audit_id", "correction", "bucket", "category", "level", "school_year", "edition", "hours", "passed", "flag",
)  # fmt: skip
"""Lines of an audit that agree in these come to the same: many sat in one training for the same hours."""
CHUNK = 500
"""Lines that are converted together."""

ComesTo = tuple[Decimal | None, int | None] | None
"""Amount and units; None: the line stays as it is."""
_LEDGER = cast(Any, LedgerLine.__table__)
_TABLE = Table(
    _LEDGER.name, MetaData(), *[Column(name, _LEDGER.c[name].type, index=name == "reverses") for name in SUMMED]
)
_COLUMNS = list(dict.fromkeys(SUMMED + DECIDING))
_key = itemgetter(*map(_COLUMNS.index, DECIDING))


class Foreseen:
    """Some people's standing lines, converted anew. Each kind of line is converted once, however many there are."""

    def __init__(self, session: Session, editions: Editions, cycle: Cycle) -> None:
        self.session = session
        """The database in memory; the statement of every standing runs there."""
        self._editions, self._cycle = editions, cycle
        self._known: dict[Any, ComesTo] = {}

    def fill(self, source: Session, person_ids: Sequence[str]) -> None:
        """Puts the lines of these people in the place of those before."""
        counter = aliased(LedgerLine)
        query = select(*[getattr(LedgerLine, name) for name in _COLUMNS]).where(
            LedgerLine.cycle == self._cycle.number,
            LedgerLine.kind == LineKind.EARNED,
            LedgerLine.person_id.in_(person_ids),
            ~select(counter.id).where(counter.reverses == LedgerLine.id).exists(),
        )
        lines = source.execute(query).all()
        claims = self._converted(source, [line.id for line in lines if line.audit_id is None])
        new = {key: line.id for line in lines if line.audit_id is not None and (key := _key(line)) not in self._known}
        made = self._converted(source, list(new.values()))
        self._known |= {key: made.get(line_id) for key, line_id in new.items()}
        rows = []
        for line in lines:
            comes_to = claims.get(line.id) if line.audit_id is None else self._known[_key(line)]
            row = dict(zip(SUMMED, line, strict=False))
            if comes_to is not None:
                row["amount"], row["units"] = comes_to
            rows.append(row)
        self.session.execute(delete(_TABLE))
        if rows:
            self.session.execute(_TABLE.insert(), rows)

    def _converted(self, source: Session, ids: Sequence[int]) -> dict[int, ComesTo]:
        """Line -> what it comes to, of those that are converted."""
        made: dict[int, ComesTo] = {}
        ahead = iter(ids)
        while some := list(islice(ahead, CHUNK)):
            found = source.execute(adjusting.standing(self._cycle.number, LedgerLine.id.in_(some))).all()
            for one in adjusting.anew(self._editions, found):
                made[one.line.id] = (one.row["amount"], one.row["units"])
        return made


@contextmanager
def foreseen(editions: Editions, cycle: Cycle) -> Iterator[Foreseen]:
    """An empty ledger in memory."""
    engine = create_engine("sqlite://", poolclass=NullPool)
    with engine.connect() as connection, Session(connection) as session:
        _TABLE.create(connection)
        yield Foreseen(session, editions, cycle)
