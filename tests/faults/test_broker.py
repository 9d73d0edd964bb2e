"""The broker is killed, kept away and wiped, processes and connections are cut; every effect is there once."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from shared import outbox
from shared.inbox import ParkedRow
from shared.jobs import JobRow
from shared.outbox import OutboxTodo
from tests import servers
from tests.faults.conftest import Site
from tests.shared import fake

pytestmark = pytest.mark.servers
PLANS = 5


class Writer(threading.Thread):
    """Publishes events of a few plans, and a job now and then, until it is stopped; notes what was committed."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.site, self.stopped, self.seen = site, threading.Event(), 0
        self.expected: Counter[tuple[str, int]] = Counter()
        self.numbers: Counter[str] = Counter()

    def write(self) -> None:
        """One change of each plan; a commit whose outcome is unknown is looked up by its event id."""
        for plan in (f"p{number}" for number in range(PLANS)):
            number = self.numbers[plan] + 1
            event_id = ""
            try:
                with self.site.plans.database.transaction() as session:
                    event_id = fake.publish(session, plan, number)
                    fake.publish_alone(session, f"{plan} alone {number}")
            except DBAPIError:
                if not self._committed(event_id):
                    continue
            self.numbers[plan] = number
            self.expected[plan, number] += 1
            self.expected[f"{plan} alone {number}", 0] += 1

    def write_job(self) -> None:
        """Queues one job."""
        key = f"job{self.seen}"
        try:
            fake.run_job(self.site.credits, "count", key)
        except DBAPIError:
            # Whether it was committed decides what is expected.
            if not self._job_exists(key):
                return
        self.expected[key, 1] += 1

    def run(self) -> None:
        """Writes at a steady pace."""
        while not self.stopped.wait(0.02):
            self.write()
            self.seen += 1
            if self.seen % 5 == 0:
                self.write_job()

    def _committed(self, event_id: str) -> bool:
        def look() -> bool:
            with self.site.plans.database.reading() as session:
                query = select(outbox.OutboxRow.id).where(outbox.OutboxRow.event_id == event_id)
                return session.scalar(query) is not None

        return _insist(look)

    def _job_exists(self, key: str) -> bool:
        def look() -> bool:
            with self.site.credits.database.reading() as session:
                return any(a.get("key") == key for a in session.scalars(select(JobRow.arguments)))

        return _insist(look)


def _insist(look: Callable[[], bool]) -> bool:
    """Asks until the database answers."""
    answer: list[bool] = []

    def ask() -> bool:
        try:
            answer.append(look())
        except DBAPIError:
            return False
        return True

    fake.wait_for(ask, 30)
    return answer[0]


def settle(site: Site, writer: Writer, seconds: float = 60) -> None:
    """Waits until every committed change has had its effect, then checks that none had it twice or out of order."""

    def complete() -> bool:
        site.supervise()
        return not (writer.expected - fake.effects(site.credits.database))

    fake.wait_for(complete, seconds)
    fake.wait_for(lambda: fake.count_rows(site.plans.database, OutboxTodo) == 0)
    assert fake.effects(site.credits.database) == writer.expected, "applied twice, or what was never committed"
    fake.wait_for(lambda: fake.count_rows(site.credits.database, ParkedRow) == 0)
    with site.credits.database.reading() as session:
        for plan in (f"p{number}" for number in range(PLANS)):
            numbers = session.scalars(
                select(fake.Effect.number).where(fake.Effect.key == plan).order_by(fake.Effect.id)
            ).all()
            assert numbers == sorted(numbers), "out of order"


def test_messages_written_while_the_broker_is_away_arrive_once(site: Site) -> None:
    writer = Writer(site)
    writer.write()
    settle(site, writer)
    site.node.kill()
    for _ in range(20):
        writer.write()
    assert fake.count_rows(site.plans.database, OutboxTodo) == 20 * 2 * PLANS
    site.node.start()
    settle(site, writer)


def test_broker_that_lost_its_data_is_sent_everything_again(site: Site) -> None:
    writer = Writer(site)
    for _ in range(10):
        writer.write()
    settle(site, writer)
    # What is confirmed but not received goes down with the broker.
    site.kill("bus", "credits")
    for _ in range(10):
        writer.write()
    fake.wait_for(lambda: fake.count_rows(site.plans.database, OutboxTodo) == 0)
    site.node.kill()
    site.node.wipe()
    writer.write()
    site.node.start()
    site.start("bus", "credits")
    settle(site, writer)


def cut_databases(site: Site) -> None:
    """Ends every connection to both databases, as a restart of PostgreSQL does."""
    with psycopg.connect(servers.POSTGRES, autocommit=True) as admin:
        for url in site.urls.values():
            name = url.rsplit("/", 1)[1]
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


def test_rounds_of_killing_under_load(site: Site) -> None:
    """Each kind of fault at least once, at moments that chance chooses, while events and jobs are written."""
    site.start("worker", "credits")
    writer = Writer(site)
    chance = random.Random()
    writer.start()
    faults = ["relay", "consumer", "worker", "databases", "relay", "consumer", "databases", "broker", "wipe"]
    chance.shuffle(faults)
    try:
        for fault in faults:
            seen = writer.seen + chance.randrange(5, 30)
            fake.wait_for(lambda seen=seen: (site.supervise(), writer.seen >= seen)[1])
            if fault == "databases":
                cut_databases(site)
            elif fault in ("broker", "wipe"):
                site.node.kill()
                if fault == "wipe":
                    site.node.wipe()
                site.node.start()
            else:
                part, service = ("worker" if fault == "worker" else "bus"), ("plans" if fault == "relay" else "credits")
                site.kill(part, service)
                site.start(part, service)
    finally:
        writer.stopped.set()
        writer.join(30)
    print(f"faults: {' '.join(faults)}; {writer.expected.total()} changes")
    settle(site, writer, 90)
