"""Claims through the whole system (T19, FAQ-Q5, Q9): filed with evidence, reviewed, posted once, capped."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from shared.client import wait_for
from tests.flows.material import PLANS, TODAY, Body, person_of, refused, school_year
from tests.flows.story import Story
from tests.running import DATA

SCHOOL, COUNTY = "school.qingfeng", "county.donghu"


def year_of(day: date) -> str:
    """The school year in which it lies."""
    first = day.year - (day.month < 9)
    return f"{first}-{first + 1}"


def drafted(story: Story, who: str, *, evidence: bool = True, title: str = "教育硕士", **said: Any) -> Body:
    """A claim with its evidence."""
    claim = {
        "category": "degree_upgrade",
        "rank": "master",
        "obtained_on": TODAY.isoformat(),
        "issuer": "江西师范大学",
        **said,
    }
    kind = "school_claim" if claim.get("person_id") else "claim"
    year = year_of(date.fromisoformat(claim["obtained_on"]))
    made: Body = story.who(who).post(
        f"{PLANS}/plans", {"kind": kind, "school_year": year, "title": title, "claim": claim}
    )
    if evidence:
        with (DATA / "plan.pdf").open("rb") as proof:
            files = {"file": ("佐证.pdf", proof, "application/pdf")}
            story.who(who).post(f"{PLANS}/plans/{made['id']}/attachments", files=files, form={})
    return made


def recognised(story: Story, who: str, reviewers: tuple[str, ...] = (SCHOOL, COUNTY), **said: Any) -> Body:
    """A claim that every stage has approved."""
    plan = story.approve(story.act(who, drafted(story, who, **said), "submit"), *reviewers)
    assert plan["status"] == "approved"
    return plan


def posted(story: Story, teacher: str, claim: Body) -> list[Body]:
    """What the teacher's ledger has of that claim, oldest first."""
    every = story.who(teacher).all("/credits/api/v1/me/ledger")
    mine = [line for line in every if line["source"]["claim_number"] == claim["number"]]
    return sorted(mine, key=lambda line: int(line["id"]))


def arrives(story: Story, teacher: str, claim: Body, lines: int = 1) -> list[Body]:
    """Waits for so many lines."""
    wait_for(lambda: len(posted(story, teacher, claim)) == lines, f"{claim['number']} 入账", 60.0)
    return posted(story, teacher, claim)


def test_faq_q5_two_degrees_offset_at_most_eight_in_a_cycle(story: Story) -> None:
    who = "teacher.li"
    first = recognised(story, who, title="教育硕士", credits="5")
    second = recognised(story, who, title="法学硕士", credits="5")
    arrives(story, who, first)
    arrives(story, who, second)
    lines = {claim["number"]: posted(story, who, claim)[0] for claim in (first, second)}
    assert {line["bucket"] for line in lines.values()} == {"coordinated"}
    assert sum(Decimal(line["counted"]) for line in lines.values()) == 8
    assert "上限 8.0" in "".join(line["not_counted_reason"] for line in lines.values())


def test_faq_q5_before_appointment_or_outside_the_cycle_it_is_refused(story: Story) -> None:
    who = "teacher.xu"
    appointed = person_of(who).formal_appointment_on
    assert appointed is not None
    early = drafted(story, who, obtained_on=(appointed - timedelta(days=1)).isoformat())
    error = refused(lambda: story.act(who, early, "submit"), 422, "R-53")
    assert "claim.obtained_on" in error.fields
    outside = drafted(story, who, obtained_on="2018-08-31")
    refused(lambda: story.act(who, outside, "submit"), 422, "R-51")


def test_faq_q9_two_items_are_two_credits_under_an_approved_plan(story: Story) -> None:
    """有一项就认 1 学分，有二项就认 2 学分，但都要有计划、有过程记录."""
    story.approved()
    who, person = "teacher.li", person_of("teacher.li").person_id
    lessons: Body = {"category": "lesson_observation", "rank": "", "count": 20, "title": "听课 20 节"}
    bare = drafted(story, who, evidence=False, **lessons)
    refused(lambda: story.act(who, bare, "submit"), 422, "过程记录")
    one = recognised(story, who, **lessons)
    open_class: Body = {"category": "open_class", "level": "county", "count": 1, "title": "县级公开课"}
    two = recognised(story, SCHOOL, (COUNTY,), person_id=person, **open_class)
    for claim in (one, two):
        (line,) = arrives(story, who, claim)
        assert (line["bucket"], Decimal(line["counted"])) == ("self_organized", Decimal(1))


def test_t19_no_other_teacher_sees_it_nobody_approves_her_own_and_void_counters(story: Story) -> None:
    who = "teacher.li"
    draft = drafted(
        story, who, title="优质课一等奖", category="competition_award", level="district", rank="first", credits="2"
    )
    refused(lambda: story.plan("teacher.xu", draft), 404, "")
    submitted = story.act(who, draft, "submit")
    refused(lambda: story.plan("teacher.xu", submitted), 404, "")
    refused(lambda: story.act(who, submitted, "approve"), 403, "")
    refused(lambda: story.act(COUNTY, submitted, "approve"), 403, "不在您的审核环节")
    claim = story.approve(submitted, SCHOOL, COUNTY)
    arrives(story, who, claim)
    story.act(who, claim, "ask_void", opinion="证书系误传。")
    story.act(SCHOOL, claim, "confirm_void", opinion="同意作废。")
    earned, counter = arrives(story, who, claim, 2)
    assert (counter["reverses"], Decimal(counter["amount"])) == (earned["id"], Decimal(-2))
    assert school_year() == earned["school_year"]
