"""Acts of the table that two or more people play together, and who is refused with which sentence."""

from __future__ import annotations

import threading
from typing import Any

from shared.client import Refused
from tests.flows.material import PLANS, item, point, refused
from tests.flows.story import Story

SCHOOL, COUNTY, COLLEAGUE, DISTRICT = "school.qingfeng", "county.donghu", "county.donghu2", "district.nanchang"


def test_a_refusal_needs_a_second_person(story: Story) -> None:
    """T5, A16: proposed by one, confirmed by another; until then the school reads nothing of it."""
    plan = story.submitted()
    refused(lambda: story.act(COUNTY, plan, "refuse"), 422, "理由")
    story.act(COUNTY, plan, "refuse", opinion="与实际情况严重不符。")
    mine = story.plan(SCHOOL, plan)
    assert (mine["status"], mine["pending"], mine["pending_title"]) == ("under_review", "", "")
    assert "refuse" not in {line["act"] for line in story.history(SCHOOL, plan)}
    refused(lambda: story.act(COUNTY, plan, "confirm_refusal"), 403, "第二人")
    story.act(COLLEAGUE, plan, "decline_refusal", opinion="可退回修改。")
    assert story.plan(COUNTY, plan)["pending"] == ""

    story.act(COUNTY, plan, "refuse", opinion="与实际情况严重不符。")
    plan = story.act(COLLEAGUE, plan, "confirm_refusal")
    assert (plan["status"], plan["status_title"]) == ("refused", "不予通过")
    told = story.last(SCHOOL, plan, "confirm_refusal")
    assert "与实际情况严重不符" in told["opinion"]
    refused(lambda: story.act(SCHOOL, plan, "submit"), 409, "不予通过")
    assert story.submitted()["status"] == "under_review", "the school may make another"


def test_a_decision_is_taken_back_until_the_next_has_opened_it(story: Story) -> None:
    """取回: the opinion stays, struck through; once the next stage has opened it, it is too late."""
    plan = story.approve(story.submitted(), COUNTY)
    refused(lambda: story.act(COLLEAGUE, plan, "take_back"), 403, "取回")
    plan = story.act(COUNTY, plan, "take_back")
    assert plan["stage"]["level"] == "county"
    assert [line["struck"] for line in story.history(COUNTY, plan) if line["act"] == "approve"] == [True]

    plan = story.approve(plan, COUNTY)
    story.open(DISTRICT, plan)
    refused(lambda: story.act(COUNTY, plan, "take_back"), 409, "已经打开")
    assert story.plan(SCHOOL, plan)["route"][1]["opened_at"], "T22: the school sees that it was looked at"


def test_the_school_takes_it_back(story: Story) -> None:
    """撤回 until the reviewer has opened it; from then on 申请撤回, and the reviewer answers."""
    plan = story.submitted()
    plan = story.act(SCHOOL, plan, "withdraw")
    assert plan["status"] == "draft"
    plan = story.act(SCHOOL, plan, "submit")
    story.open(COUNTY, plan)
    refused(lambda: story.act(SCHOOL, plan, "withdraw"), 409, "申请撤回")
    story.act(SCHOOL, plan, "ask_withdraw", opinion="学时有误，需要修改。")
    clock = story.plan(COUNTY, plan)["clock"]
    assert not clock["running"], "N27: the reviewer's days do not run while the school's question is open"
    plan = story.act(COUNTY, plan, "grant_withdrawal")
    assert plan["status"] == "draft"


def test_a_consulted_view_is_waited_for(story: Story) -> None:
    """意见征询: the decision waits where the reviewer wants it to."""
    plan = story.submitted()
    asked = story.who(DISTRICT).account["id"]
    story.act(COUNTY, plan, "consult", to=[asked], blocking=True, opinion="此形式能否认定？")
    error = refused(lambda: story.act(COUNTY, plan, "approve"), 409, "征询")
    assert story.who(DISTRICT).account["name"] in error.detail
    rows = story.who(DISTRICT).all(f"{PLANS}/queue", tab="asked")
    assert plan["id"] in {row["id"] for row in rows}
    story.act(DISTRICT, plan, "reply", opinion="可以认定。")
    assert story.approve(plan, COUNTY)["stage"]["level"] == "district"


