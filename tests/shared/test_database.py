"""The one place that commits: nothing is lost between writers, nothing stays of what failed, and figures are exact."""

from __future__ import annotations

import threading
import traceback
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData, String, delete, event, func, insert, select
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import NAMING, Database, Hundredths, PathType, UtcDateTime, is_text, new_id, under, under_any
from tests.shared.kernel import BOTH, open_database

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Base(DeclarativeBase):
    """The tables of these tests."""

    metadata = MetaData(naming_convention=NAMING)


class Thing(Base):
    """A row with each of the kernel's types."""

    __tablename__ = "kernel_things"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20), unique=True)
    path: Mapped[str] = mapped_column(PathType, index=True, default="")
    credits: Mapped[Decimal | None] = mapped_column(Hundredths)
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(default=0)


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each kind in turn."""
    made = open_database(request.param, request, Base.metadata)
    yield made
    made.dispose()


@pytest.fixture
def sqlite(request: pytest.FixtureRequest) -> Iterator[Database]:
    """The embedded kind."""
    made = open_database("sqlite", request, Base.metadata)
    yield made
    made.dispose()


def fail(database: Database, thing: Thing) -> None:
    """A change, with a message in the outbox, that breaks off before its end."""
    with database.transaction() as session:
        session.add(thing)
        session.flush()
        session.info["outbox"] = True
        raise LookupError("broken off")


def count(database: Database) -> int:
    """How many rows are there, seen from outside."""
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Thing)) or 0


class TestTypes:
    @SLOW
    @given(st.lists(st.decimals(-99999, 99999, places=2), min_size=1, max_size=8))
    def test_credits_come_back_and_add_up_exactly(self, database: Database, amounts: list[Decimal]) -> None:
        with database.transaction() as session:
            session.execute(delete(Thing))
            session.add_all(Thing(credits=amount) for amount in amounts)
        with database.reading() as session:
            assert list(session.scalars(select(Thing.credits).order_by(Thing.id))) == amounts
            total = session.scalar(select(func.sum(Thing.credits)))
        assert total == sum(amounts)
        assert isinstance(total, Decimal)

    def test_whole_credits_keep_one_place(self, database: Database) -> None:
        with database.transaction() as session:
            session.add_all(Thing(credits=Decimal(text)) for text in ("6", "6.00", "600", "0", "0.25", "-6"))
        with database.reading() as session:
            shown = [str(value) for value in session.scalars(select(Thing.credits).order_by(Thing.id))]
        assert shown == ["6.0", "6.0", "600.0", "0.0", "0.25", "-6.0"]

    @pytest.mark.parametrize("wrong", [Decimal("0.005"), Decimal("1.234"), Decimal("NaN"), 0.1])
    def test_a_third_place_is_never_rounded_away(self, database: Database, wrong: Decimal) -> None:
        with pytest.raises(StatementError, match="more than two decimal places"), database.transaction() as session:
            session.add(Thing(credits=wrong))
        assert count(database) == 0

    @SLOW
    @given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)), st.integers(-12, 14))
    def test_times_come_back_as_the_same_moment_in_utc(self, database: Database, naive: datetime, hours: int) -> None:
        moment = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
        with database.transaction() as session:
            thing = Thing(at=moment)
            session.add(thing)
        with database.reading() as session:
            kept = session.scalars(select(Thing.at).where(Thing.id == thing.id, Thing.at == moment)).one()
        assert kept == moment
        assert kept.tzinfo is UTC or kept.utcoffset() == timedelta(0)

    def test_a_time_without_a_zone_is_refused(self, database: Database) -> None:
        with pytest.raises(StatementError, match="without a zone"), database.transaction() as session:
            session.add(Thing(at=datetime(2024, 3, 5)))
        with pytest.raises(StatementError, match="without a zone"), database.reading() as session:
            session.scalar(select(Thing.id).where(Thing.at > datetime(2024, 3, 5)))

    def test_new_ids_are_uuids_in_the_order_of_time(self) -> None:
        ids = []
        for _ in range(20):
            ids += [new_id() for _ in range(50)]
            threading.Event().wait(0.002)
        assert len(set(ids)) == len(ids)
        assert {(uuid.UUID(text).version, uuid.UUID(text).variant) for text in ids} == {(7, uuid.RFC_4122)}
        groups = [ids[start : start + 50] for start in range(0, len(ids), 50)]
        assert all(max(before) < min(after) for before, after in pairwise(groups))

    @pytest.mark.parametrize(
        ("text", "good"), [("", True), ("教师 𠮷", True), ("a\0b", False), ("\ud83d", False), ("\udc00x", False)]
    )
    def test_what_databases_keep_as_text(self, text: str, good: bool, database: Database) -> None:
        assert is_text(text) is good
        if good:
            with database.transaction() as session:
                session.add(Thing(name=text))
            with database.reading() as session:
                assert session.scalar(select(Thing.name)) == text


CODES = st.sampled_from(["36", "360", "3601", "360100", "3601000", "36010", "A", "a", "Z9"])
PATHS = st.lists(CODES, min_size=1, max_size=4).map(lambda codes: "/".join(codes) + "/")


class TestUnder:
    @SLOW
    @given(st.lists(PATHS, max_size=12), st.lists(PATHS, max_size=3))
    def test_it_is_the_same_as_starting_with(self, database: Database, paths: list[str], tops: list[str]) -> None:
        with database.transaction() as session:
            session.execute(delete(Thing))
            session.add_all(Thing(path=path) for path in paths)
        with database.reading() as session:
            for top in tops:
                found = session.scalars(select(Thing.path).where(under(Thing.path, top)))
                assert sorted(found) == sorted(path for path in paths if path.startswith(top))
            found = session.scalars(select(Thing.path).where(under_any(Thing.path, tops)))
            assert sorted(found) == sorted(path for path in paths if path.startswith(tuple(tops)))


class TestTransaction:
    def test_all_or_nothing_and_the_next_may_write(self, database: Database) -> None:
        with pytest.raises(LookupError):
            fail(database, Thing())
        assert count(database) == 0
        with pytest.raises(IntegrityError), database.transaction() as session:
            session.add_all([Thing(name="x"), Thing(name="x")])
        with database.transaction() as session:
            session.add(Thing())
        assert count(database) == 1

    def test_the_relay_is_woken_after_the_commit_and_only_then(self, database: Database) -> None:
        seen: list[int] = []
        database.after_commit = lambda: seen.append(count(database))
        with database.transaction() as session:
            session.add(Thing())
        assert seen == []
        with database.transaction() as session:
            session.add(Thing())
            session.info["outbox"] = True
        assert seen == [2]
        with pytest.raises(LookupError):
            fail(database, Thing())
        assert seen == [2]

    def test_concurrent_changes_of_one_row_lose_nothing(self, database: Database) -> None:
        """Read, then write what was read plus one: the classic lost update."""
        with database.transaction() as session:
            session.add(Thing(id=1))
        start = threading.Barrier(8)

        def work(_: int) -> None:
            start.wait()
            for _ in range(20):
                with database.transaction() as session:
                    thing = session.get_one(Thing, 1, with_for_update=True)
                    thing.count += 1

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        with database.reading() as session:
            assert session.get_one(Thing, 1).count == 160

    def test_two_processes_on_one_file_lose_nothing(self, sqlite: Database) -> None:
        """Each has a lock of its own: what holds between them is that a transaction begins as a writing one."""
        others = [sqlite, Database(sqlite.url)]
        with sqlite.transaction() as session:
            session.add(Thing(id=1))
        start = threading.Barrier(4)

        def work(database: Database) -> None:
            start.wait()
            for _ in range(15):
                with database.transaction() as session:
                    session.get_one(Thing, 1).count += 1

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, others * 2))
        others[1].dispose()
        with sqlite.reading() as session:
            assert session.get_one(Thing, 1).count == 60

    def test_a_writer_waits_for_another_however_long_it_takes(self, sqlite: Database) -> None:
        """SQLite itself gives up after its busy timeout."""
        event.listen(sqlite.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=5"))
        begun = threading.Event()

        def work() -> None:
            begun.set()
            with sqlite.transaction() as session:
                session.add(Thing())

        with ThreadPoolExecutor(1) as pool:
            with sqlite.transaction() as session:
                session.add(Thing())
                session.flush()
                waiting = pool.submit(work)
                begun.wait(10)
                with pytest.raises(TimeoutError):
                    waiting.result(timeout=0.3)
            waiting.result(timeout=10)
        assert count(sqlite) == 2

    def test_one_inside_another_fails_instead_of_hanging(self, sqlite: Database) -> None:
        with sqlite.transaction() as session:
            session.add(Thing())
            with pytest.raises(RuntimeError, match="wait for itself"), sqlite.transaction():
                raise AssertionError("two at once")
        assert count(sqlite) == 1, "the outer one is none the worse"
        with sqlite.transaction() as session:
            session.add(Thing())
        assert count(sqlite) == 2

    def test_a_failed_statement_tells_no_values(self, database: Database) -> None:
        with database.transaction() as session:
            session.add(Thing(id=6, name="张三"))
        for wrong in ({"name": "张三"}, {"name": "张三丰", "count": None}):
            with pytest.raises(IntegrityError) as caught, database.transaction() as session:
                session.execute(insert(Thing).values(id=7, **wrong))
            # As a log shows it: with what caused it.
            assert "张三" not in "".join(traceback.format_exception(caught.value)).replace(repr(wrong), "")


class TestReading:
    def test_it_sees_what_is_committed_and_does_not_wait_for_writers(self, database: Database) -> None:
        with database.transaction() as session:
            session.add(Thing())
            session.flush()
            assert count(database) == 0, "not yet committed, and no waiting"
        assert count(database) == 1, "no stale view of an earlier look"

    def test_each_look_is_fresh_also_on_a_connection_that_has_looked_before(self, database: Database) -> None:
        for number in range(5):
            assert count(database) == number
            with database.transaction() as session:
                session.add(Thing())

    def test_it_keeps_nothing(self, database: Database) -> None:
        with database.reading() as session:
            session.add(Thing())
            session.flush()
        assert count(database) == 0

    def test_what_was_read_is_there_afterwards(self, database: Database) -> None:
        with database.transaction() as session:
            session.add(Thing(id=3, name="in"))
        with database.reading() as session:
            thing = session.get_one(Thing, 3)
        assert thing.name == "in"
