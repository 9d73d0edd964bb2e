"""Credits for people: a teacher's own page, the list of teachers of a school or area, lines still to be checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from flask import Blueprint, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import Session

from services.credits import in_force, listing, queries, telling, words
from services.credits.closing import queries as closing
from services.credits.disputes import queries as disputes
from services.credits.editions import Cycle
from services.credits.employment import queries as employment
from services.credits.entries import Entry
from services.credits.forecast import outlook
from services.credits.publicity import queries as publicity
from services.credits.queries import Standing
from services.credits.schemas import CycleQuery
from services.credits.standings.queries import last_check
from shared.actors import Office
from shared.errors import NotFound
from shared.events.plans import Bucket
from shared.web import actor, allow, reading

bp = Blueprint("credits_pages", __name__, url_prefix="/credits")

ADMINS = (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
TONES = {
    "in_progress": "info",
    "met": "good",
    "not_met": "bad",
    "not_assessed": "muted",
    "undetermined": "pending",
}
LINE_TONES = {
    "counted": "good",
    "partly_counted": "warn",
    "not_counted": "warn",
    "pending": "pending",
    "reversed": "muted",
    "reversal": "neutral",
}
FILTERS = {
    "": ("全部", ()),
    "counted": ("计入", ("counted", "partly_counted")),
    "not_counted": ("未计入", ("partly_counted", "not_counted", "reversed", "reversal")),
    "pending": ("待定", ("pending",)),
}
"""Value of `show` in the address -> words, and the states of the lines that it shows."""


@dataclass(frozen=True, slots=True)
class YearOfLines:
    """One school year of a ledger, newest line first."""

    title: str
    entries: Sequence[Entry]
    counted: Decimal


@bp.app_context_processor
def words_for_templates() -> dict[str, object]:
    """Chinese words and tones, so that templates never show a bare code."""
    return {"terms": words, "tones": TONES, "line_tones": LINE_TONES, "Bucket": Bucket}


@bp.get("/mine")
@allow(Office.TEACHER)
def mine() -> str:
    """我的学分."""
    with reading() as session:
        return _account(session, actor().person_id, own=True)


@bp.get("/teachers/<person_id>")
@allow(*ADMINS)
def teacher(person_id: str) -> str:
    """One teacher's credits, for her school and the authorities above."""
    with reading() as session:
        return _account(session, person_id, own=False)


@bp.get("/teachers")
@allow(*ADMINS)
def teachers() -> str:
    """Teachers of the school or area with both buckets."""
    area, short = request.args.get("under") or None, request.args.get("short", "")
    by_shortfall = request.args.get("order") == "shortfall"
    with reading() as session:
        found = listing.standings(
            session,
            actor(),
            area,
            short=Bucket(short) if short in words.BUCKETS else None,
            by_shortfall=by_shortfall,
            cursor=request.args.get("cursor"),
        )
        return render_template(
            "credits/teachers.html",
            rows=found.items,
            next_cursor=found.next,
            cycle=queries.choose_cycle(session, None)[1],
            area=listing.area_at(session, actor(), area),
            posts=actor().posts_of(*ADMINS),
            units=listing.units_below(session, actor(), area),
            unknown=listing.count_unknown(session, actor()),
            short=short,
            by_shortfall=by_shortfall,
        )


@bp.get("/unknown")
@allow(*ADMINS)
def unknown() -> str:
    """待核对: lines whose person the register does not know, or that lie in no cycle."""
    with reading() as session:
        found = listing.unknown_lines(session, actor(), cursor=request.args.get("cursor"))
        return render_template(
            "credits/unknown.html",
            lines=found.items,
            next_cursor=found.next,
            checked=last_check(session),
            late=closing.count(session, actor()),
        )


@bp.get("/fragments/mine")
@allow(Office.TEACHER)
def mine_fragment() -> str:
    """Both bars of the running cycle, for the home page."""
    with reading() as session:
        try:
            standing = queries.standing_of(session, actor(), actor().person_id)
        except NotFound:
            # The register has the account but not yet the person: the home page goes on without figures.
            return render_template("credits/fragment_mine.html", standing=None)
        return render_template(
            "credits/fragment_mine.html", standing=standing, missing=telling.missing(standing.judgement)
        )


def _cycle() -> int | None:
    """The cycle asked for in the address; None: the one that runs."""
    asked = request.args.get("cycle")
    try:
        cycle: int | None = CycleQuery().load({"cycle": asked})["cycle"] if asked else None
    except ValidationError as error:
        raise NotFound("没有这个培训周期，请从页面上方的周期中选择。") from error
    return cycle


