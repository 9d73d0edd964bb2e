"""Two people at the same moment on one project, on PostgreSQL: one wins, the other reads who was faster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.plans.projects import auditing, correcting, publicity, voiding
from services.plans.projects.models import Audit, Project, ProjectLine
from shared.database import Database
from shared.errors import Conflict
from shared.events.credits import CreditsRecorded, RecordedResult
from shared.outbox import OutboxRow
from tests.at_once import at_once
from tests.plans import builders as make

pytestmark = pytest.mark.servers
COUNTY, SECOND, AUDITOR = (make.actor(name) for name in ("county.donghu", "county.donghu2", "audit.donghu"))


@pytest.fixture
def project(postgres: Database) -> Project:
    """A project without 折算 in which ten results wait."""
    with postgres.transaction() as session:
        made = make.make_project(session, convert=False)
        make.bring_in(session, made, make.roster_rows(10))
        return made


def in_transaction(postgres: Database, act: Callable[[Session], Any]) -> Callable[[], Any]:
    """The act in a transaction of its own."""

    def run() -> Any:
        with postgres.transaction() as session:
            return act(session)

    return run


def one_wins(answers: list[Any]) -> Conflict:
    """The error of the only loser."""
    (loser,) = [answer for answer in answers if isinstance(answer, Conflict)]
    return loser


def told(postgres: Database) -> list[str]:
    """Names of the events, in order."""
    with postgres.reading() as session:
        return list(session.scalars(select(OutboxRow.name).where(OutboxRow.kind == "event").order_by(OutboxRow.id)))


def test_two_corrections_at_once(postgres: Database, project: Project) -> None:
    def correct(who: Any, **changes: Any) -> Callable[[], Any]:
        return in_transaction(
            postgres,
            lambda session: (
                correcting.correct_project(
                    session, who, project.id, version=project.version, reason="更正", **changes
                ).correction
            ),
        )

    loser = one_wins(at_once(correct(COUNTY, convert=True), correct(SECOND, mode="online")))
    assert loser.extra["verdict"] == "correct"
    assert loser.extra["decided_by"] in (COUNTY.name, SECOND.name)
    assert told(postgres) == ["plans.project_corrected.v1"]
    with postgres.reading() as session:
        assert session.get_one(Project, project.id).correction == 1


def test_a_correction_and_an_audit_of_the_same_page_at_once(postgres: Database, project: Project) -> None:
    """Whoever audits saw what one participant gets: after a correction that was another figure."""
    answers = at_once(
        in_transaction(
            postgres,
            lambda session: (
                correcting.correct_project(
                    session, COUNTY, project.id, version=project.version, convert=True, reason="漏勾折算"
                ).correction
            ),
        ),
        in_transaction(
            postgres,
            lambda session: auditing.audit_results(session, AUDITOR, project.id, version=project.version).count,
        ),
    )
    loser = one_wins(answers)
    winner = "correct" if answers[0] == 1 else "audit"
    assert loser.extra["verdict"] == winner
    assert told(postgres) == [{"correct": "plans.project_corrected.v1", "audit": "plans.results_audited.v1"}[winner]]


def test_declaring_void_and_auditing_at_once(postgres: Database, project: Project) -> None:
    answers = at_once(
        in_transaction(
            postgres,
            lambda session: (
                voiding.void_project(session, COUNTY, project.id, version=project.version, reason="重复发布").status
            ),
        ),
        in_transaction(
            postgres,
            lambda session: auditing.audit_results(session, AUDITOR, project.id, version=project.version).count,
        ),
    )
    one_wins(answers)
    with postgres.reading() as session:
        status = session.get_one(Project, project.id).status
        audits = session.scalar(select(func.count()).select_from(Audit))
    assert (status, audits) in (("voided", 0), ("published", 1))
    assert told(postgres) == ([] if audits == 0 else ["plans.results_audited.v1"])


def test_a_double_press_changes_nothing(postgres: Database, project: Project) -> None:
    void = in_transaction(
        postgres,
        lambda session: (
            voiding.void_project(session, COUNTY, project.id, version=project.version, reason="重复发布").status
        ),
    )
    one_wins(at_once(void, void))
    with postgres.reading() as session:
        acts = list(session.scalars(select(ProjectLine.act).order_by(ProjectLine.at)))
    assert acts.count("void") == 1


def test_the_end_of_publicity_and_taking_back_at_once(postgres: Database) -> None:
    """Either credits is told of both in order, or of nothing."""
    for _ in range(5):
        with time_machine.travel(datetime(2026, 11, 2, 2, 0, tzinfo=UTC)), postgres.transaction() as session:
            made = make.make_project(session, publicity_days=3)
            make.bring_in(session, made, make.roster_rows(3))
            audit = auditing.audit_results(session, AUDITOR, made.id)
        before = len(told(postgres))
        with time_machine.travel(datetime(2026, 11, 20, 2, 0, tzinfo=UTC)):
            confirmed, _ = at_once(
                in_transaction(postgres, publicity.confirm_due),
                in_transaction(
                    postgres,
                    lambda session, made=made, audit=audit: (
                        auditing.revoke_audit(session, AUDITOR, made.id, audit.id, reason="有异议").number
                    ),
                ),
            )
        expected = ["plans.results_audited.v1", "plans.audit_revoked.v1"] if confirmed else ["plans.publicity_ended.v1"]
        assert told(postgres)[before:] == expected


@pytest.mark.parametrize("time", range(3))
def test_an_answer_of_credits_and_a_new_audit_never_wait_for_each_other_in_a_circle(
    postgres: Database, time: int
) -> None:
    """Both lock the project first: locking results in two orders, one of the two was ended by the database."""
    with postgres.transaction() as session:
        made = make.make_project(session)
        make.bring_in(session, made, make.roster_rows(150))
        audit = auditing.audit_results(session, AUDITOR, made.id)
        auditing.revoke_audit(session, AUDITOR, made.id, audit.id, reason="重审")
        rows = [(row.id, row.person_id) for row in make.results(session, made)][::-1]
        project_id, audit_id = made.id, audit.id
    now = datetime.now(UTC)
    answer = CreditsRecorded(
        audit_id=audit_id,
        chunk=1,
        revoked=True,
        received_at=now,
        recorded_at=now,
        results=[
            RecordedResult(result_id=row, person_id=person, credits=Decimal(0), explanation="冲回")
            for row, person in rows
        ],
    )

    def take_in(session: Session) -> None:
        auditing.record_credits(session, answer)

    def audit_again(session: Session) -> Audit:
        return auditing.audit_results(session, AUDITOR, project_id)

    answers = at_once(
        in_transaction(postgres, take_in),
        in_transaction(postgres, audit_again),
    )
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
