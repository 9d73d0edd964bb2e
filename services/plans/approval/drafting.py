"""A school's draft: made, changed, given files and relieved of them, for as long as the school has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.plans import routes, terms, workflow
from services.plans.approval import content as contents
from services.plans.approval import queries
from services.plans.approval.changes import mark_author, mark_change, require_version
from services.plans.approval.models import Plan, PlanAttachment, PlanItem
from services.plans.files import Upload
from services.plans.models import next_number
from services.plans.workflow import Status
from shared import directory
from shared.actors import Actor, Level, Office
from shared.database import new_id, utc_now
from shared.errors import Conflict, Invalid, NotAllowed, NotFound

SCHOOL_PLAN = "school_plan"
MAX_ATTACHMENTS = 20


def create_plan(
    session: Session,
    actor: Actor,
    *,
    school_year: str,
    title: str,
    aims: str,
    items: Sequence[Mapping[str, Any]],
    unit_code: str | None = None,
) -> Plan:
    """A new draft of the actor's own school (FAQ-Q15; a village school may have its own, FAQ-Q14).

    `unit_code` chooses among several schools. Raises `NotAllowed` or `Invalid`.
    """
    posts = [p for p in actor.posts_of(Office.SCHOOL_ADMIN) if unit_code in (None, p.unit.code)]
    if not posts:
        raise NotAllowed("只有学校管理员可以为本校申报方案。")
    unit = directory.unit(session, posts[0].unit.path)
    levels = queries.reviewing_units(session, unit.path)
    affiliation = next((level for level in (Level.COUNTY, Level.DISTRICT, Level.PROVINCE) if level in levels), None)
    if affiliation is None:
        raise Invalid(f"“{unit.name}”的上级单位不在名册中，请稍后再试或联系账号管理员。")
    now = utc_now()
    plan = Plan(
        id=new_id(),
        kind=SCHOOL_PLAN,
        number=next_number(session, f"F{terms.first_year(school_year)}-{posts[0].unit.code}", 2),
        unit_path=unit.path,
        unit_name=unit.name,
        unit_kind=unit.kind,
        affiliation=affiliation.value,
        status=Status.DRAFT.value,
        route=routes.route_in_force(SCHOOL_PLAN, terms.china_date(now)).key,
        round=0,
        version=0,
        created_by=actor.account_id,
        created_by_name=actor.name,
        created_at=now,
    )
    _fill(plan, school_year=school_year, title=title, aims=aims, items=items)
    session.add(plan)
    _edited(session, plan, actor, now)
    return plan


def change_plan(
    session: Session,
    actor: Actor,
    plan_id: str,
    *,
    version: int,
    school_year: str,
    title: str,
    aims: str,
    items: Sequence[Mapping[str, Any]],
) -> Plan:
    """Replaces the working copy. Raises `Conflict` when it has changed since `version`, or is not with the school."""
    plan = _editable(session, actor, plan_id, version)
    _fill(plan, school_year=school_year, title=title, aims=aims, items=items)
    _edited(session, plan, actor, utc_now())
    return plan


def attach(
    session: Session, actor: Actor, plan_id: str, upload: Upload, *, version: int | None = None
) -> PlanAttachment:
    """Adds a file that the store already holds. `version` None: whatever the version, since nothing is overwritten."""
    plan = _editable(session, actor, plan_id, version)
    kept = [file for file in plan.attachments if file.removed_at is None]
    if len(kept) >= MAX_ATTACHMENTS:
        raise Invalid(
            f"附件最多 {MAX_ATTACHMENTS} 个，请先删去不需要的。", fields={"file": [f"附件最多 {MAX_ATTACHMENTS} 个。"]}
        )
    same = next((file for file in kept if file.sha256 == upload.sha256), None)
    if same is not None:
        sentence = f"此文件已作为“{same.name}”上传，内容相同，无需重复上传。"
        raise Invalid(sentence, fields={"file": [sentence]})
    now = utc_now()
    file = PlanAttachment(
        id=new_id(),
        plan_id=plan.id,
        name=upload.name,
        media_type=upload.media_type,
        size=upload.size,
        sha256=upload.sha256,
        uploaded_by_name=actor.name,
        uploaded_at=now,
    )
    plan.attachments.append(file)
    _edited(session, plan, actor, now)
    return file


def detach(session: Session, actor: Actor, plan_id: str, attachment_id: str, *, version: int) -> Plan:
    """Takes a file out of the working copy; versions that were submitted with it keep it."""
    plan = _editable(session, actor, plan_id, version)
    file = next((f for f in plan.attachments if f.id == attachment_id and f.removed_at is None), None)
    if file is None:
        raise NotFound("没有这个附件。")
    now = utc_now()
    file.removed_at = now
    _edited(session, plan, actor, now)
    return plan


def _editable(session: Session, actor: Actor, plan_id: str, version: int | None) -> Plan:
    plan = queries.find_plan(session, actor, plan_id, lock=True)
    if not queries.is_owner(actor, plan):
        raise NotAllowed("只有本校的学校管理员可以修改方案。")
    if version is not None:
        require_version(plan, version)
    if plan.status not in workflow.WITH_SCHOOL:
        raise Conflict(
            f"此方案目前为“{queries.status_title(plan)}”，由{queries.holder(session, plan)}办理，不能修改。",
            status_now=plan.status,
        )
    return plan


def _fill(plan: Plan, *, school_year: str, title: str, aims: str, items: Sequence[Mapping[str, Any]]) -> None:
    """The working copy; an item that names its id stays the same item, so that versions can be compared."""
    plan.school_year, plan.title, plan.aims = school_year, title.strip(), aims.strip()
    known = {item.id: item for item in plan.items}
    kept = []
    for position, values in enumerate(items):
        item = known.pop(values.get("id") or "", None) or PlanItem(id=new_id())
        item.position = position
        for name in contents.ITEM_FIELDS:
            setattr(item, name, values[name])
        kept.append(item)
    plan.items = kept
    content = plan.content()
    plan.total_hours, plan.total_credits = content.hours, content.credits


def _edited(session: Session, plan: Plan, actor: Actor, now: datetime) -> None:
    mark_change(plan, actor, "edit", now)
    session.flush()
    mark_author(session, plan, actor, now)
