"""The page 工作日历: which years have data, one year's days, and the province's form."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, flash, make_response, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from services.plans.calendar import operations, queries, rules
from services.plans.calendar.schemas import Typed, YearIn, read_days
from services.plans.edge import by_field
from services.plans.terms import china_date
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotFound
from shared.web import SIGNED_IN, actor, allow, expected_version, once, reading

bp = Blueprint("calendar_pages", __name__, url_prefix="/plans")
FIELDS = ("off", "work", "source")
SHOWN_ERRORS = 20
"""Of one field; who typed something quite different need not read it all back."""


@bp.get("/calendar")
@allow(SIGNED_IN)
def show() -> str:
    """Every year and the chosen one; this year where none is chosen."""
    return _page(_chosen(request.args.get("year", "")))


@bp.post("/calendar/<int:year>")
@allow(*operations.EDITORS)
def save(year: int) -> AnyResponse:
    """Enters a year, or shows the form again with what was typed and the line of each mistake."""
    year = _chosen(str(year))
    typed = {name: request.form.get(name, "") for name in FIELDS}
    off, work = read_days(typed["off"], year, drop_weekends=True), read_days(typed["work"], year)
    try:
        unreadable = {name: read.errors[:SHOWN_ERRORS] for name, read in (("off", off), ("work", work)) if read.errors}
        if unreadable:
            raise Invalid("日期没有填对，请按提示修改。", fields=unreadable)
        body = {name: [day.isoformat() for day in read.days] for name, read in (("off", off), ("work", work))}
        loaded = YearIn().load({**body, "source": typed["source"].strip()})
        with once() as tx:
            operations.set_year(tx.session, actor(), year, **loaded, version=expected_version())
            flash(f"{year} 年的工作日历已保存，涉及该年的时限按它计算。", "success")
            return tx.redirect(url_for("calendar_pages.show", year=year))
    except ValidationError as error:
        return make_response(_page(year, typed, by_field(error)), 422)
    except (Invalid, Conflict) as error:
        return make_response(_page(year, typed, _by_line(error.fields, off, work), error.detail), error.status)


def _page(
    year: int, typed: dict[str, str] | None = None, errors: dict[str, list[str]] | None = None, detail: str = ""
) -> str:
    with reading() as session:
        found = {view.year: view for view in queries.years(session)}
        chosen = found.get(year)
        today = china_date(utc_now()).year
        listed = {*range(rules.FIRST_YEAR, today + 2), *found, year}
        return render_template(
            "plans/calendar.html",
            year=year,
            chosen=chosen,
            listed=[(number, found.get(number)) for number in sorted(listed, reverse=True)],
            missing=[number for number in (today, today + 1) if number not in found],
            off=_ranges(chosen.off) if chosen else [],
            changes=queries.changes(session, year),
            may_edit=operations.editing_post(actor()) is not None,
            editable=operations.editable(year, has_data=chosen is not None),
            typed=typed or _as_typed(chosen),
            errors=errors or {},
            detail=detail,
            labels={"off": "放假日期", "work": "调休上班日期", "source": "依据文号"},
        )


def _chosen(text: str) -> int:
    """The year in the address; raises `NotFound` for what has no calendar and never may."""
    if not text:
        return china_date(utc_now()).year
    if not (text.isascii() and text.isdigit() and len(text) == 4 and rules.FIRST_YEAR <= int(text) <= rules.LAST_YEAR):
        raise NotFound(f"没有这一年：年份应为 {rules.FIRST_YEAR} 至 {rules.LAST_YEAR}。")
    return int(text)


def _as_typed(view: queries.YearView | None) -> dict[str, str]:
    """A year as somebody would type it."""
    if view is None:
        return dict.fromkeys(FIELDS, "")
    return {
        "off": "\n".join(_ranges(view.off)),
        "work": "\n".join(day.isoformat() for day in view.work),
        "source": view.source,
    }


def _ranges(days: tuple[date, ...]) -> list[str]:
    """Days that follow one another as `2026-10-01 至 2026-10-02`."""
    runs: list[list[date]] = []
    for day in days:
        if runs and (day - runs[-1][-1]).days == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [run[0].isoformat() if len(run) == 1 else f"{run[0]} 至 {run[-1]}" for run in runs]


def _by_line(fields: Any, off: Typed, work: Typed) -> dict[str, list[str]]:
    """Sentences about `off.3` as sentences about a line of the field `off`."""
    found: dict[str, list[str]] = {}
    for name, sentences in fields.items():
        field, _, place = name.partition(".")
        read = {"off": off, "work": work}.get(field)
        found.setdefault(field, []).extend(
            read.sentence(int(place), sentence) if read and place else sentence for sentence in sentences
        )
    return {name: sentences[:SHOWN_ERRORS] for name, sentences in found.items()}
