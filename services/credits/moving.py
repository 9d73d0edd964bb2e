"""区划调整: rows follow their units; disputes that are open go to the authority of the new place (N42)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.credits.disputes.models import Dispute, State
from services.credits.models import Base
from shared.database import under
from shared.directory import DirectoryBase
from shared.events.accounts import UnitMoved
from shared.moving import apply_move, counterpart


def follow_move(session: Session, event: UnitMoved) -> None:
    """Takes a move over in all of credits. The ledger names no units: what was earned stays as it is."""
    apply_move(session, event, [DirectoryBase.metadata, Base.metadata])
    here = (
        select(Dispute)
        .where(under(Dispute.organizer_path, event.new_path), Dispute.state == State.OPEN)  # type: ignore[arg-type]
        .order_by(Dispute.id)
        .with_for_update()
    )
    for dispute in list(session.scalars(here)):
        dispute.handling_path = counterpart(dispute.handling_path, event) or dispute.handling_path
    session.flush()
