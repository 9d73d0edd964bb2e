"""Taking a project away (FAQ-Q6, F13, T8): deleted while it has no results, declared void with a reason afterwards."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.projects import auditing, correcting, history, queries, voiding
from services.plans.projects.models import Audit, Project
from services.plans.rosters import importing
from shared.errors import Conflict, Invalid, NotAllowed
from shared.events.plans import AuditRevoked
from shared.outbox import OutboxRow
from tests.plans import builders as make

COUNTY, AUDITOR = make.actor("county.donghu"), make.actor("audit.donghu")


def revoked(session: Session) -> list[AuditRevoked]:
    """What credits was told to counter."""
    query = select(OutboxRow).where(OutboxRow.name == AuditRevoked.name).order_by(OutboxRow.id)
    return [AuditRevoked.load(row.payload) for row in session.scalars(query)]


def listed(session: Session) -> set[str]:
    """What the county's list shows."""
    return {project.id for project in session.scalars(queries.listed_projects(COUNTY))}


def test_faq_q6_a_project_without_results_is_deleted_and_its_page_says_by_whom(session: Session) -> None:
    project = make.make_project(session)
    assert listed(session) == {project.id}
    voiding.delete_project(session, COUNTY, project.id, version=project.version)
    assert listed(session) == set()
    assert session.get_one(Project, project.id).status == "deleted"
    found = queries.find_project(session, COUNTY, project.id)
    line = history.lines(session, found)[-1]
    assert (line.act, line.actor_name, line.body) == ("delete", COUNTY.name, project.organizer_name)
    with pytest.raises(Conflict, match=f"已由{COUNTY.name}于 .* 删除"):
        voiding.delete_project(session, COUNTY, project.id, version=project.version)


def test_t8_with_results_a_project_is_declared_void_instead(session: Session) -> None:
    """Registered is enough: also what was never audited is not thrown away."""
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(2))
    with pytest.raises(Conflict, match="已登记 2 人的成绩，不能删除"):
        voiding.delete_project(session, COUNTY, project.id, version=project.version)
    with pytest.raises(Invalid) as caught:
        voiding.void_project(session, COUNTY, project.id, version=project.version, reason=" ")
    assert list(caught.value.fields) == ["reason"]
    voiding.void_project(session, COUNTY, project.id, version=project.version, reason="重复发布")
    assert (project.status, revoked(session)) == ("voided", [])
    assert listed(session) == {project.id}
    assert {r.state for r in make.results(session, project)} == {"entered"}


def test_t8_every_audit_that_stands_is_countered(session: Session) -> None:
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(2))
    first = auditing.audit_results(session, AUDITOR, project.id)
    auditing.revoke_audit(session, AUDITOR, project.id, first.id, reason="学时有误")
    second = auditing.audit_results(session, AUDITOR, project.id)
    make.bring_in(session, project, make.roster_rows(4))
    third = auditing.audit_results(session, AUDITOR, project.id)
    voiding.void_project(session, COUNTY, project.id, version=project.version, reason="培训未实际举办")
    assert [(event.audit_id, event.reason) for event in revoked(session)] == [
        (first.id, "学时有误"),
        (second.id, "项目作废：培训未实际举办"),
        (third.id, "项目作废：培训未实际举办"),
    ]
    assert {(r.state, r.credits_state) for r in make.results(session, project)} == {("audit_revoked", "sent")}
    assert session.scalar(select(Audit.id).where(Audit.revoked_at.is_(None))) is None
    line = history.lines(session, project)[-1]
    assert (line.act, line.reason) == ("void", "培训未实际举办")
    assert line.outcome.startswith("已登记 4 人；取消 2 次审核（4 人）")


def test_t8_nothing_more_happens_in_a_void_project(session: Session) -> None:
    project = make.make_project(session)
    make.bring_in(session, project, make.roster_rows(1))
    sent = make.upload(make.workbook(make.roster_rows(2)))
    voiding.void_project(session, COUNTY, project.id, version=project.version, reason="重复发布")
    assert queries.count(session, queries.to_audit(AUDITOR)) == 0
    version = project.version
    with pytest.raises(Conflict, match="作废"):
        auditing.audit_results(session, AUDITOR, project.id)
    with pytest.raises(Conflict, match="作废"):
        correcting.correct_project(session, COUNTY, project.id, version=version, convert=False, reason="再改")
    with pytest.raises(Conflict, match="作废"):
        importing.keep_roster(session, COUNTY, project.id, sent, None)
    with pytest.raises(Conflict, match=f"已由{COUNTY.name}于 .* 作废"):
        voiding.void_project(session, COUNTY, project.id, version=version, reason="再次")
    assert len(make.results(session, project)) == 1


def test_t8_a_project_without_results_is_deleted_not_voided(session: Session) -> None:
    project = make.make_project(session)
    with pytest.raises(Conflict, match="请直接删除"):
        voiding.void_project(session, COUNTY, project.id, version=project.version, reason="重复发布")


def test_t8_only_the_organizer_takes_a_project_away(session: Session) -> None:
    project = make.make_project(session)
    for who in (make.actor("district.nanchang"), make.reviewer(make.DONGHU, "an-auditor")):
        with pytest.raises(NotAllowed, match="组织单位"):
            voiding.delete_project(session, who, project.id, version=project.version)
    with pytest.raises(Conflict, match="发布项目"):
        voiding.delete_project(session, COUNTY, project.id, version=project.version + 1)
