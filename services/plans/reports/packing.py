"""The file of a case (案卷): the sheet, the history, attachments, rosters with their credits, and a list of it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans import files
from services.plans.approval import content as contents
from services.plans.approval import queries as approval
from services.plans.approval import views
from services.plans.approval.models import Plan, PlanVersion
from services.plans.calendar.rules import in_words
from services.plans.files import Upload
from services.plans.printing import assembling, codes, render
from services.plans.printing.sheet import Sheet, fingerprint
from services.plans.projects import queries as projects
from services.plans.projects.models import RESULT_TITLES, STATUS_TITLES, Project, ProjectStatus, Result, ResultState
from services.plans.reports.models import SpotCase, SpotCheck
from shared.actors import Actor, Level, Office, Post, Unit
from shared.database import utc_now
from shared.errors import NotFound
from shared.file_store import FileStore
from shared.jobs import Job
from shared.ui.filters import local_time
from shared.workbooks import Cell, workbook

ZIP = "application/zip"
HISTORY = {
    "时间": 17, "环节": 12, "单位": 30, "办理人": 16, "办理": 14, "范围": 8, "版本": 8, "意见": 60,
    "修改意见与答复": 60, "结果": 40, "状态": 30, "用时": 18,
}  # fmt: skip
PROJECTS = {"编号": 24, "项目": 36, "状态": 10, "方案项目": 30, "学年": 11, "开始": 12, "结束": 12, "学时": 8}
ROSTER = {
    "项目编号": 24, "序号": 8, "姓名": 12, "身份证号（隐去部分）": 24, "学时": 8, "考核": 8, "出勤": 10, "成绩状态": 12,
    "学分": 8, "学分状态": 18, "折算说明": 60, "备注": 30,
}  # fmt: skip


def pack_cases(job: Job) -> None:
    """Makes the files of a draw's cases, one after the other; all become visible together."""
    settings = job.context.settings
    store = files.store(settings.data_dir)
    with job.database.reading() as session:
        check = session.get_one(SpotCheck, job.arguments["check_id"])
        cases = list(session.scalars(select(SpotCase).where(SpotCase.check_id == check.id).order_by(SpotCase.position)))
    drawer = _drawer(check)
    made: dict[str, Upload] = {}
    for number, case in enumerate(cases):
        job.progress(number, len(cases))
        with job.database.transaction() as session:
            sheet = _sheet(session, case, drawer, assembling.verify_address(settings.public_url))
        with job.database.reading() as session:
            made[case.id] = pack(session, store, check, case, drawer, sheet)
        store.put(made[case.id])
    with job.effect() as session:
        now = utc_now()
        for case_id, upload in made.items():
            kept = session.get_one(SpotCase, case_id)
            kept.pack_sha256, kept.pack_size, kept.packed_at = upload.sha256, upload.size, now
        job.result = {
            "text": f"{len(made)} 份案卷已生成。",
            "href": f"/plans/spotchecks/{check.id}",
            "label": "查看案卷",
        }
    job.progress(len(cases), len(cases))


def pack(session: Session, store: FileStore, check: SpotCheck, case: SpotCase, drawer: Actor, sheet: Sheet) -> Upload:
    """The zip of one case, as it is now. A file that the store has lost is named in the list, not left out silently."""
    plan = session.get_one(Plan, case.plan_id)
    version = contents.load(session.get_one(PlanVersion, (plan.id, sheet.version)).content)
    parts: dict[str, bytes] = {"审批单.pdf": render.pdf(sheet), "案卷.xlsx": _workbook(session, drawer, plan)}
    lost = []
    for number, file in enumerate(version.attachments, start=1):
        try:
            parts[f"附件/{number:02d}-{file.name}"] = store.get(file.sha256)
        except NotFound as error:
            lost.append(f"附件 {number}“{file.name}”（登记摘要 {file.sha256}）：{error.detail}")
    listed = [f"{name}  {len(content)} 字节  SHA-256 {_sha256(content)}" for name, content in parts.items()]
    parts["目录.txt"] = "\r\n".join([*_about(check, case, sheet), *listed, *lost, ""]).encode("utf-8-sig")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _moment(sheet.printed_at)), content, zipfile.ZIP_DEFLATED)
    content = buffer.getvalue()
    return Upload(pack_name(check, case), ZIP, content, _sha256(content))


