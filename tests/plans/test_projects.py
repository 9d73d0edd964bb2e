"""Publishing trainings: who may, under which plan, and who sees them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.plans.approval.queries import approved_plan
from services.plans.projects import conversion, history, queries
from shared import directory
from shared.actors import Actor, Office
from shared.errors import Invalid, NotAllowed
from shared.events.accounts import HolderPersonal, HoldersChanged, OfficeRecord
from tests.plans import builders as make

SCHOOL = make.actor("school.qingfeng")


def put_in_post(session: Session, path: str, office: Office, who: list[Actor], version: int) -> None:
    """Those hold the office of that area from now on, and nobody else."""
    holders = [HolderPersonal(account_id=a.account_id, person_id=a.person_id, name=a.name) for a in who]
    record = OfficeRecord(unit_path=path, office=office, version=version, body=make.units()[path].body, holders=holders)
    directory.apply_holders(session, HoldersChanged(offices=[record]))


def test_a_county_publishes_and_sees_what_one_participant_gets(session: Session) -> None:
    project = make.make_project(session)
    assert project.number == "P2026-360102-0001"
    assert make.make_project(session).number == "P2026-360102-0002"
    assert (project.level, project.authority_path, project.organizer_name) == (
        "county", make.DONGHU, "南昌市东湖区教育体育局",
    )  # fmt: skip
    assert queries.preview_of(project).credits == 6


def test_a_school_needs_an_approved_plan_of_its_own(session: Session) -> None:
    """FAQ-Q14: PC-29."""
    body = {"category": "school_training", "hours": Decimal(20)}
    with pytest.raises(Invalid) as caught:
        make.make_project(session, SCHOOL, **body)
    assert "plan_item_id" in caught.value.fields
    waiting = make.submit(session, make.make_plan(session))
    with pytest.raises(Invalid, match="审核通过"):
        make.make_project(session, SCHOOL, **body, plan_id=waiting.id, plan_item_id=waiting.items[0].id)
    plan = make.approved_plan(session)
    project = make.make_project(session, SCHOOL, **body, plan_id=plan.id, plan_item_id=plan.items[0].id)
    assert (project.hours_per_credit, project.plan_number, project.level) == (10, plan.number, "school")
    assert project.authority_path == make.DONGHU
    assert project.area_path == make.QINGFENG
    other = make.school_admin("360000/360100/360102/3601020002/")
    with pytest.raises(Invalid, match="本单位的方案"):
        make.make_project(session, other, **body, plan_id=plan.id, plan_item_id=plan.items[0].id)


def test_a_training_keeps_to_its_plan(session: Session) -> None:
    plan = make.approved_plan(session)
    base = {"category": "school_training", "plan_id": plan.id, "plan_item_id": plan.items[0].id, "hours": Decimal(20)}
    wrong = [
        ({"hours": Decimal(21)}, "hours"),
        ({"plan_item_id": plan.items[1].id}, "plan_item_id"),
        ({"category": "school_research"}, "plan_item_id"),
        (
            {"school_year": "2027-2028", "held_from": date(2027, 9, 1), "held_to": date(2027, 9, 2)},
            "school_year",
        ),
    ]
    for changes, field in wrong:
        with pytest.raises(Invalid) as caught:
            make.make_project(session, SCHOOL, **{**base, **changes})
        assert list(caught.value.fields) == [field]


@pytest.mark.parametrize(
    ("who", "category"),
    [
        ("school.qingfeng", "county_training"),
        ("county.donghu", "national_training"),
        ("county.donghu", "school_training"),
        ("district.nanchang", "county_training"),
    ],
)
def test_who_may_publish_what(session: Session, who: str, category: str) -> None:
    with pytest.raises(Invalid) as caught:
        make.make_project(session, make.actor(who), category=category)
    assert "category" in caught.value.fields


def test_others_publish_nothing(session: Session) -> None:
    with pytest.raises(NotAllowed):
        make.make_project(session, make.actor("teacher.li"))


def test_dates_year_level_and_mode_are_checked_together(session: Session) -> None:
    with pytest.raises(Invalid) as caught:
        make.make_project(session, level="national", held_to=date(2026, 10, 1), school_year="2020-2021")
    assert set(caught.value.fields) == {"level", "held_to", "school_year"}


def test_a_provider_publishes_for_the_authority_that_it_names(session: Session) -> None:
    provider = make.actor("provider.ganjiang")
    with pytest.raises(Invalid) as caught:
        make.make_project(session, provider, category="national_training")
    assert list(caught.value.fields) == ["organizer_unit_code"]
    project = make.make_project(session, provider, category="national_training", organizer_unit_code="360000")
    assert (project.level, project.authority_path) == ("national", make.PROVINCE)
    assert project.organizer_name == provider.posts[0].body
    for_county = make.make_project(session, provider, category="county_training", organizer_unit_code="360102")
    assert (for_county.authority_path, for_county.area_path) == (make.DONGHU, make.DONGHU)
    with pytest.raises(Invalid):
        make.make_project(session, provider, category="county_training", organizer_unit_code="3601020001")


def test_nobody_publishes_where_nobody_audits(session: Session) -> None:
    """T10: neither in the name of an authority that has no auditor, nor as that authority itself."""
    yujiang = "360000/360600/360603/"
    make.empty_office(session, yujiang, Office.RESULT_AUDIT)
    for username, code in (("provider.ganjiang", "360603"), ("county.yujiang", None)):
        with pytest.raises(Invalid) as caught:
            make.make_project(session, make.actor(username), organizer_unit_code=code)
        (sentence,) = caught.value.fields["organizer_unit_code"]
        assert "目前没有在岗的成绩审核人" in sentence
        assert make.units()[yujiang].body in sentence
    plan = make.approved_plan(session)
    make.empty_office(session, make.DONGHU, Office.RESULT_AUDIT)
    with pytest.raises(Invalid, match="还不能发布"):
        make.make_project(
            session,
            SCHOOL,
            category="school_training",
            hours=Decimal(20),
            plan_id=plan.id,
            plan_item_id=plan.items[0].id,
        )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hours": Decimal("1000.5")}, "hours"),
        ({"held_from": date(2026, 8, 31)}, "school_year"),
        ({"held_to": date(2027, 9, 1)}, "school_year"),
    ],
)
def test_what_is_absurd_is_refused(session: Session, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        make.make_project(session, **changes)
    assert list(caught.value.fields) == [field]


def test_t11_the_only_auditor_cannot_publish_what_nobody_could_audit(session: Session) -> None:
    """Somebody else may publish there, or a second auditor is put in post."""
    only = make.actor("county.donghu")
    others = ("county.donghu2", "audit.donghu")
    put_in_post(session, make.DONGHU, Office.RESULT_AUDIT, [only], version=2)
    with pytest.raises(Invalid) as caught:
        make.make_project(session, only)
    (sentence,) = caught.value.fields["organizer_unit_code"]
    assert "在岗的成绩审核人只有您本人" in sentence
    assert make.make_project(session, make.actor(others[0])).published_by == others[0]
    put_in_post(session, make.DONGHU, Office.RESULT_AUDIT, [only, make.actor(others[1])], version=3)
    assert make.make_project(session, only).published_by == only.account_id


def test_whom_it_is_for_and_its_publicity_are_kept(session: Session) -> None:
    project = make.make_project(session, stages=["junior"], subjects=["数学", "物理"], publicity_days=5)
    session.expire_all()
    assert (project.stages, project.subjects, project.publicity_days) == (["junior"], ["数学", "物理"], 5)
    assert (project.covers, project.version, project.correction) == ([], 1, 0)
    (line,) = history.lines(session, project)
    assert (line.act, line.body, line.actor_name) == ("publish", project.organizer_name, project.published_by_name)


def test_a_training_under_a_joint_plan_covers_its_village_schools(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make.approved_plan(session)
    village = "360000/360100/360102/3601020002/"

    def joint(*wanted: Any) -> Any:
        found, content = approved_plan(*wanted)
        covered = SimpleNamespace(unit_path=village)
        return found, SimpleNamespace(items=content.items, covers=(covered,))

    monkeypatch.setattr(conversion, "approved_plan", joint)
    project = make.make_project(
        session,
        SCHOOL,
        category="school_training",
        hours=Decimal(20),
        plan_id=plan.id,
        plan_item_id=plan.items[0].id,
        quotas=[{"unit_code": "3601020002", "seats": 2}],
    )
    assert project.covers == [village]
    assert [quota.unit_path for quota in project.quotas] == [village]


def test_a_fallback_training_needs_a_filed_scheme(session: Session) -> None:
    """I-15."""
    with pytest.raises(Invalid, match="方案"):
        make.make_project(session, category="fallback_training")


def test_who_sees_which_projects(session: Session) -> None:
    plan = make.approved_plan(session)
    county = make.make_project(session)
    school = make.make_project(
        session, SCHOOL, category="school_training", hours=Decimal(20), plan_id=plan.id, plan_item_id=plan.items[0].id
    )
    provincial = make.make_project(session, make.actor("province"), category="provincial_training")
    expected = {
        "county.donghu": {county.id, school.id},
        "district.nanchang": {county.id, school.id},
        "province": {county.id, school.id, provincial.id},
        "school.qingfeng": {school.id},
        "county.yujiang": set(),
        "teacher.li": set(),
    }
    for username, ids in expected.items():
        who = make.actor(username)
        found = session.scalars(queries.visible_projects(who)).all()
        assert {project.id for project in found} == ids, username
        assert queries.count(session, queries.visible_projects(who)) == len(ids)
