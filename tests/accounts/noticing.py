"""What plans and credits tell accounts, a mail server in memory, and a look at what came of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select

from services.accounts.access.models import Account
from services.accounts.notices.models import Mail, Notice
from shared.actors import Level
from shared.database import new_id
from shared.events.base import Event
from shared.events.plans import PlanDecided, StageEntered
from shared.inbox import Outcome, receive
from shared.outbox import OutboxTodo
from shared.service import Runtime
from tests.accounts.conftest import Caller, run_jobs

DONGHU, JINXIAN = "360000/360100/360102/", "360000/360100/360124/"
SCHOOL = DONGHU + "3601020001/"
PLAN = "0190a000-0000-7000-8000-000000000001"
NOON = datetime(2027, 3, 2, 4, 0, tzinfo=UTC)
"""12:00 in China."""


class Plans:
    """What plans and credits tell, as the bus brings it."""

    def __init__(self, run: Runtime) -> None:
        self.run = run
        self.number: dict[str, int] = {}

    def tell(self, event: Event, *, times: int = 1) -> list[Outcome]:
        """Delivers the event, more than once if asked."""
        kind, field = event.aggregate or ("message", "")
        key = str(getattr(event, field))
        self.number[key] = self.number.get(key, 0) + 1
        envelope = {
            "event_id": new_id(),
            "name": event.name,
            "aggregate_type": kind,
            "aggregate_id": key,
            "aggregate_version": self.number[key],
            "headers": {},
            "payload": event.dump(),
        }
        return [receive(self.run.database, "accounts", self.run.service.handlers, envelope) for _ in range(times)]

    def entered(
        self, path: str = DONGHU, office: str = "plan_review", *, times: int = 1, **facts: Any
    ) -> list[Outcome]:
        """A plan of 青峰 has come to a stage."""
        level = (Level.PROVINCE, Level.DISTRICT, Level.COUNTY, Level.SCHOOL)[path.count("/") - 1]
        event = StageEntered(
            **self._plan(), kind="school_plan", school_year="2026-2027", stage=f"{level}_review", level=level,
            reviewing_path=path, round=1, entered_at=NOON, office=office, **facts,
        )  # fmt: skip
        return self.tell(event, times=times)

    def decided(self, verdict: str, status: str, **facts: Any) -> None:
        """A reviewer has decided on it."""
        told = {**self._plan(), "filing_office": "school_admin", **facts}
        event = PlanDecided(
            stage="county_review", verdict=verdict, status=status, decided_by="somebody",
            decided_at=NOON, level=Level.COUNTY, reviewing_path=DONGHU, **told,
        )  # fmt: skip
        assert self.tell(event) == [Outcome.APPLIED]

    def _plan(self) -> dict[str, Any]:
        facts = {"plan_id": PLAN, "number": "F2026-000001", "unit_path": SCHOOL, "version": 1, "digest": "d" * 64}
        return {**facts, "title": "校本研修\n方案"}


class Memory:
    """A mail server in memory; `errors` are raised one after the other first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.sent: list[EmailMessage] = []

    def send(self, message: EmailMessage) -> None:
        """Takes the mail, or raises the next error."""
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(message)


def told(run: Runtime, *, unread: bool = True) -> dict[str, list[str]]:
    """Username -> occasions of the notices, oldest first."""
    found: dict[str, list[str]] = {}
    with run.database.reading() as session:
        query = select(Account.username, Notice.occasion).join(Notice, Notice.account_id == Account.id)
        query = query.where(Notice.read_at.is_(None)) if unread else query
        for username, occasion in session.execute(query.order_by(Notice.id)):
            found.setdefault(username, []).append(occasion)
    return found


def with_mail(run: Runtime, caller: Caller, server: Memory, address: str = "a@example.com") -> None:
    """Enters and confirms an address, by the code that came by mail."""
    run.extras["mailer"] = server
    caller.post("/me/mail-address", {"address": address}, status=201)
    run_jobs(run)
    code = re.findall(r"\d{6}", server.sent.pop().get_content())[0]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert "code" in caller.post("/me/mail-address/confirmation", {"code": wrong}, status=422)["errors"][0]["field"]
    assert caller.post("/me/mail-address/confirmation", {"code": code})["address"] == address
    caller.post("/me/mail-address/confirmation", {"code": code}, status=409)
    settle_jobs(run)


def settle_jobs(run: Runtime) -> None:
    """Forgets jobs that have run: `run_jobs` looks at the queue, which a relay would have emptied."""
    with run.database.transaction() as session:
        for todo in session.scalars(select(OutboxTodo)):
            session.delete(todo)


def work(run: Runtime) -> None:
    """Runs what waits, and what comes of it, until nothing does (but what is put off)."""
    for _ in range(3):
        with run.database.reading() as session:
            if session.scalar(select(OutboxTodo.outbox_id).limit(1)) is None:
                return
            ids = list(session.scalars(select(OutboxTodo.outbox_id)))
        run_jobs(run)
        with run.database.transaction() as session:
            for todo in session.scalars(select(OutboxTodo).where(OutboxTodo.outbox_id.in_(ids))):
                session.delete(todo)


def subjects(server: Memory) -> list[str]:
    """Of the mails that went out."""
    return [str(message["Subject"]) for message in server.sent]


def mails(run: Runtime) -> Sequence[Mail]:
    """All but codes, oldest first."""
    with run.database.reading() as session:
        return session.scalars(select(Mail).where(Mail.kind != "code").order_by(Mail.created_at, Mail.id)).all()


def entered() -> StageEntered:
    """A plan has come to the county."""
    return StageEntered(
        plan_id=PLAN, number="F2026-000001", unit_path=SCHOOL, version=1, digest="d" * 64, kind="school_plan",
        school_year="2026-2027", stage="county_review", level=Level.COUNTY, reviewing_path=DONGHU, round=1,
        entered_at=NOON, office="plan_review", title="方案",
    )  # fmt: skip
