"""A service with one address of each kind, for the tests of the web side: what it does is a row in `kernel_deeds`."""

# mypy: disallow_untyped_decorators=False
from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint as Pages
from flask import Flask, Response, render_template_string, request
from flask_smorest import Blueprint
from marshmallow import fields
from sqlalchemy import MetaData, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response as AnyResponse

from shared.actors import Office
from shared.database import NAMING, Database, PlatformBase
from shared.errors import Conflict
from shared.schemas import Schema
from shared.service import Runtime, Service
from shared.web import ANYONE, SIGNED_IN, actor, allow, expected_version, once, repeatable, transaction
from tests.shared.kernel import Site, make_site, open_database


class DeedBase(DeclarativeBase):
    """The table of these tests."""

    metadata = MetaData(naming_convention=NAMING)


class Deed(DeedBase):
    """Something was done; nothing makes it unique, so that twice shows as two."""

    __tablename__ = "kernel_deeds"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class DeedIn(Schema):
    """What is to be done."""

    name = fields.String(required=True)


class DeedOut(DeedIn):
    """What was done."""

    id = fields.Integer()


class Upload(Schema):
    """A file."""

    file = fields.Raw(required=True)


DEEDS = "/plans/api/v1/deeds"
CHINESE = re.compile("[\u4e00-\u9fff]")
SECRET = "内部密码 360102199003070017 /etc/shadow"
"""What an error of ours might hold."""


def deeds(database: Database) -> list[str]:
    """What was done, in order."""
    with database.reading() as session:
        return list(session.scalars(select(Deed.name).order_by(Deed.id)))


def do(session: Any, name: str) -> Deed:
    """The operation."""
    deed = Deed(name=name)
    session.add(deed)
    session.flush()
    return deed


def _api() -> Blueprint:
    """New for each app, for a blueprint is registered once."""
    blp = Blueprint("deeds_api", __name__, url_prefix="/plans/api/v1", description="")

    @blp.route("/deeds", methods=["POST"])
    @blp.arguments(DeedIn)
    @blp.response(201, DeedOut)
    @allow(SIGNED_IN)
    def make(body: dict[str, Any]) -> Response:
        with once() as tx:
            return tx.json(DeedOut(), do(tx.session, body["name"]), 201, version=7)

    @blp.route("/letters", methods=["POST"])
    @blp.arguments(DeedIn, location="form")
    @blp.arguments(Upload, location="files")
    @blp.response(201, DeedOut)
    @allow(ANYONE)
    def send(form: dict[str, Any], files: dict[str, Any]) -> Response:
        content = files["file"].stream.read()
        with once() as tx:
            return tx.json(DeedOut(), do(tx.session, f"{form['name']} {len(content)}"), 201)

    @blp.route("/refused", methods=["POST"])
    @allow(SIGNED_IN)
    def refuse() -> Response:
        with once() as tx:
            do(tx.session, "refused")
            if request.args.get("anyway"):
                return tx.json(DeedOut(), {"name": "anyway", "id": 0})
            raise Conflict("已由李某办理。", decided_by="李某")

    @blp.route("/silent", methods=["POST"])
    @allow(SIGNED_IN)
    def no_answer() -> Response:
        with once() as tx:
            do(tx.session, "no answer")
        return Response("done")

    @blp.route("/sessions", methods=["POST"])
    @blp.arguments(DeedIn)
    @allow(ANYONE)
    @repeatable("for the test")
    def again(body: dict[str, Any]) -> Response:
        return Response("again")

    @blp.route("/deeds/<name>", methods=["PUT"])
    @blp.arguments(DeedIn)
    @allow(Office.PLAN_REVIEW)
    def change(body: dict[str, Any], name: str) -> Response:
        with transaction() as session:
            do(session, f"{body['name']} at {expected_version()}")
        return Response(status=204)

    @blp.route("/deeds/<name>", methods=["GET"])
    @allow(SIGNED_IN)
    def show(name: str) -> dict[str, str]:
        return {"name": name, "actor": actor().account_id}

    @blp.route("/boom", methods=["GET"])
    @allow(ANYONE)
    def boom() -> None:
        raise RuntimeError(SECRET)

    @blp.route("/forgotten", methods=["GET", "POST"])
    def nobody_said_who() -> str:
        return "came in"

    return blp


FORM = (
    '{% import "macros.html" as ui with context %}<form method="post">{{ ui.form_guards(version=3) }}</form>'
    "{{ actor.account_id }}"
)


def _pages() -> Pages:
    bp = Pages("deeds", __name__)

    @bp.get("/plans/form")
    @allow(SIGNED_IN)
    def form() -> str:
        return render_template_string(FORM)

    @bp.get("/plans/open")
    @allow(ANYONE)
    def everybody() -> str:
        return render_template_string(FORM.replace("{{ actor.account_id }}", ""))

    @bp.post("/plans/form")
    @allow(SIGNED_IN)
    def submit() -> AnyResponse:
        with once() as tx:
            do(tx.session, f"{request.form['name']} at {expected_version()}")
            return tx.redirect("/plans/form?done=1")

    @bp.post("/plans/open")
    @allow(ANYONE)
    @repeatable("for the test")
    def touch() -> str:
        return "touched"

    @bp.get("/plans/boom")
    @allow(ANYONE)
    def boom() -> str:
        raise RuntimeError(SECRET)

    @bp.get("/plans/forgotten")
    def nobody_said_who() -> str:
        return "came in"

    @bp.get("/plans/activate/<token>")
    @allow(ANYONE)
    def activate(token: str) -> str:
        if token == "boom":
            raise RuntimeError(SECRET)
        return "active"

    return bp


def register(app: Flask, run: Runtime) -> None:
    """All addresses."""
    app.extensions["smorest_api"].register_blueprint(_api())
    app.register_blueprint(_pages())


SERVICE = Service(
    name="plans",
    title="方案与培训",
    metadata=[PlatformBase.metadata, DeedBase.metadata],
    access_is_good=lambda *_: True,
    register=register,
)


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found, page
    return html.unescape(found[1])


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """The body of an error for programs, which must be whole and Chinese."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = answer.get_json()
    assert body["status"] == status
    assert body["type"].startswith("urn:xuefen:problem:")
    assert CHINESE.search(body["title"])
    assert CHINESE.search(body["detail"])
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert "<" not in answer.text
    return body


@contextmanager
def open_site(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Site]:
    """The service on an empty database of that kind."""
    database = open_database(kind, request, *SERVICE.metadata)
    yield make_site(folder, SERVICE, database)
    database.dispose()
