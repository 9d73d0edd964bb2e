"""How many statements a page takes on either database, whatever there is to show; that of the session is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from services.credits.employment import operations as employment
from services.credits.models import FormerUnit
from services.credits.standings.models import CHECK_JOB
from shared.actors import Actor
from shared.database import Database
from shared.service import Runtime
from tests.credits.make import COUNTY, OTHER_SCHOOL, admin, audited, cookie, deliver, register_people, result, teacher
from tests.credits.test_disputes import opened
from tests.credits.test_employment import LEAVE
from tests.credits.test_publicity import in_publicity
from tests.credits.test_stored_standings import run_jobs

MOST = 6


@pytest.fixture
def people(database: Database, now: object) -> Database:
    """Three teachers; two have credits, and all a stored standing."""
    register_people(database, 1, 2, 3)
    deliver(database, audited(result(1), result(2)))
    run_jobs(database, CHECK_JOB)  # gives the third, who has no line, a standing
    return database


def asked(client: FlaskClient, run: Runtime, actor: Actor, path: str) -> tuple[list[str], str]:
    """The statements that a page takes, and its text."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "directory_access_ends" not in statement and "BEGIN" not in statement:
            sent.append(statement)

    client.set_cookie(*cookie(run, actor))
    event.listen(run.database.engine, "before_cursor_execute", note)
    try:
        page = client.get(path)
    finally:
        event.remove(run.database.engine, "before_cursor_execute", note)
    assert page.status_code == 200, page.text
    return sent, page.text


def test_a_teachers_page_takes_few_statements(people: Database, run: Runtime, client: FlaskClient) -> None:
    for actor, path in ((teacher(), "/credits/mine"), (admin(), "/credits/teachers/person-1")):
        sent, text = asked(client, run, actor, path)
        assert "城南小学" in text
        assert len(sent) == 4, sent


def test_what_there_is_besides_is_read_and_shown(people: Database, run: Runtime, client: FlaskClient) -> None:
    public = in_publicity(1, audit_id="audit-2")
    deliver(people, replace(public, results=[replace(public.results[0], result_id="public-1")]))
    sent, text = asked(client, run, teacher(), "/credits/mine")
    assert "公示中" in text
    assert len(sent) == MOST, sent

    opened(people)
    with people.transaction() as session:
        session.add(FormerUnit(person_id="person-1", version=2, unit_path=OTHER_SCHOOL, left_on=date(2025, 9, 1)))
        employment.enter_exemption(session, admin(), "person-1", **LEAVE)
        before = {"starts_on": date(2025, 9, 1), "ends_on": date(2025, 12, 31)}
        employment.enter_exemption(session, admin(), "person-1", **LEAVE | before)
    sent, text = asked(client, run, teacher(), "/credits/mine")
    for words in ("公示中", "锦江小学", "异议", "暂停"):
        assert words in text
    assert len(sent) == MOST + 2, sent  # one each for disputes and former units, where there are any


@pytest.mark.parametrize("chosen", ["", "?order=shortfall", f"?order=shortfall&under={COUNTY}", f"?under={COUNTY}"])
def test_a_list_of_teachers_takes_few_statements(
    people: Database, run: Runtime, client: FlaskClient, chosen: str
) -> None:
    for actor in (admin(), admin(path="360000/")):
        sent, text = asked(client, run, actor, f"/credits/teachers{chosen}")
        assert (text.index("教师3") < text.index("教师1")) == ("shortfall" in chosen)
        assert len(sent) <= MOST, sent
