"""Suspension ends access at once; nobody locks herself out, and no unit loses its last account manager (T12)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy import select

from services.accounts.access.models import Account
from services.accounts.access.operations import give_role
from services.accounts.models import HistoryLine, Unit
from shared.service import Runtime
from tests.accounts.conftest import PASSWORD, Browser, Caller, events

WHY = {"reason": "人员调离"}


def account_id(run: Runtime, username: str) -> str:
    """Id of a sample account."""
    with run.database.reading() as session:
        return session.scalars(select(Account.id).where(Account.username == username)).one()


def second_manager(run: Runtime, username: str = "county.donghu2") -> None:
    """Gives 东湖区 another account manager."""
    with run.database.transaction() as session:
        account = session.scalars(select(Account).where(Account.username == username)).one()
        unit = session.scalars(select(Unit).where(Unit.code == "360102")).one()
        give_role(session, account, "account_manager", unit)


def test_a_suspended_account_is_shut_out_at_once_and_can_be_restored(manager: Caller, app: Flask, run: Runtime) -> None:
    school = Caller(app.test_client()).sign_in("school.qingfeng")
    browser = Browser(app).sign_in("school.qingfeng")
    suspended = manager.post(f"/accounts/{school.account['id']}/suspend", WHY)
    assert suspended["state"] == "suspended"
    school.get("/units", status=401)
    assert browser.client.get("/").status_code == 302
    ended = events(run, "accounts.access_ended.v1")[-1]
    assert (ended["account_id"], ended["session_id"], ended["reason"]) == (school.account["id"], None, "suspended")
    told = events(run, "accounts.holders_changed.v1")[-1]["offices"]
    assert next(o for o in told if o["office"] == "school_admin")["holders"] == []
    # Only who knows the password is told.
    stranger = Caller(app.test_client())
    refused = stranger.post("/sessions", {"username": "school.qingfeng", "password": PASSWORD}, status=403)
    assert "已停用" in refused["detail"]
    stranger.post("/sessions", {"username": "school.qingfeng", "password": "wrong"}, status=401)

    assert manager.post(f"/accounts/{school.account['id']}/restore", WHY)["state"] == "active"
    school.get("/units", status=401)
    stranger.sign_in("school.qingfeng").get("/units")
    told = events(run, "accounts.holders_changed.v1")[-1]["offices"]
    assert len(next(o for o in told if o["office"] == "school_admin")["holders"]) == 1
    with run.database.reading() as session:
        query = select(HistoryLine.act, HistoryLine.actor_name, HistoryLine.text)
        lines = session.execute(query.where(HistoryLine.subject_id == school.account["id"])).all()
    assert [tuple(line) for line in lines] == [
        ("停用", "熊知秋", "人员调离"),
        ("恢复", "熊知秋", "人员调离"),
    ]


def test_versions_of_an_office_only_grow(manager: Caller, run: Runtime) -> None:
    """Copies keep the highest version, so a change must never repeat one."""
    school = account_id(run, "school.qingfeng")
    for _ in range(2):
        manager.post(f"/accounts/{school}/suspend", WHY)
        manager.post(f"/accounts/{school}/restore", WHY)
    versions = [
        office["version"]
        for event in events(run, "accounts.holders_changed.v1")
        for office in event["offices"]
        if office["office"] == "school_admin" and office["unit_path"].endswith("/3601020001/")
    ]
    assert versions == sorted(set(versions))
    assert len(versions) == 5


def test_twice_is_a_conflict_and_a_reason_is_needed(manager: Caller, run: Runtime) -> None:
    school = account_id(run, "school.qingfeng")
    manager.post(f"/accounts/{school}/suspend", {"reason": "  "}, status=422)
    manager.post(f"/accounts/{school}/suspend", {}, status=422)
    manager.post(f"/accounts/{school}/restore", WHY, status=409)
    manager.post(f"/accounts/{school}/suspend", WHY)
    manager.post(f"/accounts/{school}/suspend", WHY, status=409)


def test_nobody_suspends_herself(manager: Caller) -> None:
    assert "自己" in manager.post(f"/accounts/{manager.account['id']}/suspend", WHY, status=403)["detail"]


def test_nobody_suspends_or_restores_in_her_own_unit(manager: Caller, app: Flask, run: Runtime) -> None:
    """A county's own accounts are the district's to manage, as their letters are."""
    auditor = account_id(run, "county.donghu2")
    refused = manager.post(f"/accounts/{auditor}/suspend", WHY, status=403)
    assert "上级账号管理员" in refused["detail"]
    above = Caller(app.test_client()).sign_in("manager.nanchang")
    above.post(f"/accounts/{auditor}/suspend", WHY)
    manager.post(f"/accounts/{auditor}/restore", WHY, status=403)
    above.post(f"/accounts/{auditor}/restore", WHY)
    assert f"suspend-{auditor}" not in Browser(app).sign_in("manager.donghu").get("/accounts/units?under=360102")
    assert f"suspend-{auditor}" in Browser(app).sign_in("manager.nanchang").get("/accounts/units?under=360102")


def test_the_last_account_manager_of_a_unit_stays(manager: Caller, app: Flask, run: Runtime) -> None:
    above = Caller(app.test_client()).sign_in("manager.nanchang")
    refused = above.post(f"/accounts/{manager.account['id']}/suspend", WHY, status=409)
    assert "唯一在岗的账号管理员" in refused["detail"]
    second_manager(run)
    above.post(f"/accounts/{manager.account['id']}/suspend", WHY)


def test_two_managers_cannot_suspend_each_other(postgres_run: Runtime) -> None:
    from shared.web import build_app

    with postgres_run.database.transaction() as session:
        account = session.scalars(select(Account).where(Account.username == "audit.province")).one()
        give_role(session, account, "account_manager", session.scalars(select(Unit).where(Unit.code == "360000")).one())
    app = build_app(postgres_run)
    app.config["TESTING"] = True
    one, two = (Caller(app.test_client()).sign_in(name) for name in ("manager.province", "audit.province"))

    def suspend(pair: tuple[Caller, Caller]) -> int:
        answer = pair[0].client.post(
            f"/accounts/api/v1/accounts/{pair[1].account['id']}/suspend",
            json=WHY,
            headers={**pair[0].headers, "Idempotency-Key": pair[1].account["id"]},
        )
        return answer.status_code

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(suspend, [(one, two), (two, one)]))
    # The slower one is refused for being the last, or is shut out already.
    assert outcomes[0] == 200
    assert outcomes[1] in (401, 409)


def test_an_account_with_posts_elsewhere_belongs_to_the_level_above(manager: Caller, app: Flask, run: Runtime) -> None:
    with run.database.transaction() as session:
        account = session.scalars(select(Account).where(Account.username == "teacher.li")).one()
        give_role(session, account, "province_admin", session.scalars(select(Unit).where(Unit.code == "360000")).one())
    refused = manager.post(f"/accounts/{account_id(run, 'teacher.li')}/suspend", WHY, status=403)
    assert "江西省教育厅" in refused["detail"]
    province = Caller(app.test_client()).sign_in("manager.province")
    province.post(f"/accounts/{account_id(run, 'teacher.li')}/suspend", WHY)


def test_the_page_of_units_suspends_and_restores(app: Flask, run: Runtime) -> None:
    browser = Browser(app).sign_in("manager.donghu")
    page = browser.get("/accounts/units?under=3601020001")
    assert "school.qingfeng" in page
    school = account_id(run, "school.qingfeng")
    answer = browser.submit(
        f"/accounts/accounts/{school}/suspend", reason="人员调离", back="/accounts/units?under=3601020001"
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/accounts/units?under=3601020001")
    page = browser.get("/accounts/units?under=3601020001")
    assert "已停用账号 school.qingfeng" in page
    assert "恢复账号 school.qingfeng" in page
    answer = browser.submit(f"/accounts/accounts/{school}/restore", reason="核实无误", back="//evil.example")
    assert answer.headers["Location"] == "/accounts/units"
