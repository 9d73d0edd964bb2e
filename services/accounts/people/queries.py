"""Reads of the register of people: those of the actor's areas, for the offices that keep it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager

from services.accounts.models import Person, Unit
from services.accounts.queries import find_unit, person_by_hash
from shared.actors import Actor, Office
from shared.database import under, under_any
from shared.errors import Invalid, NotFound

KEEPERS = (Office.SCHOOL_ADMIN, Office.ACCOUNT_MANAGER)
"""Who keeps the register: a school its own people, an account manager everybody of the area. Nobody else sees it."""
MOST_FIGURES = 6
"""A name has none; with so many it is somebody's number."""


def areas(actor: Actor) -> set[str]:
    """Paths of the units whose people the actor keeps."""
    return {post.unit.path for post in actor.posts_of(*KEEPERS)}


def visible_people(actor: Actor) -> Select[Person]:
    """The people at or under the actor's posts, with their units."""
    query = select(Person).join(Person.unit).options(contains_eager(Person.unit))
    return query.where(Person.active, under_any(Unit.path, areas(actor)))


def get_person(session: Session, actor: Actor, person_id: str, *, lock: bool = False) -> Person:
    """The person, if the actor keeps her; locked for a change if asked. Raises `NotFound`."""
    query = visible_people(actor).where(Person.id == person_id)
    if lock:
        query = query.with_for_update(of=Person).execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None:
        raise NotFound()
    return found


def filtered(session: Session, actor: Actor, wanted: Mapping[str, Any]) -> Select[Person]:
    """The visible people that fit: `q` part of the name, `unit` code or name, `kind`, `stage`. Empty ones say nothing.

    Raises `Invalid` for a search by identity number: an address is written into logs and histories of browsers.
    """
    query, words = visible_people(actor), (wanted.get("q") or "").strip()
    if sum(c.isdigit() for c in words) >= MOST_FIGURES:
        sentence = "这里按姓名查找；身份证号请填在“按身份证号查找”中。"
        raise Invalid(sentence, fields={"q": [sentence]})
    if words:
        query = query.where(Person.name.contains(words, autoescape=True))
    if wanted.get("unit"):
        unit = find_unit(session, wanted["unit"])
        if unit is None or not unit.path.startswith(tuple(areas(actor))):
            sentence = "您管辖的范围内没有这个单位，请填写单位代码或全称。"
            raise Invalid(sentence, fields={"unit": [sentence]})
        query = query.where(under(Unit.path, unit.path))
    for name in ("kind", "stage"):
        if wanted.get(name):
            query = query.where(getattr(Person, name) == wanted[name])
    return query


def find_by_hash(session: Session, actor: Actor, identity_hash: str) -> Person:
    """The person with that identity number, if the actor keeps her. Raises `NotFound`, the same for all others."""
    found = person_by_hash(session, identity_hash)
    query = visible_people(actor).where(Person.id == (found.id if found else ""))
    seen = session.scalar(query)
    if seen is None:
        raise NotFound("您管辖的范围内没有登记这个身份证号。")
    return seen


def plain_name(name: str) -> str:
    """A name without blanks, and with one kind of middle dot: as two people may write the same."""
    return re.sub(r"\s", "", re.sub(r"[•・‧∙⋅．.]", "·", unicodedata.normalize("NFC", name)))
