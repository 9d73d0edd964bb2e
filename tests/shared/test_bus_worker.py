"""Jobs through RabbitMQ and a real Celery worker, which is killed while it works; and beat's ticks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select, update

from shared.database import utc_now
from shared.jobs import JobRow
from shared.outbox import OutboxRow, OutboxTodo
from tests import servers
from tests.shared import fake
from tests.shared.fake import World

pytestmark = pytest.mark.servers


class Jobs:
    """The jobs of `credits` with a worker that runs them and a relay that is stepped while something is waited for."""

    def __init__(self, world: World, folder: Path) -> None:
        self.folder = folder
        self.credits = world.credits
        self.relay = fake.Relay(world.credits.database, fake.AmqpTransport(world.credits))
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, part: str) -> subprocess.Popen[bytes]:
        """Starts `worker` or `beat`."""
        command = [sys.executable, "-m", "tests.shared.process", part, "credits", self.credits.database.url]
        with (self.folder / f"{part}.log").open("ab") as log:
            process = subprocess.Popen([*command, self.credits.settings.amqp_url], stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def wait(self, job_id: str, state: str) -> JobRow:
        """Waits until a job is in a state."""
        fake.wait_for(lambda: (self.relay.step(), self.row(job_id).state == state)[1], 60)
        return self.row(job_id)

    def row(self, job_id: str) -> JobRow:
        """How far a job is."""
        with self.credits.database.reading() as session:
            row = session.get(JobRow, job_id)
            assert row is not None
            session.expunge_all()
            return row

    def run(self, job: str, key: str) -> str:
        """Queues a job."""
        return fake.run_job(self.credits, job, key)

    def starts(self, key: str) -> list[int]:
        """The processes in which the slow job for `key` was started, in order."""
        with self.credits.database.reading() as session:
            query = select(fake.Effect.number).where(fake.Effect.key == f"process of {key}").order_by(fake.Effect.id)
            return list(session.scalars(query))

    def make_due(self) -> None:
        """As if every delay were over."""
        with self.credits.database.transaction() as session:
            session.execute(update(OutboxTodo).values(not_before=utc_now()))

    @contextmanager
    def slow(self, key: str) -> Iterator[tuple[str, int]]:
        """A job that is at work, and the process that it is in; it may end when the block does."""
        fake.set_broken(self.credits, key, True)
        job_id = self.run("slow", key)
        fake.wait_for(lambda: (self.relay.step(), self.starts(key))[1], 60)
        fake.wait_for(lambda: self.row(job_id).done == 1)
        yield job_id, self.starts(key)[0]
        fake.set_broken(self.credits, key, False)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """One worker for the whole module: it takes seconds to start."""
    servers.need_servers()
    urls = [servers.create_database("xuefen_test") for _ in range(2)]
    url = servers.create_vhost("xuefen_test")
    world = fake.World(fake.make("plans", urls[0], url), fake.make("credits", urls[1], url))
    made = Jobs(world, tmp_path_factory.mktemp("logs"))
    made.relay.transport.idle()
    made.start("worker")
    yield made
    for process in made.processes:
        process.kill()
        process.wait()
    made.relay.transport.close()
    world.close()
    for database in urls:
        servers.drop_database(database)
    servers.drop_vhost(url)


def test_job_runs_in_the_worker_and_shows_its_progress(work: Jobs) -> None:
    with work.slow("visible") as (job_id, _):
        row = work.row(job_id)
        assert (row.state, row.done, row.total, row.result) == ("running", 1, 2, None)
    assert work.wait(job_id, "done").attempts == 1
    assert fake.effects(work.credits.database)["visible", 1] == 1


def test_job_whose_process_is_killed_runs_again_and_has_its_effect_once(work: Jobs) -> None:
    with work.slow("child") as (job_id, process):
        os.kill(process, signal.SIGKILL)
        fake.wait_for(lambda: len(work.starts("child")) == 2, 60)
        assert work.starts("child")[1] != process
    work.wait(job_id, "done")
    assert fake.effects(work.credits.database)["child", 1] == 1


def test_worker_that_is_killed_whole_loses_no_job(work: Jobs) -> None:
    waiting = []
    with work.slow("worker") as (job_id, child):
        waiting = [work.run("count", f"waiting-{number}") for number in range(5)]
        while work.relay.step():
            pass
        work.processes[0].kill()
        work.processes.pop(0).wait()
        os.kill(child, signal.SIGKILL)  # it would end by itself, some seconds after its parent
        work.start("worker")
        fake.wait_for(lambda: len(work.starts("worker")) >= 2, 60)
    for each in (job_id, *waiting):
        work.wait(each, "done")
    assert fake.effects(work.credits.database)["worker", 1] == 1
    assert [fake.effects(work.credits.database)[f"waiting-{number}", 1] for number in range(5)] == [1] * 5


def test_job_that_raises_is_tried_again_from_the_database(work: Jobs) -> None:
    fake.set_broken(work.credits, "again", True)
    job_id = work.run("flaky", "again")
    fake.wait_for(lambda: (work.relay.step(), work.row(job_id).attempts == 1 and work.row(job_id).state == "queued")[1])
    fake.set_broken(work.credits, "again", False)
    work.make_due()
    assert work.wait(job_id, "done").attempts == 2
    assert fake.effects(work.credits.database)["again", 1] == 1


def test_job_that_the_user_must_mend_fails_with_the_sentence(work: Jobs) -> None:
    row = work.wait(work.run("refuse", "refused"), "failed")
    assert (row.error, row.attempts) == ("第 3 行的身份证号不正确。", 1)


def test_job_that_the_worker_does_not_know_comes_back_through_the_dead_letters(work: Jobs) -> None:
    job_id = work.run("of_the_next_release", "unknown")
    consumer = fake.Consumer(work.credits)
    fake.wait_for(lambda: (work.relay.step(), consumer.step(0.2), work.row(job_id).attempts == 1)[2])
    consumer.close()
    with work.credits.database.reading() as session:
        assert session.scalar(select(OutboxTodo.not_before)) is not None


def test_request_id_travels_from_the_request_to_the_job_and_to_the_events_of_the_job(work: Jobs) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-77", account_id="a-1"):
        job_id = work.run("tell", "told")
    work.wait(job_id, "done")
    with work.credits.database.reading() as session:
        event = session.scalars(select(OutboxRow).where(OutboxRow.kind == "event")).one()
        assert event.headers == {"request_id": "r-77", "account_id": "a-1", "causation_id": job_id}


def test_celery_leaves_logging_as_it_is(work: Jobs) -> None:
    """Our job's line and Celery's own lines are JSON objects, written by the same processors."""
    job_id = work.run("count", "logged")
    work.wait(job_id, "done")

    def lines() -> list[dict[str, object]]:
        text = (work.folder / "worker.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    wait = fake.wait_for
    wait(lambda: any(line["event"] == "job_ended" and line["job_id"] == job_id for line in lines()))
    wait(lambda: any(str(line["logger"]).startswith("celery") and job_id in str(line["event"]) for line in lines()))
    assert "logged" not in (work.folder / "worker.log").read_text(), "arguments of jobs are not logged"


def test_beat_starts_scheduled_jobs_through_the_outbox(work: Jobs) -> None:
    beat = work.start("beat")
    fake.wait_for(lambda: (work.relay.step(), fake.effects(work.credits.database)["daily", 1] >= 2)[1], 60)
    beat.terminate()
    assert beat.wait(30) == 0
    with work.credits.database.reading() as session:
        rows = session.scalars(select(JobRow).where(JobRow.name == "credits.daily").order_by(JobRow.created_at)).all()
        times = [row.created_at for row in rows]
    assert all((later - earlier).total_seconds() > 0.4 for earlier, later in pairwise(times))


def test_worker_ends_in_peace_on_sigterm(work: Jobs) -> None:
    worker = work.processes[0] if work.processes[0].poll() is None else work.processes[1]
    worker.terminate()
    assert worker.wait(40) == 0
