"""送达核对: for those who look after the credits of an area, and for the province the whole of it."""

from __future__ import annotations

from flask import Blueprint, flash, render_template, request, url_for
from werkzeug.wrappers import Response

from services.credits.deliveries import operations, queries, wording
from shared.actors import Office
from shared.errors import Conflict, NotFound
from shared.paging import page
from shared.web import actor, allow, once, reading

bp = Blueprint("deliveries_pages", __name__, url_prefix="/credits/deliveries")


@bp.get("")
@allow(Office.CREDIT_ADMIN)
def deliveries() -> str:
    """Counts and lists; each count is the length of its list."""
    chosen = request.args.get("cause", "any")
    if chosen not in ("all", "any", *wording.CAUSES):
        raise NotFound("没有这个列表，请从页面上方选择。")
    with reading() as session:
        counts = queries.counts(session, actor())
        every = queries.visible_deliveries(actor(), "" if chosen == "all" else chosen)
        found = page(session, every, queries.KEYS, cursor=request.args.get("cursor"), descending=True)
        shown = {"any": "全部差异", **{key: title for key, title in wording.CAUSES.items() if counts.get(key)}}
        titles = {**shown, "all": "全部审核"}
        return render_template(
            "credits/deliveries/list.html",
            rows=found.items,
            next_cursor=found.next,
            told=queries.last_told(session),
            causes=wording.CAUSES,
            advice=wording.ADVICE,
            resendable=wording.RESENDABLE,
            differing=counts["any"],
            tabs=[
                {
                    "label": title,
                    "href": url_for(".deliveries", cause=key),
                    "count": counts["" if key == "all" else key],
                    "active": key == chosen,
                }
                for key, title in titles.items()
            ],
        )


@bp.post("/<audit_id>/redelivery")
@allow(Office.CREDIT_ADMIN)
def redeliver(audit_id: str) -> Response:
    """重新送达: asks plans; pressed twice, the second reads who asked and when."""
    with once() as tx:
        try:
            row = operations.ask_again(tx.session, actor(), audit_id)
            flash(f"已要求重新送达“{row.project_title}”，已入账的不会重复；请稍后刷新。", "success")
        except Conflict as error:
            flash(error.detail, "error")
        return tx.redirect(url_for(".deliveries"))
