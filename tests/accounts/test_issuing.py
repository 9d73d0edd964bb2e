"""From checks to account: exactly one, whoever presses how often (T2, T4); returned, refused, confirmed by a second."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from services.accounts.access.models import Account, AccountRole, ActivationLink
from services.accounts.access.operations import give_role
from services.accounts.intake.models import Letter
from services.accounts.models import HistoryLine, Person, Unit
from shared.errors import Conflict
from shared.service import Runtime
from shared.web import build_app
from tests.accounts.conftest import DATA, Browser, Caller, events

NEW_PERSON = {"person_name": "新来人", "identity_number": "360102199001010005"}
"""Somebody whom the register does not know; the check digit is put right by `identity`."""


def identity(digits: str = "36010219900101000") -> str:
    """A valid number for tests that is nobody's: sequence 000."""
    from stdnum.cn.ric import calc_check_digit

    return digits + calc_check_digit(digits + "0")


def count(run: Runtime, model: Any) -> int:
    """Rows of a table."""
    with run.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def acts(run: Runtime, number: str) -> list[str]:
    """The history of a letter, as words."""
    with run.database.reading() as session:
        letter_id = session.scalars(select(Letter.id).where(Letter.number == number)).one()
        query = select(HistoryLine.act).where(HistoryLine.subject_id == letter_id).order_by(HistoryLine.id)
        return list(session.scalars(query))


def checked(manager: Caller, **changes: Any) -> dict[str, Any]:
    """A letter with every check 是."""
    number = manager.send_letter(**changes)["number"]
    letter: dict[str, Any] = manager.approve_checks(number)
    return letter


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


def test_wrong_answers_are_named(manager: Caller) -> None:
    number = manager.send_letter()["number"]
    path = f"/letters/{number}/checks"
    refused = manager.put(path, {"answers": {"call_back": "yes"}}, version=1, status=422)
    assert refused["errors"][0]["field"] == "answers.call_back"
    manager.put(path, {"answers": {"date": "perhaps"}}, version=1, status=422)
    manager.put(path, {"answers": {}, "verdict": "yes"}, version=1, status=422)
    manager.put(path, {"answers": {"date": "yes"}}, status=428)


def test_who_comes_second_is_told_who_was_first(manager: Caller, app: Flask) -> None:
    """T2, C13: with a version that is no longer so, and on a letter that is decided."""
    other = Caller(app.test_client()).sign_in("manager.nanchang")
    number = manager.send_letter()["number"]
    seen = other.get(f"/letters/{number}")["version"]
    manager.approve_checks(number, seal_clear="no")
    stale = other.put(f"/letters/{number}/checks", {"answers": {"date": "yes"}}, version=seen, status=409)
    assert "熊知秋" in stale["detail"]
    version = manager.get(f"/letters/{number}")["version"]
    manager.post(f"/letters/{number}/return", {}, version=version)
    refusal = {"reason_code": "other", "text": "x"}
    decided = other.post(f"/letters/{number}/refuse", refusal, version=version, status=409)
    assert "由熊知秋退回补正" in decided["detail"]
    assert (decided["decided_by"], decided["verdict"]) == ("熊知秋", "returned")


def test_a_returned_letter_lists_the_noes_and_comes_back_with_only_those_open(
    manager: Caller, stranger: Caller, run: Runtime
) -> None:
    number = manager.send_letter()["number"]
    manager.post(f"/letters/{number}/return", {}, version=1, status=409)
    version = manager.approve_checks(number, seal_clear="no", date="no")["version"]
    path = f"/letters/{number}/return"
    manager.post(path, {"points": {"contact": "多余"}}, version=version, status=422)
    returned = manager.post(path, {"points": {"seal_clear": "第 1 页印章太淡。"}}, version=version)
    assert [(p["check"], p["text"]) for p in returned["points"]] == [
        ("seal_clear", "第 1 页印章太淡。"),
        ("date", "落款日期 2026-11-16 不在 90 日内，请重新出具。"),
    ]
    phone = {"number": number, "phone": "0791-00001003"}
    status = stranger.get("/letters/status", query_string=phone)
    assert status["points"] == returned["points"]
    assert status["correct_by"]
    with (DATA / "letter.jpg").open("rb") as scan:
        data = {"phone": "0791-00001003", "dated": "2026-11-20", "file": (scan, "重扫.jpg")}
        stranger.call("POST", f"/letters/{number}/resubmission", data=data)
    again = manager.get(f"/letters/{number}")
    assert (again["status"], again["round"], again["dated"]) == ("received", 2, "2026-11-20")
    assert again["scan"]["filename"] == "重扫.jpg"
    assert {check["id"] for check in again["checks"] if check["answer"] is None} == {"seal_clear", "date"}
    assert acts(run, number) == ["收到", "核验", "退回补正", "补正"]
    with (DATA / "letter.jpg").open("rb") as scan:
        data = {"phone": "0791-00001003", "file": (scan, "又扫.jpg")}
        stranger.call("POST", f"/letters/{number}/resubmission", data=data, status=409)


