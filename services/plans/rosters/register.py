"""The people of a roster as the register knows them, looked up many at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.projects.models import Project, Result
from shared import bulk
from shared.directory import PersonCopy


class Known(NamedTuple):
    """What is needed of a person in the register: plain, since so many objects of the ORM would not fit a worker."""

    person_id: str
    identity_hash: str
    name: str
    masked_identity: str
    unit_path: str
    kind: str
    stage: str | None
    subject: str | None
    seconded_from: date | None
    seconded_to: date | None


People = Mapping[str, Known]
"""By the keyed hash of the identity number."""


def registered(session: Session, hashes: Sequence[str]) -> People:
    """Active people by keyed hash; those not in the register are absent."""
    columns = [getattr(PersonCopy, name) for name in Known._fields]
    found: dict[str, Known] = {}
    for start in range(0, len(hashes), bulk.CHUNK):
        some = bulk.one_of(session, PersonCopy.identity_hash, hashes[start : start + bulk.CHUNK])
        known = map(Known._make, session.execute(select(*columns).where(some, PersonCopy.active)))
        found.update((person.identity_hash, person) for person in known)
    return found


def already(session: Session, project: Project, people: People) -> Mapping[str, int]:
    """Results of people who are not in the file, by unit path: they have their seats already."""
    here = {person.person_id for person in people.values()}
    query = (
        select(Result.person_id, PersonCopy.unit_path)
        .join(PersonCopy, PersonCopy.person_id == Result.person_id)
        .where(Result.project_id == project.id)
    )
    return Counter(row.unit_path for row in session.execute(query) if row.person_id not in here)
