"""待核对: who is told of lines that lie in no cycle, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from flask.testing import FlaskClient

from services.credits import listing
from services.credits.schemas import unknown_body
from shared.actors import Office
from shared.database import Database
from shared.service import Runtime
from tests.credits.changing import standing
from tests.credits.make import (
    OTHER_COUNTY,
    OTHER_SCHOOL,
    PROJECT,
    SCHOOL,
    admin,
    audited,
    bearer,
    corrected,
    deliver,
    register_people,
    result,
    revoked,
    teacher,
)
from tests.credits.test_pages import show

pytestmark = pytest.mark.usefixtures("now")
BEFORE = replace(PROJECT, school_year="2015-2016", held_from=date(2016, 3, 1), held_to=date(2016, 3, 2))
NO_CYCLE = "日期和学年不在任何培训周期之内"
TO_CHECK = f"{NO_CYCLE}，请核对；有误的，更正项目或作废认定"


def test_b5_a_line_in_no_cycle_is_listed_until_it_is_corrected(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(result(1), result(7), result(8), project=BEFORE), 1)
    deliver(database, audited(replace(result(9), result_id="known-date"), audit_id="audit-2"), 1)
    unknown = "教师尚不在名册中"
    with database.reading() as session:
        found = listing.unknown_lines(session, admin()).items
        assert [(line.person_id, unknown_body(line)["to_check"]) for line in found] == [
            ("person-1", TO_CHECK),
            ("person-7", f"{unknown}；{TO_CHECK}"),
            ("person-8", f"{unknown}；{TO_CHECK}"),
            ("person-9", unknown),
        ]
        assert listing.count_unknown(session, admin()) == 4
        (own,) = listing.unknown_lines(session, admin(Office.SCHOOL_ADMIN, SCHOOL)).items
        assert own.person_id == "person-1"
        for elsewhere in (admin(path=OTHER_COUNTY), admin(Office.SCHOOL_ADMIN, OTHER_SCHOOL), teacher(1)):
            assert listing.count_unknown(session, elsewhere) == 0
    (entry,) = standing(database).entries
    assert (entry.reason, entry.counted) == (f"{NO_CYCLE}，待核对，暂不计入", 0)

    deliver(database, corrected(1, PROJECT), 1)
    with database.reading() as session:
        found = listing.unknown_lines(session, admin()).items
        assert {(line.person_id, line.cycle) for line in found if line.kind == "earned" and line.cycle} == {
            ("person-7", 2023),
            ("person-8", 2023),
            ("person-9", 2023),
        }
        assert "person-1" not in {line.person_id for line in found}


def test_b5_what_is_taken_back_needs_no_check(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(project=BEFORE), 1)
    deliver(database, revoked(), 2)
    with database.reading() as session:
        assert listing.count_unknown(session, admin()) == 0


def test_b5_pages_and_programs_tell_the_reason(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(project=BEFORE), 1)
    text = show(client, run, admin(), "/credits/unknown")
    assert "教师1" in text
    assert TO_CHECK in text
    assert "有 1 条学分记录已照常入账，待核对" in show(client, run, admin(), "/credits/teachers")
    text = show(client, run, teacher(1), "/credits/mine")
    assert f"{NO_CYCLE}，待核对，暂不计入" in text
    assert "政策待定，暂不计入" not in text
    (item,) = client.get("/credits/api/v1/unknown-lines", headers=bearer(run, admin())).json["items"]
    assert (item["person_id"], item["to_check"]) == ("person-1", TO_CHECK)
