"""A county's forecast becomes the draft of its fallback scheme (FAQ-Q11): credits tells who cannot reach the credits.

The draft is the county's to complete and to submit; whoever started it is one of its authors (T11).
"""

from __future__ import annotations

import base64

from sqlalchemy.orm import Session

from services.plans import files
from services.plans.approval import drafting
from shared import directory
from shared.actors import Actor, Office, Post
from shared.events.credits import ForecastMade
from shared.jobs import Job, run_later
from shared.workbooks import XLSX

START_JOB = "plans.start_scheme"


def note_forecast(session: Session, event: ForecastMade) -> None:
    """Has the draft made: a file is kept outside of any transaction, and a message is applied inside one."""
    run_later(session, START_JOB, event.dump())


def start_scheme(job: Job) -> None:
    """The draft with the forecast filled in and the list attached; once for a message."""
    event = ForecastMade.load(job.arguments)
    upload = files.look_at(event.file_name, base64.b64decode(event.workbook), {XLSX: ("xlsx",)})
    files.store(job.context.settings.data_dir).put(upload)
    with job.effect() as session:
        unit = directory.unit(session, event.unit_path)
        post = Post(Office.PROJECT_ADMIN, unit.as_unit(), unit.name)
        author = Actor(event.made_by, event.made_by_person, event.made_by_name, (post,))
        plan = drafting.create_plan(
            session,
            author,
            kind="fallback_scheme",
            school_year=event.school_year,
            title=f"{unit.name} {event.school_year} 学年托底培训方案",
            aims="",
            items=(),
            forecast={"teachers": event.teachers, "shortfall": event.shortfall, "basis": event.basis},
        )
        drafting.attach(session, author, plan.id, upload)
        job.result = {
            "text": f"{plan.number} 已起草。",
            "href": "/plans/mine?kind=fallback_scheme",
            "label": "查看托底方案",
        }
