"""What a draft would change, over the whole province (N5): per area who becomes met and who ceases to be, and samples.

Sums come from the statement of every standing, by the edition that judges now and by the draft. Where the draft
reaches back, the lines are converted anew into a database that lives in memory (`foreseen.py`) and are summed up there
by the same statement: the ledger is only read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from services.credits import in_force, ledger, policies, queries
from services.credits.editions import Cycle, Edition, Editions, Reach
from services.credits.judgement import BucketSum, Status, judge
from services.credits.people import exemptions_of, person_facts
from services.credits.rulebook import operations
from services.credits.rulebook.foreseen import Foreseen, foreseen
from services.credits.rulebook.models import DRAFT, EditionDraft, PreviewedPerson
from shared.actors import Level, ancestors
from shared.database import utc_now
from shared.directory import PersonCopy, UnitCopy
from shared.errors import Conflict
from shared.events.plans import Bucket
from shared.jobs import Job

CHUNK = 1000
"""People looked at together."""
SAMPLES = 20
CHANGES = {"met": "变为已达标", "unmet": "不再达标", "other": "其他状态变化", "credits": "仅学分变化"}
"""What becomes of somebody."""


@dataclass(frozen=True, slots=True)
class Compared:
    """By what is judged now and by the draft, for which cycle, on which day."""

    before: Edition
    after: Edition
    cycle: Cycle
    day: date
    future: Editions
    """The editions with the draft."""
    anew: bool
    """Whether the lines of the cycle are converted anew by them; otherwise they stay as they are."""


@dataclass(slots=True)
class Area:
    """The figures of one county, or of what belongs to a district or the province itself."""

    path: str
    name: str
    people: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHANGES, 0))
    credits: dict[str, Decimal] = field(default_factory=lambda: {bucket.value: Decimal(0) for bucket in Bucket})

    def as_json(self) -> dict[str, Any]:
        """As the draft keeps it."""
        credits = {bucket: str(change) for bucket, change in self.credits.items()}
        return {"path": self.path, "name": self.name, "people": self.people, **self.counts, "change": credits}


def preview(job: Job) -> None:
    """The job: looks at everybody in chunks, and leaves the totals with the draft if it is still the same."""
    draft_id, version = job.arguments["draft_id"], job.arguments["version"]
    with job.database.transaction() as session:
        draft = session.get_one(EditionDraft, draft_id)
        _require_same(draft, version)
        compared = _compared(session, draft)
        session.execute(delete(PreviewedPerson).where(PreviewedPerson.draft_id == draft_id))
    with job.database.reading() as session:
        areas = _areas(session)
        total = int(session.scalar(select(func.count()).select_from(PersonCopy).where(PersonCopy.active)) or 0)
    samples: list[dict[str, Any]] = []
    done, last = 0, ""
    with foreseen(compared.future, compared.cycle) as then:
        while True:
            with job.database.reading() as session:
                rows, last, seen = _chunk(session, then, compared, areas, draft_id, last)
            if not seen:
                break
            with job.database.transaction() as session:
                ledger.insert_new(session, PreviewedPerson, [row for row in rows if row["change"] != "credits"])
            samples = sorted([*samples, *rows], key=lambda row: _order(draft_id, row))[:SAMPLES]
            done += seen
            job.progress(done, max(done, total))
    with job.effect() as session:
        draft = session.get_one(EditionDraft, draft_id, with_for_update=True)
        _require_same(draft, version)
        ledger.insert_new(session, PreviewedPerson, samples)
        chosen = PreviewedPerson.person_id.in_([row["person_id"] for row in samples])
        session.execute(update(PreviewedPerson).where(PreviewedPerson.draft_id == draft_id, chosen).values(sample=True))
        draft.preview, draft.previewed_version, draft.previewed_at = _told(compared, areas), version, utc_now()
        job.result = {
            "text": f"已比较 {done} 名教师。",
            "href": f"/credits/rulebook/drafts/{draft_id}#preview",
            "label": "查看预览",
        }


def _require_same(draft: EditionDraft, version: int) -> None:
    if draft.state != DRAFT or draft.version != version:
        raise Conflict("草稿在生成预览时有改动，请重新生成预览。")


def _compared(session: Session, draft: EditionDraft) -> Compared:
    """Raises `Invalid` for a draft that cannot be an edition."""
    row = operations.made(session, draft)
    present = in_force.editions(session)
    future = in_force.with_amendment(present, row)
    day = max(in_force.today(), row.effective_from)
    found = present.cycle_at(day)
    after = future.cycle_at(day)
    if found is None or after is None:
        raise Conflict("施行日期不在任何培训周期之内。")
    cycle, decisions = found[1], in_force.rules(session).decisions
    before, later = (policies.settled(edition, decisions, cycle, day) for edition in (found[0], after[0]))
    return Compared(before, later, cycle, day, future, anew=row.reach == Reach.CYCLE_START)


def _areas(session: Session) -> dict[str, Area]:
    """Path -> area, of counties, districts and the province."""
    levels = [Level.COUNTY.value, Level.DISTRICT.value, Level.PROVINCE.value]
    query = select(UnitCopy).where(UnitCopy.level.in_(levels)).order_by(UnitCopy.path)
    return {
        unit.path: Area(unit.path, unit.name if unit.level == Level.COUNTY else f"{unit.name}直属")
        for unit in session.scalars(query)
    }


def _chunk(
    session: Session, then: Foreseen, compared: Compared, areas: dict[str, Area], draft_id: str, after: str
) -> tuple[list[dict[str, Any]], str, int]:
    """Rows of who is changed among the next people, the last one's id, and how many were looked at."""
    join = select(PersonCopy, UnitCopy).outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path)
    people = session.execute(
        join.where(PersonCopy.active, PersonCopy.person_id > after).order_by(PersonCopy.person_id).limit(CHUNK)
    ).all()
    ids = [person.person_id for person, _ in people]
    if not ids:
        return [], after, 0
    before = _sums(session, compared.before, compared.cycle, ids)
    source = session
    if compared.anew:
        then.fill(session, ids)
        source = then.session
    later = _sums(source, compared.after, compared.cycle, ids)
    exempted = exemptions_of(session, ids)
    rows = []
    for person, unit in people:
        facts = person_facts(person, unit, exempted.get(person.person_id, ()))
        was, will = (
            judge(facts, sums, edition, compared.cycle, compared.day, groups=groups)
            for edition, (sums, groups) in (
                (compared.before, before(person.person_id)),
                (compared.after, later(person.person_id)),
            )
        )
        area = _area_of(person.unit_path, areas)
        area.people += 1
        change = _change(was.status, will.status)
        counted = {bucket: (was.buckets[bucket].counted, will.buckets[bucket].counted) for bucket in Bucket}
        if change is None and all(one == other for one, other in counted.values()):
            continue
        change = change or "credits"
        area.counts[change] += 1
        for bucket, (one, other) in counted.items():
            area.credits[bucket.value] += other - one
        rows.append(
            {
                "draft_id": draft_id,
                "person_id": person.person_id,
                "area_path": area.path,
                "change": change,
                "sample": False,
                "status_before": was.status.value,
                "status_after": will.status.value,
                "coordinated_before": counted[Bucket.COORDINATED][0],
                "coordinated_after": counted[Bucket.COORDINATED][1],
                "self_organized_before": counted[Bucket.SELF_ORGANIZED][0],
                "self_organized_after": counted[Bucket.SELF_ORGANIZED][1],
            }
        )
    return rows, ids[-1], len(ids)


