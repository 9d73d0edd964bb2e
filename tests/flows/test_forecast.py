"""Foretelling who cannot reach the credits, the scheme that follows from it, and who is exempt for a time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from shared.client import wait_for
from tests.flows.material import PLANS, TODAY, Body, refused
from tests.flows.story import Story

CREDITS = "/credits/api/v1"


def test_faq_q11_a_forecast_becomes_a_fallback_scheme(story: Story) -> None:
    """N15: credits makes the list, plans drafts the scheme with the forecast filled in and the list attached."""
    county = story.who("county.donghu")
    listed = county.all(f"{CREDITS}/forecast", status="short", bucket="coordinated")
    assert listed
    before = {plan["id"] for plan in county.all(f"{PLANS}/plans", kind="fallback_scheme")}
    asked = county.post(f"{CREDITS}/forecast/schemes", {})

    def drafted() -> Body | None:
        plans = county.all(f"{PLANS}/plans", kind="fallback_scheme")
        return next((plan for plan in plans if plan["id"] not in before), None)

    found = wait_for(drafted, "托底方案草稿", 60.0)
    plan = story.plan("county.donghu", found)
    made = next(one for one in county.all(f"{CREDITS}/forecast/made") if one["id"] == asked["id"])
    assert (plan["status"], plan["forecast"]["teachers"]) == ("draft", made["rows"])
    assert Decimal(plan["forecast"]["shortfall"]) == Decimal(made["credits"])
    assert plan["forecast"]["basis"] == made["basis"]
    assert [file["name"].split("-")[0] for file in plan["attachments"]] == ["学分预判名单"]
    refused(lambda: story.who("school.qingfeng").post(f"{CREDITS}/forecast/schemes", {}), 403, "")


def test_t17_an_exemption_pauses_the_requirement_until_it_ends(story: Story) -> None:
    """Entered by the county with a document; the teacher sees it; ended, everything is asked again."""
    county, teacher = story.who("county.donghu"), story.who("teacher.li")
    person = teacher.get(f"{CREDITS}/me/standing")["person_id"]
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    body = {"kind": "leave", "starts_on": yesterday, "document": "东教人字〔2026〕8号", "reason": "病假"}
    before = teacher.get(f"{CREDITS}/me/standing")["status"]
    made = county.post(f"{CREDITS}/teachers/{person}/exemptions", body)
    paused = teacher.get(f"{CREDITS}/me/standing")
    assert (paused["status"], "EXEMPTED" in paused["flags"]) == ("not_assessed", True)
    refused(lambda: county.post(f"{CREDITS}/teachers/{person}/exemptions", body), 422, "重叠")
    county.post(f"{CREDITS}/exemptions/{made['id']}/end", {"ends_on": yesterday, "reason": "提前返岗"})
    assert teacher.get(f"{CREDITS}/me/standing")["status"] == before
    assert [one["ended_reason"] for one in teacher.all(f"{CREDITS}/exemptions")] == ["提前返岗"]
