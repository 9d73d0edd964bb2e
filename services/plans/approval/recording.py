"""What an act writes down: the frozen version, the history line, points and answers, and which signatures lapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from services.plans.acts import ACTS
from services.plans.approval import clock, comparing, looking, queries, signatures
from services.plans.approval import content as contents
from services.plans.approval.changes import mark_author
from services.plans.approval.models import Plan, PlanVersion
from services.plans.approval.trail import PlanAnswer, PlanLine, PlanPoint
from services.plans.calendar.rules import NoCalendar, WorkCalendar
from services.plans.terms import DAY
from services.plans.workflow import WITH_SCHOOL, Act, By, Position, State, Status
from shared.actors import SYSTEM, Actor, Post
from shared.database import new_id, utc_now
from shared.errors import Conflict, Invalid, NotAllowed

_ANSWERS_RETURN = ("approve", "return", "confirm_refusal")
"""Decisions after which an earlier return is no longer open."""


def freeze(session: Session, plan: Plan, actor: Actor, content: contents.Content, now: datetime) -> None:
    """The version that reviewers sign: never changed again (N3)."""
    plan.flags = sorted(finding.code for finding in looking.findings(session, plan, content))
    plan.round += 1
    plan.digest = content.digest()
    plan.submitted_title, plan.submitted_year = content.title, content.school_year
    plan.submitted_hours, plan.submitted_credits = content.hours, content.credits
    plan.submitted_at = plan.submitted_at or now
    session.add(
        PlanVersion(
            plan_id=plan.id,
            number=plan.round,
            content=content.dump(),
            digest=plan.digest,
            submitted_by=actor.account_id,
            submitted_by_name=actor.name,
            submitted_at=now,
        )
    )


def lapsing(
    session: Session, plan: Plan, lines: Sequence[PlanLine], state: State, content: contents.Content
) -> dict[str, Any]:
    """`{"lapsed": {stage: [labels]}}`: signatures for fields that this submission has changed (N2)."""
    versions = {version.number: version for version in queries.versions_of(session, plan)}
    lapsed = {}
    for stage in state.stages:
        signed = signatures.standing(lines).get(stage.name)
        if signed is None:
            continue
        changes = comparing.compare(contents.load(versions[signed.round].content), content)
        labels = comparing.lapsed(stage.signs, changes)
        if labels:
            lapsed[stage.name] = labels
    return {"lapsed": lapsed} if lapsed else {}


def without(state: State, lapsed: Mapping[str, Any]) -> State:
    """The state without the signatures that lapse."""
    return replace(state, signed=state.signed - set(lapsed))


def line_of(
    plan: Plan,
    state: State,
    act: Act,
    post: Post,
    actor: Actor,
    position: Position,
    what: Any,
    details: dict[str, Any],
    now: datetime,
) -> PlanLine:
    """The history line of an act."""
    # Among themselves reviewers may also take back what the school never saw.
    unseen = act.strikes and state.last is not None and state.last.act == "refuse"
    return PlanLine(
        id=new_id(),
        plan_id=plan.id,
        act=act.name,
        at=now,
        actor_account=actor.account_id,
        actor_person=actor.person_id,
        actor_name=actor.name,
        for_name=post.for_name,
        for_account=post.for_account or None,
        unit_path=post.unit.path,
        body=post.body,
        # What the school does is its own act, wherever the plan lay at that moment.
        stage=None if act.by is By.OWNER or post.office is state.owner else state.stage,
        from_status=state.status.value,
        to_status=position.status.value,
        to_stage=position.stage,
        to_pending=position.pending.value if position.pending else None,
        opinion=what.opinion.strip(),
        internal=act.internal or unseen,
        round=plan.round,
        digest=plan.digest,
        details=details,
    )


def record_quietly(
    session: Session,
    plan: Plan,
    name: str,
    actor: Actor,
    post: Post | None,
    now: datetime,
    *,
    names: str = "",
    to: str = "",
    opinion: str = "",
    lines: Sequence[PlanLine] | None = None,
) -> PlanLine:
    """A line of what moves nothing: looked at, overdue, somebody left. Without a post: by the system."""
    line = PlanLine(
        id=line_id(queries.trail(session, plan) if lines is None else lines),
        plan_id=plan.id,
        act=name,
        at=now,
        actor_account=actor.account_id,
        actor_person=actor.person_id,
        actor_name=actor.name,
        for_name=post.for_name if post else "",
        unit_path=post.unit.path if post else plan.unit_path,
        body=post.body if post else SYSTEM.name,
        stage=plan.stage,
        from_status=plan.status,
        to_status=plan.status,
        to_stage=plan.stage,
        to_pending=plan.pending,
        opinion=opinion,
        outcome=ACTS[name].outcome.format(names=names, to=to),
        internal=ACTS[name].internal,
        round=plan.round,
        digest=plan.digest,
        details={},
    )
    session.add(line)
    return line


def timing(
    act: Act, lines: Sequence[PlanLine], state: State, days: WorkCalendar, now: datetime
) -> tuple[int | None, bool | None]:
    """A decision's `took_minutes` and `in_time`: of the visit that `lines` say is under way, up to `now` (N27, N28)."""
    if not act.decides or state.current is None:
        return None, None
    try:
        used, _ = clock.time_of(clock.present_visit(lines), days, now)
    except NoCalendar:
        return None, None  # nothing is guessed; the page says for which year there is no calendar
    return used // timedelta(minutes=1), used < state.current.limit * DAY


