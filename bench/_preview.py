"""What it takes to preview a change of the rules over everybody (N5): judged anew, and all lines converted anew."""

from __future__ import annotations

from functools import partial

from bench._credits import Memory
from bench._plans import line
from bench.messaging import timed
from services.credits import in_force
from shared.database import Database
from tests.credits import changing

LIMIT_S, LIMIT_MB = 900, 300
"""A job of servers has 25 minutes; a busy machine takes twice as long as an idle one."""


def preview(database: Database) -> None:
    """Prints a line for each reach."""
    with database.reading() as session:
        today = in_force.today()
        running = in_force.editions(session).cycle_at(today)
    assert running is not None
    for reach, name in (("current_cycle", "judged anew"), ("cycle_start", "lines converted anew")):
        draft = changing.drafted(database, reach, today, changing.STRICTER | changing.LOWER)
        with Memory(database) as used:
            taken = timed(partial(changing.previewed, database, draft))
        figure, good = f"{taken:.0f} s, {used.megabytes:.0f} MB", taken <= LIMIT_S and used.megabytes <= LIMIT_MB
        line(f"  preview of a change, {name}", figure, "<= 900 s, <= 300 MB", good)
