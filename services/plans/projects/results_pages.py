"""What people press on a project's page: audit, take back, send again, delete, declare void."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.plans.edge import by_field
from services.plans.projects import auditing, delivery, queries, voiding
from services.plans.projects.api import SEE
from services.plans.projects.models import Audit
from services.plans.projects.schemas import ReasonIn, RevocationIn
from shared.actors import Office
from shared.errors import Conflict, Invalid, NotAllowed
from shared.ui.filters import local_time
from shared.web import actor, allow, expected_version, once

bp = Blueprint("results_pages", __name__, url_prefix="/plans")


@bp.post("/projects/<project_id>/audits")
@allow(Office.RESULT_AUDIT)
def audit(project_id: str) -> AnyResponse:
    """Audits what waits, on the version of the page."""
    return _and_back(
        project_id,
        lambda session: _audited(auditing.audit_results(session, actor(), project_id, version=expected_version())),
    )


@bp.post("/projects/<project_id>/audits/<audit_id>/revocation")
@allow(Office.RESULT_AUDIT)
def revoke(project_id: str, audit_id: str) -> AnyResponse:
    """Takes an audit back."""

    def act(session: Session) -> str:
        reason = RevocationIn().load({"reason": request.form.get("reason", "").strip()})["reason"]
        made = auditing.revoke_audit(session, actor(), project_id, audit_id, reason=reason)
        what = "已计入的学分将冲回" if made.confirmed_at else "公示终止"
        return f"已取消第 {made.number} 次审核（{made.count} 人），{what}。"

    return _and_back(project_id, act)


@bp.post("/projects/<project_id>/audits/<audit_id>/redelivery")
@allow(*SEE)
def redeliver(project_id: str, audit_id: str) -> AnyResponse:
    """Sends an audit's messages again."""

    def act(session: Session) -> str:
        made = delivery.redeliver(session, actor(), project_id, audit_id)
        return f"第 {made.number} 次审核的消息已重新送出；已处理过的不会重复计入。"

    return _and_back(project_id, act)


@bp.post("/projects/<project_id>/deletion")
@allow(*queries.PUBLISHERS)
def delete(project_id: str) -> AnyResponse:
    """Deletes a project without results."""

    def act(session: Session) -> str:
        made = voiding.delete_project(session, actor(), project_id, version=expected_version())
        return f"已删除：{made.number}。"

    return _and_back(project_id, act)


@bp.post("/projects/<project_id>/voiding")
@allow(*queries.PUBLISHERS)
def void(project_id: str) -> AnyResponse:
    """Declares a project void."""

    def act(session: Session) -> str:
        reason = ReasonIn().load({"reason": request.form.get("reason", "").strip()})["reason"]
        made = voiding.void_project(session, actor(), project_id, version=expected_version(), reason=reason)
        return f"已作废：{made.number}。已计入的学分将由学分服务冲回。"

    return _and_back(project_id, act)


def _and_back(project_id: str, act: Callable[[Session], str]) -> AnyResponse:
    """Does it, and goes back to the project with a sentence on what happened or why not."""
    back = url_for("projects_pages.show", project_id=project_id)
    try:
        with once() as tx:
            flash(act(tx.session), "success")
            return tx.redirect(back)
    except ValidationError as error:
        for sentences in by_field(error).values():
            flash("原因：" + "".join(sentences), "error")
    except (Conflict, Invalid, NotAllowed) as error:
        flash(error.detail, "error")
    return redirect(back, 303)


def _audited(made: Audit) -> str:
    done = f"第 {made.number} 次审核完成：{made.count} 人，"
    if made.public_until is None:
        return f"{done}已送学分服务折算。"
    return f"{done}公示至 {local_time(made.public_until)}，期满后自动确认并折算学分。"
