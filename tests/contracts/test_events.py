"""Every event as it was once published must load for ever, and today's message must still say all that it said."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from shared.events import REGISTRY, Event
from shared.migrations import ROOT
from shared.service import load_service
from shared.settings import SERVICES
from tests.contracts.make_samples import SAMPLES, example

STORED = sorted(SAMPLES.glob("*.json"))


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_event_has_a_stored_sample(name: str) -> None:
    assert (SAMPLES / f"{name}.json").exists(), f"{name} has no sample: run `make event-sample` and commit the file"


@pytest.mark.parametrize("path", STORED, ids=lambda p: p.stem)
def test_every_message_ever_stored_still_loads(path: Path) -> None:
    payload = json.loads(path.read_text())
    event = REGISTRY[path.stem].load(payload)
    assert event.dump().keys() >= payload.keys(), "a field that was promised is gone"
    assert _shape(event.dump()) >= _shape(payload)


@pytest.mark.parametrize("path", STORED, ids=lambda p: p.stem)
def test_unknown_fields_are_skipped(path: Path) -> None:
    payload = json.loads(path.read_text()) | {"a_field_of_next_year": 1}
    REGISTRY[path.stem].load(payload)


def test_r25_a_project_of_before_the_programme_has_none() -> None:
    for name in ("plans.results_audited.v1", "plans.results_in_publicity.v1", "plans.project_corrected.v1"):
        payload = json.loads((SAMPLES / f"{name}.json").read_text())
        assert "programme" not in payload["project"], "samples are messages as they once were: they stay"
        assert REGISTRY[name].load(payload).dump()["project"]["programme"] is None


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_message_survives_the_journey(name: str) -> None:
    event = example(REGISTRY[name], name)
    assert REGISTRY[name].load(json.loads(json.dumps(event.dump()))) == event


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_name_says_owner_and_version(name: str) -> None:
    owner, what, version = name.split(".")
    assert owner in SERVICES
    assert what
    assert version[0] == "v"
    assert version[1:].isdigit()
    assert _owner(REGISTRY[name]) == owner


def test_every_event_has_a_listener_or_says_why_not() -> None:
    heard = {event for service in SERVICES for event in load_service(service).handlers}
    for name, event in REGISTRY.items():
        assert event in heard or "No listener:" in (event.__doc__ or ""), f"nobody listens to {name}"


def test_only_the_owner_publishes() -> None:
    for service in SERVICES:
        own = {event.__name__ for event in REGISTRY.values() if _owner(event) == service}
        every = {event.__name__ for event in REGISTRY.values()}
        for path in (ROOT / "services" / service).rglob("*.py"):
            for made in _constructed(path) & every:
                assert made in own, f"{path} makes {made}, which is not {service}'s to publish"


def _owner(event: type[Event]) -> str:
    """Whose module it stands in: `plans`, `plans_claims`, …"""
    return event.__module__.removeprefix("shared.events.").partition("_")[0]


def _constructed(path: Path) -> set[str]:
    """Names that are called in a file: constructing an event is a call."""
    tree = ast.parse(path.read_text())
    return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def _shape(value: Any, prefix: str = "") -> set[str]:
    """Paths of all fields in a message."""
    if isinstance(value, dict):
        return {p for k, v in value.items() for p in _shape(v, f"{prefix}.{k}")}
    if isinstance(value, list):
        return {p for v in value for p in _shape(v, f"{prefix}[]")}
    return {prefix}
