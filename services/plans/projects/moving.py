"""区划调整: projects of the units that moved are audited by the authority of the new place (N42)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.approval import moving
from services.plans.projects.models import Project
from services.plans.projects.operations import body_of
from shared import directory
from shared.database import under
from shared.events.accounts import UnitMoved
from shared.moving import counterpart


def follow_move(session: Session, event: UnitMoved) -> None:
    """Takes a move over in all of plans; results audited already stay as they were."""
    moving.follow_move(session, event)
    moved = select(Project).where(under(Project.organizer_path, event.new_path)).order_by(Project.id).with_for_update()
    for project in list(session.scalars(moved)):
        path = counterpart(project.authority_path, event)
        if path is not None and path != project.authority_path:
            project.authority_path = path
            project.authority_name = body_of(session, directory.unit(session, path))
    session.flush()
