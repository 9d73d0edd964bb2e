"""The OpenAPI text of a service: flask-smorest, with what it leaves out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from apispec import BasePlugin
from flask import Flask, Response
from flask_smorest import Api
from werkzeug.exceptions import HTTPException

from shared import problems
from shared.schemas import Credits, Problem

SIGN_IN = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "POST /accounts/api/v1/sessions"}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "schema": {"type": "string", "maxLength": 80},
    "description": "每次提交一个新的唯一值；重试时用同一个值，只生效一次，并得到第一次的答复。",
}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "schema": {"type": "string"},
    "description": "所见版本号（读取时的 version 或 ETag）；已有人改动则答复 409，并说明何人何时。",
}


class ProblemApi(Api):  # type: ignore[misc]
    """flask-smorest with RFC 9457 answers; its own handler would also drop headers such as `Allow`."""

    def _register_responses(self) -> None:
        """Describes every error as what `shared/problems.py` answers."""
        content = {"application/problem+json": {"schema": Problem}}
        for name, code in [("DEFAULT_ERROR", 0), *((status.name, status.value) for status in HTTPStatus)]:
            text = problems.TITLES.get(code, ("错误",))[0]
            self.spec.components.response(name, {"description": text, "content": content}, lazy=True)

    def complete(self, app: Flask) -> None:
        """Adds to each operation what the view itself says: who may call it, and which headers it wants.

        Read from the view, so that the text cannot promise anything else than what happens.
        """
        self.spec.components.security_scheme("bearer", SIGN_IN)
        for rule in app.url_map.iter_rules():
            item = self.spec._paths.get(re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", str(rule)), {})
            view = app.view_functions[rule.endpoint]
            for method, operation in item.items():
                if method.upper() in (rule.methods or ()):
                    _complete(method, operation, view)

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Every HTTP error of the app."""
        return problems.http_error(error)


class FormsWithFiles(BasePlugin):
    """Describes a form that carries a file: flask-smorest knows only one body, and would leave the fields behind."""

    def operation_helper(self, path: Any = None, operations: Any = None, **_: Any) -> None:
        """Moves the fields of each operation's form into the body that holds its file."""
        for operation in (operations or {}).values():
            parameters = operation.get("parameters", [])
            fields = [p for p in parameters if p.get("in") == "formData"]
            if not fields:
                continue
            form = {
                "type": "object",
                "properties": {p["name"]: {"description": p.get("description", ""), **p["schema"]} for p in fields},
                "required": [p["name"] for p in fields if p.get("required")],
            }
            body = operation["requestBody"]["content"]["multipart/form-data"]
            body["schema"] = {"allOf": [form, body["schema"]]}
            operation["parameters"] = [p for p in parameters if p not in fields]


def _complete(method: str, operation: dict[str, Any], view: Callable[..., Any]) -> None:
    if "anyone" not in getattr(view, "allows", ()):
        operation["security"] = [{"bearer": []}]
    wanted = []
    if method == "post" and not getattr(view, "repeatable", None):
        wanted.append(IDEMPOTENCY_KEY)
    if "expected_version()" in inspect.getsource(inspect.unwrap(view)):
        wanted.append(IF_MATCH)
    if wanted:
        operation["parameters"] = [*operation.get("parameters", []), *wanted]


def make_api(app: Flask, title: str) -> ProblemApi:
    """The API of an app, described at `/<service>/api/openapi.json`."""
    options = {"info": {"description": title}, "servers": [{"url": "/"}], "extra_plugins": [FormsWithFiles()]}
    api = ProblemApi(app, spec_kwargs=options)
    # An exact decimal is text in JSON, which the default for decimals does not say.
    api.register_field(Credits, "string", "decimal")
    return api
