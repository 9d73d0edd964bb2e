"""One-time links (T13): 48 hours, once, the newest only; and a page that says whom to call."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from services.accounts.access.models import Account, ActivationLink
from services.accounts.access.operations import LINK_LIFETIME
from shared.database import utc_now
from shared.service import Runtime
from tests.accounts.conftest import PASSWORD, Caller, events

GOOD = "Letter-2026-ok"


@pytest.fixture
def issued(manager: Caller) -> dict[str, str]:
    """A fresh account that nobody has activated: id, username, token."""
    number = manager.send_letter()["number"]
    version = manager.approve_checks(number)["version"]
    answer = manager.post(f"/letters/{number}/issue", version=version)
    token = answer["activation_url"].rsplit("/", 1)[-1]
    return {"number": number, **answer["account"], "token": token}


def test_a_link_sets_the_password_once(issued: dict[str, str], stranger: Caller, run: Runtime) -> None:
    stranger.post("/sessions", {"username": issued["username"], "password": GOOD}, status=401)
    path = f"/activations/{issued['token']}"
    assert stranger.post(path, {"password": GOOD}, status=201) == {"username": issued["username"]}
    assert stranger.sign_in(issued["username"], GOOD).account["name"] == "程若川"
    again = stranger.post(path, {"password": "Another-2026"}, status=409)
    assert "已使用" in again["detail"]
    assert again["link_state"] == "used"
    stranger.sign_in(issued["username"], GOOD)


def test_activation_puts_the_holder_in_post(issued: dict[str, str], stranger: Caller, run: Runtime) -> None:
    """Who cannot sign in yet must not keep a plan waiting."""
    before = len(events(run, "accounts.holders_changed.v1"))
    stranger.post(f"/activations/{issued['token']}", {"password": GOOD}, status=201)
    told = events(run, "accounts.holders_changed.v1")[before:]
    office = next(o for event in told for o in event["offices"] if o["office"] == "school_admin")
    assert office["unit_path"] == "360000/360100/360102/3601020003/"
    assert [holder["account_id"] for holder in office["holders"]] == [issued["id"]]


def test_a_weak_password_is_refused_and_the_link_stays_good(issued: dict[str, str], stranger: Caller) -> None:
    path = f"/activations/{issued['token']}"
    refused = stranger.post(path, {"password": "123"}, status=422)
    assert {error["field"] for error in refused["errors"]} == {"password"}
    stranger.post(path, {"password": GOOD}, status=201)


def test_after_48_hours_it_is_over(issued: dict[str, str], app: Flask, stranger: Caller) -> None:
    page = f"/accounts/activate/{issued['token']}"
    assert "程若川" in app.test_client().get(page).text
    with time_machine.travel(utc_now() + LINK_LIFETIME - timedelta(minutes=1), tick=True):
        assert app.test_client().get(page).status_code == 200
    with time_machine.travel(utc_now() + LINK_LIFETIME + timedelta(seconds=1), tick=True):
        refused = stranger.post(f"/activations/{issued['token']}", {"password": GOOD}, status=409)
        expired = app.test_client().get(page)
    assert "48 小时" in refused["detail"]
    assert "南昌市东湖区教育体育局" in refused["detail"], "says whom to call"
    assert "0791-00000102" in refused["detail"]
    assert expired.status_code == 410
    assert "已过期" in expired.text
    assert "0791-00000102" in expired.text


def test_resending_kills_the_old_link(issued: dict[str, str], manager: Caller, app: Flask) -> None:
    fresh = manager.post(f"/accounts/{issued['id']}/activation-links", status=201)
    token = fresh["activation_url"].rsplit("/", 1)[-1]
    stranger = Caller(app.test_client())
    refused = stranger.post(f"/activations/{issued['token']}", {"password": GOOD}, status=409)
    assert refused["link_state"] == "revoked"
    stranger.post(f"/activations/{token}", {"password": GOOD}, status=201)


def test_an_account_in_use_gets_no_link_without_a_letter(app: Flask, run: Runtime) -> None:
    """Who makes a link could set the password: not even the level above takes over an account in use."""
    for manager, username in (
        ("manager.donghu", "county.donghu2"),
        ("manager.donghu", "school.qingfeng"),
        ("manager.nanchang", "county.donghu2"),
        ("manager.province", "audit.province"),
    ):
        caller = Caller(app.test_client()).sign_in(manager)
        with run.database.reading() as session:
            account_id = session.scalars(select(Account.id).where(Account.username == username)).one()
        refused = caller.post(f"/accounts/{account_id}/activation-links", status=409)
        assert "账号遗失" in refused["detail"]
    with run.database.reading() as session:
        assert session.scalars(select(ActivationLink)).all() == []


def test_links_for_a_units_own_accounts_come_from_above(app: Flask, run: Runtime) -> None:
    """As letters do: the county's manager may not make the link of her own county's administrator."""
    with run.database.transaction() as session:
        account = session.scalars(select(Account).where(Account.username == "county.donghu2")).one()
        account.state, account.password_hash, account_id = "not_activated", None, account.id
    own = Caller(app.test_client()).sign_in("manager.donghu")
    refused = own.post(f"/accounts/{account_id}/activation-links", status=403)
    assert "上级账号管理员" in refused["detail"]
    above = Caller(app.test_client()).sign_in("manager.nanchang")
    above.post(f"/accounts/{account_id}/activation-links", status=201)


def test_a_teachers_letter_does_not_open_an_administrators_account(manager: Caller, run: Runtime) -> None:
    """A lost account is opened by a letter for its strongest role: that one takes a second manager."""
    from services.accounts import parts
    from services.accounts.access.operations import give_role
    from services.accounts.models import Unit

    with run.database.transaction() as session:
        account = session.scalars(select(Account).where(Account.username == "school.qingfeng")).one()
        training_school = session.scalars(select(Unit).where(Unit.code == "3601020901")).one()
        give_role(session, account, "county_training_school_admin", training_school)
        sealed = account.person.identity_sealed
    number = manager.send_letter(
        kind="lost_account",
        unit_code="3601020001",
        person_name="邹启文",
        identity_number=parts.identities(run).open(sealed),
        stamped_by="南昌市东湖区青枫小学",
    )["number"]
    version = manager.approve_checks(number)["version"]
    refused = manager.post(f"/letters/{number}/issue", version=version, status=409)
    assert "县级教师进修学校管理员" in refused["detail"]


def test_posts_without_a_body_refuse_one(issued: dict[str, str], manager: Caller) -> None:
    for path in (
        f"/letters/{issued['number']}/issue",
        f"/letters/{issued['number']}/confirm",
        f"/accounts/{issued['id']}/activation-links",
    ):
        refused = manager.post(path, {"role": "county_admin"}, version=9, status=422)
        assert [error["field"] for error in refused["errors"]] == ["role"]


def test_only_a_digest_of_the_link_is_kept(issued: dict[str, str], manager: Caller, run: Runtime) -> None:
    """Not even in the answer that a repeated request gets: the link is shown once."""
    key = {"Idempotency-Key": "resend-once"}
    path = f"/accounts/{issued['id']}/activation-links"
    first = manager.post(path, status=201, headers=key)
    assert manager.post(path, status=201, headers=key)["activation_url"] is None
    tokens = [issued["token"], first["activation_url"].rsplit("/", 1)[-1]]
    assert find_in_database(run, tokens) == []


def test_an_unknown_link_is_404(stranger: Caller, app: Flask) -> None:
    stranger.post("/activations/nothing", {"password": GOOD}, status=404)
    assert app.test_client().get("/accounts/activate/nothing").status_code == 404


def test_two_at_once_one_wins(issued: dict[str, str], app: Flask) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def use(password: str) -> int:
        answer = app.test_client().post(f"/accounts/api/v1/activations/{issued['token']}", json={"password": password})
        return answer.status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(use, ["First-2026-x", "Second-2026-y"])) == [201, 409]


def test_a_lost_account_gets_a_new_password_and_the_old_sessions_end(manager: Caller, app: Flask, run: Runtime) -> None:
    """FAQ-Q3: no second account, and whoever had the old password is out."""
    holder = Caller(app.test_client()).sign_in("school.qingfeng")
    with run.database.reading() as session:
        account = session.scalars(select(Account).where(Account.username == "school.qingfeng")).one()
        sealed = account.person.identity_sealed
    from services.accounts import parts

    number = manager.send_letter(
        kind="lost_account",
        unit_code="3601020001",
        person_name="邹启文",
        identity_number=parts.identities(run).open(sealed),
        stamped_by="南昌市东湖区青枫小学",
    )["number"]
    answer = manager.post(f"/letters/{number}/issue", version=manager.approve_checks(number)["version"])
    assert answer["account"]["username"] == "school.qingfeng"
    holder.get("/units")
    stranger = Caller(app.test_client())
    stranger.post(f"/activations/{answer['activation_url'].rsplit('/', 1)[-1]}", {"password": GOOD}, status=201)
    holder.get("/units", status=401)
    stranger.post("/sessions", {"username": "school.qingfeng", "password": PASSWORD}, status=401)
    stranger.sign_in("school.qingfeng", GOOD)
    with run.database.reading() as session:
        assert len(session.scalars(select(Account).where(Account.person_id == holder_person(run))).all()) == 1
        assert session.scalar(select(ActivationLink.used_at)) is not None


def holder_person(run: Runtime) -> str:
    """Person of school.qingfeng."""
    with run.database.reading() as session:
        return session.scalars(select(Account.person_id).where(Account.username == "school.qingfeng")).one()


def find_in_database(run: Runtime, needles: list[str]) -> list[str]:
    """Every table and column in which one of the texts stands in the clear."""
    from sqlalchemy import MetaData, Table

    found = []
    metadata = MetaData()
    metadata.reflect(run.database.engine)
    with run.database.engine.connect() as connection:
        for table in metadata.tables.values():
            assert isinstance(table, Table)
            for row in connection.execute(select(table)).mappings():
                for column, value in row.items():
                    text = bytes(value).decode("latin-1") if isinstance(value, (bytes, memoryview)) else str(value)
                    found += [f"{table.name}.{column}" for needle in needles if needle in text]
    return sorted(set(found))
