"""T17: dated exemptions with a document. T18: the record follows the teacher; her old school sees what it ran."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from services.credits import listing, people, queries
from services.credits.employment import operations
from services.credits.employment import queries as employment
from services.credits.models import Exemption
from shared.actors import Actor, Office
from shared.database import Database
from shared.directory import PersonCopy, UnitCopy
from shared.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.events.accounts import PeopleChanged, PersonPersonal, PersonRecord
from shared.service import Runtime
from tests.credits.conftest import NOW
from tests.credits.make import (
    COUNTY,
    OTHER_COUNTY,
    OTHER_SCHOOL,
    SCHOOL,
    SCHOOL_PROJECT,
    admin,
    audited,
    bearer,
    deliver,
    person,
    register_people,
    result,
    teacher,
)
from tests.credits.test_dispute_pages import send
from tests.credits.test_pages import show

LEAVE: dict[str, Any] = {
    "kind": "leave",
    "starts_on": date(2026, 9, 1),
    "ends_on": date(2027, 2, 28),
    "document": "东教人字〔2026〕8号",
    "reason": "产假",
}


def status(database: Database, actor: Actor, day: datetime = NOW) -> tuple[str, str, list[str]]:
    """Status, pause and marks of person 1 on that day."""
    with time_machine.travel(day), database.reading() as session:
        judged = queries.standing_of(session, actor, "person-1").judgement
        return judged.status.value, judged.paused, [flag for flag in judged.flags if "ANNUAL" not in flag]


@pytest.mark.usefixtures("now")
def test_t17_an_exemption_holds_by_date_and_ends_by_itself(database: Database) -> None:
    register_people(database, 1, 2)
    with database.transaction() as session:
        made = operations.enter_exemption(session, admin(), "person-1", **LEAVE)
        assert (made.body, made.entered_by_name) == ("东湖区", "龚立言")
    held = ("not_assessed", "暂停（病产假 2026-09-01 起）", ["EXEMPTED"])
    assert status(database, teacher(1)) == held
    assert status(database, teacher(1), NOW + timedelta(days=100)) == ("in_progress", "", [])
    with database.reading() as session:
        listed = {one.person.person_id: one.judgement for one in listing.standings(session, admin()).items}
    assert listed["person-1"].paused == held[1]
    assert listed["person-2"].status.value == "in_progress"

    with database.transaction() as session:
        operations.end_exemption(session, admin(), made.id, ends_on=date(2026, 10, 31), reason="提前返岗")
    assert status(database, teacher(1)) == ("in_progress", "", [])
    with database.transaction() as session:
        kept = session.get_one(Exemption, made.id)
        assert (kept.ends_on, kept.ended_by_name, kept.ended_reason) == (date(2026, 10, 31), "龚立言", "提前返岗")
        with pytest.raises(Conflict, match="龚立言"):
            operations.end_exemption(session, admin(), made.id, ends_on=date(2026, 10, 30), reason="再改")


@pytest.mark.usefixtures("now")
def test_t17_only_the_county_enters_it_and_dates_are_checked(database: Database) -> None:
    register_people(database, 1)
    with database.transaction() as session:
        with pytest.raises(NotAllowed):
            operations.enter_exemption(session, admin(Office.SCHOOL_ADMIN, SCHOOL), "person-1", **LEAVE)
        with pytest.raises(NotFound):
            operations.enter_exemption(session, admin(path=OTHER_COUNTY), "person-1", **LEAVE)
        with pytest.raises(Invalid) as caught:
            operations.enter_exemption(session, admin(), "person-1", **LEAVE | {"ends_on": date(2026, 8, 1)})
        assert list(caught.value.fields) == ["ends_on"]
        made = operations.enter_exemption(session, admin(), "person-1", **LEAVE)
        with pytest.raises(Invalid, match="重叠"):
            operations.enter_exemption(session, admin(), "person-1", **LEAVE | {"starts_on": date(2027, 2, 28)})
        later = LEAVE | {"kind": "administration", "starts_on": date(2027, 3, 1), "ends_on": None}
        operations.enter_exemption(session, admin(), "person-1", **later)
        with pytest.raises(NotFound):
            employment.find_exemption(session, admin(path=OTHER_COUNTY), made.id)
    assert (
        status(database, teacher(1), datetime(2027, 4, 1, tzinfo=NOW.tzinfo))[1] == "另行规定（行政岗位 2027-03-01 起）"
    )


@pytest.mark.usefixtures("now")
def test_t17_a_mistaken_one_is_withdrawn_before_it_begins_and_stays_on_record(database: Database) -> None:
    register_people(database, 1)
    slip = LEAVE | {"starts_on": date(2032, 10, 1), "ends_on": None}
    begins = datetime(2032, 10, 2, tzinfo=NOW.tzinfo)
    with database.transaction() as session:
        for absurd in (date(2033, 9, 1), date.max):
            with pytest.raises(Invalid, match="最晚为下一个培训周期的最后一天 2033-08-31") as caught:
                operations.enter_exemption(session, admin(), "person-1", **slip | {"starts_on": absurd})
            assert list(caught.value.fields) == ["starts_on"]
        made = operations.enter_exemption(session, admin(), "person-1", **slip)
        with pytest.raises(NotAllowed):
            operations.withdraw_exemption(session, admin(Office.SCHOOL_ADMIN, SCHOOL), made.id, reason="年份有误")
        with pytest.raises(NotFound):
            operations.withdraw_exemption(session, admin(path=OTHER_COUNTY), made.id, reason="年份有误")
    assert status(database, teacher(1), begins)[0] == "not_assessed"
    begun = pytest.raises(Conflict, match="已于 2032-10-01 开始，不能撤销")
    with time_machine.travel(begins), database.transaction() as session, begun:
        operations.withdraw_exemption(session, admin(), made.id, reason="年份有误")
    with database.transaction() as session:
        operations.withdraw_exemption(session, admin(), made.id, reason=" 年份有误 ")
        for act, body in (
            (operations.withdraw_exemption, {}),
            (operations.end_exemption, {"ends_on": date(2032, 10, 1)}),
        ):
            with pytest.raises(Conflict, match=r"龚立言于 .* 撤销：年份有误"):
                act(session, admin(), made.id, reason="再改", **body)
        operations.enter_exemption(session, admin(), "person-1", **slip | {"starts_on": date(2026, 10, 1)})
    with time_machine.travel(begins), database.reading() as session:
        (holding,) = employment.exemptions(session, admin(), holding=begins.date()).items
        assert holding.starts_on == date(2026, 10, 1)
        assert len(employment.exemptions(session, admin()).items) == 2
        (asked,) = people.exemptions_of(session, ["person-1"]).values()
        assert [one.starts_on for one in asked] == [date(2026, 10, 1)]
    assert status(database, teacher(1))[1] == "暂停（病产假 2026-10-01 起）"


@pytest.mark.usefixtures("now")
def test_t17_one_that_is_withdrawn_never_holds(database: Database) -> None:
    register_people(database, 1)
    begins = datetime(2027, 9, 2, tzinfo=NOW.tzinfo)
    with database.transaction() as session:
        slip = LEAVE | {"starts_on": date(2027, 9, 1), "ends_on": None}
        made = operations.enter_exemption(session, admin(), "person-1", **slip)
        operations.withdraw_exemption(session, admin(), made.id, reason="登记错人")
    assert status(database, teacher(1), begins)[:2] == ("in_progress", "")
    with database.reading() as session:
        edition, cycle = queries.choose_cycle(session, None)
        asked = select(PersonCopy.person_id).where(people.asked(edition, cycle, begins.date()))
        assert session.scalars(asked.outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path)).all() == ["person-1"]


@pytest.mark.usefixtures("now")
def test_t17_a_secondment_of_the_register_is_shown_alike(database: Database) -> None:
    register_people(database, 1, seconded_from=date(2026, 9, 1), seconded_to=date(2027, 8, 31))
    assert status(database, teacher(1)) == ("not_assessed", "暂停（借调 2026-09-01 起）", ["PENDING_POLICY_P-21"])
    assert status(database, teacher(1), NOW + timedelta(days=365))[:2] == ("in_progress", "")


def moved(number: int, path: str, version: int) -> PeopleChanged:
    """The register tells that person `number` is at the unit `path`."""
    held = person(number)
    names = ("person_id", "identity_hash", "kind", "stage", "subject", "hired_on", "formal_appointment_on")
    same = {name: getattr(held, name) for name in (*names, "retires_on", "seconded_from", "seconded_to", "active")}
    personal = PersonPersonal(name=held.name, masked_identity=held.masked_identity)
    return PeopleChanged(people=[PersonRecord(**same, version=version, unit_path=path, personal=personal)])


@pytest.mark.usefixtures("now")
def test_t18_the_record_follows_and_the_old_school_keeps_what_it_ran(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(hours="60"), audit_id="county"))
    deliver(database, audited(replace(result(hours="30"), result_id="own"), audit_id="own", project=SCHOOL_PROJECT))
    old, new = admin(Office.SCHOOL_ADMIN, SCHOOL), admin(Office.SCHOOL_ADMIN, OTHER_SCHOOL)
    with database.reading() as session:
        assert employment.left(session, old).items == []
    event = moved(1, OTHER_SCHOOL, 2)
    deliver(database, event, event_id="m1")
    deliver(database, event, event_id="m2")
    with database.reading() as session:
        standing = queries.standing_of(session, new, "person-1")
        assert [standing.judgement.buckets[bucket].counted for bucket in standing.judgement.buckets] == [6, 3]
        with pytest.raises(NotFound):
            queries.standing_of(session, old, "person-1")
        (left,) = employment.left(session, old).items
        assert (left.person.person_id, left.unit and left.unit.name, left.left_on) == (
            "person-1",
            "城南小学",
            NOW.date(),
        )
        _, lines = employment.lines_of_former(session, old, "person-1")
        assert [line.result_id for line in lines.items] == ["own"]
        # Her old county sees what it and its schools ran; whoever she was never with sees nothing.
        _, lines = employment.lines_of_former(session, admin(), "person-1")
        assert {line.result_id for line in lines.items} == {"result-1", "own"}
        for stranger in (new, admin(path=OTHER_COUNTY)):
            assert employment.left(session, stranger).items == []
            with pytest.raises(NotFound):
                employment.lines_of_former(session, stranger, "person-1")
    # Back again: nothing is "former" to a school where she is.
    deliver(database, moved(1, SCHOOL, 3), event_id="m3")
    with database.reading() as session:
        assert employment.left(session, old).items == []
        assert [former.unit_path for former, _ in employment.former_units(session, "person-1")] == [
            OTHER_SCHOOL,
            SCHOOL,
        ]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_t17_t18_pages_and_api(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(replace(result(hours="30"), result_id="own"), project=SCHOOL_PROJECT))
    body = LEAVE | {"starts_on": "2026-09-01", "ends_on": "2027-02-28"}
    path = "/credits/api/v1/teachers/person-1/exemptions"
    headers = bearer(run, admin()) | {"Idempotency-Key": "key-00000001"}
    sent = client.post(path, json=body, headers=headers)
    assert sent.status_code == 201, sent.text
    assert client.post(path, json=body, headers=headers).json == sent.json
    assert "暂停（病产假 2026-09-01 起）" in show(client, run, teacher(1), "/credits/mine")
    assert "东教人字〔2026〕8号" in show(client, run, admin(), "/credits/teachers/person-1/exemptions")
    assert "教师1" in show(client, run, admin(), "/credits/exemptions")
    assert "教师1" not in show(client, run, admin(path=OTHER_COUNTY), "/credits/exemptions")
    show(client, run, admin(path=OTHER_COUNTY), "/credits/teachers/person-1/exemptions", 404)

    later = body | {"starts_on": "2027-09-01", "ends_on": None}
    headers = bearer(run, admin())
    slip: Any = client.post(path, json=later, headers=headers | {"Idempotency-Key": "key-00000002"}).json
    page = "/credits/teachers/person-1/exemptions"
    send(client, run, admin(), page, f"{page}/withdrawal", withdraw_id=slip["id"], withdraw_why="")
    assert "请填写撤销的原因" in show(client, run, admin(), page)
    send(client, run, admin(), page, f"{page}/withdrawal", withdraw_id=slip["id"], withdraw_why="登记错人")
    text = show(client, run, admin(), page)
    assert "已撤销：龚立言" in text
    assert "撤销哪一条" not in text
    again = client.post(
        f"/credits/api/v1/exemptions/{slip['id']}/withdrawal",
        json={"reason": "再撤"},
        headers=headers | {"Idempotency-Key": "key-00000003"},
    )
    assert (again.status_code, "登记错人" in again.text) == (409, True)
    (listed, _) = client.get("/credits/api/v1/exemptions", headers=headers).json["items"]  # type: ignore[index]
    assert (listed["withdrawn_by"], listed["withdrawn_reason"]) == ("龚立言", "登记错人")

    deliver(run.database, moved(1, OTHER_SCHOOL, 2))
    old = admin(Office.SCHOOL_ADMIN, SCHOOL)
    assert "教师1" in show(client, run, old, "/credits/former")
    assert "集体备课与课例研讨" in show(client, run, old, "/credits/former/person-1")
    assert "曾在 城南小学" in show(client, run, admin(Office.SCHOOL_ADMIN, OTHER_SCHOOL), "/credits/teachers/person-1")
    listed: Any = client.get("/credits/api/v1/former-teachers", headers=bearer(run, old)).json
    assert [row["unit_name"] for row in listed["items"]] == ["城南小学"]
    assert COUNTY not in str(listed)
