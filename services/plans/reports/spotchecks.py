"""抽查 (N45): drawing approved submissions by a seed, having their files made, and recording what was found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from services.plans import terms
from services.plans.approval.models import Plan
from services.plans.approval.queries import is_owner
from services.plans.models import next_number
from services.plans.reports.behind import areas
from services.plans.reports.models import SpotCase, SpotCheck, SpotFinding
from services.plans.workflow import Status
from shared.actors import Actor, Office, Post
from shared.database import under, under_any, utc_now
from shared.directory import UnitCopy
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.jobs import JobRow, run_later
from shared.ui.filters import local_time

VERDICTS = {"good": "合格", "problem": "问题"}
MOST = 100
"""Cases of one draw."""
PACK_JOB = "plans.pack_spotcheck"


def sample(seed: str, ids: Iterable[str], count: int) -> list[str]:
    """The first `count` ids by SHA-256 of seed and id: anybody can draw again and gets the same, in the same order."""
    return sorted(ids, key=lambda one: (hashlib.sha256(f"{seed}{one}".encode()).hexdigest(), one))[:count]


def digest_of(ids: Iterable[str]) -> str:
    """SHA-256 of a population: its ids, sorted, one a line."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def population(area_path: str, school_year: str, kind: str) -> Select[str]:
    """Ids of what may be drawn: approved in that area for that school year, and not replaced by an amendment."""
    query = select(Plan.id).where(
        under(Plan.unit_path, area_path),
        Plan.status == Status.APPROVED,
        Plan.superseded_by_id.is_(None),
        Plan.submitted_year == school_year,
    )
    return query.where(Plan.kind == kind) if kind else query


def visible_checks(actor: Actor) -> Select[SpotCheck]:
    """Draws for the areas in which the actor reviews, and for parts of them."""
    return select(SpotCheck).where(under_any(SpotCheck.owner_path, areas(actor)))


def find_check(session: Session, actor: Actor, check_id: str) -> SpotCheck:
    """A draw with its cases and findings. Raises `NotFound` outside what the actor may see."""
    query = visible_checks(actor).where(SpotCheck.id == check_id)
    check = session.scalar(query.options(selectinload(SpotCheck.cases).selectinload(SpotCase.findings)))
    if check is None:
        raise NotFound()
    return check


def find_case(session: Session, actor: Actor, check_id: str, case_id: str, *, lock: bool = False) -> SpotCase:
    """A case of a visible draw. Raises `NotFound`; `NotAllowed` for who drafts for the unit (A16, T11)."""
    seen = visible_checks(actor).where(SpotCheck.id == check_id).with_only_columns(SpotCheck.id)
    query = select(SpotCase).where(SpotCase.id == case_id, SpotCase.check_id.in_(seen))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    case = session.scalar(query)
    if case is None:
        raise NotFound()
    if is_owner(actor, session.get_one(Plan, case.plan_id)):
        raise NotAllowed("您是该单位的方案管理员，不能查阅或办理本单位的抽查案卷（回避）。")
    return case


def draw(
    session: Session,
    actor: Actor,
    *,
    school_year: str,
    count: int,
    seed: str,
    purpose: str,
    kind: str = "",
    area: str = "",
) -> SpotCheck:
    """Draws `count` cases (fewer where there are not so many) and has their files made in the background.

    `area`: path of the actor's area or of a unit in it; empty: the actor's own. Raises `Invalid` naming fields.
    """
    post, path = _post_for(actor, area), area or _reviewing(actor)[0].unit.path
    unit = session.get(UnitCopy, path)
    if unit is None:
        raise Invalid("没有这个区域。", fields={"area": ["名册中没有这个单位，请重新选择。"]})
    ids = list(session.scalars(population(path, school_year, kind)))
    if not ids:
        sentence = f"{unit.name}在 {school_year} 学年没有已通过的方案可抽，请核对学年、种类和区域。"
        raise Invalid(sentence, fields={"school_year": [sentence]})
    check = SpotCheck(
        number=next_number(session, f"C{terms.china_date(utc_now()).year}-{post.unit.code}", 4),
        owner_path=post.unit.path,
        body=post.body,
        area_path=path,
        area_name=unit.name,
        school_year=school_year,
        kind=kind,
        seed=seed,
        wanted=count,
        population=len(ids),
        population_digest=digest_of(ids),
        purpose=purpose.strip(),
        drawn_by=actor.account_id,
        drawn_by_name=_words(actor, post),
        drawn_at=utc_now(),
    )
    chosen = sample(seed, ids, count)
    plans = {plan.id: plan for plan in session.scalars(select(Plan).where(Plan.id.in_(chosen)))}
    check.cases = [_case(position, plans[plan_id]) for position, plan_id in enumerate(chosen, start=1)]
    session.add(check)
    session.flush()
    check.pack_job_id = run_later(session, PACK_JOB, {"check_id": check.id})
    session.flush()
    return check