def _sums(session: Session, edition: Edition, cycle: Cycle, ids: Sequence[str]) -> Any:
    """Person -> sums per bucket and per part of the edition's partitions."""
    sums = queries.sums_of(session, edition, cycle, ids)
    groups = queries.groups_of(session, edition, cycle, ids)
    return lambda person_id: (sums.get(person_id, dict[Bucket, BucketSum]()), groups.get(person_id))


def _change(was: Status, will: Status) -> str | None:
    if was is will:
        return None
    return "met" if will is Status.MET else "unmet" if was is Status.MET else "other"


def _area_of(unit_path: str, areas: dict[str, Area]) -> Area:
    found = next((areas[path] for path in ancestors(unit_path) if path in areas), None)
    return found or areas.setdefault(unit_path, Area(unit_path, "其他单位"))


def _order(draft_id: str, row: dict[str, Any]) -> str:
    """Anybody can draw the samples again: the first by SHA-256 of the draft and the person."""
    return hashlib.sha256(f"{draft_id}{row['person_id']}".encode()).hexdigest()


def _told(compared: Compared, areas: dict[str, Area]) -> dict[str, Any]:
    every = Area("", "合计")
    for area in areas.values():
        every.people += area.people
        for change, count in area.counts.items():
            every.counts[change] += count
        for bucket, credits in area.credits.items():
            every.credits[bucket] += credits
    return {
        "cycle": compared.cycle.title,
        "day": compared.day.isoformat(),
        "touched": compared.before.id != compared.after.id or compared.anew,
        "total": every.as_json(),
        "areas": [area.as_json() for area in areas.values() if area.people],
    }
