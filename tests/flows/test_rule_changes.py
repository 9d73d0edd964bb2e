"""N5 and N19 through the whole system: a change of the rules from draft to ledger, and a decision of the province."""

from __future__ import annotations

from decimal import Decimal

from shared.client import wait_for
from tests.flows.material import TODAY, Body, person_of, refused
from tests.flows.story import Story

RULES = "/credits/api/v1/rulebook"
PENDING = "/credits/api/v1/pending-policies"
DOCUMENT = "赣教师字〔2026〕12号"
CHANGE = {
    "title": "2018 试行（调整）",
    "document": DOCUMENT,
    "effective_from": TODAY.isoformat(),
    "reach": "cycle_start",
    "reason": "省级网络研修折算标准调整",
    # Of a kind of training that no other flow holds: the sample province is the same for all.
    "figures": {"rates.provincial.online": {"value": "40", "grade": "A", "source": f"{DOCUMENT} 第三条"}},
}


def draft_of(story: Story) -> Body:
    """A saved and previewed draft."""
    province = story.who("province")
    made = province.post(f"{RULES}/drafts", {"edition": province.get(f"{RULES}/editions")["items"][0]["id"]})
    path = f"{RULES}/drafts/{made['id']}"
    saved = province.put(path, CHANGE, version=made["version"])
    refused(lambda: province.post(f"{path}/publication", {}, version=saved["version"]), 409, "预览")
    province.post(f"{path}/preview", {}, version=saved["version"])
    found: Body = wait_for(lambda: (now := province.get(path))["preview"] and now, "规则预览", 60.0)
    return found


def test_n5_a_rule_change_is_previewed_published_once_and_written_as_adjustments(story: Story) -> None:
    """Preview, publish, publish again: a teacher's ledger before and after."""
    province = story.who("province")
    project = story.publish("province", category="provincial_training", mode="online")
    story.roster("province", project, [person_of("teacher.li")])
    story.audit("audit.province", project)
    story.arrives("teacher.li", project, "3.0")
    before = story.who("teacher.li").get("/credits/api/v1/me/standing")["buckets"]["coordinated"]["counted"]

    draft = draft_of(story)
    areas = {area["name"]: area for area in draft["preview"]["areas"]}
    assert areas["东湖区"]["change"]["coordinated"] == "-1.5"
    assert draft["preview"]["total"]["change"]["coordinated"] == "-1.5"
    (sample,) = province.get(f"{RULES}/drafts/{draft['id']}/preview/people")["items"]
    change = Decimal(sample["after"]["coordinated"]) - Decimal(sample["before"]["coordinated"])
    assert change == Decimal("-1.5")
    story.arrives("teacher.li", project, "3.0")

    refused(lambda: story.who("county.donghu").get(f"{RULES}/editions"), 403, "")
    path = f"{RULES}/drafts/{draft['id']}/publication"
    published = province.post(path, {}, version=draft["version"])
    lines = story.arrives("teacher.li", project, "3.0", "-3.0", "1.5")
    assert [line["adjustment"] for line in lines] == [0, lines[1]["adjustment"], lines[1]["adjustment"]]
    assert lines[1]["reverses"] == lines[0]["id"]
    assert f"→ {CHANGE['title']}（{DOCUMENT}），冲回第 {lines[0]['id']} 号记录" in lines[2]["explanation"]
    after = story.who("teacher.li").get("/credits/api/v1/me/standing")["buckets"]["coordinated"]["counted"]
    assert Decimal(after) - Decimal(before) == Decimal("-1.5")

    def adjusted() -> bool:
        return bool(province.get(f"{RULES}/editions/{published['id']}")["adjusted_at"])

    wait_for(adjusted, "规则调整", 60.0)
    again = province.post(path, {}, version=draft["version"])
    assert (again["id"], again["published_at"]) == (published["id"], published["published_at"])
    assert len(province.get(f"{RULES}/editions")["items"]) >= 3
    assert story.lines("teacher.li", project) == lines, "publishing twice changes nothing"
    story.answered("province", project, 1)


def test_n19_one_decision_of_the_province_is_read_wherever_it_concerns(story: Story) -> None:
    """The county sees whom a question concerns in its area; only the province decides, and once."""
    county, province = story.who("county.donghu"), story.who("province")
    here = {one["id"]: one["people"] for one in county.get(PENDING)["items"]}
    everywhere = {one["id"]: one["people"] for one in province.get(PENDING)["items"]}
    assert everywhere["P-12"] > here["P-12"] > 0
    assert len(county.all(f"{PENDING}/P-12/teachers")) == here["P-12"]
    body = {
        "document": DOCUMENT,
        "text": "名额向缺口大的县倾斜",
        "effective_on": TODAY.isoformat(),
        "ends_interim": False,
    }
    refused(lambda: county.post(f"{PENDING}/P-12/decision", body), 403, "省级")
    province.post(f"{PENDING}/P-12/decision", body)
    refused(lambda: province.post(f"{PENDING}/P-12/decision", body), 409, DOCUMENT)
    notes = [note["text"] for note in story.who("teacher.xu").get("/credits/api/v1/me/standing")["notes"]]
    assert f"省厅已明确：名额向缺口大的县倾斜（{DOCUMENT}）" in notes
