"""Steps that several tests of letters take, and questions that they ask the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from stdnum.cn.ric import calc_check_digit

from services.accounts.intake.models import Letter
from services.accounts.models import HistoryLine
from shared.service import Runtime
from tests.accounts.conftest import Caller


def identity(digits: str = "36010219900101000") -> str:
    """A valid number for tests that is nobody's: sequence 000."""
    return digits + calc_check_digit(digits + "0")


def count(run: Runtime, model: Any) -> int:
    """Rows of a table."""
    with run.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def acts(run: Runtime, number: str) -> list[str]:
    """The history of a letter, as words."""
    with run.database.reading() as session:
        letter_id = session.scalars(select(Letter.id).where(Letter.number == number)).one()
        query = select(HistoryLine.act).where(HistoryLine.subject_id == letter_id).order_by(HistoryLine.id)
        return list(session.scalars(query))


def checked(manager: Caller, **changes: Any) -> dict[str, Any]:
    """A letter with every check 是."""
    number = manager.send_letter(**changes)["number"]
    letter: dict[str, Any] = manager.approve_checks(number)
    return letter
