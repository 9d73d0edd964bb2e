"""预测: who cannot reach the minimums, the list as a workbook, and the start of a fallback scheme (N15, FAQ-Q11)."""

from __future__ import annotations

import io

from flask import Blueprint, Response, flash, render_template, request, send_file, url_for
from marshmallow import ValidationError
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from services.credits import files
from services.credits.forecast import making, operations, queries
from services.credits.forecast.models import ForecastDownload, MadeForecast
from services.credits.forecast.queries import BEYOND, SHORT, Chosen
from services.credits.forecast.schemas import ListIn, chosen_of
from shared.actors import Level, Office
from shared.errors import Invalid, NotAllowed, NotFound
from shared.events.plans import Bucket
from shared.jobs import JobRow
from shared.paging import page
from shared.web import actor, allow, once, reading, repeatable, runtime, transaction
from shared.workbooks import XLSX

bp = Blueprint("forecast_pages", __name__, url_prefix="/credits/forecast")

LISTS = [Chosen(status, bucket) for status in (BEYOND, SHORT) for bucket in (None, *Bucket)]
"""Every list, in the order of its tile."""


@bp.get("")
@allow(*queries.ADMINS)
def listed() -> str:
    """One list of one school or county with every list in sum, or the units to choose from."""
    asked = _asked({name: request.args.get(name) or None for name in ListIn().fields})
    chosen, under = chosen_of(asked), asked["under"]
    with reading() as session:
        found = queries.forecast(session, actor(), under)
        choices = queries.choices(session, actor(), under)
        if found is None:
            return render_template("credits/forecast/choose.html", choices=choices)
        totals = found.totals(session, actor(), LISTS)
        own = found.unit.level == Level.COUNTY and actor().post_at(found.unit.path, Office.CREDIT_ADMIN)
        return render_template(
            "credits/forecast/list.html",
            found=found,
            chosen=chosen,
            titles=making.TITLES,
            tiles=list(zip(LISTS, totals, strict=True)),
            rows=found.rows(session, actor(), chosen, cursor=request.args.get("cursor")),
            assumption=making.assumption(found),
            choices=choices,
            may_start=bool(own),
            for_scheme=totals[LISTS.index(operations.FOR_SCHEME)],
        )


@bp.get("/made")
@allow(*queries.ADMINS)
def made() -> str:
    """Lists that were made, newest first."""
    with reading() as session:
        cursor = request.args.get("cursor")
        rows = page(session, operations.visible(actor()), [MadeForecast.id], cursor=cursor, limit=20, descending=True)
        unfinished = [row.job_id for row in rows.items if row.job_id and row.finished_at is None]
        jobs = {job.id: job for job in session.scalars(select(JobRow).where(JobRow.id.in_(unfinished)))}
        return render_template(
            "credits/forecast/made.html",
            rows=rows,
            taken=files.taken(session, ForecastDownload.forecast_id, [row.id for row in rows.items]),
            removed=files.removed,
            jobs=jobs,
            titles=making.TITLES,
        )


@bp.post("/made")
@allow(*queries.ADMINS)
def export() -> AnyResponse:
    """Has the workbook of the list on the screen made."""
    with once() as tx:
        asked = _asked({name: request.form.get(name) or None for name in ListIn().fields})
        try:
            operations.request_list(tx.session, actor(), asked["under"], chosen_of(asked))
        except Invalid as error:
            flash(error.detail, "error")
            return tx.redirect(url_for(".listed"))
        return tx.redirect(url_for(".made"))


@bp.post("/schemes")
@allow(Office.CREDIT_ADMIN)
def start_scheme() -> AnyResponse:
    """Starts a fallback scheme with the list of the county."""
    with once() as tx:
        try:
            operations.start_scheme(tx.session, actor(), request.form.get("under") or None)
            flash("正在生成名单；完成后“托底方案”中会有一份草稿，已填写预判并附上名单。", "success")
        except NotAllowed as error:
            flash(error.detail, "error")
            return tx.redirect(url_for(".listed"))
        return tx.redirect(url_for(".made"))


@bp.post("/made/<forecast_id>/downloads")
@allow(*queries.ADMINS)
@repeatable("每次下载各记一次")
def download(forecast_id: str) -> Response:
    """A list as a file; that somebody takes it away is recorded first."""
    with transaction() as session:
        one = operations.note_download(session, actor(), forecast_id)
        sha256, name = str(one.sha256), making.file_name(one)
    content = files.store(runtime().settings.data_dir).get(sha256)
    return send_file(io.BytesIO(content), mimetype=XLSX, as_attachment=True, download_name=name)


def _asked(typed: dict[str, str | None]) -> dict[str, str]:
    try:
        asked: dict[str, str] = ListIn().load({name: value for name, value in typed.items() if value})
    except ValidationError as error:
        raise NotFound("没有这样的名单，请从“预测”页面选择。") from error
    return asked