def line_id(lines: Sequence[PlanLine]) -> str:
    """An id that comes after those of the history so far, whatever this machine's clock says: lines go by their ids."""
    made = new_id()
    if not lines or made > lines[-1].id:
        return made
    digits = f"{int(lines[-1].id.replace('-', ''), 16) + 1:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def refusal_words(session: Session, plan: Plan, line: PlanLine) -> str:
    """What the school reads when it is refused: the proposer's reason, which was among reviewers till now (A6)."""
    proposal = next(one for one in reversed(queries.trail(session, plan)) if one.act == "refuse")
    return f"{proposal.opinion}（复核意见：{line.opinion}）" if line.opinion else proposal.opinion


def places_of(session: Session, plan: Plan, points: Sequence[Mapping[str, Any]]) -> list[str]:
    """The words for each point's place. Raises `Invalid` for a point tied to nothing in the submitted version."""
    places = queries.frozen(session, plan).places()
    wrong = {
        f"points.{number}.field": ["方案中没有这个章节、字段或附件，请核对。"]
        for number, point in enumerate(points)
        if (point["section"], point["field"]) not in places
    }
    if wrong:
        raise Invalid("有修改意见没有对应到方案中的位置，请核对。", fields=wrong)
    return [places[(point["section"], point["field"])] for point in points]


def points(
    session: Session,
    plan: Plan,
    lines: Sequence[PlanLine],
    line: PlanLine,
    given: Sequence[Mapping[str, Any]],
    places: Sequence[str],
) -> list[PlanPoint]:
    """The points of a return; those that an earlier return of this stage could have raised are marked (N1)."""
    present = queries.frozen(session, plan)
    off = signatures.cancelled(lines)
    earlier = [one for one in lines if one.act == "return" and one.stage == line.stage and one.id not in off]
    raised = {point.lasting for one in earlier for point in one.points}
    changes: list[comparing.Change] = []
    if earlier:
        versions = {version.number: version for version in queries.versions_of(session, plan)}
        changes = comparing.compare(contents.load(versions[earlier[-1].round].content), present)
    found = []
    for number, (point, place) in enumerate(zip(given, places, strict=True), start=1):
        lasting = _lasting(present, point)
        late = bool(earlier) and lasting not in raised and not comparing.touches(changes, lasting)
        found.append(
            PlanPoint(
                number=number,
                section=point["section"],
                field=point["field"],
                lasting=lasting,
                place=place,
                text=point["text"].strip(),
                must=point.get("must", True),
                late=late,
            )
        )
    return found


def _lasting(content: contents.Content, point: Mapping[str, Any]) -> str:
    """A place as changes name it: `title`, `items.<id>.hours`, `attachments.<id>`, `items`, `covers`."""
    section, field = point["section"], point["field"]
    if section == "attachments":
        return f"attachments.{field}" if field else "attachments"
    return content.lasting(field) if field else section


def open_return(plan: Plan, lines: Sequence[PlanLine]) -> PlanLine | None:
    """The return that the school is mending: the last one to the school that no other decision has followed.

    A resubmission that was withdrawn before any decision leaves it open: its points are still to be answered (N1).
    """
    if plan.status not in WITH_SCHOOL:
        return None
    off = signatures.struck(lines)
    last = next((one for one in reversed(lines) if one.act in _ANSWERS_RETURN and one.id not in off), None)
    return last if last is not None and last.act == "return" and last.to_stage is None else None


def unanswered(plan: Plan, lines: Sequence[PlanLine]) -> list[int]:
    """Numbers of the points of the open return that have no answer yet for the next version."""
    line = open_return(plan, lines)
    return [point.number for point in line.points if not point.answer_for(plan.round + 1)] if line else []


def answer_points(session: Session, actor: Actor, plan_id: str, answers: Sequence[Mapping[str, Any]]) -> Plan:
    """Notes the school's answers `{number, verdict, text}` to the open return, to go with the next version (N1).

    Raises `Invalid` for a number that there is not, or an explanation without text; `Conflict` when nothing is open.
    """
    plan = queries.find_plan(session, actor, plan_id, lock=True)
    if not queries.is_owner(actor, plan):
        raise NotAllowed("只有申报单位的管理员可以答复修改意见。")
    line = open_return(plan, queries.trail(session, plan))
    if line is None:
        raise Conflict("目前没有需要答复的修改意见。")
    known = {point.number: point for point in line.points}
    wrong = {}
    for given in answers:
        number, text = given["number"], given.get("text", "").strip()
        if number not in known:
            wrong[f"answers.{number}"] = [f"没有第 {number} 条意见，请核对。"]
        elif given["verdict"] == "explained" and len(text) < 2:
            wrong[f"answers.{number}"] = ["选“说明”时请写明情况。"]
        else:
            row = known[number].answer_for(plan.round + 1)
            if row is None:
                row = PlanAnswer(line_id=line.id, number=number, round=plan.round + 1)
                known[number].answers.append(row)
            row.verdict, row.text, row.by_name, row.at = given["verdict"], text, actor.name, utc_now()
    if wrong:
        raise Invalid("有答复需要改正。", fields=wrong)
    if plan.status == Status.RETURNED:
        plan.opened_at = plan.opened_at or utc_now()
    session.flush()
    mark_author(session, plan, actor, utc_now())
    return plan


def require_own_line(session: Session, plan: Plan, actor: Actor, line_id: str | None) -> PlanLine:
    """The line to be corrected: one of this plan, and the actor's own. Raises `Invalid` or `NotAllowed`."""
    line = session.get(PlanLine, line_id) if line_id else None
    if line is None or line.plan_id != plan.id:
        raise Invalid("请指明要更正的记录。", fields={"line_id": ["请指明要更正的记录。"]})
    if line.actor_account != actor.account_id:
        raise NotAllowed("只能更正自己的记录。")
    return line
