"""Two people at the same moment, on PostgreSQL with real threads: one wins, the other reads who, when and what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, select

from services.plans.approval import operations, queries, signatures
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine
from services.plans.desk import bulk
from services.plans.projects import auditing
from services.plans.projects.models import Audit, Result
from services.plans.rosters import importing
from shared.actors import Actor
from shared.database import Database
from shared.errors import Conflict, DomainError, Invalid
from shared.outbox import OutboxRow
from shared.ui.filters import local_time
from tests.at_once import at_once
from tests.plans import builders as make
from tests.plans import test_claims as claims
from tests.plans.acting import POINT

pytestmark = pytest.mark.servers


def waiting(postgres: Database, count: int = 1) -> list[tuple[str, int]]:
    """Plans that wait at the county, with the version that everybody has seen."""
    with postgres.transaction() as session:
        plans = [make.submit(session, make.make_plan(session, items=[make.item()])) for _ in range(count)]
        return [(plan.id, plan.version) for plan in plans]


def doing(
    postgres: Database, who: str | Actor, plan: tuple[str, int], name: str, **more: Any
) -> Callable[[], tuple[str, str | None]]:
    """One act in a transaction of its own; what the plan's status and stage then are."""

    def act() -> tuple[str, str | None]:
        with postgres.transaction() as session:
            actor = make.actor(who) if isinstance(who, str) else who
            done = operations.perform(session, actor, plan[0], name, version=plan[1], **more)
            return done.status, done.stage

    return act


def one_won(postgres: Database, plan_id: str, answers: list[Any]) -> None:
    """One act happened: one line, one decision told; everybody else reads who and when (T2, A15)."""
    losers = [answer for answer in answers if isinstance(answer, Conflict)]
    assert len(losers) == len(answers) - 1, answers
    with postgres.reading() as session:
        submission, winner = queries.trail(session, session.get_one(Plan, plan_id))
        assert submission.act == "submit"
        for loser in losers:
            assert (loser.extra["decided_by"], loser.extra["verdict"]) == (winner.actor_name, winner.act)
            assert f"已由{winner.actor_name}于 {local_time(winner.at)} 办理" in loser.detail
        decided = session.scalars(
            select(OutboxRow.id).where(OutboxRow.aggregate_id == plan_id, OutboxRow.name == "plans.plan_decided.v1")
        ).all()
        assert len(decided) == 1


def test_t2_fifty_reviewers_decide_the_same_plan_at_once(postgres: Database) -> None:
    """A15."""
    (plan,) = waiting(postgres)
    fifty = [make.reviewer(make.DONGHU, f"account-{n}", f"person-{n}", f"审核人{n}") for n in range(50)]
    verdicts: list[tuple[str, dict[str, Any]]] = [
        ("approve", {}), ("return", {"points": [{**POINT, "field": "items.0.records"}]}),
    ]  # fmt: skip
    acts = [doing(postgres, who, plan, verdicts[n % 2][0], **verdicts[n % 2][1]) for n, who in enumerate(fifty)]
    one_won(postgres, plan[0], at_once(*acts))


def test_t2_different_verdicts_at_once(postgres: Database) -> None:
    for plan in waiting(postgres, 10):
        acts = [
            doing(postgres, "county.donghu", plan, "approve"),
            doing(postgres, "audit.donghu", plan, "approve"),
            doing(postgres, "county.donghu2", plan, "return", points=[{**POINT, "field": "items.0.records"}]),
        ]
        one_won(postgres, plan[0], at_once(*acts))


def test_approving_and_withdrawing_at_once(postgres: Database) -> None:
    for plan in waiting(postgres, 10):
        answers = at_once(
            doing(postgres, "county.donghu", plan, "approve"), doing(postgres, "school.qingfeng", plan, "withdraw")
        )
        (won,) = [answer for answer in answers if not isinstance(answer, DomainError)]
        (lost,) = [answer for answer in answers if isinstance(answer, DomainError)]
        assert won in (("under_review", "district_review"), ("draft", None))
        assert isinstance(lost, Conflict)
        assert "已由" in lost.detail


