"""The FAQ on how a cycle stands, as it goes through the whole system: Q2, Q12, Q13, Q18, Q20, Q21."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from services.accounts.sample import SamplePerson, sample_province
from shared.auth import COOKIE
from shared.client import wait_for
from tests.flows.material import Body, item, teachers
from tests.flows.story import Story

CREDITS = "/credits/api/v1"


def standing(story: Story, person: SamplePerson) -> Body:
    """How somebody's running cycle stands, as the province sees it."""
    found: Body = story.who("province").get(f"{CREDITS}/teachers/{person.person_id}/standing")
    return found


def counted(standing: Body, bucket: str) -> Decimal:
    """What counts in a bucket."""
    return Decimal(standing["buckets"][bucket]["counted"])


def comes_to(story: Story, person: SamplePerson, bucket: str, wanted: Decimal) -> Body:
    """Waits until so much counts in a bucket; the standing. Others may have trained the same people before."""
    wait_for(
        lambda: Decimal(standing(story, person)["buckets"][bucket]["counted"]) == wanted, f"{bucket} {wanted}", 60.0
    )
    return standing(story, person)


def somebody(fits: Callable[[SamplePerson], bool]) -> SamplePerson:
    """The first of the sample province whom it fits."""
    return next(person for person in sample_province().people if fits(person))


def test_faq_q2_surplus_of_one_bucket_never_fills_the_other(story: Story) -> None:
    """F2, R-05: twenty self-organised credits and not one coordinated."""
    person = teachers("3601020001")[-1]
    before = standing(story, person)
    plan = story.approved(items=[item(hours="200")])
    project = story.publish("school.qingfeng", plan, title="校本研修", category="school_training")
    story.roster("school.qingfeng", project, [person])
    story.audit("audit.donghu", project)
    found = comes_to(story, person, "self_organized", counted(before, "self_organized") + 20)
    assert Decimal(found["buckets"]["self_organized"]["shortfall"]) == 0
    lacking = max(26 - counted(found, "coordinated"), Decimal(0))
    assert Decimal(found["buckets"]["coordinated"]["shortfall"]) == lacking > 0


def test_faq_q13_who_has_the_26_need_not_join_full_staff_training(story: Story) -> None:
    """F4, R-11: nothing asks her to, and the page says that she need not."""
    person = teachers("3601020001")[-2]
    before = standing(story, person)
    project = story.publish(title="县级长期培训", hours="260")
    story.roster("county.donghu", project, [person])
    story.audit("audit.donghu", project)
    found = comes_to(story, person, "coordinated", counted(before, "coordinated") + 26)
    assert Decimal(found["buckets"]["coordinated"]["shortfall"]) == 0
    assert not [flag for flag in found["flags"] if "FULL_STAFF" in flag]
    county = story.who("county.donghu").http
    token = county.headers["Authorization"].removeprefix("Bearer ")
    page = county.get(f"/credits/teachers/{person.person_id}", headers={"Cookie": f"{COOKIE}={token}"})
    assert "可不参加全员培训" in page.text


def test_faq_q12_the_gap_that_some_cannot_close_is_judged_and_marked(story: Story) -> None:
    """P-12: 15 attainable and 7.5 of fallback leave 3.5 open; judged all the same, with the mark."""
    years = [f"{year}-{year + 1}" for year in range(2018, 2023)]
    fallback = {"type": "fallback_training", "given_credits": "1.5", "plan": "filed"}
    county = {"id": "c", "date": "2022-11-01", "type": "training", "level": "county", "given_credits": "15"}
    own = {"id": "s", "date": "2022-06-20", "type": "school_training", "given_credits": "10", "plan": "approved"}
    events = [county, own, *({"id": year, "school_year": year, **fallback} for year in years)]
    found = story.who("teacher.li").post(f"{CREDITS}/simulations", {"events": events})
    assert found["credits"] == {"coordinated": "22.5", "self_organized": "10.0"}
    assert (found["status"], found["shortfall"]["coordinated"]) == ("not_met", "3.5")
    assert "PENDING_POLICY_P-12" in found["flags"]


def test_faq_q18_a_one_teacher_school_is_not_judged_in_the_self_organised_bucket(story: Story) -> None:
    """P-18: the gap is shown, the judgement withheld."""
    teacher = {"kind": "in_service", "school": "one_teacher_school"}
    event = {"id": "e", "date": "2020-07-10", "type": "training", "level": "county", "given_credits": "26"}
    found = story.who("teacher.li").post(f"{CREDITS}/simulations", {"teacher": teacher, "events": [event]})
    assert (found["status"], found["shortfall"]["self_organized"]) == ("undetermined", "10.0")
    assert "PENDING_POLICY_P-18" in found["flags"]
    alone = somebody(lambda one: one.unit_path.endswith("/3601240003/"))
    assert "PENDING_POLICY_P-18" in standing(story, alone)["flags"]


def test_faq_q20_staff_of_an_education_authority_are_asked_nothing_for_now(story: Story) -> None:
    """P-20: what they earn is recorded, nothing is judged."""
    person = somebody(lambda one: one.kind == "education_authority_staff" and one.unit_path.endswith("/360102/"))
    found = standing(story, person)
    assert found["status"] == "not_assessed"
    assert "PENDING_POLICY_P-20" in found["flags"]


def test_faq_q21_who_is_seconded_is_asked_nothing_for_now(story: Story) -> None:
    """P-21: while the secondment lasts."""
    person = somebody(lambda one: one.seconded_to is not None and "/360102/" in one.unit_path)
    found = standing(story, person)
    assert found["status"] == "not_assessed"
    assert "PENDING_POLICY_P-21" in found["flags"]
