"""Pages joined are the whole list: whatever ties there are, whatever is deleted or added between two pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData, String, delete, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import NAMING, Database, PathType, UtcDateTime
from shared.errors import Invalid
from shared.paging import MAX_PAGE_SIZE, Page, page
from tests.shared.kernel import BOTH, open_database

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DAY = datetime(2024, 3, 5, tzinfo=UTC)


class Base(DeclarativeBase):
    """The table of these tests."""

    metadata = MetaData(naming_convention=NAMING)


class Line(Base):
    """A row with keys of each type that lists are ordered by."""

    __tablename__ = "kernel_lines"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    path: Mapped[str] = mapped_column(PathType)
    position: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


KEYS: dict[str, list[Any]] = {
    "id": [Line.id],
    "position": [Line.position, Line.id],
    "at": [Line.at, Line.id],
    "path": [Line.path, Line.id],
    "all": [Line.path, Line.at, Line.position, Line.id],
}
# Few values, so that most rows tie; microseconds, letters and signs, so that none is lost on the way through a cursor.
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["360000/", "360000/360100/", "A/", "a/", "中/"]),
        st.integers(-2, 2),
        st.sampled_from([0, 1, 999_999, 10**9]),
    ),
    max_size=14,
)


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each kind in turn."""
    made = open_database(request.param, request, Base.metadata)
    yield made
    made.dispose()


def fill(database: Database, rows: list[tuple[str, int, int]]) -> None:
    """Only these rows; their ids are their numbers."""
    with database.transaction() as session:
        session.execute(delete(Line))
        session.add_all(
            Line(id=f"{number:03d}", path=path, position=position, at=DAY + timedelta(microseconds=moment))
            for number, (path, position, moment) in enumerate(rows)
        )


def turn(database: Database, keys: str, cursor: str | None = None, **how: Any) -> Page[Line]:
    """One page, in a session of its own as in life."""
    with database.reading() as session:
        return page(session, select(Line), KEYS[keys], cursor=cursor, **how)


def whole(database: Database, keys: str, descending: bool) -> list[str]:
    """All ids in the database's own order."""
    order = [key.desc() if descending else key for key in KEYS[keys]]
    with database.reading() as session:
        return list(session.scalars(select(Line.id).order_by(*order)))


@SLOW
@given(ROWS, st.sampled_from(sorted(KEYS)), st.integers(1, 6), st.booleans())
def test_pages_joined_are_the_whole_list(
    database: Database, rows: list[tuple[str, int, int]], keys: str, limit: int, descending: bool
) -> None:
    fill(database, rows)
    found: list[str] = []
    cursor, pages = None, 0
    while True:
        one = turn(database, keys, cursor, limit=limit, descending=descending)
        found += [line.id for line in one.items]
        pages, cursor = pages + 1, one.next
        if cursor is None:
            break
        assert len(one.items) == limit, "a page that is not the last is full"
        assert pages <= len(rows), "it does not go on for ever"
    assert found == whole(database, keys, descending)
    assert pages == max(1, -(-len(rows) // limit)), "no empty page at the end"


@SLOW
@given(ROWS, st.sampled_from(sorted(KEYS)), st.integers(1, 4), st.data())
def test_what_stays_is_shown_once_whatever_goes_between_two_pages(
    database: Database, rows: list[tuple[str, int, int]], keys: str, limit: int, data: st.DataObject
) -> None:
    fill(database, rows)
    gone: set[str] = set()
    found: list[str] = []
    cursor = None
    while True:
        one = turn(database, keys, cursor, limit=limit)
        found += [line.id for line in one.items]
        cursor = one.next
        if cursor is None:
            break
        assert len(found) <= len(rows), "it does not go on for ever"
        # Also the very row that the cursor was made of.
        left = [f"{number:03d}" for number in range(len(rows)) if f"{number:03d}" not in gone]
        doomed = data.draw(st.lists(st.sampled_from(left), max_size=3, unique=True)) if left else []
        gone |= set(doomed)
        with database.transaction() as session:
            session.execute(delete(Line).where(Line.id.in_(doomed)))
    assert len(found) == len(set(found)), "nothing twice"
    stayed = [f"{number:03d}" for number in range(len(rows)) if f"{number:03d}" not in gone]
    assert set(stayed) <= set(found), "nothing that stayed was left out"


def test_a_page_has_at_most_the_limit_and_at_least_one(database: Database) -> None:
    fill(database, [("A/", 0, 0)] * (MAX_PAGE_SIZE + 5))
    assert len(turn(database, "id", limit=10_000).items) == MAX_PAGE_SIZE
    assert len(turn(database, "id", limit=0).items) == 1
    assert len(turn(database, "id", limit=-3).items) == 1


def cursor_of(plain: object) -> str:
    """What a page would have made of these values."""
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


STRANGE: list[object] = [
    [],
    {},
    None,
    7,
    "a",
    [["v", 1]],
    [["v", "x"]],
    [["v", "a"], ["v", "b"], ["v", "c"]],
    [["t", "2024-03-05T00:00:00+00:00"], ["v", 1]],
    [["t", "yesterday"], ["v", "a"]],
    [["t", 5], ["v", "a"]],
    [["t", "0001-01-01T00:00:00+14:00"], ["v", "a"]],
    [["v", "2024-03-05T00:00:00+00:00"], ["v", "a"]],
    [["v", 1], ["v", "a"]],
    [["v", True], ["v", "a"]],
    [["v", None], ["v", "a"]],
    [["v", 1.5], ["v", "a"]],
    [["v", [1]], ["v", "a"]],
    [["t", "2024-03-05T00:00:00+00:00"], ["v", "a\0"]],
    [["t", "2024-03-05T00:00:00+00:00"], ["v", "\ud800"]],
]


@pytest.mark.parametrize("plain", STRANGE, ids=repr)
def test_a_cursor_for_another_list_is_refused_before_the_database_sees_it(database: Database, plain: object) -> None:
    fill(database, [("A/", 0, 0)] * 3)
    with pytest.raises(Invalid) as caught:
        turn(database, "at", cursor_of(plain))
    assert caught.value.fields == {"cursor": ["翻页位置无效"]}


@pytest.mark.parametrize("huge", [2**63, -(2**63), 10**400])
def test_a_number_beyond_every_column_is_refused(database: Database, huge: int) -> None:
    with pytest.raises(Invalid):
        turn(database, "position", cursor_of([["v", huge], ["v", "a"]]))


@SLOW
@given(st.one_of(st.text(max_size=60), st.text(alphabet="[{\"'é中=-_", max_size=30), st.just("W" * 20_000)))
def test_text_that_is_no_cursor_is_refused(database: Database, text: str) -> None:
    if text:
        with pytest.raises(Invalid):
            turn(database, "at", text)


def test_a_list_in_a_list_in_a_list_is_refused(database: Database) -> None:
    nested = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    with pytest.raises(Invalid):
        turn(database, "at", nested)


def test_a_time_without_a_zone_does_not_reach_the_database(database: Database) -> None:
    fill(database, [("A/", 0, 0)] * 3)
    # Taken as local time or refused, but no fault of ours.
    turn(database, "at", cursor_of([["t", "2024-03-05T00:00:00"], ["v", "a"]]))
