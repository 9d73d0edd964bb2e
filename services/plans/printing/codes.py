"""The verification code of a sheet: made once for what the sheet says (`shared.printing.codes` has the codes)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans.printing.models import PlanSheet
from shared.actors import Actor
from shared.database import utc_now
from shared.outbox import insert
from shared.printing.codes import new_code, read_code


def code_for(session: Session, plan_id: str, round: int, digest: str, actor: Actor) -> PlanSheet:
    """The sheet's row; made at the first print, the same at every later one of the same plan, round and digest.

    `round` counts from 1, `digest` is `sheet.fingerprint(…)`. Two who print at once get one code.
    """
    model: Any = PlanSheet
    row = {
        "code": new_code(),
        "plan_id": plan_id,
        "version": round,
        "digest": digest,
        "made_by": actor.account_id,
        "made_by_name": actor.name,
        "made_at": utc_now(),
    }
    key = ["plan_id", "version", "digest"]
    session.execute(insert(session, model).values(**row).on_conflict_do_nothing(index_elements=key))
    return session.scalars(select(PlanSheet).filter_by(**{name: row[name] for name in key})).one()


def find(session: Session, code: str) -> PlanSheet | None:
    """The row of a code as somebody typed it; None where nothing was ever printed under it."""
    read = read_code(code)
    return None if read is None else session.get(PlanSheet, read)
