"""The reviewers' desk: what waits for the province, who stands in for whom, many at once, and the numbers."""

from __future__ import annotations

from tests.flows.material import PLANS, TODAY, item, refused
from tests.flows.story import Story

SCHOOL, COUNTY, COLLEAGUE = "school.qingfeng", "county.donghu", "county.donghu2"
DISTRICT = "district.nanchang"


def test_parked_until_the_province_has_spoken(story: Story) -> None:
    """N19: parked cases leave queue and clock; one answer settles all of a category, with its document number."""
    plans = [story.submitted(items=[item(title=f"等意见的项目{number}")]) for number in (1, 2)]
    county, province = story.who(COUNTY), story.who("province")
    refused(lambda: story.act(COUNTY, plans[0], "park", opinion="一人一校如何认定？"), 422, "类别")
    for plan in plans:
        story.act(COUNTY, plan, "park", category="one_teacher_school", opinion="一人一校如何认定？")
    ids = {plan["id"] for plan in plans}
    assert ids <= {row["id"] for row in county.all(f"{PLANS}/queue", tab="parked")}
    assert not ids & {row["id"] for row in county.all(f"{PLANS}/queue")}
    seen = story.plan(SCHOOL, plans[0])
    assert (seen["pending"], seen["pending_title"]) == ("policy", "等省厅意见")
    assert not story.plan(COUNTY, plans[0])["clock"]["running"]
    refused(lambda: story.act(COUNTY, plans[0], "approve"), 409, "等省厅意见")

    answer = {"category": "one_teacher_school", "document": "赣教师字〔2026〕12号", "text": "可并入中心校联合申报。"}
    refused(lambda: county.post(f"{PLANS}/policy", answer), 403, "省级")
    assert province.get(f"{PLANS}/policy")["waiting"]["one_teacher_school"] == 2
    settled = province.post(f"{PLANS}/policy", answer)
    assert settled["settled"] == 2
    for plan in plans:
        now = story.plan(COUNTY, plan)
        assert (now["pending"], now["stage"]["level"]) == ("", "county")
        assert now["clock"]["running"]
        line = story.last(SCHOOL, plan, "settle_policy")
        assert "可并入中心校联合申报" in line["opinion"]
    assert "one_teacher_school" not in province.get(f"{PLANS}/policy")["waiting"]
    assert story.approve(plans[0], COUNTY)["stage"]["level"] == "district"


def test_a_deputy_acts_and_both_names_stand(story: Story) -> None:
    """A12: handed to somebody who is away; her deputy decides it, for those days only."""
    county, deputy = story.who(COUNTY), story.who(COLLEAGUE)
    plan = story.submitted()
    story.act(COLLEAGUE, plan, "transfer", to=[county.account["id"]], opinion="此校由您联系。")
    refused(lambda: story.act(COLLEAGUE, plan, "approve"), 403, "已转办给")

    days = {"first_day": TODAY.isoformat(), "last_day": TODAY.isoformat()}
    body = {"absent": county.account["id"], "deputy": deputy.account["id"], "reason": "出差", **days}
    refused(lambda: deputy.post(f"{PLANS}/deputies", body), 422, "只能为自己")
    made = county.post(f"{PLANS}/deputies", body)
    refused(lambda: county.post(f"{PLANS}/deputies", body), 409, "已由")
    try:
        assert plan["id"] in {row["id"] for row in deputy.all(f"{PLANS}/queue")}
        story.act(COLLEAGUE, plan, "approve", opinion="同意。")
    finally:
        county.post(f"{PLANS}/deputies/{made['id']}/end")
    line = story.last("district.nanchang", plan, "approve")
    assert line["actor"] == f"{deputy.account['name']}（代{county.account['name']}）"

    other = story.submitted()
    story.act(COLLEAGUE, other, "transfer", to=[county.account["id"]], opinion="此校由您联系。")
    refused(lambda: story.act(COLLEAGUE, other, "approve"), 403, "已转办给")


def test_many_are_approved_at_once_each_by_itself(story: Story) -> None:
    """T20: what carries a mark is left for a person; each plan has its own result and its own line."""
    # Two years of a school of which no other story tells: nothing looks like a doublet.
    clean = [story.submitted("school.chenghu", later=later) for later in (0, 1)]
    marked = story.approve(story.submitted(items=[item(records="")]), COUNTY)
    gone = story.approve(story.submitted(), COUNTY, DISTRICT)
    chosen = [{"id": plan["id"], "version": plan["version"]} for plan in (*clean, marked, gone)]
    done = story.who(DISTRICT).post(f"{PLANS}/queue/approval", {"items": chosen, "opinion": "批量：同意。"})
    by_id = {row["id"]: row for row in done["items"]}
    assert [by_id[plan["id"]]["done"] for plan in (*clean, marked, gone)] == [True, True, False, False]
    assert "逐件办理" in by_id[marked["id"]]["detail"]
    for plan in clean:
        assert story.plan(DISTRICT, plan)["stage"]["level"] == "province"
        assert story.last(DISTRICT, plan, "approve")["opinion"] == "批量：同意。"
    assert story.plan(DISTRICT, marked)["stage"]["level"] == "district"


def test_every_number_is_the_length_of_its_list(story: Story) -> None:
    """T6, A8: counts and lists come from one query, for every tab and for everybody who decides."""
    plan = story.submitted()
    story.open(COUNTY, plan)
    assert story.plan(COUNTY, plan)["id"] == plan["id"]
    for name in (COUNTY, COLLEAGUE, "audit.donghu", "district.nanchang", "province"):
        person = story.who(name)
        counts = person.get(f"{PLANS}/queue/counts")
        for tab in ("todo", "claimed", "parked", "returned", "done", "copies", "asked", "below"):
            assert counts[tab] == len(person.all(f"{PLANS}/queue", tab=tab)), (name, tab)
        assert person.get(f"{PLANS}/queue/count")["count"] == counts["todo"]
    assert plan["id"] in {row["id"] for row in story.who(COLLEAGUE).all(f"{PLANS}/queue", tab="claimed")}
    assert plan["id"] not in {row["id"] for row in story.who("county.yujiang").all(f"{PLANS}/queue")}
