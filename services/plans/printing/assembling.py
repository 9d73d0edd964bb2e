"""From a plan and its history to the sheet that is printed, and to what the public reads when it verifies one (N22).

A sheet speaks of one frozen version. Only official lines stand on it, for whoever prints it: it goes out of the house.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans import kinds, routes, terms, workflow
from services.plans.approval import comparing, queries, signatures
from services.plans.approval import content as contents
from services.plans.approval.models import Plan, PlanVersion
from services.plans.approval.trail import PlanLine
from services.plans.printing import verdict
from services.plans.printing.models import PlanSheet
from services.plans.printing.sheet import Box, Sheet, SheetFile, SheetItem, Totals, fingerprint
from services.plans.printing.verdict import State, Verdict
from services.plans.workflow import Status
from shared import directory
from shared.database import utc_now
from shared.errors import Conflict
from shared.printing.codes import grouped

SHOWN = ("approve", "return", "confirm_refusal")
"""Acts that fill the box of a stage."""
STATES = {"approve": "同意", "return": "退回修改", "confirm_refusal": "不予通过"}
VALID = "有效"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced(Verdict):
    """The answer for a plan whose approved amendment is in force instead."""

    by: str
    """Number of the amendment."""

    @property
    def label(self) -> str:
        """The answer in a few words."""
        return f"已被修订方案 {self.by} 取代"

    @property
    def advice(self) -> str:
        """What it means and what to do next."""
        return f"单位后来修订了此方案，修订方案 {self.by} 已通过。此单不再作为依据，请向单位索取新单。"


def sheet_of(
    session: Session, plan: Plan, *, verify_url: str, version: int | None = None, until: datetime | None = None
) -> Sheet:
    """The sheet of a version (None: the last one) without its code, as it reads now, or as it read at `until`.

    The plan must have come from `visible_plans`, or be the one of a code. Raises `Conflict` for a plan that was never
    submitted.
    """
    if plan.round == 0:
        raise Conflict(f"此{kinds.KINDS[plan.kind].noun}还没有报送，报送后才有审批单。")
    number = version or plan.round
    frozen = session.get_one(PlanVersion, (plan.id, number))
    content = contents.load(frozen.content)
    lines = [
        line for line in queries.trail(session, plan) if line.round <= number and (until is None or line.at <= until)
    ]
    return Sheet(
        heading=kinds.KINDS[plan.kind].heading,
        number=plan.number,
        title=content.title,
        school_year=content.school_year,
        unit=plan.unit_name,
        kind_title=kinds.KINDS[plan.kind].title,
        status_title=_status(session, plan, lines, until),
        version=number,
        digest=frozen.digest,
        rounds=number,
        aims=content.aims,
        items=tuple(_item(place, item) for place, item in enumerate(content.items, start=1)),
        totals=Totals(hours=content.hours, credits=content.credits),
        attachments=tuple(SheetFile(name=a.name, size=a.size, digest8=a.sha256[:8]) for a in content.attachments),
        boxes=tuple(_boxes(session, plan, lines, content, is_intact(session, plan, number))),
        code="",
        verify_url=verify_url,
        printed_at=utc_now().replace(microsecond=0),  # a file's date has whole seconds
        more=_more(session, plan, content),
    )


def is_intact(session: Session, plan: Plan, number: int) -> bool:
    """Whether a version is, sign by sign, what was submitted (N3); the last one also what the plan says it is."""
    if number == plan.round:
        return queries.is_intact(session, plan)
    version = session.get_one(PlanVersion, (plan.id, number))
    return contents.digest_of(version.content) == version.digest


def verdict_of(session: Session, row: PlanSheet, *, verify_url: str) -> Verdict:
    """What became of a printed sheet. Reads only; everybody may ask who has the code."""
    plan = session.get_one(Plan, row.plan_id)
    paper = sheet_of(session, plan, verify_url=verify_url, version=row.version, until=row.made_at)
    today = sheet_of(session, plan, verify_url=verify_url, version=row.version)
    answer = verdict.about(
        coded(paper, row),
        _state(session, plan, row, paper, today),
        version=row.version,
        current=plan.round,
        made_at=row.made_at,
        changed=fingerprint(today) != row.digest,
    )
    if answer.state is State.VALID and plan.superseded_by_id:
        amendment = session.get_one(Plan, plan.superseded_by_id)
        said = {one.name: getattr(answer, one.name) for one in fields(answer)}
        return Replaced(**{**said, "state": State.SUPERSEDED}, by=amendment.number)
    return answer


def printed(session: Session, plan: Plan, sheet: Sheet) -> PlanSheet | None:
    """The row of a sheet that says exactly this; None: it was never printed."""
    return session.scalar(
        select(PlanSheet).filter_by(plan_id=plan.id, version=sheet.version, digest=fingerprint(sheet))
    )


def coded(sheet: Sheet, row: PlanSheet) -> Sheet:
    """The sheet with its code, ready to be printed."""
    return replace(sheet, code=grouped(row.code))


def verify_address(public_url: str) -> str:
    """Where the public verifies; printed on every sheet."""
    return f"{public_url}/plans/verify"


def _state(session: Session, plan: Plan, row: PlanSheet, paper: Sheet, today: Sheet) -> State:
    if not is_intact(session, plan, row.version):
        return State.REVOKED
    if plan.status in (Status.VOIDED, Status.WITHDRAWN):
        return State.VOID
    if row.version < plan.round:
        return State.SUPERSEDED
    lost = any(
        before.valid == VALID and after.valid != VALID for before, after in zip(paper.boxes, today.boxes, strict=True)
    )
    # Taken back by the school or refused since: what the paper says is no longer so.
    ended = plan.status in (Status.DRAFT, Status.REFUSED) and paper.status_title != today.status_title
    return State.REVOKED if lost or ended else State.VALID


def _status(session: Session, plan: Plan, lines: Sequence[PlanLine], until: datetime | None) -> str:
    last = lines[-1]
    stage = next((stage.title for stage in queries.stages_of(plan) if stage.name == last.to_stage), "")
    title = workflow.status_title(last.to_status, stage)
    amendment = session.get(Plan, plan.superseded_by_id) if plan.superseded_by_id else None
    replaced_at = amendment.approved_at if amendment else None
    if amendment is not None and replaced_at is not None and (until is None or replaced_at <= until):
        title += f"，已被修订方案 {amendment.number} 取代"
    return title


def _item(number: int, item: contents.Item) -> SheetItem:
    level = f"（{item.level}）" if item.level else ""
    days = [day.isoformat() for day in (item.held_from, item.held_to) if day]
    return SheetItem(
        number=number,
        kind=f"{item.kind_title}{level}",
        title=item.title,
        hours=item.hours,
        rate=item.hours_per_credit,
        credits=item.credits,
        when=" 至 ".join(dict.fromkeys(days)),
        who="，".join(part for part in (item.responsible, item.audience) if part),
        assessment=item.assessment,
        records=item.records,
    )


def _more(session: Session, plan: Plan, content: contents.Content) -> tuple[tuple[str, str], ...]:
    found = []
    if content.covers:
        found.append(("联合申报单位", "、".join(cover.name for cover in content.covers)))
    if content.forecast:
        forecast = content.forecast
        found.append(("预判", f"{forecast.teachers} 人，缺口合计 {forecast.shortfall} 学分"))
        found.append(("预判依据", forecast.basis))
    if content.claim:
        found += content.claim.facts()
    if plan.amends_id:
        found.append(("修订自", session.get_one(Plan, plan.amends_id).number))
    return tuple(found)


def _boxes(
    session: Session, plan: Plan, lines: Sequence[PlanLine], content: contents.Content, intact: bool
) -> list[Box]:
    """One box per stage: its last official decision that nobody took back, or an empty one."""
    struck, standing = signatures.struck(lines), signatures.standing(lines)
    units = queries.reviewing_units(session, plan.unit_path)
    found = []
    for stage in queries.stages_of(plan):
        said = [line for line in lines if line.stage == stage.name and line.act in SHOWN and line.id not in struck]
        if said:
            signed = standing.get(stage.name)
            stands = signed is not None and signed.id == said[-1].id
            found.append(_filled(session, plan, stage, said[-1], lines, content, stands, intact))
            continue
        unit = units.get(stage.level)
        office = session.get(directory.OfficeCopy, (unit.path, stage.office.value)) if unit else None
        here = lines[-1].to_stage == stage.name and lines[-1].to_status == Status.UNDER_REVIEW
        body = office.body if office else unit.name if unit else ""
        found.append(Box(stage_title=stage.title, body=body, state="待审核" if here else "未到"))
    return found


def _filled(
    session: Session,
    plan: Plan,
    stage: routes.Stage,
    line: PlanLine,
    lines: Sequence[PlanLine],
    content: contents.Content,
    stands: bool,
    intact: bool,
) -> Box:
    said = [line.opinion] if line.opinion else []
    said += [f"{point.number}. {point.place}：{point.text}" for point in line.points]
    said += [f"更正：{other.opinion}" for other in lines if other.act == "correct" and other.strikes_id == line.id]
    valid = ""
    if line.act == "approve" and not intact:
        valid = "意见已失效（内容与报送时的版本不一致）"
    elif line.act == "approve":
        valid = VALID if stands else f"意见已失效（{_why(session, plan, stage, line, content, lines)}）"
    return Box(
        stage_title=stage.title,
        body=line.body,
        state=STATES[line.act],
        opinion="\n".join(said),
        name=line.actor_words,
        date=terms.china_date(line.at),
        version=line.round,
        digest8=(line.digest or "")[:8],
        valid=valid,
    )


def _why(
    session: Session,
    plan: Plan,
    stage: routes.Stage,
    line: PlanLine,
    content: contents.Content,
    lines: Sequence[PlanLine],
) -> str:
    """Why an approval stands no longer: what it had signed was changed, or the plan came back to the stage."""
    signed = contents.load(session.get_one(PlanVersion, (plan.id, line.round)).content)
    labels = comparing.lapsed(stage.signs, comparing.compare(signed, content))
    if labels:
        return f"第 {lines[-1].round} 版改动了“{'、'.join(labels)}”"
    return "已退回本环节重新审核"
