"""Publishing a training project: category, conversion and the plan it rests on are settled here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans import terms
from services.plans.categories import GENERAL, Category, categories
from services.plans.models import next_number
from services.plans.projects import conversion, history, queries
from services.plans.projects.models import Project, Quota
from shared import directory
from shared.actors import Actor, Level, Office, Post, ancestors
from shared.database import new_id, under_any, utc_now
from shared.directory import UnitCopy
from shared.errors import Invalid, NotAllowed

MAX_HOURS = 1000
REFUSED = "项目还不能发布，请按提示修改。"


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
    programme: str = GENERAL,
    level: str | None = None,
    plan_id: str | None = None,
    plan_item_id: str | None = None,
    organizer_unit_code: str | None = None,
    stages: Sequence[str] = (),
    subjects: Sequence[str] = (),
    quotas: Sequence[Mapping[str, Any]] = (),
    publicity_days: int | None = None,
) -> Project:
    """A training with category and conversion, visible from now on.

    `organizer_unit_code` chooses among several posts, or names the authority on whose behalf a provider publishes,
    which a provider must. `programme`: a key of `categories.PROGRAMMES` (R-25). `stages`, `subjects`: for whom it is;
    none: for all (FAQ-Q19). `quotas`: `{unit_code, seats}` of units of the area; none: no limit. `publicity_days`:
    working days of 公示, at least the category's (N46).

    Raises `Invalid` naming fields: a category that the post may not publish, no approved plan (FAQ-Q14), an authority
    where nobody, or nobody else, audits …
    """
    kind = categories()[category]
    post, authority = _publisher(session, actor, kind, organizer_unit_code)
    expected_level = conversion.level_of(kind, Level(authority.level))
    of_school = Level(post.unit.level) is Level.SCHOOL and post.office is Office.SCHOOL_ADMIN
    area_path = post.unit.path if of_school else authority.path
    wrong = conversion.errors(kind, mode, level, expected_level)
    if held_from > held_to:
        wrong["held_to"] = ["结束日期早于开始日期，请核对。"]
    first, last = terms.bounds(school_year)
    # So no training is longer than a school year either.
    if held_from < first or held_to > last:
        wrong["school_year"] = [f"培训日期不在 {school_year} 学年（{first} 至 {last}）内，请核对。"]
    if hours > MAX_HOURS:
        wrong["hours"] = [f"一个项目最多 {MAX_HOURS} 学时，请核对。"]
    if publicity_days is None:
        publicity_days = kind.publicity_days
    elif publicity_days < kind.publicity_days:
        wrong["publicity_days"] = [f"“{kind.title}”至少公示 {kind.publicity_days} 个工作日，可以延长，不能缩短。"]
    unstaffed = _unstaffed(session, actor, authority)
    if unstaffed:
        wrong["organizer_unit_code"] = [unstaffed]
    if wrong:
        raise Invalid(REFUSED, fields=wrong)
    plan = conversion.under_plan(session, kind, post.unit.path, plan_id, plan_item_id, school_year, hours)
    seats = _seats(session, (area_path, *plan["covers"]), quotas)
    project = Project(
        id=new_id(),
        number=next_number(session, f"P{terms.first_year(school_year)}-{post.unit.code}", 4),
        title=title.strip(),
        category=category,
        level=expected_level,
        mode=mode,
        convert=convert,
        programme=programme,
        hours=hours,
        school_year=school_year,
        held_from=held_from,
        held_to=held_to,
        organizer_path=post.unit.path,
        organizer_name=post.body,
        authority_path=authority.path,
        authority_name=body_of(session, authority),
        area_path=area_path,
        stages=list(stages),
        subjects=list(subjects),
        quotas=seats,
        publicity_days=publicity_days,
        published_by=actor.account_id,
        published_by_person=actor.person_id,
        published_by_name=actor.name,
        published_at=utc_now(),
        version=1,
        **plan,
    )
    session.add(project)
    session.flush()
    settled = conversion.Conversion.of(project)
    history.record(
        session, project, actor, "publish", outcome=f"{settled.words()}。", details={"after": settled.dump()}, post=post
    )
    return project


def _publisher(session: Session, actor: Actor, kind: Category, code: str | None) -> tuple[Post, UnitCopy]:
    """The post in which the actor publishes, and the authority that will audit. Raises `Invalid` or `NotAllowed`."""
    posts = actor.posts_of(*queries.PUBLISHERS)
    if not posts:
        raise NotAllowed("您的账号没有发布培训项目的岗位。")
    if code is None and all(post.office is Office.PROVIDER_ADMIN for post in posts):
        sentence = "请填写委托举办的教育行政部门的行政区划代码。"
        raise Invalid(REFUSED, fields={"organizer_unit_code": [sentence]})
    for post in posts:
        if post.office is Office.PROVIDER_ADMIN:
            authority = _commissioner(session, code) if code else None
        elif code in (None, post.unit.code):
            authority = directory.unit(session, post.unit.path)
            if post.office is Office.SCHOOL_ADMIN:
                authority = _above(session, post.unit.path)
        else:
            continue
        if authority is not None and conversion.may_publish(kind, post, Level(authority.level)):
            return post, authority
    raise Invalid(REFUSED, fields=conversion.not_yours(kind))


def _unstaffed(session: Session, actor: Actor, authority: UnitCopy) -> str | None:
    """The sentence for an authority where nobody could audit the results, naming the office to call (T10).

    Who publishes does not audit (T11): an only auditor who publishes leaves nobody.
    """
    office = directory.office(session, authority.path, Office.RESULT_AUDIT)
    call = f"，请致电 {authority.phone}" if authority.phone else ""
    if office is None:
        return f"{body_of(session, authority)}目前没有在岗的成绩审核人{call}，请其安排后再发布。"
    me = {actor.account_id, actor.person_id} - {None}
    if all(me & {holder["account_id"], holder["person_id"]} for holder in office.holders):
        return (
            f"{office.body}在岗的成绩审核人只有您本人，而发布人不能审核自己发布的项目（回避）；"
            f"请由其他管理员发布，或先增设一名成绩审核人{call}。"
        )
    return None


def _seats(session: Session, areas: Sequence[str], quotas: Sequence[Mapping[str, Any]]) -> list[Quota]:
    """Seats by unit. Raises `Invalid` naming the row: no such unit in the project's area, or one named twice."""
    units: dict[str, tuple[str, str]] = {}
    if quotas:
        found = select(UnitCopy.path, UnitCopy.name).where(UnitCopy.active, under_any(UnitCopy.path, areas))
        units = {_code(path): (path, name) for path, name in session.execute(found)}
    wrong: dict[str, list[str]] = {}
    seats: dict[str, Quota] = {}
    for number, row in enumerate(quotas):
        path, name = units.get(_code(row["unit_code"]), ("", ""))
        if not path:
            sentence = f"代码为“{row['unit_code']}”的单位不在本项目的参训范围内，请核对。"
            wrong[f"quotas.{number}.unit_code"] = [sentence]
        elif path in seats:
            wrong[f"quotas.{number}.unit_code"] = [f"{name}的名额写了两次，请合为一行。"]
        else:
            seats[path] = Quota(unit_path=path, unit_name=name, seats=row["seats"])
    if wrong:
        raise Invalid(REFUSED, fields=wrong)
    return list(seats.values())


def body_of(session: Session, authority: UnitCopy) -> str:
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


def _code(path: str) -> str:
    """The unit's own code; of a code, itself."""
    return path.rstrip("/").rsplit("/", 1)[-1]
