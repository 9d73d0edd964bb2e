"""A forgotten 折算 or a wrong category, mended in one step: the audit stays, credits converts anew (FAQ-Q1, N6)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.projects import auditing, correcting, delivery, history, queries, telling
from services.plans.projects.models import Audit, Project, ProjectLine
from shared.actors import Office
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.events.credits import CreditsRecorded, RecordedResult
from shared.events.plans import ProjectCorrected, ResultsAudited
from shared.outbox import OutboxRow
from tests.plans import builders as make
from tests.plans.test_projects import put_in_post

COUNTY, AUDITOR, PROVINCE = (make.actor(name) for name in ("county.donghu", "audit.donghu", "province"))
SCHOOL = make.actor("school.qingfeng")


def told(session: Session) -> list[ProjectCorrected]:
    """The corrections that were published."""
    query = select(OutboxRow).where(OutboxRow.name == ProjectCorrected.name).order_by(OutboxRow.id)
    return [ProjectCorrected.load(row.payload) for row in session.scalars(query)]


def answer(session: Session, project: Project, audit: Audit, credits: str) -> None:
    """What credits would say of everybody who passed; 0 of the others."""
    now = datetime.now(UTC)
    recorded = [
        RecordedResult(
            result_id=row.id,
            person_id=row.person_id,
            credits=Decimal(credits) if row.passed else Decimal(0),
            explanation=credits,
        )
        for row in make.results(session, project)
    ]
    event = CreditsRecorded(
        audit_id=audit.id, chunk=1, revoked=False, received_at=now, recorded_at=now, results=recorded
    )
    auditing.record_credits(session, event)


def forgotten(session: Session, **changes: Any) -> tuple[Project, Audit]:
    """A project published without 折算, with three audited and recorded results, one of them failed."""
    project = make.make_project(session, convert=False, **changes)
    rows = make.roster_rows(3)
    rows[2][3] = "不合格"
    make.bring_in(session, project, rows)
    audit = auditing.audit_results(session, AUDITOR, project.id)
    answer(session, project, audit, "0")
    return project, audit


def test_n6_forgotten_conversion_is_mended_in_one_step(session: Session) -> None:
    """FAQ-Q1: neither taken back nor audited anew."""
    project, audit = forgotten(session)
    found = correcting.preview_correction(session, COUNTY, project.id, convert=True)
    assert [(p.passed, p.present, p.future) for p in found.people] == [
        (True, 0, Decimal("6.0")),
        (True, 0, Decimal("6.0")),
        (False, 0, Decimal("0.0")),
    ]
    assert all("********" in person.masked_identity for person in found.people)
    assert told(session) == []

    correcting.correct_project(session, COUNTY, project.id, version=found.version, convert=True, reason="漏勾折算")
    (event,) = told(session)
    assert (event.correction, event.project.correction, event.project.convert) == (1, 1, True)
    assert (event.project_id, event.reason, event.corrected_by) == (project.id, "漏勾折算", "county.donghu")
    assert {(r.state, r.attempt, r.credits, r.credits_state) for r in make.results(session, project)} == {
        ("audited", 1, None, "sent")
    }
    assert session.get_one(Audit, audit.id).revoked_at is None
    (view,) = delivery.audits(session, project)
    assert (view.processed, view.current, view.unsent) == (0, 3, 2)

    answer(session, project, audit, "6.0")
    assert [r.credits for r in make.results(session, project)] == [6, 6, 0]
    line = history.lines(session, project)[-1]
    assert (line.act, line.actor_name, line.reason) == ("correct", COUNTY.name, "漏勾折算")
    assert "不折算学分”改为“县（市、区）级培训、集中培训、折算学分”；已审核的 3 人重新折算" in line.outcome
    assert (line.details["before"]["convert"], line.details["after"]["convert"]) == (False, True)


def test_n6_the_category_changes_with_its_level(session: Session) -> None:
    project = make.make_project(session, PROVINCE, category="national_training")
    assert project.level == "national"
    correcting.correct_project(
        session,
        PROVINCE,
        project.id,
        version=project.version,
        category="provincial_training",
        mode="online",
        reason="选错",
    )
    (event,) = told(session)
    assert (event.project.category, event.project.level, event.project.mode) == (
        "provincial_training", "provincial", "online",
    )  # fmt: skip
    assert project.convert is True


def test_r25_the_programme_is_published_told_and_corrected(session: Session) -> None:
    yujiang = make.actor("county.yujiang")
    put_in_post(session, yujiang.posts[0].unit.path, Office.RESULT_AUDIT, [make.actor("audit.donghu")], 2)
    project = make.make_project(session, yujiang, programme="headmaster")
    assert (queries.preview_of(project).credits, telling.facts_of(project).programme) == (3, "headmaster")
    found = correcting.preview_correction(session, yujiang, project.id, programme="general")
    assert (found.preview.credits, found.before.programme, found.after.programme) == (6, "headmaster", "general")
    change = {"version": project.version, "reason": "误选校长研修"}
    correcting.correct_project(session, yujiang, project.id, **change, programme="general")
    (event,) = told(session)
    assert (event.project.programme, queries.preview_of(project).credits) == ("general", 6)
    assert "县（市、区）级培训、校长研修、集中培训" in history.lines(session, project)[-1].outcome
    # What is left out stays.
    correcting.correct_project(session, yujiang, project.id, version=project.version, mode="online", reason="改为网络")
    assert (project.programme, project.mode) == ("general", "online")


def test_n6_what_is_audited_later_says_which_correction_it_knows(session: Session) -> None:
    project, _ = forgotten(session)
    for number, convert in enumerate((True, False, True), start=1):
        correcting.correct_project(
            session, COUNTY, project.id, version=project.version, convert=convert, reason="核对后更正"
        )
        assert told(session)[-1].correction == number
    make.bring_in(session, project, make.roster_rows(4))
    auditing.audit_results(session, AUDITOR, project.id)
    payloads = session.scalars(
        select(OutboxRow.payload).where(OutboxRow.name == ResultsAudited.name).order_by(OutboxRow.id)
    ).all()
    assert [ResultsAudited.load(payload).project.correction for payload in payloads] == [0, 3]


def test_n6_what_was_taken_back_stays_so(session: Session) -> None:
    project, audit = forgotten(session)
    auditing.revoke_audit(session, AUDITOR, project.id, audit.id, reason="学时有误")
    found = correcting.preview_correction(session, COUNTY, project.id, convert=True)
    assert found.count == 0
    correcting.correct_project(session, COUNTY, project.id, version=found.version, convert=True, reason="漏勾折算")
    assert {r.state for r in make.results(session, project)} == {"audit_revoked"}
    assert len(session.get_one(Audit, audit.id).event_ids) == 2


def test_n6_a_school_chooses_another_item_of_its_plan(session: Session) -> None:
    """The rate is the item's: never typed."""
    plan = make.approved_plan(session)
    project = make.make_project(
        session,
        SCHOOL,
        category="school_training",
        hours=Decimal(12),
        plan_id=plan.id,
        plan_item_id=plan.items[0].id,
    )
    with pytest.raises(Invalid) as caught:
        correcting.preview_correction(session, SCHOOL, project.id, category="other_school_based")
    assert list(caught.value.fields) == ["plan_item_id"]
    with pytest.raises(Invalid) as caught:
        correcting.preview_correction(
            session, SCHOOL, project.id, category="other_school_based", plan_item_id=plan.items[0].id
        )
    assert list(caught.value.fields) == ["plan_item_id"]
    correcting.correct_project(
        session,
        SCHOOL,
        project.id,
        version=project.version,
        category="other_school_based",
        plan_item_id=plan.items[1].id,
        reason="类别选错",
    )
    assert (project.hours_per_credit, project.plan_item_title) == (12, "读书沙龙")
    assert told(session)[0].project.hours_per_credit == 12


