"""Keeping the register: a fact changed, a whole identity number shown. Each leaves who, when and why (T24)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from services.accounts.models import Person
from services.accounts.operations import note
from services.accounts.people.facts import LABELS, Purpose, contradictions, differences
from services.accounts.people.queries import KEEPERS, get_person
from shared import outbox
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from shared.events.accounts import PeopleChanged
from shared.ui.filters import CHINA


def change_person(
    session: Session, actor: Actor, person_id: str, version: int, facts: Mapping[str, Any], reason: str
) -> Person:
    """Changes facts (keys of `LABELS`, all of them) and tells the other services.

    Raises `NotFound`, `NotAllowed` for one's own record, `Conflict` when somebody else has changed it since
    `version`, `Invalid` naming the fields that cannot be so. Nothing changed: nothing happens.
    """
    person = get_person(session, actor, person_id, lock=True)
    guard_others(actor, person)
    if person.version != version:
        raise Conflict("此人的信息已被他人修改，请核对最新内容后再改。", version=person.version)
    wrong = contradictions(facts, today())
    if not facts["name"]:
        wrong["name"] = ["姓名为空，请填写。"]
    if not reason.strip():
        wrong["reason"] = ["请写明修改理由和依据。"]
    if wrong:
        raise Invalid("有内容需要改正，没有保存。", fields=wrong)
    before = {name: getattr(person, name) for name in LABELS}
    changed = differences(before, facts)
    if changed:
        for name in LABELS:
            setattr(person, name, facts[name])
        text = f"{'；'.join(changed)}。理由：{reason.strip()}"
        note(session, "person", person.id, actor, "修改信息", text, body=body_for(actor, person))
        tell(session, person)
    return person


def show_identity(session: Session, actor: Actor, person_id: str, purpose: Purpose, reason: str) -> Person:
    """Records that the actor is shown the whole identity number, and what for. Raises `NotFound`, `Invalid`.

    The caller commits before it shows the number (`Identities.open`): no showing without its line.
    """
    person = get_person(session, actor, person_id)
    if not reason.strip():
        raise Invalid("请写明查看的具体事由。", fields={"reason": ["请写明查看的具体事由。"]})
    text = f"用途：{purpose.label}。事由：{reason.strip()}"
    note(session, "person", person.id, actor, "查看证件号码", text, body=body_for(actor, person))
    return person


def tell(session: Session, person: Person) -> None:
    """Raises the version and tells the other services how the person's facts stand now."""
    person.version += 1
    session.flush()
    outbox.publish(session, PeopleChanged(people=[person.record(person.unit.path)]))


def guard_others(actor: Actor, person: Person) -> None:
    """That nobody keeps her own record. Raises `NotAllowed`."""
    if actor.person_id == person.id:
        raise NotAllowed("本人的信息由本单位另一位管理员或上级账号管理员修改，不能自己修改。")


def body_for(actor: Actor, person: Person) -> str | None:
    """For whom the actor acts towards this person."""
    post = actor.post_over(person.unit.path, *KEEPERS)
    return post.body if post else None


def today() -> date:
    """The day in China."""
    return utc_now().astimezone(CHINA).date()
