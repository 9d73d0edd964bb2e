"""A job shows its progress, changes things once, and ends: done, or failed with a sentence; on both backends."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import func, select, update

from shared import jobs
from shared.database import utc_now
from shared.errors import NotFound
from shared.jobs import JobRow
from shared.outbox import OutboxRow, OutboxTodo
from shared.relay import LocalTransport, Relay, run_schedule
from tests.shared import fake
from tests.shared.fake import World


def job(world: World, job_id: str) -> JobRow:
    """How far it is."""
    with world.credits.database.reading() as session:
        row = session.get(JobRow, job_id)
        assert row is not None
        session.expunge_all()
        return row


def deliver(world: World, job_id: str) -> None:
    """One delivery, as by the dispatcher or a Celery worker."""
    row, run = job(world, job_id), world.credits
    jobs.run_job(run.database, run.service.jobs, job_id, row.name, row.arguments, {}, run)


def not_before(world: World, job_id: str) -> float | None:
    """In how many seconds it is to be sent again; None: it is not queued."""
    with world.credits.database.reading() as session:
        query = select(OutboxTodo.not_before).join(OutboxRow).where(OutboxRow.event_id == job_id)
        at = session.scalar(query)
    return None if at is None else (at - utc_now()).total_seconds()


def sent(world: World) -> None:
    """As if the relay had sent everything."""
    with world.credits.database.transaction() as session:
        session.query(OutboxTodo).delete()


def test_job_has_its_effect_once_however_often_it_is_delivered(world: World) -> None:
    job_id = fake.run_job(world.credits, "count", "j1")
    assert job(world, job_id).state == "queued"
    for _ in range(3):
        deliver(world, job_id)
    row = job(world, job_id)
    assert (row.state, row.result, row.attempts, row.error) == ("done", {"counted": 1}, 1, None)
    assert (row.done, row.total) == (1, 2)
    assert row.finished
    assert row.finished_at
    assert world.effects() == {("j1", 1): 1}


def test_two_deliveries_at_once_have_one_effect(world: World) -> None:
    """As after a broken connection: the broker gives the job to another while the first still works."""
    job_id = fake.run_job(world.credits, "slow", "j1")
    fake.set_broken(world.credits, "j1", True)
    threads = [threading.Thread(target=deliver, args=(world, job_id), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    fake.wait_for(lambda: job(world, job_id).attempts == 2 and job(world, job_id).done == 1)
    assert job(world, job_id).state == "running"
    fake.set_broken(world.credits, "j1", False)
    for thread in threads:
        thread.join()
    assert world.effects()["j1", 1] == 1
    assert job(world, job_id).state == "done"


def test_job_that_raises_is_tried_again_later_and_then_done(world: World) -> None:
    fake.set_broken(world.credits, "j1", True)
    job_id = fake.run_job(world.credits, "flaky", "j1")
    sent(world)
    deliver(world, job_id)
    assert job(world, job_id).state == "queued"
    wait = not_before(world, job_id)
    assert wait is not None
    assert 0 < wait <= 2
    fake.set_broken(world.credits, "j1", False)
    deliver(world, job_id)
    assert job(world, job_id).state == "done"
    assert world.effects() == {("j1", 1): 1}


def test_job_that_always_raises_fails_with_a_sentence_for_people(world: World) -> None:
    fake.set_broken(world.credits, "j1", True)
    job_id = fake.run_job(world.credits, "flaky", "j1")
    for _ in range(jobs.MAX_ATTEMPTS):
        sent(world)
        deliver(world, job_id)
    row = job(world, job_id)
    assert (row.state, row.error) == ("failed", f"系统错误，任务未完成，请联系管理员（编号 {job_id}）。")
    assert not_before(world, job_id) is None
    assert world.effects() == {}


def test_what_the_user_must_mend_fails_at_once_with_that_sentence(world: World) -> None:
    job_id = fake.run_job(world.credits, "refuse", "j1")
    sent(world)
    deliver(world, job_id)
    row = job(world, job_id)
    assert (row.state, row.error) == ("failed", "第 3 行的身份证号不正确。")
    assert row.result == {"fields": {"3": ["身份证号"]}}
    assert not_before(world, job_id) is None
    assert world.effects() == {}


def test_failure_after_the_effect_leaves_the_job_done(world: World) -> None:
    job_id = fake.run_job(world.credits, "late", "j1")
    sent(world)
    deliver(world, job_id)
    deliver(world, job_id)
    assert job(world, job_id).state == "done"
    assert not_before(world, job_id) is None
    assert world.effects() == {("j1", 1): 1}


def test_job_that_this_program_does_not_know_is_tried_again(world: World) -> None:
    job_id = fake.run_job(world.credits, "of_the_next_release", "j1")
    sent(world)
    deliver(world, job_id)
    assert job(world, job_id).state == "queued"
    assert not_before(world, job_id) is not None


def test_job_that_kills_its_process_is_given_up_in_the_end(world: World) -> None:
    job_id = fake.run_job(world.credits, "count", "j1")
    with world.credits.database.transaction() as session:
        session.execute(update(JobRow).values(attempts=jobs.MAX_STARTS, state="running"))
    deliver(world, job_id)
    assert job(world, job_id).state == "failed"
    assert world.effects() == {}


def test_dead_letter_is_queued_again_until_it_is_given_up(world: World) -> None:
    job_id = fake.run_job(world.credits, "count", "j1")
    for _ in range(jobs.MAX_STARTS - 1):
        sent(world)
        assert jobs.revive(world.credits.database, job_id)
        assert not_before(world, job_id) is not None
    assert jobs.revive(world.credits.database, job_id)
    assert job(world, job_id).state == "failed"
    assert not jobs.revive(world.credits.database, job_id)
    assert not jobs.revive(world.credits.database, "nobody")


def test_job_that_was_lost_is_queued_again(world: World) -> None:
    lost, waiting, young, done = (fake.run_job(world.credits, "count", key) for key in ("l", "w", "y", "d"))
    deliver(world, done)
    with world.credits.database.transaction() as session:
        ago = utc_now() - jobs.LOST_AFTER - timedelta(minutes=1)
        session.execute(update(JobRow).where(JobRow.id.in_((lost, waiting, done))).values(created_at=ago))
        queued = select(OutboxRow.id).where(OutboxRow.event_id == waiting)
        session.query(OutboxTodo).where(OutboxTodo.outbox_id != queued.scalar_subquery()).delete()
    assert jobs.revive_lost(world.credits.database) == 1
    assert [not_before(world, i) is not None for i in (lost, waiting, young, done)] == [True, True, False, False]
    sent(world)
    assert jobs.revive_lost(world.credits.database) == 1  # only the one that waited before; the other has an hour
    assert job(world, lost).attempts == 0


def test_job_is_shown_to_the_account_that_started_it_and_to_nobody_else(world: World) -> None:
    with structlog.contextvars.bound_contextvars(account_id="a-1"):
        job_id = fake.run_job(world.credits, "count", "j1")
    scheduled = fake.run_job(world.credits, "count", "j2")
    with world.credits.database.reading() as session:
        assert jobs.visible_job(session, "a-1", job_id).id == job_id
        for account, asked in (("a-2", job_id), ("a-1", scheduled), ("a-1", "no such job")):
            with pytest.raises(NotFound):
                jobs.visible_job(session, account, asked)


def test_progress_inside_the_effect_is_refused_instead_of_waiting_for_ever(world: World) -> None:
    work = jobs.Job(world.credits.database, fake.run_job(world.credits, "count", "j1"), "credits.count", {})
    with pytest.raises(RuntimeError, match="inside effect"), work.effect():
        work.progress(1)


def test_events_of_a_job_name_it_as_their_cause(world: World) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        job_id = fake.run_job(world.credits, "tell", "p1")
    with world.credits.database.reading() as session:
        headers = session.scalars(select(OutboxRow)).one().headers
    jobs.run_job(
        world.credits.database, world.credits.service.jobs, job_id, "credits.tell", {"key": "p1"}, headers, None
    )
    with world.credits.database.reading() as session:
        event = session.scalars(select(OutboxRow).where(OutboxRow.kind == "event")).one()
        assert event.headers == {"request_id": "r-1", "causation_id": job_id}


def test_tick_starts_a_scheduled_job_unless_one_is_unfinished_or_recent(world: World) -> None:
    database = world.credits.database
    first = jobs.tick(database, "credits.daily", 60)
    assert first is not None
    assert jobs.tick(database, "credits.daily", 0) is None  # unfinished
    assert jobs.tick(database, "credits.count", 60) is not None
    deliver(world, first)
    assert jobs.tick(database, "credits.daily", 60) is None  # recent
    assert jobs.tick(database, "credits.daily", 0) is not None


def test_ticks_at_once_start_one_job(world: World) -> None:
    started: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: started.append(jobs.tick(world.credits.database, "credits.daily", 60)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([job_id for job_id in started if job_id]) == 1


def test_embedded_parts_know_neither_kombu_nor_celery() -> None:
    program = "import sys, shared.embedded; print(*sorted({'amqp', 'kombu', 'celery', 'billiard'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


def test_embedded_threads_run_jobs_and_the_schedule(embedded: World) -> None:
    run, stop = embedded.credits, threading.Event()
    relay = Relay(run.database, LocalTransport({"credits": run}), kind="job")
    run.database.after_commit = relay.wake.set
    threads = [
        threading.Thread(target=relay.run, args=(stop,)),
        threading.Thread(target=run_schedule, args=(run, stop, 0.05)),
    ]
    for thread in threads:
        thread.start()
    fake.set_broken(run, "j1", True)
    flaky = fake.run_job(run, "flaky", "j1")
    fake.wait_for(lambda: job(embedded, flaky).attempts == 1 and job(embedded, flaky).state == "queued")
    fake.set_broken(run, "j1", False)
    fake.wait_for(lambda: job(embedded, flaky).state == "done")
    fake.wait_for(lambda: embedded.effects()["daily", 1] >= 2)
    stop.set()
    for thread in threads:
        thread.join(10)
    assert embedded.effects()["j1", 1] == 1
    with run.database.reading() as session:
        unfinished = session.scalar(select(func.count()).where(JobRow.state.in_(("queued", "running"))))
        assert (unfinished or 0) <= 1
