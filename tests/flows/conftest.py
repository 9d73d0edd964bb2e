"""Flows run against the whole system, both ways: the embedded process, and the processes of production."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.story import Story
from tests.running import System
from tests.servers import need_servers


@pytest.fixture(scope="session", params=["embedded", pytest.param("servers", marks=pytest.mark.servers)])
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    """A running system with the sample province; every test uses plans, projects and letters of its own."""
    if request.param == "servers":
        need_servers()
    running = System(request.param)
    try:
        yield running.start()
    finally:
        running.remove()


@pytest.fixture(scope="session")
def story(system: System) -> Iterator[Story]:
    """The people of the sample province at work in that system."""
    told = Story(system)
    yield told
    told.close()
