"""Somebody at a browser window: opens pages, fills forms, presses buttons, and notes what goes wrong.

What no page may do is noted whatever else the test looks at: an error in the console (a refusal by the content
security policy is one), a script that fails, a request to another host, an answer with 5xx.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Response, expect

from shared.client import wait_for
from shared.demo import PASSWORD
from tests.running import DATA

PATIENCE = 20_000
"""Milliseconds for anything to appear: machines may be busy."""


class Desk:
    """One person's browser with cookies of its own. `faults` is empty while all is well."""

    def __init__(self, url: str, context: BrowserContext) -> None:
        self.url, self.context = url, context
        self.faults: list[str] = []
        context.set_default_timeout(PATIENCE)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"script failed: {error.error}"))
        context.on("request", self._request)
        context.on("response", self._response)
        self.page = context.new_page()

    def window(self, page: Page | None = None) -> Desk:
        """Another window of the same person (`page`, where it is open already): the same cookies, the same faults."""
        other = copy(self)
        other.page = page or self.context.new_page()
        return other

    def open(self, path: str, status: int = 200) -> Page:
        """Goes to an address of the site, and expects that status."""
        response = self.page.goto(self.url + path)
        assert response is not None
        assert response.status == status, f"{path}: {response.status} {self.page.locator('h1').all_inner_texts()}"
        return self.page

    def sign_in(self, username: str, password: str = PASSWORD) -> Desk:
        """Signs in by the form and arrives at the home page."""
        self.open("/accounts/sign-in")
        self.type("账号", username)
        self.type("密码", password)
        self.press("登录")
        expect(self.page.locator(".xf-me-name")).to_be_visible()
        return self

    def type(self, label: str, value: str, where: Locator | None = None) -> None:
        """Types into the field of that label, or chooses from it. `where`: a part of the page."""
        field = self.field(label, where)
        if field.evaluate("element => element.tagName") == "SELECT":
            field.select_option(label=value)
        else:
            field.fill(value)

    def field(self, label: str, where: Locator | None = None) -> Locator:
        """The one visible field of that label, however the label marks that it is required."""
        return (
            (where or self.page)
            .get_by_label(re.compile(f"^\\s*{re.escape(label)}\\s*(必填)?\\s*$"))
            .filter(visible=True)
        )

    def attach(self, label: str, *names: str) -> None:
        """Chooses files of tests/data."""
        files: Sequence[Path] = [DATA / name for name in names]
        self.field(label).set_input_files(files)

    def press(self, label: str, confirm: str = "", where: Locator | None = None) -> None:
        """Presses a button or follows a link that looks like one; `confirm`: what to press in the dialog that asks."""
        pressed = (where or self.page).get_by_role("button", name=label, exact=True)
        link = (where or self.page).get_by_role("link", name=label, exact=True)
        pressed.or_(link).filter(visible=True).click()
        if confirm:
            dialog = self.page.locator("dialog#confirm")
            expect(dialog).to_be_visible()
            dialog.get_by_role("button", name=confirm, exact=True).click()

    def expect_said(self, sentence: str | re.Pattern[str]) -> None:
        """That the page says what has just happened."""
        expect(self.page.locator("#flashes")).to_contain_text(sentence)

    def expect_text(self, *texts: str | re.Pattern[str], where: str = "main") -> None:
        """That the page shows all these."""
        for text in texts:
            expect(self.page.locator(where)).to_contain_text(text)

    def row(self, text: str) -> Locator:
        """The rows of tables in which that stands."""
        return self.page.locator("tbody tr").filter(has_text=text)

    def until(self, found: Locator, count: int, seconds: float = 30) -> None:
        """Opens the page anew until it shows that so many times: what happens elsewhere does not push itself here."""

        def look() -> bool:
            self.page.reload()
            return found.count() == count

        wait_for(look, f"{count} of {found}", seconds)

    def _console(self, message: ConsoleMessage) -> None:
        # That an answer had a status of 4xx is for the test to judge, which expects some.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).scheme in ("http", "https", "ws", "wss") and not request.url.startswith(
            self.url + "/"
        ):
            self.faults.append(f"asked another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.faults.append(f"{response.status}: {response.url}")
