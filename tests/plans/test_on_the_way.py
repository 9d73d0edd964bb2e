"""B13: what a teacher is on a roster for and has no credits of yet, with what it waits for and whom to ask."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from services.plans.projects import auditing, voiding
from services.plans.projects.models import CreditsState
from services.plans.projects.on_the_way import on_the_way
from tests.plans import builders as make

COUNTY, AUDITOR = make.actor("county.donghu"), make.actor("audit.donghu")


def waits(session: Session, person_id: str) -> list[str]:
    """What that teacher's trainings wait for."""
    session.expire_all()
    return [one.waits for one in on_the_way(session, replace(COUNTY, person_id=person_id)).items]


def test_b13_a_result_is_on_the_way_until_it_is_credits(session: Session) -> None:
    project = make.make_project(session, publicity_days=0)
    make.bring_in(session, project, make.roster_rows(2))
    mine, other = make.results(session, project)
    (row,) = on_the_way(session, replace(COUNTY, person_id=mine.person_id)).items
    assert (row.project.id, row.waits, row.days) == (project.id, "成绩已登记，待审核", 0)
    audit = auditing.audit_results(session, AUDITOR, project.id)
    assert waits(session, mine.person_id) == ["已审核，正在折算"]
    for result in make.results(session, project):
        result.credits_state = CreditsState.RECORDED.value
    session.flush()
    assert waits(session, mine.person_id) == []
    auditing.revoke_audit(session, AUDITOR, project.id, audit.id, reason="学时登记有误")
    assert waits(session, mine.person_id) == ["审核已撤回，待重新审核"]
    assert waits(session, other.person_id) == ["审核已撤回，待重新审核"]
    assert waits(session, "somebody-else") == []


def test_b13_publicity_says_until_when_and_a_void_project_is_gone(session: Session) -> None:
    project = make.make_project(session, publicity_days=5)
    make.bring_in(session, project, make.roster_rows(1))
    (mine,) = make.results(session, project)
    auditing.audit_results(session, AUDITOR, project.id)
    assert waits(session, mine.person_id) == ["公示中，至 2026-12-01，期满无异议即确认"]
    voiding.void_project(session, COUNTY, project.id, version=project.version, reason="重复发布")
    assert waits(session, mine.person_id) == []
