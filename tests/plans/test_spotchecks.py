"""N45: whoever draws again gets the same cases, each case's file is whole, and findings are only ever added."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval import drafting, operations
from services.plans.approval.models import Plan
from services.plans.files import Upload, store
from services.plans.projects.models import Project
from services.plans.reports import spotchecks
from services.plans.reports.models import SpotCase, SpotCheck, SpotFinding
from services.plans.tasks import JOBS
from shared.actors import Actor
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.jobs import JobRow, run_job
from shared.service import Runtime
from tests.plans import builders as make
from tests.plans.conftest import Caller
from tests.plans.papers import pages
from tests.plans.test_pages import DATA, Browser

SCHOOLS = [f"360000/360100/360102/360102000{number}/" for number in (1, 2, 3, 4, 5)]
COUNTY = make.actor("county.donghu")
DRAW: dict[str, Any] = {"school_year": make.YEAR, "count": 3, "seed": "2026-11-24", "purpose": "年度抽查"}


def admin_of(path: str) -> Actor:
    """Whoever drafts and submits for a school."""
    return make.school_admin(path, f"admin-{path[-11:-1]}")


def approved(session: Session, path: str, *, county: str = "county.donghu") -> Plan:
    """An approved plan of any school run by a county."""
    who = admin_of(path)
    plan = make.submit(session, make.make_plan(session, who), who)
    return make.approve(session, plan, county, "district.nanchang", "province")


def several(session: Session) -> list[Plan]:
    """Five of one county, and one of another."""
    approved(session, "360000/360100/360124/3601240001/", county="county.jinxian")
    return [approved(session, path) for path in SCHOOLS]


def run_pack(run: Runtime, check_id: str) -> JobRow:
    """Runs the job of a draw as the worker does."""
    with run.database.reading() as session:
        job = session.get_one(JobRow, session.get_one(SpotCheck, check_id).pack_job_id)
    run_job(run.database, JOBS, job.id, job.name, job.arguments, {}, run)
    with run.database.reading() as session:
        return session.get_one(JobRow, job.id)


def test_n45_the_sample_follows_from_seed_and_population_alone() -> None:
    ids = [f"id-{number}" for number in range(1000)]
    first = spotchecks.sample("甲", ids, 20)
    assert spotchecks.sample("甲", reversed(ids), 20) == first
    assert spotchecks.sample("甲", ids, 30)[:20] == first
    assert spotchecks.sample("乙", ids, 20) != first
    assert len(set(first)) == 20
    # In the open, with nothing but a hash: anybody can check it.
    assert first[0] == min(ids, key=lambda one: hashlib.sha256(f"甲{one}".encode()).hexdigest())
    assert spotchecks.digest_of(ids) == hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def test_n45_drawing_again_gives_the_same_and_says_from_what(session: Session) -> None:
    plans = several(session)
    first = spotchecks.draw(session, COUNTY, **DRAW)
    again = spotchecks.draw(session, COUNTY, **DRAW)
    assert [case.plan_id for case in first.cases] == [case.plan_id for case in again.cases]
    assert [case.position for case in first.cases] == [1, 2, 3]
    assert (first.population, first.population_digest) == (5, spotchecks.digest_of(plan.id for plan in plans))
    assert first.number != again.number
    other = spotchecks.draw(session, COUNTY, **{**DRAW, "seed": "另一个种子", "count": 100})
    assert {case.plan_id for case in other.cases} == {plan.id for plan in plans}
    assert [case.plan_id for case in other.cases] != sorted(plan.id for plan in plans)
    # One more plan makes another population, and the digest says so.
    approved(session, "360000/360100/360102/3601020006/")
    assert spotchecks.draw(session, COUNTY, **DRAW).population_digest != first.population_digest


def test_n45_only_what_is_approved_and_in_force_in_the_area_is_drawn(session: Session) -> None:
    plans = several(session)
    voided, waiting = plans[0], make.make_plan(session, make.school_admin("360000/360100/360102/3601020006/", "six"))
    make.submit(session, waiting, make.school_admin("360000/360100/360102/3601020006/", "six"))
    admin = admin_of(SCHOOLS[0])
    operations.perform(session, admin, voided.id, "ask_void", version=voided.version, opinion="培训取消")
    operations.perform(session, COUNTY, voided.id, "confirm_void", version=voided.version, opinion="情况属实")
    check = spotchecks.draw(session, COUNTY, **{**DRAW, "count": 100})
    assert {case.plan_id for case in check.cases} == {plan.id for plan in plans[1:]}
    district = make.actor("district.nanchang")
    assert spotchecks.draw(session, district, **{**DRAW, "count": 100}).population == 5
    narrowed = spotchecks.draw(session, district, **{**DRAW, "count": 100}, area="360000/360100/360124/")
    assert [case.unit_name for case in narrowed.cases] == ["进贤县荷塘乡中心小学"]
    with pytest.raises(Invalid, match="只能抽查本区域"):
        spotchecks.draw(session, COUNTY, **DRAW, area="360000/360100/360124/")
    with pytest.raises(Invalid, match="没有已通过的方案"):
        spotchecks.draw(session, COUNTY, **{**DRAW, "school_year": "2020-2021"})
    with pytest.raises(Invalid, match="没有已通过的方案"):
        spotchecks.draw(session, COUNTY, **DRAW, kind="fallback_scheme")
    with pytest.raises(NotAllowed):
        spotchecks.draw(session, make.actor("school.qingfeng"), **DRAW)


def test_t1_a_draw_is_seen_by_its_area_and_above(session: Session) -> None:
    several(session)
    of_county = spotchecks.draw(session, COUNTY, **DRAW)
    of_district = spotchecks.draw(session, make.actor("district.nanchang"), **DRAW, area=make.DONGHU)
    seen = {
        who: set(session.scalars(spotchecks.visible_checks(make.actor(who)).with_only_columns(SpotCheck.id)))
        for who in ("county.donghu", "county.jinxian", "district.nanchang", "district.yingtan", "province")
    }
    assert seen == {
        "county.donghu": {of_county.id},
        "county.jinxian": set(),
        "district.nanchang": {of_county.id, of_district.id},
        "district.yingtan": set(),
        "province": {of_county.id, of_district.id},
    }
    for who in ("county.jinxian", "school.qingfeng"):
        with pytest.raises(NotFound):
            spotchecks.find_check(session, make.actor(who), of_county.id)
        with pytest.raises(NotFound):
            spotchecks.find_case(session, make.actor(who), of_county.id, of_county.cases[0].id)
    with pytest.raises(NotFound):
        spotchecks.find_case(session, COUNTY, of_district.id, of_district.cases[0].id)
    with pytest.raises(NotFound):
        spotchecks.find_case(session, COUNTY, of_county.id, of_district.cases[0].id)


def test_a16_who_drafts_for_the_school_sees_no_case_of_it(session: Session) -> None:
    several(session)
    check = spotchecks.draw(session, COUNTY, **{**DRAW, "count": 5})
    of_school = make.school_admin(SCHOOLS[0], "both")
    both = Actor("both", None, "两岗", (*COUNTY.posts, *of_school.posts))
    for case in check.cases:
        plan = session.get_one(Plan, case.plan_id)
        if plan.unit_path == SCHOOLS[0]:
            with pytest.raises(NotAllowed, match="回避"):
                spotchecks.find_case(session, both, check.id, case.id)
        else:
            assert spotchecks.find_case(session, both, check.id, case.id).id == case.id


def test_n45_findings_are_added_and_never_changed(session: Session) -> None:
    several(session)
    check = spotchecks.draw(session, COUNTY, **DRAW)
    case = check.cases[0]
    with pytest.raises(Invalid, match="写明发现的问题"):
        spotchecks.record(session, COUNTY, check.id, case.id, verdict="problem", text=" ", version=0)
    spotchecks.record(session, COUNTY, check.id, case.id, verdict="good", text="", version=0)
    with pytest.raises(Conflict, match="登记“合格”"):
        spotchecks.record(session, COUNTY, check.id, case.id, verdict="problem", text="签到表缺页", version=0)
    with pytest.raises(Invalid, match="更正时请写明原因"):
        spotchecks.record(session, COUNTY, check.id, case.id, verdict="good", text="", version=1)
    colleague = make.actor("county.donghu2")
    spotchecks.record(session, colleague, check.id, case.id, verdict="problem", text="签到表缺页", version=1)
    session.expire_all()
    found = spotchecks.find_check(session, COUNTY, check.id).cases[0].findings
    assert [(f.number, f.verdict, f.by_name) for f in found] == [
        (1, "good", COUNTY.name),
        (2, "problem", colleague.name),
    ]
    found[0].text = "改写"
    with pytest.raises(RuntimeError, match="append-only"):
        session.flush()


def drawn(run: Runtime, *, lose: bool = False) -> str:
    """A draw of one case with an attachment, an internal view, and a project with results; the draw's id."""
    pdf = (DATA / "plan.pdf").read_bytes()
    upload = Upload("研修 方案.pdf", "application/pdf", pdf, hashlib.sha256(pdf).hexdigest())
    if not lose:
        store(run.settings.data_dir).put(upload)
    with run.database.transaction() as session:
        plan = make.make_plan(session)
        drafting.attach(session, make.actor("school.qingfeng"), plan.id, upload)
        make.submit(session, plan)
        colleague = make.actor("county.donghu2")
        for who, name, what in (
            (COUNTY, "consult", {"opinion": "内部征询", "to": [colleague.account_id]}),
            (colleague, "reply", {"opinion": "内部答复"}),
            (COUNTY, "approve", {"opinion": "同意"}),
        ):
            operations.perform(session, who, plan.id, name, version=plan.version, **what)
        make.approve(session, plan, "district.nanchang", "province")
        project = make.make_project(session, title="校本培训一")
        make.bring_in(session, project, make.roster_rows(3))
        project.plan_id, project.plan_item_title = plan.id, "新课标专题培训"
        return spotchecks.draw(session, COUNTY, **DRAW).id


