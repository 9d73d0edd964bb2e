"""The printed sheet of a plan, as page and as PDF, and the public page on which anybody verifies one (N22).

A sheet is printed under a code, and making a code is a change: it is asked for with a button. From then on page and
PDF only read, until the plan says something else and its next sheet needs a code of its own.
"""

from __future__ import annotations

import io
from dataclasses import replace

from flask import Blueprint, Response, make_response, redirect, render_template, request, send_file, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.plans.approval import queries
from services.plans.approval.api import SEE, who
from services.plans.printing import assembling, codes, render, verdict
from services.plans.printing.sheet import Sheet, fingerprint
from shared.printing.codes import TYPED, read_code
from shared.web import ANYONE, allow, once, reading, runtime

bp = Blueprint("sheets_pages", __name__, url_prefix="/plans")
NO_CODE = "（尚未取得）"


@bp.get("/<plan_id>/sheet")
@allow(*SEE)
def sheet(plan_id: str) -> str:
    """The sheet as a page; where it has no code yet, with the button that gets one."""
    with reading() as session:
        draft, made = _read(session, plan_id)
        if made is None:
            shown = replace(draft, code=NO_CODE)
            return render_template("plans/sheet_uncoded.html", sheet=shown, plan_id=plan_id, pdf_url=None)
        return render_template("plans/sheet.html", sheet=made, pdf_url=url_for(".sheet_pdf", plan_id=plan_id))


@bp.post("/<plan_id>/sheet")
@allow(*SEE)
def make_code(plan_id: str) -> AnyResponse:
    """Gets the code of what the sheet says now: the same one however often it is asked for."""
    with once() as tx:
        me = who(tx.session)
        plan = queries.find_plan(tx.session, me, plan_id)
        draft = assembling.sheet_of(tx.session, plan, verify_url=_verify_url())
        codes.code_for(tx.session, plan.id, draft.version, fingerprint(draft), me)
        return tx.redirect(url_for(".sheet", plan_id=plan_id))


@bp.get("/<plan_id>/sheet.pdf")
@allow(*SEE)
def sheet_pdf(plan_id: str) -> AnyResponse:
    """The sheet as a file; without a code the page is shown first."""
    with reading() as session:
        _, made = _read(session, plan_id)
    if made is None:
        return redirect(url_for(".sheet", plan_id=plan_id))
    name = f"{made.heading}-{made.number}-第{made.version}版.pdf"
    return send_file(io.BytesIO(render.pdf(made)), mimetype="application/pdf", as_attachment=True, download_name=name)


@bp.get("/verify")
@allow(ANYONE)
def verify() -> Response:
    """Genuine or not, and what has become of it since: for whoever holds the paper, with masked names."""
    typed = request.args.get("code", "").strip()[:TYPED]
    if not typed:
        return make_response(render_template("plans/verify.html", result=None))
    with reading() as session:
        row = codes.find(session, typed)
        if row is None:
            result = verdict.missing(typed, mistyped=read_code(typed) is None)
        else:
            result = assembling.verdict_of(session, row, verify_url=_verify_url())
        return make_response(render_template("plans/verify.html", result=result))


def _read(session: Session, plan_id: str) -> tuple[Sheet, Sheet | None]:
    """The sheet as it reads now, and the same with its code if it has one."""
    plan = queries.find_plan(session, who(session), plan_id)
    draft = assembling.sheet_of(session, plan, verify_url=_verify_url())
    row = assembling.printed(session, plan, draft)
    return draft, assembling.coded(draft, row) if row else None


def _verify_url() -> str:
    return assembling.verify_address(runtime().settings.public_url)
