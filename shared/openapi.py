"""The OpenAPI text of a service: flask-smorest, with what it leaves out."""

from __future__ import annotations

from typing import Any

from apispec import BasePlugin
from flask import Flask, Response
from flask_smorest import Api
from werkzeug.exceptions import HTTPException

from shared import problems
from shared.schemas import Credits


class ProblemApi(Api):  # type: ignore[misc]
    """flask-smorest with RFC 9457 answers; its own handler would also drop headers such as `Allow`."""

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


def make_api(app: Flask, title: str) -> ProblemApi:
    """The API of an app, described at `/<service>/api/openapi.json`."""
    options = {"info": {"description": title}, "servers": [{"url": "/"}], "extra_plugins": [FormsWithFiles()]}
    api = ProblemApi(app, spec_kwargs=options)
    # An exact decimal is text in JSON, which the default for decimals does not say.
    api.register_field(Credits, "string", "decimal")
    return api
