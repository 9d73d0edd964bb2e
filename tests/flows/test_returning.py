"""What is returned comes back to the right place, point by point, and nobody inside is named to the school."""

from __future__ import annotations

from tests.flows.material import PLANS, Body, editable, item, point, refused
from tests.flows.story import Story

SCHOOL, COUNTY, DISTRICT = "school.qingfeng", "county.donghu", "district.nanchang"


def at_district(story: Story, later: int = 0) -> Body:
    """A plan that the county has signed."""
    return story.approve(story.submitted(SCHOOL, later), COUNTY)


def test_points_are_answered_one_by_one(story: Story) -> None:
    """N1: no return without a point, no resubmission without every answer; the reviewer sees point, answer, change."""
    plan = story.submitted()
    refused(lambda: story.act(COUNTY, plan, "return", opinion="请修改。"), 422, "至少列出一条")
    wrong = point("items.9.records")
    refused(lambda: story.act(COUNTY, plan, "return", opinion="请修改。", points=[wrong]), 422, "")
    points = [point(), point("items.0.assessment", "请写明考核办法。")]
    story.act(COUNTY, plan, "return", opinion="请修改两处。", points=points)

    refused(lambda: story.act(SCHOOL, plan, "submit"), 422, "第 1、2 条")
    changed = story.plan(SCHOOL, plan)["items"][0] | {"records": "签到表、教案、评课记录"}
    story.change(SCHOOL, plan, items=[{k: v for k, v in changed.items() if k not in ("credits", "kind_title")}])
    story.answer(SCHOOL, plan, "changed")
    refused(lambda: story.act(SCHOOL, plan, "submit"), 422, "第 2 条")
    story.answer(SCHOOL, plan, "changed", "explained")
    story.act(SCHOOL, plan, "submit")

    told = story.last(COUNTY, plan, "return")["points"]
    assert [(p["number"], p["answer"]["verdict"]) for p in told] == [(1, "changed"), (2, "explained")]
    assert [c["after"] for c in told[0]["changes"]] == ["签到表、教案、评课记录"]
    assert told[1]["changes"] == []
    assert not any(p["late"] for p in told)


def test_a_point_not_raised_before_is_told_as_late(story: Story) -> None:
    """N1: 未一次性告知: a second return at the same stage on what has not changed since the first."""
    plan = story.submitted()
    story.act(COUNTY, plan, "return", opinion="请修改。", points=[point()])
    story.answer(SCHOOL, plan, "explained")
    story.act(SCHOOL, plan, "submit")
    again = [point(), point("items.0.assessment", "考核办法也请写明。")]
    story.act(COUNTY, plan, "return", opinion="还须修改。", points=again)
    assert [p["late"] for p in story.last(SCHOOL, plan, "return")["points"]] == [False, True]


def test_a_changed_field_calls_the_county_back(story: Story) -> None:
    """N2: hours, which the county signed, have changed: it signs again, and the history names the field."""
    plan = at_district(story)
    story.act(DISTRICT, plan, "return", opinion="学时偏多。", points=[point("items.0.hours", "请核减学时。")])
    seen = editable(story.plan(SCHOOL, plan))
    story.change(SCHOOL, plan, items=[seen["items"][0] | {"hours": "16"}])
    story.answer(SCHOOL, plan, "changed")
    plan = story.act(SCHOOL, plan, "submit")
    assert plan["stage"]["level"] == "county"
    outcome = story.last(SCHOOL, plan, "submit")["outcome"]
    assert "县级审核须重新签署" in outcome
    assert "学时" in outcome
    opinion = next(line for line in story.history(DISTRICT, plan) if line["act"] == "approve")
    assert opinion["void_because"], "N3: the county's first opinion was about other hours"

    plan = story.approve(plan, COUNTY)
    assert plan["stage"]["level"] == "district"
    plan = story.approve(plan, DISTRICT, "province")
    assert plan["status"] == "approved"


def test_an_unsigned_field_does_not(story: Story) -> None:
    """A2: what the county did not sign has changed: straight back to the district, and the county's opinion stands."""
    plan = at_district(story)
    returned = point("aims", "请写明目标。")
    story.act(DISTRICT, plan, "return", opinion="请补充目标。", points=[returned])
    refused(lambda: story.act(DISTRICT, plan, "approve"), 409, "待修改")
    story.change(SCHOOL, plan, aims="以课例研究促进课堂改进，覆盖全体在岗教师。")
    story.answer(SCHOOL, plan, "changed")
    plan = story.act(SCHOOL, plan, "submit")
    assert plan["stage"]["level"] == "district"
    assert "须重新签署" not in story.last(SCHOOL, plan, "submit")["outcome"]
    assert [s["state"] for s in plan["route"]] == ["done", "current", "todo"]


def test_a_return_to_an_earlier_stage(story: Story) -> None:
    """A1: the district gives it back to the county, not to the school; it is in exactly one queue."""
    plan = at_district(story, later=1)
    refused(
        lambda: story.act(COUNTY, plan, "return", opinion="请修改。", points=[point()], to_stage="district_review"),
        403,
        "",
    )
    plan = story.act(DISTRICT, plan, "return", opinion="请再核。", points=[point()], to_stage="county_review")
    assert (plan["status"], plan["stage"]["level"]) == ("under_review", "county")
    queues = {name: story.who(name).all(f"{PLANS}/queue") for name in (COUNTY, DISTRICT, "province")}
    holders = [name for name, rows in queues.items() if plan["id"] in {row["id"] for row in rows}]
    assert holders == [COUNTY]
    plan = story.approve(plan, COUNTY)
    assert plan["stage"]["level"] == "district"


def test_two_projections_of_one_history(story: Story) -> None:
    """A16: what reviewers say among themselves reaches no payload of the school."""
    plan = story.submitted(items=[item(title="课堂观察研修")])
    colleague = story.who("county.donghu2").account["id"]
    story.act(COUNTY, plan, "consult", to=[colleague], opinion="内部：此校去年有虚报，请看。")
    story.act("county.donghu2", plan, "reply", opinion="内部：已核实，无虚报。")
    story.approve(plan, COUNTY)

    inside = story.history(COUNTY, plan)
    outside = story.history(SCHOOL, plan)
    assert [x["act"] for x in inside if x["internal"]] == ["consult", "reply"]
    assert [x["act"] for x in outside] == [x["act"] for x in inside if not x["internal"]]
    school = story.who(SCHOOL)
    for path in (f"{PLANS}/plans/{plan['id']}", f"{PLANS}/plans/{plan['id']}/history"):
        text = school.http.get(path).text
        assert "内部：" not in text
        assert colleague not in text
    assert story.plan(SCHOOL, plan)["requests"] == []
    assert len(story.plan(COUNTY, plan)["requests"]) == 1
