"""The register for programs: `/accounts/api/v1/units`."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from services.accounts.models import Unit
from services.accounts.queries import get_unit, visible_units
from services.accounts.schemas import UnitOut, UnitQuery
from shared.database import under
from shared.paging import page
from shared.schemas import paged
from shared.web import SIGNED_IN, actor, allow, reading

blp = Blueprint("accounts_units_api", __name__, url_prefix="/accounts/api/v1", description="单位")


@blp.route("/units", methods=["GET"])
@blp.arguments(UnitQuery, location="query")
@blp.response(200, paged(UnitOut))
@allow(SIGNED_IN)
def list_units(query: dict[str, Any]) -> dict[str, Any]:
    """列出管辖范围内的单位。"""
    with reading() as session:
        units = visible_units(actor())
        if query["under"]:
            code = query["under"].rstrip("/").rsplit("/", 1)[-1]
            top = get_unit(session, actor(), code)
            units = units.where(under(Unit.path, top.path))
        found = page(session, units, [Unit.path], cursor=query["cursor"], limit=query["limit"])
        return {"items": [unit_body(unit) for unit in found.items], "next": found.next}


@blp.route("/units/<code>", methods=["GET"])
@blp.response(200, UnitOut)
@allow(SIGNED_IN)
def show_unit(code: str) -> dict[str, Any]:
    """按代码查看一个单位。"""
    with reading() as session:
        return unit_body(get_unit(session, actor(), code))


def unit_body(unit: Unit) -> dict[str, Any]:
    """A unit as `UnitOut` shows it; made while the session is open."""
    return {name: getattr(unit, name) for name in UnitOut().fields}
