"""Claims (认定申请, T19): filed by a teacher or her school with evidence, reviewed, told to credits."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.plans.approval import checks, claim_checks, claiming, drafting, queries, recording, words
from services.plans.approval.models import Plan
from services.plans.desk import queue
from services.plans.files import Upload
from services.plans.printing import assembling, render
from shared.actors import Actor
from shared.directory import PersonCopy
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.plans import builders as make
from tests.plans.acting import COUNTY, COUNTY2, REASON, SCHOOL, act, events, last, names, offered, see
from tests.plans.papers import pages

TEACHER = "teacher.li"
DEGREE: dict[str, Any] = {
    "category": "degree_upgrade",
    "rank": "master",
    "obtained_on": date(2026, 10, 12),
    "credits": Decimal(5),
    "issuer": "江西师范大学",
    "document": "1041420260001",
}
LESSONS: dict[str, Any] = {"category": "lesson_observation", "count": 20, "obtained_on": date(2026, 11, 20)}
YEAR: dict[str, Any] = {"school_year": make.YEAR, "title": "教育硕士", "aims": "", "items": []}


def colleague() -> Actor:
    """Another teacher of the same school."""
    other = next(
        p for p in make.people().values() if p.unit_path == make.QINGFENG and p.person_id != teacher().person_id
    )
    return replace(teacher(), account_id="colleague", person_id=other.person_id, name=other.name, session_id="c")


def teacher() -> Actor:
    """The teacher who claims."""
    return make.actor(TEACHER)


def claim(
    session: Session, who: str | Actor = TEACHER, kind: str = "claim", *, evidence: bool = True, **said: Any
) -> Plan:
    """A draft with its evidence."""
    by = make.actor(who) if isinstance(who, str) else who
    about = YEAR | {name: said.pop(name) for name in ("school_year", "title") if name in said}
    plan = drafting.create_plan(session, by, kind=kind, **about, claim=DEGREE | said)
    if evidence:
        drafting.attach(session, by, plan.id, Upload("学位证书.pdf", "application/pdf", b"1", "ab" * 32))
    return plan


def submitted(session: Session, **said: Any) -> Plan:
    """A teacher's claim that waits at her school."""
    return make.submit(session, claim(session, **said), teacher())


def for_her(session: Session, **said: Any) -> Plan:
    """The school's claim for her."""
    return claim(session, SCHOOL, "school_claim", person_id=teacher().person_id, **said)


def answered(session: Session, plan: Plan) -> Plan:
    """Its one point explained."""
    return recording.answer_points(
        session, teacher(), plan.id, [{"number": 1, "verdict": "explained", "text": "以附件为准。"}]
    )


def refused(session: Session, plan: Plan, who: Actor | None = None) -> dict[str, Any]:
    """Field -> sentences of the refusal to submit."""
    with pytest.raises(Invalid) as caught:
        make.submit(session, plan, who or teacher())
    return dict(caught.value.fields)


def test_t19_a_claim_passes_school_and_county_and_credits_is_told_once(session: Session) -> None:
    plan = submitted(session)
    assert (plan.number[:5], plan.stage, plan.reviewing_path) == ("R2026", "school_review", make.QINGFENG)
    plan = act(session, plan, SCHOOL, "approve")
    assert (plan.stage, plan.reviewing_path) == ("county_review", make.DONGHU)
    plan = act(session, plan, COUNTY, "approve", opinion="证书属实，同意。")
    assert plan.status == "approved"
    (told,) = events(session, "plans.claim_approved.v1")
    assert (told["person_id"], told["category"], told["bucket"]) == (
        teacher().person_id,
        "degree_upgrade",
        "coordinated",
    )
    assert (Decimal(told["credits"]), told["obtained_on"], told["evidence"]) == (
        Decimal(5),
        "2026-10-12",
        ["学位证书.pdf"],
    )
    assert (told["approved_by"], told["number"]) == (COUNTY, plan.number)
    assert not events(session, "plans.plan_approved.v1")
    with pytest.raises(Conflict):
        act(session, plan, COUNTY2, "approve")
    assert len(events(session, "plans.claim_approved.v1")) == 1


def test_t19_the_school_files_for_its_teacher_and_the_county_reviews(session: Session) -> None:
    plan = make.submit(session, for_her(session))
    assert (plan.kind, plan.stage) == ("school_claim", "county_review")
    # She sees what is claimed for her, and cannot change it.
    assert see(session, teacher(), plan).content.claim.category == "degree_upgrade"  # type: ignore[union-attr]
    assert not offered(session, teacher(), plan)
    assert act(session, plan, COUNTY, "approve").status == "approved"


