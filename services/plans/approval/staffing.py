"""People around a submission: who is in post at its stages, who may be asked, and what they were asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from services.plans.approval import queries
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanLine, PlanRequest
from services.plans.routes import Stage
from services.plans.workflow import Act, Asked, Pending, Position, State
from shared.actors import Actor, Office, ancestors
from shared.directory import OfficeCopy, UnitCopy
from shared.errors import Invalid

_AROUND = (
    select(UnitCopy, OfficeCopy)
    .outerjoin(OfficeCopy, and_(OfficeCopy.unit_path == UnitCopy.path, OfficeCopy.office == Office.PLAN_REVIEW.value))
    .where(UnitCopy.path.in_(bindparam("paths", expanding=True)))
)
CLAIM = timedelta(minutes=30)
"""So long 处理中 is shown after the last look."""


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody who may be asked."""

    account_id: str
    name: str
    body: str
    path: str
    """Of the unit for which this person reviews."""
    person_id: str | None = None


def around(session: Session, plan: Plan) -> list[Any]:
    """The units over a plan's and their reviewers' offices, in one statement.

    While the caller holds the answer, the session has them at hand: `queries.holder` and its like send nothing.
    """
    return list(session.execute(_AROUND, {"paths": list(ancestors(plan.unit_path))}))


def unstaffed(session: Session, plan: Plan, state: State) -> list[str]:
    """A sentence for each stage at which nobody could decide, naming the office to call (T10, A11)."""
    units, out = queries.reviewing_units(session, plan.unit_path), kept_out(session, plan, state)
    sentences = []
    for stage in state.stages:
        unit = units.get(stage.level)
        if unit is None:
            sentences.append(f"“{stage.title}”的单位不在名册中，请联系账号管理员。")
            continue
        office = session.get(OfficeCopy, (unit.path, stage.office.value))
        if not office or not _free(office.holders, out):
            call = f"，请致电 {unit.phone}" if unit.phone else ""
            body = office.body if office else unit.name
            sentences.append(f"{body}“{stage.title}”目前没有可办理的在岗审核人{call}，请其安排后再报送。")
    return sentences


def whose(session: Session, plan: Plan, state: State, position: Position, actor: Actor | None = None) -> str | None:
    """Path of the unit that has it there.

    Who confirms the actor's refusal, or answers for a void, is sought in the stage's office first, then above it.
    """
    stage = next((stage for stage in state.stages if stage.name == position.stage), None)
    if stage is None:
        return None
    unit = queries.reviewing_units(session, plan.unit_path)[stage.level]
    if position.pending not in (Pending.REFUSAL, Pending.VOID):
        return unit.path
    if state.pending is position.pending:
        return state.reviewing_path
    out = kept_out(session, plan, state) | ({actor.account_id, actor.person_id or ""} if actor else set())
    return free_office(session, unit.path, out, stage.office) or unit.path


def free_office(session: Session, path: str, out: frozenset[str] | set[str], office: str) -> str | None:
    """Path of the unit, or of the nearest above it, where somebody is in post who is none of `out`; None: nowhere."""
    return next((o.unit_path for o in _offices(session, path, office) if _free(o.holders, out)), None)


def somebody_answers(session: Session, plan: Plan, state: State) -> bool:
    """Whether anybody in post at the unit that has it may answer; for what the level above does not answer."""
    path = str(plan.reviewing_path)
    return free_office(session, path, kept_out(session, plan, state), str(plan.reviewing_office)) == path


def seconds(session: Session, plan: Plan, stage: Stage, state: State, actor: Actor) -> int:
    """How many people could confirm what the actor proposes: of the stage's office, or of the levels above."""
    me = kept_out(session, plan, state) | {actor.account_id, actor.person_id or ""}
    unit = queries.reviewing_units(session, plan.unit_path).get(stage.level)
    path = state.reviewing_path or (unit.path if unit else "")
    offices = _offices(session, path, stage.office)
    return sum(len(_free(office.holders, me)) for office in offices)


def candidates(session: Session, plan: Plan) -> list[Target]:
    """Everybody in post as reviewer at the unit that has the plan, or at one above or below it on its way."""
    # A county's scheme is not for its own reviewers to judge.
    return [
        t for office in _offices(session, plan.unit_path) if office.unit_path != plan.unit_path for t in _in(office)
    ]


def colleagues(session: Session, plan: Plan) -> list[Target]:
    """Everybody who holds the present stage's office at the unit that has the plan: to whom it can be handed on."""
    office = session.get(OfficeCopy, (plan.reviewing_path, plan.reviewing_office))
    return _in(office) if office else []


def _in(office: OfficeCopy) -> list[Target]:
    return [Target(h["account_id"], h["name"], office.body, office.unit_path, h["person_id"]) for h in office.holders]


