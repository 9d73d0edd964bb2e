"""T16, N8, N46 between the services: a dispute until its correction has come, and the nightly comparison."""

from __future__ import annotations

from typing import Any

from services.credits.disputes.operations import SETTLE_JOB
from services.plans.tasks import TELL_JOB
from shared.client import wait_for
from shared.jobs import run_later
from tests.flows.material import Body, person_of, refused
from tests.flows.story import Story

CREDITS = "/credits/api/v1"
COUNTY, AUDITOR, OTHER, TEACHER = "county.donghu", "audit.donghu", "county.donghu2", "teacher.li"
LATE = {"text": "面授的培训登记成了网络研修。", "late_reason": "当时在外培训。"}


def held(story: Story, title: str, credits: str = "6.0", **changes: Any) -> Body:
    """A training of the county with the teacher's credits."""
    project = story.publish(COUNTY, title=title, **changes)
    story.roster(COUNTY, project, [person_of(TEACHER)])
    story.audit(AUDITOR, project)
    story.arrives(TEACHER, project, credits)
    return project


def test_t16_a_dispute_goes_past_who_audited_and_closes_with_the_correcting_line(story: Story) -> None:
    project = held(story, "有异议的培训", "3.0", mode="online")
    (line,) = story.lines(TEACHER, project)
    teacher = story.who(TEACHER)
    opened = teacher.post(f"{CREDITS}/disputes", form={"line_id": str(line["id"]), **LATE})
    path = f"{CREDITS}/disputes/{opened['id']}"
    assert opened["handling_path"] == "360000/360100/360102/", "a third person is in post there"
    refused(lambda: teacher.post(f"{CREDITS}/disputes", form={"line_id": str(line["id"]), **LATE}), 409, "正在办理")
    verdict = {"upheld": True, "text": "签到表显示为面授，应予更正。", "remedy": "correct"}
    refused(lambda: story.who(AUDITOR).post(f"{path}/answer", verdict, version=1), 403, "回避")
    refused(lambda: story.who(COUNTY).post(f"{path}/answer", verdict, version=1), 403, "回避")
    story.who(OTHER).post(f"{path}/answer", verdict, version=1)
    assert len(story.lines(TEACHER, project)) == 1, "an answer changes no credits"

    story.on_project(COUNTY, project, "correction", mode="centralized", reason="异议成立")
    new = story.arrives(TEACHER, project, "3.0", "-3.0", "6.0")[-1]
    with story.database("credits").transaction() as session:
        run_later(session, SETTLE_JOB, {})
    wait_for(lambda: teacher.get(path)["state"] == "settled", "异议办结")
    settled = teacher.get(path)
    assert settled["settled_line_id"] == new["id"]
    assert [act["act"] for act in settled["acts"]] == ["open", "uphold", "settle"]


def test_n8_the_nightly_comparison_finds_no_difference(story: Story) -> None:
    project = held(story, "夜间核对的培训")
    story.answered(COUNTY, project, 1)
    with story.database("plans").transaction() as session:
        run_later(session, TELL_JOB, {})

    def compared() -> Body | None:
        rows = story.who(COUNTY).all(f"{CREDITS}/deliveries")
        return next((row for row in rows if row["project_id"] == project["id"]), None)

    row = wait_for(compared, "送达核对")
    assert (row["cause"], row["sent"], row["posted"], row["answered"]) == (None, 1, 1, 1)
    refused(lambda: story.who(COUNTY).post(f"{CREDITS}/deliveries/{row['audit_id']}/redelivery"), 409, "一致")