def pack_name(check: SpotCheck, case: SpotCase) -> str:
    """What the zip is called."""
    return f"{check.number}-{case.position:03d}-{case.plan_number}.zip"


def _drawer(check: SpotCheck) -> Actor:
    """Who drew, in the post in which it was done: the file shows what that post shows."""
    level = {1: Level.PROVINCE, 2: Level.DISTRICT}.get(check.owner_path.count("/"), Level.COUNTY)
    post = Post(Office.PLAN_REVIEW, Unit(check.owner_path, check.area_name, level), check.body)
    return Actor(check.drawn_by, None, check.drawn_by_name, (post,))


def _sheet(session: Session, case: SpotCase, drawer: Actor, verify_url: str) -> Sheet:
    plan = session.get_one(Plan, case.plan_id)
    draft = assembling.sheet_of(session, plan, verify_url=verify_url)
    row = codes.code_for(session, plan.id, draft.version, fingerprint(draft), drawer)
    return assembling.coded(draft, row)


def _workbook(session: Session, drawer: Actor, plan: Plan) -> bytes:
    held = list(session.scalars(select(Project).where(Project.plan_id == plan.id).order_by(Project.id)))
    buffer = io.BytesIO()
    workbook(
        buffer,
        [
            ("办理过程", HISTORY, _history(session, drawer, plan)),
            ("培训项目", PROJECTS, (_project(project) for project in held)),
            ("名单与学分", ROSTER, _roster(session, held)),
        ],
    )
    return buffer.getvalue()


def _history(session: Session, drawer: Actor, plan: Plan) -> Iterator[list[Cell]]:
    stages = {stage.name: stage.title for stage in approval.stages_of(plan)}
    for entry in views.history(session, drawer, plan):
        line = entry.line
        points = []
        for answered in entry.points:
            point = answered.point
            late = "（未一次性告知）" if point.late else ""
            points.append(f"{point.number}. {point.place}：{point.text}{late}")
            for answer in answered.answers:
                verdict = "已修改" if answer.verdict == "changed" else "说明"
                points.append(f"   答复（第 {answer.round} 版）：{verdict} {answer.text}".rstrip())
        state = "已取回" if entry.struck else f"意见已失效：{entry.void_because}" if entry.void_because else ""
        yield [
            local_time(line.at),
            stages.get(line.stage or "", ""),
            line.body,
            entry.actor,
            entry.act.label,
            "内部" if line.internal else "正式",
            f"第 {line.round} 版" if line.round else "",
            line.opinion,
            "\n".join(points),
            line.outcome,
            state,
            in_words(entry.took) if entry.took is not None else "",
        ]


def _project(project: Project) -> list[Cell]:
    return [
        project.number,
        project.title,
        STATUS_TITLES[ProjectStatus(project.status)],
        project.plan_item_title or "",
        project.school_year,
        project.held_from.isoformat(),
        project.held_to.isoformat(),
        project.hours,
    ]


def _roster(session: Session, held: list[Project]) -> Iterator[list[Cell]]:
    for project in held:
        query = projects.results(project).order_by(*projects.RESULT_KEYS).execution_options(yield_per=500)
        for result in session.scalars(query):
            yield _result(project, result)


def _result(project: Project, result: Result) -> list[Cell]:
    return [
        project.number,
        result.position,
        result.name,
        result.masked_identity,
        result.hours,
        "合格" if result.passed else "不合格",
        result.attendance or "",
        RESULT_TITLES[ResultState(result.state)],
        result.credits,
        projects.credits_words(result),
        result.explanation or "",
        result.note,
    ]


def _about(check: SpotCheck, case: SpotCase, sheet: Sheet) -> list[str]:
    return [
        f"抽查编号：{check.number}（{check.body}，{check.drawn_by_name}，{local_time(check.drawn_at)}）",
        f"抽查范围：{check.area_name}，{check.school_year} 学年，总体 {check.population} 份",
        f"种子：{check.seed}；总体摘要：{check.population_digest}",
        f"案件：第 {case.position} 份，{case.unit_name}，{case.plan_number}《{case.plan_title}》",
        f"抽中时：第 {case.round} 版，摘要 {case.digest}",
        f"生成时：第 {sheet.version} 版，摘要 {sheet.digest}，{local_time(sheet.printed_at)}",
        "",
    ]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _moment(at: datetime) -> tuple[int, int, int, int, int, int]:
    return (at.year, at.month, at.day, at.hour, at.minute, at.second)
