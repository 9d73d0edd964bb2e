"""Papers and workbooks for people, and the public page on which anybody verifies a paper (N22)."""

from __future__ import annotations

from flask import Blueprint, Response, flash, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.credits import files, in_force, words
from services.credits import queries as credits_queries
from services.credits.certificates import operations, queries
from services.credits.certificates.edge import bare, send_paper, send_workbook, verify_url
from services.credits.certificates.models import CreditPaper, ExportDownload, TeacherExport
from services.credits.certificates.schemas import ExportIn, PaperIn
from services.credits.certificates.wording import HEADINGS, Kind
from shared.actors import Office
from shared.errors import DomainError, Invalid, NotFound
from shared.events.plans import Bucket
from shared.jobs import JobRow
from shared.paging import page
from shared.printing.codes import TYPED, grouped
from shared.web import ANYONE, actor, allow, once, reading, repeatable

bp = Blueprint("certificates_pages", __name__, url_prefix="/credits")


@bp.get("/papers")
@allow(Office.TEACHER)
def mine() -> str:
    """My certificates and statements."""
    return _papers(actor().person_id, own=True)


@bp.get("/teachers/<person_id>/papers")
@allow(*queries.ADMINS)
def papers(person_id: str) -> str:
    """Those of one teacher, for her school and the authorities above."""
    return _papers(person_id, own=False)


@bp.post("/teachers/<person_id>/papers")
@allow(Office.TEACHER, *queries.ADMINS)
def make(person_id: str) -> AnyResponse:
    """Makes a certificate or a statement as the credits are now."""
    back = url_for(".mine") if actor().person_id == person_id else url_for(".papers", person_id=person_id)
    with once() as tx:
        try:
            asked = PaperIn().load({name: request.form.get(name) or None for name in ("kind", "cycle")})
            kind = Kind(asked["kind"])
            made = operations.make_paper(tx.session, actor(), person_id, kind, asked["cycle"], verify_url())
            flash(f"《{HEADINGS[kind]}》已出具，核验码 {grouped(made.code)}。", "success")
        except ValidationError:
            flash("请选择要出具的种类和培训周期。", "error")
        except DomainError as error:
            flash(error.detail, "error")
        return tx.redirect(back)


@bp.get("/papers/<code>/paper.pdf")
@allow(Office.TEACHER, *queries.ADMINS)
def download_paper(code: str) -> Response:
    """A paper as a file."""
    return send_paper(code)


@bp.post("/papers/<code>/withdrawal")
@allow(Office.TEACHER)
def withdraw(code: str) -> AnyResponse:
    """Takes my code back."""
    with once() as tx:
        paper = operations.withdraw(tx.session, actor(), bare(code))
        flash(f"核验码 {grouped(paper.code)} 已撤销，凭此码核验的人将看到“已撤销”。", "success")
        return tx.redirect(url_for(".mine"))


@bp.get("/verify")
@allow(ANYONE)
def verify() -> str:
    """Genuine or not, and what has become of it since: for whoever holds the paper."""
    typed = request.args.get("code", "").strip()[:TYPED]
    figures = {bucket: request.args.get(bucket.value, "").strip()[:12] for bucket in Bucket}
    if not typed:
        return render_template("credits/certificates/verify.html", result=None, figures=figures)
    with reading() as session:
        result = queries.verdict(session, typed, figures if all(figures.values()) else None)
    return render_template("credits/certificates/verify.html", result=result, figures=figures)


@bp.get("/exports")
@allow(*queries.ADMINS)
def exports() -> str:
    """Workbooks of my areas, with who took each away last."""
    with reading() as session:
        every = queries.visible_exports(actor())
        rows = page(session, every, [TeacherExport.id], cursor=request.args.get("cursor"), limit=20, descending=True)
        unfinished = [row.job_id for row in rows.items if row.job_id and row.finished_at is None]
        return render_template(
            "credits/certificates/exports.html",
            rows=rows,
            taken=files.taken(session, ExportDownload.export_id, [row.id for row in rows.items]),
            removed=files.removed,
            jobs={job.id: job for job in session.scalars(select(JobRow).where(JobRow.id.in_(unfinished)))},
            statuses=words.STATUSES,
        )


@bp.post("/exports")
@allow(*queries.ADMINS)
def export() -> AnyResponse:
    """Has a workbook made, of the list that is on the screen."""
    with once() as tx:
        try:
            asked = ExportIn().load({name: request.form.get(name) or None for name in ExportIn().fields})
            operations.request_export(tx.session, actor(), asked["under"], asked["status"])
        except ValidationError as error:
            raise NotFound("没有这样的名单，请从“教师学分”页面导出。") from error
        except Invalid as error:
            flash(error.detail, "error")
            return tx.redirect(url_for("credits_pages.teachers"))
        return tx.redirect(url_for(".exports"))


@bp.post("/exports/<export_id>/downloads")
@allow(*queries.ADMINS)
@repeatable("每次下载各记一次")
def download(export_id: str) -> Response:
    """A workbook as a file."""
    return send_workbook(export_id)


def _papers(person_id: str | None, *, own: bool) -> str:
    with reading() as session:
        person = session.scalar(credits_queries.visible_people(actor()).filter_by(person_id=person_id))
        if person is None:
            raise NotFound()
        every = queries.visible_papers(actor()).where(CreditPaper.person_id == person.person_id)
        cursor = request.args.get("cursor")
        rows = page(session, every, queries.PAPER_KEYS, cursor=cursor, limit=20, descending=True)
        return render_template(
            "credits/certificates/papers.html",
            own=own,
            person=person,
            rows=rows,
            may_make=own or actor().post_at(person.unit_path, Office.SCHOOL_ADMIN) is not None,
            replaced=queries.replaced(session, rows.items),
            cycles=_cycles(session),
            headings=HEADINGS,
            grouped=grouped,
        )


def _cycles(session: Session) -> list[tuple[int, str]]:
    """Those that have begun, newest first."""
    found = in_force.editions(session).cycles_until(credits_queries.today())
    return [(cycle.number, cycle.title) for _, cycle in found]
