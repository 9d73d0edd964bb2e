"""The board and its lists, workbooks of lists, and the pages of 抽查."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any, cast

from flask import Blueprint, Response, flash, make_response, render_template, request, send_file, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.plans import kinds, terms
from services.plans.approval import queries
from services.plans.desk import pages as desk_pages
from services.plans.desk import queue
from services.plans.edge import by_field
from services.plans.reports import board as boards
from services.plans.reports import exporting, spotchecks
from services.plans.reports.api import send_pack
from services.plans.reports.behind import LEVELS, LISTS, Chosen
from services.plans.reports.entries import entries
from services.plans.reports.models import SpotCheck
from services.plans.reports.schemas import BehindQuery, DrawIn, SpotFindingIn
from shared.actors import Actor
from shared.database import utc_now
from shared.directory import UnitCopy
from shared.errors import Conflict, DomainError, Invalid, NotFound
from shared.jobs import JobRow
from shared.paging import page
from shared.ui.filters import local_time
from shared.web import allow, expected_version, once, reading
from shared.workbooks import XLSX, Cell

bp = Blueprint("reports_pages", __name__, url_prefix="/plans")
DESK = desk_pages.DESK
_QUERY = BehindQuery(exclude=("cursor", "limit"))


@bp.get("/board")
@allow(*DESK)
def board() -> str:
    """The board of my area; a county sees its own row."""
    with reading() as session:
        me = desk_pages.reviewer(session)
        chosen = _chosen()
        rows = boards.board(session, me, chosen)
        return render_template(
            "plans/board.html",
            rows=rows,
            total=boards.total(rows) if len(rows) > 1 else None,
            chosen=chosen,
            year_choices=_years(session, me),
            kinds=[(kind.key, kind.title) for kind in kinds.KINDS.values()],
            levels=LEVELS,
            level_choices=[(level.value, f"{level.label}环节") for level in LEVELS],
            href=lambda name, row, **more: url_for(".behind", name=name, **_args(chosen, region=row.path, **more)),
            export=url_for(".export_board", **_args(chosen)),
            **_words(),
        )


@bp.get("/board/<any(" + ",".join(LISTS) + "):name>")
@allow(*DESK)
def behind(name: str) -> str:
    """The list behind a number."""
    with reading() as session:
        me, chosen = desk_pages.reviewer(session), _chosen()
        rows = entries(session, me, name, chosen, cursor=request.args.get("cursor"))
        unit = session.get(UnitCopy, chosen.region) if chosen.region else None
        return render_template(
            "plans/board_list.html",
            name=name,
            rows=rows,
            chosen=chosen,
            unit=unit,
            back=url_for(".board", **_args(chosen)),
            **_words(),
        )


@bp.get("/board/export.xlsx")
@allow(*DESK)
def export_board() -> Response:
    """The board as a workbook."""
    with reading() as session:
        me, chosen = desk_pages.reviewer(session), _chosen()
        rows = boards.board(session, me, chosen)
        every = [*rows, boards.total(rows)] if len(rows) > 1 else rows
        return _workbook("督办看板", exporting.BOARD_COLUMNS, exporting.board_rows(every), me, _filters(chosen))


@bp.get("/queue/export.xlsx")
@allow(*DESK)
def export() -> Response:
    """A list of the desk as a workbook: the tab and the filters of the address, in the page's order."""
    with reading() as session:
        me, here, now = desk_pages.decider(session), desk_pages.where(), utc_now()
        every = queries.visible_plans(me) if here.tab == desk_pages.AREA else queue.tab(me, here.tab, now)
        found = queue.narrowed(every, here.chosen, now, terms.tonight(now))
        rows = exporting.queue_rows(session, me, found, here.tab, now)
        told = "，".join(exporting.filter_words(session, here.args(tab="")))
        filters = {"栏目": queue.TABS.get(here.tab, "本区域全部"), "筛选": told}
        return _workbook("方案", exporting.QUEUE_COLUMNS, rows, me, filters)


@bp.get("/spotchecks")
@allow(*DESK)
def checks() -> str:
    """Draws of my area, newest first, and the form for another."""
    year = terms.school_year_of(terms.china_date(utc_now()))
    return _checks({"school_year": year, "seed": secrets.token_hex(4), "count": "10"}, {})


@bp.post("/spotchecks")
@allow(*DESK)
def draw() -> AnyResponse:
    """Draws."""
    typed = {name: request.form.get(name, "").strip() for name in DrawIn().fields}
    try:
        with once() as tx:
            body = DrawIn().load(typed)
            check = spotchecks.draw(tx.session, desk_pages.reviewer(tx.session), **body)
            flash(f"已从 {check.population} 份中抽取 {len(check.cases)} 份，案卷正在后台生成。", "success")
            return tx.redirect(url_for(".check", check_id=check.id))
    except ValidationError as error:
        return make_response(_checks(typed, by_field(error)), 422)
    except Invalid as error:
        return make_response(_checks(typed, {key: list(told) for key, told in error.fields.items()}), error.status)


@bp.get("/spotchecks/<check_id>")
@allow(*DESK)
def check(check_id: str) -> str:
    """One draw: how to repeat it, its cases, what was found."""
    return _check(check_id, request.args.get("case", ""))


@bp.get("/spotchecks/<check_id>/packing")
@allow(*DESK)
def packing(check_id: str) -> tuple[str, int]:
    """Progress of the files as a fragment, for everybody who may see the draw; 286 tells htmx to stop asking."""
    with reading() as session:
        found = spotchecks.find_check(session, desk_pages.reviewer(session), check_id)
        job = session.get(JobRow, found.pack_job_id) if found.pack_job_id else None
        if job is None:
            raise NotFound()
        return render_template("job.html", job=job), 286 if job.finished else 200