def targets(
    session: Session, act: Act, plan: Plan, state: State, actor: Actor, accounts: Sequence[str]
) -> list[Target]:
    """Those of `accounts` who may be asked. Raises `Invalid` for anybody else, and for oneself."""
    known: dict[str, Target] = {}
    for target in colleagues(session, plan) if act.name == "transfer" else candidates(session, plan):
        # Who holds several posts is asked in that of the stage.
        if target.account_id not in known or target.path == plan.reviewing_path:
            known[target.account_id] = target
    wrong = [account for account in accounts if account not in known or account == actor.account_id]
    deciding = act.name in ("transfer", "add_signer")
    out = kept_out(session, plan, state) | state.signers if deciding else frozenset()
    signs = [a for a in accounts if a in known and {a, known[a].person_id} & out]
    if wrong or signs or (act.name == "transfer" and len(accounts) > 1):
        where = "本单位同岗的一位其他人员" if act.name == "transfer" else "本路线上在岗的其他审核人"
        sentence = f"只能选择{where}；起草过此方案、或已在本环节签署的人员须回避。"
        raise Invalid(sentence, fields={"to": [sentence]})
    waiting = [a.name for a in state.asked if a.kind == act.requests and a.agreed is None and a.account_id in accounts]
    if waiting:
        sentence = f"已请{'、'.join(dict.fromkeys(waiting))}办理，尚待答复，不必重复{act.label}。"
        raise Invalid(sentence, fields={"to": [sentence]})
    return [known[account] for account in dict.fromkeys(accounts)]


def ask(
    session: Session,
    plan: Plan,
    act: Act,
    line: PlanLine,
    asked: Sequence[Target],
    what: Any,
    actor: Actor,
    now: datetime,
) -> None:
    """One request for each of them."""
    for target in asked:
        session.add(
            PlanRequest(
                plan_id=plan.id,
                line_id=line.id,
                kind=act.requests,
                stage=str(plan.stage),
                entered_at=plan.entered_at,
                blocking=what.blocking and act.requests == "consult",
                position=what.position if act.requests == "cosign" else "",
                asked_account=target.account_id,
                asked_name=target.name,
                asked_body=target.body,
                asked_path=target.path,
                question=what.opinion.strip(),
                asked_by_name=actor.name,
                asked_at=now,
            )
        )


def answer(session: Session, request: Asked, what: Any, act: Act, now: datetime) -> None:
    """Closes the request with its answer."""
    row = session.get_one(PlanRequest, request.id)
    row.closed_at, row.closed_why, row.answer = now, "answered", what.opinion.strip()
    row.agreed = what.agreed if act.answers == "cosign" else None


def end_requests(session: Session, plan: Plan, why: str, now: datetime, accounts: Sequence[str] | None = None) -> None:
    """Closes what is open: views and signatures end with the visit; what was sent for information stays to be read."""
    query = select(PlanRequest).where(PlanRequest.plan_id == plan.id, PlanRequest.closed_at.is_(None))
    for row in session.scalars(query):
        if (accounts is None and row.kind != "copy") or (accounts is not None and row.asked_account in accounts):
            row.closed_at, row.closed_why = now, why


def recalled(session: Session, plan: Plan, state: State, now: datetime) -> str:
    """Closes every view and signature that is still missing; whose they were, as people read it."""
    names = [a.name for a in state.asked if a.waiting]
    end_requests(session, plan, "recalled", now)
    return "、".join(dict.fromkeys(names))


def claim_is_over(plan: Plan, now: datetime) -> bool:
    """Whether 处理中 has run out."""
    return plan.claimed_at is None or now - plan.claimed_at > CLAIM


def _offices(session: Session, path: str, office: str = Office.PLAN_REVIEW) -> list[OfficeCopy]:
    """That office of the unit and of all above it, lowest first: the reviewers', unless another is named."""
    query = select(OfficeCopy).where(OfficeCopy.unit_path.in_(list(ancestors(path))), OfficeCopy.office == str(office))
    return sorted(session.scalars(query), key=lambda office: -len(office.unit_path))


def kept_out(session: Session, plan: Plan, state: State) -> frozenset[str]:
    """Accounts and persons who may not decide it: its authors, and whoever drafts for its unit (T11)."""
    if state.person_id is not None:
        return state.authors  # its author is the only one who drafts it
    office = session.get(OfficeCopy, (plan.unit_path, state.owner.value))
    drafts = [h[key] for h in office.holders for key in ("account_id", "person_id")] if office else []
    return state.authors | {value for value in drafts if value}


def _free(holders: Sequence[dict[str, Any]], taken: frozenset[str] | set[str]) -> list[dict[str, Any]]:
    return [h for h in holders if not {h["account_id"], h["person_id"]} & taken]
