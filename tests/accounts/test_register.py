"""The register: the sample province by the operations that people use, and what the other services are told."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from services.accounts import cli, parts
from services.accounts.access.models import Account
from services.accounts.access.passwords import Passwords
from services.accounts.identities import Identities
from services.accounts.kinds import PersonKind, UnitKind
from services.accounts.models import Person, Unit
from services.accounts.operations import NewPerson, NewUnit, open_units, register_people
from services.accounts.queries import find_unit
from services.accounts.sample import sample_province
from shared import migrations
from shared.actors import Level
from shared.errors import Invalid
from shared.outbox import OutboxRow
from shared.service import Runtime, make_runtime
from shared.settings import load_settings
from tests.accounts.conftest import events


def test_the_sample_is_all_there_and_loaded_once(run: Runtime) -> None:
    sample = sample_province()
    with run.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Unit)) == len(sample.units)
        assert session.scalar(select(func.count()).select_from(Person)) == len(sample.people)
        assert session.scalar(select(func.count()).select_from(Account)) == len(sample.accounts)
        messages = session.scalar(select(func.count()).select_from(OutboxRow))
    assert cli.load_sample(run) is False
    with run.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OutboxRow)) == messages


def test_the_others_are_told_all_of_it_in_messages_of_at_most_500(run: Runtime) -> None:
    sample = sample_province()
    for name, key, expected in (
        ("accounts.units_changed.v1", "units", {unit.path for unit in sample.units}),
        ("accounts.people_changed.v1", "people", {person.person_id for person in sample.people}),
    ):
        told = events(run, name)
        assert all(len(event[key]) <= 500 for event in told)
        records = [record for event in told for record in event[key]]
        assert {record.get("path") or record["person_id"] for record in records} == expected
        assert len(records) == len(expected)


def test_who_reviews_where(run: Runtime) -> None:
    """FAQ-Q15: 东湖区's bureau, 进贤县's training school."""
    offices = {
        (office["unit_path"], office["office"]): office
        for event in events(run, "accounts.holders_changed.v1")
        for office in event["offices"]
    }
    donghu = offices["360000/360100/360102/", "plan_review"]
    assert donghu["body"] == "南昌市东湖区教育体育局"
    assert {holder["name"] for holder in donghu["holders"]} == {"万青禾", "龚立言", "闵若愚"}
    jinxian = offices["360000/360100/360124/", "plan_review"]
    assert jinxian["body"] == "进贤县教师进修学校"
    assert {holder["name"] for holder in jinxian["holders"]} == {"樊守拙"}


def test_loading_is_quick_with_the_real_password_hash(tmp_path: Path) -> None:
    run = make_runtime("accounts", load_settings({"XUEFEN_DATA": str(tmp_path)}))
    migrations.upgrade("accounts", run.database.engine)
    begun = time.process_time()
    assert cli.load_sample(run)
    assert time.process_time() - begun < 3, "a second of work; room for a busy machine"
    with run.database.reading() as session:
        hashes = set(session.scalars(select(Account.password_hash)))
    assert len(hashes) == 1
    assert not Passwords().outdated(str(hashes.pop()))
    run.database.dispose()


def test_the_printed_table_is_the_sample(run: Runtime) -> None:
    rows = cli.sample_sign_ins()
    assert ("账号管理员", "manager.donghu", "Xuefen-2026", "熊知秋", "南昌市东湖区教育体育局") in rows
    assert len(rows) == len(sample_province().accounts)


def new_unit(path: str) -> NewUnit:
    """A primary school at a path."""
    return NewUnit(path=path, name="新校", level=Level.SCHOOL, kind=UnitKind.PRIMARY, body="新校", phone=None)


def test_a_unit_needs_one_above_it_and_a_code_of_its_own(run: Runtime) -> None:
    for path, word in (("360000/360100/999999/9999990001/", "上级"), ("360000/360100/360102/3601020001/", "已在")):
        with pytest.raises(Invalid, match=word), run.database.transaction() as session:
            open_units(session, [new_unit(path)])


def test_many_people_go_in_chunks(run: Runtime) -> None:
    from stdnum.cn.ric import calc_check_digit

    identities = parts.identities(run)
    before = len(events(run, "accounts.people_changed.v1"))
    with run.database.transaction() as session:
        unit = session.scalars(select(Unit.id).where(Unit.code == "3601020001")).one()
        days = [(date(1984, 1, 1) + timedelta(days=n)).strftime("%Y%m%d") for n in range(1001)]
        numbers = [f"360102{day}000" + calc_check_digit(f"360102{day}0000") for day in days]
        new = [
            NewPerson(name="张三", identity=identities.take(number), unit_id=unit, kind=PersonKind.IN_SERVICE)
            for number in numbers
        ]
        register_people(session, new)
    told = [len(event["people"]) for event in events(run, "accounts.people_changed.v1")[before:]]
    assert told == [500, 500, 1]


def test_a_unit_of_a_name_that_several_bear_is_not_guessed(run: Runtime) -> None:
    with run.database.transaction() as session:
        for county in ("360102", "360103"):
            path = f"360000/360100/{county}/{county}0099/"
            open_units(session, [new_unit(path)])
        assert find_unit(session, "新校") is None
        found = find_unit(session, "3601030099 新校")
        assert found is not None
        assert found.code == "3601030099"
        assert find_unit(session, "") is None


def test_an_identity_number_is_sealed_differently_each_time_and_opens(run: Runtime) -> None:
    identities = Identities(run.settings)
    one, two = identities.take("360121198405090004"), identities.take(" 360121198405090004 ")
    assert one.sealed != two.sealed
    assert one.hash == two.hash
    assert identities.open(one.sealed) == "360121198405090004"
    assert one.masked == "360121********0004"
    assert "360121198405090004" not in repr(one)
    with pytest.raises(Invalid) as caught:
        identities.take("123")
    assert list(caught.value.fields) == ["identity_number"]