def packed(run: Runtime, check_id: str) -> zipfile.ZipFile:
    """The file of the only case."""
    with run.database.reading() as session:
        case = session.scalars(select(SpotCase).where(SpotCase.check_id == check_id)).one()
    assert case.pack_sha256 is not None
    return zipfile.ZipFile(io.BytesIO(store(run.settings.data_dir).get(case.pack_sha256)))


def test_n45_a_cases_file_has_everything(run: Runtime) -> None:
    check_id = drawn(run)
    job = run_pack(run, check_id)
    assert (job.state, job.done, job.total) == ("done", 1, 1)
    archive = packed(run, check_id)
    assert set(archive.namelist()) == {"审批单.pdf", "案卷.xlsx", "附件/01-研修 方案.pdf", "目录.txt"}
    assert archive.read("附件/01-研修 方案.pdf") == (DATA / "plan.pdf").read_bytes()
    paper = "".join(pages(archive.read("审批单.pdf")))
    assert "内部" not in paper
    assert re.search("核验码[2-9A-Z]{4}-", paper)
    book = CalamineWorkbook.from_filelike(io.BytesIO(archive.read("案卷.xlsx")))
    history, projects, roster = (book.get_sheet_by_name(name).to_python() for name in book.sheet_names)
    acts = [(row[4], row[5], row[7]) for row in history[1:]]
    assert ("意见征询", "内部", "内部征询") in acts
    assert ("同意", "正式", "同意") in acts
    assert projects[1][1:4] == ["校本培训一", "已发布", "新课标专题培训"]
    people = make.teachers(3)
    assert [row[2] for row in roster[1:]] == [person.name for person in people]
    shown = "".join(str(cell) for row in roster for cell in row)
    assert not [person for person in people if person.identity in shown]
    assert all("*" in str(row[3]) for row in roster[1:])
    listed = archive.read("目录.txt").decode("utf-8-sig")
    for name in set(archive.namelist()) - {"目录.txt"}:
        assert (
            f"{name}  {len(archive.read(name))} 字节  SHA-256 {hashlib.sha256(archive.read(name)).hexdigest()}"
            in listed
        )
    assert DRAW["seed"] in listed


