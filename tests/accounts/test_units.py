"""Units change by a document on a day; offices are handed over with both names; no unit is left empty (N42, T12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select

from services.accounts.access.models import Account, AccountRole
from services.accounts.access.operations import give_role
from services.accounts.models import HistoryLine, Person, Unit
from services.accounts.queries import history
from services.accounts.units import jobs as unit_jobs
from services.accounts.units import operations
from services.accounts.units.models import UnitChange
from services.accounts.units.queries import today
from shared.jobs import Job
from shared.service import Runtime
from tests.accounts.conftest import Browser, Caller, events

DONGHU, XIHU, QINGFENG = "360102", "360103", "3601020001"
WHY = {"document": "赣教发〔2026〕7号", "reason": "区划调整"}


def a_day(days: int = 0) -> str:
    """Today in China, or so many days later."""
    return (today() + timedelta(days=days)).isoformat()


def change(caller: Caller, unit: str, act: str, *, status: int = 201, **facts: Any) -> Any:
    """Asks for a change of a unit, today unless told otherwise."""
    version = caller.get(f"/units/{unit}")["version"]
    body = {"act": act, "in_force_on": a_day(), **WHY, **facts}
    return caller.post(f"/units/{unit}/changes", body, version=version, status=status)


def colleague(run: Runtime, username: str, like: str, code: str = DONGHU) -> str:
    """Gives an account the roles that `like` holds at the unit; returns its id."""
    with run.database.transaction() as session:
        unit = session.scalars(select(Unit).where(Unit.code == code)).one()
        theirs = session.scalars(
            select(AccountRole.role)
            .join(Account, Account.id == AccountRole.account_id)
            .where(Account.username == like, AccountRole.unit_id == unit.id)
        ).all()
        account = session.scalars(select(Account).where(Account.username == username)).one()
        for role in theirs:
            give_role(session, account, role, unit)
        return account.id


def lines(run: Runtime, code: str) -> list[HistoryLine]:
    """The history of a unit."""
    with run.database.reading() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.code == code)).one()
        return history(session, "unit", unit_id)


def run_due(run: Runtime) -> None:
    """What the schedule does."""
    unit_jobs.make_changes(Job(run.database, "job", unit_jobs.CHANGES_JOB, {}, run))


def test_t12_a_manager_hands_over_to_a_colleague_and_never_leaves_the_unit_alone(manager: Caller, run: Runtime) -> None:
    body = {"in_force_on": a_day(), **WHY, "successor_id": "nobody"}
    refused = manager.post(f"/units/{DONGHU}/handovers", body, status=422)
    assert [error["field"] for error in refused["errors"]] == ["successor_id"]
    assert "授权函" in refused["detail"]

    second = colleague(run, "county.donghu2", "manager.donghu")
    done = manager.post(f"/units/{DONGHU}/handovers", body | {"successor_id": second}, status=201)
    assert done["state"] == "done"
    manager.get(f"/units/{DONGHU}/changes", status=401)  # the token says what is no longer so
    newest = lines(run, DONGHU)[-1]
    assert done["leaver"] in str(newest.text)
    assert done["successor"] in str(newest.text)
    told = [o for e in events(run, "accounts.holders_changed.v1") for o in e["offices"]]
    last = [o for o in told if o["office"] == "account_manager" and o["unit_path"].endswith("/360102/")][-1]
    assert [holder["account_id"] for holder in last["holders"]] == [second]


def test_t12_what_is_planned_comes_on_its_day_if_it_still_can(manager: Caller, run: Runtime, monkeypatch: Any) -> None:
    second = colleague(run, "county.donghu2", "manager.donghu")
    body = {"in_force_on": a_day(3), **WHY, "successor_id": second}
    first = manager.post(f"/units/{DONGHU}/handovers", body, status=201)
    again = manager.post(f"/units/{DONGHU}/handovers", body, status=201)
    withdrawn = manager.post(f"/unit-changes/{again['id']}/withdraw", {"reason": "重复"}, status=200)
    assert (first["state"], withdrawn["state"]) == ("planned", "withdrawn")
    run_due(run)
    with run.database.transaction() as session:
        assert session.get_one(UnitChange, first["id"]).state == "planned"
        session.get_one(Account, second).state = "suspended"
    monkeypatch.setattr("services.accounts.units.queries.today", lambda: today() + timedelta(days=3))
    monkeypatch.setattr(operations, "today", lambda: today() + timedelta(days=3))
    run_due(run)
    with run.database.reading() as session:
        failed = session.get_one(UnitChange, first["id"])
        assert failed.state == "failed"
        assert "激活" in str(failed.error)
    manager.get(f"/units/{DONGHU}/changes")  # still in post


def test_n42_units_open_are_renamed_and_close_by_the_level_above(manager: Caller, app: Flask, run: Runtime) -> None:
    new = {"code": "3601029999", "kind": "primary", "name": "湖滨小学"}
    opened = change(manager, DONGHU, "open", **new)
    assert opened["other_code"] == "3601029999"
    assert "已在名册中" in change(manager, DONGHU, "open", status=422, **new)["detail"]
    wrong = change(manager, DONGHU, "open", status=422, **new | {"kind": "county", "code": "360199"})
    assert wrong["errors"][0]["field"] == "kind"
    change(manager, "3601029999", "rename", name="湖滨实验小学")
    assert manager.get("/units/3601029999")["body"] == "湖滨实验小学"
    assert "在册人员" in change(manager, QINGFENG, "close", status=409)["detail"]
    change(manager, DONGHU, "rename", status=403, name="东湖")  # her own county is for the level above
    Caller(app.test_client()).sign_in("school.qingfeng").get(f"/units/{QINGFENG}/changes", status=403)
    change(manager, "3601029999", "close")
    manager.get("/units/3601029999", status=404)
    told = [unit for event in events(run, "accounts.units_changed.v1") for unit in event["units"]]
    assert [(u["name"], u["active"]) for u in told if u["path"].endswith("/3601029999/")] == [
        ("湖滨小学", True),
        ("湖滨实验小学", True),
        ("湖滨实验小学", False),
    ]
    assert [line.act for line in lines(run, "3601029999")] == ["开设单位", "更名", "撤销"]


def test_n42_a_school_moves_with_all_that_is_there(manager: Caller, app: Flask, run: Runtime) -> None:
    change(manager, QINGFENG, "move", status=403, code=XIHU)  # both counties are not hers
    school = Caller(app.test_client()).sign_in("school.qingfeng")
    province = Caller(app.test_client()).sign_in("manager.province")
    number = school.send_letter(unit_code=QINGFENG)["number"]
    moved = change(province, QINGFENG, "move", code=XIHU)
    old, new = moved["facts"]["old_path"], moved["facts"]["new_path"]
    assert (old[-18:], new[-18:]) == ("360102/3601020001/", "360103/3601020001/")
    assert province.get(f"/units/{QINGFENG}")["path"] == new
    school.get("/units", status=401)
    assert school.sign_in("school.qingfeng").account["posts"][0]["unit_path"] == new
    [event] = events(run, "accounts.unit_moved.v1")
    assert (event["old_path"], event["new_path"], event["document"]) == (old, new, WHY["document"])
    manager.get(f"/units/{QINGFENG}", status=404)
    manager.get(f"/letters/{number}", status=404)
    province.get(f"/letters/{number}")
    assert "县级" in change(province, QINGFENG, "move", status=422, code="360100")["detail"]  # another level


def test_n42_a_school_is_merged_into_another_with_its_people(app: Flask, run: Runtime) -> None:
    province = Caller(app.test_client()).sign_in("manager.province")
    school = Caller(app.test_client()).sign_in("school.qingfeng")
    into = change(province, DONGHU, "open", code="3601029999", kind="primary", name="湖滨小学")["other_code"]
    change(province, QINGFENG, "merge", code=into)
    school.get("/units", status=401)
    province.get(f"/units/{QINGFENG}", status=404)
    with run.database.reading() as session:
        paths = set(session.scalars(select(Unit.path).join(Person, Person.unit_id == Unit.id)))
        assert not [path for path in paths if path.endswith(f"/{QINGFENG}/")]
        assert [path for path in paths if path.endswith(f"/{into}/")]


def test_n42_the_pages_of_changes(sqlite_run: Runtime) -> None:
    from shared.web import build_app

    colleague(sqlite_run, "county.donghu2", "manager.donghu")
    browser = Browser(build_app(sqlite_run)).sign_in("manager.donghu")
    assert f"/accounts/units/{QINGFENG}/changes" in browser.get(f"/accounts/units?under={QINGFENG}")
    assert "新的上级单位代码" in browser.get(f"/accounts/units/{QINGFENG}/changes?act=move")
    form = {"act": "rename", "name": "清风实验小学", "in_force_on": a_day(2), "document": "", "reason": "更名"}
    browser.get(f"/accounts/units/{QINGFENG}/changes?act=rename")
    assert browser.submit(f"/accounts/units/{QINGFENG}/changes", **form).status_code == 422
    answer = browser.submit(f"/accounts/units/{QINGFENG}/changes", **form | {"document": "东教〔2026〕3号"})
    assert answer.status_code == 303
    assert "待生效" in browser.get(f"/accounts/units/{QINGFENG}/changes")
    assert "接手人" in browser.get("/accounts/handover")
