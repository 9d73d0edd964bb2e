"""Migration 0002 on a ledger in use: every line stays as it was, and nothing that guarded it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared import migrations
from shared.database import Database
from tests import servers

AUDIT = """
INSERT INTO audits (audit_id, project_id, project_number, project_title, organizer_path, organizer_name, mode,
  "convert", held_from, held_to, audited_at, chunks)
VALUES ('a', 'p', 'XM1', '研修', '360000/', '江西省', 'centralized', true, '2026-10-09', '2026-10-18',
  '2026-11-20 01:12:00', 1)
"""
LINE = """
INSERT INTO ledger_lines (kind, person_id, cycle, school_year, bucket, category, level, audit_id, result_id, attempt,
  hours, amount, rule, edition, sentence, entered_by, audited_by, reverses, effective_on, received_at, recorded_at)
VALUES (:kind, 'person', 2023, 2026, 'coordinated', 'county_training', 'county', 'a', 'r', :attempt, 6000, :amount,
  'R-20', 'jx-2018-trial', '测试', 'x', 'y', :reverses, '2026-10-18', '2026-11-20 01:12:00', '2026-11-20 01:12:00')
"""


@pytest.fixture(params=["sqlite", "postgres"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the release before, with a line and its counter-line."""
    if request.param == "postgres":
        servers.need_servers(rabbitmq=False)
        url = servers.create_database("credits_test")
    else:
        url = f"sqlite:///{tmp_path / 'credits.db'}"
    made = Database(url)
    try:
        command.upgrade(migrations.config("credits", made.engine), "0001")
        with made.transaction() as session:
            session.execute(text(AUDIT))
            session.execute(text(LINE), {"kind": "earned", "attempt": 1, "amount": 600, "reverses": None})
            session.execute(text(LINE), {"kind": "reversal", "attempt": 1, "amount": -600, "reverses": 1})
        yield made
    finally:
        made.dispose()
        if request.param == "postgres":
            servers.drop_database(url)


def rows(database: Database) -> list[dict[str, Any]]:
    """The whole ledger, column by column."""
    with database.reading() as session:
        return [dict(row) for row in session.execute(text("SELECT * FROM ledger_lines ORDER BY id")).mappings()]


def test_every_line_stays_and_is_still_guarded(before: Database) -> None:
    old = rows(before)
    migrations.upgrade("credits", before.engine)
    assert rows(before) == [row | {"correction": 0, "passed": None, "units": None, "adjustment": 0} for row in old]
    for statement in ("UPDATE ledger_lines SET amount = 1", "DELETE FROM ledger_lines"):
        with pytest.raises(DBAPIError, match="append-only"), before.transaction() as session:
            session.execute(text(statement))
    for wrong, why in (
        ({"kind": "earned", "attempt": 1, "amount": 600, "reverses": None}, "attempt"),
        ({"kind": "reversal", "attempt": 2, "amount": -600, "reverses": 1}, "reverses"),
        ({"kind": "earned", "attempt": 2, "amount": -600, "reverses": None}, "sign"),
        ({"kind": "earned", "attempt": 2, "amount": 600, "reverses": 1}, "names_its_line"),
        ({"kind": "gift", "attempt": 2, "amount": 600, "reverses": None}, "kind"),
        ({"kind": "reversal", "attempt": 2, "amount": -600, "reverses": 99}, "(?i)foreign key"),
    ):
        with pytest.raises(DBAPIError, match=why), before.transaction() as session:
            session.execute(text(LINE), wrong)
    with before.transaction() as session:
        session.execute(text(LINE), {"kind": "earned", "attempt": 2, "amount": 600, "reverses": None})
    assert len(rows(before)) == 3


def test_it_can_be_taken_back_until_a_project_was_corrected(before: Database) -> None:
    old = rows(before)
    migrations.upgrade("credits", before.engine)
    command.downgrade(migrations.config("credits", before.engine), "0001")
    assert rows(before) == old
    with pytest.raises(DBAPIError, match="append-only"), before.transaction() as session:
        session.execute(text("DELETE FROM ledger_lines"))

    migrations.upgrade("credits", before.engine)
    again = LINE.replace("(kind,", "(correction, kind,").replace("(:kind,", "(1, :kind,")
    with before.transaction() as session:
        session.execute(text(again), {"kind": "earned", "attempt": 1, "amount": 300, "reverses": None})
    with pytest.raises(DBAPIError, match=r"(?i)unique"):
        command.downgrade(migrations.config("credits", before.engine), "0001")
    assert [row["correction"] for row in rows(before)] == [0, 0, 1]
