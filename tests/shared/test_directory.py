"""The copies of what accounts knows: the newest wins, in whatever order messages come, and ended access stays ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from shared import directory
from shared.actors import Level, Office
from shared.auth import Claims
from shared.database import Database
from shared.directory import AccessEnd, DirectoryBase, OfficeCopy, PersonCopy, UnitCopy, access_is_good
from shared.errors import Invalid
from shared.events.accounts import (
    AccessEnded,
    AccessEndReason,
    HoldersChanged,
    OfficeRecord,
    PeopleChanged,
    PersonPersonal,
    PersonRecord,
    UnitRecord,
    UnitsChanged,
)
from tests.shared.kernel import BOTH, TEACHER, open_database

SLOW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NOON = datetime(2026, 3, 5, 4, tzinfo=UTC)


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each kind in turn."""
    made = open_database(request.param, request, DirectoryBase.metadata)
    yield made
    made.dispose()


def empty(database: Database) -> None:
    """No copies at all."""
    with database.transaction() as session:
        for model in (UnitCopy, PersonCopy, OfficeCopy, AccessEnd):
            session.execute(delete(model))


def unit(path: str, version: int) -> UnitRecord:
    """A unit as it stood at that version."""
    name = f"第{version}版"
    return UnitRecord(
        path=path, version=version, name=name, level=Level.SCHOOL, kind="primary", active=version % 2 == 0
    )


def person(person_id: str, version: int, **changes: Any) -> PersonRecord:
    """A person as known at that version."""
    made = PersonRecord(
        person_id=person_id,
        version=version,
        identity_hash=f"hash of {person_id}",
        unit_path="360000/",
        kind="in_service",
        stage="primary",
        subject=None,
        hired_on=date(2000 + version, 9, 1),
        formal_appointment_on=None,
        retires_on=None,
        seconded_from=None,
        seconded_to=None,
        active=True,
        personal=PersonPersonal(name=f"第{version}版", masked_identity="360102********001X"),
    )
    return replace(made, **changes)


KEYS = st.sampled_from(["360000/", "360000/360100/", "360000/360100/360102/"])
MESSAGES = st.lists(st.lists(st.tuples(KEYS, st.integers(1, 6)), max_size=5), max_size=6)


@SLOW
@given(MESSAGES, st.data())
def test_the_newest_wins_whatever_the_order_and_however_often(
    database: Database, messages: list[list[tuple[str, int]]], data: st.DataObject
) -> None:
    """Also where one message holds the same record twice, and where messages come again."""
    again = data.draw(st.lists(st.sampled_from(messages), max_size=3)) if messages else []
    order = data.draw(st.permutations(messages + again))
    empty(database)
    for message in order:
        with database.transaction() as session:
            directory.apply_units(session, UnitsChanged(units=[unit(*key) for key in message]))
            directory.apply_people(session, PeopleChanged(people=[person(*key) for key in message]))
            directory.apply_holders(
                session,
                HoldersChanged(
                    offices=[
                        OfficeRecord(
                            unit_path=path,
                            office=Office.PLAN_REVIEW,
                            version=version,
                            body=f"第{version}版",
                            holders=[],
                        )
                        for path, version in message
                    ]
                ),
            )
    newest: dict[str, int] = {}
    for path, version in [key for message in messages for key in message]:
        newest[path] = max(version, newest.get(path, 0))
    expected = {path: (version, f"第{version}版") for path, version in newest.items()}
    with database.reading() as session:
        units = list(session.scalars(select(UnitCopy)))
        assert {u.path: (u.version, u.name) for u in units} == expected
        assert all(u.active is (u.version % 2 == 0) for u in units), "the whole record, not only its name"
        people = list(session.scalars(select(PersonCopy)))
        assert {p.person_id: (p.version, p.name) for p in people} == expected
        assert all(p.hired_on == date(2000 + p.version, 9, 1) for p in people)
        offices = list(session.scalars(select(OfficeCopy)))
        assert {o.unit_path: (o.version, o.body) for o in offices} == expected


