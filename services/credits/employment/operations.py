"""What changes: an exemption is entered or ended, and where people were before is kept."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.credits import in_force, ledger, queries
from services.credits import operations as credits_operations
from services.credits.editions import Cycle
from services.credits.employment.queries import find_exemption
from services.credits.exempting import EXEMPTIONS
from services.credits.models import Exemption, FormerUnit
from shared.actors import Actor, Office
from shared.database import new_id, utc_now
from shared.directory import PersonCopy
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.events.accounts import PeopleChanged
from shared.ui.filters import local_time


def enter_exemption(
    session: Session,
    actor: Actor,
    person_id: str,
    *,
    kind: str,
    starts_on: date,
    ends_on: date | None,
    document: str,
    reason: str,
) -> Exemption:
    """Nothing is asked of somebody for a time, by a document (T17).

    Raises `NotFound` outside what the actor may see, `NotAllowed` for a school, and `Invalid` naming the field: an end
    before its start, a start in a closed cycle (B6) or behind the next one, or a time in which another exemption holds
    already.
    """
    person = session.scalar(queries.visible_people(actor).where(PersonCopy.person_id == person_id).with_for_update())
    if person is None:
        raise NotFound()
    post = actor.post_over(person.unit_path, Office.CREDIT_ADMIN)
    if post is None:
        raise NotAllowed("免修由所在县（市、区）的学分管理员登记。")
    if ends_on is not None and ends_on < starts_on:
        raise _wrong("ends_on", "结束日期不能早于开始日期。")
    closed = _last_closed(session)
    if closed is not None and starts_on <= closed.end:
        raise _wrong("starts_on", _is_closed(closed, f"开始日期请填写 {closed.end + timedelta(days=1)} 或之后。"))
    last = _last_start(session)
    if starts_on > last:
        raise _wrong("starts_on", f"开始日期最晚为下一个培训周期的最后一天 {last}，请核对年份。")
    after = or_(Exemption.ends_on.is_(None), Exemption.ends_on >= starts_on)
    before = [Exemption.starts_on <= ends_on] if ends_on else []
    others = select(Exemption).where(Exemption.person_id == person_id, Exemption.withdrawn_at.is_(None), after, *before)
    other = session.scalar(others.limit(1))
    if other is not None:
        until = other.ends_on.isoformat() if other.ends_on else "另有通知"
        raise _wrong(
            "starts_on",
            f"与已登记的{EXEMPTIONS[other.kind][0]}（{other.starts_on.isoformat()} 至 {until}）重叠，"
            "请先结束那一条；还没有开始的，可以撤销。",
        )
    made = Exemption(
        id=new_id(),
        person_id=person_id,
        kind=kind,
        starts_on=starts_on,
        ends_on=ends_on,
        document=document.strip(),
        reason=reason.strip(),
        entered_by=actor.account_id,
        entered_by_name=actor.name,
        body=post.body,
        entered_at=utc_now(),
    )
    session.add(made)
    session.flush()
    return made


def end_exemption(session: Session, actor: Actor, exemption_id: str, *, ends_on: date, reason: str) -> Exemption:
    """Sets its last day, once; the exemption itself stays. Raises like `enter_exemption`, and `Conflict`."""
    one = _to_change(session, actor, exemption_id)
    if one.ended_at is not None:
        raise Conflict(f"已由{one.ended_by_name}于 {local_time(one.ended_at)} 结束，最后一天为 {one.ends_on}。")
    if ends_on < one.starts_on or (one.ends_on is not None and ends_on > one.ends_on):
        raise _wrong("ends_on", "最后一天须在原定的起止日期之内；要延长，请另行登记一条。")
    closed = _last_closed(session)
    if closed is not None and ends_on < closed.end:
        raise _wrong("ends_on", _is_closed(closed, f"最后一天请填写 {closed.end} 或之后。"))
    one.ends_on, one.ended_by_name, one.ended_at = ends_on, actor.name, utc_now()
    one.ended_reason = reason.strip()
    return one


def withdraw_exemption(session: Session, actor: Actor, exemption_id: str, *, reason: str) -> Exemption:
    """Takes away a mistaken one that has not begun: it stays on record, never holds. Raises like `end_exemption`."""
    one = _to_change(session, actor, exemption_id)
    if one.starts_on <= in_force.today():
        raise Conflict(f"这一条已于 {one.starts_on} 开始，不能撤销；请登记最后一天，提前结束。")
    one.withdrawn_by_name, one.withdrawn_at, one.withdrawn_reason = actor.name, utc_now(), reason.strip()
    return one


def note_people(session: Session, event: PeopleChanged) -> None:
    """Takes people over, and keeps the units that they leave by it (T18). It may come twice, and late."""
    people = {record.person_id: record for record in event.people}
    held = select(PersonCopy.person_id, PersonCopy.unit_path, PersonCopy.version)
    moved = [
        {"person_id": person_id, "version": people[person_id].version, "unit_path": path, "left_on": in_force.today()}
        for person_id, path, version in session.execute(held.where(PersonCopy.person_id.in_(people)))
        if people[person_id].version > version and people[person_id].unit_path != path
    ]
    ledger.insert_new(session, FormerUnit, moved)
    credits_operations.note_people(session, event)


def _to_change(session: Session, actor: Actor, exemption_id: str) -> Exemption:
    one = find_exemption(session, actor, exemption_id, lock=True)
    person = session.get_one(PersonCopy, one.person_id)
    if actor.post_over(person.unit_path, Office.CREDIT_ADMIN) is None:
        raise NotAllowed("免修由所在县（市、区）的学分管理员登记。")
    if one.withdrawn_at is not None:
        raise Conflict(f"已由{one.withdrawn_by_name}于 {local_time(one.withdrawn_at)} 撤销：{one.withdrawn_reason}")
    return one


def _last_start(session: Session) -> date:
    """The last day of the cycle after the one that runs: what begins later is a slip of the pen."""
    edition, cycle = queries.choose_cycle(session, None)
    following = edition.cycle_of((cycle.end + timedelta(days=1)).year)
    return following.end if following else cycle.end


def _last_closed(session: Session) -> Cycle | None:
    return next(iter(in_force.closed_cycles(session).values()), None)


def _is_closed(cycle: Cycle, do: str) -> str:
    return f"{cycle.title}已于 {cycle.closes_on} 关闭，不再变动；{do}"


def _wrong(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: [sentence]})