def test_refusing_needs_a_reason_from_the_list_and_a_sentence(manager: Caller, stranger: Caller) -> None:
    number = manager.send_letter()["number"]
    path = f"/letters/{number}/refuse"
    manager.post(path, {"reason_code": "because", "text": "不行"}, version=1, status=422)
    manager.post(path, {"reason_code": "not_genuine", "text": " "}, version=1, status=422)
    manager.post(path, {"reason_code": "not_genuine", "text": "经回访，单位未出具此函。"}, version=1)
    status = stranger.get("/letters/status", query_string={"number": number, "phone": "0791-00001003"})
    assert status["status_title"] == "不予受理"
    assert "经回访，单位未出具此函。" in status["reason"]
    manager.post(f"/letters/{number}/issue", version=2, status=409)


class TestTwoManagers:
    """High-privilege roles: the second may not be the first."""

    @pytest.fixture
    def letter(self, app: Flask, run: Runtime) -> dict[str, Any]:
        """A letter for a county's administrator with every check 是, answered by the district's manager."""
        first = Caller(app.test_client()).sign_in("manager.nanchang")
        found = checked(
            first,
            unit_code="360103",
            role="county_admin",
            person_name="新来人",
            identity_number=identity(),
            stamped_by="南昌市西湖区教育体育局",
        )
        return {**found, "first": first, "second": Caller(app.test_client()).sign_in("manager.province")}

    def test_without_the_second_nothing_is_issued(self, letter: dict[str, Any]) -> None:
        first, path, version = letter["first"], f"/letters/{letter['number']}", letter["version"]
        assert letter["needs_second"]
        assert "call_back" in {check["id"] for check in letter["checks"]}
        assert "复核" in first.post(f"{path}/issue", version=version, status=409)["detail"]
        assert first.get("/letters?status=second")["items"][0]["number"] == letter["number"]
        assert "自己复核" in first.post(f"{path}/confirm", version=version, status=403)["detail"]

    def test_the_second_confirms_and_either_issues(self, letter: dict[str, Any], run: Runtime) -> None:
        path = f"/letters/{letter['number']}"
        confirmed = letter["second"].post(f"{path}/confirm", version=letter["version"])
        assert confirmed["confirmed_by"] == "冷知节"
        issued = letter["first"].post(f"{path}/issue", version=confirmed["version"])
        assert issued["account"]["username"] == "360103-01"
        assert events(run, "accounts.people_changed.v1")[-1]["people"][0]["kind"] == "education_authority_staff"

    def test_a_change_of_answers_takes_the_confirmation_back(self, letter: dict[str, Any]) -> None:
        path = f"/letters/{letter['number']}"
        confirmed = letter["second"].post(f"{path}/confirm", version=letter["version"])
        answers = {check["id"]: "yes" for check in letter["checks"]}
        body = {"answers": answers, "remarks": {"call_back": "换号再拨"}}
        changed = letter["second"].put(f"{path}/checks", body, version=confirmed["version"])
        assert changed["confirmed_by"] is None
        letter["second"].post(f"{path}/issue", version=changed["version"], status=409)
        letter["second"].post(f"{path}/confirm", version=changed["version"], status=403)
        letter["first"].post(f"{path}/confirm", version=changed["version"])


def test_a_new_county_is_opened_by_its_letter(app: Flask, run: Runtime) -> None:
    """FAQ-Q4: to the province; the unit does not exist before the account does (C9)."""
    stranger, province = Caller(app.test_client()), Caller(app.test_client()).sign_in("manager.province")
    form: dict[str, Any] = {
        "kind": "new_district",
        "unit_code": "360199",
        "unit_name": "南昌市新湖区",
        "role": "account_manager",
        "person_name": "新来人",
        "identity_number": identity(),
        "stamped_by": "南昌市新湖区教育体育局",
    }
    assert "unit_code" in str(stranger.send_letter(status=422, **{**form, "unit_code": "12"}))
    assert "unit_code" in str(stranger.send_letter(status=422, **{**form, "unit_code": "369999"}))
    assert "unit_name" in str(stranger.send_letter(status=422, **{**form, "unit_name": ""}))
    assert "role" in str(stranger.send_letter(status=422, **{**form, "role": "school_admin"}))
    assert "kind" in str(stranger.send_letter(status=422, **{**form, "unit_code": "360102"}))
    sent = stranger.send_letter(**form)
    assert sent["handler"] == "江西省教育厅"
    Caller(app.test_client()).sign_in("manager.nanchang").get(f"/letters/{sent['number']}", status=404)
    version = province.approve_checks(sent["number"])["version"]
    with run.database.transaction() as session:
        helper = session.scalars(select(Account).where(Account.username == "audit.province")).one()
        give_role(session, helper, "account_manager", session.scalars(select(Unit).where(Unit.code == "360000")).one())
    second = Caller(app.test_client()).sign_in("audit.province")
    version = second.post(f"/letters/{sent['number']}/confirm", version=version)["version"]
    issued = province.post(f"/letters/{sent['number']}/issue", version=version)
    assert issued["account"]["username"] == "360199-01"
    unit = province.get("/units/360199")
    assert (unit["path"], unit["kind"], unit["body"]) == (
        "360000/360100/360199/",
        "county",
        "南昌市新湖区教育体育局",
    )
    assert events(run, "accounts.units_changed.v1")[-1]["units"][0]["path"] == "360000/360100/360199/"


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
