"""A person at a keyboard, seen from outside: signs in and calls the API over HTTP. Used by the demonstration and tests.

Knows nothing of what is inside the services; every POST carries an `Idempotency-Key`, so a call whose answer was lost
may simply be made again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


class Refused(Exception):
    """The answer was an error: a problem with a status and a Chinese sentence."""

    def __init__(self, response: httpx.Response) -> None:
        try:
            self.problem: dict[str, Any] = response.json()
        except ValueError:
            self.problem = {"detail": response.text[:300]}
        self.status = response.status_code
        self.detail: str = self.problem.get("detail", "")
        super().__init__(f"{response.request.method} {response.request.url.path}: {self.status} {self.detail}")

    @property
    def fields(self) -> dict[str, list[str]]:
        """Field -> sentences."""
        found: dict[str, list[str]] = {}
        for error in self.problem.get("errors", []):
            found.setdefault(error.get("field", ""), []).append(error.get("detail", ""))
        return found


class Person:
    """Somebody who works with the system; before `sign_in`, a stranger."""

    def __init__(self, url: str, *, key_seed: str | None = None, timeout: float = 30.0) -> None:
        self.http = httpx.Client(base_url=url, timeout=timeout)
        self.account: dict[str, Any] = {}
        self._seed = key_seed

    def sign_in(self, username: str, password: str) -> Person:
        """Signs in; raises `Refused` when that fails."""
        answer = self.post("/accounts/api/v1/sessions", {"username": username, "password": password})
        self.http.headers["Authorization"] = f"Bearer {answer['token']}"
        self.account = answer["account"]
        return self

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at `path`."""
        return self._answer(self.http.get(path, params={k: v for k, v in query.items() if v is not None}))

    def all(self, path: str, **query: Any) -> list[Any]:
        """All items of a list, page after page."""
        items: list[Any] = []
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, limit=200, **query)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        step: str | None = None,
        version: int | None = None,
        files: dict[str, Any] | None = None,
        form: dict[str, str] | None = None,
        **query: Any,
    ) -> Any:
        """Sends a change. `step` names it within a seeded run, so that a repetition has the same key."""
        key = str(uuid.uuid5(uuid.UUID(self._seed), step)) if step and self._seed else str(uuid.uuid4())
        headers = {"Idempotency-Key": key}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        if files is None and form is None:
            response = self.http.post(path, json=body if body is not None else {}, headers=headers, params=query)
        else:
            response = self.http.post(path, data=form, files=files, headers=headers, params=query)
        return self._answer(response)

    def put(self, path: str, body: Any, *, version: int) -> Any:
        """Replaces something whose version the caller has seen."""
        return self._answer(self.http.put(path, json=body, headers={"If-Match": f'"{version}"'}))

    def download(self, path: str) -> httpx.Response:
        """The bytes at `path`."""
        response = self.http.get(path)
        if response.is_error:
            raise Refused(response)
        return response

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        if response.is_error:
            raise Refused(response)
        return response.json() if response.content else None


def wait_for(look: Callable[[], T | None], what: str, seconds: float = 30.0) -> T:
    """Looks until there is something (not None or False); raises `TimeoutError` that says what never came."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