def test_an_added_signer_signs_before_and_after(story: Story) -> None:
    """加签: before — no approval without it; after — the plan leaves the stage with the second signature."""
    plan = story.submitted()
    signer = story.who(COLLEAGUE).account["id"]
    story.act(COUNTY, plan, "add_signer", to=[signer], position="before", opinion="请先看。")
    refused(lambda: story.act(COUNTY, plan, "approve"), 409, "尚未签署")
    story.act(COLLEAGUE, plan, "cosign", agreed=True, opinion="同意。")
    plan = story.approve(plan, COUNTY)
    assert plan["stage"]["level"] == "district"

    plan = story.submitted()
    story.act(COUNTY, plan, "add_signer", to=[signer], position="after", opinion="请复签。")
    plan = story.approve(plan, COUNTY)
    assert (plan["stage"]["level"], plan["pending"]) == ("county", "cosign")
    assert story.plan(SCHOOL, plan)["pending"] == ""
    plan = story.act(COLLEAGUE, plan, "cosign", agreed=True, opinion="同意。")
    assert (plan["stage"]["level"], plan["pending"]) == ("district", "")


def test_a_copy_is_read_and_signed_as_read(story: Story) -> None:
    """抄送 / 已阅: for information only; nothing waits for it."""
    plan = story.submitted()
    reader = story.who(DISTRICT)
    story.act(COUNTY, plan, "copy", to=[reader.account["id"]])
    assert plan["id"] in {row["id"] for row in reader.all(f"{PLANS}/queue", tab="copies")}
    story.act(DISTRICT, plan, "seen")
    assert plan["id"] not in {row["id"] for row in reader.all(f"{PLANS}/queue", tab="copies")}
    assert story.approve(plan, COUNTY)["stage"]["level"] == "district"


def test_a_reminder_is_not_for_the_first_day(story: Story) -> None:
    """T21: 催办 only after a working day at the stage."""
    plan = story.submitted()
    refused(lambda: story.act(SCHOOL, plan, "remind"), 409, "1 个工作日")
    assert "remind" not in {line["act"] for line in story.history(SCHOOL, plan)}


def test_nobody_decides_on_what_is_not_theirs(story: Story) -> None:
    """T1, T11: not another stage's, not another county's, not the school's own."""
    plan = story.submitted()
    refused(lambda: story.act(DISTRICT, plan, "approve"), 403, "不在您的审核环节")
    refused(lambda: story.act(SCHOOL, plan, "approve"), 403, "")
    stranger, path = story.who("county.yujiang"), f"{PLANS}/plans/{plan['id']}"
    refused(lambda: stranger.get(path), 404, "")
    refused(lambda: stranger.get(f"{path}/history"), 404, "")
    refused(lambda: stranger.get(f"{path}/comparison", old="1"), 404, "")
    version = plan["version"]
    refused(lambda: story.act("county.yujiang", plan, "approve", version=version), 404, "")


def test_one_winner(story: Story) -> None:
    """T2, A15: two decide at the same moment; one decision, and the other reads who was faster."""
    plan = story.submitted(items=[item(title="同一时刻")])
    version, start = plan["version"], threading.Barrier(2)
    outcomes: dict[str, str] = {}
    story.who(COUNTY), story.who(COLLEAGUE)

    def decide(name: str, act: str, **what: Any) -> None:
        start.wait()
        try:
            outcomes[name] = story.act(name, plan, act, version=version, **what)["status"]
        except Refused as error:
            outcomes[name] = f"{error.status} {error.detail}"

    threads = [
        threading.Thread(target=decide, args=(COUNTY, "approve")),
        threading.Thread(
            target=decide, args=(COLLEAGUE, "return"), kwargs={"opinion": "请修改。", "points": [point()]}
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = [said for said in outcomes.values() if said.startswith("409")]
    assert len(lost) == 1, outcomes
    winner = next(name for name, said in outcomes.items() if not said.startswith("409"))
    assert story.who(winner).account["name"] in lost[0]
    decisions = [line for line in story.history(COUNTY, plan) if line["act"] in ("approve", "return")]
    assert [line["actor"] for line in decisions] == [story.who(winner).account["name"]]
