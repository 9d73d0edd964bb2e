"""Finds Debian's Chromium and opens it for a test: headless, Chinese, in an empty profile, without calls home."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--no-sandbox",  # tests run as root in CI; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str | None:
    """The program: `XUEFEN_CHROMIUM`, or what is installed; None where there is none."""
    given = os.environ.get("XUEFEN_CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


def need_chromium() -> str:
    """The program. Leaves the test out where there is none, or fails it with `XUEFEN_REQUIRE_CHROMIUM=1`."""
    path = chromium_path()
    if path is None:
        reason = "no Chromium (apt-get install chromium, or XUEFEN_CHROMIUM)"
        if os.environ.get("XUEFEN_REQUIRE_CHROMIUM") == "1":
            pytest.fail(f"required, but {reason}")
        pytest.skip(f"LEFT OUT: {reason}")
    return path


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """A running browser; each person is a context of their own (`new_person`)."""
    path = need_chromium()
    with sync_playwright() as playwright:
        # LANGUAGE chooses the browser's own words, as in file fields, where chromium-l10n is installed.
        environment: dict[str, str | float | bool] = {**os.environ, "LANGUAGE": "zh_CN"}
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS), env=environment)
        try:
            yield browser
        finally:
            browser.close()


def new_person(browser: Browser, *, phone: bool = False) -> BrowserContext:
    """A person with cookies of their own, at a desk or on a phone, in China."""
    size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 900}
    return browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        has_touch=phone,
        is_mobile=phone,
    )
