"""Background work of plans."""

from __future__ import annotations

from services.plans import files
from services.plans.approval import forecasts, upkeep
from services.plans.files import Upload
from services.plans.projects import publicity, reconciling
from services.plans.projects.models import Project, RosterUpload
from services.plans.reports.packing import pack_cases
from services.plans.reports.spotchecks import PACK_JOB
from services.plans.rosters import importing, roster
from services.plans.rosters.importing import CHECK_JOB, IMPORT_JOB
from services.plans.rosters.register import People
from shared import retention
from shared.database import utc_now
from shared.file_store import FileStore
from shared.jobs import Job, Jobs
from shared.sheets.reading import KINDS
from shared.sheets.writing import keep_error_rows

CONFIRM_JOB = "plans.confirm_results"
CLOCK_JOB = "plans.look_at_clocks"
PRUNE_JOB = "plans.prune"
TELL_JOB = "plans.tell_audits"


def check_roster(job: Job) -> None:
    """Checks an uploaded roster that is too long to wait for; people then read the report and decide."""
    upload_id = job.arguments["upload_id"]
    store, upload, found, _ = _checked(job, upload_id)
    report, digest = found.report(), keep_error_rows(store, upload, found)
    with job.effect() as session:
        kept = session.get_one(RosterUpload, upload_id)
        kept.report, kept.error_rows_sha256 = report, digest
        bad = report["rows"] - report["good"]
        job.result = {
            "text": f"共 {found.rows} 行，" + (f"{bad} 行需要改正。" if bad else "全部无误。"),
            "href": f"/plans/projects/{kept.project_id}?upload={upload_id}#roster",
            "label": "查看检查结果",
        }
    job.progress(found.rows, found.rows)


def import_roster(job: Job) -> None:
    """Imports an uploaded roster. It is checked again, since the register may have changed since the upload."""
    upload_id, good_only = job.arguments["upload_id"], job.arguments.get("good_only", False)
    store, upload, found, people = _checked(job, upload_id)
    report, digest = found.report(), keep_error_rows(store, upload, found)
    if report["errors"]:
        with job.database.transaction() as session:  # the project's page shows what was found now
            kept = session.get_one(RosterUpload, upload_id)
            kept.report, kept.error_rows_sha256 = report, digest
    importing.require_clean(report, good_only=good_only)
    with job.effect() as session:
        kept = session.get_one(RosterUpload, upload_id)
        done = importing.import_roster(session, kept, found, people, job.arguments.get("by"))
        job.result = {**done, "href": f"/plans/projects/{kept.project_id}", "label": "查看名单"}
    job.progress(found.rows, found.rows)


def _checked(job: Job, upload_id: str) -> tuple[FileStore, Upload, roster.Roster, People]:
    """The file and what its check found; no transaction is open while the workbook is read."""
    settings = job.context.settings
    with job.database.reading() as session:
        kept = session.get_one(RosterUpload, upload_id)
        project = session.get_one(Project, kept.project_id)
    job.progress(0)
    store = files.store(settings.data_dir)
    upload = files.look_at(kept.name, store.get(kept.sha256), KINDS)
    found = importing.read_roster(project, upload, settings.identity_key, job.progress)
    job.progress(found.rows, found.rows)
    with job.database.reading() as session:
        people = importing.match_roster(session, session.get_one(Project, project.id), found)
    return store, upload, found, people


def confirm_results(job: Job) -> None:
    """Results whose 公示 is over are final, and credits is told (N46)."""
    with job.effect() as session:
        publicity.confirm_due(session)


def look_at_clocks(job: Job) -> None:
    """Tells the level above of what has become overdue (T21), and counts limits that could not be counted before."""
    with job.effect() as session:
        upkeep.count_missing(session)
        upkeep.tell_overdue(session)


def tell_audits(job: Job) -> None:
    """Sums up the audits of each day for credits, which compares them with what it has (N8)."""
    with job.effect() as session:
        reconciling.tell_days(session, utc_now())


JOBS: Jobs = {
    CHECK_JOB: check_roster,
    IMPORT_JOB: import_roster,
    CONFIRM_JOB: confirm_results,
    CLOCK_JOB: look_at_clocks,
    forecasts.START_JOB: forecasts.start_scheme,
    PACK_JOB: pack_cases,
    PRUNE_JOB: retention.prune,
    TELL_JOB: tell_audits,
}
"""Name of the job -> function."""
SCHEDULE = {CONFIRM_JOB: 300.0, CLOCK_JOB: 600.0, PRUNE_JOB: retention.DAILY, TELL_JOB: retention.DAILY}
"""Job -> seconds between two runs."""
