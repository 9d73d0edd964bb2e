"""The province's pages 学分规则: editions with their figures, a draft with its form, preview and publication."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Any

from flask import Blueprint, flash, make_response, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.credits.in_force import PublishedEdition
from services.credits.rulebook import figures, operations, queries
from services.credits.rulebook.models import EditionDraft
from services.credits.rulebook.preview import CHANGES
from shared.actors import Office
from shared.errors import Conflict, Invalid, NotFound
from shared.jobs import JobRow
from shared.ui.filters import local_date
from shared.web import actor, allow, expected_version, once, reading

bp = Blueprint("rulebook_pages", __name__, url_prefix="/credits/rulebook")

HEADER = {
    "title": "版本名称",
    "document": "文号",
    "effective_from": "施行日期",
    "reach": "适用范围",
    "reason": "调整原因",
}
PARTS = ("value", "grade", "source")
GRADES = [
    ("A", "文件原文或省厅答复"),
    ("A-", "答复中的引述"),
    ("B", "县级规定或新闻摘要"),
    ("C", "暂定的理解"),
]
ACTS = {"copy": "建立草稿", "save": "修改", "preview": "生成预览", "publish": "发布", "discard": "作废"}


@bp.get("")
@allow(Office.CREDIT_ADMIN)
def editions() -> str:
    """Every edition, and the drafts."""
    with reading() as session:
        found = queries.drafts(session, actor(), cursor=request.args.get("cursor"))
        return render_template(
            "credits/rulebook/editions.html",
            editions=queries.listed(session, actor()),
            drafts=found.items,
            next_cursor=found.next,
            reaches=operations.REACHES,
        )


@bp.get("/editions/<edition_id>")
@allow(Office.CREDIT_ADMIN)
def edition(edition_id: str) -> str:
    """One edition with every figure, its source and its grade."""
    with reading() as session:
        found = queries.edition(session, actor(), edition_id)
        row = found.published
        return render_template(
            "credits/rulebook/edition.html",
            edition=found.edition,
            published=row,
            sections=_sections(queries.content_of(session, edition_id)),
            acts=queries.acts(session, row.draft_id) if row else [],
            act_titles=ACTS,
            adjusting=operations.is_running(session, row.job_id) if row else False,
            reaches=operations.REACHES,
        )


@bp.post("/editions/<edition_id>/copy")
@allow(Office.CREDIT_ADMIN)
def copy(edition_id: str) -> Response:
    """A draft of it."""
    with once() as tx:
        draft = operations.copy(tx.session, actor(), edition_id)
        flash("已建立草稿；改动的每个数值都要写明依据。", "success")
        return tx.redirect(url_for(".draft", draft_id=draft.id))


@bp.get("/editions/<edition_id>/adjusting")
@allow(Office.CREDIT_ADMIN)
def adjusting(edition_id: str) -> tuple[str, int]:
    """Progress of the adjustments as a fragment, for everybody of the office."""
    with reading() as session:
        row = queries.edition(session, actor(), edition_id).published
        return _progress(session, row.job_id if row else None)


@bp.get("/drafts/<draft_id>")
@allow(Office.CREDIT_ADMIN)
def draft(draft_id: str) -> str:
    """The form of a draft, with its preview."""
    return _draft(draft_id)


@bp.post("/drafts/<draft_id>")
@allow(Office.CREDIT_ADMIN)
def save(draft_id: str) -> Response:
    """Saves a draft; what was typed comes back when something is wrong or somebody was faster."""
    typed = {name: value.strip() for name, value in request.form.items()}
    try:
        with once() as tx:
            kept = queries.draft(tx.session, actor(), draft_id)
            content = queries.content_of(tx.session, kept.copied_from)
            operations.save(
                tx.session,
                actor(),
                draft_id,
                version=expected_version(),
                changed=_changed(content, typed),
                effective_from=_date(typed.get("effective_from", "")),
                **{name: typed.get(name, "") for name in HEADER if name != "effective_from"},
            )
            flash("草稿已保存；发布之前请生成预览。", "success")
            return tx.redirect(url_for(".draft", draft_id=draft_id))
    except (Invalid, Conflict) as error:
        return make_response(_draft(draft_id, typed, error), error.status)


@bp.post("/drafts/<draft_id>/preview")
@allow(Office.CREDIT_ADMIN)
def ask_preview(draft_id: str) -> Response:
    """Has the preview made."""
    return _act(draft_id, "正在后台比较全省教师的学分。", operations.ask_preview)


@bp.get("/drafts/<draft_id>/previewing")
@allow(Office.CREDIT_ADMIN)
def previewing(draft_id: str) -> tuple[str, int]:
    """Progress of the preview as a fragment, for everybody of the office."""
    with reading() as session:
        return _progress(session, queries.draft(session, actor(), draft_id).preview_job_id)


@bp.get("/drafts/<draft_id>/people")
@allow(Office.CREDIT_ADMIN)
def people(draft_id: str) -> str:
    """Who becomes met, who ceases to be, or the samples."""
    change = request.args.get("change", "")
    if change not in ("", *list(CHANGES)[:-1]):
        raise NotFound("没有这一类，请从预览中选择。")
    with reading() as session:
        found = queries.draft(session, actor(), draft_id)
        rows = queries.previewed(session, found, change, cursor=request.args.get("cursor"))
        return render_template(
            "credits/rulebook/people.html",
            draft=found,
            rows=rows.items,
            next_cursor=rows.next,
            title=CHANGES.get(change, "抽样教师"),
        )


@bp.post("/drafts/<draft_id>/publication")
@allow(Office.CREDIT_ADMIN)
def publish(draft_id: str) -> Response:
    """Publishes a draft; one that is published stays as it is."""
    try:
        with once() as tx:
            before = queries.draft(tx.session, actor(), draft_id).state
            published = operations.publish(tx.session, actor(), draft_id, version=expected_version())
            again = before != "draft"
            flash("此前已经发布，没有任何变化。" if again else f"“{published.title}”已发布。", "success")
            return tx.redirect(url_for(".edition", edition_id=published.id))
    except (Invalid, Conflict) as error:
        return make_response(_draft(draft_id, error=error), error.status)


@bp.post("/drafts/<draft_id>/discarding")
@allow(Office.CREDIT_ADMIN)
def discard(draft_id: str) -> Response:
    """Puts a draft away."""
    return _act(draft_id, "草稿已作废。", operations.discard, ".editions")


def _act(draft_id: str, told: str, operation: Any, then: str = ".draft") -> Response:
    try:
        with once() as tx:
            operation(tx.session, actor(), draft_id, version=expected_version())
            flash(told, "success")
            return tx.redirect(url_for(then, draft_id=draft_id) if then == ".draft" else url_for(then))
    except (Invalid, Conflict) as error:
        return make_response(_draft(draft_id, error=error), error.status)


def _draft(draft_id: str, typed: Mapping[str, str] | None = None, error: Invalid | Conflict | None = None) -> str:
    with reading() as session:
        found = queries.draft(session, actor(), draft_id)
        content = queries.content_of(session, found.copied_from)
        sections = _sections(content)
        errors = {name: list(told) for name, told in error.fields.items()} if error else {}
        titles = {slot.key: slot.title for slots in sections.values() for slot in slots}
        labels = {name: HEADER.get(name) or titles.get(name.rpartition(".")[0], "规则") for name in errors}
        return render_template(
            "credits/rulebook/draft.html",
            draft=found,
            base=queries.edition(session, actor(), found.copied_from).edition,
            published=_published(session, found),
            sections=sections,
            typed=typed or _as_typed(found, content),
            errors=errors,
            labels=labels,
            detail=error.detail if error and not errors else "",
            changes=figures.changes(content, found.figures),
            preview=found.preview if found.previewed_version == found.version else None,
            stale=bool(found.preview) and found.previewed_version != found.version,
            running=operations.is_running(session, found.preview_job_id),
            acts=queries.acts(session, found.id),
            act_titles=ACTS,
            header=HEADER,
            grades=GRADES,
            reaches=operations.REACHES,
            change_titles=CHANGES,
        )


def _published(session: Session, draft: EditionDraft) -> PublishedEdition | None:
    found = (one.published for one in queries.listed(session, actor()) if one.published)
    return next((row for row in found if row.draft_id == draft.id), None)


def _sections(content: figures.Content) -> dict[str, list[figures.Slot]]:
    """Section -> its figures."""
    return {title: list(slots) for title, slots in groupby(figures.slots(content), key=lambda slot: slot.section)}


def _as_typed(draft: EditionDraft, content: figures.Content) -> dict[str, str]:
    """A draft as somebody would type it: what is not changed shows the figure of the edition."""
    typed = {name: str(getattr(draft, name) or "") for name in HEADER if name != "effective_from"}
    typed["effective_from"] = local_date(draft.effective_from)
    for slot in figures.slots(content):
        present = slot.present or {}
        shown = {"value": slot.value, "grade": present.get("grade", ""), "source": slot.source}
        for part in PARTS:
            typed[f"{slot.key}.{part}"] = draft.figures.get(slot.key, shown)[part]
    return typed


def _changed(content: figures.Content, typed: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The figures of the form that differ from those of the edition."""
    changed = {}
    for slot in figures.slots(content):
        told = {part: typed.get(f"{slot.key}.{part}", "") for part in PARTS}
        if told["value"] != slot.value:
            changed[slot.key] = told
    return changed


def _date(text: str) -> date | None:
    """A date as the form sends it; what is none counts as not filled in, and is asked for."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _progress(session: Session, job_id: str | None) -> tuple[str, int]:
    job = session.get(JobRow, job_id) if job_id else None
    if job is None:
        raise NotFound()
    return render_template("job.html", job=job), 286 if job.finished else 200