def test_n45_a_file_that_is_lost_is_named(run: Runtime) -> None:
    check_id = drawn(run, lose=True)
    assert run_pack(run, check_id).state == "done"
    archive = packed(run, check_id)
    assert set(archive.namelist()) == {"审批单.pdf", "案卷.xlsx", "目录.txt"}
    assert "附件 1“研修 方案.pdf”" in archive.read("目录.txt").decode("utf-8-sig")


def test_n45_what_credits_said_is_in_the_file(run: Runtime) -> None:
    check_id = drawn(run)
    with run.database.transaction() as session:
        project = session.scalars(select(Project)).one()
        result = make.results(session, project)[0]
        result.credits, result.credits_state, result.explanation = result.hours / 10, "recorded", "60 学时 ÷ 10"
    run_pack(run, check_id)
    book = CalamineWorkbook.from_filelike(io.BytesIO(packed(run, check_id).read("案卷.xlsx")))
    row = book.get_sheet_by_name("名单与学分").to_python()[1]
    assert row[8:11] == [6.0, "已计入", "60 学时 ÷ 10"]


def test_n45_files_are_made_anew_when_asked_and_not_twice_at_once(run: Runtime) -> None:
    check_id = drawn(run)
    with run.database.transaction() as session, pytest.raises(Conflict, match="正在生成"):
        spotchecks.pack_again(session, COUNTY, check_id)
    run_pack(run, check_id)
    with run.database.transaction() as session:
        project = session.scalars(select(Project)).one()
        first = session.scalars(select(SpotCase.pack_sha256)).one()
        make.results(session, project)[0].note = "补充说明"
        spotchecks.pack_again(session, COUNTY, check_id)
    assert run_pack(run, check_id).state == "done"
    with run.database.reading() as session:
        second = session.scalars(select(SpotCase.pack_sha256)).one()
    assert first is not None
    assert second != first
    assert store(run.settings.data_dir).get(first)  # the earlier one is kept


