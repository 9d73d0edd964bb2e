"""What a request may carry: what is too large, no JSON, no text or no version is the caller's fault and is told so."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from shared.errors import Invalid
from shared.parsing import BODY_LIMIT, require_text
from shared.web import UPLOAD_LIMIT
from tests.shared.kernel import REVIEWER, TEACHER, Site
from tests.shared.site import CHINESE, DEEDS, deeds, hidden, open_site, problem


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """The service on SQLite."""
    with open_site("sqlite", request, tmp_path) as opened:
        yield opened


@pytest.fixture
def client(site: Site) -> FlaskClient:
    """Somebody at the other end."""
    return site.app.test_client()


def big(megabytes: float) -> bytes:
    """So much text in quotes."""
    return b'{"name": "' + b"x" * int(megabytes * 1024 * 1024) + b'"}'


class TestWhatIsSent:
    def post(self, site: Site, body: bytes, content_type: str = "application/json", **headers: str) -> TestResponse:
        """Posts to the one address that needs neither sign-in nor key."""
        return site.app.test_client().post(
            "/plans/api/v1/sessions", data=body, content_type=content_type, headers=headers
        )

    def test_a_body_that_is_too_large_is_refused_unread(self, site: Site) -> None:
        assert self.post(site, big(0.9)).status_code == 200
        detail = problem(self.post(site, big(1.1)), 413)["detail"]
        assert "1 MB" in detail
        assert "20 MB" in detail
        assert BODY_LIMIT < UPLOAD_LIMIT

    @pytest.mark.parametrize(
        "body",
        [b"{", b"", b'{"name": "\xff"}', b"[" * 100_000, b'{"name": ' * 100_000, b'{"name": ' + b"1" * 5000 + b"}",
         b"nonsense", b'{"name": "a"} {"name": "b"}', b"\xef\xbb\xbf{}"],
        ids=lambda body: ascii(body[:12]),
    )  # fmt: skip
    def test_what_is_no_json(self, site: Site, body: bytes) -> None:
        answer = self.post(site, body)
        if not body:
            assert problem(answer, 422)["errors"] == [{"field": "name", "pointer": "#/name", "detail": "必填。"}]
            return
        (error,) = problem(answer, 400)["errors"]
        assert error == {"field": "", "pointer": "#", "detail": "不是有效的 JSON（UTF-8 编码）。"}

    @pytest.mark.parametrize("body", [b"[]", b'"x"', b"7", b"null"])
    def test_json_that_is_no_object(self, site: Site, body: bytes) -> None:
        (error,) = problem(self.post(site, body), 422)["errors"]
        assert (error["field"], error["pointer"]) == ("", "#")
        assert CHINESE.search(error["detail"])

    @pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml"])
    def test_what_is_not_said_to_be_json_is_not_read_as_nothing(self, site: Site, content_type: str) -> None:
        assert "application/json" in problem(self.post(site, b'{"name": "x"}', content_type), 415)["detail"]

    def test_an_unknown_field_is_named(self, site: Site) -> None:
        errors = problem(self.post(site, b'{"name": "x", "a.b": 1, "c/d~e": 2}'), 422)["errors"]
        assert sorted((e["field"], e["pointer"]) for e in errors) == [("a.b", "#/a/b"), ("c/d~e", "#/c~1d~0e")]
        assert {e["detail"] for e in errors} == {"没有这个字段，请删除或核对名称。"}

    @pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff"])
    def test_characters_that_no_database_keeps(self, site: Site, text: str) -> None:
        for body in ({"name": text}, {text: "x"}, {"name": [[{"deep": text}]]}):
            assert "无法保存的字符" in problem(self.post(site, json.dumps(body).encode()), 422)["detail"]
        assert self.post(site, json.dumps({"name": "\\u0000 is only text 𠮷"}).encode()).status_code == 200

    def test_nor_in_addresses_queries_and_forms(self, site: Site, client: FlaskClient) -> None:
        headers = site.bearer(TEACHER)
        problem(client.get(DEEDS + "/a%00b", headers=headers), 422)
        problem(client.get(DEEDS + "/a?cursor=%00", headers=headers), 422)
        assert client.get(DEEDS + "/%ed%a0%80?x=%ff", headers=headers).status_code == 200, "replaced, as browsers do"
        token = hidden(client.get("/plans/open").text, "csrf_token")
        answer = client.post("/plans/open", data={"csrf_token": token, "name": "a\0b"})
        assert answer.status_code == 422
        assert "无法保存的字符" in answer.text

    @settings(deadline=None)
    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=4), lambda inner: st.lists(inner)))
    def test_python_and_json_agree_on_what_may_be_sent(self, value: Any) -> None:
        """Whatever JSON there is, it is never a fault of ours."""
        try:
            require_text(json.loads(json.dumps(value)))
        except Invalid:
            assert "\\u0000" in json.dumps(value)

    @pytest.mark.parametrize(
        ("tag", "version"),
        [('"3"', 3), ('W/"3"', 3), ("3", 3), (' "3" ', 3), ('"999999999"', 999999999),
         ("", None), ("*", None), ('"3", "4"', None), ('"-3"', None), ('"3.0"', None), ('"²"', None), ('"x3"', None),
         ('"9999999999"', None), ("9" * 5000, None), ('W/"W/"3', None), ('"３"'.encode().decode("latin-1"), None)],
    )  # fmt: skip
    def test_the_version_that_was_seen(self, site: Site, tag: str, version: int | None) -> None:
        headers = {**site.bearer(REVIEWER), "If-Match": tag}
        answer = site.app.test_client().put(DEEDS + "/x", json={"name": "x"}, headers=headers)
        if version is None:
            assert "If-Match" in problem(answer, 428)["detail"]
        assert deeds(site.run.database) == ([] if version is None else [f"x at {version}"])

    def test_a_file_over_the_limit(self, site: Site, client: FlaskClient) -> None:
        sent = io.BytesIO(b"--b\r\n" + b"x" * 1000)
        answer = client.post(
            "/plans/api/v1/letters",
            input_stream=sent,
            content_type="multipart/form-data; boundary=b",
            headers={"Idempotency-Key": "k"},
            environ_overrides={"CONTENT_LENGTH": str(UPLOAD_LIMIT * 2)},
        )
        problem(answer, 413)
        assert sent.tell() == 0, "refused by its length, before a byte of it was read"
