"""Every page that each sample role can reach by links: whole, quiet, usable by keyboard, and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import new_person
from tests.browser.desk import Desk
from tests.browser.life import live_in
from tests.running import System

WALKERS = ("county.donghu", "audit.donghu", "manager.donghu", "school.qingfeng", "teacher.li")
"""They follow every link that leads to another page."""
OTHERS = ("province", "manager.province", "district.nanchang", "county.jinxian", "school.qiaobei", "provider.ganjiang")
"""They go where their menu leads: the pages behind are those of the others."""
PUBLIC = (
    "/accounts/sign-in",
    "/accounts/letters/new",
    "/accounts/letters/status",
    "/accounts/letters/received/L2026-000001",
    "/plans/verify",
    "/credits/verify",
    *(f"/{service}/api/" for service in ("plans", "credits", "accounts")),
)
LEFT_OUT = re.compile(r"/attachments/|openapi\.json|\.(xlsx|pdf|zip)(\?|$)|^/accounts/letters/[^/]+/pages/")
"""Downloads and pictures; the main job has them."""
NARROW = 390
WALKED: set[tuple[str, str | None]] = set()
"""Pages with their main action that somebody has walked through by keyboard, and seen on a phone."""
TABS = 150
"""Presses of the tab key after which nobody looks for a button any more."""


@pytest.fixture(scope="module")
def lived_in() -> Iterator[System]:
    """A system of its own in which there is something on every page."""
    running = System("embedded")
    try:
        live_in(running.start().url)
        yield running
    finally:
        running.remove()


@pytest.mark.parametrize("username", WALKERS)
def test_every_page_of(username: str, lived_in: System, chromium: Browser) -> None:
    here = Desk(lived_in.url, new_person(chromium)).sign_in(username)
    waiting, seen, faults = ["/"], set[str](), dict[str, list[str]]()
    while waiting:
        address = waiting.pop(0)
        if shape(address) not in seen:
            seen.add(shape(address))
            faults[address] = look_at(here, address)
            waiting += links(here)
    here.context.close()
    assert {address: found for address, found in faults.items() if found} == {}
    assert len(seen) > 3, seen


@pytest.mark.parametrize("username", OTHERS)
def test_every_page_of_the_menu_of(username: str, lived_in: System, chromium: Browser) -> None:
    here = Desk(lived_in.url, new_person(chromium)).sign_in(username)
    menu = here.page.get_by_role("navigation", name="主导航").get_by_role("link")
    addresses = [link.get_attribute("href") or "" for link in menu.all()]
    faults = {address: look_at(here, address) for address in addresses}
    here.context.close()
    assert {address: found for address, found in faults.items() if found} == {}
    assert len(addresses) > 1, addresses


def test_every_page_for_strangers(lived_in: System, chromium: Browser) -> None:
    here = Desk(lived_in.url, new_person(chromium))
    faults = {address: look_at(here, address) for address in PUBLIC}
    here.context.close()
    assert {address: found for address, found in faults.items() if found} == {}


def shape(address: str) -> str:
    """Addresses of pages that differ only in which thing they show are one page."""
    parts = urlsplit(address)
    named = "/".join("*" if re.search(r"\d", part) else part for part in parts.path.split("/"))
    chosen = [f"{key}={values[0] if key == 'tab' else '*'}" for key, values in parse_qs(parts.query).items()]
    return named + "?" + "&".join(sorted(chosen))


def links(here: Desk) -> list[str]:
    """Where the links of the page lead, on this site."""
    found = here.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    inside = [str(href).removeprefix(here.url).split("#")[0] for href in found if str(href).startswith(here.url)]
    return [address for address in inside if not LEFT_OUT.search(address)]


def look_at(here: Desk, address: str) -> list[str]:
    """What is wrong with the page, once all its parts have arrived."""
    here.faults.clear()
    page = here.open(address)
    expect(page.locator(".xf-lazy-wait").filter(visible=True)).to_have_count(0)
    wrong = list(here.faults)
    if page.locator("html").get_attribute("lang") != "zh-CN":
        wrong.append("html lang")
    headings = page.locator("h1").all_inner_texts()
    if len(headings) != 1 or not headings[0].strip():
        wrong.append(f"h1: {headings}")
    if not re.match(r".+ · 学分 · ", page.title()):
        wrong.append(f"title: {page.title()}")
    if failed := page.locator(".xf-lazy-failed").filter(visible=True).all_inner_texts():
        wrong.append(f"parts that did not come: {failed}")
    wrong += page.evaluate(UNLABELLED)
    action = page.evaluate(MAIN_ACTION)
    # How it is laid out and walked through does not depend on who looks.
    if (shape(address), action) not in WALKED:
        WALKED.add((shape(address), action))
        wrong += [*by_keyboard(here, action), *on_a_phone(here)]
    return wrong


UNLABELLED = """() => [...document.querySelectorAll("main :is(input, select, textarea, button, a[href], img)")]
    .filter((e) => e.checkVisibility() && !(e.labels?.length || e.ariaLabel || e.alt || e.textContent.trim()))
    .map((e) => "without a name: " + e.outerHTML.slice(0, 120))"""
TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map((e) => e.tagName + "." + e.className).slice(0, 5)"""
MAIN_ACTION = """() => {
    const action = [...document.querySelectorAll("main .btn-primary, main .btn-success, main .xf-row-link")]
        .find((e) => e.checkVisibility() && !e.disabled);
    action?.setAttribute("data-main-action", "");
    return action ? action.textContent.trim() : null;
}"""
FOCUS_STYLE = "(s => s.outlineStyle + s.outlineWidth + s.boxShadow)(getComputedStyle(document.activeElement))"


def on_a_phone(here: Desk) -> list[str]:
    """Nothing is wider than the screen."""
    here.page.set_viewport_size({"width": NARROW, "height": 844})
    wide = here.page.evaluate("document.documentElement.scrollWidth") > NARROW
    found = [f"wider than a phone: {here.page.evaluate(TOO_WIDE)}"] if wide else []
    here.page.set_viewport_size({"width": 1280, "height": 900})
    return found


def by_keyboard(here: Desk, action: str | None) -> list[str]:
    """Skip link first, from there by tabs to the main action, with something to see where one is.

    Where a page begins in a field of its own, from there.
    """
    page = here.page
    if not page.locator("[autofocus]").count():
        page.evaluate("document.activeElement?.blur(); getSelection().setPosition(document.body, 0)")
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") != "xf-skip":
            return ["the first tab does not come to 跳到正文"]
        page.keyboard.press("Enter")
    if action is None:
        return []
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.hasAttribute('data-main-action')"):
            return [] if page.evaluate(FOCUS_STYLE) != "none0pxnone" else [f"no sign that {action} has the focus"]
    return [f"tabs do not come to {action}"]