def _account(session: Session, person_id: str | None, *, own: bool) -> str:
    number, show, day = _cycle(), request.args.get("show", ""), queries.today()
    edition, cycle = queries.choose_cycle(session, number)
    cycles = [one for _, one in in_force.editions(session).cycles_until(day)]
    try:
        teacher = queries.find_teacher(session, actor(), person_id, *_beside(cycles))
    except NotFound as error:
        if own and number is None:
            raise NotFound("名册中还没有您的信息，学分暂不能显示；请联系学校管理员核对。") from error
        raise
    standing, person, there_is = queries.standing_in(session, teacher, edition, cycle), teacher.person, teacher.beside
    states = FILTERS.get(show, FILTERS[""])[1]
    chosen = [entry for entry in standing.entries if not states or entry.state in states]
    public = publicity.of_person(session, person.person_id).items if there_is["public"] else []
    listed = {cycle.number, *(one.cycle for one in public)}
    return render_template(
        "credits/account.html",
        own=own,
        standing=standing,
        years=_years(chosen),
        by_category=_by_category(standing),
        **_outlook(standing),
        late=closing.of_teacher(session, person.person_id, cycle.number) if cycle.closed(day) else [],
        former=employment.former_units(session, person.person_id) if there_is["moved"] else [],
        when=_when(cycle),
        cycles=_cycle_tabs(
            cycle, [one for one in cycles if one.number in listed or not one.ended(day) or there_is[one.title]]
        ),
        filters=_filter_tabs(standing, show),
        names=queries.names_of(session, standing.entries),
        fresh=queries.fresh(there_is),
        provisional=[one for one in public if one.cycle in (cycle.number, None)],
        disputes=disputes.of_lines(session, person.person_id) if there_is["disputed"] else {},
        may_dispute=own or actor().post_at(person.unit_path, Office.SCHOOL_ADMIN) is not None,
    )


def _beside(cycles: Sequence[Cycle]) -> list[ColumnElement[Any]]:
    """What else the page shows, told by the statement that finds the teacher: it is read only where there is any."""
    return [
        employment.has_moved().label("moved"),
        publicity.has_any().label("public"),
        disputes.has_any().label("disputed"),
        *[or_(queries.has_lines(cycle), closing.has_any(cycle)).label(cycle.title) for cycle in cycles],
        *queries.parked(),
    ]


def _outlook(standing: Standing) -> dict[str, object]:
    """What is missing and can still be earned, the parts of the coordinated credits, and the remarks."""
    parts = [entry.as_part() for entry in standing.entries if entry.stands]
    where = (standing.edition, standing.cycle, queries.today(), parts)
    return {
        "missing": outlook.told(standing.judgement, *where),
        "sources": outlook.sources(*where),
        "notes": telling.notes(standing.judgement),
    }


def _years(entries: Sequence[Entry]) -> list[YearOfLines]:
    newest = sorted(entries, key=lambda e: (e.line.school_year, e.line.effective_on, e.line.id), reverse=True)
    return [
        YearOfLines(title, lines, sum((entry.counted for entry in lines), Decimal(0)))
        for title, group in groupby(newest, key=lambda entry: entry.school_year)
        for lines in [list(group)]
    ]


def _by_category(standing: Standing) -> list[tuple[str, str, Decimal]]:
    """(bucket, category, credits that count), for the reader's information; largest first within a bucket."""
    sums: dict[tuple[str, str], Decimal] = {}
    for entry in standing.entries:
        key = (entry.line.bucket, entry.category_title)
        sums[key] = sums.get(key, Decimal(0)) + entry.counted
    rows = [(bucket, title, total) for (bucket, title), total in sums.items() if total]
    return sorted(rows, key=lambda row: (row[0], -row[2]))


def _when(cycle: Cycle) -> str:
    """第 4 学年, or 已结束."""
    if cycle.ended(queries.today()):
        return "已结束"
    return f"第 {cycle.school_year_of(queries.today()) - cycle.number + 1} 学年"


def _cycle_tabs(shown: Cycle, listed: Sequence[Cycle]) -> list[dict[str, object]]:
    """The running cycle, and those of which there is anything: an empty past says nothing about a teacher."""
    return [
        {
            "label": cycle.title + ("（往期）" if cycle.ended(queries.today()) else ""),
            "href": url_for(str(request.endpoint), **{**(request.view_args or {}), "cycle": cycle.number}),
            "active": cycle == shown,
        }
        for cycle in listed
    ]


def _filter_tabs(standing: Standing, show: str) -> list[dict[str, object]]:
    found = [entry.state for entry in standing.entries]
    where: dict[str, Any] = {**(request.view_args or {}), "cycle": standing.cycle.number}
    return [
        {
            "label": label,
            "href": url_for(str(request.endpoint), **(where | ({"show": key} if key else {}))) + "#ledger",
            "count": sum(state in states for state in found) if states else len(found),
            "active": show == key,
        }
        for key, (label, states) in FILTERS.items()
    ]
