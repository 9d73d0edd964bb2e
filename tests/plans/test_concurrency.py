"""Two people at the same moment, on PostgreSQL with real threads: one wins, the other reads who, when and what."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from services.plans.approval import operations, queries
from services.plans.approval.models import Plan
from services.plans.projects import auditing, importing
from services.plans.projects.models import Audit, Result
from shared.database import Database
from shared.errors import Conflict, DomainError
from shared.outbox import OutboxRow
from tests.plans import builders as make

pytestmark = pytest.mark.servers


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Runs all at the same moment; what each returned or raised, in their order."""
    barrier = threading.Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        barrier.wait(timeout=20)
        try:
            return act()
        except DomainError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def test_two_reviewers_decide_at_once(postgres: Database) -> None:
    for _ in range(10):
        with postgres.transaction() as session:
            plan = make.submit(session, make.make_plan(session))
            plan_id, version = plan.id, plan.version

        def decide(
            username: str, verdict: str, plan_id: str = plan_id, version: int = version, **more: Any
        ) -> Callable[[], Any]:
            def act() -> Any:
                with postgres.transaction() as session:
                    who = make.actor(username)
                    return operations.perform(session, who, plan_id, verdict, version=version, **more).status

            return act

        answers = at_once(
            decide("county.donghu", "approve"),
            decide("county.donghu2", "refuse", opinion="不符合要求"),
            decide("audit.donghu", "approve"),
        )
        losers = [answer for answer in answers if isinstance(answer, Conflict)]
        assert len(losers) == 2, answers
        with postgres.reading() as session:
            plan = session.get_one(Plan, plan_id)
            lines = queries.history(session, plan)
            assert len(lines) == 2
            submission, winner = lines
            assert submission.act == "submit"
            for loser in losers:
                assert loser.extra["decided_by"] == winner.actor_name
                assert loser.extra["verdict"] == winner.act
                assert f"已由{winner.actor_name}于 " in loser.detail
            decided = session.scalars(
                select(OutboxRow.id).where(OutboxRow.aggregate_id == plan_id, OutboxRow.name == "plans.plan_decided.v1")
            ).all()
            assert len(decided) == 1


def test_numbers_are_given_out_once(postgres: Database) -> None:
    def create() -> str:
        with postgres.transaction() as session:
            return make.make_plan(session).number

    numbers = at_once(*[create] * 8)
    assert sorted(numbers) == [f"F2026-3601020001-{n:02d}" for n in range(1, 9)]


def test_two_auditors_audit_at_once(postgres: Database) -> None:
    with postgres.transaction() as session:
        project = make.make_project(session)
        make.bring_in(session, project, make.roster_rows(20))

    def audit(username: str) -> Callable[[], Any]:
        def act() -> Any:
            with postgres.transaction() as session:
                return auditing.audit_results(session, make.actor(username), project.id).id

        return act

    answers = at_once(audit("audit.donghu"), audit("county.donghu2"))
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "str"]
    with postgres.reading() as session:
        assert len(session.scalars(select(Audit)).all()) == 1
        assert set(session.scalars(select(Result.attempt))) == {1}


def test_an_import_and_an_audit_at_once_leave_every_result_whole(postgres: Database) -> None:
    with postgres.transaction() as session:
        project = make.make_project(session)
        make.bring_in(session, project, make.roster_rows(20))
        rows = make.roster_rows(20)
        for row in rows:
            row[2] = 30
        upload = make.upload(make.workbook(rows))
        found = importing.check_roster(session, project, upload, make.IDENTITY_KEY.encode())
        kept = importing.keep_roster(session, make.actor("county.donghu"), project.id, upload, found.report())

    def bring() -> Any:
        with postgres.transaction() as session:
            return importing.import_roster(session, session.merge(kept, load=True), found)

    def audit() -> Any:
        with postgres.transaction() as session:
            return auditing.audit_results(session, make.actor("audit.donghu"), project.id).count

    report, count = at_once(bring, audit)
    assert count == 20
    with postgres.reading() as session:
        states = {(hours, state) for hours, state in session.execute(select(Result.hours, Result.state))}
        told = session.scalars(select(OutboxRow.payload).where(OutboxRow.name == "plans.results_audited.v1")).one()
    # Whichever came first: what was told to credits is what the roster shows.
    hours = {row["hours"] for row in told["results"]}
    assert len(states) == 1
    assert {f"{h}" for h, _ in states} == hours
    assert (report["updated"], report["spared"]) in ((20, 0), (0, 20))