def test_n45_the_pages(run: Runtime, client: FlaskClient) -> None:
    browser = Browser(client, run).sign_in("county.donghu")
    page = browser.see("/spotchecks")
    assert "还没有抽查" in page
    wrong = browser.send("/spotchecks", page, {**DRAW, "count": "0", "purpose": ""})
    assert wrong.status_code == 422
    assert 'value="2026-11-24"' in wrong.text
    wrong = browser.send("/spotchecks", page, {k: str(v) for k, v in DRAW.items()})
    assert wrong.status_code == 422
    assert "没有已通过的方案可抽" in wrong.text
    drawn(run)
    answer = browser.send("/spotchecks", page, {k: str(v) for k, v in DRAW.items()})
    assert answer.status_code == 303, answer.text[:3000]
    path = answer.headers["Location"].removeprefix("/plans")
    page = browser.see(path)
    assert "生成案卷" in page
    assert "下载案卷" not in page
    run_pack(run, path.rpartition("/")[2])
    page = browser.see(path)
    case_id = re.search(r"/cases/([0-9a-f-]+)/pack\.zip", page)
    assert case_id is not None
    file = browser.client.get(f"/plans{path}/cases/{case_id[1]}/pack.zip")
    assert zipfile.is_zipfile(io.BytesIO(file.data))
    form = browser.see(f"{path}?case={case_id[1]}")
    target = f"{path}/cases/{case_id[1]}/findings"
    missing = browser.send(target, form, {"verdict": "problem", "text": ""})
    assert missing.status_code == 422
    assert "请写明发现的问题" in missing.text
    assert browser.send(target, form, {"verdict": "problem", "text": "签到表缺页"}).status_code == 303
    late = browser.send(target, form, {"verdict": "good", "text": "无误"})
    assert late.status_code == 409
    assert "登记“问题”" in late.text
    assert "无误</textarea>" in late.text
    assert "签到表缺页" in browser.see(path)
    assert browser.send(f"{path}/packing", page, {}).status_code == 303
    assert "重新生成案卷" not in browser.see(path)
    browser.sign_in("county.jinxian").see(path, 404)
    browser.see(f"{path}/cases/{case_id[1]}/pack.zip", 404)
    browser.sign_in("school.qingfeng").see("/spotchecks", 403)


def test_n45_the_api(run: Runtime, call_as: Callable[[str | Actor], Caller]) -> None:
    drawn(run)
    call, other = call_as("county.donghu"), call_as("county.jinxian")
    answer = call("POST", "/spotchecks", json=DRAW, key="draw-once")
    assert answer.status_code == 201
    check = answer.json
    assert call("POST", "/spotchecks", json=DRAW, key="draw-once").json["id"] == check["id"]
    assert call("POST", "/spotchecks", json={**DRAW, "cuont": 1}).status_code == 422
    case = check["cases"][0]
    address = f"/spotchecks/{check['id']}"
    assert call("GET", f"{address}/cases/{case['id']}/pack").status_code == 409
    run_pack(run, check["id"])
    assert call("GET", f"{address}/cases/{case['id']}/pack").mimetype == "application/zip"
    finding = {"verdict": "good"}
    assert call("POST", f"{address}/cases/{case['id']}/findings", json=finding).status_code == 428
    made = call("POST", f"{address}/cases/{case['id']}/findings", json=finding, version=0)
    assert (made.status_code, made.json["version"]) == (201, 1)
    assert call("POST", f"{address}/cases/{case['id']}/findings", json=finding, version=0).status_code == 409
    assert call("POST", f"{address}/packing", json={}).status_code == 200
    assert [row["id"] for row in call("GET", "/spotchecks").json["items"]][:1] == [check["id"]]
    assert other("GET", "/spotchecks").json["items"] == []
    for path in (address, f"{address}/cases/{case['id']}/pack"):
        assert other("GET", path).status_code == 404
    assert other("POST", f"{address}/packing", json={}).status_code == 404
    with run.database.reading() as session:
        assert session.scalars(select(SpotFinding.verdict)).all() == ["good"]


def test_n45_whoever_sees_the_draw_sees_how_far_its_files_are(run: Runtime, client: FlaskClient) -> None:
    check_id = drawn(run)
    path = f"/spotchecks/{check_id}/packing"
    browser = Browser(client, run)
    for who in ("county.donghu2", "district.nanchang", "province"):
        page = browser.sign_in(who).see(f"/spotchecks/{check_id}")
        assert f'hx-get="/plans{path}"' in page
        assert "排队中" in browser.see(path)
    browser.sign_in("county.jinxian").see(path, 404)
    browser.sign_in("school.qingfeng").see(path, 403)
    run_pack(run, check_id)
    assert "1 份案卷已生成" in browser.sign_in("county.donghu2").see(path, 286)
