"""A unit moves: every path in every table follows, whatever comes late is read with today's paths (N42)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, String, Table, UniqueConstraint, insert, select

from services.accounts.app import service as accounts
from services.credits.app import service as credits_service
from services.plans.app import service as plans
from shared import directory
from shared.actors import Level
from shared.database import PATHS, Database, JsonType, PathType
from shared.directory import DirectoryBase, UnitCopy
from shared.events.accounts import PeopleChanged, UnitMoved, UnitRecord, UnitsChanged
from shared.moving import apply_move, counterpart, following, path_columns
from tests.shared.kernel import BOTH, open_database
from tests.shared.test_directory import person

OLD, NEW = "36/3601/360102/01/", "36/3601/360103/01/"
MOVE = UnitMoved(
    province_path="36/",
    old_path=OLD,
    new_path=NEW,
    merged=False,
    document="赣民〔2026〕1号",
    in_force_on=date(2026, 3, 1),
)
OTHER = MetaData()
SEATS = Table(
    "seats",
    OTHER,
    Column("project", String(10), primary_key=True),
    Column("unit_path", PathType, primary_key=True),
    Column("covers", JsonType, info=PATHS),
    Column("note", String(80)),
    UniqueConstraint("unit_path", "project"),
)


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each kind in turn."""
    made = open_database(request.param, request, DirectoryBase.metadata, OTHER)
    yield made
    made.dispose()


def unit(path: str, version: int = 1) -> UnitRecord:
    """A unit as accounts tells it."""
    return UnitRecord(path=path, version=version, name="学校", level=Level.SCHOOL, kind="primary", active=True)


def test_n42_rows_follow_their_unit_and_nothing_else_changes(database: Database) -> None:
    rows = [
        {"project": "a", "unit_path": OLD, "covers": [f"{OLD}02/", "36/3601/360102/9/"], "note": OLD},
        {"project": "b", "unit_path": f"{OLD}02/", "covers": [{"unit_path": OLD}], "note": ""},
        {"project": "c", "unit_path": "36/3601/360102/011/", "covers": [], "note": ""},
        {"project": "d", "unit_path": OLD, "covers": [], "note": "taken"},
        {"project": "d", "unit_path": NEW, "covers": [], "note": ""},
    ]
    with database.transaction() as session:
        session.execute(insert(SEATS), rows)
        directory.apply_units(session, UnitsChanged(units=[unit(OLD), unit(f"{OLD}02/"), unit(NEW, 2)]))
        apply_move(session, MOVE, [DirectoryBase.metadata, OTHER])
    with database.reading() as session:
        found = {(row.project, row.unit_path): row for row in session.execute(select(SEATS))}
        assert found["a", NEW].covers == [f"{NEW}02/", "36/3601/360102/9/"]
        assert found["a", NEW].note == OLD  # not a path: what people wrote stays
        assert found["b", f"{NEW}02/"].covers == [{"unit_path": NEW}]
        assert ("c", "36/3601/360102/011/") in found
        assert found["d", OLD].note == "taken"
        units = {row.path: row.version for row in session.scalars(select(UnitCopy))}
        assert units == {NEW: 2, f"{NEW}02/": 1}  # what was newer already is kept


def test_n42_what_was_sent_before_the_move_is_read_with_todays_paths(database: Database) -> None:
    seen: list[Any] = []
    handlers = following({PeopleChanged: lambda session, event: seen.append(event)})
    late = PeopleChanged(people=[replace(person("p", 1), unit_path=f"{OLD}02/")])
    back = replace(MOVE, old_path=NEW, new_path=OLD)
    for move, now in ((None, OLD), (MOVE, NEW), (back, OLD), (MOVE, NEW)):
        with database.transaction() as session:
            if move is not None:
                apply_move(session, move, [DirectoryBase.metadata, OTHER])
            handlers[PeopleChanged](session, late)
        assert seen[-1].people[0].unit_path == f"{now}02/"


def test_n42_the_new_county_stands_for_the_old_one() -> None:
    assert counterpart("36/3601/360102/", MOVE) == "36/3601/360103/"
    assert counterpart("36/3601/", MOVE) == "36/3601/"  # above both
    assert counterpart(NEW, MOVE) == NEW
    assert counterpart("36/9/", MOVE) == "36/9/"
    assert counterpart(None, MOVE) is None


@pytest.mark.parametrize("service", [accounts, plans, credits_service], ids=lambda service: service.name)
def test_n42_every_column_that_holds_a_path_follows(service: Any) -> None:
    """A new table with a path of another type would be forgotten by moves."""
    apart = {"directory_moves", "audit_pending", "audit_trail"}  # say how it was, on purpose
    named = {
        column
        for metadata in service.metadata
        for table in metadata.sorted_tables
        for column in table.columns
        if (column.name == "path" or column.name.endswith("_path") or column.name == "covers")
        and table.name not in apart
    }
    assert named == set(path_columns(service.metadata))
    assert named
