"""The yearly collection (采集, FAQ-Q17): a workbook checked against the register, imported whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts.identities import Identities
from services.accounts.kinds import PersonKind
from services.accounts.models import Base, HistoryLine, Person, Unit
from services.accounts.operations import chunks
from services.accounts.people import sheet
from services.accounts.people.facts import LABELS, contradictions, differences
from services.accounts.people.models import Collection
from services.accounts.people.operations import today
from services.accounts.people.queries import KEEPERS, plain_name
from shared import bulk, jobs, outbox
from shared.actors import Actor, Level
from shared.database import new_id, under, utc_now
from shared.errors import Invalid, NotFound
from shared.events.accounts import PeopleChanged, PersonPersonal, PersonRecord
from shared.files import Upload
from shared.sheets import reading

CHECK_JOB, IMPORT_JOB = "accounts.check_collection", "accounts.import_collection"
STEP = 5_000
"""Rows between two looks at the progress."""
FACTS = tuple(LABELS)
NOBODY: dict[str, Any] = dict.fromkeys(FACTS) | {"kind": PersonKind.IN_SERVICE.value}
"""Facts of somebody who is not in the register."""
PEOPLE, HISTORY = Base.metadata.tables[Person.__tablename__], Base.metadata.tables[HistoryLine.__tablename__]
Progress = Callable[[int, int], None]
"""Called with (rows read, rows of the sheet)."""


class Known(NamedTuple):
    """What is needed of somebody in the register; plain, since so many objects of the ORM would not fit a worker."""

    id: str
    identity_hash: str
    identity_masked: str
    unit_id: str
    version: int
    active: bool
    values: tuple[Any, ...]
    """In the order of `LABELS`; a tuple, since a hundred thousand dicts would not fit either."""

    @property
    def facts(self) -> dict[str, Any]:
        """By the keys of `LABELS`."""
        return dict(zip(LABELS, self.values, strict=True))


@dataclass(frozen=True, slots=True)
class Register:
    """What the register says of the people and units of one workbook."""

    people: Mapping[str, Known]
    """By the keyed hash of the identity number."""
    units: Mapping[str, tuple[str, str]]
    """Code -> (id, path), of the units that the workbook may speak of; "" is the school that sends it."""


def home(session: Session, actor: Actor) -> Unit:
    """The unit for which the actor collects: of the first post that keeps people. Raises `NotFound`."""
    post = next(iter(actor.posts_of(*KEEPERS)), None)
    unit = session.scalar(select(Unit).where(Unit.path == post.unit.path, Unit.active)) if post else None
    if unit is None:
        raise NotFound()
    return unit


def read(upload: Upload, identities: Identities, progress: Progress = lambda done, total: None) -> sheet.Rows:
    """What can be said of a workbook without looking anybody up. Raises `Invalid` for an unreadable file."""
    opened = reading.open_sheet(upload)
    return sheet.read(_counted(opened, progress), identities.take)


def match(session: Session, unit: Unit, sender: str | None, found: sheet.Rows, *, lock: bool = False) -> Register:
    """Adds to `found` what the register says against its rows. `sender`: the person who sends it.

    `lock`: keeps the people for a change; others who change them wait.
    """
    register = Register(_people(session, found.entries, lock), _units(session, unit, found.entries))
    elsewhere = _bodies(session, register)
    day = today()
    for entry in found.entries:
        place, known = register.units.get(entry.unit), register.people.get(entry.identity.hash)
        if place is None:
            missing = (
                f"单位代码“{entry.unit[:20]}”不在{unit.name}范围内，请核对。"
                if entry.unit
                else "单位代码为空，请填写。"
            )
            found.wrong(entry.row, "unit", missing)
        elif known is not None and plain_name(known.facts["name"]) != plain_name(entry.name):
            # Where she is registered is told only to who knows her name, too.
            sentence = f"姓名“{entry.name}”与此身份证号登记的姓名不一致，请核对；确已改名的，由登记单位在名册中修改。"
            found.wrong(entry.row, "name", sentence)
        elif known is not None and (known.unit_id != place[0] or not known.active):
            where = elsewhere[known.unit_id]
            sentence = f"{entry.name}登记在“{where}”，不能直接转入；请发起调动，由对方单位确认后转入。"
            found.wrong(entry.row, "identity", sentence)
        else:
            _look(entry, known, sender, found, day)
    return register


def keep(
    session: Session,
    actor: Actor,
    upload: Upload,
    stored: str,
    report: dict[str, Any] | None,
    error_rows: str | None = None,
) -> Collection:
    """Notes a workbook (the store has it, sealed) with what its check found; without a report the check starts now."""
    unit = home(session, actor)
    kept = Collection(
        id=new_id(),
        unit_id=unit.id,
        name=upload.name,
        stored=stored,
        size=upload.size,
        report=report,
        error_rows=error_rows,
        sent_by=actor.account_id,
        sent_by_person=actor.person_id,
        sent_by_name=actor.name,
        sent_for=actor.posts_of(*KEEPERS)[0].body,
        sent_at=utc_now(),
    )
    session.add(kept)
    session.flush()
    if report is None:
        kept.check_job_id = jobs.run_later(session, CHECK_JOB, {"collection_id": kept.id})
    return kept


def find(session: Session, actor: Actor, collection_id: str, *, lock: bool = False) -> Collection:
    """A workbook that the actor has sent. Raises `NotFound`: they hold numbers of many people."""
    query = select(Collection).where(Collection.id == collection_id, Collection.sent_by == actor.account_id)
    kept = session.scalar(query.with_for_update() if lock else query)
    if kept is None or kept.unit_id != home(session, actor).id:
        raise NotFound()
    return kept


def start_import(session: Session, actor: Actor, collection_id: str, *, good_only: bool = False) -> Collection:
    """Starts the import in the background; asked again, it is the same one. Raises `NotFound`, `Invalid`."""
    kept = find(session, actor, collection_id, lock=True)
    if kept.report is None:
        raise Invalid("表格还在检查，请等检查完毕后再导入。")
    require_clean(kept.report, good_only=good_only)
    if kept.job_id is None or session.get_one(jobs.JobRow, kept.job_id).state == "failed":
        arguments = {"collection_id": kept.id, "good_only": good_only}
        kept.job_id = jobs.run_later(session, IMPORT_JOB, arguments)
        session.flush()
    return kept


def require_clean(report: Mapping[str, Any], *, good_only: bool = False) -> None:
    """That a check found nothing, or at least something to import. Raises `Invalid` with errors by row and cell."""
    if good_only and not report["good"]:
        raise Invalid("表格中没有无误的行，没有可以导入的内容；请改正后重新上传。")
    if report["errors"] and not good_only:
        raise Invalid(
            f"表格有 {report['rows'] - report['good']} 行需要改正，没有导入任何一行；请按行改正后重新上传。",
            errors=[{"field": error["cell"], "detail": error["message"], **error} for error in report["errors"]],
            error_count=report["error_count"],
        )


def bring_in(session: Session, kept: Collection, found: sheet.Rows, register: Register) -> dict[str, Any]:
    """Writes the good rows in one transaction and tells the other services; returns what people read.

    `register` as `match` gave it in this transaction. Doing it again changes nothing.
    """
    counts = {"inserted": 0, "updated": 0, "unchanged": 0}
    line = {
        "subject_type": "person",
        "at": utc_now(),
        "actor_id": kept.sent_by,
        "actor_name": kept.sent_by_name,
        "actor_body": kept.sent_for,
        "act": "信息采集",
        "public": False,
    }
    entries = found.good_entries()
    for start in range(0, len(entries), bulk.CHUNK):
        _bring_some(session, entries[start : start + bulk.CHUNK], register, line, counts)
    kept.imported_at = utc_now()
    text = "新登记 {inserted} 人，更新 {updated} 人，内容相同 {unchanged} 人".format(**counts)
    if found.deferred:
        text += f"；定向生尚未毕业暂缓 {found.deferred} 人"
    left_out = len(found.bad_rows())
    if left_out:
        text += f"；{left_out} 行有错误没有导入，请下载错误行，改正后重新上传"
    return {"text": text + "。", **counts, "deferred": found.deferred, "left_out": left_out}


def _bring_some(
    session: Session,
    some: Sequence[sheet.Entry],
    register: Register,
    line: Mapping[str, Any],
    counts: dict[str, int],
) -> None:
    new, changed, lines, told = [], [], [], []
    for entry in some:
        known = register.people.get(entry.identity.hash)
        unit_id, path = register.units[entry.unit]
        before = known.facts if known else NOBODY
        facts = {**before, **entry.facts, "name": known.facts["name"] if known else entry.name}
        if known is None:
            row = {"id": new_id(), "version": 1, **facts}
            identity = {f"identity_{name}": getattr(entry.identity, name) for name in ("sealed", "hash", "masked")}
            new.append({**row, **identity, "unit_id": unit_id, "active": True})
            counts["inserted"] += 1
        elif facts == before:
            counts["unchanged"] += 1
            continue
        else:
            row = {"id": known.id, "version": known.version + 1, **facts}
            changed.append(row)
            counts["updated"] += 1
        text = "新登记" if known is None else "；".join(differences(before, facts))
        lines.append({**line, "subject_id": row["id"], "text": text})
        told.append(_record(row, entry.identity.hash, entry.identity.masked, path))
    bulk.insert_rows(session, PEOPLE, new)
    bulk.update_rows(session, PEOPLE, changed)
    bulk.insert_rows(session, HISTORY, lines)
    outbox.publish_all(session, [PeopleChanged(people=part) for part in chunks(told)])


def _record(row: Mapping[str, Any], identity_hash: str, masked: str, path: str) -> PersonRecord:
    facts = {name: row[name] for name in FACTS if name not in ("name", "certificate_subject")}
    return PersonRecord(
        person_id=row["id"],
        version=row["version"],
        identity_hash=identity_hash,
        unit_path=path,
        active=True,
        personal=PersonPersonal(name=row["name"], masked_identity=masked),
        **facts,
    )


def _look(entry: sheet.Entry, known: Known | None, sender: str | None, found: sheet.Rows, day: date) -> None:
    """What is wrong with the facts as they would then be."""
    before = known.facts if known else NOBODY
    facts = {**before, **entry.facts, "name": before["name"] or entry.name}
    if known is None and facts["hired_on"] is None:
        found.wrong(entry.row, "hired_on", "新登记的人员请填写入职日期，如 2025-09-01。")
    if known is not None and known.id == sender and facts != before:
        found.wrong(entry.row, "identity", "这是您本人：本人的信息由另一位管理员或上级修改，请删去本行。")
    for name, sentences in contradictions(facts, day).items():
        if name in entry.facts or facts != before:
            found.wrong(entry.row, name, "".join(sentences))


def _people(session: Session, entries: Sequence[sheet.Entry], lock: bool) -> dict[str, Known]:
    plain = [getattr(Person, name) for name in Known._fields if name != "values"]
    columns = [*plain, *(getattr(Person, name) for name in FACTS)]
    found: dict[str, Known] = {}
    same: dict[Any, Any] = {}
    for start in range(0, len(entries), bulk.CHUNK):
        hashes = [entry.identity.hash for entry in entries[start : start + bulk.CHUNK]]
        query = select(*columns).where(bulk.one_of(session, Person.identity_hash, hashes)).order_by(Person.id)
        for row in session.execute(query.with_for_update() if lock else query):
            # Of the values of a fact there are few different ones: each is held once.
            values = tuple(same.setdefault(value, value) for value in row[len(plain) :])
            known = Known._make([*row[: len(plain)], values])
            found[known.identity_hash] = known
    return found


def _units(session: Session, unit: Unit, entries: Sequence[sheet.Entry]) -> dict[str, tuple[str, str]]:
    """Units named by the rows that lie under `unit`; a school need not name itself."""
    codes = list({entry.unit for entry in entries})
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(codes), 500):
        named = Unit.code.in_(codes[start : start + 500])
        query = select(Unit.code, Unit.id, Unit.path).where(named, Unit.active, under(Unit.path, unit.path))
        found.update((code, (unit_id, path)) for code, unit_id, path in session.execute(query))
    if unit.level == Level.SCHOOL:
        found[""] = (unit.id, unit.path)
    return found


def _bodies(session: Session, register: Register) -> dict[str, str]:
    """Id -> name of the units in which people of the workbook are registered."""
    ids = list({known.unit_id for known in register.people.values()})
    found: dict[str, str] = {}
    for start in range(0, len(ids), 500):
        query = select(Unit.id, Unit.body).where(Unit.id.in_(ids[start : start + 500]))
        found.update((unit_id, body) for unit_id, body in session.execute(query))
    return found


def _counted(opened: reading.Sheet, progress: Progress) -> Iterator[tuple[int, list[Any]]]:
    for count, row in enumerate(opened.rows):
        if count and count % STEP == 0:
            progress(count, opened.height)
        yield row
