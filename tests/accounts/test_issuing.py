"""From checks to account: exactly one, whoever presses how often (T4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from services.accounts.access.models import Account, AccountRole, ActivationLink
from services.accounts.access.operations import give_role
from services.accounts.models import Person, Unit
from shared.errors import Conflict
from shared.service import Runtime
from shared.web import build_app
from tests.accounts.conftest import Browser, Caller, events
from tests.accounts.steps import acts, checked, count, identity


def test_one_account_for_one_letter(manager: Caller, run: Runtime) -> None:
    accounts = count(run, Account)
    letter = checked(manager)
    assert letter["ready"]
    issued = manager.post(f"/letters/{letter['number']}/issue", version=letter["version"])
    assert issued["account"]["username"] == "3601020003-01"
    assert issued["account"]["role"] == "school_admin"
    assert not issued["merged"]
    assert issued["activation_url"].startswith("http://127.0.0.1:8000/accounts/activate/")
    again = manager.post(f"/letters/{letter['number']}/issue", version=letter["version"])
    assert again["account"] == issued["account"]
    assert again["merged"]
    assert again["activation_url"] is None
    assert "由熊知秋开通，未重复创建" in again["message"]
    assert count(run, Account) == accounts + 1
    assert count(run, ActivationLink) == 1
    assert acts(run, letter["number"]) == ["收到", "核验", "开通", "已合并"]
    told = events(run, "accounts.account_issued.v1")
    assert [(event["account_id"], event["letter_number"]) for event in told] == [
        (issued["account"]["id"], letter["number"])
    ]


def test_the_person_is_the_one_with_that_identity_number(manager: Caller, run: Runtime) -> None:
    people = count(run, Person)
    letter = checked(manager)
    manager.post(f"/letters/{letter['number']}/issue", version=letter["version"])
    assert count(run, Person) == people
    assert events(run, "accounts.account_issued.v1")[0]["person_id"] == "62729269-2525-5f49-90fe-59dd51fa14fb"


def test_somebody_new_is_registered_and_told(manager: Caller, run: Runtime) -> None:
    people = count(run, Person)
    letter = checked(manager, person_name="新来人", identity_number=identity())
    manager.post(f"/letters/{letter['number']}/issue", version=letter["version"])
    assert count(run, Person) == people + 1
    record = events(run, "accounts.people_changed.v1")[-1]["people"]
    assert [(p["personal"]["name"], p["unit_path"], p["kind"]) for p in record] == [
        ("新来人", "360000/360100/360102/3601020003/", "in_service")
    ]


def test_a_name_that_contradicts_the_register_is_stopped(manager: Caller) -> None:
    letter = checked(manager, person_name="程若山")
    refused = manager.post(f"/letters/{letter['number']}/issue", version=letter["version"], status=409)
    assert "程若川" in refused["detail"]


def test_a_further_role_goes_to_the_account_that_is_there(manager: Caller, app: Flask, run: Runtime) -> None:
    from services.accounts import parts

    with run.database.reading() as session:
        sealed = session.scalars(
            select(Person.identity_sealed).join(Account).where(Account.username == "teacher.li")
        ).one()
    accounts = count(run, Account)
    teacher = Caller(app.test_client()).sign_in("teacher.li")
    letter = checked(
        manager,
        kind="further_role",
        unit_code="3601020001",
        person_name="李晓岚",
        identity_number=parts.identities(run).open(sealed),
        stamped_by="南昌市东湖区青枫小学",
    )
    issued = manager.post(f"/letters/{letter['number']}/issue", version=letter["version"])
    assert issued["account"]["username"] == "teacher.li"
    assert issued["activation_url"] is None, "she has a password"
    assert count(run, Account) == accounts
    teacher.get("/units", status=401)
    offices = {post["office"] for post in teacher.sign_in("teacher.li").account["posts"]}
    assert offices == {"teacher", "school_admin"}
    holders = events(run, "accounts.holders_changed.v1")[-1]["offices"]
    office = next(o for o in holders if o["office"] == "school_admin")
    assert {holder["name"] for holder in office["holders"]} == {"李晓岚", "邹启文"}


def test_a_second_letter_for_what_is_held_already_is_stopped(manager: Caller) -> None:
    first, second = checked(manager), checked(manager, dated="2026-11-17")
    second = manager.get(f"/letters/{second['number']}")
    manager.post(f"/letters/{first['number']}/issue", version=first["version"])
    refused = manager.post(f"/letters/{second['number']}/issue", version=second["version"], status=409)
    assert "疑似重复" in refused["detail"], "a look-alike needs a reason"
    answers = {check["id"]: "yes" for check in second["checks"]}
    second = manager.put(
        f"/letters/{second['number']}/checks",
        {"answers": answers, "remarks": {"not_duplicate": "前函账号未收到"}},
        version=second["version"],
    )
    refused = manager.post(f"/letters/{second['number']}/issue", version=second["version"], status=409)
    assert "已有该单位的这个岗位" in refused["detail"]


@pytest.mark.parametrize("state", ["nothing answered", "one no", "one not applicable"])
def test_nothing_is_issued_until_every_required_check_is_yes(manager: Caller, run: Runtime, state: str) -> None:
    number = manager.send_letter()["number"]
    version = manager.get(f"/letters/{number}")["version"]
    if state != "nothing answered":
        answer = {"one no": "no", "one not applicable": "not_applicable"}[state]
        version = manager.approve_checks(number, seal_clear=answer)["version"]
    refused = manager.post(f"/letters/{number}/issue", version=version, status=409)
    assert refused["obstacles"]
    assert count(run, ActivationLink) == 0


def test_many_press_at_once_and_there_is_one_account(postgres_run: Runtime) -> None:
    """T2, T4: eight presses by two managers on PostgreSQL; one account, one link, and nobody gets an error."""
    app = build_app(postgres_run)
    app.config["TESTING"] = True
    one, two = (Caller(app.test_client()).sign_in(name) for name in ("manager.donghu", "manager.nanchang"))
    accounts = count(postgres_run, Account)
    letter = checked(one)

    def press(number: int) -> dict[str, Any]:
        caller = (one, two)[number % 2]
        answer = app.test_client().post(
            f"/accounts/api/v1/letters/{letter['number']}/issue",
            headers={**caller.headers, "If-Match": str(letter["version"]), "Idempotency-Key": f"press-{number}"},
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json or {}
        return body

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(8)))
    assert len({answer["account"]["id"] for answer in answers}) == 1
    assert [answer["merged"] for answer in answers].count(False) == 1
    assert sum(answer["activation_url"] is not None for answer in answers) == 1
    assert count(postgres_run, Account) == accounts + 1
    assert count(postgres_run, ActivationLink) == 1
    assert len(events(postgres_run, "accounts.account_issued.v1")) == 1
    assert acts(postgres_run, letter["number"]).count("开通") == 1


def test_two_letters_for_one_new_person_at_once_make_one_account(postgres_run: Runtime) -> None:
    app = build_app(postgres_run)
    app.config["TESTING"] = True
    manager = Caller(app.test_client()).sign_in("manager.donghu")
    letters = []
    for role in ("school_admin", "teacher"):
        sent = manager.send_letter(role=role, person_name="新来人", identity_number=identity())
        seen = manager.get(f"/letters/{sent['number']}")
        answers = {check["id"]: "yes" for check in seen["checks"]}
        body = {"answers": answers, "remarks": {"not_duplicate": "一人两岗"}}
        letters.append(manager.put(f"/letters/{sent['number']}/checks", body, version=seen["version"]))

    def press(letter: dict[str, Any]) -> str:
        answer = app.test_client().post(
            f"/accounts/api/v1/letters/{letter['number']}/issue",
            headers={**manager.headers, "If-Match": str(letter["version"]), "Idempotency-Key": letter["number"]},
        )
        assert answer.status_code == 200, answer.text
        return str((answer.json or {})["account"]["id"])

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(press, letters))) == 1


def test_the_database_itself_allows_one_grant_for_one_ask(run: Runtime) -> None:
    from sqlalchemy.exc import IntegrityError

    with run.database.reading() as session:
        account, other = session.scalars(select(Account.id).limit(2)).all()
        unit = session.scalars(select(Unit.id).where(Unit.code == "3601020003")).one()
    from shared.database import utc_now

    def grant(account_id: str, ask_id: str | None) -> AccountRole:
        return AccountRole(account_id=account_id, role="teacher", unit_id=unit, ask_id=ask_id, held_from=utc_now())

    with pytest.raises(IntegrityError), run.database.transaction() as session:
        session.add_all([grant(account, "one-ask"), grant(other, "one-ask")])
    with pytest.raises(IntegrityError), run.database.transaction() as session:
        session.add_all([grant(account, None), grant(account, None)])


def test_pressing_in_the_browser_and_again_by_the_back_button(app: Flask, run: Runtime) -> None:
    browser = Browser(app).sign_in("manager.donghu")
    number = Caller(app.test_client()).send_letter()["number"]
    page = browser.get(f"/accounts/letters/{number}")
    assert "新建 1 个账号" in page
    seal = ["seal_clear", "seal_matches", "seal_entitled"]
    keys = ["readable", "unit_name", *seal, "contact", "date", "person_role", "not_duplicate"]
    answers = {f"answer.{key}": "yes" for key in keys}
    some = browser.submit(f"/accounts/letters/{number}", act="issue", **dict(list(answers.items())[:3]))
    assert some.status_code == 409
    assert "还没有核验" in some.text
    assert some.text.count("checked") >= 3, "what was ticked stays"
    before = browser.page
    done = browser.submit(f"/accounts/letters/{number}", act="issue", **answers)
    assert done.status_code == 303, done.text
    shown = browser.get(done.headers["Location"])
    assert "/accounts/activate/" in shown
    assert "/accounts/activate/" not in browser.get(done.headers["Location"]), "shown once"
    browser.page = before.replace('name="idempotency_key" value="', 'name="idempotency_key" value="other')
    assert browser.submit(f"/accounts/letters/{number}", act="issue", **answers).status_code == 303
    assert "未重复创建" in browser.get(f"/accounts/letters/{number}")
    assert count(run, ActivationLink) == 1


def test_a_suspended_holder_is_restored_first(manager: Caller, run: Runtime) -> None:
    letter = checked(manager)
    issued = manager.post(f"/letters/{letter['number']}/issue", version=letter["version"])
    manager.post(f"/accounts/{issued['account']['id']}/suspend", {"reason": "暂停"})
    manager.post(f"/accounts/{issued['account']['id']}/activation-links", status=409)
    lost = checked(manager, kind="lost_account")
    lost = manager.put(
        f"/letters/{lost['number']}/checks",
        {"answers": {c["id"]: "yes" for c in lost["checks"]}, "remarks": {"not_duplicate": "找回"}},
        version=lost["version"],
    )
    refused = manager.post(f"/letters/{lost['number']}/issue", version=lost["version"], status=409)
    assert "已停用" in refused["detail"]


def test_give_role_twice_is_a_conflict(run: Runtime) -> None:
    with run.database.transaction() as session:
        account = session.scalars(select(Account).where(Account.username == "teacher.li")).one()
        with pytest.raises(Conflict):
            give_role(session, account, "teacher", account.person.unit)
