"""代办: for some days somebody acts for a colleague who is absent; both names stand in every line (A12, T12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Date, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.plans import terms
from services.plans.models import Base
from shared import directory
from shared.actors import Actor, Office, Post
from shared.database import IdType, PathType, UtcDateTime, new_id, utc_now
from shared.directory import OfficeCopy
from shared.errors import Conflict, Invalid, NotAllowed, NotFound

MAY_SET = (Office.PLAN_REVIEW, Office.ACCOUNT_MANAGER)
"""Who is absent names a deputy; so may the unit's account manager, for who can no longer do it."""


MAY_BE = (Office.PLAN_REVIEW, Office.PROJECT_ADMIN, Office.RESULT_AUDIT, Office.CREDIT_ADMIN)
"""Whoever holds one of these for the unit may be the deputy: a token without any of them does not open these pages."""


class Deputy(Base):
    """One appointment; ended, never deleted."""

    __tablename__ = "deputies"
    __table_args__ = (Index("ix_deputies_deputy", "deputy_account", "last_day"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    unit_path: Mapped[str] = mapped_column(PathType, index=True)
    absent_account: Mapped[str] = mapped_column(IdType)
    absent_name: Mapped[str] = mapped_column(String(60))
    deputy_account: Mapped[str] = mapped_column(IdType)
    deputy_name: Mapped[str] = mapped_column(String(60))
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    reason: Mapped[str] = mapped_column(String(200))
    set_by_name: Mapped[str] = mapped_column(String(60))
    set_by: Mapped[str] = mapped_column(IdType)
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by_name: Mapped[str | None] = mapped_column(String(60))


def acting(session: Session, actor: Actor) -> Actor:
    """The actor with the posts of those for whom she stands in today."""
    today = terms.china_date(utc_now())
    query = select(Deputy).where(
        Deputy.deputy_account == actor.account_id,
        Deputy.last_day >= today,
        Deputy.first_day <= today,
        Deputy.ended_at.is_(None),
    )
    posts = [post for row in session.scalars(query) if (post := _post(session, row)) is not None]
    return replace(actor, posts=(*actor.posts, *posts)) if posts else actor


def in_force(session: Session, actor: Actor) -> list[Deputy]:
    """Present and coming appointments at the actor's units, and those that name the actor."""
    paths = [post.unit.path for post in actor.posts_of(*MAY_SET)]
    query = select(Deputy).where(
        (Deputy.unit_path.in_(paths)) | (Deputy.deputy_account == actor.account_id),
        Deputy.ended_at.is_(None),
        Deputy.last_day >= terms.china_date(utc_now()),
    )
    return list(session.scalars(query.order_by(Deputy.first_day, Deputy.id)))


def colleagues(session: Session, path: str) -> dict[str, str]:
    """Account -> name of everybody of exactly that unit whose office opens the reviewers' pages."""
    offices = session.scalars(
        select(OfficeCopy)
        .where(OfficeCopy.unit_path == path, OfficeCopy.office.in_([office.value for office in MAY_BE]))
        .order_by(OfficeCopy.office)
    )
    return {holder["account_id"]: holder["name"] for office in offices for holder in office.holders}


def appoint(
    session: Session,
    actor: Actor,
    *,
    absent: str,
    deputy: str,
    first_day: date,
    last_day: date,
    reason: str,
    unit_code: str | None = None,
) -> Deputy:
    """Names a deputy for somebody's reviewing post, with dates. Raises `NotAllowed` or `Invalid` naming fields."""
    posts = [post for post in actor.posts_of(*MAY_SET) if unit_code in (None, post.unit.code) and not post.for_account]
    if not posts:
        raise NotAllowed("只有本单位的审核人或账号管理员可以设置代办。")
    path = posts[0].unit.path
    known = colleagues(session, path)
    office = session.get(OfficeCopy, (path, Office.PLAN_REVIEW.value))
    holders = {holder["account_id"] for holder in office.holders} if office else set()
    manages = any(post.office is Office.ACCOUNT_MANAGER for post in posts)
    wrong: dict[str, list[str]] = {}
    if absent not in holders:
        wrong["absent"] = ["被代理人须是本单位在岗的方案审核人。"]
    elif absent != actor.account_id and not manages:
        wrong["absent"] = ["只能为自己设置代办；他人的代办请账号管理员设置。"]
    if deputy not in known or deputy == absent:
        wrong["deputy"] = ["代办人须是本单位在岗的另一位人员。"]
    today = terms.china_date(utc_now())
    if last_day < first_day or last_day < today:
        wrong["last_day"] = ["结束日期不能早于开始日期或今天。"]
    elif (last_day - first_day).days > 366:
        wrong["last_day"] = ["代办期最长一年，请缩短。"]
    if len(reason.strip()) < 2:
        wrong["reason"] = ["请写明原因，如“出差”“休假”。"]
    if wrong:
        raise Invalid("代办还不能设置，请按提示修改。", fields=wrong)
    overlap = select(Deputy).where(
        Deputy.unit_path == path,
        Deputy.absent_account == absent,
        Deputy.ended_at.is_(None),
        Deputy.first_day <= last_day,
        Deputy.last_day >= first_day,
    )
    if (other := session.scalar(overlap)) is not None:
        raise Conflict(f"这段时间已由{other.deputy_name}代办（{other.first_day} 至 {other.last_day}），请先结束。")
    row = Deputy(
        unit_path=path,
        absent_account=absent,
        absent_name=known[absent],
        deputy_account=deputy,
        deputy_name=known[deputy],
        first_day=first_day,
        last_day=last_day,
        reason=reason.strip(),
        set_by=actor.account_id,
        set_by_name=actor.name,
        set_at=utc_now(),
    )
    session.add(row)
    session.flush()
    return row


def end(session: Session, actor: Actor, deputy_id: str) -> Deputy:
    """Ends an appointment before its day. Raises `NotFound` outside one's units."""
    row = session.get(Deputy, deputy_id)
    paths = [post.unit.path for post in actor.posts_of(*MAY_SET)]
    if row is None or row.unit_path not in paths:
        raise NotFound()
    if row.ended_at is None:
        row.ended_at, row.ended_by_name = utc_now(), actor.name
    return row


def _post(session: Session, row: Deputy) -> Post | None:
    """The post that the deputy fills; None once either of the two has left."""
    office = session.get(OfficeCopy, (row.unit_path, Office.PLAN_REVIEW.value))
    if office is None or row.absent_account not in {holder["account_id"] for holder in office.holders}:
        return None
    if row.deputy_account not in colleagues(session, row.unit_path):
        return None
    unit = directory.unit(session, row.unit_path).as_unit()
    return Post(Office.PLAN_REVIEW, unit, office.body, row.absent_account, row.absent_name)
