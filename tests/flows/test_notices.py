"""Notices through the real bus: from an act in plans to what somebody reads in accounts (A10)."""

from __future__ import annotations

from typing import Any

from shared.client import wait_for
from tests.flows.material import point
from tests.flows.story import Story

SCHOOL, COUNTY, COLLEAGUE, DISTRICT = "school.qingfeng", "county.donghu", "county.donghu2", "district.nanchang"


def test_a10_whose_turn_it_is_reads_it_and_the_school_reads_the_outcome(story: Story) -> None:
    plan = story.submitted()

    def told(username: str) -> list[dict[str, Any]]:
        """The occasions of this plan, newest first."""
        notices = story.who(username).all("/accounts/api/v1/notices")
        return [notice for notice in notices if plan["id"] in notice["link"]]

    assert wait_for(lambda: told(COUNTY), "the notice of the county")[0]["occasion"] == "stage_entered"
    assert told(COLLEAGUE)[0]["read_at"] is None
    story.act(COUNTY, plan, "return", opinion="请核对学时。", points=[point()])
    (notice,) = wait_for(lambda: told(SCHOOL), "the notice of the school")
    assert (notice["occasion"], notice["urgent"]) == ("returned", True)
    assert notice["body"].endswith("意见：请核对学时。")
    assert told(COLLEAGUE)[0]["read_at"] is not None, "a colleague has decided"
    assert told(DISTRICT) == told("school.qiaobei") == []
