"""A draft that begins as an approved plan: its amendment, or the next year's (N31)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans import kinds, terms
from services.plans.approval import content as contents
from services.plans.approval import queries
from services.plans.approval.drafting import create_plan
from services.plans.approval.models import Plan, PlanAttachment
from services.plans.workflow import CLOSED, Status
from shared.actors import Actor
from shared.database import new_id
from shared.errors import Conflict, NotAllowed


def copy_plan(session: Session, actor: Actor, plan_id: str, purpose: str) -> Plan:
    """A new draft that begins as an approved one: `amend` it, or `next_year` start from it (N31).

    Items keep their ids, so that the two can be compared field by field. Raises `Conflict` when the plan is not in
    force, is being amended already, or is not of the year before.
    """
    source = queries.find_plan(session, actor, plan_id, lock=True)
    if not queries.is_owner(actor, source):
        raise NotAllowed("只有申报单位的管理员可以据此起草。")
    if kinds.KINDS[source.kind].claims:
        raise Conflict("认定申请不能修订或复制；如有错误，请申请作废后另行申请。")
    if source.status != Status.APPROVED or source.superseded_by_id is not None:
        raise Conflict("只有有效的已通过方案可以修订或作为下一学年的起点。")
    content = queries.frozen(session, source)
    amend = purpose == "amend"
    if amend:
        under_way = session.scalar(
            select(Plan).where(Plan.amends_id == source.id, Plan.status.not_in([status.value for status in CLOSED]))
        )
        if under_way is not None:
            raise Conflict(f"已有修订稿 {under_way.number}，请在其中修改。")
    year = terms.first_year(content.school_year)
    assert year is not None
    shift = 0 if amend else 1
    plan = create_plan(
        session,
        actor,
        kind=source.kind,
        school_year=f"{year + shift}-{year + shift + 1}",
        title=content.title if amend else _next_title(content.title, content.school_year, shift),
        aims=content.aims,
        items=[asdict(item) | _moved(item, shift) for item in content.items],
        covers=[cover.unit_path for cover in content.covers],
        forecast=asdict(content.forecast) if content.forecast and amend else None,
        unit_code=source.unit_path.rstrip("/").rsplit("/", 1)[-1],
        amends_id=source.id if amend else None,
    )
    if amend:
        _copy_files(session, source, plan, actor)
    return plan


def _moved(item: contents.Item, years: int) -> dict[str, Any]:
    """The item's dates so many years later; 29 February becomes the 28th."""
    moved = {}
    for name in ("held_from", "held_to"):
        day: date | None = getattr(item, name)
        moved[name] = day and _later(day, years)
    return moved


def _later(day: date, years: int) -> date:
    if (day.month, day.day) == (2, 29):
        day = day.replace(day=28)
    return day.replace(year=min(day.year + years, date.max.year))


def _next_title(title: str, school_year: str, years: int) -> str:
    year = terms.first_year(school_year)
    assert year is not None
    return title.replace(school_year, f"{year + years}-{year + years + 1}")


def _copy_files(session: Session, source: Plan, plan: Plan, actor: Actor) -> None:
    """The same files, each with its own row: what was uploaded once lies in the store once."""
    for file in source.attachments:
        if file.removed_at is None:
            plan.attachments.append(
                PlanAttachment(
                    id=new_id(),
                    name=file.name,
                    media_type=file.media_type,
                    size=file.size,
                    sha256=file.sha256,
                    uploaded_by_name=file.uploaded_by_name,
                    uploaded_at=file.uploaded_at,
                )
            )
    session.flush()
