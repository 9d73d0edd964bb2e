"""A school's draft: made, changed, given files and relieved of them, for as long as the school has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans import kinds, routes, terms, workflow
from services.plans.approval import claiming, queries
from services.plans.approval import content as contents
from services.plans.approval.changes import mark_author, mark_change, mark_subject, require_version
from services.plans.approval.models import Plan, PlanAttachment, PlanItem
from services.plans.files import Upload
from services.plans.models import next_number
from services.plans.workflow import Status
from shared import directory
from shared.actors import Actor, Level, ancestors
from shared.database import new_id, under, utc_now
from shared.errors import Conflict, Invalid, NotAllowed, NotFound

MAX_ATTACHMENTS = 20
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
JOINT_PLANNERS = ("central_school",)
"""Kinds of school that plan for others as well."""
COVERED = ("village_school", "one_teacher_school")
"""Kinds of unit for which they may (FAQ-Q14, Q18)."""


def create_plan(
    session: Session,
    actor: Actor,
    *,
    school_year: str,
    title: str,
    aims: str,
    items: Sequence[Mapping[str, Any]],
    kind: str = "school_plan",
    covers: Sequence[str] = (),
    forecast: Mapping[str, Any] | None = None,
    claim: Mapping[str, Any] | None = None,
    unit_code: str | None = None,
    amends_id: str | None = None,
) -> Plan:
    """A new draft of the actor's own unit (FAQ-Q15; a village school may have its own, FAQ-Q14; a scheme, FAQ-Q11).

    `unit_code` chooses among several units; `covers`: paths of the units for which a joint plan speaks as well.
    Raises `NotAllowed` or `Invalid`.
    """
    sort = kinds.KINDS[kind]
    posts = [
        post
        for post in actor.posts_of(sort.owner)
        if unit_code in (None, post.unit.code) and post.unit.level in sort.levels
    ]
    if not posts:
        raise NotAllowed(f"您的账号没有申报{sort.title}的岗位。")
    unit = directory.unit(session, posts[0].unit.path)
    levels = queries.reviewing_units(session, unit.path)
    affiliation = next((level for level in (Level.COUNTY, Level.DISTRICT, Level.PROVINCE) if level in levels), None)
    if affiliation is None:
        raise Invalid(f"“{unit.name}”的上级单位不在名册中，请稍后再试或联系账号管理员。")
    now = utc_now()
    plan = Plan(
        id=new_id(),
        kind=kind,
        number=next_number(session, f"{sort.prefix}{terms.first_year(school_year)}-{posts[0].unit.code}", 2),
        unit_path=unit.path,
        unit_name=unit.name,
        unit_kind=unit.kind,
        affiliation=affiliation.value,
        status=Status.DRAFT.value,
        route=routes.route_in_force(kind, terms.china_date(now), unit.path).key,
        round=0,
        version=0,
        amends_id=amends_id,
        created_by=actor.account_id,
        created_by_name=actor.name,
        created_at=now,
    )
    if sort.claims:
        plan.person_id = actor.person_id if sort.personal else (claim or {}).get("person_id")
    _fill(session, plan, school_year, title, aims, items, covers, forecast, claim)
    session.add(plan)
    _edited(session, plan, actor, now)
    mark_subject(session, plan, now)
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
    covers: Sequence[str] = (),
    forecast: Mapping[str, Any] | None = None,
    claim: Mapping[str, Any] | None = None,
) -> Plan:
    """Replaces the working copy. Raises `Conflict` when it has changed since `version`, or is not with the school."""
    plan = _editable(session, actor, plan_id, version)
    _fill(session, plan, school_year, title, aims, items, covers, forecast, claim)
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
        raise NotAllowed("只有申报单位的管理员可以修改。")
    if version is not None:
        require_version(plan, version, as_owner=True)
    if plan.status not in workflow.WITH_SCHOOL:
        raise Conflict(
            f"目前为“{queries.status_title(plan)}”，由{queries.holder(session, plan)}办理，不能修改。",
            status_now=plan.status,
        )
    return plan


def coverable(session: Session, unit: directory.UnitCopy) -> list[directory.UnitCopy]:
    """Village schools and one-teacher schools for which that school may plan as well: those of the same county."""
    if unit.kind not in JOINT_PLANNERS:
        return []
    area = next(iter(list(ancestors(unit.path))[1:]), "")
    query = select(directory.UnitCopy).where(
        under(directory.UnitCopy.path, area),
        directory.UnitCopy.kind.in_(COVERED),
        directory.UnitCopy.active,
        directory.UnitCopy.path != unit.path,
    )
    return list(session.scalars(query.order_by(directory.UnitCopy.path)))


def _fill(
    session: Session,
    plan: Plan,
    school_year: str,
    title: str,
    aims: str,
    items: Sequence[Mapping[str, Any]],
    covers: Sequence[str],
    forecast: Mapping[str, Any] | None,
    claim: Mapping[str, Any] | None,
) -> None:
    """The working copy; an item that names its id stays the same item, so that versions can be compared."""
    sort = kinds.KINDS[plan.kind]
    wrong = {
        f"items.{number}.kind": [f"{sort.title}不能有“{contents.ITEM_KINDS[item['kind']]}”项目，请另选形式。"]
        for number, item in enumerate(items)
        if item["kind"] not in sort.item_kinds
    }
    allowed = (
        {unit.path: unit for unit in coverable(session, directory.unit(session, plan.unit_path))} if covers else {}
    )
    if strangers := [path for path in covers if path not in allowed or not sort.covers]:
        wrong["covers"] = [f"不能联合申报：{'、'.join(strangers)}；只有中心校可为本县的村小、教学点联合申报。"]
    if sort.claims and not claim:
        wrong["claim.category"] = ["请填写申请认定的事项。"]
    if wrong:
        raise Invalid("有内容需要改正。", fields=wrong)
    plan.school_year, plan.title, plan.aims = school_year, title.strip(), aims.strip()
    plan.covers = [{"unit_path": p, "name": allowed[p].name, "kind": allowed[p].kind} for p in dict.fromkeys(covers)]
    plan.forecast = None
    if sort.forecast and forecast:
        shortfall = f"{forecast['shortfall']:.2f}"
        plan.forecast = {"teachers": forecast["teachers"], "shortfall": shortfall, "basis": forecast["basis"].strip()}
    if sort.claims and claim:
        claiming.fill(session, plan, school_year, claim)
    known = {item.id: item for item in plan.items}
    kept: list[PlanItem] = []
    for position, values in enumerate(items):
        given = values.get("id") or ""
        # A new plan may bring ids, a copy those of its source; each once, and none that a place could be mistaken for.
        brought = plan.version == 0 and _ID.fullmatch(given) and given not in {one.id for one in kept}
        item = known.pop(given, None) or PlanItem(id=given if brought else new_id())
        item.position = position
        for name in contents.ITEM_FIELDS:
            setattr(item, name, values.get(name, ""))
        kept.append(item)
    plan.items = kept
    content = plan.content()
    plan.total_hours, plan.total_credits = content.hours, content.credits


def _edited(session: Session, plan: Plan, actor: Actor, now: datetime) -> None:
    mark_change(plan, actor, "edit", now)
    if plan.status == Status.RETURNED:
        # Whoever mends it has seen it: from now on the return cannot be taken back from under the school's hands.
        plan.opened_at = plan.opened_at or now
    session.flush()
    mark_author(session, plan, actor, now)
