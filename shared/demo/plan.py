"""A school's plan passes county, district and province."""

from __future__ import annotations

from typing import Any

from shared.demo.stage import Demo, school_year


def approve_a_plan(demo: Demo) -> str:
    """Draft with attachment, submission, return with points, resubmission, three approvals; returns the plan's id."""
    school = demo.who("school.qingfeng")
    content: dict[str, Any] = {
        "school_year": school_year(demo),
        "title": f"{school_year(demo)} 学年校本研修方案",
        "aims": "以课例研究促进课堂改进，覆盖全体在岗教师。",
        "items": [
            item("school_training", "新课标专题校本培训", "20", "10"),
            item("school_research", "学科组集体备课与磨课", "30", "10"),
            item("other", "读书沙龙", "10", "5"),
        ],
    }
    plan = school.post("/plans/api/v1/plans", content, step="plan")
    path = f"/plans/api/v1/plans/{plan['id']}"
    demo.say(f"{school.account['name']}起草方案 {plan['number']}")
    with (demo.files / "plan.pdf").open("rb") as pdf:
        school.post(
            f"{path}/attachments",
            step="attachment",
            files={"file": ("研修方案附件.pdf", pdf, "application/pdf")},
            form={},
        )
    plan = school.get(path)
    if plan["status"] == "draft":
        demo.refused(
            lambda: school.post(f"{path}/submit", step="submit-too-easy", version=plan["version"]),
            422,
            "其他形式 5 学时折 1 学分，低于县级标准，不能报送",
            "10",
        )
        same_items(content, plan)
        content["items"][2]["hours_per_credit"] = "10"
        plan = school.put(path, content, version=plan["version"])
    plan = school.post(f"{path}/submit", step="submit", version=plan["version"])
    demo.check(stage_of(plan) == ("under_review", "county"), "报送成功，县级审核中")

    county, district, province = (demo.who(n) for n in ("county.donghu", "district.nanchang", "province"))
    demo.refused(lambda: demo.who("county.yujiang").get(path), 404, "外县审核人看不到这份方案")
    seen = school.get(path)
    if stage_of(seen) == ("under_review", "county") and seen["round"] == 1:
        queue = county.all("/plans/api/v1/queue")
        demo.check(
            any(p["id"] == plan["id"] for p in queue)
            and county.get("/plans/api/v1/queue/count")["count"] == len(queue),
            f"县级待办 {len(queue)} 件，数字与列表一致，含本方案",
        )
        demo.refused(
            lambda: district.post(f"{path}/decisions", approve(), step="too-early", version=plan["version"]),
            403,
            "市级不能越级办理县级环节",
        )
    point = {"section": "items", "field": "items.2.records", "text": "请写明读书沙龙的过程记录形式。", "must": True}
    county.post(
        f"{path}/decisions",
        {"verdict": "return", "opinion": "请补充一处后重报。", "points": [point]},
        step="return",
        version=plan["version"],
    )
    demo.say(f"{county.account['name']}退回修改，附 1 条意见")
    demo.refused(
        lambda: demo.who("county.donghu2").post(f"{path}/decisions", approve(), step="stale", version=plan["version"]),
        409,
        "另一审核人按旧版本办理，被告知谁已办理",
        "已由" if demo.resumed else county.account["name"],
    )
    plan = school.get(path)
    if plan["status"] == "returned":
        same_items(content, plan)
        content["items"][2] |= {"hours_per_credit": "10", "records": "每次签到、领读提纲、读后感与照片。"}
        plan = school.put(path, content, version=plan["version"])
        if any(point["answer"] is None for point in plan["open_points"]):
            demo.refused(
                lambda: school.post(f"{path}/submit", step="unanswered", version=plan["version"]),
                422,
                "修改意见没有逐条答复，不能重报",
                "1",
            )
        answers = [{"number": 1, "verdict": "changed", "text": "已补充签到、提纲、读后感与照片。"}]
        plan = school.put(f"{path}/answers", {"answers": answers}, version=plan["version"])
    plan = school.post(f"{path}/submit", step="resubmit", version=plan["version"])
    for reviewer, step in ((county, "county"), (district, "district"), (province, "province")):
        plan = reviewer.post(f"{path}/decisions", approve(), step=f"approve-{step}", version=plan["version"])
        demo.say(f"{reviewer.account['name']}（{step}）同意")
    demo.check(school.get(path)["status"] == "approved", f"方案 {plan['number']} 已通过三级审核")
    acts = [entry["act"] for entry in school.get(f"{path}/history")["items"]]
    demo.check(
        [a for a in acts if a in ("submit", "return", "approve")]
        == ["submit", "return", "submit", "approve", "approve", "approve"],
        f"办理过程完整：{len(acts)} 条记录",
    )
    plan_id: str = plan["id"]
    return plan_id


def same_items(content: dict[str, Any], plan: dict[str, Any]) -> None:
    """The items are still the same ones: named by their ids, so that versions are compared field by field."""
    for mine, known in zip(content["items"], plan["items"], strict=True):
        mine["id"] = known["id"]


def item(kind: str, title: str, hours: str, rate: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "title": title,
        "hours": hours,
        "hours_per_credit": rate,
        "responsible": "教导处",
        "assessment": "出勤与成果考核",
        "records": "签到表、教案、照片",
    }


def approve() -> dict[str, Any]:
    return {"verdict": "approve", "opinion": "方案可行，同意。", "points": []}


def stage_of(plan: dict[str, Any]) -> tuple[str, str | None]:
    stage = plan.get("stage") or {}
    return plan["status"], stage.get("level")
