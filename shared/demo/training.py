"""Trainings are held: a county's, audited, taken back and audited again; and a school's under its approved plan."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from shared.client import Person
from shared.demo.stage import (
    SELF_ORGANIZED,
    Demo,
    expect_amounts,
    headline_equals_lines,
    held,
    import_file,
    ledger,
    roster_recorded,
    school_year,
    shell,
)


def train_a_county(demo: Demo) -> None:
    """60 hours face to face: 6.0 coordinated credits; taken back: 0 with two lines; again: 6.0 with three."""
    county, auditor, teacher = (demo.who(n) for n in ("county.donghu", "audit.donghu", "teacher.li"))
    project = county.post(
        "/plans/api/v1/projects",
        {
            "title": "县级骨干教师集中培训",
            "category": "county_training",
            "mode": "centralized",
            "convert": True,
            "school_year": school_year(demo),
            **held(demo, 10),
            "hours": "60",
        },
        step="project",
    )
    path = f"/plans/api/v1/projects/{project['id']}"
    demo.check(
        Decimal(project["preview"]["credits"]) == 6, f"发布项目 {project['number']}：{project['preview']['sentence']}"
    )
    _import_roster(demo, county, path)
    if not any(line["source"]["project_id"] == project["id"] for line in ledger(teacher)):
        demo.refused(lambda: county.post(f"{path}/audits", step="self-audit"), 403, "登记人不能审核自己登记的成绩")
    shell(demo, demo.before_audit)
    audit = auditor.post(f"{path}/audits", step="audit")
    demo.check(audit["count"] == 200, f"{auditor.account['name']}审核成绩 200 人")
    shell(demo, demo.after_audit)

    def lines() -> list[dict[str, Any]]:
        return [line for line in ledger(teacher) if line["source"]["project_id"] == project["id"]]

    expect_amounts(demo, lines, ["6.0"], "计入统筹 6.0 学分")
    demo.say(f"  说明：{lines()[0]['explanation']}")
    failed = [line for line in ledger(demo.who("teacher.xu")) if line["source"]["project_id"] == project["id"]]
    demo.check(all(Decimal(line["amount"]) == 0 for line in failed), "考核不合格者 0 学分，并写明原因")
    if not demo.resumed:
        roster_recorded(demo, county, path, 198, Decimal(6))
    auditor.post(f"{path}/audits/{audit['audit_id']}/revocation", {"reason": "演示：核对后重审"}, step="revoke")
    expect_amounts(demo, lines, ["6.0", "-6.0"], "取消审核后净值 0，共两行")
    auditor.post(f"{path}/audits", step="audit-again")
    expect_amounts(demo, lines, ["6.0", "-6.0", "6.0"], "再次审核后 6.0，共三行，没有第二份")
    demo.check(len(lines()) == 3, "台账恰有三行")
    roster_recorded(demo, county, path, 198, Decimal(6))
    headline_equals_lines(demo, teacher)


def _import_roster(demo: Demo, county: Person, path: str) -> None:
    """The roster with errors is refused cell by cell; the corrected one is imported as a whole."""
    expected = json.loads((demo.files / "roster_with_errors.json").read_text())
    cells = {f"{error['column']}{error['row']}": error["keyword"] for error in expected}
    if not county.get(f"{path}/results", limit=1)["items"]:
        with (demo.files / "roster_with_errors.xlsx").open("rb") as book:
            report = county.post(
                f"{path}/roster", step="dry-run", files={"file": ("名单.xlsx", book)}, form={}, dry_run="true"
            )
        found = {error["cell"]: error["message"] for error in report["errors"]}
        demo.check(
            found.keys() == cells.keys() and all(word in found[cell] for cell, word in cells.items()),
            f"试导入：{report['rows']} 行，逐格指出 {len(found)} 处错误（{'、'.join(found)}）",
        )
        demo.say(f"  例如 A17：{found['A17']}")
        with (demo.files / "roster_with_errors.xlsx").open("rb") as book:
            files = {"file": ("名单.xlsx", book.read())}
        demo.refused(
            lambda: county.post(f"{path}/roster", step="bad-roster", files=files, form={}, dry_run="false"),
            422,
            "有错的名单整份不导入",
        )
        demo.check(not county.get(f"{path}/results", limit=1)["items"], "没有写入任何一行")
    import_file(county, path, demo.files / "roster.xlsx", "roster")
    rows = county.all(f"{path}/results")
    demo.check(len(rows) == 200, "改正后的名单已导入 200 人")
    demo.check(all("*" in row["masked_identity"] for row in rows), "身份证号只显示掩码")


def train_a_school(demo: Demo, plan_id: str) -> None:
    """20 hours under the plan's first item, at the plan's rate: 2.0 self-organised credits, in the other pool."""
    school, auditor, teacher = (demo.who(n) for n in ("school.qingfeng", "audit.donghu", "teacher.li"))
    plan = school.get(f"/plans/api/v1/plans/{plan_id}")
    project = school.post(
        "/plans/api/v1/projects",
        {
            "title": "新课标专题校本培训",
            "category": "school_training",
            "mode": "centralized",
            "convert": True,
            "plan_id": plan_id,
            "plan_item_id": plan["items"][0]["id"],
            "school_year": school_year(demo),
            **held(demo, 5),
            "hours": "20",
        },
        step="school-project",
    )
    path = f"/plans/api/v1/projects/{project['id']}"
    import_file(school, path, demo.files / "roster_school.xlsx", "school-roster")
    auditor.post(f"{path}/audits", step="school-audit")

    def lines() -> list[dict[str, Any]]:
        return [line for line in ledger(teacher) if line["source"]["project_id"] == project["id"]]

    expect_amounts(demo, lines, ["2.0"], "校本培训计入自主 2.0 学分")
    demo.check(lines()[0]["bucket"] == SELF_ORGANIZED, "计入自主，与统筹互不相通")
    headline_equals_lines(demo, teacher)
