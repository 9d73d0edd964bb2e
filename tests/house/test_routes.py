"""Every address says who may call it, and every POST says how often it counts: deny by default, held by a test."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.routing import IntegerConverter

from shared.actors import Office
from shared.service import make_runtime
from shared.settings import SERVICES, load_settings
from shared.web import ANYONE, PUBLIC_ENDPOINTS, SIGNED_IN, build_app


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Flask]:
    """The three apps as they are served; nothing is called, so their databases stay empty."""
    from shared.auth import TokenSigner

    settings = load_settings({"XUEFEN_DATA": str(tmp_path_factory.mktemp("routes"))})
    TokenSigner(settings.token_dir)
    return {name: build_app(make_runtime(name, settings)) for name in SERVICES}


def _routes(app: Flask) -> Iterator[tuple[str, set[str], Callable[..., Any]]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in PUBLIC_ENDPOINTS:
            yield str(rule), set(rule.methods or ()), app.view_functions[rule.endpoint]


@pytest.mark.parametrize("service", SERVICES)
def test_every_view_says_who_may_call_it(service: str, apps: dict[str, Flask]) -> None:
    silent = [rule for rule, _, view in _routes(apps[service]) if not getattr(view, "allows", None)]
    assert not silent, f"these have no @allow(…), so nobody can call them: {silent}"
    for rule, _, view in _routes(apps[service]):
        strange = [w for w in view.allows if w not in (ANYONE, SIGNED_IN) and not isinstance(w, Office)]  # type: ignore[attr-defined]
        assert not strange, f"{rule} allows {strange}, which is no office"


@pytest.mark.parametrize("service", SERVICES)
def test_every_address_is_under_its_service(service: str, apps: dict[str, Flask]) -> None:
    """The gateway sends by the first part of the path; accounts alone has what is left."""
    elsewhere = [rule for rule, _, _ in _routes(apps[service]) if not rule.startswith(f"/{service}/")]
    if service == "accounts":
        others = tuple(f"/{name}/" for name in SERVICES if name != service)
        assert not [rule for rule in elsewhere if rule.startswith(others)]
    else:
        assert not elsewhere


@pytest.mark.parametrize("service", SERVICES)
def test_every_post_counts_once_or_says_why_it_may_be_repeated(service: str, apps: dict[str, Flask]) -> None:
    careless = [
        rule
        for rule, methods, view in _routes(apps[service])
        if "POST" in methods and not getattr(view, "repeatable", None) and not _calls_once(inspect.unwrap(view))
    ]
    assert not careless, f"neither `with once()` nor @repeatable(reason): {careless}"


@cache
def _calls_once(view: Callable[..., Any]) -> bool:
    """Whether the view opens `once()`, itself or through functions of its own module."""
    module = ast.parse(Path(inspect.getsourcefile(view) or "").read_text())
    functions = {node.name: _names_called(node) for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
    seen: set[str] = set()
    waiting = _names_called(_tree(view))
    while waiting:
        seen |= waiting
        waiting = set().union(*(functions.get(name, set()) for name in waiting)) - seen
    return "once" in seen


def _tree(function: Callable[..., Any]) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _names_called(tree: ast.AST) -> set[str]:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {f.id for f in calls if isinstance(f, ast.Name)} | {f.attr for f in calls if isinstance(f, ast.Attribute)}


@pytest.mark.parametrize("service", SERVICES)
def test_openapi_is_valid_and_says_who(service: str, apps: dict[str, Flask]) -> None:
    spec = apps[service].extensions["smorest_api"].spec.to_dict()
    OpenAPIV31SpecValidator(spec).validate()
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, item in spec["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    assert operations
    assert not [name for name, operation in operations if not operation.get("x-allows")]
    assert not [name for name, operation in operations if not operation.get("summary")]


@pytest.mark.parametrize("service", SERVICES)
def test_every_post_refuses_unknown_fields(service: str, apps: dict[str, Flask]) -> None:
    """Also where there is nothing to send: a misspelt field that is ignored is a change nobody asked for."""
    spec = apps[service].extensions["smorest_api"].spec.to_dict()
    schemas = spec.get("components", {}).get("schemas", {})
    careless = []
    for path, item in spec["paths"].items():
        content = item.get("post", {}).get("requestBody", {}).get("content", {})
        if "post" not in item or "multipart/form-data" in content:
            continue
        schema = content.get("application/json", {}).get("schema", {})
        named = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
        if named.get("additionalProperties") is not False:
            careless.append(path)
    assert not careless, f"no @blp.arguments(…) with a schema that refuses what it does not know: {careless}"


@pytest.mark.parametrize("service", SERVICES)
def test_reading_needs_no_key_and_changing_is_no_get(service: str, apps: dict[str, Flask]) -> None:
    """A link or a picture in somebody's mail must not change anything: no GET opens a change."""
    changing = [
        rule
        for rule, methods, view in _routes(apps[service])
        if methods <= {"GET", "HEAD", "OPTIONS"}
        and {"once", "transaction"} & _names_called(_tree(inspect.unwrap(view)))
    ]
    assert not changing, changing


@pytest.mark.parametrize("service", SERVICES)
def test_a_number_that_no_database_takes_is_not_there(service: str, apps: dict[str, Flask]) -> None:
    numbered = [rule for rule in apps[service].url_map.iter_rules() if "<int:" in str(rule)]
    assert numbered
    for rule in numbered:
        (name, converter), *_ = [(n, c) for n, c in rule._converters.items() if isinstance(c, IntegerConverter)]
        assert converter.max == 2**63 - 1, (str(rule), name)
