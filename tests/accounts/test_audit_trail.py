"""Everything a person did is in the audit trail, and a row changed by hand is found (issue D, shows it 5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from services.accounts.access.edge import sign_in
from shared import audit_trail
from shared.audit_trail import AuditPending, AuditRow, Entry, record, seal, verify
from shared.cli import cli
from shared.errors import NotSignedIn
from shared.service import Runtime
from tests.accounts.conftest import PASSWORD, Browser, Caller, letter_form
from tests.accounts.test_suspension import WHY, account_id
from tests.at_once import at_once


def fill(run: Runtime, count: int = 5) -> str:
    """A sealed trail of that many acts; the hash of its last row."""
    with run.database.transaction() as session:
        record(session, *[Entry(act=f"act {number}", record=f"plan_id={number}") for number in range(1, count + 1)])
    assert seal(run.database) == count
    with run.database.reading() as session:
        number, digest = audit_trail.head(session)
    assert number == count
    return digest


def by_hand(run: Runtime, *statements: Any) -> None:
    """Changes the trail as somebody would who is master of the database."""
    with run.database.transaction() as session:
        if run.database.is_sqlite:
            for act in ("update", "delete"):
                session.execute(text(f"DROP TRIGGER IF EXISTS audit_trail_no_{act}"))
        else:
            session.execute(text("ALTER TABLE audit_trail DISABLE TRIGGER audit_trail_append_only"))
        for statement in statements:
            session.execute(statement)
        if not run.database.is_sqlite:
            session.execute(text("ALTER TABLE audit_trail ENABLE TRIGGER audit_trail_append_only"))


def faults(run: Runtime, **heads: str) -> list[str]:
    """What verifying finds; `heads`: n5="…"."""
    with run.database.reading() as session:
        return verify(session, {int(name[1:]): digest for name, digest in heads.items()}).faults


def acts(run: Runtime) -> list[AuditRow]:
    """The whole trail, after sealing."""
    seal(run.database)
    assert faults(run) == []
    with run.database.reading() as session:
        return list(session.scalars(select(AuditRow).order_by(AuditRow.number)))


def test_d5_a_row_changed_by_hand_is_found(run: Runtime) -> None:
    digest = fill(run)
    assert faults(run, n5=digest) == []
    for change in (update(AuditRow).values(record="plan_id=9"), delete(AuditRow)):
        with pytest.raises(DBAPIError, match="append-only"), run.database.transaction() as session:
            session.execute(change)
    by_hand(run, update(AuditRow).where(AuditRow.number == 3).values(record="plan_id=9"))
    assert faults(run) == ["3: was changed or inserted: what it says does not give its hash"]
    with run.database.reading() as session:
        facts = session.execute(select(*AuditRow.__table__.columns).where(AuditRow.number == 3)).one()._mapping
    forged = audit_trail.digest(3, facts["previous"], facts)
    by_hand(run, update(AuditRow).where(AuditRow.number == 3).values(hash=forged))
    assert [fault.split(" ")[:2] for fault in faults(run)] == [["4:", "names"]]  # its own hash fits, the next row tells


def test_d5_a_row_removed_or_inserted_is_found(run: Runtime) -> None:
    digest = fill(run)
    by_hand(run, delete(AuditRow).where(AuditRow.number == 5))
    assert faults(run) == []  # a chain cut off at its end looks whole
    assert faults(run, n5=digest) == ["5: was written down as the last row, but the trail ends with 4"]
    by_hand(run, delete(AuditRow).where(AuditRow.number.in_([1, 3])))
    assert faults(run) == ["2: row 1 is missing before it", "4: row 3 is missing before it"]
    with run.database.reading() as session:
        copied = dict(session.execute(select(*AuditRow.__table__.columns).where(AuditRow.number == 4)).one()._mapping)
    by_hand(run, insert(AuditRow).values({**copied, "number": 3}))
    assert "3: was changed or inserted: what it says does not give its hash" in faults(run)


def test_d5_the_command_names_service_and_number(sqlite_run: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = fill(sqlite_run)
    monkeypatch.setenv("XUEFEN_DATA", str(sqlite_run.settings.data_dir))
    on_accounts = ["--service", "accounts"]
    head = CliRunner().invoke(cli, ["audit", "head", *on_accounts])
    assert head.output.strip() == f"accounts:5:{digest}"
    good = CliRunner().invoke(cli, ["audit", "verify", *on_accounts, "--head", head.output])
    assert (good.exit_code, good.output) == (0, f"accounts: 5 rows, last 5:{digest}\n")
    by_hand(sqlite_run, update(AuditRow).where(AuditRow.number == 2).values(account_id="somebody-else"))
    bad = CliRunner().invoke(cli, ["audit", "verify", *on_accounts])
    assert bad.exit_code == 1
    assert "accounts 2: was changed" in bad.output
    assert CliRunner().invoke(cli, ["audit", "verify", *on_accounts, "--head", "5"]).exit_code == 2


def test_d5_many_at_once_and_two_sealers_make_one_chain(run: Runtime) -> None:
    def write(number: int) -> None:
        with run.database.transaction() as session:
            record(session, Entry(act=f"act {number}"))
        seal(run.database)

    at_once(*[lambda number=number: write(number) for number in range(8)])
    assert sorted(row.act for row in acts(run)) == [f"act {number}" for number in range(8)]


def test_d5_an_act_that_commits_late_is_chained_later(postgres_run: Runtime) -> None:
    with postgres_run.database.transaction() as slow:
        record(slow, Entry(act="slow"))
        with postgres_run.database.transaction() as quick:
            record(quick, Entry(act="quick"))
        assert seal(postgres_run.database) == 1
    assert [row.act for row in acts(postgres_run)] == ["quick", "slow"]


def test_d5_every_change_is_there_once_and_none_that_failed(manager: Caller, run: Runtime) -> None:
    school = account_id(run, "school.qingfeng")
    path = f"/accounts/{school}/suspend"
    manager.post(path, {"reason": ""}, status=422)
    manager.post(f"/accounts/{account_id(run, 'province')}/suspend", WHY, status=404)
    for _ in range(2):  # the second answer is the first one again
        manager.post(path, WHY, headers={"Idempotency-Key": "one-key", "X-Request-ID": "request-0001"})
    signed_in, suspended = acts(run)
    assert (signed_in.act, signed_in.account_id) == ("accounts.signed_in", manager.account["id"])
    assert suspended.act == "POST /accounts/api/v1/accounts/<account_id>/suspend"
    assert (suspended.account_id, suspended.unit_path) == (manager.account["id"], "360000/360100/360102/")
    assert (suspended.record, suspended.request_id) == (f"account_id={school}", "request-0001")
    assert suspended.person_id
    assert suspended.details == {"made": school}


def test_d5_refused_sign_ins_are_there_without_telling_what_was_wrong(run: Runtime) -> None:
    for username, password in (("teacher.li", "wrong password"), ("nobody", PASSWORD), ("teacher.li", "another")):
        with pytest.raises(NotSignedIn):
            sign_in(run, username, password, "test", "192.0.2.1")
    one, other, again = acts(run)
    assert {(row.act, row.account_id, row.person_id) for row in (one, other, again)} == {
        ("accounts.sign_in_refused", "anonymous", None)
    }
    assert one.record == again.record != other.record
    assert "teacher.li" not in one.record


def test_d5_nothing_sensitive_is_in_it(sqlite_run: Runtime, sqlite_stranger: Caller) -> None:
    number = sqlite_stranger.send_letter()["number"]
    manager = Browser(sqlite_stranger.client.application).sign_in("manager.donghu")
    manager.get(f"/accounts/letters/{number}")
    assert manager.submit(f"/accounts/letters/{number}/original").status_code == 200
    form = letter_form()
    rows = acts(sqlite_run)
    assert [row.act for row in rows] == [
        "POST /accounts/api/v1/letters",
        "accounts.signed_in",
        "POST /accounts/letters/<number>/original",
    ]
    assert (rows[0].account_id, rows[0].details["made"]) == ("anonymous", number)
    text_of_all = json.dumps([[row.act, row.record, row.details] for row in rows], ensure_ascii=False)
    with sqlite_run.database.reading() as session:
        assert session.scalar(select(AuditPending.id)) is None
    for secret in (form["identity_number"], form["person_name"], form["phone"], form["stamped_by"], PASSWORD):
        assert secret not in text_of_all
