"""The API of the reviewers' desk: the queue and its counts, bulk approval, deputies, the province's answers."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from services.plans.approval import deputies, queries
from services.plans.approval.answers import CountOut
from services.plans.approval.api import AT_DESK, PlanPage, who
from services.plans.desk import bulk, policy, precedents, queue
from services.plans.desk.schemas import (
    BulkIn,
    BulkOut,
    DeputyIn,
    DeputyListOut,
    DeputyOut,
    DeskCountsOut,
    PolicyIn,
    PolicyListOut,
    PolicyOut,
    QueueQuery,
)
from services.plans.edge import answer
from services.plans.terms import tonight
from shared.actors import Office
from shared.database import utc_now
from shared.paging import Page
from shared.schemas import Nothing
from shared.web import actor, allow, once, reading, repeatable, transaction

blp = Blueprint(
    "desk_api", __name__, url_prefix="/plans/api/v1", description="审核人的待办、批量同意、代办、等省厅意见"
)


@blp.route("/queue", methods=["GET"])
@blp.arguments(QueueQuery, location="query")
@blp.response(200, PlanPage)
@allow(*AT_DESK)
def show_queue(query: dict[str, Any]) -> Response:
    """待办（或其他栏目）：先红牌、再黄牌、再按到达本级的先后"""
    cursor, limit, tab = query.pop("cursor"), query.pop("limit"), query.pop("tab")
    with reading() as session:
        me, now = who(session), utc_now()
        found = queue.narrowed(queue.tab(me, tab, now), queue.Filters(**query), now, tonight(now))
        rows = queue.listing(session, found, tab, now, cursor=cursor, limit=limit)
        return answer(PlanPage(), Page([queries.listed(me, plan) for plan in rows.items], rows.next))


@blp.route("/queue/count", methods=["GET"])
@blp.response(200, CountOut)
@allow(*AT_DESK)
def queue_count() -> Response:
    """待办数量"""
    with reading() as session:
        return answer(CountOut(), {"count": queries.count(session, queue.to_decide(who(session)))})


@blp.route("/queue/counts", methods=["GET"])
@blp.response(200, DeskCountsOut)
@allow(*AT_DESK)
def queue_counts() -> Response:
    """各栏目和红黄牌的数量，与列表一致"""
    with reading() as session:
        now = utc_now()
        return answer(DeskCountsOut(), queue.counts(session, who(session), now, tonight(now)))


@blp.route("/queue/approval", methods=["POST"])
@blp.arguments(BulkIn)
@blp.response(200, BulkOut)
@allow(*AT_DESK)
def approve_all(body: dict[str, Any]) -> Response:
    """批量同意：逐件办理，逐件给出结果；有需关注事项的不能批量"""
    with once() as tx:
        return tx.json(BulkOut(), {"items": bulk.approve_all(tx.session, who(tx.session), **body)})


@blp.route("/deputies", methods=["GET"])
@blp.response(200, DeputyListOut)
@allow(*AT_DESK, Office.ACCOUNT_MANAGER)
def list_deputies() -> Response:
    """本单位现行和将来的代办"""
    with reading() as session:
        return answer(DeputyListOut(), {"items": deputies.in_force(session, actor())})


@blp.route("/deputies", methods=["POST"])
@blp.arguments(DeputyIn)
@blp.response(201, DeputyOut)
@allow(*deputies.MAY_SET)
def appoint(body: dict[str, Any]) -> Response:
    """设置代办：起止日期内由代办人办理，记录为“李某（代王某）”"""
    with once() as tx:
        return tx.json(DeputyOut(), deputies.appoint(tx.session, actor(), **body), 201)


@blp.route("/deputies/<deputy_id>/end", methods=["POST"])
@blp.arguments(Nothing)
@blp.response(200, DeputyOut)
@allow(*deputies.MAY_SET)
@repeatable("ended twice is ended once")
def end_deputy(body: dict[str, Any], deputy_id: str) -> Response:
    """提前结束代办"""
    with transaction() as session:
        return answer(DeputyOut(), deputies.end(session, actor(), deputy_id))


@blp.route("/policy", methods=["GET"])
@blp.response(200, PolicyListOut)
@allow(*AT_DESK)
def list_policy() -> Response:
    """等省厅意见的事项：各类件数和已有的答复"""
    with reading() as session:
        me = who(session)
        return answer(PolicyListOut(), {"waiting": policy.waiting(session, me), "answers": policy.answers(session)})


@blp.route("/policy", methods=["POST"])
@blp.arguments(PolicyIn)
@blp.response(201, PolicyOut)
@allow(Office.PLAN_REVIEW)
def settle(body: dict[str, Any]) -> Response:
    """省厅答复一类事项：该类全部恢复办理，文号记入每件的办理过程"""
    with once() as tx:
        return tx.json(PolicyOut(), policy.settle(tx.session, actor(), **body), 201)


@blp.route("/plans/<plan_id>/precedents", methods=["GET"])
@blp.response(200, PlanPage)
@allow(*AT_DESK)
def show_precedents(plan_id: str) -> Response:
    """本校最近办理的其他方案"""
    with reading() as session:
        me = who(session)
        plan = queries.find_plan(session, me, plan_id)
        found = [other for _, other in precedents.of_school(session, me, plan)]
        return answer(PlanPage(), Page([queries.listed(me, other) for other in found], None))
