"""What changes: a paper is made, its code withdrawn; a workbook is asked for, and taken away."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.credits import files, queries
from services.credits.certificates import wording
from services.credits.certificates.models import CreditPaper, ExportDownload, TeacherExport
from services.credits.certificates.queries import ADMINS, find_export, find_paper, latest
from services.credits.certificates.wording import Kind
from shared.actors import Actor, Office
from shared.database import utc_now
from shared.directory import UnitCopy
from shared.errors import Invalid, NotAllowed, NotFound
from shared.jobs import run_later
from shared.outbox import insert
from shared.printing.codes import new_code
from shared.ui.filters import local_date

EXPORT_JOB = "credits.export_teachers"
AT_ONCE = timedelta(minutes=10)
"""An unfinished workbook of the same area that is younger is not begun a second time."""


def make_paper(
    session: Session, actor: Actor, person_id: str | None, kind: Kind, cycle: int | None, verify_url: str
) -> CreditPaper:
    """A certificate or statement as the credits are now, for the teacher herself or her school's administrator.

    Asked for again on the same day, with nothing changed and the code not withdrawn, it is the same paper. Raises
    `NotFound` outside what the actor may see, `NotAllowed` for an authority above the school.
    """
    standing = queries.standing_of(session, actor, person_id, cycle)
    person, number = standing.person, standing.cycle.number
    if actor.person_id != person.person_id and not actor.post_at(person.unit_path, Office.SCHOOL_ADMIN):
        raise NotAllowed("学分证明和明细由教师本人或所在学校的管理员出具。")
    now = utc_now().replace(microsecond=0)  # a file's date has whole seconds
    before = latest(session, person.person_id, kind, number)
    said = wording.words_of(kind, standing, queries.freshness(session).as_of, now, verify_url)
    if before is not None and _serves(before, said, now):
        return before
    row = {
        "code": new_code(),
        "kind": kind.value,
        "person_id": person.person_id,
        "cycle": number,
        "serial": before.serial + 1 if before else 1,
        "words": said,
        "digest": wording.digest_of(said),
        "figures": wording.figures_of(kind, standing),
        "made_by": actor.account_id,
        "made_by_name": actor.name,
        "made_at": now,
    }
    model: Any = CreditPaper
    # Of two at once one is made, and both get it.
    keys = ["person_id", "kind", "cycle", "serial"]
    session.execute(insert(session, model).values(**row).on_conflict_do_nothing(index_elements=keys))
    made = latest(session, person.person_id, kind, number)
    assert made is not None
    return made


def _serves(before: CreditPaper, said: dict[str, Any], now: datetime) -> bool:
    """Whether a paper that is there already says the same, of the same day."""
    same_day = local_date(before.made_at) == local_date(now)
    return before.withdrawn_at is None and same_day and wording.lasting(before.words) == wording.lasting(said)


def withdraw(session: Session, actor: Actor, code: str) -> CreditPaper:
    """Takes a code back for good; a second time changes nothing. Only the teacher herself may (B16).

    Raises `NotFound` outside what the actor may see, `NotAllowed` for everybody else.
    """
    paper = find_paper(session, actor, code)
    if actor.person_id != paper.person_id:
        raise NotAllowed("核验码只能由教师本人撤销。")
    session.refresh(paper, with_for_update=True)
    if paper.withdrawn_at is None:
        paper.withdrawn_at, paper.withdrawn_by = utc_now(), actor.account_id
    return paper


def request_export(session: Session, actor: Actor, area: str | None, status: str | None = None) -> TeacherExport:
    """Has the workbook of the teachers of `area` made (None: of the only area that the actor has).

    One that is being made already is returned as it is. Raises `Invalid` naming `under` where it is not said of which
    area, and `NotFound` outside the actor's areas.
    """
    posts = actor.posts_of(*ADMINS)
    paths = sorted({post.unit.path for post in posts})
    if area is None and len(paths) != 1:
        sentence = "您负责多个单位，请先选择要导出的单位。"
        raise Invalid(sentence, fields={"under": [sentence]})
    path = area or paths[0]
    unit = session.get(UnitCopy, path) if actor.post_over(path, *ADMINS) else None
    if unit is None:
        raise NotFound()
    _, cycle = queries.choose_cycle(session, None)
    since = utc_now() - AT_ONCE
    running = select(TeacherExport).filter_by(
        area_path=path, cycle=cycle.number, status=status, made_by=actor.account_id, finished_at=None
    )
    found = session.scalar(running.where(TeacherExport.made_at > since).limit(1))
    if found is not None:
        return found
    export = TeacherExport(
        area_path=path,
        area_name=unit.name,
        cycle=cycle.number,
        status=status,
        made_by=actor.account_id,
        made_by_name=actor.name,
        made_at=utc_now(),
    )
    session.add(export)
    session.flush()
    export.job_id = run_later(session, EXPORT_JOB, {"export_id": export.id})
    return export


def note_download(session: Session, actor: Actor, export_id: str) -> TeacherExport:
    """Records that the actor takes the workbook away. Raises `Conflict` while it is being made or after its time."""
    export = find_export(session, actor, export_id)
    files.need_file(export)
    post = actor.post_over(export.area_path, *ADMINS)
    session.add(
        ExportDownload(
            export_id=export.id,
            by=actor.account_id,
            by_name=actor.name,
            body=post.body if post else None,
            at=utc_now(),
        )
    )
    return export
