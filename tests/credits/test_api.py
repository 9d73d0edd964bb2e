"""The API: who sees whom, what a standing and a ledger say, paging."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from shared.actors import Actor, Office, Post
from shared.directory import AccessEnd
from shared.inbox import Outcome
from shared.service import Runtime
from tests.credits.conftest import BEFORE_IT_CLOSES, NOW
from tests.credits.make import (
    COUNTY,
    OTHER_COUNTY,
    OTHER_SCHOOL,
    PROJECT,
    SCHOOL,
    SCHOOL_PROJECT,
    admin,
    audited,
    bearer,
    deliver,
    register_people,
    result,
    revoked,
    teacher,
)

API = "/credits/api/v1"


def get(client: FlaskClient, run: Runtime, actor: Actor, path: str, status: int = 200) -> Any:
    """The JSON of a GET by `actor`."""
    response = client.get(API + path, headers=bearer(run, actor))
    assert response.status_code == status, response.text
    return response.json


def test_a_teachers_standing(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(result(hours="60")))
    school = replace(result(hours="30"), result_id="school-1")
    deliver(run.database, audited(school, audit_id="audit-2", project=SCHOOL_PROJECT))
    found = get(client, run, teacher(1), "/me/standing")
    as_of = found.pop("as_of")
    assert as_of.startswith("2026-11-24T02:00")
    assert found == {
        "person_id": "person-1",
        "name": "教师1",
        "cycle": {"start": "2023-09-01", "end": "2028-08-31", "title": "2023—2028 周期"},
        "edition": "jx-2018-trial",
        "buckets": {
            "coordinated": {"counted": "6.0", "required": "26.0", "shortfall": "20.0", "pending": 0},
            "self_organized": {"counted": "3.0", "required": "10.0", "shortfall": "7.0", "pending": 0},
        },
        "status": "in_progress",
        "flags": [f"ANNUAL_MIN_NOT_MET:{y}-{y + 1}" for y in (2023, 2024, 2025)],
        "notes": found["notes"],
    }
    assert [note["flag"] for note in found["notes"]] == found["flags"]
    assert get(client, run, admin(), "/teachers/person-1/standing")["buckets"] == found["buckets"]


def test_the_demonstration_in_small(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(result(hours="60", attempt=1), audit_id="audit-1"), 1)
    [line] = get(client, run, teacher(1), "/me/ledger")["items"]
    assert line["received_at"] <= line["recorded_at"]
    assert {key: line[key] for key in line if key not in ("id", "received_at", "recorded_at")} == {
        "kind": "earned",
        "state": "counted",
        "school_year": "2026-2027",
        "bucket": "coordinated",
        "category": "county_training",
        "project_title": "骨干教师课堂教学研修",
        "organizer": "南昌市东湖区教育体育局",
        "hours": "60.0",
        "amount": "6.0",
        "counted": "6.0",
        "not_counted_reason": "",
        "explanation": "面授 60 学时 ÷ 10 = 6.0，计入统筹；规则：2018 试行",
        "edition": "jx-2018-trial",
        "overlay": None,
        "rule": "R-20",
        "flag": None,
        "reverses": None,
        "correction": 0,
        "adjustment": 0,
        "source": {"project_id": "project-1", "audit_id": "audit-1", "result_id": "result-1", "claim_number": None},
        "effective_on": "2026-10-18",
        "audited_at": "2026-11-20T01:12:00+00:00",
    }

    deliver(run.database, revoked("audit-1"), 2)
    standing = get(client, run, teacher(1), "/me/standing")
    assert standing["buckets"]["coordinated"]["counted"] == "0.0"
    first, counter = get(client, run, teacher(1), "/me/ledger")["items"]
    assert (first["amount"], counter["amount"], counter["reverses"]) == ("6.0", "-6.0", first["id"])
    assert (first["counted"], counter["counted"]) == ("0.0", "0.0")
    assert (first["state"], counter["state"]) == ("reversed", "reversal")
    assert first["not_counted_reason"] == f"原审核已撤回，已由第 {counter['id']} 号记录冲正"
    assert counter["not_counted_reason"] == f"冲正第 {first['id']} 号记录"

    deliver(run.database, audited(result(hours="60", attempt=2), audit_id="audit-2"), 1)
    lines = get(client, run, teacher(1), "/me/ledger")["items"]
    assert [line["amount"] for line in lines] == ["6.0", "-6.0", "6.0"]
    assert [line["counted"] for line in lines] == ["0.0", "0.0", "6.0"]
    assert get(client, run, teacher(1), "/me/standing")["buckets"]["coordinated"]["counted"] == "6.0"


def test_what_a_ceiling_cuts_is_told(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    fallback = replace(PROJECT, category="fallback_training", plan_id="p", plan_number="TD1", plan_status="filed")
    deliver(run.database, audited(result(hours="20"), project=fallback))
    [line] = get(client, run, teacher(1), "/me/ledger")["items"]
    assert (line["amount"], line["counted"], line["state"]) == ("2.0", "1.5", "partly_counted")
    assert line["not_counted_reason"] == "已达本学年托底培训上限 1.5，未计入 0.5（问答第 11、12 问）"
    standing = get(client, run, teacher(1), "/me/standing")
    assert standing["buckets"]["coordinated"]["counted"] == "1.5"
    assert "CAPPED_FALLBACK_YEAR" in standing["flags"]


def test_the_undetermined_is_a_state_and_not_a_zero(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(project=replace(PROJECT, category="full_staff_training", mode="online")))
    [line] = get(client, run, teacher(1), "/me/ledger")["items"]
    assert (line["amount"], line["state"], line["not_counted_reason"]) == (None, "pending", "政策待定，暂不计入")
    standing = get(client, run, teacher(1), "/me/standing")
    assert standing["buckets"]["coordinated"]["pending"] == 1
    assert "PENDING_RATE" in standing["flags"]


OTHERS = [
    teacher(2),  # a colleague
    admin(Office.SCHOOL_ADMIN, OTHER_SCHOOL),
    admin(Office.CREDIT_ADMIN, OTHER_COUNTY),
]


@pytest.mark.parametrize("who", OTHERS, ids=["colleague", "other school", "other county"])
@pytest.mark.parametrize("what", ["standing", "ledger"])
def test_outside_the_scope_there_is_nothing(client: FlaskClient, run: Runtime, who: Actor, what: str) -> None:
    register_people(run.database, 1, 2)
    deliver(run.database, audited())
    problem = get(client, run, who, f"/teachers/person-1/{what}", 404)
    missing = get(client, run, who, f"/teachers/nobody/{what}", 404)
    assert {**problem, "instance": "", "request_id": ""} == {**missing, "instance": "", "request_id": ""}


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        (admin(Office.SCHOOL_ADMIN, SCHOOL), {"person-1", "person-2"}),
        (admin(Office.CREDIT_ADMIN, COUNTY), {"person-1", "person-2"}),
        (admin(Office.CREDIT_ADMIN, "360000/"), {"person-1", "person-2", "person-3"}),
        (admin(Office.CREDIT_ADMIN, OTHER_COUNTY), {"person-3"}),
        (admin(Office.SCHOOL_ADMIN, OTHER_SCHOOL), {"person-3"}),
    ],
    ids=["school", "county", "province", "other county", "other school"],
)
def test_the_list_holds_exactly_whom_one_may_open(
    client: FlaskClient, run: Runtime, who: Actor, seen: set[str]
) -> None:
    register_people(run.database, 1, 2)
    register_people(run.database, 3, unit_path=OTHER_SCHOOL)
    listed = {row["person_id"] for row in get(client, run, who, "/teachers")["items"]}
    assert listed == seen
    for number in (1, 2, 3):
        get(client, run, who, f"/teachers/person-{number}/standing", 200 if f"person-{number}" in seen else 404)


def test_the_list_is_paged_and_narrowed(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, *range(1, 8))
    register_people(run.database, 8, unit_path=OTHER_SCHOOL)
    deliver(run.database, audited(result(3)))
    province = admin(Office.CREDIT_ADMIN, "360000/")
    seen, cursor = [], ""
    while True:
        found = get(client, run, province, f"/teachers?limit=3{cursor}")
        seen += found["items"]
        if found["next"] is None:
            break
        cursor = f"&cursor={found['next']}"
    assert sorted(row["person_id"] for row in seen) == [f"person-{n}" for n in range(1, 9)]
    by_id = {row["person_id"]: row for row in seen}
    assert by_id["person-3"]["buckets"]["coordinated"]["counted"] == "6.0"
    assert by_id["person-4"]["buckets"]["coordinated"]["counted"] == "0.0"
    assert by_id["person-4"]["unit_name"] == "城南小学"
    narrowed = get(client, run, province, f"/teachers?under={OTHER_COUNTY}")["items"]
    assert [row["person_id"] for row in narrowed] == ["person-8"]
    # What is not mine stays out, whatever I ask for.
    assert get(client, run, admin(), f"/teachers?under={OTHER_COUNTY}")["items"] == []


def test_a_ledger_is_paged_and_counts_over_the_whole(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    fallback = replace(PROJECT, category="fallback_training", plan_status="filed", plan_id="p")
    for number in range(1, 6):
        event = audited(replace(result(hours="5"), result_id=f"r{number}"), audit_id=f"a{number}", project=fallback)
        assert deliver(run.database, event) is Outcome.APPLIED
    lines, cursor = [], ""
    while True:
        found = get(client, run, teacher(1), f"/me/ledger?limit=2{cursor}")
        lines += found["items"]
        if found["next"] is None:
            break
        cursor = f"&cursor={found['next']}"
    assert [line["counted"] for line in lines] == ["0.5", "0.5", "0.5", "0.0", "0.0"]
    assert len({line["id"] for line in lines}) == 5


def test_each_cycle_is_a_page_of_its_own(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    old = replace(PROJECT, school_year="2021-2022", held_from=date(2021, 10, 1), held_to=date(2021, 10, 10))
    with time_machine.travel(BEFORE_IT_CLOSES):
        deliver(run.database, audited(project=old))
    assert get(client, run, teacher(1), "/me/ledger")["items"] == []
    past = get(client, run, teacher(1), "/me/standing?cycle=2018")
    assert (past["status"], past["buckets"]["coordinated"]["counted"]) == ("not_met", "6.0")
    assert "PENDING_POLICY_P-12" in past["flags"]
    assert len(get(client, run, teacher(1), "/me/ledger?cycle=2018")["items"]) == 1
    for number in (2019, 2028):
        get(client, run, teacher(1), f"/me/standing?cycle={number}", 404)


def test_lines_of_unknown_teachers_are_shown_to_the_area_that_organised(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(result(1), result(7)))
    [line] = get(client, run, admin(), "/unknown-lines")["items"]
    assert (line["person_id"], line["amount"], line["organizer"]) == ("person-7", "6.0", "南昌市东湖区教育体育局")
    assert get(client, run, admin(Office.CREDIT_ADMIN, OTHER_COUNTY), "/unknown-lines")["items"] == []
    register_people(run.database, 7)
    assert get(client, run, admin(), "/unknown-lines")["items"] == []
    assert get(client, run, teacher(7), "/me/standing")["buckets"]["coordinated"]["counted"] == "6.0"


def test_a_message_on_its_way_is_told(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(result(1), chunk=2, chunks=2), 2)
    found = get(client, run, teacher(1), "/me/standing")
    assert found["as_of"] <= NOW.isoformat()[:16] + ":59.999999+00:00"
    assert found["buckets"]["coordinated"]["counted"] == "0.0"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/me/standing?cycle=abc", 422),
        ("/me/ledger?cursor=nonsense", 422),
        ("/me/ledger?limit=0", 422),
        ("/teachers", 403),
        ("/unknown-lines", 403),
    ],
)
def test_bad_queries_and_missing_offices(client: FlaskClient, run: Runtime, path: str, status: int) -> None:
    register_people(run.database, 1)
    assert get(client, run, teacher(1), path, status)["status"] == status


def test_nobody_is_nobody(client: FlaskClient, run: Runtime) -> None:
    assert client.get(API + "/me/standing").status_code == 401
    no_office = Actor("a", "person-1", "某人", (), "s")
    get(client, run, no_office, "/me/standing", 403)
    reviewer = Actor("a", None, "某人", (Post(Office.PLAN_REVIEW, admin().posts[0].unit, "局"),), "s")
    get(client, run, reviewer, "/teachers", 403)


def test_a_suspended_account_is_out(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    headers = bearer(run, teacher(1))
    assert client.get(API + "/me/standing", headers=headers).status_code == 200
    with run.database.transaction() as session:
        session.add(AccessEnd(key="account:account-1", ended_at=NOW.replace(hour=3)))
    assert client.get(API + "/me/standing", headers=headers).status_code == 401