def test_taking_back_and_deciding_at_the_next_stage_at_once(postgres: Database) -> None:
    for plan_id, _ in waiting(postgres, 10):
        with postgres.transaction() as session:
            done = make.approve(session, session.get_one(Plan, plan_id), "county.donghu")
            plan = (plan_id, done.version)
        answers = at_once(
            doing(postgres, "county.donghu", plan, "take_back"), doing(postgres, "district.nanchang", plan, "approve")
        )
        assert sum(isinstance(answer, Conflict) for answer in answers) == 1, answers
        with postgres.reading() as session:
            held = session.get_one(Plan, plan_id)
            signed = signatures.standing(queries.trail(session, held))
            assert (held.stage, set(signed)) in (
                ("county_review", set()), ("province_filing", {"county_review", "district_review"}),
            )  # fmt: skip


def test_two_ask_for_signers_at_once(postgres: Database) -> None:
    """Two different ones: both are asked. The same one: once. And an approval never slips past either."""
    for number, plan in enumerate(waiting(postgres, 6)):
        signers = ["county.donghu2", "district.nanchang"] if number % 2 else ["district.nanchang"] * 2
        answers = at_once(
            doing(postgres, "county.donghu", plan, "add_signer", to=[signers[0]], opinion="请加签。"),
            doing(postgres, "audit.donghu", plan, "add_signer", to=[signers[1]], opinion="请加签。"),
            doing(postgres, "audit.donghu", plan, "approve"),
        )
        with postgres.reading() as session:
            held = session.get_one(Plan, plan[0])
            open_to = [r.asked_account for r in queries.requests_of(session, held) if r.closed_at is None]
            assert len(open_to) == len(set(open_to))
            approved = not isinstance(answers[2], DomainError)
            assert held.stage == ("district_review" if approved else "county_review")
            assert not (approved and open_to)


def test_t20_two_people_approve_the_same_fifty_at_once(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each plan is decided once; whoever comes second reads it of each, and nothing but 409."""
    # Fifty of one school and year are doublets of each other: here it is the locks that are looked at.
    monkeypatch.setattr(bulk, "deserves_a_look", lambda session, plan: False)
    plans = waiting(postgres, 50)
    items = [{"id": plan_id, "version": version} for plan_id, version in plans]

    def approve(who: str, chosen: list[dict[str, Any]]) -> Callable[[], list[bulk.Outcome]]:
        def act() -> list[bulk.Outcome]:
            with postgres.transaction() as session:
                return bulk.approve_all(session, make.actor(who), chosen, "同意。")

        return act

    answers = at_once(approve("county.donghu", items), approve("county.donghu2", items[::-1]))
    assert all(isinstance(answer, list) and len(answer) == 50 for answer in answers), answers
    done = [outcome.plan_id for answer in answers for outcome in answer if outcome.done]
    assert sorted(done) == sorted(plan_id for plan_id, _ in plans)
    assert all("已由" in outcome.detail for answer in answers for outcome in answer if not outcome.done)
    with postgres.reading() as session:
        lines = session.scalars(select(PlanLine.plan_id).where(PlanLine.act == "approve")).all()
        assert sorted(lines) == sorted(done)


def test_one_approval_takes_few_statements(postgres: Database) -> None:
    (plan,) = waiting(postgres)
    sent: list[str] = []
    event.listen(postgres.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    doing(postgres, "county.donghu", plan, "approve")()
    reads = [statement for statement in sent if not statement.startswith(("BEGIN", "COMMIT", "SET"))]
    assert len(reads) <= 14, "\n".join(reads)


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


def test_t19_one_certificate_filed_by_her_and_her_school_at_once_is_taken_once(
    postgres: Database,
) -> None:
    with postgres.transaction() as session:
        drafts = [
            (claims.claim(session).id, claims.teacher()),
            (claims.for_her(session).id, make.actor("school.qingfeng")),
        ]

    def file(plan_id: str, who: Actor) -> Callable[[], str]:
        def act() -> str:
            with postgres.transaction() as session:
                return operations.perform(session, who, plan_id, "submit").number

        return act

    answers = at_once(*[file(*draft) for draft in drafts])
    (number,) = [answer for answer in answers if isinstance(answer, str)]
    (refusal,) = [answer for answer in answers if isinstance(answer, Invalid)]
    assert number in refusal.fields["claim.obtained_on"][0]
