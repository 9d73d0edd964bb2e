"""Changes of the tree for programs."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_smorest import Blueprint

from services.accounts.access.schemas import ReasonIn
from services.accounts.queries import get_unit
from services.accounts.units import operations
from services.accounts.units.models import ChangeAct
from services.accounts.units.queries import MANAGER, changes_at
from services.accounts.units.schemas import ChangeIn, ChangeOut, ChangesOut, HandoverIn
from shared.actors import Office
from shared.web import SIGNED_IN, actor, allow, expected_version, once, reading

blp = Blueprint("accounts_changes_api", __name__, url_prefix="/accounts/api/v1", description="单位变更与岗位交接")


@blp.route("/units/<code>/changes", methods=["GET"])
@blp.response(200, ChangesOut)
@allow(Office.ACCOUNT_MANAGER)
def list_changes(code: str) -> Response:
    """列出一个单位的变更与交接，最近的在前。"""
    with reading() as session:
        unit = get_unit(session, actor(), code, MANAGER)
        # Made while the session is open.
        return jsonify(ChangesOut().dump({"items": changes_at(session, actor(), unit)}))


@blp.route("/units/<code>/changes", methods=["POST"])
@blp.arguments(ChangeIn)
@blp.response(201, ChangeOut)
@allow(Office.ACCOUNT_MANAGER)
def plan_change(body: dict[str, Any], code: str) -> Response:
    """开设、更名、区划调整、并入、撤销单位，或为他人办理岗位交接；到施行日期生效。"""
    with once() as tx:
        change = operations.plan_change(tx.session, actor(), code, expected_version(), operations.NewChange(**body))
        return tx.json(ChangeOut(), change, 201)


@blp.route("/units/<code>/handovers", methods=["POST"])
@blp.arguments(HandoverIn)
@blp.response(201, ChangeOut)
@allow(SIGNED_IN)
def hand_over(body: dict[str, Any], code: str) -> Response:
    """把自己在一个单位的岗位交给同岗的同事，自某日起。"""
    with once() as tx:
        new = operations.NewChange(act=ChangeAct.HANDOVER, **body)
        return tx.json(ChangeOut(), operations.hand_over(tx.session, actor(), code, new), 201)


@blp.route("/unit-changes/<change_id>/withdraw", methods=["POST"])
@blp.arguments(ReasonIn)
@blp.response(200, ChangeOut)
@allow(SIGNED_IN)
def withdraw_change(body: dict[str, str], change_id: str) -> Response:
    """取消尚未生效的变更。"""
    with once() as tx:
        change = operations.withdraw_change(tx.session, actor(), change_id, body["reason"])
        return tx.json(ChangeOut(), change)