def test_a_change_is_seen_by_who_looks_again_in_the_same_transaction(database: Database) -> None:
    """Several messages may be applied in one transaction: what the first has loaded must not hide the second."""
    with database.transaction() as session:
        directory.apply_units(session, UnitsChanged(units=[unit("360000/", 1)]))
        loaded = directory.unit(session, "360000/")
        assert loaded.name == "第1版"
        directory.apply_units(session, UnitsChanged(units=[unit("360000/", 2)]))
        assert directory.unit(session, "360000/").name == "第2版"


def test_who_holds_an_office(database: Database) -> None:
    holder = {"account_id": "a-1", "person_id": None, "name": "王某"}
    event = HoldersChanged.load(
        {
            "offices": [
                {"unit_path": "360000/", "office": "plan_review", "version": 1, "body": "教育厅", "holders": [holder]},
                {"unit_path": "360000/", "office": "result_audit", "version": 1, "body": "教育厅", "holders": []},
            ]
        }
    )
    with database.transaction() as session:
        directory.apply_holders(session, event)
    with database.reading() as session:
        found = directory.office(session, "360000/", Office.PLAN_REVIEW)
        assert found is not None
        assert found.holders == [holder]
        assert directory.office(session, "360000/", Office.RESULT_AUDIT) is None, "nobody is in post"
        assert directory.office(session, "360000/360100/", Office.PLAN_REVIEW) is None, "that area exactly"


def test_a_unit_that_has_not_been_heard_of(database: Database) -> None:
    with database.reading() as session, pytest.raises(Invalid, match="不在名册中"):
        directory.unit(session, "360000/999999/")


def test_people_are_found_by_hash_if_they_are_active(database: Database) -> None:
    people = [person(f"p{n}", 1) for n in range(1200)] + [person("gone", 1, active=False)]
    with database.transaction() as session:
        directory.apply_people(session, PeopleChanged(people=people))
    with database.reading() as session:
        hashes = [p.identity_hash for p in people] + ["hash of nobody"]
        found = directory.people_by_hash(session, hashes)
        assert set(found) == {f"hash of p{n}" for n in range(1200)}
        assert found["hash of p7"].person_id == "p7"
        assert directory.people_by_hash(session, []) == {}


def ended(seconds: float, session_id: str | None = None, account: str = TEACHER.account_id) -> AccessEnded:
    """Access ended so long after noon."""
    return AccessEnded(
        account_id=account,
        session_id=session_id,
        reason=AccessEndReason.SIGNED_OUT if session_id else AccessEndReason.SUSPENDED,
        ended_at=NOON + timedelta(seconds=seconds),
    )


def good(database: Database, issued: float, session_id: str = TEACHER.session_id) -> bool:
    """Whether a token made so long after noon counts."""
    actor = replace(TEACHER, session_id=session_id)
    claims = Claims(actor, NOON + timedelta(seconds=issued), NOON + timedelta(hours=12))
    with database.reading() as session:
        return access_is_good(session, claims)


def test_tokens_made_before_the_end_are_dead_and_later_ones_live(database: Database) -> None:
    assert good(database, 0)
    with database.transaction() as session:
        directory.apply_access_end(session, ended(10))
    assert not good(database, 0)
    assert not good(database, 10), "made in the same microsecond: dead"
    assert good(database, 10.000001)
    assert not good(database, 0, "another-session"), "the whole account"


def test_signing_out_ends_one_session_only(database: Database) -> None:
    with database.transaction() as session:
        directory.apply_access_end(session, ended(10, "s-1"))
    assert not good(database, 0, "s-1")
    assert good(database, 0, "s-2")


def test_another_accounts_end_is_nothing_to_me(database: Database) -> None:
    with database.transaction() as session:
        directory.apply_access_end(session, ended(10, account="a-other"))
        # Nor does an account whose id is that of my session, or the other way round.
        directory.apply_access_end(session, ended(10, account=TEACHER.session_id))
        directory.apply_access_end(session, ended(10, TEACHER.account_id))
    assert good(database, 0)


@pytest.mark.parametrize("order", list(permutations([5.0, 10.0, 7.0])))
def test_the_latest_end_holds_whatever_the_order(database: Database, order: tuple[float, ...]) -> None:
    for seconds in order:
        with database.transaction() as session:
            directory.apply_access_end(session, ended(seconds))
    assert not good(database, 9)
    assert good(database, 11)
