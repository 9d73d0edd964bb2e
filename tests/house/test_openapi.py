"""What the OpenAPI text promises is what happens: headers, sign-in, and the shape of errors and answers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from shared.auth import TokenSigner
from shared.service import make_runtime
from shared.settings import SERVICES, load_settings
from shared.web import build_app


@pytest.fixture(scope="module", params=SERVICES)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """One service's app, on a database that stays empty."""
    settings = load_settings({"XUEFEN_DATA": str(tmp_path_factory.mktemp("openapi"))})
    TokenSigner(settings.token_dir)
    return build_app(make_runtime(request.param, settings))


def operations(app: Flask) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of everything described."""
    for path, item in spec(app)["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "delete"):
                yield method, path, operation


def spec(app: Flask) -> dict[str, Any]:
    """The whole text."""
    described: dict[str, Any] = app.extensions["smorest_api"].spec.to_dict()
    return described


def headers(operation: dict[str, Any]) -> set[str]:
    """Names of the headers that must come."""
    return {p["name"] for p in operation.get("parameters", []) if p["in"] == "header" and p["required"]}


def test_every_post_names_its_key_unless_it_may_be_repeated(app: Flask) -> None:
    repeatable = {
        str(rule).replace("<", "{").replace(">", "}")
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "repeatable", None)
    }
    for method, path, operation in operations(app):
        assert ("Idempotency-Key" in headers(operation)) == (method == "post" and path not in repeatable), path


def test_whatever_needs_a_version_says_so(app: Flask) -> None:
    needing = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "/api/" in str(rule)
        and "expected_version()" in inspect.getsource(inspect.unwrap(app.view_functions[rule.endpoint]))
    }
    said = sum("If-Match" in headers(operation) for _, _, operation in operations(app))
    assert said == len(needing)


def test_everything_but_what_strangers_may_do_wants_a_token(app: Flask) -> None:
    for method, path, operation in operations(app):
        open_to_all = "anyone" in operation["x-allows"]
        assert (operation.get("security") == [{"bearer": []}]) != open_to_all, (method, path)


def test_errors_are_described_as_they_come(app: Flask) -> None:
    for name, response in spec(app)["components"]["responses"].items():
        content = response["content"]
        assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}, name


def test_no_field_is_anything(app: Flask) -> None:
    """A field without a type tells a client nothing."""
    vague = [
        f"{name}.{field}"
        for name, schema in spec(app)["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if not described.keys() & {"type", "$ref", "allOf", "anyOf", "oneOf", "enum"}
    ]
    assert not vague


def test_the_page_of_it_shows_every_operation(app: Flask, tmp_path: Path) -> None:
    name = app.extensions["xuefen"].service.name
    page = app.test_client().get(f"/{name}/api/").get_data(as_text=True)
    for _, path, _ in operations(app):
        assert path in page
    assert "None" not in page
