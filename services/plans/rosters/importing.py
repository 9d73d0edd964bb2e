"""Bringing a roster in: checked first, then imported whole or not at all, as often as one likes (T7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.files import Upload
from services.plans.models import Base
from services.plans.projects import approved_hours, history, queries
from services.plans.projects.models import UNAUDITED, CreditsState, Project, Result, ResultState, RosterUpload
from services.plans.rosters import register, roster
from services.plans.rosters.register import Known, People
from shared import bulk, jobs
from shared.actors import Actor
from shared.database import new_id, utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from shared.sheets import reading

STEP = 5_000
"""Rows between two looks at the progress."""
SPARED_NAMES = 50
"""How many people whose audited results were spared are named in the report."""
RESULTS = Base.metadata.tables[Result.__tablename__]
FRESH = {"state": ResultState.ENTERED.value, "attempt": 0, "credits_state": CreditsState.NONE.value}
"""What a result begins with; rows written many at a time get no defaults."""
CHECK_JOB, IMPORT_JOB = "plans.check_roster", "plans.import_roster"
Progress = Callable[[int, int], None]
"""Called with (rows read, rows of the sheet)."""


def read_roster(
    project: Project, upload: Upload, key: bytes, progress: Progress = lambda done, total: None
) -> roster.Roster:
    """What can be said of a roster without looking anybody up. Raises `Invalid` for an unreadable file."""
    sheet = reading.open_sheet(upload)
    return roster.read(_counted(sheet, progress), key, project.hours)


def match_roster(session: Session, project: Project, found: roster.Roster) -> People:
    """Adds what the register says of the people on a roster; returns those whom it knows."""
    people = register.registered(session, [entry.identity_hash for entry in found.entries])
    quotas = project.quotas
    roster.match(found, people, project, quotas, register.already(session, project, people) if quotas else None)
    for entry, sentence in _beyond_item(session, project, found.entries, people):
        found.note(found.errors, entry.row, "hours", sentence)
    return people


def _beyond_item(
    session: Session, project: Project, entries: Sequence[roster.Entry], people: People
) -> Iterator[tuple[roster.Entry, str]]:
    """Rows that would give somebody more hours under the plan's item than were approved, and why."""
    held = approved_hours.held_elsewhere(session, project, project.plan_item_id)
    if not held:
        return
    approved = approved_hours.approved_hours(session, project.plan_id, project.plan_item_id)
    for entry in entries:
        person = people.get(entry.identity_hash)
        if person is not None and entry.passed and person.person_id in held:
            sentence = approved_hours.excess(held[person.person_id], entry.hours, approved)
            if sentence:
                yield entry, sentence


def check_roster(session: Session, project: Project, upload: Upload, key: bytes) -> roster.Roster:
    """Everything that can be said of a roster, without writing anything. Raises `Invalid` for an unreadable file."""
    found = read_roster(project, upload, key)
    match_roster(session, project, found)
    return found


def keep_roster(
    session: Session,
    actor: Actor,
    project_id: str,
    upload: Upload,
    report: dict[str, Any] | None,
    error_rows: str | None = None,
    *,
    check_later: bool = True,
) -> RosterUpload:
    """Notes an uploaded roster (the store has the file) with what its check found.

    Without a report the check starts in the background, or with `check_later=False` is left to the import that the
    caller starts. `error_rows`: digest of their workbook in the store. Raises `NotAllowed`, and `Conflict` for a
    project that is closed or whose plan is void.
    """
    project = queries.find_project(session, actor, project_id)
    guard_entry(actor, project)
    queries.require_open(session, project)
    queries.require_plan(session, project)
    kept = RosterUpload(
        id=new_id(),
        project_id=project.id,
        name=upload.name,
        sha256=upload.sha256,
        size=upload.size,
        report=report,
        error_rows_sha256=error_rows,
        uploaded_by=actor.account_id,
        uploaded_by_person=actor.person_id,
        uploaded_by_name=actor.name,
        uploaded_at=utc_now(),
    )
    session.add(kept)
    session.flush()
    if report is None and check_later:
        kept.check_job_id = jobs.run_later(session, CHECK_JOB, {"upload_id": kept.id})
    return kept


def find_upload(session: Session, actor: Actor, project_id: str, upload_id: str) -> RosterUpload:
    """An uploaded roster, for those who enter results of its project. Raises `NotFound`, `NotAllowed`."""
    project = queries.find_project(session, actor, project_id)
    guard_entry(actor, project)
    return queries.find_upload(session, project, upload_id)


def start_import(session: Session, actor: Actor, project_id: str, upload_id: str, *, good_only: bool = False) -> str:
    """Starts the import of an uploaded roster in the background; returns the job's id, the same one if asked again.

    A file is imported whole or not at all: `Invalid` with the errors by row and cell when the check found any (a file
    that is still being checked is checked by the import itself). `good_only` says that the rows with errors are to be
    left out, because they come corrected in a file of their own. Whoever presses it has entered the results (T11).
    """
    project = queries.find_project(session, actor, project_id, lock=True)
    guard_entry(actor, project)
    queries.require_plan(session, project)
    upload = queries.find_upload(session, project, upload_id)
    if upload.report is not None:
        require_clean(upload.report, good_only=good_only)
    if upload.job_id is None or session.get_one(jobs.JobRow, upload.job_id).state == "failed":
        by = [actor.account_id, actor.person_id, actor.name]
        arguments = {"upload_id": upload.id, "good_only": good_only, "by": by}
        upload.job_id = jobs.run_later(session, IMPORT_JOB, arguments)
        session.flush()
    return upload.job_id


