"""Background work of the register: long workbooks are checked, and every one is imported, while nobody waits."""

from __future__ import annotations

from services.accounts import parts
from services.accounts.models import Unit
from services.accounts.people import collecting, sheet, transferring
from services.accounts.people.keeping import Workbooks
from services.accounts.people.models import Collection
from shared.files import Upload
from shared.jobs import Job, Jobs
from shared.sheets.writing import error_rows

MOVE_JOB = "accounts.move_people"
SCHEDULE = {MOVE_JOB: 3600.0}
"""Job -> seconds between two runs."""


def check_collection(job: Job) -> None:
    """Checks a workbook that is too long to wait for, `{"collection_id"}`; people then read the report and decide."""
    kept, upload, found = _read(job)
    with job.database.reading() as session:
        collecting.match(session, session.get_one(Unit, kept.unit_id), kept.sent_by_person, found)
    report, stored = found.report(), keep_errors(Workbooks(job.context.settings), upload, found)
    with job.effect() as session:
        row = session.get_one(Collection, kept.id)
        row.report, row.error_rows = report, stored
        bad = report["rows"] - report["good"]
        job.result = {
            "text": f"共 {found.rows} 行，" + (f"{bad} 行需要改正。" if bad else "全部无误。"),
            "href": f"/accounts/people/collections/{kept.id}",
            "label": "查看检查结果",
        }


def import_collection(job: Job) -> None:
    """Imports a checked workbook, `{"collection_id", "good_only"}`; checked again, since the register may have changed.

    Raises `Invalid` when there is now an error where there was none, and nothing is imported.
    """
    kept, upload, found = _read(job)
    good_only = job.arguments["good_only"]
    with job.effect() as session:
        row = session.get_one(Collection, kept.id)
        register = collecting.match(session, session.get_one(Unit, row.unit_id), row.sent_by_person, found, lock=True)
        collecting.require_clean(found.report(), good_only=good_only)
        done = collecting.bring_in(session, row, found, register)
        if found.errors:
            row.report, row.error_rows = found.report(), keep_errors(Workbooks(job.context.settings), upload, found)
        job.result = {**done, "href": "/accounts/people", "label": "查看名册"}


def keep_errors(store: Workbooks, upload: Upload, found: sheet.Rows) -> str | None:
    """Keeps the workbook of the rows with errors; None when there are none."""
    return store.put(error_rows(upload, found)) if found.errors else None


def _read(job: Job) -> tuple[Collection, Upload, sheet.Rows]:
    """The workbook and what it says; no transaction is open meanwhile."""
    with job.database.reading() as session:
        kept = session.get_one(Collection, job.arguments["collection_id"])
    upload = Workbooks(job.context.settings).upload(kept.name, kept.stored)
    found = collecting.read(upload, parts.identities(job.context), job.progress)
    job.progress(found.rows, found.rows)
    return kept, upload, found


def move_people(job: Job) -> None:
    """Confirmed transfers whose day has come take effect (T18)."""
    with job.effect() as session:
        transferring.move_due(session)


JOBS: Jobs = {MOVE_JOB: move_people, collecting.CHECK_JOB: check_collection, collecting.IMPORT_JOB: import_collection}
"""Name of the job -> function."""
