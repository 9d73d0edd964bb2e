"""Bringing a roster in: checked first, then imported whole or not at all, as often as one likes (T7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from services.plans.files import Upload
from services.plans.projects import queries, roster, spreadsheet
from services.plans.projects.models import UNAUDITED, Project, Result, RosterUpload
from shared import directory, jobs
from shared.actors import Actor
from shared.database import new_id, utc_now
from shared.errors import Invalid, NotAllowed

CHUNK = 500
SPARED_NAMES = 50
"""How many people whose audited results were spared are named in the report."""


def check_roster(session: Session, project: Project, upload: Upload, key: bytes) -> roster.Roster:
    """Everything that can be said of a roster without writing anything. Raises `Invalid` for an unreadable file."""
    found = roster.read(spreadsheet.read_rows(upload), key, project.hours)
    people = directory.people_by_hash(session, [entry.identity_hash for entry in found.entries])
    area = project.organizer_name if project.area_path == project.organizer_path else project.authority_name
    roster.match(found, people, project.area_path, area)
    return found


def keep_roster(
    session: Session, actor: Actor, project_id: str, upload: Upload, report: dict[str, Any]
) -> RosterUpload:
    """Notes an uploaded roster (the store has the file) with what its check found. Raises `NotAllowed`."""
    project = queries.find_project(session, actor, project_id)
    guard_entry(actor, project)
    kept = RosterUpload(
        id=new_id(),
        project_id=project.id,
        name=upload.name,
        sha256=upload.sha256,
        size=upload.size,
        report=report,
        uploaded_by=actor.account_id,
        uploaded_by_person=actor.person_id,
        uploaded_by_name=actor.name,
        uploaded_at=utc_now(),
    )
    session.add(kept)
    session.flush()
    return kept


def start_import(session: Session, actor: Actor, project_id: str, upload_id: str) -> str:
    """Starts the import of an uploaded roster in the background; returns the job's id, the same one if asked again.

    Raises `Invalid` with the errors by row and cell when the check found any: a file is imported whole or not at all.
    """
    project = queries.find_project(session, actor, project_id, lock=True)
    guard_entry(actor, project)
    upload = queries.find_upload(session, project, upload_id)
    require_clean(upload.report)
    if upload.job_id is None:
        upload.job_id = jobs.run_later(session, "plans.import_roster", {"upload_id": upload.id})
        session.flush()
    return upload.job_id


def require_clean(report: dict[str, Any]) -> None:
    """That a check found nothing. Raises `Invalid` with the errors by row and cell."""
    if report["errors"]:
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


def import_roster(session: Session, upload: RosterUpload, found: roster.Roster) -> dict[str, Any]:
    """Writes a clean roster in one transaction; returns the report that people read.

    Doing it again changes nothing. A result that waits for its audit takes the new values; an audited one is spared and
    named (T7); who is not in the file stays as is.
    """
    session.execute(select(Project.id).where(Project.id == upload.project_id).with_for_update())
    people = directory.people_by_hash(session, [entry.identity_hash for entry in found.entries])
    present = {
        row.person_id: row
        for row in session.execute(
            select(
                Result.person_id, Result.id, Result.state, Result.hours, Result.passed, Result.note, Result.position
            ).where(Result.project_id == upload.project_id)
        )
    }
    now = utc_now()
    entered = {
        "entered_by": upload.uploaded_by,
        "entered_by_person": upload.uploaded_by_person,
        "entered_at": now,
        "upload_id": upload.id,
    }
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    spared: list[str] = []
    unchanged = 0
    for entry in found.entries:
        person = people[entry.identity_hash]
        values = {"hours": entry.hours, "passed": entry.passed, "note": entry.note}
        known = present.get(person.person_id)
        if known is None:
            new.append(
                {
                    "id": new_id(),
                    "project_id": upload.project_id,
                    "person_id": person.person_id,
                    "identity_hash": entry.identity_hash,
                    "masked_identity": person.masked_identity,
                    "name": person.name,
                    "position": entry.row,
                    **values,
                    **entered,
                }
            )
        elif all(getattr(known, name) == value for name, value in values.items()):
            unchanged += 1
        elif known.state in UNAUDITED:
            changed.append({"id": known.id, "position": entry.row, **values, **entered})
        else:
            spared.append(person.name)
    for start in range(0, len(new), CHUNK):
        session.execute(insert(Result), new[start : start + CHUNK])
    for start in range(0, len(changed), CHUNK):
        session.execute(update(Result), changed[start : start + CHUNK])
    upload.imported_at = now
    return _import_report(len(new), len(changed), unchanged, spared)


def _import_report(new: int, changed: int, unchanged: int, spared: Sequence[str]) -> dict[str, Any]:
    text = f"新登记 {new} 人，更新 {changed} 人，内容相同 {unchanged} 人"
    if spared:
        names = "、".join(spared[:5]) + ("等" if len(spared) > 5 else "")
        text += f"；已审核的 {len(spared)} 人保持不变（{names}），如需更改请先取消审核"
    return {
        "text": text + "。",
        "inserted": new,
        "updated": changed,
        "unchanged": unchanged,
        "spared": len(spared),
        "spared_names": list(spared[:SPARED_NAMES]),
    }