def test_t19_refusal_needs_a_reason_and_a_return_its_points(session: Session) -> None:
    plan = act(session, submitted(session), SCHOOL, "approve")
    with pytest.raises(Invalid) as caught:
        act(session, plan, COUNTY, "refuse")
    assert "opinion" in caught.value.fields
    point = {"section": "basics", "field": "claim.document", "text": "证书编号与附件不一致。"}
    plan = act(session, plan, COUNTY, "return", points=[point])
    assert plan.status == "returned"
    (asked,) = last(session, plan).points
    assert asked.place == "证书编号或文号"
    plan = make.submit(session, answered(session, plan), teacher())
    plan = act(session, plan, COUNTY, "refuse", opinion="证书无法核实。")
    plan = act(session, plan, COUNTY2, "confirm_refusal")
    assert plan.status == "refused"
    assert "证书无法核实" in last(session, plan).opinion


def test_t19_nobody_decides_their_own(session: Session) -> None:
    """By whatever account: the county's reviewer is the teacher, the school's administrator is."""
    plan = submitted(session)
    with pytest.raises(NotAllowed):
        act(session, plan, TEACHER, "approve")
    herself = make.school_admin(make.QINGFENG, "her-other-account", teacher().person_id)
    with pytest.raises(NotAllowed, match="回避"):
        act(session, plan, herself, "approve")
    plan = act(session, plan, SCHOOL, "approve")
    with pytest.raises(NotAllowed, match="回避"):
        act(session, plan, make.reviewer(make.DONGHU, "as-reviewer", teacher().person_id), "approve")
    theirs = make.submit(session, for_her(session, title="另一学位", obtained_on=date(2026, 9, 20), document="2"))
    with pytest.raises(NotAllowed, match="回避"):
        act(session, theirs, make.reviewer(make.DONGHU, "as-reviewer", teacher().person_id), "approve")
    session.flush()
    assert theirs.id not in {
        p.id for p in session.scalars(queue.to_decide(make.reviewer(make.DONGHU, "x", teacher().person_id)))
    }


def test_t19_other_teachers_and_other_schools_see_nothing(session: Session) -> None:
    draft = claim(session)
    stranger = make.school_admin(next(path for path, unit in make.units().items() if unit.kind == "junior"))
    for who in (colleague(), stranger, make.actor(SCHOOL), make.actor(COUNTY)):
        with pytest.raises(NotFound):
            queries.find_plan(session, who, draft.id)
    plan = make.submit(session, draft, teacher())
    for who in (colleague(), stranger):
        with pytest.raises(NotFound):
            queries.find_plan(session, who, plan.id)
    assert queries.find_plan(session, make.actor(SCHOOL), plan.id).id == plan.id
    assert [p.id for p in session.scalars(queue.to_decide(make.actor(SCHOOL)))] == [plan.id]
    with pytest.raises(Invalid, match="在册教师"):
        claim(
            session,
            SCHOOL,
            "school_claim",
            person_id=next(p.person_id for p in make.people().values() if p.unit_path != make.QINGFENG),
        )
    with pytest.raises(NotAllowed):
        claim(session, COUNTY)


def test_t19_without_evidence_it_cannot_be_submitted(session: Session) -> None:
    found = refused(session, claim(session, evidence=False))
    assert "佐证材料" in found["attachments"][0]


@pytest.mark.parametrize(
    ("said", "field", "sentence"),
    [
        ({"obtained_on": date(2026, 12, 1)}, "claim.obtained_on", "晚于今天"),
        ({"obtained_on": date(2023, 8, 31), "school_year": "2022-2023"}, "claim.obtained_on", "R-51"),
        ({"obtained_on": date(2026, 8, 31)}, "school_year", "学年"),
        ({"rank": "first"}, "claim.rank", "学历层次：本科、硕士"),
        ({"category": "open_class", "level": "county"}, "claim.count", "节"),
    ],
)
def test_t19_bad_input_names_field_and_rule(session: Session, said: dict[str, Any], field: str, sentence: str) -> None:
    found = refused(session, claim(session, **said))
    assert sentence in found[field][0]