def test_n6_under_the_same_item_a_plan_that_has_ended_does_not_hinder(session: Session) -> None:
    plan = make.approved_plan(session)
    project = make.make_project(
        session,
        SCHOOL,
        category="school_training",
        hours=Decimal(20),
        convert=False,
        plan_id=plan.id,
        plan_item_id=plan.items[0].id,
    )
    plan.status = "withdrawn"
    session.flush()
    correcting.correct_project(session, SCHOOL, project.id, version=project.version, convert=True, reason="漏勾折算")
    assert (project.convert, project.plan_item_id) == (True, plan.items[0].id)


def test_n6_the_rules_of_publication_hold(session: Session) -> None:
    project, _ = forgotten(session)
    for changes, field in (
        ({"category": "national_training"}, "category"),
        ({"category": "school_training"}, "category"),
        ({"convert": False}, "category"),
        ({}, "category"),
        ({"convert": True, "reason": " "}, "reason"),
    ):
        with pytest.raises(Invalid) as caught:
            correcting.correct_project(
                session, COUNTY, project.id, **{"version": project.version, "reason": "漏勾折算", **changes}
            )
        assert list(caught.value.fields) == [field], changes
    assert told(session) == []
    assert session.scalar(select(ProjectLine.id).where(ProjectLine.act == "correct")) is None


def test_n6_only_the_organizer_corrects(session: Session) -> None:
    project, _ = forgotten(session)
    for who in (make.actor("district.nanchang"), make.reviewer(make.DONGHU, "an-auditor")):
        with pytest.raises(NotAllowed, match="组织单位"):
            correcting.correct_project(session, who, project.id, version=project.version, convert=True, reason="漏勾")
    with pytest.raises(NotFound):
        correcting.preview_correction(session, make.actor("county.yujiang"), project.id, convert=True)


def test_n6_who_comes_second_reads_who_was_first(session: Session) -> None:
    project, _ = forgotten(session)
    seen = project.version
    correcting.correct_project(session, COUNTY, project.id, version=seen, convert=True, reason="漏勾折算")
    with pytest.raises(Conflict, match=f"已由{COUNTY.name}于 .* 办理：更正类别与折算"):
        correcting.correct_project(
            session, make.actor("county.donghu2"), project.id, version=seen, convert=False, reason="再改"
        )
    assert len(told(session)) == 1


def test_the_history_of_a_project_is_never_rewritten(session: Session) -> None:
    project, _ = forgotten(session)
    line = history.lines(session, project)[0]
    assert [each.act for each in history.lines(session, project)] == ["publish", "import", "audit"]
    line.reason = "另一个"
    with pytest.raises(RuntimeError, match="append-only"):
        session.flush()
