"""What comes after the approval: amendments, results under 公示, corrections, deliveries, between the services."""

from __future__ import annotations

from decimal import Decimal

from services.plans.projects.models import Audit
from services.plans.tasks import CONFIRM_JOB
from shared.client import wait_for
from shared.database import utc_now
from shared.jobs import run_later
from tests.flows.material import COUNTY_ROUTE, PLANS, Body, editable, person_of, refused
from tests.flows.story import Story

SCHOOL = "school.qingfeng"


def test_an_amendment_supersedes_its_plan(story: Story) -> None:
    """N31: the amendment travels by itself; once approved, nothing new is held under the old plan."""
    old = story.approved(title="修订前的方案")
    held = story.publish(SCHOOL, old, title="修订前的培训", category="school_training")
    amendment = story.who(SCHOOL).post(f"{PLANS}/plans/{old['id']}/copies", {"purpose": "amend"})
    assert amendment["amends"] == old["id"]
    refused(
        lambda: story.who(SCHOOL).post(f"{PLANS}/plans/{old['id']}/copies", {"purpose": "amend"}), 409, "已有修订稿"
    )
    changed = editable(amendment)["items"][0] | {"hours": "30"}
    story.change(SCHOOL, amendment, title="修订后的方案", items=[changed])
    submitted = story.act(SCHOOL, amendment, "submit")
    assert story.plan(SCHOOL, old)["superseded_by"] is None
    new = story.approve(submitted, *COUNTY_ROUTE)
    assert story.plan(SCHOOL, old)["superseded_by"] == new["id"]

    refused(lambda: story.publish(SCHOOL, old, category="school_training"), 422, "修订")
    project = story.publish(SCHOOL, new, title="修订后的培训", category="school_training")
    assert Decimal(project["hours"]) == 30
    # Of the item's thirty hours the first training has given twenty.
    for training, credits in ((held, "2.0"), (project | {"hours": "10"}, "1.0")):
        story.roster(SCHOOL, training, [person_of("teacher.li")])
        story.audit("audit.donghu", training)
        story.arrives("teacher.li", training, credits)
    refused(lambda: story.roster(SCHOOL, project, [person_of("teacher.li")]), 422, "需要改正")


def test_next_year_starts_from_this_years_plan(story: Story) -> None:
    """N31: the same items a year later; the reviewer sees what differs."""
    old = story.approved(title="上年的方案")
    draft = story.who(SCHOOL).post(f"{PLANS}/plans/{old['id']}/copies", {"purpose": "next_year"})
    assert draft["school_year"] == f"{int(old['school_year'][:4]) + 1}-{int(old['school_year'][:4]) + 2}"
    assert [one["title"] for one in draft["items"]] == [one["title"] for one in old["items"]]
    changed = editable(draft)["items"][0] | {"title": "跨学科主题学习专题培训"}
    story.change(SCHOOL, draft, items=[changed])
    story.act(SCHOOL, draft, "submit")
    found = story.who("county.donghu").get(f"{PLANS}/plans/{draft['id']}/comparison", old="last_year")["changes"]
    assert any(change["after"] == "跨学科主题学习专题培训" or "跨学科" in change["label"] for change in found), found


def provisional(story: Story, project: Body) -> list[str]:
    """What of that project is shown as 公示中."""
    shown = story.who("teacher.li").all("/credits/api/v1/me/provisional")
    return [one["amount"] for one in shown if one["project_id"] == project["id"]]


def test_results_under_publicity_reach_credits_when_it_is_over(story: Story) -> None:
    """N46: audited results are 公示中 and no credits; when the days are over they are confirmed by themselves."""
    project = story.publish(title="须公示的培训", publicity_days=5)
    story.roster("county.donghu", project, [person_of("teacher.li")])
    audit = story.audit("audit.donghu", project)
    shown = story.project("county.donghu", project)["audits"][0]
    assert shown["public_until"]
    assert shown["confirmed_at"] is None
    later = story.publish(title="不须公示的培训")
    story.roster("county.donghu", later, [person_of("teacher.li")])
    story.audit("audit.donghu", later)
    story.arrives("teacher.li", later, "6.0")
    assert story.lines("teacher.li", project) == [], "audited before the other, and still under 公示"
    assert provisional(story, project) == ["6.0"]
    refused(
        lambda: story.who("county.donghu").post(
            f"{PLANS}/projects/{project['id']}/audits/{audit['audit_id']}/redelivery"
        ),
        409,
        "公示",
    )

    # A test does not wait five working days: the days are made to be over, and the scheduled job runs at once.
    with story.database("plans").transaction() as session:
        session.get_one(Audit, audit["audit_id"]).public_until = utc_now()
        run_later(session, CONFIRM_JOB, {})
    story.arrives("teacher.li", project, "6.0")
    assert provisional(story, project) == [], "with the line it has left the view"
    assert story.project("county.donghu", project)["audits"][0]["confirmed_at"]
    history = story.who("county.donghu").get(f"{PLANS}/projects/{project['id']}/history")["items"]
    assert [line["act"] for line in history] == ["publish", "import", "audit", "confirm"]


def test_a_correction_delivered_again_changes_nothing(story: Story) -> None:
    """N6, N8: every message of a corrected project may be sent again; the ledger stays as it is."""
    county = story.who("county.donghu")
    project = story.publish(title="方式填错的培训", mode="online")
    story.roster("county.donghu", project, [person_of("teacher.li")])
    audit = story.audit("audit.donghu", project)
    story.arrives("teacher.li", project, "3.0")
    story.on_project("county.donghu", project, "correction", mode="centralized", reason="方式填错")
    lines = story.arrives("teacher.li", project, "3.0", "-3.0", "6.0")
    story.answered("county.donghu", project, 1)

    again = f"{PLANS}/projects/{project['id']}/audits/{audit['audit_id']}/redelivery"
    county.post(again)
    refused(lambda: county.post(again), 409, "一分钟")
    after = story.publish(title="重新送达之后的培训")
    story.roster("county.donghu", after, [person_of("teacher.li")])
    story.audit("audit.donghu", after)
    story.arrives("teacher.li", after, "6.0")
    assert story.lines("teacher.li", project) == lines, "sent before the other's audit, and without effect"
    row = county.all(f"{PLANS}/projects/{project['id']}/results")[0]
    assert row["credits_state"] == "recorded"
    assert Decimal(row["credits"]) == 6


def test_every_audit_says_how_far_it_has_got_and_none_is_late(story: Story) -> None:
    """N8: 审核通过 → 已送出 → 已送达 → 已计入, each with its time; the page of what is late is empty."""
    project = story.publish(title="送达情况")
    story.roster("county.donghu", project, [person_of("teacher.li")])
    story.audit("audit.donghu", project)
    story.arrives("teacher.li", project, "6.0")

    def complete() -> Body | None:
        shown: Body = story.project("county.donghu", project)["audits"][0]
        return shown if shown["processed"] == shown["current"] == 1 and shown["unsent"] == 0 else None

    shown = wait_for(complete, "已计入")
    times = [shown[name] for name in ("audited_at", "sent_at", "received_at", "recorded_at")]
    assert times == sorted(times)
    assert all(times)
    for name in ("county.donghu", "audit.donghu", "county.jinxian"):
        assert story.who(name).all(f"{PLANS}/delivery") == []
