"""Background work of plans."""

from __future__ import annotations

from services.plans import files
from services.plans.projects import importing
from services.plans.projects.models import Project, RosterUpload
from services.plans.projects.spreadsheet import KINDS
from shared import retention
from shared.jobs import Job, Jobs

PRUNE_JOB = "plans.prune"


def import_roster(job: Job) -> None:
    """Imports an uploaded roster. It is checked again, since the register may have changed since the upload."""
    settings = job.context.settings
    with job.database.reading() as session:
        upload = session.get_one(RosterUpload, job.arguments["upload_id"])
        project_id, name, sha256 = upload.project_id, upload.name, upload.sha256
    content = files.store(settings.data_dir).get(sha256)
    job.progress(0)
    with job.database.reading() as session:
        project = session.get_one(Project, project_id)
        found = importing.check_roster(session, project, files.look_at(name, content, KINDS), settings.identity_key)
    importing.require_clean(found.report())
    job.progress(0, found.rows)
    with job.effect() as session:
        upload = session.get_one(RosterUpload, job.arguments["upload_id"])
        report = importing.import_roster(session, upload, found)
        job.result = {**report, "href": f"/plans/projects/{project_id}", "label": "查看名单"}
    job.progress(found.rows, found.rows)


JOBS: Jobs = {"plans.import_roster": import_roster, PRUNE_JOB: retention.prune}
"""Name of the job -> function."""
SCHEDULE = {PRUNE_JOB: retention.DAILY}
"""Job -> seconds between two runs."""
