"""T16, T19: a dispute about a recognised claim, what puts it right and what not; claims of people not yet known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from services.credits import listing
from services.credits.disputes import recording
from services.credits.disputes.models import Dispute
from services.credits.models import LedgerLine
from shared.actors import Office
from shared.database import Database
from shared.errors import Invalid
from shared.events.accounts import PeopleChanged, PersonPersonal, PersonRecord
from shared.events.base import Event
from shared.events.plans_claims import ClaimApproved
from shared.service import Runtime
from shared.tables import TableError
from tests.credits import make
from tests.credits.conftest import NOW
from tests.credits.test_claims import DEGREE, LESSONS, ended
from tests.credits.test_disputes import OTHER, act, line_of, opened, settle_due, state

pytestmark = pytest.mark.usefixtures("now")
ANSWER = "学位证书所载专业与申请不符，应予更正。"
NEXT = replace(DEGREE, plan_id="claim-9", number="R2026-3601020001-09", title="教育硕士（更正）")


@pytest.fixture
def claimed(database: Database) -> Database:
    """Persons 1 and 2, each with a recognised degree."""
    make.register_people(database, 1, 2)
    make.deliver(database, DEGREE)
    make.deliver(database, replace(DEGREE, plan_id="claim-5", number="R-5", person_id="person-2"))
    return database


def upheld(database: Database, remedy: str) -> int:
    """A dispute on the claim of person 1, answered."""
    number = opened(database)
    act(database, OTHER, number, "answer", upheld=True, text=ANSWER, remedy=remedy)
    return number


def next_day(database: Database, event: Event, version: int = 1) -> int:
    """A message that comes on the next day; returns how many disputes that has closed."""
    with time_machine.travel(NOW + timedelta(days=1), tick=True):
        make.deliver(database, event, version)
        return settle_due(database)


def test_t16_a_dispute_on_a_claim_says_which_and_offers_what_fits(claimed: Database) -> None:
    number = opened(claimed)
    with claimed.reading() as session:
        dispute = session.get_one(Dispute, number)
        assert (dispute.project_number, dispute.project_title, dispute.organizer_name, dispute.handling_path) == (
            DEGREE.number,
            "教育硕士",
            "城南小学",
            make.COUNTY,
        )
    with pytest.raises(Invalid) as caught:
        act(claimed, OTHER, number, "answer", upheld=True, text=ANSWER, remedy="revoke")
    assert list(caught.value.fields) == ["remedy"]


def test_t16_a_claim_declared_void_settles_it(claimed: Database) -> None:
    number = upheld(claimed, "void")
    assert next_day(claimed, NEXT) == 0, "another claim alone does not undo this one"
    assert next_day(claimed, ended(DEGREE), 2) == 1
    assert state(claimed, number) == ("settled", line_of(claimed))


def test_t16_the_next_claim_of_the_category_settles_it(claimed: Database) -> None:
    number = upheld(claimed, "reclaim")
    assert next_day(claimed, ended(DEGREE), 2) == 0, "void alone, she has not got what is hers"
    assert next_day(claimed, replace(NEXT, plan_id="claim-7", category="open_class", rank="", count=1)) == 0
    assert next_day(claimed, NEXT) == 1
    assert state(claimed, number) == ("settled", line_of(claimed))


@pytest.mark.parametrize(
    ("disputed", "changes", "closes"),
    [
        (DEGREE, {"title": "学科教学硕士"}, 1),
        (DEGREE, {"document": "1041420270002", "title": "教育 硕士"}, 1),
        (DEGREE, {"document": "1041420270002", "obtained_on": date(2026, 11, 12)}, 0),
        (LESSONS, {"title": "听课 40 节"}, 0),
    ],
)
def test_t16_only_the_next_claim_of_the_very_same_thing_settles_it(
    database: Database, disputed: ClaimApproved, changes: dict[str, Any], closes: int
) -> None:
    """By the number of the certificate, or by title and date; lessons share the number of a paper."""
    make.register_people(database, 1)
    make.deliver(database, disputed)
    number = upheld(database, "reclaim")
    assert next_day(database, replace(disputed, plan_id="claim-9", number="R-9", **changes)) == closes
    assert state(database, number) == (("settled", line_of(database)) if closes else ("upheld", None))


def test_t16_another_claim_of_the_category_is_offered_to_who_settles(client: FlaskClient, run: Runtime) -> None:
    make.register_people(run.database, 1)
    make.deliver(run.database, DEGREE)
    number = upheld(run.database, "reclaim")
    other = replace(NEXT, title="教育博士", rank="doctor", document="1041420270002")
    assert next_day(run.database, other) == 0
    client.set_cookie(*make.cookie(run, OTHER))
    line = line_of(run.database)
    assert f"第 {line} 号记录：教育博士（{other.number}" in client.get(f"/credits/disputes/{number}").text
    act(run.database, OTHER, number, "settle", line_id=line, note="已按博士学位重新认定")
    assert state(run.database, number) == ("settled", line)


def test_t16_by_hand_only_a_line_about_the_same_matter_puts_it_right(claimed: Database) -> None:
    about_claim = upheld(claimed, "void")
    make.deliver(claimed, make.audited(make.result(1)))
    about_project = opened(claimed)
    act(claimed, OTHER, about_project, "answer", upheld=True, text=ANSWER, remedy="revoke")
    other = replace(make.PROJECT, project_id="project-8", number="XM2026-0008")
    with time_machine.travel(NOW + timedelta(days=1), tick=True):
        make.deliver(claimed, replace(make.audited(audit_id="audit-8", project=other), results=[another(8)]))
        of_other_project = line_of(claimed)
        make.deliver(claimed, NEXT)
        of_next_claim = line_of(claimed)
        make.deliver(claimed, replace(make.audited(audit_id="audit-9"), results=[another(9)]))
        of_same_project = line_of(claimed)
    for number, unrelated, named in (
        (about_claim, of_other_project, DEGREE.number),
        (about_project, of_other_project, make.PROJECT.number),
        (about_project, of_next_claim, make.PROJECT.number),
    ):
        with pytest.raises(Invalid) as caught:
            act(claimed, OTHER, number, "settle", line_id=unrelated, note="已更正")
        (sentence,) = caught.value.fields["line_id"]
        assert named in sentence
        assert "无关" in sentence
    act(claimed, OTHER, about_claim, "settle", line_id=of_next_claim, note="")
    act(claimed, OTHER, about_project, "settle", line_id=of_same_project, note="")
    assert (state(claimed, about_claim), state(claimed, about_project)) == (
        ("settled", of_next_claim),
        ("settled", of_same_project),
    )


def test_t19_a_claim_of_somebody_not_known_yet_is_shown_until_she_is(database: Database) -> None:
    make.register_people(database, 1)
    make.deliver(database, replace(DEGREE, person_id="person-7"))
    with database.reading() as session:
        (line,) = listing.unknown_lines(session, make.admin()).items
        assert (line.source_title, line.organizer) == ("教育硕士", "城南小学")
        assert listing.count_unknown(session, make.admin(Office.SCHOOL_ADMIN, make.SCHOOL)) == 1
        assert listing.count_unknown(session, make.admin(path=make.OTHER_COUNTY)) == 0
    record = PersonRecord(
        person_id="person-7", version=1, identity_hash="h7", unit_path=make.SCHOOL, kind="in_service", stage=None,
        subject=None, hired_on=None, formal_appointment_on=None, retires_on=None, seconded_from=None,
        seconded_to=None, active=True, personal=PersonPersonal(name="新教师", masked_identity="360102********0027"),
    )  # fmt: skip
    make.deliver(database, PeopleChanged(people=[record]))
    with database.reading() as session:
        assert listing.count_unknown(session, make.admin()) == 0
        assert [line.person_id for line in session.query(LedgerLine)] == ["person-7"]


def test_t16_the_limit_is_a_figure_of_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recording.due_on() == date(2026, 12, 9)
    table = tmp_path / "limits.toml"
    monkeypatch.setattr(recording, "TABLE", table)
    try:
        table.write_text('answer_days = 7\nsource = "赣教师字〔2027〕1号"\n', encoding="utf-8")
        recording.answer_days.cache_clear()
        assert recording.due_on() == date(2026, 12, 1)
        for wrong in ("answer_days = 0", "answer_days = 7"):
            table.write_text(wrong, encoding="utf-8")
            recording.answer_days.cache_clear()
            with pytest.raises(TableError, match=r"limits\.toml"):
                recording.answer_days()
    finally:
        recording.answer_days.cache_clear()


def test_t16_the_page_of_a_dispute_on_a_claim_speaks_of_a_claim(client: FlaskClient, run: Runtime) -> None:
    make.register_people(run.database, 1)
    make.deliver(run.database, DEGREE)
    number = opened(run.database)
    client.set_cookie(*make.cookie(run, OTHER))
    page = client.get(f"/credits/disputes/{number}").text
    for words in ("认定编号", DEGREE.number, "城南小学", "审核人提出作废", "重新提出认定申请"):
        assert words in page
    assert "取消成绩审核" not in page
    act(run.database, OTHER, number, "answer", upheld=True, text=ANSWER, remedy="void")
    assert f'href="/plans/{DEGREE.plan_id}"' in client.get(f"/credits/disputes/{number}").text


def another(number: int) -> make.AuditedResult:
    """A further result of person 1."""
    return replace(make.result(1), result_id=f"result-{number}")
