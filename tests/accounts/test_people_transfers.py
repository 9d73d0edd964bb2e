"""Transfers (T18): nothing changes until the other side confirms and the day has come; then the record moves."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import select

from services.accounts.access.models import Account, AccountRole
from services.accounts.models import Person, Unit
from services.accounts.people import transferring
from services.accounts.people.operations import today
from shared.service import Runtime
from shared.web import build_app
from tests.accounts.conftest import Browser, Caller, events
from tests.accounts.test_people import numbers, teacher
from tests.at_once import at_once

THERE = "3601240002"
"""School of another county; its administrator is school.qiaobei."""


def told(run: Runtime, person_id: str) -> list[str]:
    """Unit paths that the other services were told of this person, oldest first."""
    people = (p for event in events(run, "accounts.people_changed.v1") for p in event["people"])
    return [p["unit_path"] for p in people if p["person_id"] == person_id]


def test_t18_it_moves_once_confirmed_and_due_with_what_she_signs_in_for(app: Flask, run: Runtime) -> None:
    old = Caller(app.test_client()).sign_in("school.qingfeng")
    new = Caller(app.test_client()).sign_in("school.qiaobei")
    with run.database.reading() as session:
        li = session.scalars(select(Account.person_id).where(Account.username == "teacher.li")).one()
    body: dict[str, Any] = {"to_unit": THERE, "on": str(today() + timedelta(days=30)), "reason": "进人函〔2026〕3 号"}
    made = old.post(f"/people/{li}/transfers", body, status=201)
    assert old.post(f"/people/{li}/transfers", body, status=409)["detail"].endswith("请先办结或撤回。")
    old.post(f"/transfers/{made['id']}/confirm", status=403)
    new.get(f"/people/{li}", status=404)
    assert new.post(f"/transfers/{made['id']}/confirm")["state"] == "confirmed"
    assert len(told(run, li)) == 1, "the day has not come"
    with run.database.transaction() as session:
        assert transferring.move_due(session) == 0
        session.get_one(transferring.Transfer, made["id"]).on = today()
    with run.database.transaction() as session:
        assert transferring.move_due(session) == 1
    with run.database.transaction() as session:
        assert transferring.move_due(session) == 0
    assert [path.split("/")[-2] for path in told(run, li)][1:] == [THERE]
    old.get(f"/people/{li}", status=404)
    history = new.get(f"/people/{li}")["history"]
    assert [line["act"] for line in history] == ["发起调动", "确认调动", "调动"]
    with run.database.reading() as session:
        query = select(Unit.code, AccountRole.held_to.is_(None)).join(AccountRole.unit).join(AccountRole.account)
        held = session.execute(query.where(Account.person_id == li).order_by(AccountRole.held_from)).all()
    assert [tuple(row) for row in held] == [("3601020001", False), (THERE, True)]


def test_t18_the_new_school_knows_number_and_name_and_only_the_old_one_answers(sqlite_run: Runtime) -> None:
    app = build_app(sqlite_run)
    old = Caller(app.test_client()).sign_in("school.qingfeng")
    new = Caller(app.test_client()).sign_in("school.qiaobei")
    one = teacher(sqlite_run)
    body = {
        "identity_number": numbers()[one.id],
        "name": one.name,
        "to_unit": THERE,
        "on": str(today()),
        "reason": "调入",
    }
    unknown = new.post("/transfers", body | {"identity_number": "110101199003070396"}, status=404)
    assert new.post("/transfers", body | {"name": "别名"}, status=404)["detail"] == unknown["detail"]
    far = new.post("/transfers", body | {"on": "2031-01-01", "to_unit": "3601020001"}, status=422)
    assert [error["field"] for error in far["errors"]] == ["to_unit"]
    made = new.post("/transfers", body, status=201)
    new.post(f"/transfers/{made['id']}/confirm", status=403)
    Caller(app.test_client()).sign_in("school.chenghu").post(f"/transfers/{made['id']}/confirm", status=404)
    old.post(f"/transfers/{made['id']}/refuse", {"reason": "聘期未满"})
    assert new.get("/transfers")["items"][0]["answer"] == "聘期未满"
    assert "对方不同意" in old.post(f"/transfers/{made['id']}/confirm", status=409)["detail"]
    again = new.post("/transfers", body, status=201)
    new.post(f"/transfers/{again['id']}/withdraw", {"reason": "填错"})
    assert len(told(sqlite_run, one.id)) == 1


def test_t18_confirmed_by_two_at_once_it_moves_once(postgres_run: Runtime) -> None:
    app = build_app(postgres_run)
    old = Caller(app.test_client()).sign_in("school.qingfeng")
    one = teacher(postgres_run)
    body = {"to_unit": THERE, "on": str(today()), "reason": "调动"}
    made = old.post(f"/people/{one.id}/transfers", body, status=201)

    callers = [Caller(app.test_client()).sign_in(name) for name in ("school.qiaobei", "manager.nanchang")]

    def confirm(caller: Caller) -> int:
        headers = caller.headers | {"Idempotency-Key": "once"}
        path = f"/accounts/api/v1/transfers/{made['id']}/confirm"
        return caller.client.post(path, json={}, headers=headers).status_code

    with postgres_run.database.reading() as session:
        before = session.get_one(Person, one.id).version
    answers = at_once(*(partial(confirm, caller) for caller in callers))
    assert sorted(answers) == [200, 409]
    with postgres_run.database.reading() as session:
        assert session.get_one(Person, one.id).version == before + 1


def test_t18_pages_start_and_confirm(sqlite_run: Runtime) -> None:
    app = build_app(sqlite_run)
    old, new = Browser(app).sign_in("school.qingfeng"), Browser(app).sign_in("school.qiaobei")
    one = teacher(sqlite_run)
    new.get("/accounts/people/transfers")
    form = {"identity_number": numbers()[one.id], "name": one.name, "to_unit": THERE, "on": str(today())}
    empty = new.submit("/accounts/people/transfers", **form)
    assert empty.status_code == 422
    assert one.name in empty.text
    assert numbers()[one.id] not in empty.text
    assert new.submit("/accounts/people/transfers", reason="调入", **form).status_code == 303
    assert "待对方确认" in old.get("/accounts/people/transfers")
    with sqlite_run.database.reading() as session:
        transfer_id = session.scalars(select(transferring.Transfer.id)).one()
    assert old.submit(f"/accounts/people/transfers/{transfer_id}", act="confirm").status_code == 303
    assert "已调动" in old.get("/accounts/people/transfers")
    assert one.name in new.get("/accounts/people?q=" + one.name)
