"""What changes: a list is asked for as a workbook and taken away; a county starts its fallback scheme (FAQ-Q11)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, or_, select, text
from sqlalchemy.orm import Session

from services.credits import files
from services.credits.editions import school_year_title
from services.credits.forecast.models import ForecastDownload, MadeForecast
from services.credits.forecast.queries import ADMINS, SHORT, Chosen, forecast
from shared.actors import Actor, Level, Office
from shared.database import new_id, under_any, utc_now
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.events.plans import Bucket
from shared.jobs import run_later
from shared.ui.filters import local_time

MAKE_JOB = "credits.make_forecast"
AT_ONCE = timedelta(minutes=10)
"""An unfinished list of the same kind that is younger is not begun a second time."""
FOR_SCHEME = Chosen(SHORT, Bucket.COORDINATED)
"""Whom a fallback scheme is for: whoever lacks coordinated credits and has no place elsewhere yet."""


def visible(actor: Actor) -> Select[MadeForecast]:
    """Lists that were made of the actor's areas."""
    areas = [post.unit.path for post in actor.posts_of(*ADMINS)]
    return select(MadeForecast).where(under_any(MadeForecast.unit_path, areas))


def note_download(session: Session, actor: Actor, forecast_id: str) -> MadeForecast:
    """Records that the actor takes a list away. Raises `NotFound`, and `Conflict` where its file is not there."""
    made = session.scalar(visible(actor).where(MadeForecast.id == forecast_id))
    post = actor.post_over(made.unit_path, *ADMINS) if made else None
    if made is None or post is None:
        raise NotFound()
    files.need_file(made)
    session.add(
        ForecastDownload(forecast_id=made.id, by=actor.account_id, by_name=actor.name, body=post.body, at=utc_now())
    )
    return made


def request_list(session: Session, actor: Actor, path: str | None, chosen: Chosen) -> MadeForecast:
    """Has the workbook of a list made in the background. Raises `Invalid` where no unit is named."""
    return _request(session, actor, path, chosen, scheme=False)


def start_scheme(session: Session, actor: Actor, path: str | None) -> MadeForecast:
    """The county starts a fallback scheme: the list is made, and plans drafts the scheme with it (FAQ-Q11).

    Raises `NotAllowed` for everybody but the county's own administrator of credits, `Conflict` where one was started
    for the school year.
    """
    found = forecast(session, actor, path)
    unit = found.unit if found else None
    if unit is None or unit.level != Level.COUNTY or not actor.post_at(unit.path, Office.CREDIT_ADMIN):
        raise NotAllowed("托底方案由县（市、区）的学分管理员发起（问答第 11 问）。")
    if session.get_bind().dialect.name == "postgresql":  # two officials at the same moment; SQLite has one writer
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:scheme, 0))")
        session.execute(lock, {"scheme": f"fallback scheme {unit.path}"})
    return _request(session, actor, path, FOR_SCHEME, scheme=True)


def _request(session: Session, actor: Actor, path: str | None, chosen: Chosen, *, scheme: bool) -> MadeForecast:
    found = forecast(session, actor, path)
    if found is None:
        sentence = "请先选择一个县（市、区）或学校。"
        raise Invalid(sentence, fields={"under": [sentence]})
    same = {
        "unit_path": found.unit.path,
        "status": chosen.status,
        "bucket": chosen.bucket.value if chosen.bucket else None,
        "scheme": scheme,
        "made_by": actor.account_id,
    }
    recent = MadeForecast.made_at > utc_now() - AT_ONCE
    running = session.scalar(select(MadeForecast).filter_by(**same, finished_at=None).where(recent).limit(1))
    if running is not None:
        return running
    year = school_year_title(found.cycle.school_year_of(found.day))
    if scheme:
        _require_none(session, found.unit.path, year)
    made = MadeForecast(
        id=new_id(),
        unit_name=found.unit.name,
        cycle=found.cycle.number,
        school_year=year,
        made_by_person=actor.person_id,
        made_by_name=actor.name,
        made_at=utc_now(),
        **same,
    )
    session.add(made)
    session.flush()
    made.job_id = run_later(session, MAKE_JOB, {"forecast_id": made.id})
    return made


def _require_none(session: Session, path: str, school_year: str) -> None:
    """Two drafts of one scheme would be filed twice; what failed half-way may be started again."""
    going_on = or_(MadeForecast.finished_at.is_not(None), MadeForecast.made_at > utc_now() - AT_ONCE)
    query = select(MadeForecast).filter_by(unit_path=path, school_year=school_year, scheme=True).where(going_on)
    there = session.scalar(query.order_by(MadeForecast.id).limit(1))
    if there is not None:
        raise Conflict(
            f"{there.made_by_name}已于 {local_time(there.made_at)} 发起 {school_year} 学年的托底方案，草稿在“方案”中。"
            "如需另一份，请在“方案”中起草托底培训方案，并把名单作为附件上传。"
        )
