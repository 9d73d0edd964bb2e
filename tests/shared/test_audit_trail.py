"""What services do by themselves is in the audit trail too: messages applied, effects of jobs; on both backends."""

from __future__ import annotations

import threading
from collections import Counter

from sqlalchemy import select

from shared import jobs
from shared.audit_trail import AuditPending, AuditRow, run_sealer
from shared.database import Database
from tests.shared import fake
from tests.shared.fake import World


def acts(database: Database) -> Counter[tuple[str, str, str]]:
    """How often each (act, account, record) waits to be sealed."""
    with database.reading() as session:
        return Counter((row.act, row.account_id, row.record) for row in session.scalars(select(AuditPending)))


def test_d5_a_message_is_there_once_by_whom_it_came(world: World) -> None:
    world.decide("p1", 1)
    world.decide("p1", 2)
    with world.credits.database.transaction() as session:
        session.add(fake.Broken(key="p2"))
    world.decide("p2", 1)
    world.deliver()
    name = "plans.plan_decided.v1"
    assert acts(world.credits.database) == {(name, "system", "plan=p1"): 2}  # p2 failed, and left nothing
    with world.credits.database.transaction() as session:
        session.query(fake.Broken).delete()
    world.sweep()
    assert acts(world.credits.database)[name, "system", "plan=p2"] == 1


def test_d5_a_job_is_there_once_and_the_sealer_seals(world: World) -> None:
    run = world.credits
    job_id = fake.run_job(run, "count", "j1")
    for _ in range(2):
        jobs.run_job(run.database, run.service.jobs, job_id, "credits.count", {"key": "j1"}, {"account_id": "a1"}, run)
    assert acts(run.database) == {("credits.count", "a1", f"job={job_id}"): 1}
    stop = threading.Event()
    sealer = threading.Thread(target=run_sealer, args=(run.database, stop, 0.01))
    sealer.start()
    try:
        fake.wait_for(lambda: not acts(run.database), 10)
    finally:
        stop.set()
        sealer.join()
    with run.database.reading() as session:
        assert session.scalars(select(AuditRow.number)).all() == [1]