def test_faq_q5_before_formal_appointment_it_cannot_be_submitted(session: Session) -> None:
    appointed = make.people()[str(teacher().person_id)].formal_appointment_on
    assert appointed is not None
    plan = claim(session, appointed_on=date(2000, 1, 1))
    assert plan.content().claim.appointed_on == appointed  # type: ignore[union-attr]
    # Somebody of whom the register does not know it says so herself, with proof.
    person = session.get_one(PersonCopy, teacher().person_id)
    person.formal_appointment_on = None
    assert "正式任教日期" in refused(session, claim(session, title="甲"))["claim.appointed_on"][0]
    late = claim(session, title="乙", appointed_on=date(2026, 11, 1))
    assert "R-53" in refused(session, late)["claim.obtained_on"][0]


def test_faq_q9_items_need_the_schools_approved_plan(session: Session) -> None:
    plan = claim(session, **LESSONS, title="听课 20 节")
    assert "问答第 9 问" in refused(session, plan)["claim.category"][0]
    basis = make.approved_plan(session)
    plan = make.submit(session, plan, teacher())
    said = queries.frozen(session, plan).claim
    assert said is not None
    assert (said.plan_number, said.count, said.level) == (basis.number, 20, "")


def test_faq_q10_other_forms_take_the_rate_of_the_plans_item(session: Session) -> None:
    make.approved_plan(session)
    ((item, told),) = claiming.items(session, make.QINGFENG)
    assert "读书沙龙" in told
    said: dict[str, Any] = {"category": "other_school_based", "hours": Decimal(24), "obtained_on": date(2026, 11, 20)}
    assert "claim.item_id" in refused(session, claim(session, **said, title="沙龙"))
    plan = make.submit(session, claim(session, **said, item_id=item, title="读书沙龙"), teacher())
    assert queries.frozen(session, plan).claim.hours_per_credit == 12  # type: ignore[union-attr]


def test_t19_the_same_thing_is_not_claimed_twice(session: Session) -> None:
    first = submitted(session)
    assert first.number in refused(session, claim(session))["claim.obtained_on"][0]
    assert first.number in refused(session, for_her(session), make.actor(SCHOOL))["claim.obtained_on"][0]
    other = make.submit(
        session, claim(session, title="第二学位", obtained_on=date(2026, 9, 20), document="2"), teacher()
    )
    assert "CLAIM_LIKE" in other.flags
    renamed = claim(session, title="同一证书换个名称", obtained_on=date(2026, 9, 21))
    assert first.number in refused(session, renamed)["claim.obtained_on"][0]


def test_t19_what_is_counted_twice_on_one_day_is_marked_whatever_its_title(session: Session) -> None:
    make.approved_plan(session)
    submitted(session, **LESSONS, title="听课 20 节")
    again = submitted(session, **LESSONS, title="听课二十节")
    assert "CLAIM_LIKE" in again.flags
    later = submitted(session, **(LESSONS | {"obtained_on": date(2026, 11, 21)}), title="听课 20 节")
    assert "CLAIM_LIKE" not in later.flags


def test_what_the_checks_find_has_words_for_reviewers() -> None:
    sources = [Path(checks.__file__), Path(claim_checks.__file__)]
    text = "".join(source.read_text("utf-8") for source in sources)
    mild = set(re.findall(r'Finding\(\s*"(\w+)"(?:(?!Finding\().)*?,\s*False,?\s*\)', text, re.S))
    assert {"AMOUNT_MISSING", "CLAIM_LIKE", "PLAN_DOUBLED"} <= mild
    assert not mild - set(words.FLAG_TITLES)


def test_t19_declared_void_it_is_told(session: Session) -> None:
    plan = act(session, act(session, submitted(session), SCHOOL, "approve"), COUNTY, "approve")
    plan = act(session, plan, TEACHER, "ask_void", opinion=REASON)
    plan = act(session, plan, SCHOOL, "confirm_void", opinion=REASON)
    assert plan.status == "voided"
    (told,) = events(session, "plans.plan_ended.v1")
    assert (told["plan_id"], told["status"]) == (plan.id, "voided")
    assert names(session, plan)[-2:] == ["ask_void", "confirm_void"]


def test_t19_its_sheet_says_what_is_claimed(session: Session) -> None:
    plan = act(session, submitted(session), SCHOOL, "approve", opinion="材料属实。")
    sheet = assembling.sheet_of(session, plan, verify_url="http://xuefen.example/verify")
    assert (sheet.heading, len(sheet.items)) == ("学分认定申请审批单", 0)
    assert {("教师", teacher().name), ("学历层次", "硕士"), ("证书取得日期", "2026-10-12")} <= set(sheet.more)
    text = "".join(pages(render.pdf(sheet)))
    for told in ("事项名称", "教育硕士", "江西师范大学", "学校初审"):
        assert told in text
    assert "研修项目" not in text
