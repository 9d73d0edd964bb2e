"""Somebody at the reviewers' desk, and what lies in her queue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from services.plans.approval.models import Plan
from shared.actors import Actor
from shared.auth import COOKIE, TokenSigner
from shared.database import Database, new_id
from shared.service import Runtime
from tests.plans import builders as make

Put = Callable[..., list[str]]
CLEAN = [make.item(level="")]
"""Items in which the checks find nothing."""
POINT = {"points.0.place": "items|items.0.records", "points.0.text": "请写明记录", "points.0.must": "yes"}


class Desk:
    """Somebody at the desk; forms are sent as pages give them."""

    def __init__(self, client: FlaskClient, run: Runtime) -> None:
        self.client, self.signer = client, TokenSigner(run.settings.token_dir)

    def sign_in(self, who: str | Actor) -> Desk:
        """From now on it is this person."""
        self.client.delete_cookie(COOKIE)
        self.client.set_cookie(COOKIE, self.signer.sign(make.actor(who) if isinstance(who, str) else who))
        return self

    def see(self, path: str, status: int = 200) -> str:
        """The page's HTML."""
        answer = self.client.get(path if path.startswith("/plans") else "/plans" + path)
        assert answer.status_code == status, answer.text[:2000]
        return answer.text

    def send(self, path: str, page: str, values: dict[str, Any], **guards: str) -> TestResponse:
        """Sends a form of the page that was seen."""
        found = dict(re.findall(r'name="(csrf_token|version)" value="([^"]+)"', page))
        return self.client.post("/plans" + path, data={**found, "idempotency_key": new_id(), **guards, **values})

    def decide(self, plan_id: str, query: str = "", **values: Any) -> TestResponse:
        """Opens the decision and sends it."""
        return self.send(f"/{plan_id}/decide{query}", self.see(f"/{plan_id}/decide{query}"), values)


@pytest.fixture
def desk(client: FlaskClient, run: Runtime) -> Desk:
    """The county's reviewer at her desk."""
    return Desk(client, run).sign_in("county.donghu")


@pytest.fixture
def waiting(database: Database) -> Put:
    """Puts that many clean plans into the county's queue, oldest first; their ids."""

    def put(number: int = 1, **changes: Any) -> list[str]:
        found = []
        with database.transaction() as session:
            for count in range(number):
                years = {"school_year": make.YEAR, "title": f"方案{count + 1:02d}", "items": CLEAN, **changes}
                plan = make.submit(session, make.make_plan(session, **years))
                plan.flags = [flag for flag in plan.flags if flag != "PLAN_DOUBLED"]
                found.append(plan.id)
        return found

    return put


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def shown(page: str) -> list[str]:
    """The titles in the list, in order."""
    return re.findall(r'class="xf-row-link" data-row-link>([^<]+)</a>', page)


def number_of(page: str, title: str) -> int:
    """The number beside a tab or a filter of the strip."""
    found = re.search(rf'>\s*{title} <(?:span class="xf-count"|strong)>(\d+)<', page)
    assert found, title
    return int(found[1])


def set_plan(database: Database, plan_id: str, **values: Any) -> None:
    """Puts columns as if time had passed."""
    with database.transaction() as session:
        plan = session.get_one(Plan, plan_id)
        for name, value in values.items():
            setattr(plan, name, value)