def pack_again(session: Session, actor: Actor, check_id: str) -> SpotCheck:
    """Has the files made anew, with what has come since. Raises `Conflict` while they are being made."""
    find_check(session, actor, check_id)
    query = select(SpotCheck).where(SpotCheck.id == check_id).with_for_update()
    check = session.scalars(query.execution_options(populate_existing=True)).one()
    if is_packing(session, check):
        raise Conflict("案卷正在生成，请等生成完毕后再试。")
    check.pack_job_id = run_later(session, PACK_JOB, {"check_id": check.id})
    session.flush()
    return check


def is_packing(session: Session, check: SpotCheck) -> bool:
    """Whether the files are being made, or wait for it."""
    job = session.get(JobRow, check.pack_job_id) if check.pack_job_id else None
    return job is not None and not job.finished


def record(
    session: Session, actor: Actor, check_id: str, case_id: str, *, verdict: str, text: str, version: int
) -> SpotCase:
    """Notes what was found in a case; a second time it corrects what was noted before, which stays.

    `version`: how many findings the actor has seen. Raises `Conflict` naming who was faster, `Invalid` without a text
    where one is needed: for a problem, and for a correction.
    """
    case = find_case(session, actor, check_id, case_id, lock=True)
    last = session.get(SpotFinding, (case.id, case.version))
    if version != case.version:
        who = (
            f"{last.body}{last.by_name}已于 {local_time(last.at)} 登记“{VERDICTS[last.verdict]}”"
            if last
            else "已有变动"
        )
        raise Conflict(f"此案{who}，请核对后再登记。")
    if len(text.strip()) < 2 and (verdict == "problem" or last is not None):
        sentence = "更正时请写明原因。" if last else "请写明发现的问题。"
        raise Invalid(sentence, fields={"text": [sentence]})
    post = _post_for(actor, session.get_one(SpotCheck, case.check_id).owner_path)
    case.version += 1
    session.add(
        SpotFinding(
            case_id=case.id,
            number=case.version,
            verdict=verdict,
            text=text.strip(),
            by=actor.account_id,
            by_name=_words(actor, post),
            unit_path=post.unit.path,
            body=post.body,
            at=utc_now(),
        )
    )
    session.flush()
    session.refresh(case, ["findings"])
    return case


def _case(position: int, plan: Plan) -> SpotCase:
    return SpotCase(
        position=position,
        plan_id=plan.id,
        plan_number=plan.number,
        plan_title=plan.submitted_title or plan.title,
        unit_name=plan.unit_name,
        round=plan.round,
        digest=plan.digest or "",
        version=0,
    )


def _reviewing(actor: Actor) -> Sequence[Post]:
    posts = actor.posts_of(Office.PLAN_REVIEW)
    if not posts:
        raise NotAllowed("只有方案审核单位可以抽查。")
    return posts


def _post_for(actor: Actor, path: str) -> Post:
    """The post in whose area the path lies. Raises `Invalid` for a place outside all of them."""
    posts = _reviewing(actor)
    found = next((post for post in posts if path.startswith(post.unit.path)), None) if path else posts[0]
    if found is None:
        raise Invalid("只能抽查本区域的方案。", fields={"area": ["只能选择本区域内的单位。"]})
    return found


def _words(actor: Actor, post: Post) -> str:
    return f"{actor.name}（代{post.for_name}）" if post.for_name else actor.name
