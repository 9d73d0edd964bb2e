"""accounts on both databases, with the sample province loaded once and copied for each test."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from services.accounts import cli
from services.accounts.access.passwords import Passwords
from shared import migrations
from shared.jobs import run_job
from shared.outbox import OutboxRow, OutboxTodo
from shared.service import Runtime, make_runtime
from shared.settings import Settings, load_settings
from shared.web import build_app
from tests import servers

DATA = Path(__file__).resolve().parents[1] / "data"
PASSWORD = "Xuefen-2026"


def quick_passwords() -> Passwords:
    """Argon2id with the least parameters: tests are about what surrounds it."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return Passwords(hasher, decoy=hasher.hash("nobody knows"))


def start(settings: Settings) -> Runtime:
    """accounts with its tables and the sample province."""
    run = make_runtime("accounts", settings)
    migrations.upgrade("accounts", run.database.engine)
    run.extras["passwords"] = quick_passwords()
    cli.load_sample(run)
    return run


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the sample province in SQLite."""
    folder = tmp_path_factory.mktemp("accounts-template")
    run = start(load_settings({"XUEFEN_DATA": str(folder)}))
    run.database.dispose()
    return folder


@pytest.fixture
def sqlite_run(template: Path, tmp_path: Path) -> Iterator[Runtime]:
    """accounts on SQLite with the sample province."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    run = make_runtime("accounts", load_settings({"XUEFEN_DATA": str(tmp_path)}))
    run.extras["passwords"] = quick_passwords()
    yield run
    run.database.dispose()


@pytest.fixture(scope="session")
def postgres_template(template: Path) -> Iterator[tuple[Path, str]]:
    """The same in PostgreSQL, with the secrets of the SQLite one; as it was loaded for each test."""
    servers.need_servers(rabbitmq=False)
    url = servers.create_database("xuefen_accounts")
    start(on_postgres(template, url)).database.dispose()
    servers.keep_rows(url)
    yield template, url
    servers.drop_database(url)


@pytest.fixture
def postgres_run(postgres_template: tuple[Path, str], tmp_path: Path) -> Iterator[Runtime]:
    """accounts on PostgreSQL with the sample province."""
    folder, url = postgres_template
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    servers.reset_database(url)
    run = make_runtime("accounts", on_postgres(tmp_path, url))
    run.extras["passwords"] = quick_passwords()
    yield run
    run.database.dispose()


def on_postgres(folder: Path, url: str) -> Settings:
    """Settings of a data folder with accounts' database elsewhere."""
    settings = load_settings({"XUEFEN_DATA": str(folder)})
    return replace(settings, database_urls={**settings.database_urls, "accounts": url})


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def run(request: pytest.FixtureRequest) -> Runtime:
    """accounts on each database in turn."""
    found: Runtime = request.getfixturevalue(f"{request.param}_run")
    return found


@pytest.fixture
def app(run: Runtime) -> Flask:
    """The web side."""
    made = build_app(run)
    made.config["TESTING"] = True
    return made


def events(run: Runtime, name: str) -> list[dict[str, Any]]:
    """Payloads of the published events of that name, oldest first."""
    with run.database.reading() as session:
        query = select(OutboxRow.payload).where(OutboxRow.name == name).order_by(OutboxRow.id)
        return list(session.scalars(query))


def run_jobs(run: Runtime) -> None:
    """Runs every job that waits, as the worker would."""
    with run.database.reading() as session:
        query = select(OutboxRow).join(OutboxTodo, OutboxTodo.outbox_id == OutboxRow.id)
        waiting = [
            (row.event_id, row.name, row.payload) for row in session.scalars(query.where(OutboxRow.kind == "job"))
        ]
    for job_id, name, arguments in waiting:
        run_job(run.database, run.service.jobs, job_id, name, arguments, {}, run)


