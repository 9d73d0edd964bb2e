"""已关闭周期: what waits there, what has become of it, and the form of the provincial office."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from services.credits.closing import operations, queries
from shared.actors import Level, Office
from shared.errors import Conflict, Invalid, NotFound
from shared.web import actor, allow, once, reading

bp = Blueprint("closing_pages", __name__, url_prefix="/credits/late")

LABELS = {"document": "依据的文号", "reason": "理由"}
STATES = {
    "waiting": ("待核对", "pending"),
    "admitted": ("已补记", "good"),
    "dismissed": ("不予补记", "muted"),
    "overtaken": ("不再等待", "muted"),
}


@bp.get("")
@allow(*queries.ADMINS)
def late() -> str:
    """What waits, or what has ended."""
    show = request.args.get("show", "waiting")
    if show not in ("waiting", "ended"):
        raise NotFound("没有这个列表，请从页面上方选择。")
    titles = {"waiting": "待核对", "ended": "已办理"}
    with reading() as session:
        found = queries.late(session, actor(), waiting=show == "waiting", cursor=request.args.get("cursor"))
        return render_template(
            "credits/closing/list.html",
            rows=found.items,
            next_cursor=found.next,
            states=STATES,
            tabs=[
                {"label": title, "href": url_for(".late", show=key), "active": key == show}
                for key, title in titles.items()
            ],
        )


@bp.get("/<int:entry_id>")
@allow(*queries.ADMINS)
def entry(entry_id: int) -> str:
    """One of them; for the province, the form."""
    return _entry(entry_id)


@bp.post("/<int:entry_id>")
@allow(Office.CREDIT_ADMIN)
def decide(entry_id: int) -> Response:
    """Admits or dismisses it; what was typed comes back when something is missing."""
    typed = {name: request.form.get(name, "") for name in LABELS}
    admit = request.form.get("act") == "admit"
    try:
        with once() as tx:
            operations.decide(tx.session, actor(), entry_id, admit=admit, **typed)
            flash("已准予补记，学分已入账。" if admit else "已登记不予补记。", "success")
            return tx.redirect(url_for(".entry", entry_id=entry_id))
    except (Invalid, Conflict) as error:
        fields = {name: list(sentences) for name, sentences in error.fields.items()}
        return make_response(_entry(entry_id, typed, fields, error.detail), error.status)


def _entry(
    entry_id: int,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, list[str]] | None = None,
    detail: str = "",
) -> str:
    with reading() as session:
        found = queries.find(session, actor(), entry_id)
        province = any(post.unit.level is Level.PROVINCE for post in actor().posts_of(Office.CREDIT_ADMIN))
        return render_template(
            "credits/closing/show.html",
            late=found,
            states=STATES,
            may_decide=province and found.entry.state == "waiting",
            typed=typed or {},
            errors=errors or {},
            detail="" if errors else detail,
            labels=LABELS,
        )