def require_clean(report: dict[str, Any], *, good_only: bool = False) -> None:
    """That a check found nothing, or at least something to import. Raises `Invalid` with errors by row and cell."""
    if good_only and not report["good"]:
        raise Invalid("名单中没有无误的行，没有可以导入的内容；请改正后重新上传。")
    if report["errors"] and not good_only:
        bad = report["rows"] - report["good"]
        raise Invalid(
            f"名单有 {bad} 行需要改正，没有导入任何一行；请按行改正后重新上传。",
            # As every problem names its places, besides row and cell.
            errors=[{"field": error["cell"], "detail": error["message"], **error} for error in report["errors"]],
            error_count=report["error_count"],
            rows=report["rows"],
            good=report["good"],
        )


def guard_entry(actor: Actor, project: Project) -> None:
    """That the actor may enter results: an administrator of the organizer. Raises `NotAllowed`."""
    if queries.entering_post(actor, project) is None:
        raise NotAllowed(f"只有组织单位（{project.organizer_name}）的管理员可以登记成绩。")


def import_roster(
    session: Session,
    upload: RosterUpload,
    found: roster.Roster,
    people: People | None = None,
    by: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """Writes the good rows of a roster in one transaction; returns the report that people read.

    `people` as `match_roster` gave them; `by`: account, person and name of who imports, left out: who uploaded.

    Doing it again changes nothing. A result that waits for its audit takes the
    new values; an audited one is spared and named (T7); who is not in the file stays as is. Raises `Conflict` when the
    project was closed meanwhile, its plan declared void, or a row's hours taken up by another project (FAQ-Q9).
    """
    project = session.scalars(
        select(Project)
        .where(Project.id == upload.project_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    queries.require_open(session, project)
    approved_hours.lock_item(session, project.organizer_path, project.plan_item_id)
    queries.require_plan(session, project, lock=True)
    entries = found.good_entries()
    people = people or register.registered(session, [entry.identity_hash for entry in entries])
    # Once more, now that nobody else can bring in hours under the same item.
    for entry, sentence in _beyond_item(session, project, entries, people):
        raise Conflict(f"检查名单后情况有变，第 {entry.row} 行：{sentence}没有导入任何一行，请改正后重新上传。")
    now = utc_now()
    account, person, name = by or (upload.uploaded_by, upload.uploaded_by_person, upload.uploaded_by_name)
    entered = {
        "entered_by": account,
        "entered_by_person": person,
        "entered_at": now,
        "upload_id": upload.id,
    }
    compared = ["hours", "passed", "note", *(["attendance"] if "attendance" in found.columns else [])]
    done = _Done()
    for start in range(0, len(entries), bulk.CHUNK):
        some = [(entry, people[entry.identity_hash]) for entry in entries[start : start + bulk.CHUNK]]
        _import_some(session, project, some, compared, entered, done)
    upload.imported_at = now
    report = _import_report(done, found.rows - len(entries))
    if done.inserted or done.updated:
        who = Actor(account, person, name, (), "")
        details = {"upload_id": upload.id, "inserted": done.inserted, "updated": done.updated}
        history.record(session, project, who, "import", outcome=report["text"][:500], details=details)
    return report


@dataclass(slots=True)
class _Done:
    """What an import has done so far."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    spared: list[str] = field(default_factory=list)
    """Names of those whose audited results stay as they are."""


def _import_some(
    session: Session,
    project: Project,
    some: Sequence[tuple[roster.Entry, Known]],
    compared: Sequence[str],
    entered: Mapping[str, Any],
    done: _Done,
) -> None:
    """Writes as many rows as are held at once; `compared`: columns that the file has a say in."""
    columns = (Result.person_id, Result.id, Result.state, *(getattr(Result, name) for name in compared))
    here = bulk.one_of(session, Result.person_id, [person.person_id for _, person in some])
    found = session.execute(select(*columns).where(Result.project_id == project.id, here))
    present = {row.person_id: row for row in found}
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for entry, person in some:
        values = {name: getattr(entry, name) for name in compared}
        known = present.get(person.person_id)
        if known is None:
            new.append(
                {
                    "id": new_id(),
                    "project_id": project.id,
                    "person_id": person.person_id,
                    "identity_hash": entry.identity_hash,
                    "masked_identity": person.masked_identity,
                    "name": person.name,
                    "position": entry.row,
                    **FRESH,
                    **values,
                    **entered,
                }
            )
        elif all(getattr(known, name) == value for name, value in values.items()):
            done.unchanged += 1
        elif known.state in UNAUDITED:
            changed.append({"id": known.id, "position": entry.row, **values, **entered})
        else:
            done.spared.append(person.name)
    bulk.insert_rows(session, RESULTS, new)
    bulk.update_rows(session, RESULTS, changed)
    done.inserted += len(new)
    done.updated += len(changed)


def _counted(sheet: reading.Sheet, progress: Progress) -> Iterator[tuple[int, list[Any]]]:
    for count, row in enumerate(sheet.rows):
        if count and count % STEP == 0:
            progress(count, sheet.height)
        yield row


def _import_report(done: _Done, left_out: int) -> dict[str, Any]:
    text = f"新登记 {done.inserted} 人，更新 {done.updated} 人，内容相同 {done.unchanged} 人"
    if done.spared:
        names = "、".join(done.spared[:5]) + ("等" if len(done.spared) > 5 else "")
        text += f"；已审核的 {len(done.spared)} 人保持不变（{names}），如需更改请先取消审核"
    if left_out:
        text += f"；{left_out} 行有错误没有导入，请下载错误行，改正后重新上传"
    return {
        "text": text + "。",
        "inserted": done.inserted,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "spared": len(done.spared),
        "left_out": left_out,
        "spared_names": done.spared[:SPARED_NAMES],
    }
