"""Fills a fresh system with what a county sees in a week of work: after the demonstration, more schools with accounts
and plans, more trainings, more letters. For screenshots, and for tests that walk over all pages."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from services.accounts.sample import SamplePerson, SampleProvince, sample_province
from services.plans.terms import bounds, china_date, school_year_of
from shared.client import Person, wait_for
from shared.database import utc_now
from shared.demo import PASSWORD
from shared.demo.plan import item
from tests.running import BIN, DATA

Scan = Callable[[dict[str, str]], bytes]
"""Draws the letter that says this."""
TODAY = china_date(utc_now())
YEAR = school_year_of(TODAY)

PLANS: tuple[tuple[str, str, str, list[dict[str, Any]]], ...] = (
    (
        "3601020002",
        "初中学段大单元教学校本研修方案",
        "以大单元教学设计为主线，帮助各学科教师理解新课标、改进课堂评价，全体在岗教师参加。",
        [
            item("school_training", "大单元教学设计专题培训", "30", "10"),
            item("school_research", "跨学科主题学习课例研讨", "20", "10"),
            item("workshop", "骨干教师名师工作室研修", "24", "12"),
        ],
    ),
    (
        "3601020004",
        "文澜学校九年一贯教师成长方案",
        "面向小学、初中两个学部，分层开展班级管理、学科教学与信息技术应用研修。",
        [
            item("school_training", "班级管理与家校沟通", "20", "10"),
            item("other", "每周一书读书沙龙", "15", "15") | {"records": ""},
            item("school_research", "学部联合教研", "40", "10"),
        ],
    ),
    (
        "3601020005",
        "桃苑小学年度校本研修方案",
        "结合市级课题，围绕课后服务质量提升开展研修。",
        [item("school_training", "课后服务课程设计", "20", "10"), item("school_research", "同课异构", "20", "10")],
    ),
)
"""School, title, aims, items of the plans that wait in the county's queue."""


