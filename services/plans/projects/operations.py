"""Publishing a training project: category, conversion and the plan it rests on are settled here."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans import terms
from services.plans.approval.content import ITEM_KINDS
from services.plans.approval.queries import approved_plan
from services.plans.categories import LEVEL_OF_AUTHORITY, TRAINING_LEVELS, Category, categories
from services.plans.models import next_number
from services.plans.projects import queries
from services.plans.projects.models import Project
from shared import directory
from shared.actors import LEVEL_TITLES, Actor, Level, Office, Post, ancestors
from shared.database import new_id, utc_now
from shared.directory import UnitCopy
from shared.errors import Invalid, NotAllowed

MAX_HOURS = 1000


def publish_project(
    session: Session,
    actor: Actor,
    *,
    title: str,
    category: str,
    mode: str,
    convert: bool,
    hours: Decimal,
    school_year: str,
    held_from: date,
    held_to: date,
    level: str | None = None,
    plan_id: str | None = None,
    plan_item_id: str | None = None,
    organizer_unit_code: str | None = None,
) -> Project:
    """A training with category and conversion, visible from now on.

    `organizer_unit_code` chooses among several posts, or names the authority on whose behalf a provider publishes,
    which a provider must. Raises `Invalid` naming fields: a category that the post may not publish, no approved plan
    (FAQ-Q14), an authority where nobody audits …
    """
    kind = categories()[category]
    post, authority = _publisher(session, actor, kind, organizer_unit_code)
    expected_level = kind.level or LEVEL_OF_AUTHORITY[Level(authority.level)]
    wrong: dict[str, list[str]] = {}
    if level not in (None, expected_level):
        wrong["level"] = [f"“{kind.title}”在此处的培训级别应为{TRAINING_LEVELS[expected_level]}。"]
    if mode not in kind.modes:
        wrong["mode"] = [f"“{kind.title}”不能用这种方式举办。"]
    if held_from > held_to:
        wrong["held_to"] = ["结束日期早于开始日期，请核对。"]
    first, last = terms.bounds(school_year)
    # So no training is longer than a school year either.
    if held_from < first or held_to > last:
        wrong["school_year"] = [f"培训日期不在 {school_year} 学年（{first} 至 {last}）内，请核对。"]
    if hours > MAX_HOURS:
        wrong["hours"] = [f"一个项目最多 {MAX_HOURS} 学时，请核对。"]
    unstaffed = _unstaffed(session, authority)
    if unstaffed:
        wrong["organizer_unit_code"] = [unstaffed]
    if wrong:
        raise Invalid("项目还不能发布，请按提示修改。", fields=wrong)
    plan, item = _plan_item(session, kind, post, plan_id, plan_item_id, school_year, hours)
    of_school = Level(post.unit.level) is Level.SCHOOL and post.office is Office.SCHOOL_ADMIN
    project = Project(
        id=new_id(),
        number=next_number(session, f"P{terms.first_year(school_year)}-{post.unit.code}", 4),
        title=title.strip(),
        category=category,
        level=expected_level,
        mode=mode,
        convert=convert,
        hours=hours,
        hours_per_credit=item.hours_per_credit if item else None,
        school_year=school_year,
        held_from=held_from,
        held_to=held_to,
        organizer_path=post.unit.path,
        organizer_name=post.body,
        authority_path=authority.path,
        authority_name=_body(session, authority),
        area_path=post.unit.path if of_school else authority.path,
        plan_id=plan.id if plan else None,
        plan_number=plan.number if plan else None,
        plan_item_id=item.id if item else None,
        plan_item_title=item.title if item else None,
        published_by=actor.account_id,
        published_by_person=actor.person_id,
        published_by_name=actor.name,
        published_at=utc_now(),
    )
    session.add(project)
    session.flush()
    return project


def _publisher(session: Session, actor: Actor, kind: Category, code: str | None) -> tuple[Post, UnitCopy]:
    """The post in which the actor publishes, and the authority that will audit. Raises `Invalid` or `NotAllowed`."""
    posts = actor.posts_of(*queries.PUBLISHERS)
    if not posts:
        raise NotAllowed("您的账号没有发布培训项目的岗位。")
    if code is None and all(post.office is Office.PROVIDER_ADMIN for post in posts):
        sentence = "请填写委托举办的教育行政部门的行政区划代码。"
        raise Invalid("项目还不能发布，请按提示修改。", fields={"organizer_unit_code": [sentence]})
    for post in posts:
        if post.office is Office.PROVIDER_ADMIN:
            authority = _commissioner(session, code) if code else None
            level = Level(authority.level) if authority else None
        elif code in (None, post.unit.code):
            level = post.unit.level
            authority = directory.unit(session, post.unit.path)
            if post.office is Office.SCHOOL_ADMIN:
                authority = _above(session, post.unit.path)
        else:
            continue
        if authority is not None and level in kind.publishers:
            return post, authority
    levels = "、".join(LEVEL_TITLES[level] for level in kind.publishers)
    raise Invalid(
        "项目还不能发布，请按提示修改。",
        fields={"category": [f"“{kind.title}”由{levels}单位发布，您的岗位不能发布此类项目。"]},
    )


def _unstaffed(session: Session, authority: UnitCopy) -> str | None:
    """The sentence for an authority where nobody could audit the results, naming the office to call (T10)."""
    if directory.office(session, authority.path, Office.RESULT_AUDIT):
        return None
    call = f"，请致电 {authority.phone}" if authority.phone else ""
    return f"{_body(session, authority)}目前没有在岗的成绩审核人{call}，请其安排后再发布。"


def _body(session: Session, authority: UnitCopy) -> str:
    """Who audits there, in full: the bureau or whoever holds the office for it."""
    office = session.get(directory.OfficeCopy, (authority.path, Office.RESULT_AUDIT.value))
    return office.body if office else authority.name


def _commissioner(session: Session, code: str) -> UnitCopy | None:
    """The authority on whose behalf a provider publishes, by its code."""
    authorities = [Level.COUNTY.value, Level.DISTRICT.value, Level.PROVINCE.value]
    query = select(UnitCopy).where(
        UnitCopy.level.in_(authorities), UnitCopy.active, UnitCopy.path.endswith(f"{code}/", autoescape=True)
    )
    return next((unit for unit in session.scalars(query) if unit.as_unit().code == code), None)


def _above(session: Session, path: str) -> UnitCopy | None:
    """The nearest unit above that is an authority."""
    rows = session.scalars(select(UnitCopy).where(UnitCopy.path.in_(list(ancestors(path))[1:])))
    above = [unit for unit in rows if unit.level != Level.SCHOOL]
    return max(above, key=lambda unit: len(unit.path), default=None)


def _plan_item(
    session: Session,
    kind: Category,
    post: Post,
    plan_id: str | None,
    item_id: str | None,
    school_year: str,
    hours: Decimal,
) -> tuple[Any, Any]:
    """The organizer's approved plan and the item under which the training is held, where the category needs one."""
    if kind.needs_plan is None:
        return None, None
    if not plan_id or not item_id:
        sentence = f"“{kind.title}”须依据本单位已通过的方案举办，请选择方案及其中的项目（问答第 9、14 问）。"
        raise Invalid(sentence, fields={"plan_item_id": [sentence]})
    plan, content = approved_plan(session, plan_id, kind.needs_plan, post.unit.path)
    item = next((item for item in content.items if item.id == item_id), None)
    if item is None or item.kind not in kind.item_kinds:
        words = "、".join(ITEM_KINDS.get(name, name) for name in kind.item_kinds)
        sentence = f"请选择方案中形式为“{words}”的项目。"
        raise Invalid(sentence, fields={"plan_item_id": [sentence]})
    if plan.school_year != school_year:
        sentence = f"方案属于 {plan.school_year} 学年，与项目学年不符。"
        raise Invalid(sentence, fields={"school_year": [sentence]})
    if hours > item.hours:
        sentence = f"学时 {hours.normalize():f} 超过方案中该项目批准的 {item.hours.normalize():f} 学时。"
        raise Invalid(sentence, fields={"hours": [sentence]})
    return plan, item