@bp.post("/spotchecks/<check_id>/packing")
@allow(*DESK)
def pack_again(check_id: str) -> AnyResponse:
    """Has the files made anew."""
    back = url_for(".check", check_id=check_id)
    with once() as tx:
        try:
            spotchecks.pack_again(tx.session, desk_pages.reviewer(tx.session), check_id)
            flash("案卷正在后台重新生成。", "success")
        except Conflict as error:
            flash(error.detail, "error")
        return tx.redirect(back)


@bp.post("/spotchecks/<check_id>/cases/<case_id>/findings")
@allow(*DESK)
def record(check_id: str, case_id: str) -> AnyResponse:
    """Notes what was found; what was typed comes back when something is missing or somebody was faster."""
    typed = {name: request.form.get(name, "").strip() for name in ("verdict", "text")}
    try:
        with once() as tx:
            body = SpotFindingIn().load(typed)
            me = desk_pages.reviewer(tx.session)
            case = spotchecks.record(tx.session, me, check_id, case_id, version=expected_version(), **body)
            flash(
                f"已登记：第 {case.position} 份，{case.unit_name}，{spotchecks.VERDICTS[body['verdict']]}。", "success"
            )
            return tx.redirect(url_for(".check", check_id=check_id, _anchor=f"case-{case.position}"))
    except ValidationError as error:
        return make_response(_check(check_id, case_id, typed, by_field(error)), 422)
    except (Invalid, Conflict) as error:
        fields = {key: list(told) for key, told in error.fields.items()}
        return make_response(_check(check_id, case_id, typed, fields, error), error.status)


@bp.get("/spotchecks/<check_id>/cases/<case_id>/pack.zip")
@allow(*DESK)
def pack(check_id: str, case_id: str) -> Response:
    """A case's file."""
    return send_pack(check_id, case_id)


def _chosen() -> Chosen:
    """What the address asks for; at first the present school year. What is no filter of ours is left out."""
    given = {name: request.args[name] for name in _QUERY.fields if name in request.args}
    wrong = _QUERY.validate(given)
    found = _QUERY.load({name: value for name, value in given.items() if name not in wrong})
    if "school_year" not in request.args:
        found["school_year"] = terms.school_year_of(terms.china_date(utc_now()))
    return Chosen(**found)


def _args(chosen: Chosen, **changes: Any) -> dict[str, Any]:
    """The address's arguments. The school year is always named: without it the present one would be meant."""
    values = {"school_year": chosen.school_year, "kind": chosen.kind, "level": chosen.level, **changes}
    return {name: value for name, value in values.items() if value or name == "school_year"}


def _years(session: Session, me: Actor) -> list[tuple[str, str]]:
    now = terms.school_year_of(terms.china_date(utc_now()))
    return [(year, year) for year in sorted({now, *boards.school_years(session, me)}, reverse=True)]


def _workbook(
    title: str, columns: dict[str, int], rows: Iterable[Sequence[Cell]], me: Actor, notes: dict[str, str]
) -> Response:
    # In a file of its own: a long list must not lie in memory on its way out.
    file = cast(Any, tempfile.TemporaryFile())  # noqa: SIM115  (closed with the answer)
    now = utc_now()
    made = {"导出人": me.name, "导出时间": f"{local_time(now)}（北京时间）", **notes}
    exporting.export(file, title, columns, rows, made)
    file.seek(0)
    name = f"{title}-{local_time(now).replace(':', '').replace(' ', '-')}.xlsx"
    return send_file(file, mimetype=XLSX, as_attachment=True, download_name=name)


def _filters(chosen: Chosen) -> dict[str, str]:
    level = next((level.label for level in LEVELS if level == chosen.level), "各级")
    kind = kinds.KINDS[chosen.kind].title if chosen.kind else "全部种类"
    return {"学年": chosen.school_year or "全部学年", "种类": kind, "环节": level}


def _checks(typed: dict[str, str], errors: dict[str, list[str]]) -> str:
    with reading() as session:
        me = desk_pages.reviewer(session)
        rows = page(
            session, spotchecks.visible_checks(me), [SpotCheck.id], cursor=request.args.get("cursor"), limit=20,
            descending=True,
        )  # fmt: skip
        regions = [(row.path, f"{row.above}{row.name}") for row in boards.board_regions(session, me)]
        return render_template(
            "plans/spotchecks.html",
            rows=rows,
            typed=typed,
            errors=errors,
            year_choices=_years(session, me),
            regions=regions,
            kinds=[(kind.key, kind.title) for kind in kinds.KINDS.values()],
            most=spotchecks.MOST,
            **_words(),
        )


def _check(
    check_id: str,
    case_id: str = "",
    typed: dict[str, str] | None = None,
    errors: dict[str, list[str]] | None = None,
    error: DomainError | None = None,
) -> str:
    with reading() as session:
        me = desk_pages.reviewer(session)
        found = spotchecks.find_check(session, me, check_id)
        job = session.get(JobRow, found.pack_job_id) if found.pack_job_id else None
        return render_template(
            "plans/spotcheck.html",
            check=found,
            packing=spotchecks.is_packing(session, found),
            failed=job.error if job is not None and job.state == "failed" else "",
            case_id=case_id,
            typed=typed or {},
            errors=errors or {},
            detail=error.detail if error else "",
            **_words(),
        )


def _words() -> dict[str, Any]:
    return {
        "lists": LISTS,
        "verdicts": spotchecks.VERDICTS,
        "kind_titles": {kind.key: kind.title for kind in kinds.KINDS.values()},
        "took": exporting.took,
        "percent": _percent,
        "status_title": queries.status_title,
    }


def _percent(share: float | None) -> str:
    """92.3%; — of nothing."""
    return "—" if share is None else f"{share:.1%}"