class Caller:
    """Somebody who calls the API; before `sign_in`, a stranger."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.headers: dict[str, str] = {}
        self.account: dict[str, Any] = {}
        self._keys = 0

    def sign_in(self, username: str, password: str = PASSWORD) -> Caller:
        """Signs in and keeps the token."""
        answer = self.client.post("/accounts/api/v1/sessions", json={"username": username, "password": password})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.get_json()
        self.headers["Authorization"] = f"Bearer {body['token']}"
        self.account = body["account"]
        return self

    def call(self, method: str, path: str, *, status: int = 200, version: int | None = None, **rest: Any) -> Any:
        """Calls `path` below /accounts/api/v1 and checks the status; a POST gets a key of its own unless given."""
        headers = dict(self.headers) | rest.pop("headers", {})
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        if method == "POST":
            self._keys += 1
            headers.setdefault("Idempotency-Key", f"test-{id(self)}-{self._keys}")
        answer = self.client.open("/accounts/api/v1" + path, method=method, headers=headers, **rest)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.get_json(silent=True)

    def get(self, path: str, **rest: Any) -> Any:
        """GET."""
        return self.call("GET", path, **rest)

    def post(self, path: str, body: Any = None, **rest: Any) -> Any:
        """POST with a JSON body."""
        return self.call("POST", path, json=body if body is not None else {}, **rest)

    def put(self, path: str, body: Any, **rest: Any) -> Any:
        """PUT with a JSON body."""
        return self.call("PUT", path, json=body, **rest)

    def send_letter(self, file: Path = DATA / "letter.pdf", *, status: int = 201, **changes: Any) -> Any:
        """Sends a letter in as the public form does; `changes` replace fields of it."""
        with file.open("rb") as content:
            return self.call(
                "POST", "/letters", status=status, data={**letter_form(**changes), "file": (content, file.name)}
            )

    def send_letter_with(self, headers: dict[str, str]) -> Any:
        """The letter of tests/data under headers of one's own."""
        with (DATA / "letter.pdf").open("rb") as content:
            data = {**letter_form(), "file": (content, "letter.pdf")}
            return self.call("POST", "/letters", status=201, data=data, headers=headers)

    def approve_checks(self, number: str, **answers: str) -> Any:
        """Answers every check 是, but those given otherwise."""
        letter = self.get(f"/letters/{number}")
        given = {check["id"]: "yes" for check in letter["checks"]} | answers
        return self.put(f"/letters/{number}/checks", {"answers": given}, version=letter["version"])


@pytest.fixture
def stranger(app: Flask) -> Caller:
    """Somebody who has not signed in."""
    return Caller(app.test_client())


@pytest.fixture
def sqlite_stranger(sqlite_run: Runtime) -> Caller:
    """A stranger where the database makes no difference."""
    made = build_app(sqlite_run)
    made.config["TESTING"] = True
    return Caller(made.test_client())


@pytest.fixture
def manager(app: Flask) -> Caller:
    """The account manager of 东湖区."""
    return Caller(app.test_client()).sign_in("manager.donghu")


class Browser:
    """Somebody at a page: fills in forms as they are, with the hidden fields that they carry."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def sign_in(self, username: str, password: str = PASSWORD, next_page: str = "/") -> Browser:
        """Signs in by the form."""
        self.get("/accounts/sign-in")
        answer = self.submit("/accounts/sign-in", username=username, password=password, next=next_page)
        assert answer.status_code == 302, answer.text
        self.sent_to = answer.headers["Location"]
        return self

    def get(self, path: str, status: int = 200) -> str:
        """The page at `path`; its forms can be submitted next."""
        answer = self.client.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code}"
        self.page = answer.text
        return self.page

    def submit(self, action: str, **fields: Any) -> TestResponse:
        """Posts to `action` with the guards of the page last seen."""
        hidden = dict(re.findall(r'<input type="hidden" name="(csrf_token|version)" value="([^"]*)"', self.page))
        keys = re.findall(r'name="idempotency_key" value="([^"]*)"', self.page)
        return self.client.post(action, data={**hidden, **({"idempotency_key": keys[0]} if keys else {}), **fields})


def letter_form(**changes: Any) -> dict[str, str]:
    """What the public form sends beside the file, for the letter in tests/data."""
    facts = json.loads((DATA / "letter.json").read_text(encoding="utf-8"))
    form = {
        "kind": "new_holder",
        "unit_code": facts["unit_code"],
        "role": facts["role"],
        "person_name": facts["person"],
        "identity_number": facts["identity"],
        "phone": facts["contact_phone"],
        "stamped_by": facts["signed_by"],
        "dated": facts["signed_on"],
    }
    return {key: str(value) for key, value in {**form, **changes}.items() if value is not None}
