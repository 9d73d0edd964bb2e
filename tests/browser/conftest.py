"""A running system, Chromium, and desks at which persons sit. Without Chromium all is left out, loudly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import need_chromium, new_person, open_chromium
from tests.browser.desk import PATIENCE, Desk
from tests.flows.story import Story
from tests.running import System
from tests.servers import need_servers

OpenDesk = Callable[..., Desk]
both_ways = pytest.mark.parametrize(
    "system", ["embedded", pytest.param("servers", marks=pytest.mark.servers)], indirect=True
)
"""Also against the processes of production: what one service tells the others through the broker."""


@pytest.fixture(scope="package", params=["embedded"])
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    """A running system with the sample province; every test uses plans, projects and letters of its own."""
    need_chromium()
    if request.param == "servers":
        need_servers()
    running = System(request.param)
    try:
        yield running.start()
    finally:
        running.remove()


@pytest.fixture(scope="package")
def story(system: System) -> Iterator[Story]:
    """The people of that system at work without a browser: what lies before the page that a test is about."""
    told = Story(system)
    yield told
    told.close()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all; each desk has its own cookies."""
    expect.set_options(timeout=PATIENCE)
    with open_chromium() as browser:
        yield browser


@pytest.fixture
def desk(system: System, chromium: Browser) -> Iterator[OpenDesk]:
    """Opens a desk, for a stranger or for a sample person who signs in; at the end no desk may have noted a fault."""
    opened: list[Desk] = []

    def sit(username: str | None = None, *, phone: bool = False) -> Desk:
        here = Desk(system.url, new_person(chromium, phone=phone))
        opened.append(here)
        return here.sign_in(username) if username else here

    yield sit
    for here in opened:
        here.context.close()
    assert [fault for here in opened for fault in here.faults] == []