def live_in(url: str, scan: Scan | None = None) -> None:
    """Does all that over HTTP. `scan`: draws each letter; without it all are the sample letter."""
    with tempfile.TemporaryDirectory() as folder:
        demo = [str(BIN / "xuefen"), "demo", "--url", url, "--files", str(DATA)]
        run = subprocess.run(demo, cwd=folder, timeout=180, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    sample = sample_province()
    manager = _signed_in(url, "manager.donghu")
    for number, (unit_code, title, aims, items) in enumerate(PLANS):
        school = _new_school_account(url, manager, _teacher(sample, unit_code), scan)
        dated = [entry | _dates(place) for place, entry in enumerate(items)] if number != 1 else items
        plan = school.post("/plans/api/v1/plans", {"school_year": YEAR, "title": title, "aims": aims, "items": dated})
        with (DATA / "plan.pdf").open("rb") as file:
            school.post(
                f"/plans/api/v1/plans/{plan['id']}/attachments", files={"file": ("实施细则.pdf", file)}, form={}
            )
        plan = school.get(f"/plans/api/v1/plans/{plan['id']}")
        school.post(f"/plans/api/v1/plans/{plan['id']}/submit", version=plan["version"])
    _return_one(url)
    _train(url)
    _open_letters(url, manager, sample, scan)


def _signed_in(url: str, username: str) -> Person:
    return Person(url).sign_in(username, PASSWORD)


def _teacher(sample: SampleProvince, unit_code: str, place: int = 3) -> SamplePerson:
    return [p for p in sample.people if p.unit_path.endswith(f"/{unit_code}/") and p.kind == "in_service"][place]


def finished_training() -> dict[str, str]:
    """Dates and school year of a training that was over ten days ago: results may be audited."""
    last = TODAY - timedelta(days=10)
    first = last - timedelta(days=9)
    year = school_year_of(first)
    # Across the first of September it ends with the school year.
    last = min(last, bounds(year)[1])
    return {"held_from": first.isoformat(), "held_to": last.isoformat(), "school_year": year}


def _dates(place: int) -> dict[str, str]:
    first = bounds(YEAR)[0] + timedelta(days=20 + 35 * place)
    return {"held_from": first.isoformat(), "held_to": (first + timedelta(days=4)).isoformat()}


def _send_letter(url: str, who: SamplePerson, scan: Scan | None, **changes: str) -> str:
    """A letter for `who` of her own school; its number."""
    unit = next(unit for unit in sample_province().units if unit.path == who.unit_path)
    form = {
        "kind": "new_holder",
        "role": "school_admin",
        "unit_code": unit.code,
        "person_name": who.name,
        "identity_number": who.identity,
        "phone": unit.phone or "0791-00000000",
        "stamped_by": unit.name,
        "dated": (TODAY - timedelta(days=6)).isoformat(),
        **changes,
    }
    facts = {
        "number": f"{unit.name[-4:]}函〔2026〕{who.identity[-6:-4]}号",
        "addressee": "南昌市东湖区教育体育局",
        "unit_code": unit.code,
        "unit_name": unit.name,
        "person": who.name,
        "identity": who.identity,
        "contact": "甄小满",
        "contact_phone": form["phone"],
        "signed_by": form["stamped_by"],
        "signed_on": form["dated"],
    }
    content = scan(facts) if scan else (DATA / "letter.png").read_bytes()
    name = f"{unit.name}授权函.{'jpg' if scan else 'png'}"
    sent = Person(url).post("/accounts/api/v1/letters", files={"file": (name, content)}, form=form)
    return str(sent["number"])


def _answer(manager: Person, number: str, no: str = "") -> dict[str, Any]:
    """All checks answered 是, save the one named; the letter."""
    path = f"/accounts/api/v1/letters/{number}"
    seen = wait_for(lambda: _with_preview(manager, path), "preview")
    answers = {check["id"]: "no" if check["id"] == no else "yes" for check in seen["checks"]}
    remarks = {"not_duplicate": "扫描件相同，人员与单位不同"} if seen["duplicates"] else {}
    body = {"answers": answers, "remarks": remarks}
    answered: dict[str, Any] = manager.put(f"{path}/checks", body, version=seen["version"])
    return answered


def _with_preview(manager: Person, path: str) -> dict[str, Any] | None:
    seen: dict[str, Any] = manager.get(path)
    return seen if seen["preview"] == "ready" else None


def _new_school_account(url: str, manager: Person, who: SamplePerson, scan: Scan | None) -> Person:
    number = _send_letter(url, who, scan)
    version = _answer(manager, number)["version"]
    issued = manager.post(f"/accounts/api/v1/letters/{number}/issue", version=version)
    token = issued["activation_url"].rsplit("/", 1)[-1]
    Person(url).post(f"/accounts/api/v1/activations/{token}", {"password": PASSWORD})
    return _signed_in(url, issued["account"]["username"])


def _return_one(url: str) -> None:
    """Another plan of the sample school is back with it, and one more is a draft."""
    school, county = _signed_in(url, "school.qingfeng"), _signed_in(url, "county.donghu")
    for title in ("教研组建设补充方案", "青年教师成长营补充方案"):
        items = [item("school_training", "青年教师课堂基本功", "30", "10"), item("other", "读书沙龙", "20", "10")]
        content = {"school_year": YEAR, "title": title, "aims": "以老带新，提升青年教师课堂基本功。", "items": items}
        plan = school.post("/plans/api/v1/plans", content)
    path = f"/plans/api/v1/plans/{plan['id']}"
    plan = school.post(f"{path}/submit", version=plan["version"])
    point = {"section": "items", "field": "items.1.records", "text": "请写明过程记录形式。", "must": True}
    decision = {"verdict": "return", "opinion": "请补充后重报。", "points": [point]}
    county.post(f"{path}/decisions", decision, version=plan["version"])


def _train(url: str) -> None:
    """A provincial training online (3.0), one whose standard is not known yet (待定), a roster that waits for audit."""
    province, auditor = _signed_in(url, "province"), _signed_in(url, "audit.province")
    county, county_auditor = _signed_in(url, "county.donghu"), _signed_in(url, "audit.donghu")
    for publisher, title, category, audit in (
        (province, "省级班主任专业能力研修", "provincial_training", auditor),
        (county, "信息技术应用能力提升全员培训", "full_staff_training", county_auditor),
        (county, "义务教育新课标县级培训", "county_training", None),
    ):
        content = {
            "title": title,
            "category": category,
            "mode": "online",
            "convert": True,
            "hours": "60",
            **finished_training(),
        }
        path = f"/plans/api/v1/projects/{publisher.post('/plans/api/v1/projects', content)['id']}"
        with (DATA / "roster.xlsx").open("rb") as book:
            job = publisher.post(f"{path}/roster", files={"file": ("名单.xlsx", book)}, form={}, dry_run="false")
        wait_for(lambda p=publisher, j=job: p.get(f"/plans/api/v1/jobs/{j['job_id']}")["state"] == "done", "import")  # type: ignore[misc]
        if audit:
            audit.post(f"{path}/audits")
    teacher = _signed_in(url, "teacher.li")
    # County (three lines), school, province and the pending one.
    wait_for(lambda: len(teacher.all("/credits/api/v1/me/ledger")) == 6, "credits")


def _open_letters(url: str, manager: Person, sample: SampleProvince, scan: Scan | None) -> None:
    """One letter of each group of the manager's queue."""
    for unit_code, place, changes in (
        ("3601020001", 5, {"kind": "new_holder"}),
        ("3601020006", 2, {"role": "teacher", "kind": "new_holder"}),
        ("3601020003", 6, {"stamped_by": "南昌市东湖区听涛高级中"}),
        ("3601020005", 8, {"kind": "further_role"}),
    ):
        _send_letter(url, _teacher(sample, unit_code, place), scan, **changes)
    twice = _teacher(sample, "3601020001", 5)
    _send_letter(url, twice, scan)
    returned = _send_letter(url, _teacher(sample, "3601020002", 9), scan)
    answered = _answer(manager, returned, no="seal_clear")
    manager.post(f"/accounts/api/v1/letters/{returned}/return", version=answered["version"])
    settled = _send_letter(url, _teacher(sample, "3601020004", 9), scan)
    version = manager.get(f"/accounts/api/v1/letters/{settled}")["version"]
    reason = {"reason_code": "settled", "text": "该单位已有学校管理员。"}
    manager.post(f"/accounts/api/v1/letters/{settled}/refuse", reason, version=version)
